/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache.h - the packet cache: one arena of fixed size, shared by all workers. Entries are written once, published by
 * one release store into the index, never modified, and read without locks; memory comes back by epoch. What may be
 * kept and for how long is ttl.h's; what is made of an entry is reply.h's.
 */
#ifndef DATAPLANE_CACHE_H
#define DATAPLANE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dp_answer;
struct dp_cache;
struct dp_ttls;
struct epoch;

enum { DP_CACHE_TICKS = 16 };		/* the cache's clock: ticks a second, monotonic, in 32 bits */

/* What answers have in common that may stand for each other (D130). */
struct dp_cache_key {
	uint64_t hash;			/* dp_cache_hash() */
	const uint8_t *name;		/* folded wire form */
	uint16_t type;			/* class is IN */
	uint16_t pool;			/* struct pool's id */
	uint8_t name_len;
	bool cd, dnssec_ok;
};

/* An answer as it is kept: the records behind the question, without OPT. Immutable. */
struct dp_cache_entry {
	uint64_t hash;
	uint32_t stored, expires;	/* ticks */
	uint16_t type, pool;
	uint16_t flags;			/* of the server's header, rcode included */
	uint16_t answers, authorities, additionals;	/* records */
	uint16_t answer_end, authority_end;	/* where the sections end in the body */
	uint16_t body_len;
	uint16_t ttls;			/* how many TTL offsets */
	uint16_t kind;			/* enum dp_cache_kind */
	uint8_t name_len;
	uint8_t key_flags;		/* 1 = CD, 2 = DO */
	uint8_t data[];			/* name, padded to even; ttls offsets (uint16_t) into the body; the body */
};
_Static_assert(sizeof(struct dp_cache_entry) == 40, "the header of an entry");

enum dp_cache_kind { DP_CACHE_POSITIVE, DP_CACHE_NEGATIVE, DP_CACHE_FAILURE, DP_CACHE_KINDS };

static inline uint32_t dp_cache_ticks(uint64_t now_ns)
{
	return (uint32_t)(now_ns / (1000000000 / DP_CACHE_TICKS));
}

static inline const uint8_t *dp_cache_name(const struct dp_cache_entry *entry)
{
	return entry->data;
}

static inline const uint16_t *dp_cache_ttls(const struct dp_cache_entry *entry)
{
	return (const uint16_t *)(entry->data + ((entry->name_len + 1u) & ~1u));
}

static inline const uint8_t *dp_cache_body(const struct dp_cache_entry *entry)
{
	return (const uint8_t *)(dp_cache_ttls(entry) + entry->ttls);
}

/* One hash for index, joining and hand-over: name_hash() of a keyed hash, and what else is in the key. */
static inline uint64_t dp_cache_hash(uint64_t name_hash, uint16_t type, uint16_t pool, bool cd, bool dnssec_ok)
{
	uint64_t rest = (uint64_t)type << 32 | (uint64_t)pool << 2 | (uint64_t)cd << 1 | dnssec_ok;
	unsigned __int128 product = (unsigned __int128)(name_hash ^ rest) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

struct dp_cache_conf {
	uint64_t memory;		/* octets in all: arena and index */
	bool prefault;			/* touch all of it now */
	struct epoch *epoch;		/* whose readers are the workers */
	unsigned writers;		/* workers that store, 0 .. writers - 1 */
};

/* Maps everything it will ever use (huge pages where possible, MADV_DONTFORK | MADV_DONTDUMP). 0 or -errno with error.
 * Start-up. */
int dp_cache_open(struct dp_cache **cache, const struct dp_cache_conf *conf, char *error, size_t size);
/* After the workers have stopped. Accepts NULL. */
void dp_cache_close(struct dp_cache *cache);

/* ---- workers; between epoch_enter() and the next one ---- */

/* Three passes over a batch, so that memory comes while other packets are worked on: the index, the entry, the look. */
void dp_cache_prefetch_index(const struct dp_cache *cache, uint64_t hash);
void dp_cache_prefetch_entry(const struct dp_cache *cache, uint64_t hash);

/* The entry for key that has not expired at now (ticks), nor was stored after now by somebody whose clock is ahead,
 * after comparing all of the key; or NULL. Notes the use for eviction: writes only while the entry's two-bit count is
 * not full. Valid until the caller's next epoch_enter(). */
const struct dp_cache_entry *dp_cache_find(struct dp_cache *cache, const struct dp_cache_key *key, uint32_t now);

/*
 * Keeps the answer in place of what the key had. msg was parsed into *answer and judged into *ttls (dp_ttl_read()), as
 * it came from the server. writer: the worker's own number. Does a bounded part of eviction's work. False: no room
 * that may be used yet, counted.
 */
bool dp_cache_store(struct dp_cache *cache, unsigned writer, const struct dp_cache_key *key, const uint8_t *msg,
		    size_t len, const struct dp_answer *answer, const struct dp_ttls *ttls, uint32_t now);

/* ---- any thread ---- */

struct dp_cache_stats {
	uint64_t memory, arena_used, index_slots;	/* octets, octets, slots */
	uint64_t entries;			/* in the index, expired ones too */
	uint64_t stored, replaced, evicted, kept_on;	/* kept_on: moved on by eviction because they were used */
	/* stores refused; entries that left because their index line was full */
	uint64_t no_room, crowded;
	uint64_t purged;
	bool huge_pages;
	/* segments: all, those being filled, in the two queues, being emptied, and empty; the sum of the last five is
	 * all, while no worker runs */
	uint32_t segments, open, probation, main, emptying, resting;
};
void dp_cache_stats(const struct dp_cache *cache, struct dp_cache_stats *stats);

/* ---- one thread at a time, which is a reader of the epoch meanwhile ---- */

/*
 * Visits entries in slices: begins at *at = 0, visits some (a bounded time), moves *at; true until all were visited.
 * Entries stored or removed meanwhile may be seen, missed or seen twice. visit returns true to remove the entry.
 */
bool dp_cache_walk(struct dp_cache *cache, uint64_t *at,
		   bool (*visit)(void *context, const struct dp_cache_entry *entry), void *context);

#endif
