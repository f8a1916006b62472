/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * offender.c - who asks most. Contract in offender.h.
 *
 * Eight rows a set, found by a keyed hash of the prefix. A prefix without a row takes the one of its set that tells
 * least: that asked least in these two seconds, where what was over the limit counts on for a while. A flood from
 * spoofed sources, each seen once, changes such rows among itself and moves none that is busy.
 *
 * One writer. A row's sequence number is odd while it is written; every field is atomic, stored with release and
 * loaded with acquire, so that a reader that finds the same even number before and after has seen one state.
 */
#include "dataplane/offender.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

enum {
	WAYS = 8,
	SETS = DP_OFFENDERS_MAX / WAYS,
	READ_TRIES = 8,			/* a row that changes all the time is left out */
	LIMITED_LOG2 = 6,		/* a query over the limit tells more than those that a sample stands for, */
	FADE_S_LOG2 = 2,		/* and half as much after every four seconds */
};

struct row {
	_Alignas(64) _Atomic uint32_t sequence;
	_Atomic uint32_t len_plus_1;	/* of the prefix; 0 = no row */
	_Atomic uint64_t addr[2];
	_Atomic uint64_t queries, limited;
	_Atomic uint32_t first_s, last_s;
	/* in the second last_s and in the one before it */
	_Atomic uint32_t queries_now, queries_before, limited_now, limited_before;
};
_Static_assert(sizeof(struct row) == 64, "one cache line");

struct dp_offenders {
	struct row row[SETS][WAYS];
	uint64_t key[3];
};

struct dp_offenders *dp_offenders_new(void)
{
	struct dp_offenders *new = aligned_alloc(_Alignof(struct row), sizeof(*new));

	if (!new)
		return NULL;
	memset(new, 0, sizeof(*new));
	if (getrandom(new->key, sizeof(new->key), 0) == sizeof(new->key))
		return new;
	free(new);
	return NULL;
}

void dp_offenders_free(struct dp_offenders *offenders)
{
	free(offenders);
}

/* ---- the worker's side: its own stores need no order to be read back ---- */

#define GET(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define PUT(field, value) atomic_store_explicit(&(field), value, memory_order_release)

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static struct row *set_of(struct dp_offenders *offenders, const struct prefix *prefix)
{
	uint64_t hash = fold(prefix->addr.halves_be[0] ^ offenders->key[0],
			     prefix->addr.halves_be[1] ^ offenders->key[1]);

	return offenders->row[fold(hash ^ prefix->len, offenders->key[2] | 1) >> 32 & (SETS - 1)];
}

static bool is_of(struct row *row, const struct prefix *prefix)
{
	return GET(row->len_plus_1) == prefix->len + 1u && GET(row->addr[1]) == prefix->addr.halves_be[1] &&
	       GET(row->addr[0]) == prefix->addr.halves_be[0];
}

static uint64_t worth(struct row *row, uint32_t now_s)
{
	uint32_t age_s = now_s - GET(row->last_s), halvings = age_s >> FADE_S_LOG2;
	uint64_t asks = age_s > 1 ? 0 : (uint64_t)GET(row->queries_now) + GET(row->queries_before);

	return asks + (halvings > 63 ? 0 : GET(row->limited) << LIMITED_LOG2 >> halvings);
}

/* An empty row has seen nothing for longer than any other. */
static struct row *least_of(struct row *set, uint32_t now_s)
{
	struct row *least = &set[0];

	for (struct row *row = set + 1; row < set + WAYS; row++) {
		uint64_t a = worth(row, now_s), b = worth(least, now_s);

		if (a < b || (a == b && GET(row->last_s) < GET(least->last_s)))
			least = row;
	}
	return least;
}

static struct row *find(struct dp_offenders *offenders, const struct prefix *prefix, uint32_t now_s, bool *is_new)
{
	struct row *set = set_of(offenders, prefix);

	*is_new = false;
	for (struct row *row = set; row < set + WAYS; row++)
		if (is_of(row, prefix))
			return row;
	*is_new = true;
	return least_of(set, now_s);
}

static void begin_row(struct row *row, const struct prefix *prefix, uint32_t now_s)
{
	PUT(row->len_plus_1, prefix->len + 1u);
	PUT(row->addr[0], prefix->addr.halves_be[0]);
	PUT(row->addr[1], prefix->addr.halves_be[1]);
	PUT(row->queries, 0);
	PUT(row->limited, 0);
	PUT(row->first_s, now_s);
	PUT(row->last_s, now_s);
	PUT(row->queries_now, 0);
	PUT(row->queries_before, 0);
	PUT(row->limited_now, 0);
	PUT(row->limited_before, 0);
}

/* A second has passed, or several. */
static void turn_second(struct row *row, uint32_t now_s)
{
	bool next = now_s - GET(row->last_s) == 1;

	PUT(row->queries_before, next ? GET(row->queries_now) : 0);
	PUT(row->limited_before, next ? GET(row->limited_now) : 0);
	PUT(row->queries_now, 0);
	PUT(row->limited_now, 0);
	PUT(row->last_s, now_s);
}

void dp_offenders_count(struct dp_offenders *offenders, const struct prefix *prefix, uint32_t queries,
			uint32_t limited, uint64_t now_ns)
{
	uint32_t now_s = (uint32_t)(now_ns / CLOCK_NS_PER_S);
	bool is_new;
	struct row *row = find(offenders, prefix, now_s, &is_new);
	uint32_t sequence = GET(row->sequence);

	PUT(row->sequence, sequence + 1);
	if (is_new)
		begin_row(row, prefix, now_s);
	if (GET(row->last_s) != now_s)
		turn_second(row, now_s);
	PUT(row->queries, GET(row->queries) + queries);
	PUT(row->limited, GET(row->limited) + limited);
	PUT(row->queries_now, GET(row->queries_now) + queries);
	PUT(row->limited_now, GET(row->limited_now) + limited);
	PUT(row->sequence, sequence + 2);
}

/* ---- the reader's side ---- */

#undef GET
#define GET(field) atomic_load_explicit((__typeof__(field) *)&(field), memory_order_acquire)

/* False: empty, or never at rest. */
static bool read_row(const struct row *row, struct dp_offender *out, uint32_t now_s)
{
	for (int i = 0; i < READ_TRIES; i++) {
		uint32_t before = GET(row->sequence), len_plus_1 = GET(row->len_plus_1);
		uint32_t queries_now, queries_before, limited_now, limited_before;

		out->prefix.addr.halves_be[0] = GET(row->addr[0]);
		out->prefix.addr.halves_be[1] = GET(row->addr[1]);
		out->queries = GET(row->queries);
		out->limited = GET(row->limited);
		out->first_s = GET(row->first_s);
		out->last_s = GET(row->last_s);
		queries_now = GET(row->queries_now);
		queries_before = GET(row->queries_before);
		limited_now = GET(row->limited_now);
		limited_before = GET(row->limited_before);
		if (before & 1 || GET(row->sequence) != before)
			continue;
		if (!len_plus_1)
			return false;
		out->prefix.len = (uint8_t)(len_plus_1 - 1);
		/* the worker's second may be over, or not quite begun for the reader */
		out->rate = out->last_s + 1 == now_s ? queries_now : out->last_s + 1 < now_s ? 0 : queries_before;
		out->limited_rate = out->last_s + 1 == now_s ? limited_now :
				    out->last_s + 1 < now_s ? 0 : limited_before;
		return true;
	}
	return false;
}

size_t dp_offenders_read(const struct dp_offenders *offenders, struct dp_offender *out, uint64_t now_ns)
{
	uint32_t now_s = (uint32_t)(now_ns / CLOCK_NS_PER_S);
	size_t n = 0;

	for (unsigned i = 0; i < SETS; i++)
		for (unsigned way = 0; way < WAYS; way++)
			n += read_row(&offenders->row[i][way], &out[n], now_s);
	return n;
}

static int by_prefix(const void *left, const void *right)
{
	const struct dp_offender *a = left, *b = right;
	int order = addr_compare(&a->prefix.addr, &b->prefix.addr);

	return order ? order : (int)a->prefix.len - (int)b->prefix.len;
}

static int by_rate(const void *left, const void *right)
{
	const struct dp_offender *a = left, *b = right;

	if (a->rate != b->rate)
		return a->rate > b->rate ? -1 : 1;
	if (a->last_s != b->last_s)
		return a->last_s > b->last_s ? -1 : 1;
	if (a->queries != b->queries)
		return a->queries > b->queries ? -1 : 1;
	return by_prefix(a, b);
}

static void add(struct dp_offender *to, const struct dp_offender *row)
{
	to->queries += row->queries;
	to->limited += row->limited;
	to->rate += row->rate;
	to->limited_rate += row->limited_rate;
	if (row->first_s < to->first_s)
		to->first_s = row->first_s;
	if (row->last_s > to->last_s)
		to->last_s = row->last_s;
}

size_t dp_offenders_merge(struct dp_offender *rows, size_t n)
{
	size_t kept = 0;

	qsort(rows, n, sizeof(*rows), by_prefix);
	for (size_t i = 0; i < n; i++) {
		if (kept && by_prefix(&rows[kept - 1], &rows[i]) == 0)
			add(&rows[kept - 1], &rows[i]);
		else
			rows[kept++] = rows[i];
	}
	qsort(rows, kept, sizeof(*rows), by_rate);
	return kept;
}
