/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache.c - the packet cache. Contract in cache.h; where the memory comes from, in arena.h.
 *
 * Index: lines of eight words, two lines (which the processor fetches together) for each hash. A word is
 *
 *      tag of the hash, lowest bit set (24) | where the entry is, in units of 8 octets (38) | uses (2)
 *
 * or 0. Whoever puts an entry in, takes one out, moves one or counts a use does it by compare-and-exchange of its word;
 * nothing else is ever changed that a reader may see. The first word of a key, in the order of the lines, counts. An
 * entry is alive while its word points at it: replaced and purged ones need no more than that.
 *
 * Room is made a few entries a store (S3-FIFO; Yang et al., SOSP 2023). What is new is written into probation. When the
 * oldest segment of probation is emptied, entries that were used meanwhile are copied into main, the others leave the
 * index; main's are kept on as long as each round finds them used again. So a flood of names that are asked once passes
 * through a tenth of the memory, and what is asked twice stays. Ghosts remember, by sixteen bits of the hash, names
 * that left probation unused: one that comes back soon is written to main at once. The fewer segments rest, the
 * more uses an entry needs, so that even a cache full of names in use makes room in bounded work.
 *
 * Tuned by tests/bench/hitrate.c. Shares of probation from 5 to 20 % differ by a point; ghosts are worth two to three
 * points under a flood and cost half of one without. With a twelfth for the index and answers of 100 octets one store
 * in 150 is crowded; with one line a hash instead of two it would be one in 26.
 */
#include "dataplane/cache.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/counters.h"
#include "dataplane/arena.h"
#include "dataplane/query.h"
#include "dataplane/ttl.h"

enum {
	LINE_SLOTS = 8,
	PLACES = 2 * LINE_SLOTS,	/* of a hash */
	USES_MAX = 3,
	UNIT = 8,
	OFFSET_SHIFT = 2,
	TAG_SHIFT = 40,

	INDEX_SHARE = 12,		/* one octet in so many is index */
	SLOTS_PER_GHOST = 2,

	LOOK_OCTETS_MIN = 512,		/* of entries that a store looks at when room is to be made, or */
	LOOK_FACTOR = 4,		/* this many times its own, if that is more */
	TRIES_MAX = 16,			/* for a word that others change */
	WALK_PAIRS = 64,		/* a slice */
	ENTRY_LINE = 64,
};

#define OFFSET_MASK ((UINT64_C(1) << (TAG_SHIFT - OFFSET_SHIFT)) - 1)

struct pair {
	_Alignas(2 * 64) _Atomic uint64_t word[PLACES];
};
_Static_assert(sizeof(struct pair) == 128, "two cache lines");
_Static_assert(sizeof(struct dp_cache_entry) + 256 + DP_TTLS_MAX * sizeof(uint16_t) + DP_TTL_BODY_MAX <=
	       DP_ARENA_PIECE_MAX, "the largest entry");

enum count {
	COUNT_STORED, COUNT_REPLACED, COUNT_EVICTED, COUNT_KEPT_ON, COUNT_NO_ROOM, COUNT_CROWDED,
	COUNT_ADDED, COUNT_REMOVED,	/* words that came to be used, and unused */
	COUNTS
};
_Static_assert(COUNTS * sizeof(uint64_t) == COUNTERS_LINE, "one cache line a writer");

struct dp_cache {
	uint8_t *base;			/* of offsets */
	struct pair *pairs;
	uint64_t n_pairs;
	/* cold below */
	struct dp_arena *arena;
	_Atomic uint16_t *ghosts;
	uint64_t n_ghosts;
	_Atomic uint64_t purged;
	unsigned n_writers;
	_Atomic uint64_t *counts;	/* COUNTS a writer */
};

/* ---- words, places, entries ---- */

static uint64_t tag_of(uint64_t hash)
{
	return hash << TAG_SHIFT | UINT64_C(1) << TAG_SHIFT;
}

static uint64_t word_of(const struct dp_cache *cache, const struct dp_cache_entry *entry, unsigned uses)
{
	uint64_t offset = (uint64_t)((const uint8_t *)entry - cache->base) / UNIT;

	return tag_of(entry->hash) | offset << OFFSET_SHIFT | uses;
}

/* Words of other hashes fail this but for one in millions; an empty one always does. */
static bool has_tag(uint64_t word, uint64_t hash)
{
	return word >> TAG_SHIFT == tag_of(hash) >> TAG_SHIFT;
}

static unsigned uses_of(uint64_t word)
{
	return word & USES_MAX;
}

static const struct dp_cache_entry *entry_of(const struct dp_cache *cache, uint64_t word)
{
	return (const struct dp_cache_entry *)(cache->base + (word >> OFFSET_SHIFT & OFFSET_MASK) * UNIT);
}

static struct pair *pair_of(const struct dp_cache *cache, uint64_t hash)
{
	return &cache->pairs[(unsigned __int128)hash * cache->n_pairs >> 64];
}

/* Loads and exchanges of words are sequentially consistent, as epoch.h asks of whoever hides memory. */
static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load((_Atomic uint64_t *)word);
}

static bool exchange(_Atomic uint64_t *word, uint64_t *seen, uint64_t with)
{
	return atomic_compare_exchange_strong(word, seen, with);
}

static uint8_t key_flags(bool cd, bool dnssec_ok)
{
	return (uint8_t)(cd | dnssec_ok << 1);
}

/* Unsigned: right whenever now wraps, and false for what somebody whose clock is a tick ahead has just stored. */
static bool is_fresh(const struct dp_cache_entry *entry, uint32_t now)
{
	return now - entry->stored < entry->expires - entry->stored;
}

static bool has_key(const struct dp_cache_entry *entry, const struct dp_cache_key *key)
{
	return entry->hash == key->hash && entry->type == key->type && entry->pool == key->pool &&
	       entry->key_flags == key_flags(key->cd, key->dnssec_ok) && entry->name_len == key->name_len &&
	       memcmp(entry->data, key->name, key->name_len) == 0;
}

/* The first place from `from` on whose entry has the key, and its word; PLACES if none. */
static unsigned find_key(const struct dp_cache *cache, const struct pair *pair, const struct dp_cache_key *key,
			 unsigned from, uint64_t *word)
{
	for (unsigned i = from; i < PLACES; i++) {
		*word = load(&pair->word[i]);
		if (has_tag(*word, key->hash) && has_key(entry_of(cache, *word), key))
			return i;
	}
	return PLACES;
}

static uint32_t size_of(unsigned name_len, unsigned ttls, unsigned body_len)
{
	size_t size = sizeof(struct dp_cache_entry) + ((name_len + 1u) & ~1u) + ttls * sizeof(uint16_t) + body_len;

	return (uint32_t)((size + UNIT - 1) & ~(size_t)(UNIT - 1));
}

static uint32_t entry_size(const struct dp_cache_entry *entry)
{
	return size_of(entry->name_len, entry->ttls, entry->body_len);
}

static void count(struct dp_cache *cache, unsigned writer, enum count which)
{
	counters_add(&cache->counts[writer * COUNTS + which], 1);
}

/* ---- readers ---- */

void dp_cache_prefetch_index(const struct dp_cache *cache, uint64_t hash)
{
	const struct pair *pair = pair_of(cache, hash);

	__builtin_prefetch(&pair->word[0]);
	__builtin_prefetch(&pair->word[LINE_SLOTS]);
}

void dp_cache_prefetch_entry(const struct dp_cache *cache, uint64_t hash)
{
	const struct pair *pair = pair_of(cache, hash);

	for (unsigned i = 0; i < PLACES; i++) {
		uint64_t word = load(&pair->word[i]);

		if (has_tag(word, hash)) {
			const uint8_t *entry = (const uint8_t *)entry_of(cache, word);

			__builtin_prefetch(entry);
			__builtin_prefetch(entry + ENTRY_LINE);
			__builtin_prefetch(entry + 2 * ENTRY_LINE);
			return;
		}
	}
}

/* Lost where somebody else changes the word in the same moment: a use more or less does not matter. */
static void note_use(_Atomic uint64_t *place, uint64_t word)
{
	if (uses_of(word) < USES_MAX)
		atomic_compare_exchange_weak_explicit(place, &word, word + 1, memory_order_relaxed,
						      memory_order_relaxed);
}

const struct dp_cache_entry *dp_cache_find(struct dp_cache *cache, const struct dp_cache_key *key, uint32_t now)
{
	struct pair *pair = pair_of(cache, key->hash);
	const struct dp_cache_entry *entry;
	uint64_t word;
	unsigned at = find_key(cache, pair, key, 0, &word);

	if (at == PLACES)
		return NULL;
	entry = entry_of(cache, word);
	if (!is_fresh(entry, now))
		return NULL;
	note_use(&pair->word[at], word);
	return entry;
}

/* ---- making room ---- */

static _Atomic uint16_t *ghost_of(const struct dp_cache *cache, uint64_t hash)
{
	return &cache->ghosts[(unsigned __int128)hash * cache->n_ghosts >> 64];
}

static uint16_t ghost_print(uint64_t hash)
{
	return (uint16_t)(hash | 1);
}

static void leave_ghost(struct dp_cache *cache, uint64_t hash)
{
	atomic_store_explicit(ghost_of(cache, hash), ghost_print(hash), memory_order_relaxed);
}

/* Was it here not long ago? Once. */
static bool take_ghost(struct dp_cache *cache, uint64_t hash)
{
	_Atomic uint16_t *ghost = ghost_of(cache, hash);

	if (atomic_load_explicit(ghost, memory_order_relaxed) != ghost_print(hash))
		return false;
	atomic_store_explicit(ghost, 0, memory_order_relaxed);
	return true;
}

/* Uses that keep an entry: more than it can have when hardly any segment rests. */
static unsigned uses_needed(const struct dp_cache *cache)
{
	static const unsigned needed[] = { 1, 2, USES_MAX + 1 };

	return needed[dp_arena_pressure(cache->arena)];
}

/* The place whose word points at the entry; NULL when it is dead. */
static _Atomic uint64_t *place_of(const struct dp_cache *cache, const struct dp_cache_entry *entry, uint64_t *word)
{
	uint64_t own = word_of(cache, entry, 0);
	struct pair *pair = pair_of(cache, entry->hash);

	for (unsigned i = 0; i < PLACES; i++) {
		*word = load(&pair->word[i]);
		if ((*word & ~(uint64_t)USES_MAX) == own)
			return &pair->word[i];
	}
	return NULL;
}

static bool points_at(const struct dp_cache *cache, uint64_t word, const struct dp_cache_entry *entry)
{
	return word && entry_of(cache, word) == entry;
}

static void drop(struct dp_cache *cache, unsigned writer, const struct dp_cache_entry *entry,
		 _Atomic uint64_t *place, uint64_t word)
{
	while (points_at(cache, word, entry)) {
		if (exchange(place, &word, 0)) {
			count(cache, writer, COUNT_EVICTED);
			count(cache, writer, COUNT_REMOVED);
			return;
		}
	}
}

/* Copies the entry into main. False when there is no room. */
static bool keep_on(struct dp_cache *cache, unsigned writer, const struct dp_cache_entry *entry, unsigned uses,
		    _Atomic uint64_t *place, uint64_t word)
{
	uint32_t size = entry_size(entry);
	struct dp_cache_entry *copy = dp_arena_take(cache->arena, writer, DP_ROOM_MAIN, size);

	if (!copy)
		return false;
	memcpy(copy, entry, size);
	while (points_at(cache, word, entry)) {
		if (exchange(place, &word, word_of(cache, copy, uses))) {
			count(cache, writer, COUNT_KEPT_ON);
			return true;
		}
	}
	dp_arena_give_back(cache->arena, writer, DP_ROOM_MAIN, size);	/* replaced or removed meanwhile */
	return true;
}

/* Decides on one entry of a victim. */
static void settle(struct dp_cache *cache, unsigned writer, const struct dp_cache_entry *entry, enum dp_room room,
		   uint32_t now)
{
	uint64_t word;
	_Atomic uint64_t *place = place_of(cache, entry, &word);

	if (!place)
		return;
	if (is_fresh(entry, now)) {
		unsigned uses = uses_of(word), left = room == DP_ROOM_MAIN ? uses - 1 : 0;

		if (uses >= uses_needed(cache) && keep_on(cache, writer, entry, left, place, word))
			return;
		if (room == DP_ROOM_PROBATION)
			leave_ghost(cache, entry->hash);
	}
	drop(cache, writer, entry, place, word);
}

/* Looks at some octets' worth of entries of the writer's victim, each time fetching the index for the next. */
static void make_room(struct dp_cache *cache, unsigned writer, uint32_t size, uint32_t now)
{
	uint32_t octets = size * LOOK_FACTOR > LOOK_OCTETS_MIN ? size * LOOK_FACTOR : LOOK_OCTETS_MIN;
	struct dp_victim *victim = dp_arena_victim(cache->arena, writer);
	const uint8_t *from;

	if (!victim)
		return;
	from = victim->at;
	while (victim->at < victim->end && victim->at - from < octets) {
		const struct dp_cache_entry *entry = (const struct dp_cache_entry *)victim->at;

		victim->at += entry_size(entry);
		if (victim->at < victim->end)
			dp_cache_prefetch_index(cache, ((const struct dp_cache_entry *)victim->at)->hash);
		settle(cache, writer, entry, victim->room, now);
	}
	if (victim->at == victim->end)
		dp_arena_rest(cache->arena, writer);
}

/* ---- storing ---- */

static unsigned find_empty(const struct pair *pair)
{
	for (unsigned i = 0; i < PLACES; i++) {
		if (!load(&pair->word[i]))
			return i;
	}
	return PLACES;
}

/* Where all places are taken: who goes? One that has expired, else the least used, of those the oldest. */
static unsigned find_least(const struct dp_cache *cache, const struct pair *pair, uint32_t now, uint64_t *word)
{
	uint64_t least = UINT64_MAX;
	unsigned found = 0;

	for (unsigned i = 0; i < PLACES; i++) {
		uint64_t other = load(&pair->word[i]), worth = 0;

		if (other) {
			const struct dp_cache_entry *entry = entry_of(cache, other);

			if (is_fresh(entry, now))
				worth = (uint64_t)(uses_of(other) + 1) << 32 | (UINT32_MAX - (now - entry->stored));
		}
		if (worth < least) {
			least = worth;
			found = i;
			*word = other;
		}
	}
	return found;
}

/* Two writers may have put the same key into two places; the first one stays. */
static void remove_twins(struct dp_cache *cache, unsigned writer, struct pair *pair, const struct dp_cache_key *key)
{
	uint64_t word;
	unsigned first = find_key(cache, pair, key, 0, &word), at = first;

	for (unsigned i = 0; i < TRIES_MAX && at < PLACES; i++) {
		at = find_key(cache, pair, key, first + 1, &word);
		if (at < PLACES && exchange(&pair->word[at], &word, 0))
			count(cache, writer, COUNT_REMOVED);
	}
}

/* Puts the entry's word in place of what has the key, else in an empty place, else in that of the least. */
static bool publish(struct dp_cache *cache, unsigned writer, const struct dp_cache_key *key, uint64_t own, uint32_t now)
{
	struct pair *pair = pair_of(cache, key->hash);
	uint64_t word;

	for (unsigned i = 0; i < TRIES_MAX; i++) {
		enum count what = COUNT_REPLACED;
		unsigned at = find_key(cache, pair, key, 0, &word);

		if (at == PLACES) {
			what = COUNT_ADDED;
			word = 0;
			at = find_empty(pair);
		}
		if (at == PLACES) {
			at = find_least(cache, pair, now, &word);
			what = word ? COUNT_CROWDED : COUNT_ADDED;
		}
		if (!exchange(&pair->word[at], &word, own))
			continue;
		count(cache, writer, what);
		if (what != COUNT_REPLACED)
			remove_twins(cache, writer, pair, key);
		return true;
	}
	return false;
}

static void fill(struct dp_cache_entry *entry, const struct dp_cache_key *key, const uint8_t *msg, uint16_t body_len,
		 const struct dp_answer *answer, const struct dp_ttls *ttls, uint32_t now)
{
	uint8_t *at = entry->data;

	*entry = (struct dp_cache_entry){
		.hash = key->hash,
		.stored = now,
		.expires = now + ttls->life_s * DP_CACHE_TICKS,
		.type = key->type,
		.pool = key->pool,
		.flags = answer->flags,
		.answers = answer->answers,
		.authorities = answer->authorities,
		.additionals = (uint16_t)(ttls->n - answer->answers - answer->authorities),
		.answer_end = (uint16_t)(answer->answer_end - answer->question_end),
		.authority_end = (uint16_t)(answer->authority_end - answer->question_end),
		.body_len = body_len,
		.ttls = ttls->n,
		.kind = ttls->failure ? DP_CACHE_FAILURE : ttls->negative ? DP_CACHE_NEGATIVE : DP_CACHE_POSITIVE,
		.name_len = key->name_len,
		.key_flags = key_flags(key->cd, key->dnssec_ok),
	};
	memcpy(at, key->name, key->name_len);
	at += key->name_len;
	if (key->name_len & 1)
		*at++ = 0;
	memcpy(at, ttls->at, ttls->n * sizeof(ttls->at[0]));
	memcpy(at + ttls->n * sizeof(ttls->at[0]), msg + answer->question_end, body_len);
}

/* Was this key asked before, in what is there now or in what left not long ago? Then it skips probation. */
static enum dp_room room_for(struct dp_cache *cache, const struct dp_cache_key *key, unsigned *uses)
{
	uint64_t word;
	unsigned at = find_key(cache, pair_of(cache, key->hash), key, 0, &word);

	*uses = 0;
	if (at == PLACES)
		return take_ghost(cache, key->hash) ? DP_ROOM_MAIN : DP_ROOM_PROBATION;
	if (!uses_of(word))
		return DP_ROOM_PROBATION;
	*uses = uses_of(word) - 1;
	return DP_ROOM_MAIN;
}

bool dp_cache_store(struct dp_cache *cache, unsigned writer, const struct dp_cache_key *key, const uint8_t *msg,
		    size_t len, const struct dp_answer *answer, const struct dp_ttls *ttls, uint32_t now)
{
	uint16_t body_len = (uint16_t)((answer->opt_len ? answer->opt_at : len) - answer->question_end);
	uint32_t size = size_of(key->name_len, ttls->n, body_len);
	struct dp_cache_entry *entry;
	enum dp_room room;
	unsigned uses;

	dp_cache_prefetch_index(cache, key->hash);
	__builtin_prefetch(ghost_of(cache, key->hash));
	make_room(cache, writer, size, now);
	room = room_for(cache, key, &uses);
	entry = dp_arena_take(cache->arena, writer, room, size);
	if (!entry)
		goto no_room;
	fill(entry, key, msg, body_len, answer, ttls, now);
	if (!publish(cache, writer, key, word_of(cache, entry, uses), now)) {
		dp_arena_give_back(cache->arena, writer, room, size);
		goto no_room;
	}
	count(cache, writer, COUNT_STORED);
	return true;

no_room:
	count(cache, writer, COUNT_NO_ROOM);
	return false;
}

/* ---- any thread ---- */

void dp_cache_stats(const struct dp_cache *cache, struct dp_cache_stats *stats)
{
	uint64_t sum[COUNTS] = { 0 }, purged = counters_read(&cache->purged);
	struct dp_arena_stats arena;

	dp_arena_stats(cache->arena, &arena);
	for (unsigned i = 0; i < cache->n_writers; i++)
		counters_sum(sum, cache->counts + i * COUNTS, COUNTS);
	*stats = (struct dp_cache_stats){
		.memory = arena.memory,
		.arena_used = (uint64_t)(arena.segments - arena.resting) * arena.segment_size,
		.index_slots = cache->n_pairs * PLACES,
		.stored = sum[COUNT_STORED],
		.replaced = sum[COUNT_REPLACED],
		.evicted = sum[COUNT_EVICTED],
		.kept_on = sum[COUNT_KEPT_ON],
		.no_room = sum[COUNT_NO_ROOM],
		.crowded = sum[COUNT_CROWDED],
		.purged = purged,
		.huge_pages = arena.huge_pages,
		.segments = arena.segments,
		.open = arena.open,
		.probation = arena.full[DP_ROOM_PROBATION],
		.main = arena.full[DP_ROOM_MAIN],
		.emptying = arena.emptying,
		.resting = arena.resting,
	};
	/* read while they are counted, a removal may be seen before the addition */
	if (sum[COUNT_ADDED] > sum[COUNT_REMOVED] + purged)
		stats->entries = sum[COUNT_ADDED] - sum[COUNT_REMOVED] - purged;
}

/* ---- the walk ---- */

/* Asks again when the word changed meanwhile: eviction may have moved the entry. */
static void visit_place(struct dp_cache *cache, _Atomic uint64_t *place,
			bool (*visit)(void *context, const struct dp_cache_entry *entry), void *context)
{
	uint64_t word = load(place);

	while (word && visit(context, entry_of(cache, word))) {
		if (exchange(place, &word, 0)) {
			counters_add(&cache->purged, 1);
			return;
		}
	}
}

bool dp_cache_walk(struct dp_cache *cache, uint64_t *at,
		   bool (*visit)(void *context, const struct dp_cache_entry *entry), void *context)
{
	uint64_t end = *at + WALK_PAIRS;

	for (; *at < cache->n_pairs && *at < end; ++*at) {
		struct pair *pair = &cache->pairs[*at];

		for (unsigned i = 0; i < PLACES; i++)
			__builtin_prefetch(entry_of(cache, load(&pair->word[i])));
		for (unsigned i = 0; i < PLACES; i++)
			visit_place(cache, &pair->word[i], visit, context);
	}
	return *at >= cache->n_pairs;
}

/* ---- life ---- */

int dp_cache_open(struct dp_cache **cache, const struct dp_cache_conf *conf, char *error, size_t size)
{
	struct dp_cache *c = calloc(1, sizeof(*c));
	struct dp_arena_conf arena = {
		.memory = conf->memory, .prefault = conf->prefault, .epoch = conf->epoch, .writers = conf->writers,
	};
	int err = -ENOMEM;

	if (!c)
		goto err_say;
	c->n_writers = conf->writers;
	c->n_pairs = conf->memory / INDEX_SHARE / sizeof(struct pair);
	c->n_ghosts = c->n_pairs * PLACES / SLOTS_PER_GHOST;
	c->counts = counters_new((size_t)conf->writers * COUNTS);
	if (!c->counts)
		goto err_free;
	arena.front = c->n_pairs * sizeof(struct pair) + c->n_ghosts * sizeof(*c->ghosts);
	err = dp_arena_open(&c->arena, &arena);
	if (err)
		goto err_free_counts;
	c->base = dp_arena_base(c->arena);
	c->pairs = (struct pair *)c->base;
	c->ghosts = (_Atomic uint16_t *)(c->pairs + c->n_pairs);
	*cache = c;
	return 0;

err_free_counts:
	counters_free(c->counts);
err_free:
	free(c);
err_say:
	if (err == -EINVAL)
		snprintf(error, size, "cache.memory: %llu octets are too little for %u workers",
			 (unsigned long long)conf->memory, conf->writers);
	else
		snprintf(error, size, "cache.memory: %llu octets cannot be had: %s",
			 (unsigned long long)conf->memory, strerror(-err));
	return err;
}

void dp_cache_close(struct dp_cache *cache)
{
	if (!cache)
		return;
	dp_arena_close(cache->arena);
	counters_free(cache->counts);
	free(cache);
}
