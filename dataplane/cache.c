/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache.c - the packet cache. Contract in cache.h.
 *
 * One mapping: index, ghosts, descriptors of segments, segments.
 *
 * Index: lines of eight words, two lines (which the processor fetches together) for each hash. A word is
 *
 *      tag of the hash, lowest bit set (24) | where the entry is, in units of 8 octets (38) | uses (2)
 *
 * or 0. Whoever puts an entry in, takes one out, moves one or counts a use does it by compare-and-exchange of its word;
 * nothing else is ever changed that a reader may see. The first word of a key, in the order of the lines, counts.
 *
 * Entries lie packed in segments. A writer fills two segments of its own, one for what is new (probation) and one for
 * what was used (main); full ones stand in two queues, first in first out (S3-FIFO; Yang et al., SOSP 2023). Room is
 * made a few entries a store: the oldest segment is taken off its queue, from probation while that has over a tenth of
 * all, else from main; entries of it that were used since they were written are copied into the writer's main segment,
 * the others leave the index. So a flood of names that are asked once passes through a tenth of the memory, and what
 * is asked twice stays. Ghosts remember, by sixteen bits of the hash, names that left probation unused: one that comes
 * back soon is written to main at once. An entry is alive while its word points at it: replaced and purged ones need
 * no more than that.
 *
 * A segment that has been emptied rests until all readers have passed (epoch.h) and is then filled anew. Some rest
 * always, so that one is ready when a writer needs it; the fewer there are, the more uses an entry needs to be kept, so
 * that even a cache full of names in use makes room in bounded work. Where no segment is ready the store is refused.
 *
 * The queues have a lock, held for a few dozen instructions a segment (some thousand stores). Nobody waits for it: who
 * does not get it within a few tries does what it wanted at a later store.
 */
#include "dataplane/cache.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/counters.h"
#include "base/epoch.h"
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
	PROBATION_SHARE = 10,		/* one segment in so many */
	RESERVE_SHARE = 64,

	SEGMENT_MAX = 256 << 10,
	SEGMENT_MIN = 32 << 10,		/* holds the largest entry */
	NO_SEGMENT = UINT32_MAX,

	LOOK_OCTETS_MIN = 512,		/* of entries that a store looks at when room is to be made, or */
	LOOK_FACTOR = 4,		/* this many times its own, if that is more */
	TRIES_MAX = 16,			/* for a word that others change */
	LOCK_TRIES_MAX = 64,
	WALK_PAIRS = 64,		/* a slice */

	PAGE = 4096,
	HUGE_PAGE = 2 << 20,
	ENTRY_LINE = 64,
};

#define OFFSET_MASK ((UINT64_C(1) << (TAG_SHIFT - OFFSET_SHIFT)) - 1)

enum room { PROBATION, MAIN, ROOMS };

struct pair {
	_Alignas(2 * 64) _Atomic uint64_t word[PLACES];
};
_Static_assert(sizeof(struct pair) == 128, "two cache lines");

/* Its owner's, or under the lock while it is in a queue. */
struct segment {
	uint64_t stamp;			/* when it was emptied */
	uint32_t used;			/* octets */
	uint32_t next;
};

struct queue {
	uint32_t first, last;
	_Atomic uint32_t count;		/* written under the lock */
};

struct open_segment {
	_Atomic uint32_t number;	/* written by the writer */
	uint32_t used;
};

enum count {
	COUNT_STORED, COUNT_REPLACED, COUNT_EVICTED, COUNT_KEPT_ON, COUNT_NO_ROOM, COUNT_CROWDED,
	COUNT_ADDED, COUNT_REMOVED,	/* words that came to be used, and unused */
	COUNTS
};

struct writer {
	_Alignas(64) struct open_segment open[ROOMS];
	_Atomic uint32_t victim;	/* segment that is being emptied */
	enum room victim_room;
	uint32_t victim_at;		/* octets of it looked at */
	_Atomic uint64_t counts[COUNTS];
};

struct dp_cache {
	uint8_t *base;			/* of the mapping, and of offsets */
	struct pair *pairs;
	uint64_t n_pairs;
	/* cold below */
	_Atomic uint16_t *ghosts;
	uint64_t n_ghosts;
	uint8_t *arena;
	struct segment *segments;
	uint32_t n_segments, segment_size, reserve, probation_max;
	struct epoch *epoch;
	uint64_t memory;
	bool huge_pages;
	_Atomic uint64_t purged;
	unsigned n_writers;

	_Alignas(64) atomic_flag lock;
	struct queue full[ROOMS], resting;
	struct writer writers[];
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

static bool same_question(const struct dp_cache_entry *entry, uint64_t hash, uint16_t type, uint16_t pool,
			  uint8_t flags, const uint8_t *name, uint8_t name_len)
{
	return entry->hash == hash && entry->type == type && entry->pool == pool && entry->key_flags == flags &&
	       entry->name_len == name_len && memcmp(entry->data, name, name_len) == 0;
}

static bool same_key(const struct dp_cache_entry *a, const struct dp_cache_entry *b)
{
	return same_question(a, b->hash, b->type, b->pool, b->key_flags, b->data, b->name_len);
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

static void count(struct writer *writer, enum count which)
{
	counters_add(&writer->counts[which], 1);
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
	uint64_t tag = tag_of(hash);

	for (unsigned i = 0; i < PLACES; i++) {
		uint64_t word = load(&pair->word[i]);

		if (word >> TAG_SHIFT == tag >> TAG_SHIFT) {
			const uint8_t *entry = (const uint8_t *)entry_of(cache, word);

			__builtin_prefetch(entry);
			__builtin_prefetch(entry + ENTRY_LINE);
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
	uint64_t tag = tag_of(key->hash);
	uint8_t flags = key_flags(key->cd, key->dnssec_ok);

	for (unsigned i = 0; i < PLACES; i++) {
		uint64_t word = load(&pair->word[i]);
		const struct dp_cache_entry *entry;

		if (word >> TAG_SHIFT != tag >> TAG_SHIFT)
			continue;
		entry = entry_of(cache, word);
		if (!same_question(entry, key->hash, key->type, key->pool, flags, key->name, key->name_len))
			continue;
		if (!is_fresh(entry, now))
			return NULL;
		note_use(&pair->word[i], word);
		return entry;
	}
	return NULL;
}

/* ---- segments ---- */

static bool try_lock(struct dp_cache *cache)
{
	for (unsigned i = 0; i < LOCK_TRIES_MAX; i++) {
		if (!atomic_flag_test_and_set_explicit(&cache->lock, memory_order_acquire))
			return true;
	}
	return false;
}

static void unlock(struct dp_cache *cache)
{
	atomic_flag_clear_explicit(&cache->lock, memory_order_release);
}

static uint32_t queued(const struct queue *queue)
{
	return atomic_load_explicit((_Atomic uint32_t *)&queue->count, memory_order_relaxed);
}

static void set(_Atomic uint32_t *number, uint32_t value)
{
	atomic_store_explicit(number, value, memory_order_relaxed);
}

static uint32_t get(const _Atomic uint32_t *number)
{
	return atomic_load_explicit((_Atomic uint32_t *)number, memory_order_relaxed);
}

/* Under the lock. */
static void push(struct dp_cache *cache, struct queue *queue, uint32_t number)
{
	uint32_t n = queued(queue);

	cache->segments[number].next = NO_SEGMENT;
	if (n)
		cache->segments[queue->last].next = number;
	else
		queue->first = number;
	queue->last = number;
	set(&queue->count, n + 1);
}

/* Under the lock; the queue is not empty. */
static uint32_t pop(struct dp_cache *cache, struct queue *queue)
{
	uint32_t number = queue->first;

	queue->first = cache->segments[number].next;
	set(&queue->count, queued(queue) - 1);
	return number;
}

static uint8_t *segment_start(const struct dp_cache *cache, uint32_t number)
{
	return cache->arena + (size_t)number * cache->segment_size;
}

/* Queues the writer's full segment and opens one that rests. False when none may be used yet. */
static bool open_next(struct dp_cache *cache, struct writer *writer, enum room room)
{
	struct open_segment *open = &writer->open[room];
	uint32_t number = get(&open->number);
	bool is_ready;

	if (!try_lock(cache))
		return false;
	is_ready = queued(&cache->resting) &&
		   epoch_passed(cache->epoch, cache->segments[cache->resting.first].stamp);
	if (is_ready) {
		if (number != NO_SEGMENT) {
			cache->segments[number].used = open->used;
			push(cache, &cache->full[room], number);
		}
		set(&open->number, pop(cache, &cache->resting));
		open->used = 0;
	}
	unlock(cache);
	return is_ready;
}

/* Room for size octets; given back by give_back() before anything else is allocated there, or kept. */
static struct dp_cache_entry *allocate(struct dp_cache *cache, struct writer *writer, enum room room, uint32_t size)
{
	struct open_segment *open = &writer->open[room];
	uint8_t *at;

	if (size > cache->segment_size)
		return NULL;
	if ((get(&open->number) == NO_SEGMENT || open->used + size > cache->segment_size) &&
	    !open_next(cache, writer, room))
		return NULL;
	at = segment_start(cache, get(&open->number)) + open->used;
	open->used += size;
	return (struct dp_cache_entry *)at;
}

static void give_back(struct writer *writer, enum room room, uint32_t size)
{
	writer->open[room].used -= size;
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
	uint32_t resting = queued(&cache->resting);

	if (resting * 4 <= cache->reserve)
		return USES_MAX + 1;
	return resting * 2 <= cache->reserve ? 2 : 1;
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

static void drop(struct dp_cache *cache, struct writer *writer, const struct dp_cache_entry *entry,
		 _Atomic uint64_t *place, uint64_t word)
{
	while (points_at(cache, word, entry)) {
		if (exchange(place, &word, 0)) {
			count(writer, COUNT_EVICTED);
			count(writer, COUNT_REMOVED);
			return;
		}
	}
}

/* Copies the entry into main. False when there is no room. */
static bool keep_on(struct dp_cache *cache, struct writer *writer, const struct dp_cache_entry *entry,
		    _Atomic uint64_t *place, uint64_t word)
{
	uint32_t size = entry_size(entry);
	unsigned uses = writer->victim_room == MAIN ? uses_of(word) - 1 : 0;
	struct dp_cache_entry *copy = allocate(cache, writer, MAIN, size);

	if (!copy)
		return false;
	memcpy(copy, entry, size);
	while (points_at(cache, word, entry)) {
		if (exchange(place, &word, word_of(cache, copy, uses))) {
			count(writer, COUNT_KEPT_ON);
			return true;
		}
	}
	give_back(writer, MAIN, size);	/* replaced or removed meanwhile */
	return true;
}

/* Decides on one entry of the victim. */
static void settle(struct dp_cache *cache, struct writer *writer, const struct dp_cache_entry *entry, uint32_t now)
{
	uint64_t word;
	_Atomic uint64_t *place = place_of(cache, entry, &word);

	if (!place)
		return;
	if (is_fresh(entry, now)) {
		if (uses_of(word) >= uses_needed(cache) && keep_on(cache, writer, entry, place, word))
			return;
		if (writer->victim_room == PROBATION)
			leave_ghost(cache, entry->hash);
	}
	drop(cache, writer, entry, place, word);
}

/* Takes the next segment to be emptied, if few rest. */
static bool take_victim(struct dp_cache *cache, struct writer *writer)
{
	enum room room = MAIN;

	if (queued(&cache->resting) >= cache->reserve || !try_lock(cache))
		return false;
	if (queued(&cache->full[PROBATION]) > cache->probation_max || !queued(&cache->full[MAIN]))
		room = PROBATION;
	if (queued(&cache->full[room])) {
		writer->victim_room = room;
		writer->victim_at = 0;
		set(&writer->victim, pop(cache, &cache->full[room]));
	}
	unlock(cache);
	return get(&writer->victim) != NO_SEGMENT;
}

static bool rest_victim(struct dp_cache *cache, struct writer *writer)
{
	uint32_t number = get(&writer->victim);

	if (!try_lock(cache))
		return false;
	cache->segments[number].stamp = epoch_stamp(cache->epoch);
	push(cache, &cache->resting, number);
	set(&writer->victim, NO_SEGMENT);
	unlock(cache);
	return true;
}

/* Looks at some octets' worth of entries of the victim, and at the index for the one after them. */
static void look_at_victim(struct dp_cache *cache, struct writer *writer, uint32_t octets, uint32_t now)
{
	uint32_t number = get(&writer->victim);
	const uint8_t *start = segment_start(cache, number);
	uint32_t end = cache->segments[number].used, until = writer->victim_at + octets;

	while (writer->victim_at < end && writer->victim_at < until) {
		const struct dp_cache_entry *entry =
			(const struct dp_cache_entry *)(start + writer->victim_at);

		writer->victim_at += entry_size(entry);
		if (writer->victim_at < end)
			dp_cache_prefetch_index(cache, ((const struct dp_cache_entry *)
							(start + writer->victim_at))->hash);
		settle(cache, writer, entry, now);
	}
}

static void make_room(struct dp_cache *cache, struct writer *writer, uint32_t size, uint32_t now)
{
	uint32_t octets = size * LOOK_FACTOR;

	if (get(&writer->victim) == NO_SEGMENT && !take_victim(cache, writer))
		return;
	look_at_victim(cache, writer, octets > LOOK_OCTETS_MIN ? octets : LOOK_OCTETS_MIN, now);
	if (writer->victim_at >= cache->segments[get(&writer->victim)].used)
		rest_victim(cache, writer);
}

/* ---- storing ---- */

/* The first place from `from` on whose entry has the same key; PLACES if none. */
static unsigned find_same(const struct dp_cache *cache, const struct pair *pair, const struct dp_cache_entry *entry,
			  unsigned from, uint64_t *word)
{
	uint64_t tag = tag_of(entry->hash);

	for (unsigned i = from; i < PLACES; i++) {
		*word = load(&pair->word[i]);
		if (*word >> TAG_SHIFT == tag >> TAG_SHIFT && same_key(entry_of(cache, *word), entry))
			return i;
	}
	return PLACES;
}

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
static void remove_twins(struct dp_cache *cache, struct writer *writer, struct pair *pair,
			 const struct dp_cache_entry *entry)
{
	uint64_t word;
	unsigned first = find_same(cache, pair, entry, 0, &word), at = first;

	for (unsigned i = 0; i < TRIES_MAX && at < PLACES; i++) {
		at = find_same(cache, pair, entry, first + 1, &word);
		if (at < PLACES && exchange(&pair->word[at], &word, 0))
			count(writer, COUNT_REMOVED);
	}
}

/* Puts the entry in place of what has its key, else in an empty place, else in that of the least. */
static bool publish(struct dp_cache *cache, struct writer *writer, const struct dp_cache_entry *entry, unsigned uses,
		    uint32_t now)
{
	struct pair *pair = pair_of(cache, entry->hash);
	uint64_t own = word_of(cache, entry, uses), word = 0;

	for (unsigned i = 0; i < TRIES_MAX; i++) {
		enum count what = COUNT_REPLACED;
		unsigned at = find_same(cache, pair, entry, 0, &word);

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
		count(writer, what);
		if (what != COUNT_REPLACED)
			remove_twins(cache, writer, pair, entry);
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
static enum room room_for(struct dp_cache *cache, const struct dp_cache_key *key, unsigned *uses)
{
	const struct pair *pair = pair_of(cache, key->hash);
	uint8_t flags = key_flags(key->cd, key->dnssec_ok);
	uint64_t tag = tag_of(key->hash);

	*uses = 0;
	for (unsigned i = 0; i < PLACES; i++) {
		uint64_t word = load(&pair->word[i]);

		if (word >> TAG_SHIFT == tag >> TAG_SHIFT &&
		    same_question(entry_of(cache, word), key->hash, key->type, key->pool, flags, key->name,
				  key->name_len)) {
			if (!uses_of(word))
				return PROBATION;
			*uses = uses_of(word) - 1;
			return MAIN;
		}
	}
	return take_ghost(cache, key->hash) ? MAIN : PROBATION;
}

bool dp_cache_store(struct dp_cache *cache, unsigned writer, const struct dp_cache_key *key, const uint8_t *msg,
		    size_t len, const struct dp_answer *answer, const struct dp_ttls *ttls, uint32_t now)
{
	struct writer *w = &cache->writers[writer];
	uint16_t body_len = (uint16_t)((answer->opt_len ? answer->opt_at : len) - answer->question_end);
	uint32_t size = size_of(key->name_len, ttls->n, body_len);
	struct dp_cache_entry *entry;
	enum room room;
	unsigned uses;

	dp_cache_prefetch_index(cache, key->hash);
	__builtin_prefetch(ghost_of(cache, key->hash));
	make_room(cache, w, size, now);
	room = room_for(cache, key, &uses);
	entry = allocate(cache, w, room, size);
	if (!entry)
		goto no_room;
	fill(entry, key, msg, body_len, answer, ttls, now);
	if (!publish(cache, w, entry, uses, now)) {
		give_back(w, room, size);
		goto no_room;
	}
	count(w, COUNT_STORED);
	return true;

no_room:
	count(w, COUNT_NO_ROOM);
	return false;
}

/* ---- any thread ---- */

static uint64_t sum(const struct dp_cache *cache, enum count which)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < cache->n_writers; i++)
		total += counters_read(&cache->writers[i].counts[which]);
	return total;
}

static void count_segments(const struct dp_cache *cache, struct dp_cache_stats *stats)
{
	stats->segments = cache->n_segments;
	stats->probation = queued(&cache->full[PROBATION]);
	stats->main = queued(&cache->full[MAIN]);
	stats->resting = queued(&cache->resting);
	for (unsigned i = 0; i < cache->n_writers; i++) {
		const struct writer *w = &cache->writers[i];

		for (enum room room = 0; room < ROOMS; room++)
			stats->open += get(&w->open[room].number) != NO_SEGMENT;
		stats->emptying += get(&w->victim) != NO_SEGMENT;
	}
}

void dp_cache_stats(const struct dp_cache *cache, struct dp_cache_stats *stats)
{
	uint64_t added = sum(cache, COUNT_ADDED);
	uint64_t purged = counters_read(&cache->purged);
	uint64_t removed = sum(cache, COUNT_REMOVED) + purged;

	*stats = (struct dp_cache_stats){
		.memory = cache->memory,
		.index_slots = cache->n_pairs * PLACES,
		.entries = added > removed ? added - removed : 0,
		.stored = sum(cache, COUNT_STORED),
		.replaced = sum(cache, COUNT_REPLACED),
		.evicted = sum(cache, COUNT_EVICTED),
		.kept_on = sum(cache, COUNT_KEPT_ON),
		.no_room = sum(cache, COUNT_NO_ROOM),
		.crowded = sum(cache, COUNT_CROWDED),
		.purged = purged,
		.huge_pages = cache->huge_pages,
	};
	count_segments(cache, stats);
	stats->arena_used = (uint64_t)(stats->segments - stats->resting) * cache->segment_size;
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

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

/* Divides memory. False when it is too little. */
static bool lay_out(struct dp_cache *cache, uint64_t memory, unsigned writers)
{
	uint64_t descriptors, before, n;

	cache->memory = memory / PAGE * PAGE;
	cache->n_pairs = cache->memory / INDEX_SHARE / sizeof(struct pair);
	cache->n_ghosts = cache->n_pairs * PLACES / SLOTS_PER_GHOST;
	descriptors = cache->memory / SEGMENT_MIN * sizeof(struct segment);
	before = round_up(cache->n_pairs * sizeof(struct pair) + cache->n_ghosts * sizeof(uint16_t), PAGE) +
		 round_up(descriptors, PAGE);
	if (!cache->n_pairs || before >= cache->memory)
		return false;
	cache->segment_size = SEGMENT_MAX;
	while (cache->segment_size > SEGMENT_MIN && (cache->memory - before) / cache->segment_size < 8 * writers + 32)
		cache->segment_size /= 2;
	n = (cache->memory - before) / cache->segment_size;
	cache->n_segments = (uint32_t)n;
	cache->probation_max = cache->n_segments / PROBATION_SHARE;
	cache->reserve = cache->n_segments / RESERVE_SHARE;
	if (cache->reserve < 2 * writers + 2)
		cache->reserve = 2 * writers + 2;
	if (cache->reserve > cache->n_segments / 8)
		cache->reserve = cache->n_segments / 8;
	return n >= 3 * writers + 8 && n < NO_SEGMENT;
}

/* Begins at a huge page, or the first and last ones would be small. */
static void *map_aligned(uint64_t size)
{
	uint64_t room = size + HUGE_PAGE;
	uint8_t *at = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *base;

	if (at == MAP_FAILED)
		return NULL;
	base = (uint8_t *)round_up((uintptr_t)at, HUGE_PAGE);
	if (base > at)
		munmap(at, (size_t)(base - at));
	if (base + size < at + room)
		munmap(base + size, (size_t)(at + room - (base + size)));
	return base;
}

static bool huge_pages_allowed(void)
{
	char line[64] = "";
	FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");

	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	return line[0] && !strstr(line, "[never]");
}

/* Takes all pages now. 0 or -errno. */
static int prefault(uint8_t *base, uint64_t size)
{
	if (!madvise(base, size, MADV_POPULATE_WRITE))
		return 0;
	if (errno != EINVAL)
		return -errno;
	for (uint64_t at = 0; at < size; at += PAGE)	/* before 5.14 */
		*(volatile uint8_t *)(base + at) = 0;
	return 0;
}

static void begin(struct dp_cache *cache, const struct dp_cache_conf *conf)
{
	uint64_t ghosts_at = cache->n_pairs * sizeof(struct pair);
	uint64_t segments_at = round_up(ghosts_at + cache->n_ghosts * sizeof(uint16_t), PAGE);

	cache->pairs = (struct pair *)cache->base;
	cache->ghosts = (_Atomic uint16_t *)(cache->base + ghosts_at);
	cache->segments = (struct segment *)(cache->base + segments_at);
	cache->arena = cache->base + cache->memory - (uint64_t)cache->n_segments * cache->segment_size;
	cache->epoch = conf->epoch;
	cache->n_writers = conf->writers;
	atomic_flag_clear(&cache->lock);
	for (uint32_t i = 0; i < cache->n_segments; i++)
		push(cache, &cache->resting, i);
	for (unsigned i = 0; i < conf->writers; i++) {
		struct writer *w = &cache->writers[i];

		set(&w->open[PROBATION].number, NO_SEGMENT);
		set(&w->open[MAIN].number, NO_SEGMENT);
		set(&w->victim, NO_SEGMENT);
	}
}

int dp_cache_open(struct dp_cache **cache, const struct dp_cache_conf *conf, char *error, size_t size)
{
	size_t own_size = sizeof(struct dp_cache) + conf->writers * sizeof(struct writer);
	struct dp_cache *c = aligned_alloc(64, own_size);
	int err = -ENOMEM;

	if (!c)
		goto err_memory;
	memset(c, 0, own_size);
	err = -EINVAL;
	if (!lay_out(c, conf->memory, conf->writers)) {
		snprintf(error, size, "cache.memory: %llu octets are too little for %u workers",
			 (unsigned long long)conf->memory, conf->writers);
		goto err_free;
	}
	err = -ENOMEM;
	c->base = map_aligned(c->memory);
	if (!c->base)
		goto err_memory;
	c->huge_pages = !madvise(c->base, c->memory, MADV_HUGEPAGE) && huge_pages_allowed();
	madvise(c->base, c->memory, MADV_DONTFORK);
	madvise(c->base, c->memory, MADV_DONTDUMP);
	err = conf->prefault ? prefault(c->base, c->memory) : 0;
	if (err)
		goto err_unmap;
	begin(c, conf);
	*cache = c;
	return 0;

err_unmap:
	munmap(c->base, c->memory);
err_memory:
	snprintf(error, size, "cache.memory: %llu octets cannot be had: %s", (unsigned long long)conf->memory,
		 strerror(-err));
err_free:
	free(c);
	return err;
}

void dp_cache_close(struct dp_cache *cache)
{
	if (!cache)
		return;
	munmap(cache->base, cache->memory);
	free(cache);
}
