/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * node.c - the daemon's start, life and end. Contract in node.h.
 *
 * The start is a list of steps; each finds what the ones before it made, or, with io = socket, did not make, and
 * leaves the node in a state that node_stop() can undo. Nothing waits: servers count as up until their first
 * probe says otherwise, next hops are resolved as they come, so the first answer is as old as the process.
 */
#include "node/node.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "dataplane/cache.h"
#include "dataplane/handover.h"
#include "dataplane/limit.h"
#include "dataplane/neigh.h"
#include "dataplane/steer.h"
#include "dataplane/upstream.h"
#include "dataplane/xsk.h"
#include "node/cachectl.h"
#include "node/clients.h"
#include "node/commands.h"
#include "node/config.h"
#include "node/control.h"
#include "node/guard.h"
#include "node/hooks.h"
#include "node/hello.h"
#include "node/hellostatus.h"
#include "node/notify.h"
#include "node/portrange.h"
#include "node/privs.h"
#include "node/reload.h"
#include "node/runner.h"
#include "node/selfcheck.h"
#include "node/snapshot.h"
#include "node/track.h"
#include "node/trackconf.h"
#include "node/vrrp.h"

enum {
	RECLAIM_MS = 100,
	HANDOVER_SLOTS = 256,
	FRAME_SIZE_MAX = 4096,
	SOURCE_PORTS_LOG2_MAX = 14,	/* with 16 bits of id: the permutation's 30 */
	HOOKS_MS = 1000,		/* at the end, for those that it has caused */
};

static bool is_socket_mode(const struct node *node)
{
	return node->config->io == CONFIG_IO_SOCKET;
}

static unsigned log2_floor(uint32_t n)
{
	return 31 - (unsigned)__builtin_clz(n);
}

static unsigned log2_ceil(uint32_t n)
{
	return n > 1 ? log2_floor(n - 1) + 1 : 0;
}

/* ---- the loop's own callbacks ---- */

static void on_signal(struct loop_fd *self, uint32_t events)
{
	struct node *node = (struct node *)((char *)self - offsetof(struct node, signals));
	struct signalfd_siginfo info;

	(void)events;
	if (read(self->fd, &info, sizeof(info)) != sizeof(info))
		return;
	log_info("signal %u (%s)", info.ssi_signo, strsignal((int)info.ssi_signo));
	if (info.ssi_signo == SIGHUP)
		reload_request(node->reload);
	else
		loop_stop(&node->loop);
}

static void on_log(struct loop_fd *self, uint32_t events)
{
	(void)self;
	(void)events;
	log_drain(STDERR_FILENO);
}

static void on_reclaim(struct loop_timer *timer, uint64_t now_ns)
{
	struct node *node = (struct node *)((char *)timer - offsetof(struct node, reclaim));

	log_drain(STDERR_FILENO);		/* what it did not take when it rang */
	if (!reload_preparing(node->reload))
		epoch_reclaim(&node->shared.epoch);
	loop_timer_start(&node->loop, timer, now_ns + RECLAIM_MS * CLOCK_NS_PER_MS);
}

/* Half way to the watchdog's limit. A hung worker keeps it unfed; a dead pool does not. */
static void on_watchdog(struct loop_timer *timer, uint64_t now_ns)
{
	struct node *node = (struct node *)((char *)timer - offsetof(struct node, watchdog));

	if (selfcheck_workers_move(node->selfcheck))
		notify_watchdog();
	loop_timer_start(&node->loop, timer, now_ns + node->watchdog_ns / 2);
}

static void on_next_hops(void *context, struct dp_next_hops *table)
{
	struct node *node = context;
	struct dp_next_hops *old = atomic_exchange(&node->shared.next_hops, table);

	if (old && epoch_retire(&node->shared.epoch, free, old))
		log_error("no memory: an old table of next hops is never freed");
}

/*
 * A device that was taken away has taken the filter and the sockets with it, and one that comes in its place is another
 * one. Whoever started us starts us again, and that succeeds when there is a device.
 */
static bool is_gone(struct node *node, const struct dp_port *port)
{
	char name[IF_NAMESIZE];

	if (if_indextoname(port->ifindex, name))
		return false;
	if (!node->lost)
		log_error("interface %s has been taken away: the end, to be started anew", port->name);
	node->lost = -ENODEV;
	loop_stop(&node->loop);
	return true;
}

static void on_link(void *context)
{
	struct node *node = context;

	for (unsigned i = 0; i < node->shared.ports; i++) {
		int err = dp_port_refresh(&node->port[i]);

		if (err && !is_gone(node, &node->port[i]))
			log_warning("interface %s: %s", node->port[i].name, strerror(-err));
	}
	if (node->selfcheck)
		selfcheck_link_changed(node->selfcheck);
}

/* ---- steps of the start ---- */

static int fail(char *error, size_t size, const char *what, int err)
{
	snprintf(error, size, "%s: %s", what, strerror(-err));
	return err;
}

static int open_signals(struct node *node)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);		/* inherited by every thread */
	node->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (node->signals.fd < 0)
		return -errno;
	node->signals.on_ready = on_signal;
	return loop_fd_add(&node->loop, &node->signals, EPOLLIN);
}

/* First of all: it inherits what there is. */
static int start_guard(struct node *node, char *error, size_t size)
{
	return node->config->n_vrrp ? guard_start(&node->guard, error, size) : 0;
}

/* Second: commands may come with any reload. */
static int start_runner(struct node *node, char *error, size_t size)
{
	return node->config->n_vrrp ? runner_start(&node->runner, error, size) : 0;
}

static int start_loop(struct node *node, char *error, size_t size)
{
	int err = loop_init(&node->loop);

	if (err) {
		node->loop.epoll_fd = -1;
		return fail(error, size, "event loop", err);
	}
	log_set_level((enum log_level)node->config->log_level);
	node->log = (struct loop_fd){ .fd = log_event_fd(), .on_ready = on_log };
	err = health_init(&node->health);
	if (!err)
		err = loop_fd_add(&node->loop, &node->log, EPOLLIN);
	if (!err)
		err = open_signals(node);
	return err ? fail(error, size, "event loop", err) : 0;
}

static int check_system(struct node *node, char *error, size_t size)
{
	const struct config *config = node->config;

	privs_log_missing();
	if (is_socket_mode(node))
		return 0;
	return portrange_check(config->source_port_first, config->source_port_count, error, size);
}

static unsigned count_cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

/* As many as every port has queues (sockets have none), and no more than there are cores. */
static unsigned choose_workers(const struct node *node)
{
	unsigned workers = count_cores();

	if (node->config->workers)
		return node->config->workers;
	for (unsigned i = 0; i < node->shared.ports; i++)
		if (node->port[i].queues < workers)
			workers = node->port[i].queues;
	return workers < DP_WORKERS_MAX ? workers : DP_WORKERS_MAX;
}

static void divide_source_ports(struct node *node)
{
	const struct config *config = node->config;
	unsigned share_log2 = log2_floor(config->source_port_count) - log2_ceil(node->shared.workers);

	node->shared.source_port_base = (uint16_t)config->source_port_first;
	node->shared.source_ports_log2 = share_log2 < SOURCE_PORTS_LOG2_MAX ? share_log2
									   : SOURCE_PORTS_LOG2_MAX;
}

/* No fault: the kernel answers them. But an operator who has set a large MTU should know. */
static void note_mtu(const struct dp_port *port, unsigned frame_size)
{
	unsigned longest = port->mtu + DP_ETHERNET_MAX, room = frame_size - DP_XSK_HEADROOM;

	if (longest > room)
		log_info("%s: MTU %u: frames over %u octets take the kernel's way%s", port->name, port->mtu, room,
			 frame_size < FRAME_SIZE_MAX ? "; xdp.frame_size = 4096 takes longer ones" : "");
}

static int open_ports(struct node *node, char *error, size_t size)
{
	const struct config *config = node->config;
	unsigned wanted = config->workers ? config->workers : 1;

	if (is_socket_mode(node)) {
		node->shared.workers = choose_workers(node);
		node->config->udp_sockets = node->shared.workers;
		return 0;
	}
	for (size_t i = 0; i < config->n_interfaces; i++) {
		struct dp_port *port = &node->port[i];
		int err;

		port->vlan = (uint16_t)config->interfaces[i].vlan;
		err = dp_port_probe(port, config->interfaces[i].name,
				    (enum dp_side)config->interfaces[i].side, wanted, error, size);
		if (err)
			return err;
		note_mtu(port, config->frame_size);
		port->index = (unsigned)i;
		node->shared.port[i] = port;
		node->shared.ports++;
	}
	node->shared.workers = choose_workers(node);
	node->shared.trust_checksums = config->checksums == CONFIG_CHECKSUMS_TRUST;
	divide_source_ports(node);
	return 0;
}

static int open_filter(struct node *node, char *error, size_t size)
{
	int err;

	node->shared.leases = &node->no_leases;
	if (is_socket_mode(node))
		return 0;
	err = steer_open(&node->steer, error, size);
	if (err)
		return err;
	node->shared.leases = steer_leases(node->steer);
	steer_set_frame_limit(node->steer, node->config->frame_size - DP_XSK_HEADROOM);
	return 0;
}

static void on_transition(void *context, const struct vrrp_conf *router, const struct node_vrrp_event *event)
{
	struct node *node = context;

	hooks_run(node->hooks, router, event);
}

/* The leases must be known before a worker runs. */
static int open_vrrp(struct node *node, char *error, size_t size)
{
	const struct node_vrrp_parts parts = {
		.loop = &node->loop,
		.health = &node->health,
		.steer = node->steer,
		.guard = node->guard,
		.on_transition = on_transition,
		.context = node,
	};
	int err;

	if (!node->config->n_vrrp)
		return 0;
	err = trackconf_check_links(node->config, error, size);
	if (err)
		return err;
	err = node_vrrp_open(&node->vrrp, &parts, node->config, error, size);
	if (!err)
		node->shared.leases = node_vrrp_leases(node->vrrp);
	return err;
}

static int build_snapshot(struct node *node, char *error, size_t size)
{
	struct dp_conf *conf = NULL;
	int err = config_build(node->config, NULL, &node->registry, node->started_ns, &conf, error,
			       size);

	if (!err)
		err = snapshot_commit(node, conf, error, size);
	if (err)
		snapshot_discard(node, conf);
	return err;
}

/* Whoever is denied is so from the first frame on. */
static int open_clients(struct node *node, char *error, size_t size)
{
	int err = dp_limit_open(&node->shared.limit, node->config->limit_memory);

	if (err)
		return fail(error, size, "limit.memory", err);
	err = clients_open(&node->clients, node);
	return err ? fail(error, size, "clients", err) : 0;
}

static int attach_filter(struct node *node, char *error, size_t size)
{
	for (unsigned i = 0; i < node->shared.ports; i++) {
		struct dp_port *port = &node->port[i];
		int err;

		steer_set_vlan(node->steer, i, port->vlan);
		err = steer_attach(node->steer, i, port->ifindex, (enum steer_mode)node->config->xdp_mode,
				   &port->mode, error, size);
		if (!err)
			err = dp_port_count_queues(port, node->shared.workers, error, size);
		if (err)
			return err;
	}
	return 0;
}

/* What was obtained is not always what was asked for, and explains most of what a node can do. */
static void log_ports(const struct node *node)
{
	for (unsigned i = 0; i < node->shared.ports; i++) {
		const struct dp_port *port = &node->port[i];

		log_info("%s: filter in %s mode, %s, %u queues, VLAN %u, MTU %u", port->name,
			 steer_mode_name(port->mode), port->zero_copy ? "zero-copy" : "copy mode", port->queues,
			 port->vlan, port->mtu);
	}
}

static int open_umem(struct node *node, char *error, size_t size)
{
	const struct dp_xsk_conf conf = {
		.frame_size = node->config->frame_size,
		.ring_size = node->config->ring_size,
		.copy = (enum dp_copy)node->config->copy,
		.busy_poll_us = node->config->busy_poll_us,
	};

	int err;

	if (is_socket_mode(node))
		return 0;
	err = dp_umem_open(&node->umem, node->steer, node->shared.port, node->shared.ports, node->shared.workers, &conf,
			   error, size);
	if (!err)
		log_ports(node);
	return err;
}

static int open_cache(struct node *node, char *error, size_t size)
{
	const struct dp_cache_conf conf = {
		.memory = node->config->cache_memory,
		.prefault = node->config->cache_prefault,
		.epoch = &node->shared.epoch,
		.writers = node->shared.workers + 1,
	};

	return conf.memory ? dp_cache_open(&node->shared.cache, &conf, error, size) : 0;
}

static bool make_worker(struct node *node, unsigned index, unsigned ports_log2)
{
	struct dp_worker *worker = dp_worker_new(&node->shared, index, log2_floor(node->config->inflight),
						 ports_log2);

	node->shared.worker[index] = worker;
	if (worker && index < node->config->cpus.n)
		worker->cpu = (int)node->config->cpus.item[index];
	return worker;
}

static bool make_handover(struct node *node, unsigned from)
{
	for (unsigned to = 0; to < node->shared.workers; to++) {
		if (to == from)
			continue;
		node->shared.handover[from][to] = dp_handover_new(HANDOVER_SLOTS);
		if (!node->shared.handover[from][to])
			return false;
	}
	return true;
}

static int make_workers(struct node *node, char *error, size_t size)
{
	bool sockets = is_socket_mode(node), made = true;

	for (unsigned i = 0; made && i < node->shared.workers; i++)
		made = sockets ? make_worker(node, i, DP_UPSTREAM_PORTS_LOG2) :
				 make_worker(node, i, node->shared.source_ports_log2) && make_handover(node, i);
	made = made && make_worker(node, DP_STREAM, DP_UPSTREAM_PORTS_LOG2);
	return made ? 0 : fail(error, size, "workers", -ENOMEM);
}

static int follow_servers(struct node *node, char *error, size_t size)
{
	int err;

	if (!is_socket_mode(node)) {
		err = neigh_open(&node->neigh, &node->loop, node->shared.port, node->shared.ports,
				 on_next_hops, on_link, node);
		if (err)
			return fail(error, size, "routes and neighbours (netlink)", err);
	}
	snapshot_follow_servers(node);
	return 0;
}

/* For ps and top. */
static void name_thread(const struct dp_worker *worker)
{
	char name[16];

	if (worker->index == DP_STREAM)
		snprintf(name, sizeof(name), "stream");
	else
		snprintf(name, sizeof(name), "worker %u", worker->index % DP_WORKERS_MAX);
	pthread_setname_np(worker->thread, name);
}

/* Running out of stack is a fatal signal too, and its handler needs room. */
static void begin_guarded_thread(void)
{
	guard_thread_stack();
	privs_drop_all();
}

static int start_worker(struct node *node, unsigned index)
{
	struct dp_worker *worker = node->shared.worker[index];

	if (is_socket_mode(node))
		return dp_stream_start(worker, (struct dp_stream_share){ .udp = (int)index });
	return dp_worker_start(worker, dp_umem_rings(node->umem, index));
}

static int start_workers(struct node *node, char *error, size_t size)
{
	struct dp_stream_share rest = { .udp = is_socket_mode(node) ? -1 : 0, .tcp = true };
	int err;

	node->shared.on_thread_start = node->guard ? begin_guarded_thread : privs_drop_all;
	for (unsigned i = 0; i < node->shared.workers; i++) {
		err = start_worker(node, i);
		if (err)
			return fail(error, size, "worker", err);
		node->workers_started++;
		name_thread(node->shared.worker[i]);
	}
	err = dp_stream_start(node->shared.worker[DP_STREAM], rest);
	if (err)
		return fail(error, size, "stream worker", err);
	node->stream_started = true;
	name_thread(node->shared.worker[DP_STREAM]);
	return 0;
}

static int start_selfcheck(struct node *node, char *error, size_t size)
{
	const struct selfcheck_parts parts = {
		.loop = &node->loop,
		.health = &node->health,
		.shared = &node->shared,
		.steer = node->steer,
		.neigh = node->neigh,
		.umem = node->umem,
	};
	int err = selfcheck_start(&node->selfcheck, &parts, node->config);

	return err ? fail(error, size, "self-check", err) : 0;
}

static int open_control(struct node *node, char *error, size_t size)
{
	int err = reload_open(&node->reload, node);

	if (err)
		return fail(error, size, "reload", err);
	return control_open(&node->control, &node->loop, node->config->control_socket,
			    node->config->control_group, commands_run, node, error, size);
}

static int start_timers(struct node *node, char *error, size_t size)
{
	uint64_t now_ns = clock_mono_ns();

	(void)error;
	(void)size;
	node->reclaim.on_due = on_reclaim;
	loop_timer_start(&node->loop, &node->reclaim, now_ns);
	node->watchdog_ns = notify_watchdog_ns();
	node->watchdog.on_due = on_watchdog;
	if (node->watchdog_ns)
		loop_timer_start(&node->loop, &node->watchdog, now_ns);
	return 0;
}

static int start_tracks(struct node *node, char *error, size_t size)
{
	int err;

	if (!node->runner)
		return 0;
	err = runner_attach(node->runner, &node->loop, &node->health);
	if (err)
		return fail(error, size, "runner", err);
	node->hooks = hooks_new(node->runner, node->config);
	if (!node->hooks)
		return fail(error, size, "hook", -ENOMEM);
	err = tracks_start(&node->tracks, &node->loop, &node->health, node->runner, node->config);
	return err ? fail(error, size, "track", err) : 0;
}

static int start_vrrp(struct node *node, char *error, size_t size)
{
	if (!node->vrrp)
		return 0;
	return node_vrrp_start(node->vrrp, node->selfcheck, node->tracks, node->config, error, size);
}

static int open_hello(struct node *node, char *error, size_t size)
{
	const struct hello_parts parts = {
		.loop = &node->loop,
		.health = &node->health,
		.vrrp = node->vrrp,
		.figures = hellostatus_figures,
		.context = node,
	};

	return config_has_peer(node->config) ? hello_open(&node->hello, &parts, node->config, error, size) : 0;
}

static int (*const steps[])(struct node *node, char *error, size_t size) = {
	start_guard,
	start_runner,
	start_loop,
	check_system,
	open_ports,
	open_filter,
	open_vrrp,
	build_snapshot,
	open_clients,
	attach_filter,
	open_umem,
	open_cache,
	make_workers,
	follow_servers,
	start_workers,
	start_selfcheck,
	open_control,
	start_timers,
	start_tracks,
	start_vrrp,
	open_hello,
};

int node_start(struct node *node, struct config *config, char *error, size_t size)
{
	memset(node, 0, sizeof(*node));
	node->config = config;
	node->started_ns = clock_mono_ns();
	node->loop.epoll_fd = -1;
	node->signals.fd = -1;
	node->health.event_fd = -1;
	epoch_init(&node->shared.epoch);
	node->shared.registry = &node->registry;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int err = steps[i](node, error, size);

		if (err) {
			node_stop(node);
			return err;
		}
	}
	privs_keep_control();
	return 0;
}

int node_run(struct node *node)
{
	int err;

	log_info("tandemd " TANDEM_VERSION " node %s: started in %u ms, %u %s workers on %u ports",
		 node->config->node_name,
		 (unsigned)((clock_mono_ns() - node->started_ns) / CLOCK_NS_PER_MS), node->shared.workers,
		 is_socket_mode(node) ? "socket" : "packet", node->shared.ports);
	notify_ready();
	err = loop_run(&node->loop);
	notify_stopping();
	return err ? err : node->lost;
}

/* ---- the end, in reverse ---- */

static void stop_workers(struct node *node)
{
	for (unsigned i = 0; i < node->workers_started; i++) {
		dp_worker_stop(node->shared.worker[i]);
		if (is_socket_mode(node))
			dp_stream_free(node->shared.worker[i]);
	}
	if (node->stream_started) {
		dp_worker_stop(node->shared.worker[DP_STREAM]);
		dp_stream_free(node->shared.worker[DP_STREAM]);
	}
	node->workers_started = 0;
	node->stream_started = false;
}

static void free_workers(struct node *node)
{
	for (unsigned i = 0; i <= DP_STREAM; i++) {
		dp_worker_free(node->shared.worker[i]);
		node->shared.worker[i] = NULL;
	}
	for (unsigned from = 0; from < node->shared.workers; from++)
		for (unsigned to = 0; to < node->shared.workers; to++)
			dp_handover_free(node->shared.handover[from][to]);
}

static void stop_loop(struct node *node)
{
	if (node->loop.epoll_fd < 0)
		return;
	loop_fd_remove(&node->loop, &node->log);
	loop_fd_remove(&node->loop, &node->signals);
	if (node->signals.fd >= 0)
		close(node->signals.fd);
	health_fini(&node->health);
	loop_fini(&node->loop);
}

void node_stop(struct node *node)
{
	hello_close(node->hello);
	node->hello = NULL;
	node_vrrp_stop(node->vrrp);
	tracks_stop(node->tracks);
	control_close(node->control);
	cachectl_stop(node);
	reload_close(node->reload);
	selfcheck_stop(node->selfcheck);
	stop_workers(node);
	snapshot_stop_probes(node);
	if (node->neigh)
		neigh_close(node->neigh);
	clients_close(node->clients);
	free_workers(node);
	dp_cache_close(node->shared.cache);
	dp_limit_close(node->shared.limit);
	dp_umem_close(node->umem);
	node_vrrp_close(node->vrrp);
	steer_close(node->steer);
	snapshot_free_all(node);
	free(atomic_exchange(&node->shared.next_hops, NULL));
	if (node->runner)
		runner_finish(node->runner, HOOKS_MS);
	runner_stop(node->runner);
	hooks_free(node->hooks);
	stop_loop(node);
	guard_stop(node->guard);
	config_free(node->config);
	node->config = NULL;
}
