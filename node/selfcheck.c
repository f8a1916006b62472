/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * selfcheck.c - the node's conditions and the timers that judge them. Contract in selfcheck.h.
 *
 * Four beats on the control thread's loop:
 *   tick    10 ms            worker, starved: progress since the last tick (hang.h)
 *   sweep   check interval   filter, carrier, listen, routes
 *   canary  20 ms            one query per worker through its passes; judged at the next beat; the first fastpath
 *   slow    1 s              fastpath: one query per worker and port to a server; nexthop; addresses re-read
 *
 * Each condition is debounced by the same fall and rise, counted in its own beats, but for "worker", which has waited
 * for hang_ms. A beat judges only what could be judged: a worker that makes no progress fails "worker" or "starved" and
 * neither "canary" nor "fastpath", and a server that is down by probe proves nothing about the fast path.
 *
 * A fast path that has never carried an answer is no good to wait for (a driver, a card, a hypervisor): after
 * BYPASS_FAILURES the sockets are taken from the filter for good, the kernel path serves, and a notice says so.
 *
 * Conditions that depend on the snapshot (listen, routes, nexthop) are "items": adopt() builds the new list,
 * finds the condition again by name, and removes those that no new item took over.
 */
#include "node/selfcheck.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/health.h"
#include "base/lease.h"
#include "base/log.h"
#include "base/loop.h"
#include "dataplane/conf.h"
#include "dataplane/neigh.h"
#include "dataplane/port.h"
#include "dataplane/steer.h"
#include "dataplane/worker.h"
#include "dataplane/xsk.h"
#include "node/config.h"
#include "node/hang.h"

enum {
	CANARY_MS = 20,
	SLOW_MS = 1000,
	SETTLE_MS = 3000,	/* attaching the filter resets some NICs: carrier is not judged before */
	ANSWER_MS = 900,	/* a fast-path check that is younger may still be answered */
	BYPASS_FAILURES = 3,
	SWEEP_QUEUES = 8,	/* queues of a port checked per sweep; more take several sweeps */
	ITEMS_MAX = DP_LISTENS_MAX + DP_POOLS_MAX + POOL_SERVERS_MAX,
};

const struct steer_listen selfcheck_never_listen = {
	.endpoint = {
		.addr.bytes = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 254 },
		.port = 53,
	},
	.lease = LEASE_NEVER,
};

struct beat {
	struct loop_timer timer;
	uint64_t last_ns, period_ns;
	struct selfcheck *check;
	void (*act)(struct selfcheck *check, uint64_t now_ns, uint64_t elapsed_ns);
};

struct fastpath_watch {
	struct health_condition *condition;	/* NULL = this port has no servers */
	const struct pool_server *server;	/* asked in this second; NULL = none */
	uint32_t asked;				/* worker's count before that */
	uint64_t answers;			/* and of answers to anything, by this port */
	uint64_t overflow, sent;		/* and frames lost at this port's rings, and sent by the worker */
	uint64_t asked_ns;
	bool proved;				/* has carried an answer */
	unsigned failures;			/* before that */
};

struct worker_watch {
	struct dp_worker *worker;
	struct health_condition *hung, *starved, *canary;
	struct hang_watch hang;
	bool started;				/* its thread was seen running */
	uint64_t canary_progress;		/* worker's batches when the canary was asked */
	bool canary_seen;			/* answered at least once */
	struct fastpath_watch fastpath[DP_PORTS_MAX];
};

struct port_watch {
	struct dp_port *port;
	struct health_condition *filter, *carrier;
	uint64_t bad_queues;			/* bit per queue that failed its last check */
	unsigned next_queue;
	char cause[HEALTH_CAUSE_MAX];
};

enum item_kind { ITEM_LISTEN, ITEM_POOL, ITEM_SERVER };

struct item {
	enum item_kind kind;
	unsigned index;				/* in the snapshot; ITEM_SERVER: in the registry */
	bool present;				/* ITEM_LISTEN: an interface has the address */
	struct health_condition *condition;
};

struct selfcheck {
	struct selfcheck_parts parts;
	uint64_t hang_ns, started_ns;
	uint16_t fall, rise;
	struct beat tick, sweep, canary, slow;
	unsigned workers, ports, items;
	struct worker_watch worker[DP_WORKERS_MAX + 1];
	struct port_watch port[DP_PORTS_MAX];
	struct item item[ITEMS_MAX];
	unsigned unwatched;			/* conditions that found no room */
	struct health_condition *bypass;	/* NULL = the fast path is in use */
	char bypass_cause[HEALTH_CAUSE_MAX];
	unsigned next_listen, next_server;	/* turns */
};

_Static_assert(STEER_QUEUES_MAX <= 64, "a bit per queue in bad_queues");
_Static_assert((int)HANG_TICK_MS < (int)CANARY_MS, "the hang judge looks at a worker before its canary is judged");

/* ---- conditions ---- */

static const struct dp_conf *current_conf(const struct selfcheck *check)
{
	return atomic_load_explicit(&check->parts.shared->conf, memory_order_acquire);
}

static void judge(struct selfcheck *check, struct health_condition *condition, bool good,
		  const char *cause, uint64_t now_ns)
{
	if (condition)
		health_report(check->parts.health, condition, good, cause, now_ns);
}

static struct health_condition *find(struct health *health, const char *name)
{
	for (unsigned i = 0; i < HEALTH_MAX; i++) {
		struct health_condition *c = &health->conditions[i];

		if (c->in_use && strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

/* The condition of that name, an old one or a new one that starts good; NULL when there is no room. */
static struct health_condition *watch(struct selfcheck *check, enum health_kind kind,
				      const char *name)
{
	struct health_condition *c = find(check->parts.health, name);

	if (!c)
		c = health_add(check->parts.health, name, kind, check->fall, check->rise, false,
			       check->parts.loop->now_ns);
	if (!c) {
		check->unwatched++;
		return NULL;
	}
	c->fall = check->fall;
	c->rise = check->rise;
	if (kind == HEALTH_WEIGHT)
		c->weight = SELFCHECK_POOL_WEIGHT;
	return c;
}

static struct health_condition *watch_worker(struct selfcheck *check, enum health_kind kind,
					     const char *what, const struct dp_worker *worker)
{
	char name[2 * HEALTH_NAME_MAX];

	if (worker->index == DP_STREAM)
		snprintf(name, sizeof(name), "%s:stream", what);
	else
		snprintf(name, sizeof(name), "%s:%u", what, worker->index);
	return watch(check, kind, name);
}

static struct health_condition *watch_port(struct selfcheck *check, const char *what,
					   const struct dp_port *port)
{
	char name[HEALTH_NAME_MAX];

	snprintf(name, sizeof(name), "%s:%s", what, port->name);
	return watch(check, HEALTH_FAULT, name);
}

/* ---- tick: hung or starved ---- */

/* Progress that goes on counting where the worker falls asleep in between. */
static uint64_t batches(const struct dp_worker *worker)
{
	return counters_read(&worker->counters[DP_COUNT_BATCHES]);
}

static bool canary_waits(const struct dp_worker *worker)
{
	return atomic_load(&worker->self.canary_asked) != atomic_load(&worker->self.canary_answered);
}

/* One that was woken for a canary and has not turned since has no right to sleep on. */
static bool may_sleep(const struct worker_watch *w)
{
	return !canary_waits(w->worker) || batches(w->worker) != w->canary_progress;
}

static void judge_worker(struct selfcheck *check, struct worker_watch *w, uint64_t now_ns,
			 uint64_t elapsed_ns)
{
	struct dp_worker *worker = w->worker;
	struct hang_subject subject = {
		.thread = worker->thread,
		.tid = atomic_load(&worker->tid),
		.progress = batches(worker),
		.idle = epoch_asleep(worker->reader) && may_sleep(w),
	};
	bool running = atomic_load(&worker->running);
	bool ended = w->started && !running;
	enum hang_verdict verdict = hang_tick(&w->hang, &subject, elapsed_ns, check->hang_ns);
	char cause[HEALTH_CAUSE_MAX];

	w->started |= running;
	if (!hang_tick_on_time(elapsed_ns))
		return;
	if (!ended)
		snprintf(cause, sizeof(cause), "no batch finished in %u ms, thread state %c, %u ms of CPU",
			 (unsigned)(w->hang.late_ns / CLOCK_NS_PER_MS), w->hang.state,
			 (unsigned)(w->hang.busy_ns / CLOCK_NS_PER_MS));
	else
		snprintf(cause, sizeof(cause), "its thread has ended");
	judge(check, w->hung, !ended && verdict != HANG_HUNG, cause, now_ns);
	judge(check, w->starved, verdict != HANG_STARVED, cause, now_ns);
}

static void on_tick(struct selfcheck *check, uint64_t now_ns, uint64_t elapsed_ns)
{
	for (unsigned i = 0; i < check->workers; i++)
		judge_worker(check, &check->worker[i], now_ns, elapsed_ns);
}

/* ---- sweep: filter, carrier, addresses, pools ---- */

/* A frame for an address that nobody ever owns: the filter has to drop it. */
static bool drops_the_unowned(struct selfcheck *check, struct port_watch *p, unsigned queue)
{
	return steer_check(check->parts.steer, p->port->index, queue, &selfcheck_never_listen, false,
			   p->cause, sizeof(p->cause)) == 0;
}

static bool is_held(const struct selfcheck *check, uint8_t lease)
{
	return lease_holds(check->parts.shared->leases, lease, clock_boot_ns());
}

static bool redirects_ours(struct selfcheck *check, struct port_watch *p, unsigned queue)
{
	const struct dp_conf *conf = current_conf(check);

	if (!conf->listens)
		return true;

	const struct dp_listen *listen = &conf->listen[check->next_listen % conf->listens];
	struct steer_listen steer = { listen->endpoint, listen->lease };
	bool ours = is_held(check, listen->lease);

	/* A lease that came or went meanwhile proves nothing. */
	return steer_check(check->parts.steer, p->port->index, queue, &steer, ours, p->cause,
			   sizeof(p->cause)) == 0 || is_held(check, listen->lease) != ours;
}

static void check_filter(struct selfcheck *check, struct port_watch *p, uint64_t now_ns)
{
	unsigned queues = p->port->queues < STEER_QUEUES_MAX ? p->port->queues : STEER_QUEUES_MAX;

	for (unsigned i = 0; i < queues && i < SWEEP_QUEUES; i++) {
		unsigned queue = p->next_queue++ % queues;
		uint64_t bit = 1ull << queue;

		if (redirects_ours(check, p, queue) && drops_the_unowned(check, p, queue))
			p->bad_queues &= ~bit;
		else
			p->bad_queues |= bit;
	}
	judge(check, p->filter, !p->bad_queues, p->cause, now_ns);
}

static void check_item(struct selfcheck *check, const struct item *item, uint64_t now_ns)
{
	switch (item->kind) {
	case ITEM_LISTEN:
		judge(check, item->condition, item->present, "no interface has the address", now_ns);
		break;
	case ITEM_POOL:
		judge(check, item->condition,
		      pool_members_up(current_conf(check)->pools[item->index]) > 0,
		      "no member is up", now_ns);
		break;
	case ITEM_SERVER:	/* at the slow beat */
		break;
	}
}

static void on_sweep(struct selfcheck *check, uint64_t now_ns, uint64_t elapsed_ns)
{
	bool settled = now_ns - check->started_ns >= SETTLE_MS * (uint64_t)CLOCK_NS_PER_MS;

	(void)elapsed_ns;
	for (unsigned i = 0; i < check->ports; i++) {
		struct port_watch *p = &check->port[i];

		check_filter(check, p, now_ns);
		if (settled)
			judge(check, p->carrier, p->port->carrier, "no carrier", now_ns);
	}
	check->next_listen++;
	for (unsigned i = 0; i < check->items; i++)
		check_item(check, &check->item[i], now_ns);
}

/* ---- canary ---- */

/* What was asked before and not answered counts on from where it was asked. */
static void ask_canary(struct worker_watch *w)
{
	if (!canary_waits(w->worker))
		w->canary_progress = batches(w->worker);
	atomic_fetch_add(&w->worker->self.canary_asked, 1);
	dp_worker_wake(w->worker);
}

/* ---- slow: the fast path, next hops, addresses ---- */

/* By its probe, over kernel sockets, and right now; a server that dies takes fall probes to be down. */
static bool surely_up(const struct pool_server *server)
{
	return pool_server_is_up(server) && !server->last_cause[0];
}

/* Usable for a fast-path check on this port: probed, up, and reached that way. */
static bool can_prove(const struct selfcheck *check, const struct pool_server *server, unsigned port)
{
	const struct dp_next_hops *hops = atomic_load_explicit(&check->parts.shared->next_hops,
							       memory_order_acquire);
	const struct dp_next_hop *hop = hops ? &hops->server[server->index] : NULL;

	return hop && hop->usable && hop->port == port && surely_up(server);
}

/* The probed servers of the snapshot that are reached by this port; how many. */
static unsigned find_servers(const struct selfcheck *check, unsigned port,
			     const struct pool_server *found[POOL_SERVERS_MAX])
{
	const struct dp_conf *conf = current_conf(check);
	unsigned n = 0;

	for (unsigned p = 0; p < conf->n_pools; p++) {
		const struct pool *pool = conf->pools[p];

		if (!conf->probe_name[p])
			continue;
		for (unsigned m = 0; m < pool->members && n < POOL_SERVERS_MAX; m++)
			if (can_prove(check, pool->member[m], port))
				found[n++] = pool->member[m];
	}
	return n;
}

/* Turns through them, one place further with every call. */
static const struct pool_server *choose_server(struct selfcheck *check, unsigned port)
{
	const struct pool_server *found[POOL_SERVERS_MAX];
	unsigned n = find_servers(check, port, found);

	return n ? found[check->next_server++ % n] : NULL;
}

/* Answers the worker has accepted from servers that are reached by this port. */
static uint64_t answers_by(const struct selfcheck *check, const struct worker_watch *w, unsigned port)
{
	const struct dp_next_hops *hops = atomic_load_explicit(&check->parts.shared->next_hops,
							       memory_order_acquire);
	uint64_t answers = 0;

	for (unsigned i = 0; hops && i < POOL_SERVERS_MAX; i++)
		if (hops->server[i].usable && hops->server[i].port == port)
			answers += counters_read(&w->worker->loads[i].answered);
	return answers;
}

/* For good: what does not work at the start needs somebody to look at it. */
static void bypass(struct selfcheck *check, unsigned port)
{
	snprintf(check->bypass_cause, sizeof(check->bypass_cause), "AF_XDP on %s has carried nothing since the start: "
		 "queries go through the kernel", check->port[port].port->name);
	log_warning("self-check: %s", check->bypass_cause);
	steer_bypass(check->parts.steer);
	check->bypass = watch(check, HEALTH_NOTICE, "bypass");
	for (unsigned i = 0; i < check->workers; i++) {
		for (unsigned p = 0; p < check->ports; p++) {
			struct fastpath_watch *f = &check->worker[i].fastpath[p];

			if (f->condition)
				health_remove(check->parts.health, f->condition);
			f->condition = NULL;
		}
	}
}

static uint64_t frames_sent(const struct worker_watch *w)
{
	return counters_read(&w->worker->counters[DP_COUNT_FRAMES_OUT]);
}

/* Since the check was sent frames were lost where its answer comes in, and the worker went on sending: it has more to
 * do than it can, which is no fault of the way. One that sends nothing has lost its frames, or its card. */
static bool is_flooded(const struct selfcheck *check, const struct worker_watch *w, unsigned port)
{
	const struct fastpath_watch *f = &w->fastpath[port];

	return dp_umem_overflow(check->parts.umem, port) != f->overflow && frames_sent(w) > f->sent + 1;
}

/* Under more load than the worker can take the check itself is lost now and then, or finds no place in flight: any
 * answer by the same way proves as much as its own, and without one nothing is proved. */
static void judge_fastpath(struct selfcheck *check, struct worker_watch *w, unsigned port,
			   uint64_t now_ns)
{
	struct fastpath_watch *f = &w->fastpath[port];
	uint32_t asked = atomic_load(&w->worker->self.port[port].asked);
	uint32_t answered = atomic_load(&w->worker->self.port[port].answered);
	bool good = answered == asked || answers_by(check, w, port) != f->answers;
	char cause[HEALTH_CAUSE_MAX], server[ENDPOINT_TEXT_MAX];

	if (!f->server || asked == f->asked || !can_prove(check, f->server, port) ||
	    (!good && is_flooded(check, w, port)))
		return;
	snprintf(cause, sizeof(cause), "%s answers probes, but not through AF_XDP",
		 endpoint_format(&f->server->endpoint, server, sizeof(server)));
	judge(check, f->condition, good, cause, now_ns);
	f->proved |= good;
	/* "Up" is also what was never probed. */
	if (!f->proved && f->server->probe_latency_us && ++f->failures >= BYPASS_FAILURES)
		bypass(check, port);
}

static void ask_fastpath(struct selfcheck *check, struct worker_watch *w, unsigned port, uint64_t now_ns)
{
	struct fastpath_watch *f = &w->fastpath[port];

	f->server = choose_server(check, port);
	if (!f->server)
		return;
	f->asked = atomic_load(&w->worker->self.port[port].asked);
	f->answers = answers_by(check, w, port);
	f->overflow = dp_umem_overflow(check->parts.umem, port);
	f->sent = frames_sent(w);
	f->asked_ns = now_ns;
	atomic_store(&w->worker->self.port[port].server_plus_1, f->server->index + 1u);
	dp_worker_wake(w->worker);
}

static void check_fastpaths(struct selfcheck *check, struct worker_watch *w, uint64_t now_ns)
{
	for (unsigned port = 0; port < check->ports; port++) {
		struct fastpath_watch *f = &w->fastpath[port];

		if (!f->condition || (f->server && now_ns - f->asked_ns < ANSWER_MS * (uint64_t)CLOCK_NS_PER_MS))
			continue;
		judge_fastpath(check, w, port, now_ns);
		if (f->condition)
			ask_fastpath(check, w, port, now_ns);
	}
}

/* At the start not only every second: the node waits for it. */
static void prove_fastpaths(struct selfcheck *check, struct worker_watch *w, uint64_t now_ns)
{
	for (unsigned port = 0; port < check->ports; port++) {
		struct fastpath_watch *f = &w->fastpath[port];
		uint32_t asked = atomic_load(&w->worker->self.port[port].asked);

		if (!f->condition || f->proved)
			continue;
		if (!f->server)
			ask_fastpath(check, w, port, now_ns);
		else
			f->proved = asked != f->asked && atomic_load(&w->worker->self.port[port].answered) == asked;
	}
}

static void check_next_hop(struct selfcheck *check, const struct item *item, uint64_t now_ns)
{
	const struct pool_server *server = &check->parts.shared->registry->servers[item->index];
	const char *reason = neigh_reason(check->parts.neigh, server);

	judge(check, item->condition, !reason[0], reason, now_ns);
}

static bool list_has(const struct ifaddrs *list, const struct addr *addr)
{
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		struct endpoint own;

		if (i->ifa_addr && endpoint_from_sockaddr(i->ifa_addr, &own) == 0 &&
		    addr_equal(&own.addr, addr))
			return true;
	}
	return false;
}

static void read_addresses(struct selfcheck *check)
{
	const struct dp_conf *conf = current_conf(check);
	struct ifaddrs *list;

	if (getifaddrs(&list))
		return;		/* keeps what was known; the next beat asks again */
	for (unsigned i = 0; i < check->items; i++) {
		struct item *item = &check->item[i];

		if (item->kind == ITEM_LISTEN)
			item->present = list_has(list, &conf->listen[item->index].endpoint.addr);
	}
	freeifaddrs(list);
}

static void on_canary(struct selfcheck *check, uint64_t now_ns, uint64_t elapsed_ns)
{
	(void)elapsed_ns;
	for (unsigned i = 0; i < check->workers; i++) {
		struct worker_watch *w = &check->worker[i];
		bool answered = !canary_waits(w->worker);
		/* the second one began after a whole turn, which would have answered */
		bool moved = batches(w->worker) - w->canary_progress >= 2;

		/* Unanswered without a batch is the hang judge's to explain. */
		w->canary_seen |= answered;
		if (answered || moved)
			judge(check, w->canary, answered, "our own query was not answered right",
			      now_ns);
		ask_canary(w);
		prove_fastpaths(check, w, now_ns);
	}
}

static void on_slow(struct selfcheck *check, uint64_t now_ns, uint64_t elapsed_ns)
{
	(void)elapsed_ns;
	for (unsigned i = 0; i < check->workers; i++)
		check_fastpaths(check, &check->worker[i], now_ns);
	for (unsigned i = 0; i < check->items; i++)
		if (check->item[i].kind == ITEM_SERVER)
			check_next_hop(check, &check->item[i], now_ns);
	judge(check, check->bypass, false, check->bypass_cause, now_ns);
	read_addresses(check);
}

/* ---- beats ---- */

static void on_beat(struct loop_timer *timer, uint64_t now_ns)
{
	struct beat *beat = (struct beat *)((char *)timer - offsetof(struct beat, timer));
	uint64_t elapsed_ns = now_ns - beat->last_ns;
	uint64_t due_ns = timer->due_ns + beat->period_ns;

	beat->last_ns = now_ns;
	beat->act(beat->check, now_ns, elapsed_ns);
	/* A beat that was missed is not made up for. */
	if (due_ns <= now_ns)
		due_ns = now_ns + beat->period_ns;
	loop_timer_start(beat->check->parts.loop, timer, due_ns);
}

static void start_beat(struct selfcheck *check, struct beat *beat, uint32_t period_ms,
		       void (*act)(struct selfcheck *, uint64_t, uint64_t))
{
	uint64_t now_ns = clock_mono_ns();

	*beat = (struct beat){
		.timer.on_due = on_beat,
		.last_ns = now_ns,
		.period_ns = period_ms * (uint64_t)CLOCK_NS_PER_MS,
		.check = check,
		.act = act,
	};
	loop_timer_start(check->parts.loop, &beat->timer, now_ns + beat->period_ns);
}

/* ---- items ---- */

static bool has_item(const struct selfcheck *check, const struct health_condition *condition)
{
	for (unsigned i = 0; i < check->items; i++)
		if (check->item[i].condition == condition)
			return true;
	return false;
}

static void add_item(struct selfcheck *check, enum item_kind kind, unsigned index,
		     enum health_kind health, const char *name)
{
	struct health_condition *condition = watch(check, health, name);

	/* Two ports of one address are one condition. */
	if (!condition || check->items == ITEMS_MAX || has_item(check, condition))
		return;
	check->item[check->items++] = (struct item){
		.kind = kind,
		.index = index,
		.present = true,
		.condition = condition,
	};
}

static void add_pool(struct selfcheck *check, const struct pool *pool)
{
	char name[HEALTH_NAME_MAX];

	snprintf(name, sizeof(name), "routes:%s", pool->name);
	add_item(check, ITEM_POOL, pool->index, HEALTH_WEIGHT, name);
}

static void add_servers(struct selfcheck *check, const struct pool *pool)
{
	char name[HEALTH_NAME_MAX + ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];

	for (unsigned m = 0; m < pool->members; m++) {
		snprintf(name, sizeof(name), "nexthop:%s/%s", pool->name,
			 endpoint_format(&pool->member[m]->endpoint, server, sizeof(server)));
		name[HEALTH_NAME_MAX - 1] = '\0';
		add_item(check, ITEM_SERVER, pool->member[m]->index, HEALTH_NOTICE, name);
	}
}

/* What matters most first, should there be more than health.h has room for. */
static void add_items(struct selfcheck *check)
{
	const struct dp_conf *conf = current_conf(check);
	char name[HEALTH_NAME_MAX], address[ADDR_TEXT_MAX];

	check->items = 0;
	for (unsigned i = 0; i < conf->listens; i++) {
		if (conf->listen[i].lease != LEASE_NONE)
			continue;	/* comes and goes with the virtual router */
		snprintf(name, sizeof(name), "listen:%s",
			 addr_format(&conf->listen[i].endpoint.addr, address, sizeof(address)));
		add_item(check, ITEM_LISTEN, i, HEALTH_FAULT, name);
	}
	for (unsigned i = 0; i < conf->n_pools; i++)
		add_pool(check, conf->pools[i]);
	for (unsigned i = 0; check->parts.neigh && i < conf->n_pools; i++)
		add_servers(check, conf->pools[i]);
}

static void remove_unwanted(struct selfcheck *check, struct health_condition **old, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!has_item(check, old[i]))
			health_remove(check->parts.health, old[i]);
}

static void take_limits(struct selfcheck *check, const struct config *config)
{
	check->fall = (uint16_t)config->check_fall;
	check->rise = (uint16_t)config->check_rise;
	check->hang_ns = config->hang_ms * (uint64_t)CLOCK_NS_PER_MS;
}

static void limit(const struct selfcheck *check, struct health_condition *condition)
{
	if (!condition)
		return;
	condition->fall = check->fall;
	condition->rise = check->rise;
}

/* The hang judge has seen hang_ms of ticks by then: to see another fall of them would only cost time. */
static void limit_hung(const struct selfcheck *check, struct health_condition *hung)
{
	limit(check, hung);
	if (hung)
		hung->fall = 1;
}

/* Those that do not come and go with the snapshot. */
static void limit_faults(struct selfcheck *check)
{
	for (unsigned i = 0; i < check->workers; i++) {
		struct worker_watch *w = &check->worker[i];

		limit_hung(check, w->hung);
		limit(check, w->starved);
		limit(check, w->canary);
		for (unsigned p = 0; p < check->ports; p++)
			limit(check, w->fastpath[p].condition);
	}
	for (unsigned p = 0; p < check->ports; p++) {
		limit(check, check->port[p].filter);
		limit(check, check->port[p].carrier);
	}
}

void selfcheck_adopt(struct selfcheck *check, const struct config *config)
{
	struct health_condition *old[ITEMS_MAX];
	unsigned n = check->items;

	for (unsigned i = 0; i < n; i++)
		old[i] = check->item[i].condition;
	take_limits(check, config);
	check->sweep.period_ns = config->check_interval_ms * (uint64_t)CLOCK_NS_PER_MS;
	limit_faults(check);
	/* Servers of the old snapshot are not asked about any more. */
	for (unsigned i = 0; i < check->workers; i++)
		for (unsigned p = 0; p < DP_PORTS_MAX; p++)
			check->worker[i].fastpath[p].server = NULL;
	check->unwatched = 0;
	add_items(check);
	remove_unwanted(check, old, n);
	if (check->unwatched)
		log_warning("self-check: %u conditions more than there is room for are not watched",
			    check->unwatched);
	read_addresses(check);
}

void selfcheck_link_changed(struct selfcheck *check)
{
	read_addresses(check);
}

/* Nothing is known of a fast path whose servers are all silent, or not reached by it. */
static bool waits_for_fastpath(const struct selfcheck *check, const struct worker_watch *w)
{
	const struct pool_server *found[POOL_SERVERS_MAX];

	for (unsigned port = 0; port < check->ports; port++)
		if (w->fastpath[port].condition && !w->fastpath[port].proved && find_servers(check, port, found))
			return true;
	return false;
}

bool selfcheck_proved(const struct selfcheck *check)
{
	for (unsigned i = 0; i < check->workers; i++)
		if (!check->worker[i].canary_seen || waits_for_fastpath(check, &check->worker[i]))
			return false;
	for (unsigned i = 0; i < check->ports; i++)
		if (check->port[i].next_queue < check->port[i].port->queues || check->port[i].bad_queues)
			return false;
	return !health_any_fault(check->parts.health);
}

bool selfcheck_workers_move(const struct selfcheck *check)
{
	for (unsigned i = 0; i < check->workers; i++)
		if (check->worker[i].hung && health_failed(check->worker[i].hung))
			return false;
	return true;
}

/* ---- start and stop ---- */

static void collect_workers(struct selfcheck *check)
{
	for (unsigned i = 0; i <= DP_STREAM; i++)
		if (check->parts.shared->worker[i])
			check->worker[check->workers++].worker = check->parts.shared->worker[i];
}

static void add_faults(struct selfcheck *check)
{
	for (unsigned i = 0; i < check->workers; i++) {
		struct worker_watch *w = &check->worker[i];

		w->hung = watch_worker(check, HEALTH_FAULT, "worker", w->worker);
		limit_hung(check, w->hung);
		w->canary = watch_worker(check, HEALTH_FAULT, "canary", w->worker);
	}
	for (unsigned i = 0; i < check->parts.shared->ports; i++) {
		struct port_watch *p = &check->port[check->ports++];

		p->port = check->parts.shared->port[i];
		p->filter = watch_port(check, "filter", p->port);
		p->carrier = watch_port(check, "carrier", p->port);
	}
}

static void add_fastpath(struct selfcheck *check, struct worker_watch *w)
{
	for (unsigned i = 0; i < check->ports; i++) {
		char what[HEALTH_NAME_MAX];

		if (!(check->port[i].port->side & DP_SIDE_SERVER))
			continue;
		snprintf(what, sizeof(what), "fastpath:%s", check->port[i].port->name);
		w->fastpath[i].condition = watch_worker(check, HEALTH_FAULT, what, w->worker);
	}
}

static void add_late_conditions(struct selfcheck *check)
{
	for (unsigned i = 0; i < check->workers; i++) {
		struct worker_watch *w = &check->worker[i];

		w->starved = watch_worker(check, HEALTH_NOTICE, "starved", w->worker);
		if (w->worker->index != DP_STREAM)	/* it has no AF_XDP sockets */
			add_fastpath(check, w);
	}
}

int selfcheck_start(struct selfcheck **result, const struct selfcheck_parts *parts,
		    const struct config *config)
{
	struct selfcheck *check = calloc(1, sizeof(*check));

	if (!check)
		return -ENOMEM;
	check->parts = *parts;
	check->started_ns = clock_mono_ns();
	take_limits(check, config);
	collect_workers(check);
	add_faults(check);
	add_late_conditions(check);
	start_beat(check, &check->tick, HANG_TICK_MS, on_tick);
	start_beat(check, &check->sweep, config->check_interval_ms, on_sweep);
	start_beat(check, &check->canary, CANARY_MS, on_canary);
	start_beat(check, &check->slow, SLOW_MS, on_slow);
	for (unsigned i = 0; i < check->workers; i++)
		ask_canary(&check->worker[i]);
	selfcheck_adopt(check, config);
	*result = check;
	return 0;
}

void selfcheck_stop(struct selfcheck *check)
{
	if (!check)
		return;
	loop_timer_stop(check->parts.loop, &check->tick.timer);
	loop_timer_stop(check->parts.loop, &check->sweep.timer);
	loop_timer_stop(check->parts.loop, &check->canary.timer);
	loop_timer_stop(check->parts.loop, &check->slow.timer);
	free(check);
}
