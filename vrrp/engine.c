/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine.c - the VRRP thread. Contract in engine.h.
 *
 * A segment is an interface, in one family, with its sockets and what is heard there; an instance is a virtual router
 * at work: its machine (fsm.c decides), its lease, its presence on the network. The engine owns all of them and the
 * loop. A turn:
 *
 *   clock        read once; a stall inside the turn is found again where an advertisement is sent
 *   adverts      every socket, until it is empty: what waits there is older than any timer
 *                (and whenever routers may have changed their state: their groups follow, see sync.h)
 *   timers       of the machine; announcements; the end of a linger
 *   health       faults and weights, acted on in the turn that learns of them
 *   ARP, ND      a bounded number of frames
 *   orders       links, addresses, release, resume, stop
 *   now and then strangers, and what only time changes in the status
 *   publish      status and control's bell, if something happened
 *
 * epoll only ends the sleep. What there is to do is looked up anew in every turn, in the order above, so nothing
 * depends on which descriptor woke the thread.
 *
 * Control's orders are words and cells that it writes before it rings wake_fd. No lock is taken, and nothing is
 * allocated after vrrp_engine_open().
 *
 * Which instances there are is a word of bits that control writes. An instance and the sockets of a segment are
 * control's until their bit is set, then the thread's until it has cleared the bit in its own word; whom a segment
 * hears for and who is in which group the thread gathers anew whenever the bits change.
 *
 * Accept mode and authentication are left out on purpose.
 */
#include "vrrp/engine.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/health.h"
#include "base/log.h"
#include "vrrp/instance.h"
#include "vrrp/realtime.h"
#include "vrrp/segment.h"
#include "vrrp/sync.h"

enum {
	STACK_SIZE = 512 * 1024,
};
_Static_assert(VRRP_ROUTERS_MAX <= 32, "a bit each");
#define TICK_NS (100ULL * CLOCK_NS_PER_MS)
#define TURN_GAP_NS (200ULL * CLOCK_NS_PER_US)	/* so that a flood is read by the dozen, and leaves time for others */

struct vrrp_engine {
	struct vrrp_engine_conf conf;
	struct vrrp_common common;
	struct vrrp_instance instances[VRRP_ROUTERS_MAX];
	struct vrrp_segment segments[VRRP_ROUTERS_MAX];
	struct vrrp_segment *segment_of[VRRP_ROUTERS_MAX];	/* of an instance; NULL = there is no such instance */
	_Atomic uint32_t wanted, present;	/* instances, as bits: as control says, as the thread has it */
	struct vrrp_instance *members[VRRP_ROUTERS_MAX];	/* those present; this and the rest are the thread's */
	unsigned n_members;
	struct vrrp_segment *heard[VRRP_ROUTERS_MAX];	/* segments that have members */
	unsigned n_heard;
	struct vrrp_sync groups[VRRP_ROUTERS_MAX];
	unsigned n_groups;
	int epoll_fd, wake_fd;
	pthread_t thread;
	bool started;
	_Atomic bool stop_wanted;
	uint64_t turn_ns;		/* the last one */
	uint64_t tick_ns;		/* the next one */
	struct vrrp_inbox inbox;
};

/* An eventfd only refuses when it is full, and then it is readable anyway. */
static void ring_bell(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

static void silence_bell(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return;
}

/* ---- the loop ---- */

static uint8_t at_most(unsigned n, uint8_t max)
{
	return n < max ? (uint8_t)n : max;
}

static void read_health(struct vrrp_engine *engine)
{
	const struct health *health = engine->conf.health;
	unsigned weights = 0, own_weights = 0;

	silence_bell(health->event_fd);
	engine->common.fault = NULL;
	for (unsigned i = 0; i < HEALTH_MAX; i++) {
		const struct health_condition *c = &health->conditions[i];

		/* The word first: the rest was written before it. */
		if (!health_failed(c))
			continue;
		if (c->kind == HEALTH_FAULT && !engine->common.fault)
			engine->common.fault = c->name;
		else if (c->kind == HEALTH_WEIGHT)
			*(c->own ? &own_weights : &weights) += c->weight;
	}
	engine->common.weights = at_most(weights, VRRP_WEIGHTS_MAX);
	engine->common.own_weights = at_most(own_weights, VRRP_WEIGHTS_MAX);
}

/* ---- who there is ---- */

/* The group called so; a new one if there is none. */
static struct vrrp_sync *find_group(struct vrrp_engine *engine, const char *name)
{
	unsigned g = 0;

	while (g < engine->n_groups && strcmp(engine->groups[g].member[0]->conf->group, name) != 0)
		g++;
	if (g == engine->n_groups)
		engine->groups[engine->n_groups++].n = 0;
	return &engine->groups[g];
}

/* Who is new joins as soon as it is where the others are: brought in before, it would take an Active group down. */
static void join_groups(struct vrrp_engine *engine)
{
	for (unsigned i = 0; i < engine->n_members; i++) {
		struct vrrp_instance *it = engine->members[i];
		struct vrrp_sync *group;

		if (it->router.sync || it->leaving || !it->router.conf->group[0])
			continue;
		group = find_group(engine, it->router.conf->group);
		if (vrrp_sync_fits(group, &it->router))
			vrrp_sync_join(group, &it->router);
	}
}

/* Those of the bits, each with its segment; who was in a group still is, unless it leaves. */
static void gather(struct vrrp_engine *engine, uint32_t bits)
{
	bool grouped[VRRP_ROUTERS_MAX] = { false };

	for (unsigned i = 0; i < engine->n_heard; i++)
		engine->heard[i]->n = 0;
	engine->n_members = engine->n_groups = engine->n_heard = 0;
	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++) {
		struct vrrp_instance *it = &engine->instances[i];
		struct vrrp_segment *segment = engine->segment_of[i];

		if (!(bits & 1u << i))
			continue;
		if (!segment->n)
			engine->heard[engine->n_heard++] = segment;
		segment->routers[segment->n++] = it;
		grouped[engine->n_members] = it->router.sync && !it->leaving;
		engine->members[engine->n_members++] = it;
		it->router.sync = NULL;
	}
	for (unsigned i = 0; i < engine->n_members; i++) {
		if (grouped[i])
			vrrp_sync_join(find_group(engine, engine->members[i]->router.conf->group), &engine->members[i]->router);
	}
}

static bool must_leave_group(const struct vrrp_engine *engine)
{
	for (unsigned i = 0; i < engine->n_members; i++) {
		if (engine->members[i]->leaving && engine->members[i]->router.sync)
			return true;
	}
	return false;
}

/* Who leaves is present until it says nothing and answers nobody any more. */
static void follow_bits(struct vrrp_engine *engine, uint64_t now_ns)
{
	uint32_t present = atomic_load_explicit(&engine->present, memory_order_relaxed);
	uint32_t bits = atomic_load_explicit(&engine->wanted, memory_order_acquire), fresh = bits & ~present;

	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++) {
		if (present & ~bits & 1u << i && !(engine->instances[i].leaving && vrrp_instance_is_idle(&engine->instances[i])))
			bits |= 1u << i;
	}
	if (bits != present || must_leave_group(engine))
		gather(engine, bits);
	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++) {
		if (fresh & 1u << i)
			vrrp_instance_publish(&engine->instances[i], true, now_ns);
	}
	if (bits == present)
		return;
	atomic_store_explicit(&engine->present, bits, memory_order_release);
	engine->common.news = true;
}

static void read_orders(struct vrrp_engine *engine, uint64_t now_ns)
{
	silence_bell(engine->wake_fd);
	engine->common.stopping = atomic_load_explicit(&engine->stop_wanted, memory_order_acquire);
	follow_bits(engine, now_ns);
	for (unsigned i = 0; i < engine->n_members; i++)
		vrrp_instance_orders(engine->members[i], now_ns);
	follow_bits(engine, now_ns);
	join_groups(engine);
}

/* ---- a turn ---- */

static void settle_groups(struct vrrp_engine *engine, uint64_t now_ns)
{
	for (unsigned i = 0; i < engine->n_groups; i++)
		vrrp_sync_settle(&engine->groups[i], now_ns);
}

static void review(struct vrrp_engine *engine, uint64_t now_ns)
{
	for (unsigned i = 0; i < engine->n_members; i++)
		vrrp_instance_review(engine->members[i], now_ns);
	settle_groups(engine, now_ns);
}

static void hear(struct vrrp_engine *engine,
		 void (*listen)(struct vrrp_segment *segment, struct vrrp_inbox *inbox, uint64_t now_ns), uint64_t now_ns)
{
	for (unsigned i = 0; i < engine->n_heard; i++)
		listen(engine->heard[i], &engine->inbox, now_ns);
}

static void look_around(struct vrrp_engine *engine, uint64_t now_ns)
{
	hear(engine, vrrp_segment_sample_strangers, now_ns);
	for (unsigned i = 0; i < engine->n_members; i++)
		vrrp_instance_expire(engine->members[i], now_ns);
}

static void publish(struct vrrp_engine *engine, bool always, uint64_t now_ns)
{
	for (unsigned i = 0; i < engine->n_members; i++)
		vrrp_instance_publish(engine->members[i], always, now_ns);
	if (engine->common.news)
		ring_bell(engine->conf.notify_fd);
	engine->common.news = false;
}

static void run_turn(struct vrrp_engine *engine)
{
	uint64_t now_ns = clock_mono_ns();
	bool tick = now_ns >= engine->tick_ns;

	engine->turn_ns = now_ns;
	hear(engine, vrrp_segment_hear_adverts, now_ns);
	settle_groups(engine, now_ns);
	for (unsigned i = 0; i < engine->n_members; i++)
		vrrp_instance_timers(engine->members[i], now_ns);
	settle_groups(engine, now_ns);
	read_health(engine);
	review(engine, now_ns);
	hear(engine, vrrp_segment_hear_inquiries, now_ns);
	read_orders(engine, now_ns);
	review(engine, now_ns);
	if (tick) {
		engine->tick_ns = now_ns + TICK_NS;
		look_around(engine, now_ns);
	}
	publish(engine, tick, now_ns);
}

static uint64_t next_due(const struct vrrp_engine *engine)
{
	uint64_t due = engine->tick_ns;

	for (unsigned i = 0; i < engine->n_members; i++) {
		uint64_t instance = vrrp_instance_due(engine->members[i]);

		if (instance < due)
			due = instance;
	}
	return due;
}

static struct timespec time_left(uint64_t due_ns)
{
	uint64_t now_ns = clock_mono_ns(), left = due_ns > now_ns ? due_ns - now_ns : 0;

	return (struct timespec){ (time_t)(left / CLOCK_NS_PER_S), (long)(left % CLOCK_NS_PER_S) };
}

/* Until due_ns, or until something comes in; in any case until the last turn is a little while ago. */
static void sleep_until(const struct vrrp_engine *engine, uint64_t due_ns)
{
	struct timespec gap = time_left(engine->turn_ns + TURN_GAP_NS), limit;
	struct epoll_event event;

	clock_nanosleep(CLOCK_MONOTONIC, 0, &gap, NULL);
	limit = time_left(due_ns);
	epoll_pwait2(engine->epoll_fd, &event, 1, &limit, NULL);
}

static bool is_finished(const struct vrrp_engine *engine)
{
	if (!engine->common.stopping)
		return false;
	for (unsigned i = 0; i < engine->n_members; i++) {
		if (!vrrp_instance_is_idle(engine->members[i]))
			return false;
	}
	return true;
}

/* ---- the thread ---- */

static void *run(void *arg)
{
	struct vrrp_engine *engine = arg;

	pthread_setname_np(pthread_self(), "vrrp");
	engine->common.realtime = vrrp_become_realtime();
	engine->common.locked = vrrp_lock_memory();
	if (engine->conf.on_thread_start)
		engine->conf.on_thread_start(engine->conf.context);
	run_turn(engine);
	while (!is_finished(engine)) {
		sleep_until(engine, next_due(engine));
		run_turn(engine);
	}
	if (engine->conf.on_thread_stop)
		engine->conf.on_thread_stop(engine->conf.context);
	return NULL;
}

int vrrp_engine_start(struct vrrp_engine *engine)
{
	pthread_attr_t attr;
	int err = pthread_attr_init(&attr);

	if (err)
		return -err;
	err = pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (!err)
		err = pthread_create(&engine->thread, &attr, run, engine);
	pthread_attr_destroy(&attr);
	engine->started = !err;
	return -err;
}

void vrrp_engine_stop(struct vrrp_engine *engine)
{
	if (!engine->started)
		return;
	atomic_store_explicit(&engine->stop_wanted, true, memory_order_release);
	ring_bell(engine->wake_fd);
	pthread_join(engine->thread, NULL);
	engine->started = false;
}

/* ---- opening ---- */

static int watch(const struct vrrp_engine *engine, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_waiting(struct vrrp_engine *engine)
{
	int err;

	engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (engine->epoll_fd < 0)
		return -errno;
	engine->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (engine->wake_fd < 0)
		return -errno;
	err = watch(engine, engine->wake_fd);
	return err ? err : watch(engine, engine->conf.health->event_fd);
}

/* That of the interface and family, or, with interface "", one that is free. NULL: there is none. */
static struct vrrp_segment *find_segment(struct vrrp_engine *engine, const char *interface, bool ipv6)
{
	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++) {
		struct vrrp_segment *segment = &engine->segments[i];

		if (!strcmp(segment->interface, interface) && segment->ipv6 == ipv6)
			return segment;
	}
	return NULL;
}

static void close_segment(struct vrrp_segment *segment)
{
	vrrp_sockets_close(&segment->sockets);
	memset(segment, 0, sizeof(*segment));
}

/* With the sockets for those of the n routers that are on it. Strangers do not wake the thread. */
static int open_segment(struct vrrp_engine *engine, const struct vrrp_conf *conf, const struct vrrp_conf *routers, unsigned n,
			struct vrrp_segment **result, char *error, size_t size)
{
	struct vrrp_segment *segment = find_segment(engine, "", false);
	int err = vrrp_sockets_open(&segment->sockets, conf->interface, vrrp_is_ipv6(conf), routers, n, error, size);

	if (err)
		return err;
	snprintf(segment->interface, sizeof(segment->interface), "%s", conf->interface);
	segment->ipv6 = vrrp_is_ipv6(conf);
	err = watch(engine, segment->sockets.adverts_fd);
	if (!err)
		err = watch(engine, segment->sockets.inquiries_fd);
	if (err) {
		snprintf(error, size, "%s: cannot wait for packets: %s", conf->interface, strerror(-err));
		close_segment(segment);
		return err;
	}
	*result = segment;
	return 0;
}

static void init_instance(struct vrrp_engine *engine, unsigned i, const struct vrrp_conf *conf, struct vrrp_segment *segment)
{
	engine->segment_of[i] = segment;
	vrrp_instance_init(&engine->instances[i], i, conf, &engine->common, &engine->conf.last_words[i],
			   &segment->sockets, segment->stranger, clock_mono_ns());
}

static int open_instance(struct vrrp_engine *engine, unsigned i, char *error, size_t size)
{
	const struct vrrp_conf *conf = &engine->conf.router[i];
	struct vrrp_segment *segment = find_segment(engine, conf->interface, vrrp_is_ipv6(conf));

	if (!segment) {
		int err = open_segment(engine, conf, engine->conf.router, engine->conf.n, &segment, error, size);

		if (err)
			return err;
	}
	init_instance(engine, i, conf, segment);
	atomic_fetch_or(&engine->wanted, 1u << i);
	return 0;
}

static int open_all(struct vrrp_engine *engine, char *error, size_t size)
{
	int err = open_waiting(engine);

	if (err)
		snprintf(error, size, "vrrp: cannot wait for events: %s", strerror(-err));
	for (unsigned i = 0; !err && i < engine->conf.n; i++)
		err = open_instance(engine, i, error, size);
	if (err)
		return err;
	/* There is no thread yet. */
	follow_bits(engine, clock_mono_ns());
	join_groups(engine);
	return 0;
}

int vrrp_engine_open(struct vrrp_engine **engine, const struct vrrp_engine_conf *conf, char *error,
		     size_t size)
{
	struct vrrp_engine *e;
	int err;

	if (conf->n > VRRP_ROUTERS_MAX) {
		snprintf(error, size, "vrrp: more than %d virtual routers", VRRP_ROUTERS_MAX);
		return -E2BIG;
	}
	e = calloc(1, sizeof(*e));
	if (!e) {
		snprintf(error, size, "vrrp: out of memory");
		return -ENOMEM;
	}
	e->conf = *conf;
	e->common.leases = conf->leases;
	e->epoll_fd = e->wake_fd = -1;
	err = open_all(e, error, size);
	if (err) {
		vrrp_engine_close(e);
		return err;
	}
	*engine = e;
	return 0;
}

void vrrp_engine_close(struct vrrp_engine *engine)
{
	if (!engine)
		return;
	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++) {
		if (engine->segments[i].interface[0])
			close_segment(&engine->segments[i]);
	}
	if (engine->wake_fd >= 0)
		close(engine->wake_fd);
	if (engine->epoll_fd >= 0)
		close(engine->epoll_fd);
	free(engine);
}

/* ---- orders and answers: control thread ---- */

void vrrp_engine_link(struct vrrp_engine *engine, unsigned router, const struct vrrp_link *link)
{
	struct vrrp_instance *it = &engine->instances[router];

	vrrp_cell_write(&it->link_cell, it->link_words, link, sizeof(*link));
	ring_bell(engine->wake_fd);
}

void vrrp_engine_second(struct vrrp_engine *engine, unsigned router, const struct vrrp_second *second)
{
	struct vrrp_instance *it = &engine->instances[router];

	vrrp_cell_write(&it->second_cell, it->second_words, second, sizeof(*second));
}

void vrrp_engine_hops(struct vrrp_engine *engine, unsigned router, const struct vrrp_hops *hops)
{
	struct vrrp_instance *it = &engine->instances[router];

	vrrp_cell_write(&it->hops_cell, it->hops_words, hops, sizeof(*hops));
	ring_bell(engine->wake_fd);
}

static const struct vrrp_conf *conf_of(const struct vrrp_engine *engine, unsigned i)
{
	return atomic_load_explicit(&engine->instances[i].conf_wanted, memory_order_relaxed);
}

static bool is_wanted(const struct vrrp_engine *engine, unsigned i)
{
	return atomic_load_explicit(&engine->wanted, memory_order_relaxed) & 1u << i;
}

/* Routers of the segment, as control wants them; more is one beside them, or NULL. Returns how many. */
static unsigned list_routers(const struct vrrp_engine *engine, const struct vrrp_segment *segment, const struct vrrp_conf *more,
			     const struct vrrp_conf *list[VRRP_ROUTERS_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++) {
		if (is_wanted(engine, i) && engine->segment_of[i] == segment)
			list[n++] = conf_of(engine, i);
	}
	if (more)
		list[n++] = more;
	return n;
}

static int follow_router(struct vrrp_engine *engine, struct vrrp_segment *segment, const struct vrrp_conf *more,
			 const struct vrrp_conf *before, const struct vrrp_conf *after)
{
	const struct vrrp_conf *here[VRRP_ROUTERS_MAX];
	unsigned n = list_routers(engine, segment, more, here);

	return vrrp_sockets_follow(&segment->sockets, segment->interface, here, n, before, after);
}

int vrrp_engine_configure(struct vrrp_engine *engine, unsigned router, const struct vrrp_conf *conf)
{
	const struct vrrp_conf *before = conf_of(engine, router);
	int err;

	atomic_store_explicit(&engine->instances[router].conf_wanted, conf, memory_order_release);
	err = follow_router(engine, engine->segment_of[router], NULL, before, conf);
	ring_bell(engine->wake_fd);
	return err;
}

static int extend_segment(struct vrrp_engine *engine, struct vrrp_segment *segment, const struct vrrp_conf *conf, char *error,
			  size_t size)
{
	int err = follow_router(engine, segment, conf, NULL, conf);

	if (!err)
		return 0;
	follow_router(engine, segment, NULL, conf, NULL);
	snprintf(error, size, "%s: packet sockets of vrrp: %s", conf->interface, strerror(-err));
	return err;
}

int vrrp_engine_add(struct vrrp_engine *engine, unsigned router, const struct vrrp_conf *conf, char *error, size_t size)
{
	struct vrrp_segment *segment = find_segment(engine, conf->interface, vrrp_is_ipv6(conf));
	int err;

	if (!segment)
		err = open_segment(engine, conf, conf, 1, &segment, error, size);
	else
		err = extend_segment(engine, segment, conf, error, size);
	if (err)
		return err;
	init_instance(engine, router, conf, segment);
	atomic_fetch_or_explicit(&engine->wanted, 1u << router, memory_order_release);
	ring_bell(engine->wake_fd);
	return 0;
}

void vrrp_engine_remove(struct vrrp_engine *engine, unsigned router)
{
	atomic_store_explicit(&engine->instances[router].leave_wanted, true, memory_order_relaxed);
	atomic_fetch_and_explicit(&engine->wanted, ~(1u << router), memory_order_release);
	ring_bell(engine->wake_fd);
}

bool vrrp_engine_is_gone(const struct vrrp_engine *engine, unsigned router)
{
	return !is_wanted(engine, router) &&
	       !(atomic_load_explicit(&engine->present, memory_order_acquire) & 1u << router);
}

static bool is_needed(const struct vrrp_engine *engine, const struct vrrp_segment *segment)
{
	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++) {
		if (engine->segment_of[i] == segment)
			return true;
	}
	return false;
}

void vrrp_engine_forget(struct vrrp_engine *engine, unsigned router)
{
	struct vrrp_segment *segment = engine->segment_of[router];

	engine->segment_of[router] = NULL;
	if (is_needed(engine, segment))
		follow_router(engine, segment, NULL, conf_of(engine, router), NULL);
	else
		close_segment(segment);
	memset(&engine->instances[router], 0, sizeof(engine->instances[router]));
}

const struct vrrp_conf *vrrp_engine_conf_in_use(const struct vrrp_engine *engine, unsigned router)
{
	return atomic_load_explicit(&engine->instances[router].conf_in_use, memory_order_acquire);
}

static bool is_in_group_of(const struct vrrp_engine *engine, unsigned i, unsigned router)
{
	const char *group = conf_of(engine, i)->group;

	return group[0] && !strcmp(group, conf_of(engine, router)->group);
}

static void order_release(struct vrrp_engine *engine, unsigned router, bool wanted)
{
	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++) {
		if (!is_wanted(engine, i))
			continue;
		if (router == VRRP_ROUTERS_MAX || i == router || is_in_group_of(engine, i, router))
			atomic_store_explicit(&engine->instances[i].release_wanted, wanted,
					      memory_order_release);
	}
	ring_bell(engine->wake_fd);
}

void vrrp_engine_release(struct vrrp_engine *engine, unsigned router)
{
	order_release(engine, router, true);
}

void vrrp_engine_resume(struct vrrp_engine *engine, unsigned router)
{
	order_release(engine, router, false);
}

void vrrp_engine_status(struct vrrp_engine *engine, unsigned router, struct vrrp_status *status)
{
	struct vrrp_instance *it = &engine->instances[router];

	while (!vrrp_cell_read(&it->status_cell, it->status_words, status, sizeof(*status)))
		sched_yield();
}

uint64_t vrrp_engine_sent_ns(const struct vrrp_engine *engine, unsigned router)
{
	return atomic_load_explicit(&engine->instances[router].sent_word, memory_order_acquire);
}

unsigned vrrp_engine_transitions(struct vrrp_engine *engine, struct vrrp_transition *out, unsigned max,
				 uint64_t *lost)
{
	return vrrp_ring_take(&engine->common.ring, out, max, lost);
}
