/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_selfcheck.c - conditions by what the self-check is shown: workers that answer, sleep on or answer wrong; a
 * filter, addresses and next hops swapped for ones the test can break. The clock is the real one.
 */
#include "tests/tap.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/health.h"
#include "base/lease.h"
#include "base/loop.h"
#include "dataplane/neigh.h"
#include "dataplane/port.h"
#include "dataplane/steer.h"
#include "dataplane/worker.h"
#include "node/config.h"
#include "node/selfcheck.h"
#include "node/thread.h"
#include "pools/name.h"

/* deadlines for what is judged every 10-100 ms, every second */
enum { BYPASS_MS = 3500, FAST_MS = 1500, SLOW_MS = 4500 };

enum behaviour { ANSWERS, SLEEPS_ON, ANSWERS_WRONG };

static struct {
	enum behaviour worker[2];
	char state;			/* of every thread */
	int bad_queue;			/* of the filter; -1 = none */
	bool drops_nothing, has_address, server_answers;
	bool bypassed;			/* the filter's sockets are out */
	bool lease_ends;		/* while the filter looks at a frame for its address */
	bool floods, is_busy;		/* frames find no room; the worker sends */
	unsigned others_answer;		/* index of a server that answers clients' queries; 0 = none */
	const char *reason;		/* no fast path */
} world;

static struct loop loop;
static struct health health;
static struct dp_shared shared;
static struct dp_worker workers[2];
static struct pool_load loads[2][POOL_SERVERS_MAX];
static _Atomic uint64_t counters[2][DP_COUNTERS];
static struct dp_port port;
static struct dp_conf conf, other;
static struct pool pool, other_pool;
static struct name probe_name;
static struct pool_registry registry;
static struct dp_next_hops hops;
static struct lease_page leases;
static struct config config;
static struct selfcheck *check;

/* ---- the world ---- */

char thread_state(int tid)
{
	(void)tid;
	return world.state;
}

uint64_t thread_cpu_ns(pthread_t thread)
{
	(void)thread;
	return 0;
}

int steer_check(struct steer *steer, unsigned number, unsigned queue, const struct steer_listen *listen,
		bool expect_redirect, char *cause, size_t size)
{
	assert_ptr_equal(steer, &world);
	assert_int_equal(number, 0);
	assert_int_equal(expect_redirect, lease_holds(&leases, listen->lease, clock_boot_ns()));
	if (world.lease_ends && listen->lease == 0 && expect_redirect) {
		lease_revoke(&leases, 0);
		return -EIO;
	}
	if ((expect_redirect && (int)queue == world.bad_queue) ||
	    (!expect_redirect && world.drops_nothing)) {
		snprintf(cause, size, "queue %u", queue);
		return -EIO;
	}
	return 0;
}

void steer_bypass(struct steer *steer)
{
	assert_ptr_equal(steer, &world);
	world.bypassed = true;
}

uint64_t dp_umem_overflow(const struct dp_umem *umem, unsigned number)
{
	static uint64_t frames;

	assert_ptr_equal(umem, &world);
	assert_int_equal(number, 0);
	return frames += world.floods;
}

const char *neigh_reason(const struct neigh *neigh, const struct pool_server *server)
{
	(void)neigh;
	(void)server;
	return world.reason;
}

int getifaddrs(struct ifaddrs **list)
{
	static struct sockaddr_in address = { .sin_family = AF_INET };
	static struct ifaddrs one = { .ifa_addr = (struct sockaddr *)&address };

	address.sin_addr.s_addr = htonl(world.has_address ? 0xc0000201 : 0xc0000299);
	*list = &one;
	return 0;
}

void freeifaddrs(struct ifaddrs *list)
{
	(void)list;
}

static void do_batch(struct dp_worker *worker)
{
	struct dp_self *self = &worker->self;

	epoch_enter(&shared.epoch, worker->reader);
	counters_add(&worker->counters[DP_COUNT_BATCHES], 1);
	if (world.worker[worker - workers] == ANSWERS)
		self->canary_answered = self->canary_asked;
	if (atomic_exchange(&self->port[0].server_plus_1, 0)) {
		self->port[0].asked++;
		if (world.server_answers)
			self->port[0].answered = self->port[0].asked;
	}
	if (world.is_busy)
		counters_add(&worker->counters[DP_COUNT_FRAMES_OUT], 1);
	if (world.others_answer)
		counters_add(&worker->loads[world.others_answer].answered, 1);
	epoch_sleep(worker->reader);
}

/* A worker works when it is woken. */
void dp_worker_wake(struct dp_worker *worker)
{
	if (world.worker[worker - workers] != SLEEPS_ON)
		do_batch(worker);
}

/* ---- set-up ---- */

static void make_conf(struct dp_conf *c, struct pool *p, const char *pool_name, const char *address)
{
	memset(c, 0, sizeof(*c));
	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", pool_name);
	c->listens = 1;
	addr_parse(address, &c->listen[0].endpoint.addr);
	c->listen[0].endpoint.port = 53;
	c->listen[0].lease = LEASE_NONE;
	c->n_pools = 1;
	c->pools[0] = p;
	c->probe_name[0] = &probe_name;
	struct endpoint server = { .port = 53 };

	addr_parse("192.0.2.53", &server.addr);
	p->member[p->members++] = pool_registry_get(&registry, pool_name, &server, 0);
}

static void make_worker(unsigned i, unsigned index)
{
	struct dp_worker *w = &workers[i];

	memset(w, 0, sizeof(*w));
	w->shared = &shared;
	w->index = index;
	w->reader = &shared.epoch.readers[index];
	w->counters = counters[i];
	memset(loads[i], 0, sizeof(loads[i]));
	w->loads = loads[i];
	w->thread = pthread_self();
	w->tid = 1;
	w->running = true;
	shared.worker[index] = w;
}

static int start(void **unused)
{
	(void)unused;
	memset(&world, 0, sizeof(world));
	world.state = 'S';
	world.bad_queue = -1;
	world.has_address = world.server_answers = true;
	world.reason = "";
	memset(&shared, 0, sizeof(shared));
	memset(&registry, 0, sizeof(registry));
	epoch_init(&shared.epoch);
	port = (struct dp_port){ .name = "eth0", .side = DP_SIDE_BOTH, .queues = 20, .carrier = true };
	shared.port[0] = &port;
	shared.ports = 1;
	shared.workers = 1;
	shared.leases = &leases;
	shared.registry = &registry;
	shared.next_hops = &hops;
	make_conf(&conf, &pool, "auth", "192.0.2.1");
	make_conf(&other, &other_pool, "rec", "192.0.2.2");
	shared.conf = &conf;
	hops.server[pool.member[0]->index] = (struct dp_next_hop){ .usable = true };
	make_worker(0, 0);
	make_worker(1, DP_STREAM);
	config.check_fall = config.check_rise = 1;
	config.check_interval_ms = 20;
	config.hang_ms = 50;
	assert_int_equal(loop_init(&loop), 0);
	assert_int_equal(health_init(&health), 0);

	struct selfcheck_parts parts = { &loop, &health, &shared, (struct steer *)&world,
					 (struct neigh *)&world, (struct dp_umem *)&world };

	return selfcheck_start(&check, &parts, &config);
}

static int stop(void **unused)
{
	(void)unused;
	selfcheck_stop(check);
	health_fini(&health);
	loop_fini(&loop);
	return 0;
}

static const struct health_condition *find(const char *name)
{
	for (unsigned i = 0; i < HEALTH_MAX; i++)
		if (health.conditions[i].in_use && strcmp(health.conditions[i].name, name) == 0)
			return &health.conditions[i];
	return NULL;
}

static bool has_failed(const char *name)
{
	assert_non_null(find(name));
	return health_failed(find(name));
}

static unsigned count_failed(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < HEALTH_MAX; i++)
		n += health.conditions[i].in_use && health_failed(&health.conditions[i]);
	return n;
}

static void run_ms(unsigned ms)
{
	uint64_t end_ns = clock_mono_ns() + ms * (uint64_t)CLOCK_NS_PER_MS;

	while (clock_mono_ns() < end_ns)
		assert_int_equal(loop_turn(&loop, 5), 0);
}

static void await(const char *name, bool failed, unsigned within_ms)
{
	uint64_t end_ns = clock_mono_ns() + within_ms * (uint64_t)CLOCK_NS_PER_MS;

	while (has_failed(name) != failed && clock_mono_ns() < end_ns)
		assert_int_equal(loop_turn(&loop, 5), 0);
	assert_int_equal(has_failed(name), failed);
}

/* ---- cases ---- */

static void test_all_good(void **unused)
{
	static const char *const names[] = {
		"worker:0", "worker:stream", "canary:0", "canary:stream", "starved:0", "filter:eth0",
		"carrier:eth0", "fastpath:eth0:0", "listen:192.0.2.1", "routes:auth",
		"nexthop:auth/192.0.2.53:53",
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_non_null(find(names[i]));
	assert_null(find("fastpath:eth0:stream"));
	run_ms(2300);
	assert_int_equal(count_failed(), 0);
	assert_true(selfcheck_workers_move(check));
	assert_true(workers[0].self.port[0].asked >= 1);
}

static void test_proved(void **unused)
{
	(void)unused;
	assert_false(selfcheck_proved(check));
	world.worker[1] = ANSWERS_WRONG;
	run_ms(100);			/* twenty queues are three sweeps */
	assert_false(selfcheck_proved(check));
	world.worker[1] = ANSWERS;
	await("canary:stream", false, FAST_MS);
	run_ms(30);
	assert_true(selfcheck_proved(check));
	world.worker[0] = ANSWERS_WRONG;
	await("canary:0", true, FAST_MS);
	assert_false(selfcheck_proved(check));
}

/* The address is on no interface while another node has it, and the filter drops what comes for it. */
static void test_virtual_address(void **unused)
{
	(void)unused;
	other.listen[0].lease = 0;
	shared.conf = &other;
	selfcheck_adopt(check, &config);
	assert_null(find("listen:192.0.2.2"));
	run_ms(200);
	assert_int_equal(count_failed(), 0);
	lease_grant(&leases, 0, LEASE_ACTIVE, clock_boot_ns() + 3600ull * CLOCK_NS_PER_S);
	run_ms(200);
	assert_int_equal(count_failed(), 0);
	world.lease_ends = true;	/* between our look at the lease and the filter's */
	run_ms(100);
	assert_false(lease_holds(&leases, 0, clock_boot_ns()));
	assert_int_equal(count_failed(), 0);
}

static void test_hung(void **unused)
{
	(void)unused;
	world.worker[0] = SLEEPS_ON;
	await("worker:0", true, FAST_MS);
	assert_non_null(strstr(find("worker:0")->cause, "state S"));
	assert_false(selfcheck_workers_move(check));
	run_ms(300);
	assert_int_equal(count_failed(), 1);	/* the stream worker is fine, and the canary is not blamed, too */
	world.worker[0] = ANSWERS;
	await("worker:0", false, FAST_MS);
}

static void test_starved(void **unused)
{
	(void)unused;
	world.worker[1] = SLEEPS_ON;
	world.state = 'R';
	await("starved:stream", true, FAST_MS);
	run_ms(300);
	assert_int_equal(count_failed(), 1);
	assert_false(health_any_fault(&health));
	assert_true(selfcheck_workers_move(check));
}

static void test_ended(void **unused)
{
	(void)unused;
	run_ms(50);
	workers[0].running = false;
	await("worker:0", true, FAST_MS);
	assert_string_equal(find("worker:0")->cause, "its thread has ended");
}

static void test_canary(void **unused)
{
	(void)unused;
	world.worker[0] = ANSWERS_WRONG;
	await("canary:0", true, FAST_MS);
	run_ms(300);
	assert_int_equal(count_failed(), 1);	/* it is not hung */
	world.worker[0] = ANSWERS;
	await("canary:0", false, FAST_MS);
}

static void test_filter(void **unused)
{
	(void)unused;
	world.bad_queue = 17;	/* one of twenty, checked in every third sweep: stays failed in between */
	await("filter:eth0", true, FAST_MS);
	assert_string_equal(find("filter:eth0")->cause, "queue 17");
	for (unsigned i = 0; i < 40; i++) {
		run_ms(5);
		assert_true(has_failed("filter:eth0"));
	}
	world.bad_queue = -1;
	await("filter:eth0", false, FAST_MS);
	world.drops_nothing = true;
	await("filter:eth0", true, FAST_MS);
}

static void test_address(void **unused)
{
	(void)unused;
	world.has_address = false;
	selfcheck_link_changed(check);
	await("listen:192.0.2.1", true, 300);
	world.has_address = true;
	await("listen:192.0.2.1", false, SLOW_MS);	/* also without a message from the kernel */
}

static void test_pool(void **unused)
{
	(void)unused;
	pool_server_set_up(pool.member[0], false, "dead", 0);
	await("routes:auth", true, FAST_MS);
	assert_int_equal(find("routes:auth")->kind, HEALTH_WEIGHT);
	assert_int_equal(find("routes:auth")->weight, SELFCHECK_POOL_WEIGHT);
	assert_false(health_any_fault(&health));
	pool_server_set_up(pool.member[0], true, "", 0);
	await("routes:auth", false, FAST_MS);
}

static void test_next_hop(void **unused)
{
	(void)unused;
	world.reason = "no route";
	await("nexthop:auth/192.0.2.53:53", true, SLOW_MS);
	assert_string_equal(find("nexthop:auth/192.0.2.53:53")->cause, "no route");
	assert_int_equal(count_failed(), 1);
}

static void test_fast_path(void **unused)
{
	(void)unused;
	world.server_answers = false;
	await("fastpath:eth0:0", true, SLOW_MS);
	world.server_answers = true;
	await("fastpath:eth0:0", false, SLOW_MS);
}

/* A server that answers its probes and never by the fast path: a fault, till the node does without it. */
static void test_bypass(void **unused)
{
	(void)unused;
	world.server_answers = false;
	pool.member[0]->probe_latency_us = 300;
	run_ms(100);
	assert_false(selfcheck_proved(check));
	await("fastpath:eth0:0", true, SLOW_MS);
	assert_null(find("bypass"));
	assert_false(selfcheck_proved(check));
	for (unsigned i = 0; i < 60 && !find("bypass"); i++)
		run_ms(100);
	assert_true(world.bypassed);
	assert_null(find("fastpath:eth0:0"));
	await("bypass", true, SLOW_MS);
	assert_string_equal(find("bypass")->cause,
			    "AF_XDP on eth0 has carried nothing since the start: queries go through the kernel");
	assert_int_equal(count_failed(), 1);
	assert_true(selfcheck_proved(check));
}

/* What worked once is a fault when it stops, however long. */
static void test_no_bypass(void **unused)
{
	(void)unused;
	pool.member[0]->probe_latency_us = 300;
	run_ms(100);
	assert_true(selfcheck_proved(check));
	world.server_answers = false;
	await("fastpath:eth0:0", true, SLOW_MS);
	run_ms(BYPASS_MS);
	assert_true(has_failed("fastpath:eth0:0"));
	assert_false(world.bypassed);
}

/* The check itself may be lost in a flood of queries. */
static void test_fast_path_under_load(void **unused)
{
	unsigned server = pool.member[0]->index + 1u;

	(void)unused;
	hops.server[server] = (struct dp_next_hop){ .usable = true };
	world.server_answers = false;
	world.others_answer = server;
	run_ms(2500);
	assert_false(has_failed("fastpath:eth0:0"));
	hops.server[server].usable = false;	/* answers by way of the kernel prove nothing */
	await("fastpath:eth0:0", true, SLOW_MS);
}

/* Only hits, so that no server answers; its answer finds no room again and again. But who sends nothing is not busy. */
static void test_fast_path_in_a_flood(void **unused)
{
	(void)unused;
	world.server_answers = false;
	world.floods = world.is_busy = true;
	run_ms(SLOW_MS);
	assert_false(has_failed("fastpath:eth0:0"));
	world.is_busy = false;
	await("fastpath:eth0:0", true, SLOW_MS);
	world.server_answers = true;
	await("fastpath:eth0:0", false, SLOW_MS);
	world.server_answers = false;
	world.floods = false;
	world.is_busy = true;
	await("fastpath:eth0:0", true, SLOW_MS);
}

static void test_fast_path_of_the_dead(void **unused)
{
	(void)unused;
	world.server_answers = false;
	pool_server_set_up(pool.member[0], true, "no answer", 0);	/* failed a probe, not yet down */
	run_ms(2500);
	assert_false(has_failed("fastpath:eth0:0"));
}

static void test_adopt(void **unused)
{
	(void)unused;
	world.worker[0] = SLEEPS_ON;
	await("worker:0", true, FAST_MS);
	shared.conf = &other;
	selfcheck_adopt(check, &config);
	assert_true(has_failed("worker:0"));
	assert_null(find("routes:auth"));
	assert_null(find("listen:192.0.2.1"));
	assert_null(find("nexthop:auth/192.0.2.53:53"));
	assert_non_null(find("routes:rec"));
	assert_non_null(find("listen:192.0.2.2"));
	await("listen:192.0.2.2", true, FAST_MS);
	selfcheck_adopt(check, &config);
	assert_true(has_failed("listen:192.0.2.2"));
}

static void test_too_many(void **unused)
{
	struct pool_server servers[HEALTH_MAX] = { 0 };
	struct pool pools[HEALTH_MAX / POOL_MEMBERS_MAX];

	(void)unused;
	other.n_pools = HEALTH_MAX / POOL_MEMBERS_MAX;
	memset(pools, 0, sizeof(pools));
	for (unsigned i = 0; i < HEALTH_MAX; i++) {
		struct pool *p = &pools[i / POOL_MEMBERS_MAX];

		servers[i].endpoint.port = (uint16_t)(1000 + i);
		p->index = i / POOL_MEMBERS_MAX;
		snprintf(p->name, sizeof(p->name), "p%u", p->index);
		p->member[p->members++] = &servers[i];
		other.pools[p->index] = p;
	}
	shared.conf = &other;
	selfcheck_adopt(check, &config);
	assert_non_null(find("listen:192.0.2.2"));
	assert_non_null(find("routes:p4"));
	run_ms(100);
	shared.conf = &conf;
	selfcheck_adopt(check, &config);
	assert_non_null(find("nexthop:auth/192.0.2.53:53"));
}

#define WITH_CHECK(description, function) { description, function, start, stop, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		WITH_CHECK("everything good: the conditions are there and none fails", test_all_good),
		WITH_CHECK("V163 proved: every canary answered, every queue of the filter right, and no fault",
			   test_proved),
		WITH_CHECK("a virtual address on no interface is no fault; a lease that ends under a check neither",
			   test_virtual_address),
		WITH_CHECK("a worker that does not wake is hung, and only that", test_hung),
		WITH_CHECK("a worker that could run and gets no CPU is starved: a notice, no fault",
			   test_starved),
		WITH_CHECK("a worker whose thread has ended", test_ended),
		WITH_CHECK("a worker whose batches go by without the right answer", test_canary),
		WITH_CHECK("one bad queue of many fails its port until it is good; frames for nobody are dropped",
			   test_filter),
		WITH_CHECK("a listen address that no interface has", test_address),
		WITH_CHECK("a pool without a member that is up weighs, and is no fault", test_pool),
		WITH_CHECK("a server without a fast path is a notice with the reason", test_next_hop),
		WITH_CHECK("a server that answers probes and not AF_XDP: the fast path fails", test_fast_path),
		WITH_CHECK("D013 a fast path that never carried an answer is bypassed, and only then the node is ready",
			   test_bypass),
		WITH_CHECK("D013 one that did is not", test_no_bypass),
		WITH_CHECK("a check that is lost while others are answered by that port proves nothing",
			   test_fast_path_under_load),
		WITH_CHECK("a check that is lost for want of room, of a worker that does what it can, proves nothing",
			   test_fast_path_in_a_flood),
		WITH_CHECK("a server whose probe has just failed proves nothing", test_fast_path_of_the_dead),
		WITH_CHECK("a new snapshot: conditions go, come, and keep their state", test_adopt),
		WITH_CHECK("more servers than conditions: addresses and pools come first", test_too_many),
	};

	name_hash_init_fixed();
	return RUN(cases);
}
