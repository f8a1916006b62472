/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_inflight.c - an answer finds its query and no other, slots come back, timers are never early.
 */
#include "tests/tap.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "dataplane/inflight.h"

enum { MS = CLOCK_NS_PER_MS };

static const uint64_t START_NS = 5000ULL * CLOCK_NS_PER_S;
static struct pool_server *const server = (struct pool_server *)0x1000;	/* never looked into */

static struct dp_inflight_table *new_table(unsigned slots_log2, unsigned ports_log2)
{
	const struct dp_inflight_conf conf = { .slots_log2 = slots_log2, .ports_log2 = ports_log2 };
	struct dp_inflight_table *table = dp_inflight_table_new(&conf);

	assert_non_null(table);
	return table;
}

static void test_find(void **state)
{
	struct dp_inflight_table *table = new_table(10, 4);
	struct dp_inflight *query = dp_inflight_start(table, START_NS, START_NS + 100 * MS);
	struct dp_attempt *first, *second, *found;

	(void)state;
	assert_non_null(query);
	first = dp_inflight_attempt(table, query, server, START_NS);
	assert_ptr_equal(first->server, server);
	assert_int_equal(first->sent_ns, START_NS);
	assert_true(first->own_port < 16);
	second = dp_inflight_attempt(table, query, server, START_NS + 7);
	assert_null(dp_inflight_attempt(table, query, server, START_NS));

	assert_ptr_equal(dp_inflight_find(table, first->own_port, first->id, &found), query);
	assert_ptr_equal(found, first);
	assert_ptr_equal(dp_inflight_find(table, second->own_port, second->id, &found), query);
	assert_ptr_equal(found, second);
	dp_inflight_end(table, query);
	assert_null(dp_inflight_find(table, first->own_port, first->id, &found));
	assert_null(dp_inflight_find(table, second->own_port, second->id, &found));
	dp_inflight_table_free(table);
}

static void test_attempts_cleared(void **state)
{
	struct dp_inflight_table *table = new_table(1, 4);

	(void)state;
	for (int i = 0; i < 10; i++) {
		struct dp_inflight *query = dp_inflight_start(table, START_NS, START_NS + MS);

		assert_null(query->attempt[0].server);
		assert_null(query->attempt[1].server);
		dp_inflight_attempt(table, query, server, START_NS)->tcp = true;
		dp_inflight_attempt(table, query, server, START_NS)->tcp = true;
		dp_inflight_end(table, query);
	}
	dp_inflight_table_free(table);
}

/* Of a query that begins anew for them nothing is left of who had its slot before. */
static void test_moved(void **state)
{
	struct dp_inflight_table *table = new_table(4, 4);
	struct dp_inflight *old = dp_inflight_start(table, START_NS, START_NS + MS), *new;
	struct dp_waiter *late;

	(void)state;
	old->hash = 77;
	old->parent = 78;
	old->type = 1;
	old->class = 1;
	old->pool = 5;
	old->cd = true;
	old->name_len = 3;
	memcpy(old->name, "\1a", 3);
	old->first.deadline_ns = START_NS + MS;
	late = dp_inflight_join(table, old);
	late->deadline_ns = START_NS + 9 * MS;
	new = dp_inflight_start(table, START_NS, START_NS + 9 * MS);
	memset(new, 0xff, offsetof(struct dp_inflight, deadline_ns));
	assert_true(dp_inflight_has_later(old, START_NS + MS));
	dp_inflight_move_later(table, old, new, START_NS + MS);
	assert_memory_equal(new, old, offsetof(struct dp_inflight, deadline_ns));
	assert_memory_equal(new->name, old->name, 3);
	assert_int_equal(new->first.deadline_ns, START_NS + 9 * MS);
	assert_false(dp_inflight_has_later(old, START_NS + MS));
	dp_inflight_table_free(table);
}

/* The second attempt's number must not be found before there is a second attempt. */
static void test_unused_attempt(void **state)
{
	struct dp_inflight_table *table = new_table(4, 0);
	struct dp_inflight *query = dp_inflight_start(table, START_NS, START_NS + MS);
	struct dp_attempt *attempt;
	unsigned hits = 0;

	(void)state;
	for (unsigned id = 0; id <= UINT16_MAX; id++)
		assert_null(dp_inflight_find(table, 0, (uint16_t)id, &attempt));
	dp_inflight_attempt(table, query, server, START_NS);
	for (unsigned id = 0; id <= UINT16_MAX; id++)
		hits += dp_inflight_find(table, 0, (uint16_t)id, &attempt) != NULL;
	assert_int_equal(hits, 1);
	dp_inflight_table_free(table);
}

static void test_full(void **state)
{
	struct dp_inflight_table *table = new_table(4, 4);
	struct dp_inflight *query[16];

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		query[i] = dp_inflight_start(table, START_NS, START_NS + MS);
		assert_non_null(query[i]);
		assert_int_equal(dp_inflight_count(table), i + 1);
	}
	assert_null(dp_inflight_start(table, START_NS, START_NS + MS));
	dp_inflight_end(table, query[9]);
	dp_inflight_end(table, query[3]);
	assert_ptr_equal(dp_inflight_start(table, START_NS, START_NS + MS), query[9]);
	assert_ptr_equal(dp_inflight_start(table, START_NS, START_NS + MS), query[3]);
	assert_null(dp_inflight_start(table, START_NS, START_NS + MS));
	dp_inflight_table_free(table);
}

static double chi_square(const uint32_t *count, unsigned cells, double total)
{
	double expected = total / cells, sum = 0;

	for (unsigned i = 0; i < cells; i++)
		sum += (count[i] - expected) * (count[i] - expected) / expected;
	return sum / (cells - 1);
}

static void test_spread(void **state)
{
	enum { QUERIES = 1 << 20, PORTS = 1 << 14, LIVE = 100 };
	struct dp_inflight_table *table = new_table(16, 14);
	uint32_t *ports = calloc(PORTS, sizeof(*ports)), *ids = calloc(1 << 16, sizeof(*ids));
	struct dp_inflight *live[LIVE] = { NULL };
	unsigned neighbours = 0;
	uint16_t last_id = 0;

	(void)state;
	for (unsigned i = 0; i < QUERIES; i++) {
		struct dp_inflight **at = &live[i % LIVE];
		uint64_t now_ns = START_NS + i * 1000ULL;
		struct dp_attempt *attempt;

		if (*at)
			dp_inflight_end(table, *at);
		dp_inflight_expire(table, now_ns, 64, NULL, NULL);	/* only rested slots are due */
		*at = dp_inflight_start(table, now_ns, now_ns + 2000 * MS);
		assert_non_null(*at);
		attempt = dp_inflight_attempt(table, *at, server, now_ns);
		ports[attempt->own_port]++;
		ids[attempt->id]++;
		neighbours += (uint16_t)(attempt->id - last_id) <= 8;
		last_id = attempt->id;
	}
	assert_true(chi_square(ports, PORTS, QUERIES) < 1.2);
	assert_true(chi_square(ids, 1 << 16, QUERIES) < 1.2);
	assert_true(neighbours < QUERIES / 65536.0 * 9 * 2);
	free(ports);
	free(ids);
	dp_inflight_table_free(table);
}

/* What a server may still send: the number of an attempt, and which query (counted from 1) it belongs to. */
struct pending_answer {
	uint16_t own_port, id;
	uint64_t serial, deadline_ns;
};

/*
 * Sixteen bits for numbers and 2^14 slots leave two generations: numbers come again as soon as at all possible.
 * Every answer ever possible is sent several times, shuffled; until its deadline it finds its own query or none.
 */
static void test_small_id_space(void **state)
{
	enum { PENDING = 4096, STEPS = 300000, TIMEOUT_MS = 40 };
	struct dp_inflight_table *table = new_table(14, 0);
	struct pending_answer *pending = calloc(PENDING, sizeof(*pending));
	uint64_t now_ns = START_NS, serial = 0, own = 0, late = 0, refused = 0;

	(void)state;
	srandom(4711);
	for (unsigned step = 0; step < STEPS; step++) {
		struct pending_answer *p = &pending[random() % PENDING];
		struct dp_attempt *attempt;
		struct dp_inflight *query;

		now_ns += 10000;
		if (p->serial && now_ns < p->deadline_ns) {
			query = dp_inflight_find(table, p->own_port, p->id, &attempt);
			if (query) {
				assert_int_equal(query->first.deadline_ns, p->serial);
				dp_inflight_end(table, query);
				own++;
			} else {
				late++;
			}
			continue;
		}
		/* ended by its own deadline, as the worker would */
		query = p->serial ? dp_inflight_find(table, p->own_port, p->id, &attempt) : NULL;
		if (query && query->first.deadline_ns == p->serial)
			dp_inflight_end(table, query);
		dp_inflight_expire(table, now_ns, 0, NULL, NULL);
		query = dp_inflight_start(table, now_ns, now_ns + TIMEOUT_MS * MS);
		if (!query) {
			refused++;
			continue;
		}
		attempt = dp_inflight_attempt(table, query, server, now_ns);
		query->first.deadline_ns = ++serial;
		*p = (struct pending_answer){ attempt->own_port, attempt->id, serial, query->deadline_ns };
	}
	print_message("# %lu queries, %lu answered, %lu late, %lu refused\n", (unsigned long)serial,
		      (unsigned long)own, (unsigned long)late, (unsigned long)refused);
	assert_true(own > 10000 && late > 10000 && serial > 65536 * 2);
	free(pending);
	dp_inflight_table_free(table);
}

/* One client at a time, two generations: each slot must rest until its deadlines are over, the table goes on. */
static void test_rest(void **state)
{
	enum { SLOTS = 1 << 14, NUMBERS = 1 << 16 };
	struct dp_inflight_table *table = new_table(14, 0);
	uint64_t *deadline = calloc(NUMBERS, sizeof(*deadline)), now_ns = START_NS;
	unsigned started = 0;

	(void)state;
	/* all at one instant: every number at most once, then nothing is left */
	for (;;) {
		struct dp_inflight *query = dp_inflight_start(table, now_ns, now_ns + 100 * MS);
		struct dp_attempt *attempt;

		if (!query)
			break;
		attempt = dp_inflight_attempt(table, query, server, now_ns);
		assert_true(deadline[attempt->id] == 0);
		deadline[attempt->id] = query->deadline_ns;
		dp_inflight_end(table, query);
		started++;
	}
	assert_in_range(started, SLOTS, 2 * SLOTS);
	assert_int_equal(dp_inflight_count(table), 0);
	/* not one comes back before its time, all come back after it */
	dp_inflight_expire(table, now_ns + 100 * MS - 1, 0, NULL, NULL);
	assert_null(dp_inflight_start(table, now_ns + 100 * MS - 1, now_ns + 200 * MS));
	now_ns += 101 * MS;
	dp_inflight_expire(table, now_ns, 0, NULL, NULL);
	for (unsigned i = 0; i < SLOTS; i++)
		assert_non_null(dp_inflight_start(table, now_ns, now_ns + MS));
	free(deadline);
	dp_inflight_table_free(table);
}

static void test_boundary(void **state)
{
	struct dp_inflight_table *table = new_table(8, 2);
	static const uint16_t ids[] = { 0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff };
	static const uint16_t ports[] = { 0, 3, 4, 5, 0x8000, 0xffff };
	struct dp_attempt *attempt, *sent;
	struct dp_inflight *query;

	(void)state;
	/* an empty table: no id of any port is anything */
	for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		for (unsigned id = 0; id <= UINT16_MAX; id++)
			assert_null(dp_inflight_find(table, ports[i], (uint16_t)id, &attempt));
	/* a full one: boundary ids and ports out of range hit nothing that was not sent so */
	while ((query = dp_inflight_start(table, START_NS, START_NS + MS)) != NULL)
		dp_inflight_attempt(table, query, server, START_NS);
	for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		for (unsigned j = 0; j < sizeof(ids) / sizeof(ids[0]); j++) {
			query = dp_inflight_find(table, ports[i], ids[j], &attempt);
			if (!query)
				continue;
			sent = &query->attempt[0];
			assert_ptr_equal(attempt, sent);
			assert_int_equal(sent->own_port, ports[i]);
			assert_int_equal(sent->id, ids[j]);
			assert_true(ports[i] < 4);
		}
	}
	dp_inflight_table_free(table);
}

/* What the expiry callback checks and counts. */
struct expiry {
	struct dp_inflight_table *table;
	uint64_t now_ns, latest_ns;
	unsigned calls;
};

static void on_expired(void *context, struct dp_inflight *query)
{
	struct expiry *e = context;

	assert_true(query->live);
	assert_true(query->deadline_ns <= e->now_ns);
	if (e->now_ns - query->deadline_ns > e->latest_ns)
		e->latest_ns = e->now_ns - query->deadline_ns;
	e->calls++;
	dp_inflight_end(e->table, query);
}

static void test_wheel(void **state)
{
	enum { QUERIES = 4000 };
	struct expiry e = { .table = new_table(12, 8), .now_ns = START_NS };

	(void)state;
	srandom(1);
	for (unsigned i = 0; i < QUERIES; i++) {
		/* up to 20 s: several turns of the wheel */
		uint64_t after = (uint64_t)random() % 20000 * MS + (uint64_t)random() % MS;

		assert_non_null(dp_inflight_start(e.table, START_NS, START_NS + after));
	}
	while (e.now_ns < START_NS + 20002ULL * MS) {
		e.now_ns += 500000;
		dp_inflight_expire(e.table, e.now_ns, QUERIES, on_expired, &e);
	}
	assert_int_equal(e.calls, QUERIES);
	assert_int_equal(dp_inflight_count(e.table), 0);
	assert_true(e.latest_ns <= 2 * MS);
	dp_inflight_table_free(e.table);
}

static void test_wheel_jumps(void **state)
{
	static const uint64_t jump_ms[] = { 1, 4095, 4096, 4097, 8192, 3600ULL * 1000, 50 * 3600ULL * 1000 };
	struct expiry e = { .table = new_table(8, 8), .now_ns = START_NS };

	(void)state;
	for (size_t i = 0; i < sizeof(jump_ms) / sizeof(jump_ms[0]); i++) {
		uint64_t jump = jump_ms[i] * MS;

		e.calls = 0;
		dp_inflight_start(e.table, e.now_ns, e.now_ns + 1);
		dp_inflight_start(e.table, e.now_ns, e.now_ns + jump);
		dp_inflight_start(e.table, e.now_ns, e.now_ns + jump + 2 * MS);
		e.now_ns += jump + MS;
		dp_inflight_expire(e.table, e.now_ns, 100, on_expired, &e);
		assert_int_equal(e.calls, 2);
		e.now_ns += 2 * MS;
		dp_inflight_expire(e.table, e.now_ns, 100, on_expired, &e);
		assert_int_equal(e.calls, 3);
		e.now_ns += jump;	/* with an empty wheel */
		assert_int_equal(dp_inflight_expire(e.table, e.now_ns, 100, on_expired, &e), 0);
	}
	dp_inflight_table_free(e.table);
}

static void test_deadline_in_the_past(void **state)
{
	struct expiry e = { .table = new_table(4, 8), .now_ns = START_NS };

	(void)state;
	dp_inflight_start(e.table, START_NS, START_NS + 500 * MS);
	dp_inflight_start(e.table, START_NS, START_NS);
	dp_inflight_start(e.table, START_NS, START_NS - 10000ULL * MS);
	dp_inflight_start(e.table, START_NS, 0);
	e.now_ns += MS;
	assert_int_equal(dp_inflight_expire(e.table, e.now_ns, 100, on_expired, &e), 3);
	dp_inflight_table_free(e.table);
}

static void test_bites(void **state)
{
	enum { QUERIES = 1000, BITE = 64 };
	struct expiry e = { .table = new_table(10, 8), .now_ns = START_NS };
	struct dp_inflight *last = NULL;
	unsigned n, sum = 0;

	(void)state;
	for (unsigned i = 0; i < QUERIES; i++)
		last = dp_inflight_start(e.table, START_NS, START_NS + (1 + i % 5) * MS);
	e.now_ns += 10 * MS;
	assert_int_equal(dp_inflight_expire(e.table, e.now_ns, BITE, on_expired, &e), BITE);
	/* one that is due but not called yet may still end otherwise */
	dp_inflight_end(e.table, last);
	while ((n = dp_inflight_expire(e.table, e.now_ns, BITE, on_expired, &e)) > 0)
		sum += n;
	assert_int_equal(sum, QUERIES - BITE - 1);
	assert_int_equal(dp_inflight_count(e.table), 0);
	dp_inflight_table_free(e.table);
}

static void on_expired_start_again(void *context, struct dp_inflight *query)
{
	struct expiry *e = context;

	on_expired(context, query);
	assert_non_null(dp_inflight_start(e->table, e->now_ns, e->now_ns + 10 * MS));
}

static void test_start_in_callback(void **state)
{
	struct expiry e = { .table = new_table(5, 8), .now_ns = START_NS };

	(void)state;
	/* half the slots: one may rest because its generations are used up */
	for (int i = 0; i < 16; i++)
		dp_inflight_start(e.table, e.now_ns, e.now_ns + MS);
	for (int i = 0; i < 100; i++) {
		e.now_ns += 12 * MS;
		assert_int_equal(dp_inflight_expire(e.table, e.now_ns, 100, on_expired_start_again, &e), 16);
	}
	dp_inflight_table_free(e.table);
}

/* An idle or waiting table costs next to nothing a batch: figures, not only words. */
static void test_cheap(void **state)
{
	enum { CALLS = 1000000, WAITING = 1000 };
	struct expiry e = { .table = new_table(12, 8), .now_ns = START_NS };
	uint64_t start_ns;

	(void)state;
	for (int i = 0; i < WAITING; i++)
		dp_inflight_start(e.table, e.now_ns, e.now_ns + 3600ULL * CLOCK_NS_PER_S);
	start_ns = clock_mono_ns();
	for (int i = 0; i < CALLS; i++) {
		e.now_ns += 1000;
		dp_inflight_expire(e.table, e.now_ns, 64, on_expired, &e);
	}
	print_message("# %.1f ns a call with %d waiting\n",
		      (double)(clock_mono_ns() - start_ns) / CALLS, WAITING);
	assert_int_equal(e.calls, 0);
	dp_inflight_table_free(e.table);
}

static void end_it(void *context, struct dp_inflight *query)
{
	dp_inflight_end(context, query);
}

/* Whatever the order of starts, attempts, answers, duplicates, timeouts and sweeps: all comes back. */
static void test_balance(void **state)
{
	enum { SLOTS = 256, STEPS = 400000 };
	struct expiry e = { .table = new_table(8, 2), .now_ns = START_NS };
	struct pending_answer recent[512] = { { 0 } };
	unsigned started = 0, ended = 0;

	(void)state;
	srandom(99);
	for (unsigned step = 0; step < STEPS; step++) {
		struct pending_answer *p = &recent[random() % 512];
		struct dp_inflight *query;
		struct dp_attempt *attempt;

		e.now_ns += (uint64_t)random() % 100000;
		switch (random() % 8) {
		case 0: case 1: case 2:
			query = dp_inflight_start(e.table, e.now_ns, e.now_ns + random() % 30 * MS);
			if (!query)
				break;
			started++;
			query->first.deadline_ns = started;
			attempt = dp_inflight_attempt(e.table, query, server, e.now_ns);
			if (random() % 2)
				attempt = dp_inflight_attempt(e.table, query, server, e.now_ns);
			*p = (struct pending_answer){ attempt->own_port, attempt->id, started, 0 };
			break;
		case 3: case 4: case 5:
			query = p->serial ? dp_inflight_find(e.table, p->own_port, p->id, &attempt) : NULL;
			if (query) {
				assert_int_equal(query->first.deadline_ns, p->serial);
				dp_inflight_end(e.table, query);
				ended++;
			}
			break;
		default:
			ended += dp_inflight_expire(e.table, e.now_ns, 16, on_expired, &e);
		}
		assert_int_equal(dp_inflight_count(e.table), started - ended);
	}
	dp_inflight_each(e.table, end_it, e.table);
	assert_int_equal(dp_inflight_count(e.table), 0);
	e.now_ns += 100 * MS;
	assert_int_equal(dp_inflight_expire(e.table, e.now_ns, 1000, on_expired, &e), 0);
	for (unsigned i = 0; i < SLOTS; i++)
		assert_non_null(dp_inflight_start(e.table, e.now_ns, e.now_ns + MS));
	assert_null(dp_inflight_start(e.table, e.now_ns, e.now_ns + MS));
	dp_inflight_table_free(e.table);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("port and id find the query and the attempt, until it ends", test_find),
		CASE("a new query has no attempts", test_attempts_cleared),
		CASE("who waits longer goes on with another query for the same, and nothing else is in that",
		     test_moved),
		CASE("an attempt that was not made is not found", test_unused_attempt),
		CASE("a full table refuses; slots come back first freed first", test_full),
		CASE("D083 ids over 16 bits and ports are used evenly, and not in a row", test_spread),
		CASE("D084 id space forced small: shuffled and late answers hit their own query or none",
		     test_small_id_space),
		CASE("D084 a number is not used again before its deadline has passed", test_rest),
		CASE("D085 boundary ids and ports out of range hit nothing", test_boundary),
		CASE("timers are never early and at most 2 ms late, over several turns", test_wheel),
		CASE("the clock may jump by hours", test_wheel_jumps),
		CASE("a deadline in the past is due at the next tick", test_deadline_in_the_past),
		CASE("what is due is taken in bites", test_bites),
		CASE("a callback may start the next query", test_start_in_callback),
		CASE("nothing due costs next to nothing", test_cheap),
		CASE("in flight returns to 0 after answers, duplicates, timeouts and sweeps", test_balance),
	};

	return RUN(cases);
}
