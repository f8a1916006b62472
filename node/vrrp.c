/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vrrp.c - virtual routers, seen from the control thread. Contract in vrrp.h.
 *
 * The engine decides and speaks; everything that can block is done here, after the fact and at leisure. Three things
 * come in: links.h says that the kernel's links or addresses changed, the engine rings after transitions, and a
 * slow beat looks at everything again. None of them says what it is about: what is there is read, and the kernel's
 * addresses, the engine and the conditions are made to agree with it, so that an event lost is an event late.
 */
#include "node/routers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lease.h"
#include "node/config.h"
#include "node/guard.h"
#include "node/holds.h"
#include "node/peers.h"
#include "node/privs.h"
#include "node/resign.h"
#include "node/selfcheck.h"
#include "node/silence.h"
#include "node/standby.h"
#include "node/track.h"
#include "node/vip.h"

enum {
	READY_MS = 10,			/* between looks at a data plane that has just started */
	READY_PATIENCE_MS = 5000,	/* one that is not good by then goes into the election as the faults say */
	BEAT_MS = 500,
};

_Static_assert((int)VRRP_ROUTERS_MAX < (int)LEASE_NEVER, "a lease for each router");

/* ---- first half: configuration, leases ---- */

static bool wants_virtual_mac(const struct node_vrrp *v)
{
	for (unsigned i = 0; i < v->n; i++)
		if (v->conf[i].virtual_mac)
			return true;
	return false;
}

/* The guard reads them too. */
static int open_leases(struct node_vrrp *v)
{
	int err;

	v->virtual_macs = wants_virtual_mac(v);
	err = silence_open(&v->silence, v->parts.steer, v->virtual_macs);
	if (!err)
		err = guard_give_leases(v->parts.guard, silence_lease_fd(v->silence));
	return err ? err : guard_catch_fatal(v->parts.guard, silence_leases(v->silence));
}

int node_vrrp_open(struct node_vrrp **result, const struct node_vrrp_parts *parts, const struct config *config,
		   char *error, size_t size)
{
	struct node_vrrp *v = calloc(1, sizeof(*v));
	int err = 0;

	if (!v)
		return log_fail(-ENOMEM, error, size, "virtual routers: %s", strerror(ENOMEM));
	v->parts = *parts;
	v->notify.fd = v->guard_end.fd = -1;
	v->n = (unsigned)config->n_vrrp;
	routers_adopt_order(v, config);
	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++)
		v->router[i].groups.fd = -1;
	for (unsigned i = 0; i < v->n && !err; i++) {
		router_fill_conf(&v->conf[i], config, &config->vrrp[i]);
		router_tell_link_local(&v->conf[i], &config->vrrp[i]);
		err = router_check(&config->vrrp[i], &v->router[i].seen, error, size);
	}
	if (err)
		goto err_close;
	err = open_leases(v);
	if (err) {
		log_fail(err, error, size, "guard and leases: %s", strerror(-err));
		goto err_close;
	}
	*result = v;
	return 0;

err_close:
	node_vrrp_close(v);
	return err;
}

struct lease_page *node_vrrp_leases(struct node_vrrp *v)
{
	return silence_leases(v->silence);
}

/* ---- the loop's callbacks ---- */

static void note_last_words(struct node_vrrp *v)
{
	int err = resign_note(v->resign);

	if (err)
		log_warning("vrrp: what \"tandemd --resign\" would send cannot be written: %s", strerror(-err));
}

/* After its transitions, whoever is gone is forgotten. */
static void follow_engine(struct node_vrrp *v)
{
	uint32_t gone = 0;

	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++)
		gone |= (uint32_t)(router_is_leaving(v, i) && vrrp_engine_is_gone(v->engine, i)) << i;
	routers_read_transitions(v);
	routers_move_addresses(v);
	for (unsigned i = 0; gone && i < VRRP_ROUTERS_MAX; i++)
		if (gone & 1u << i)
			router_forget(v, i);
}

static void on_notify(struct loop_fd *self, uint32_t events)
{
	struct node_vrrp *v = (struct node_vrrp *)((char *)self - offsetof(struct node_vrrp, notify));
	uint64_t rung;

	(void)events;
	if (read(self->fd, &rung, sizeof(rung)) < 0)
		return;
	follow_engine(v);
	note_last_words(v);
}

static void on_guard_end(struct loop_fd *self, uint32_t events)
{
	struct node_vrrp *v = (struct node_vrrp *)((char *)self - offsetof(struct node_vrrp, guard_end));

	(void)events;
	v->guard_died = true;
	loop_fd_remove(v->parts.loop, self);
	routers_judge(v, v->guard, false, "it has died: if this process is killed, the other node waits for silence",
		      v->parts.loop->now_ns);
}

static void on_ready(struct loop_timer *timer, uint64_t now_ns)
{
	struct node_vrrp *v = (struct node_vrrp *)((char *)timer - offsetof(struct node_vrrp, ready));

	/* Two nodes that both start with a fault must not both wait: with last_resort one serves (RFC 9568 knows no
	 * such case; priority 1 lets any healthy node pass). */
	v->is_ready = (selfcheck_proved(v->selfcheck) && (!v->tracks || tracks_known(v->tracks))) ||
		      now_ns - v->started_ns > (uint64_t)READY_PATIENCE_MS * CLOCK_NS_PER_MS;
	if (v->is_ready)
		routers_follow_links(v);
	else
		loop_timer_start(v->parts.loop, timer, now_ns + READY_MS * CLOCK_NS_PER_MS);
}

static void on_beat(struct loop_timer *timer, uint64_t now_ns)
{
	struct node_vrrp *v = (struct node_vrrp *)((char *)timer - offsetof(struct node_vrrp, beat));
	char cause[HEALTH_CAUSE_MAX] = "";
	bool good = silence_check(v->silence, cause, sizeof(cause)) == 0;

	routers_judge(v, v->virtual_mac, good, cause, now_ns);
	routers_follow_links(v);
	follow_engine(v);
	for (unsigned i = 0; i < v->n; i++)
		if (router_is_used(v, i))
			router_judge(v, i, now_ns);
	routers_note_links(v, now_ns);
	routers_free_replaced(v, false);
	loop_timer_start(v->parts.loop, timer, now_ns + BEAT_MS * CLOCK_NS_PER_MS);
}

/* ---- second half ---- */

static void add_conditions(struct node_vrrp *v)
{
	v->guard = routers_watch(v, HEALTH_NOTICE, "guard");
	if (silence_has_program(v->silence))
		v->virtual_mac = routers_watch(v, HEALTH_FAULT, "virtual-mac");
	for (unsigned i = 0; i < v->n; i++)
		router_add_conditions(v, i);
	routers_place_sysctls(v);
}

/* The mutex first: what follows is said by the guard should it go wrong. */
static void on_thread_start(void *context)
{
	struct node_vrrp *v = context;
	int err = guard_hold(v->parts.guard);

	if (err)
		log_error("vrrp: the guard does not watch: %s", strerror(-err));
	guard_thread_stack();
	privs_drop_all();
}

static void on_thread_stop(void *context)
{
	struct node_vrrp *v = context;

	guard_let_go(v->parts.guard);
}

static int open_engine(struct node_vrrp *v, char *error, size_t size)
{
	struct vrrp_engine_conf conf = {
		.n = v->n,
		.leases = silence_leases(v->silence),
		.health = v->parts.health,
		.last_words = guard_last_words(v->parts.guard),
		.notify_fd = v->notify.fd,
		.on_thread_start = on_thread_start,
		.on_thread_stop = on_thread_stop,
		.context = v,
	};

	v->first = calloc(VRRP_ROUTERS_MAX, sizeof(*v->first));
	if (!v->first)
		return log_fail(-ENOMEM, error, size, "virtual routers: %s", strerror(ENOMEM));
	for (unsigned i = 0; i < v->n; i++) {
		v->first[i] = v->conf[i];
		v->in_force[i] = &v->first[i];
	}
	conf.router = v->first;
	return vrrp_engine_open(&v->engine, &conf, error, size);
}

/* Before the engine starts, so that nothing of a kept router is ever Active. */
static void keep_standby(struct node_vrrp *v)
{
	char name[VRRP_NAME_MAX];

	for (unsigned i = 0; i < v->n; i++) {
		if (!standby_has(v->standby, router_name(v, i, name)))
			continue;
		log_info("vrrp %s: in standby until it is resumed, as before", name);
		vrrp_engine_release(v->engine, i);
	}
}

static int watch_events(struct node_vrrp *v)
{
	struct loop *loop = v->parts.loop;
	int err;

	v->notify = (struct loop_fd){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .on_ready = on_notify };
	if (v->notify.fd < 0)
		return -errno;
	v->guard_end = (struct loop_fd){ .fd = guard_pidfd(v->parts.guard), .on_ready = on_guard_end };
	err = loop_fd_add(loop, &v->notify, EPOLLIN);
	if (!err)
		err = loop_fd_add(loop, &v->guard_end, EPOLLIN);
	return err ? err : links_open(&v->links, loop, routers_follow_links, v);
}

/* What a crash left. Not before the filter is attached and the control socket ours: then no other daemon lives. */
static int clean_addresses(struct node_vrrp *v, const struct config *config, char *error, size_t size)
{
	for (unsigned i = 0; i < v->n; i++) {
		for (unsigned j = 0; j < v->conf[i].count; j++) {
			const struct addr *address = &v->conf[i].addresses[j];
			char text[ADDR_TEXT_MAX];
			int err = vip_clean(address, v->conf[i].interface);

			if (err == -EADDRINUSE)
				return router_say_own(config->vrrp[i].where, address, error, size);
			if (err)
				return log_fail(err, error, size,
						"%s: %s, left by another program, cannot be removed: %s",
						config->vrrp[i].where, addr_format(address, text, sizeof(text)),
						strerror(-err));
		}
	}
	return 0;
}

/* The TAP device comes last: of all descriptors it must be the first that the kernel closes. */
static int open_parts(struct node_vrrp *v, const struct config *config, char *error, size_t size)
{
	int err = clean_addresses(v, config, error, size);

	if (err)
		return err;
	err = watch_events(v);
	if (!err)
		err = holds_open(&v->holds, config->control_socket);
	if (err)
		return log_fail(err, error, size, "virtual routers: %s", strerror(-err));
	err = standby_open(&v->standby, config->control_socket);
	if (err)
		return log_fail(err, error, size, "the file of routers in standby: %s", strerror(-err));
	for (unsigned i = 0; i < v->n; i++)
		silence_receive(v->silence, &v->conf[i], v->router[i].seen.ifindex);
	err = open_engine(v, error, size);
	if (!err)
		err = routers_open_peers(v, error, size);
	if (!err)
		err = resign_open(&v->resign, config->control_socket, guard_last_words(v->parts.guard), error, size);
	return err ? err : vip_open(&v->vip, error, size);
}

int node_vrrp_start(struct node_vrrp *v, struct selfcheck *selfcheck, struct tracks *tracks,
		    const struct config *config, char *error, size_t size)
{
	uint64_t now_ns = clock_mono_ns();
	int err = open_parts(v, config, error, size);

	if (err)
		return err;
	v->selfcheck = selfcheck;
	v->tracks = tracks;
	add_conditions(v);
	keep_standby(v);
	err = vrrp_engine_start(v->engine);
	if (err)
		return log_fail(err, error, size, "VRRP thread: %s", strerror(-err));
	v->runs = true;
	routers_follow_links(v);
	v->started_ns = now_ns;
	v->ready.on_due = on_ready;
	v->beat.on_due = on_beat;
	loop_timer_start(v->parts.loop, &v->ready, now_ns);
	loop_timer_start(v->parts.loop, &v->beat, now_ns + BEAT_MS * CLOCK_NS_PER_MS);
	return 0;
}

/* ---- the end ---- */

void node_vrrp_stop(struct node_vrrp *v)
{
	if (!v || !v->runs)
		return;
	loop_timer_stop(v->parts.loop, &v->ready);
	loop_timer_stop(v->parts.loop, &v->beat);
	loop_fd_remove(v->parts.loop, &v->guard_end);	/* it ends with the thread */
	vrrp_engine_stop(v->engine);
	v->runs = false;
	routers_read_transitions(v);
	resign_close(v->resign);
	v->resign = NULL;
	vip_close(v->vip);
	v->vip = NULL;
	for (unsigned i = 0; i < v->n; i++)
		router_move_groups(v, i, false);
}

void node_vrrp_close(struct node_vrrp *v)
{
	if (!v)
		return;
	links_close(v->links);
	peers_close(v->peers);
	if (v->guard_end.added)
		loop_fd_remove(v->parts.loop, &v->guard_end);
	if (v->notify.added)
		loop_fd_remove(v->parts.loop, &v->notify);
	if (v->vip)
		vip_close(v->vip);
	for (unsigned i = 0; i < v->n; i++)
		router_move_groups(v, i, false);
	resign_close(v->resign);
	if (v->engine)
		vrrp_engine_close(v->engine);
	for (unsigned i = 0; i < v->n; i++)
		router_retire(v, i);
	routers_free_replaced(v, true);
	free(v->first);
	holds_close(v->holds);
	standby_close(v->standby);
	silence_close(v->silence);
	if (v->notify.fd >= 0)
		close(v->notify.fd);
	free(v);
}

/* ---- commands, documents ---- */

unsigned node_vrrp_count(const struct node_vrrp *v)
{
	return v->n;
}

const struct vrrp_conf *node_vrrp_conf(const struct node_vrrp *v, unsigned router)
{
	return router_is_used(v, router) ? &v->conf[router] : NULL;
}

int node_vrrp_at(const struct node_vrrp *v, unsigned position)
{
	return position < v->positions ? v->at[position] : -1;
}

void node_vrrp_status(const struct node_vrrp *v, unsigned router, struct vrrp_status *status)
{
	vrrp_engine_status(v->engine, router, status);
}

bool node_vrrp_dead_man(const struct node_vrrp *v, unsigned router)
{
	return silence_is_kept(v->silence, &v->conf[router]);
}

const uint8_t *node_vrrp_peer_mac(const struct node_vrrp *v, unsigned router, unsigned peer)
{
	return v->peers && v->conf[router].unicast ? peers_hops(v->peers, router)->mac[peer] : NULL;
}

const char *node_vrrp_peer_fault(const struct node_vrrp *v, unsigned router, unsigned peer)
{
	return v->peers && v->conf[router].unicast ? peers_fault(v->peers, router, peer) : "";
}

int node_vrrp_guard_pid(const struct node_vrrp *v)
{
	return v->guard_died ? 0 : guard_pid(v->parts.guard);
}

void node_vrrp_counters(const struct node_vrrp *v, uint64_t counts[VMAC_COUNTERS])
{
	silence_counters(v->silence, counts);
}

/* A router and the other members of its group: what is kept of one is kept of all. */
static int keep_group(struct node_vrrp *v, unsigned router, bool on)
{
	const char *group = v->conf[router].group;
	char name[VRRP_NAME_MAX];
	int err = 0;

	for (unsigned i = 0; i < v->n && !err; i++)
		if (i == router || (*group && strcmp(v->conf[i].group, group) == 0))
			err = standby_set(v->standby, router_name(v, i, name), on);
	return err;
}

int node_vrrp_release(struct node_vrrp *v, unsigned router, bool keep)
{
	vrrp_engine_release(v->engine, router);
	return keep ? keep_group(v, router, true) : 0;
}

int node_vrrp_resume(struct node_vrrp *v, unsigned router)
{
	vrrp_engine_resume(v->engine, router);
	return keep_group(v, router, false);
}

bool node_vrrp_is_kept(const struct node_vrrp *v, unsigned router)
{
	char name[VRRP_NAME_MAX];

	return standby_has(v->standby, router_name(v, router, name));
}

void node_vrrp_second(struct node_vrrp *v, unsigned router, const struct vrrp_second *second)
{
	vrrp_engine_second(v->engine, router, second);
}

uint64_t node_vrrp_sent_ns(const struct node_vrrp *v, unsigned router)
{
	return vrrp_engine_sent_ns(v->engine, router);
}
