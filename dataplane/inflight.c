/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inflight.c - one worker's queries on their way: a table, a free list and a timer wheel.
 *
 * Entries live in one mapping and are named by their slot; every list is made of slots, not pointers. An entry is
 * always in one of these places:
 *
 *   fresh     slot >= used: never touched, its memory not even there yet
 *   free      on the free list, first freed first
 *   live      on the wheel, or on the due list once its deadline has passed
 *   resting   on the wheel, not live: its numbers are used up, see below
 *
 * Numbers. An attempt's number is generation | slot | which; ending a query ends its generation, so an answer that
 * comes later finds nothing. A slot has 2^generation_bits generations, and when it has used them all, its first
 * numbers come again. They must not while an answer to their last use may still come, so the slot rests until
 * the latest deadline it ever had. Slots begin at random generations, so that they do not all rest at once.
 *
 * Wheel. WHEEL_SLOTS lists, one per millisecond; a deadline is rounded up to its tick, so nothing is early. Deadlines
 * further away than one turn stay in their list when it is looked at. Each elapsed tick moves what is due to the due
 * list, which the caller then takes in bites. List WHEEL_SLOTS is the due list, so that unlinking needs no case.
 *
 * Joining. A listed query hangs in a chain of its hash; there are as many chains as slots. Waiters beyond the first
 * come from a pool as large as the table, touched only as far as it is used.
 */
#include "dataplane/inflight.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "base/clock.h"
#include "dataplane/permute.h"

enum { WHEEL_SLOTS = 4096, DUE = WHEEL_SLOTS, LISTS };

#define NONE UINT32_MAX

struct list {
	uint32_t first, last;
};

struct dp_inflight_table {
	struct dp_permute permute;
	struct dp_inflight *entries;
	uint32_t slots, used;		/* used: entries ever touched */
	uint32_t free_first, free_last;	/* linked by wheel_next */
	uint32_t live;
	uint32_t on_wheel;		/* live and resting, those due included */
	uint8_t number_shift;		/* where the generation begins: slots_log2 + 1 */
	uint8_t ports_log2;
	uint32_t generation_mask;
	uint64_t tick;			/* the last one looked at */
	uint32_t *chains;		/* slots of listed queries, by hash */
	struct dp_waiter *waiters;	/* pool of those that joined */
	struct dp_waiter *free_waiters;
	uint32_t used_waiters, joined;	/* ever; now */
	size_t mapped;
	struct list lists[LISTS];
};

static void link_last(struct dp_inflight_table *t, struct dp_inflight *query, uint32_t at)
{
	struct list *list = &t->lists[at];

	query->wheel_at = at;
	query->wheel_next = NONE;
	query->wheel_prev = list->last;
	if (list->last == NONE)
		list->first = query->slot;
	else
		t->entries[list->last].wheel_next = query->slot;
	list->last = query->slot;
}

static void unlink_entry(struct dp_inflight_table *t, struct dp_inflight *query)
{
	struct list *list = &t->lists[query->wheel_at];

	if (query->wheel_prev == NONE)
		list->first = query->wheel_next;
	else
		t->entries[query->wheel_prev].wheel_next = query->wheel_next;
	if (query->wheel_next == NONE)
		list->last = query->wheel_prev;
	else
		t->entries[query->wheel_next].wheel_prev = query->wheel_prev;
}

static void wheel_add(struct dp_inflight_table *t, struct dp_inflight *query)
{
	uint64_t tick = (query->due_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;

	if (tick <= t->tick)
		tick = t->tick + 1;
	link_last(t, query, tick & (WHEEL_SLOTS - 1));
	t->on_wheel++;
}

static void wheel_remove(struct dp_inflight_table *t, struct dp_inflight *query)
{
	unlink_entry(t, query);
	t->on_wheel--;
}

static void free_list_add(struct dp_inflight_table *t, struct dp_inflight *query)
{
	query->wheel_next = NONE;
	if (t->free_last == NONE)
		t->free_first = query->slot;
	else
		t->entries[t->free_last].wheel_next = query->slot;
	t->free_last = query->slot;
}

/* The mapping is zero, so a fresh entry needs only its slot and a generation that nobody can guess. */
static struct dp_inflight *take_fresh(struct dp_inflight_table *t)
{
	struct dp_inflight *query = &t->entries[t->used];

	query->slot = t->used++;
	query->generation = dp_permute_forward(&t->permute, query->slot) >> t->number_shift;
	return query;
}

static struct dp_inflight *take_free(struct dp_inflight_table *t)
{
	struct dp_inflight *query = &t->entries[t->free_first];

	t->free_first = query->wheel_next;
	if (t->free_first == NONE)
		t->free_last = NONE;
	return query;
}

/* One mapping: entries, waiters, chains. */
static bool map_entries(struct dp_inflight_table *t)
{
	t->mapped = (size_t)t->slots * (sizeof(*t->entries) + sizeof(*t->waiters) + sizeof(*t->chains));
	t->entries = mmap(NULL, t->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->entries == MAP_FAILED)
		return false;
	madvise(t->entries, t->mapped, MADV_HUGEPAGE);	/* advice: small pages do as well */
	t->waiters = (struct dp_waiter *)(t->entries + t->slots);
	t->chains = (uint32_t *)(t->waiters + t->slots);
	memset(t->chains, 0xff, t->slots * sizeof(*t->chains));		/* NONE */
	return true;
}

static uint32_t *chain_of(struct dp_inflight_table *t, uint64_t hash)
{
	return &t->chains[hash & (t->slots - 1)];
}

static void unlist(struct dp_inflight_table *t, struct dp_inflight *query)
{
	uint32_t *at = chain_of(t, query->hash);

	if (!query->listed)
		return;
	while (*at != query->slot)
		at = &t->entries[*at].hash_next;
	*at = query->hash_next;
	query->listed = false;
}

static void free_waiter(struct dp_inflight_table *t, struct dp_waiter *waiter)
{
	waiter->next = t->free_waiters;
	t->free_waiters = waiter;
	t->joined--;
}

struct dp_inflight_table *dp_inflight_table_new(const struct dp_inflight_conf *conf)
{
	struct dp_inflight_table *t;
	unsigned bits = conf->ports_log2 + 16;

	assert(conf->slots_log2 + 1 < bits);
	t = aligned_alloc(_Alignof(struct dp_inflight_table), sizeof(*t));
	if (!t)
		return NULL;
	memset(t, 0, sizeof(*t));
	memset(t->lists, 0xff, sizeof(t->lists));	/* NONE */
	t->slots = 1U << conf->slots_log2;
	t->free_first = t->free_last = NONE;
	t->number_shift = (uint8_t)(conf->slots_log2 + 1);
	t->ports_log2 = (uint8_t)conf->ports_log2;
	t->generation_mask = (1U << (bits - t->number_shift)) - 1;
	if (dp_permute_init(&t->permute, bits))
		goto err_free;
	if (!map_entries(t))
		goto err_free;
	return t;

err_free:
	free(t);
	return NULL;
}

void dp_inflight_table_free(struct dp_inflight_table *table)
{
	if (!table)
		return;
	munmap(table->entries, table->mapped);
	free(table);
}

struct dp_inflight *dp_inflight_start(struct dp_inflight_table *table, uint64_t now_ns,
				      uint64_t deadline_ns)
{
	struct dp_inflight *query;

	if (table->free_first != NONE)
		query = take_free(table);
	else if (table->used < table->slots)
		query = take_fresh(table);
	else
		return NULL;

	/* Nobody turned an empty wheel; without this it would catch up tick by tick. */
	if (table->on_wheel == 0 && now_ns / CLOCK_NS_PER_MS > table->tick)
		table->tick = now_ns / CLOCK_NS_PER_MS;
	query->live = true;
	query->first.next = NULL;
	query->deadline_ns = query->due_ns = deadline_ns;
	if (query->quiet_ns < deadline_ns)
		query->quiet_ns = deadline_ns;
	memset(query->attempt, 0, sizeof(query->attempt));
	wheel_add(table, query);
	table->live++;
	return query;
}

void dp_inflight_due(struct dp_inflight_table *table, struct dp_inflight *query, uint64_t due_ns)
{
	wheel_remove(table, query);
	query->due_ns = due_ns;
	wheel_add(table, query);
}

void dp_inflight_list(struct dp_inflight_table *table, struct dp_inflight *query)
{
	uint32_t *chain = chain_of(table, query->hash);

	query->hash_next = *chain;
	*chain = query->slot;
	query->listed = true;
}

static bool is_same(const struct dp_inflight *other, uint64_t hash, uint16_t pool, const struct dp_query *query)
{
	return other->hash == hash && other->pool == pool && other->type == query->type &&
	       other->class == query->class && other->cd == query->asker.cd &&
	       other->dnssec_ok == query->asker.dnssec_ok && other->first.asker.tcp == query->asker.tcp &&
	       other->name_len == query->name.len &&
	       memcmp(other->name, query->name.wire, query->name.len) == 0;
}

struct dp_inflight *dp_inflight_same(struct dp_inflight_table *table, uint64_t hash, uint16_t pool,
				     const struct dp_query *query)
{
	for (uint32_t slot = *chain_of(table, hash); slot != NONE; slot = table->entries[slot].hash_next) {
		if (is_same(&table->entries[slot], hash, pool, query))
			return &table->entries[slot];
	}
	return NULL;
}

struct dp_waiter *dp_inflight_join(struct dp_inflight_table *table, struct dp_inflight *query)
{
	struct dp_waiter *waiter = table->free_waiters;

	if (waiter)
		table->free_waiters = waiter->next;
	else if (table->used_waiters < table->slots)
		waiter = &table->waiters[table->used_waiters++];
	else
		return NULL;
	waiter->next = query->first.next;
	query->first.next = waiter;
	table->joined++;
	return waiter;
}

bool dp_inflight_has_later(const struct dp_inflight *query, uint64_t now_ns)
{
	for (const struct dp_waiter *w = query->first.next; w; w = w->next) {
		if (w->deadline_ns > now_ns)
			return true;
	}
	return false;
}

static void copy_key(struct dp_inflight *to, const struct dp_inflight *from)
{
	memcpy(to, from, offsetof(struct dp_inflight, deadline_ns));
	memcpy(to->name, from->name, from->name_len);
}

void dp_inflight_move_later(struct dp_inflight_table *table, struct dp_inflight *from, struct dp_inflight *to,
			    uint64_t now_ns)
{
	struct dp_waiter **at = &from->first.next, *waiter, *moved = NULL;

	while ((waiter = *at)) {
		if (waiter->deadline_ns <= now_ns) {
			at = &waiter->next;
			continue;
		}
		*at = waiter->next;
		waiter->next = moved;
		moved = waiter;
	}
	assert(moved);
	copy_key(to, from);
	to->first = *moved;
	free_waiter(table, moved);
}

struct dp_attempt *dp_inflight_attempt(struct dp_inflight_table *table, struct dp_inflight *query,
				       struct pool_server *server, uint64_t now_ns)
{
	struct dp_attempt *attempt = &query->attempt[query->attempt[0].sent_ns != 0];
	uint32_t value;

	if (attempt->server)
		attempt = &query->attempt[0];
	if (attempt->server)
		return NULL;
	*attempt = (struct dp_attempt){
		.server = server,
		.sent_ns = now_ns,
		.number = query->generation << table->number_shift | query->slot << 1 |
			  (uint32_t)(attempt - query->attempt),
	};
	value = dp_permute_forward(&table->permute, attempt->number);
	attempt->own_port = (uint16_t)(value >> 16);
	attempt->id = (uint16_t)value;
	return attempt;
}

struct dp_inflight *dp_inflight_find(struct dp_inflight_table *table, uint16_t own_port, uint16_t id,
				     struct dp_attempt **attempt)
{
	struct dp_inflight *query;
	uint32_t number, slot;

	if (own_port >> table->ports_log2)
		return NULL;
	number = dp_permute_inverse(&table->permute, (uint32_t)own_port << 16 | id);
	slot = number >> 1 & (table->slots - 1);
	if (slot >= table->used)
		return NULL;
	query = &table->entries[slot];
	if (!query->live || query->generation != number >> table->number_shift)
		return NULL;
	*attempt = &query->attempt[number & 1];
	return (*attempt)->server ? query : NULL;
}

void dp_inflight_end(struct dp_inflight_table *table, struct dp_inflight *query)
{
	assert(query->live);
	wheel_remove(table, query);
	unlist(table, query);
	for (struct dp_waiter *waiter = query->first.next, *next; waiter; waiter = next) {
		next = waiter->next;
		free_waiter(table, waiter);
	}
	query->first.next = NULL;
	query->live = false;
	query->generation = (query->generation + 1) & table->generation_mask;
	table->live--;
	if (query->generation == 0) {
		query->due_ns = query->quiet_ns;
		wheel_add(table, query);
	} else {
		free_list_add(table, query);
	}
}

/* Moves what is due out of one list of the wheel: queries to the due list, rested slots to the free list. */
static void collect(struct dp_inflight_table *t, const struct list *list, uint64_t now_ns)
{
	uint32_t next;

	for (uint32_t slot = list->first; slot != NONE; slot = next) {
		struct dp_inflight *query = &t->entries[slot];

		next = query->wheel_next;
		if (query->due_ns > now_ns)
			continue;
		unlink_entry(t, query);
		if (query->live) {
			link_last(t, query, DUE);
		} else {
			t->on_wheel--;
			free_list_add(t, query);
		}
	}
}

/* Looks at the lists of all ticks up to now; after a long pause, once at each. */
static void turn_wheel(struct dp_inflight_table *t, uint64_t now_ns)
{
	uint64_t now_tick = now_ns / CLOCK_NS_PER_MS;

	if (now_tick <= t->tick)
		return;
	if (t->on_wheel > 0) {
		uint64_t first = t->tick + 1;

		if (now_tick - first >= WHEEL_SLOTS)
			first = now_tick - WHEEL_SLOTS + 1;
		for (uint64_t tick = first; tick <= now_tick; tick++)
			collect(t, &t->lists[tick & (WHEEL_SLOTS - 1)], now_ns);
	}
	t->tick = now_tick;
}

unsigned dp_inflight_expire(struct dp_inflight_table *table, uint64_t now_ns, unsigned max,
			    void (*expired)(void *context, struct dp_inflight *query), void *context)
{
	const struct list *due = &table->lists[DUE];
	unsigned n;

	turn_wheel(table, now_ns);
	for (n = 0; n < max && due->first != NONE; n++) {
		struct dp_inflight *query = &table->entries[due->first];

		expired(context, query);
		/* ended (and perhaps started again) or put off; else this would go on for ever */
		assert(!query->live || query->wheel_at != DUE);
	}
	return n;
}

unsigned dp_inflight_count(const struct dp_inflight_table *table)
{
	return table->live;
}

unsigned dp_inflight_waiting(const struct dp_inflight_table *table)
{
	return table->live + table->joined;
}

void dp_inflight_each(struct dp_inflight_table *table,
		      void (*visit)(void *context, struct dp_inflight *query), void *context)
{
	for (uint32_t slot = 0; slot < table->used; slot++) {
		if (table->entries[slot].live)
			visit(context, &table->entries[slot]);
	}
}
