/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limit.c - token buckets per client prefix. Contract in limit.h.
 * Shared by all workers: every bucket is one atomic word; nothing is locked. Time comes in as an argument.
 *
 * A bucket is kept as the time at which it will be full again (the generic cell rate algorithm): a query moves
 * that time on by one interval, and is rejected, with nothing written, where it would come to lie more than
 * a burst ahead. So a bucket whose time is past is full, which is what an unknown one is too: it can be given away
 * without anything being lost. A query is rejected by comparing, so a flood over its limit costs no writes.
 *
 * A word is 12 bits of tag and 52 bits of time, eight of them a cache line. A keyed hash of (prefix, kind of bucket)
 * names the line and the tag; a key that is not there takes the word whose time is furthest in the past. A flood from
 * spoofed sources leaves buckets that are an interval from full; those who are over their limit are a burst from it,
 * so they stay until eight who are as bad share their line.
 *
 * Time is counted in ticks of 32 ns modulo 2^52, 4.6 years. What lies over a minute ahead lies in the past, so that
 * a node that runs that long limits nobody for what a bucket says of last time.
 *
 * Two workers may put one key into two words of a line. The first is found from then on, the other one runs out.
 */
#include "dataplane/limit.h"

#include <endian.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/clock.h"
#include "dataplane/acl.h"
#include "dataplane/hugepage.h"
#include "dataplane/query.h"

enum {
	WAYS = 8,
	TIME_BITS = 52,
	TICK_NS_LOG2 = 5,
	FAMILIES = 2,			/* IPv4, IPv6 */
	V4_BITS_AT = 96,		/* where an IPv4 prefix begins in an address */
};

#define TICKS_PER_S (CLOCK_NS_PER_S >> TICK_NS_LOG2)
#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)
#define BURST_MAX ((uint64_t)DP_LIMIT_BURST_MAX_S * TICKS_PER_S)
#define HORIZON (BURST_MAX + TICKS_PER_S)	/* workers' clocks differ by less than that second */

/* Kinds of bucket; the first two are those of enum pool_kind. */
enum { CLASS_AUTHORITATIVE = POOL_AUTHORITATIVE, CLASS_RECURSIVE = POOL_RECURSIVE, CLASS_HIT, CLASSES,
       CLASS_FAILURE = CLASSES };

struct line {
	_Alignas(64) _Atomic uint64_t word[WAYS];
};
_Static_assert(sizeof(struct line) == 64, "one cache line");

struct dp_limit {
	struct line *lines;
	uint64_t n;
	uint64_t key[3];
};

struct rate {
	uint64_t interval;		/* ticks between two queries; 0 = no limit */
	uint64_t burst;			/* ticks from empty to full */
};

/* The rates of those to whom one factor applies. */
struct dp_limit_scale {
	uint64_t factor;
	struct rate rate[CLASSES][2][DP_LIMIT_LEVELS];	/* [class][over TCP][level] */
};

struct level {
	uint64_t mask_be[2];
	uint8_t len;
};

struct dp_limit_rules {
	unsigned levels;
	uint32_t slip;
	struct level level[FAMILIES][DP_LIMIT_LEVELS];	/* the client's own first */
	int over[POOL_KINDS];
	struct dp_acl *special;		/* denied = exempt, else .value is the scale; NULL = nobody is special */
	struct prefix *special_prefix;
	size_t n_special;
	uint32_t qps[POOL_KINDS];
	uint32_t amplification;
	struct rate failures;
	bool active;
	struct dp_limit_scale scale[];	/* the first is everybody's */
};

/* ---- rules ---- */

static struct rate rate_of(uint64_t qps, uint64_t burst, uint64_t factor)
{
	uint64_t per_s = qps * factor;
	struct rate rate = { 0, 0 };

	if (!qps)
		return rate;
	rate.interval = (TICKS_PER_S + per_s / 2) / per_s;
	if (!rate.interval)
		rate.interval = 1;
	rate.burst = burst * factor * rate.interval;	/* factor times as many, factor times as fast */
	if (rate.burst > BURST_MAX)
		rate.burst = BURST_MAX;
	return rate;
}

static void fill_scale(struct dp_limit_scale *scale, const struct dp_limit_conf *conf, uint64_t factor)
{
	scale->factor = factor;
	for (unsigned i = 0; i < 2 * DP_LIMIT_LEVELS; i++) {
		unsigned tcp = i / DP_LIMIT_LEVELS, level = i % DP_LIMIT_LEVELS;
		uint64_t times = factor * (tcp ? conf->tcp_factor : 1);

		if (level > conf->n_wider)
			continue;
		if (level)
			times *= conf->wider[level - 1].factor;
		for (unsigned kind = 0; kind < POOL_KINDS; kind++) {
			const struct dp_limit_kind *k = &conf->kind[kind];

			scale->rate[kind][tcp][level] = rate_of(k->qps, k->burst ? k->burst : 2 * k->qps, times);
		}
		scale->rate[CLASS_HIT][tcp][level] = rate_of(conf->hit_qps, conf->hit_qps, times);
	}
}

static uint64_t mask_half_be(unsigned bits)
{
	return bits >= 64 ? UINT64_MAX : bits ? htobe64(UINT64_MAX << (64 - bits)) : 0;
}

static void fill_level(struct level *level, unsigned len)
{
	level->len = (uint8_t)len;
	level->mask_be[0] = mask_half_be(len);
	level->mask_be[1] = mask_half_be(len > 64 ? len - 64 : 0);
}

static void fill_levels(struct dp_limit_rules *rules, const struct dp_limit_conf *conf)
{
	rules->levels = 1 + (unsigned)conf->n_wider;
	fill_level(&rules->level[0][0], V4_BITS_AT + conf->ipv4_prefix);
	fill_level(&rules->level[1][0], conf->ipv6_prefix);
	for (unsigned i = 0; i < conf->n_wider; i++) {
		fill_level(&rules->level[0][1 + i], V4_BITS_AT + conf->wider[i].ipv4_prefix);
		fill_level(&rules->level[1][1 + i], conf->wider[i].ipv6_prefix);
	}
}

/* One list of all that is exempt or overridden: the longest prefix decides. */
static bool fill_special(struct dp_limit_rules *rules, const struct dp_limit_conf *conf)
{
	size_t n = conf->n_exempt + conf->n_overrides;
	struct dp_acl_rule *list = calloc(n + 1, sizeof(*list));

	rules->special_prefix = calloc(n + 1, sizeof(*rules->special_prefix));
	if (!list || !rules->special_prefix) {
		free(list);
		return false;
	}
	for (size_t i = 0; i < conf->n_exempt; i++)
		list[i].prefix = conf->exempt[i].prefix;
	for (size_t i = 0; i < conf->n_overrides; i++)
		list[conf->n_exempt + i] = (struct dp_acl_rule){ .prefix = conf->overrides[i].prefix, .allow = true,
								 .value = (uint16_t)(1 + i) };
	for (size_t i = 0; i < n; i++)
		rules->special_prefix[i] = list[i].prefix;
	rules->n_special = n;
	if (n)
		rules->special = dp_acl_new(list, n);
	free(list);
	return !n || rules->special;
}

struct dp_limit_rules *dp_limit_rules_new(const struct dp_limit_conf *conf)
{
	struct dp_limit_rules *rules = calloc(1, sizeof(*rules) + (1 + conf->n_overrides) * sizeof(rules->scale[0]));

	if (!rules)
		return NULL;
	if (!fill_special(rules, conf)) {
		dp_limit_rules_free(rules);
		return NULL;
	}
	fill_levels(rules, conf);
	fill_scale(&rules->scale[0], conf, 1);
	for (size_t i = 0; i < conf->n_overrides; i++)
		fill_scale(&rules->scale[1 + i], conf, conf->overrides[i].factor);
	for (unsigned kind = 0; kind < POOL_KINDS; kind++) {
		rules->qps[kind] = conf->kind[kind].qps;
		rules->over[kind] = conf->kind[kind].over;
		rules->active |= conf->kind[kind].qps != 0;
	}
	rules->failures = rate_of(conf->failures_qps,
				  conf->failures_burst ? conf->failures_burst : 2 * conf->failures_qps, 1);
	rules->slip = conf->slip;
	rules->amplification = conf->amplification;
	return rules;
}

void dp_limit_rules_free(struct dp_limit_rules *rules)
{
	if (!rules)
		return;
	dp_acl_free(rules->special);
	free(rules->special_prefix);
	free(rules);
}

bool dp_limit_rules_active(const struct dp_limit_rules *rules)
{
	return rules->active;
}

static const struct level *levels_of(const struct dp_limit_rules *rules, const struct addr *client)
{
	return rules->level[addr_is_v4(client) ? 0 : 1];
}

static struct prefix prefix_of(const struct addr *client, const struct level *level)
{
	struct prefix prefix = { .len = level->len };

	prefix.addr.halves_be[0] = client->halves_be[0] & level->mask_be[0];
	prefix.addr.halves_be[1] = client->halves_be[1] & level->mask_be[1];
	return prefix;
}

struct prefix dp_limit_client(const struct dp_limit_rules *rules, const struct addr *client)
{
	return prefix_of(client, levels_of(rules, client));
}

/* NULL = exempt. */
static const struct dp_limit_scale *scale_of(const struct dp_limit_rules *rules, const struct addr *client)
{
	const struct dp_acl_rule *rule = rules->special ? dp_acl_match(rules->special, client) : NULL;

	if (!rule)
		return &rules->scale[0];
	return rule->allow ? &rules->scale[rule->value] : NULL;
}

uint64_t dp_limit_qps(const struct dp_limit_rules *rules, const struct addr *client, enum pool_kind kind)
{
	const struct dp_limit_scale *scale = scale_of(rules, client);

	return scale ? rules->qps[kind] * scale->factor : 0;
}

bool dp_limit_is_special(const struct dp_limit_rules *rules, const struct prefix *prefix)
{
	for (size_t i = 0; i < rules->n_special; i++) {
		const struct prefix *special = &rules->special_prefix[i];

		if (prefix_contains(special, &prefix->addr) || prefix_contains(prefix, &special->addr))
			return true;
	}
	return false;
}

uint16_t dp_limit_reply_max(const struct dp_limit_rules *rules, size_t len, uint16_t max)
{
	uint64_t bound = rules->amplification * (uint64_t)len;

	if (!rules->amplification || bound >= max)
		return max;
	if (bound < DNS_UDP_MIN)
		bound = DNS_UDP_MIN;
	return bound < max ? (uint16_t)bound : max;
}

/* ---- the table ---- */

int dp_limit_open(struct dp_limit **limit, uint64_t memory)
{
	struct dp_limit *new = calloc(1, sizeof(*new));
	uint64_t size = dp_huge_round(memory);
	bool is_huge;
	int err;

	if (!new)
		return -ENOMEM;
	err = getrandom(new->key, sizeof(new->key), 0) == sizeof(new->key) ? 0 : -EIO;
	if (err)
		goto err_free;
	new->lines = dp_huge_map_reserved(size, &is_huge);	/* zero: every bucket is full */
	err = new->lines ? 0 : -errno;
	if (err)
		goto err_free;
	new->n = size / sizeof(struct line);
	*limit = new;
	return 0;

err_free:
	free(new);
	return err;
}

void dp_limit_close(struct dp_limit *limit)
{
	if (!limit)
		return;
	munmap(limit->lines, limit->n * sizeof(struct line));
	free(limit);
}

uint64_t dp_limit_memory(const struct dp_limit *limit)
{
	return limit->n * sizeof(struct line);
}

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The high bits name the line, the low ones are the tag. */
static uint64_t hash_of(const struct dp_limit *limit, const struct addr *client, const struct level *level,
			unsigned class, bool tcp)
{
	uint64_t which = (uint64_t)level->len << 8 | class << 1 | tcp;
	uint64_t high = (client->halves_be[0] & level->mask_be[0]) ^ limit->key[0];
	uint64_t low = (client->halves_be[1] & level->mask_be[1]) ^ limit->key[1];

	return fold(fold(high, low) ^ which, limit->key[2] | 1);
}

static struct line *line_of(const struct dp_limit *limit, uint64_t hash)
{
	return &limit->lines[(uint64_t)((unsigned __int128)hash * limit->n >> 64)];
}

static uint64_t ticks_of(uint64_t now_ns)
{
	return now_ns >> TICK_NS_LOG2 & TIME_MASK;
}

/* How far the word's time lies ahead of now, in ticks; negative when it is past. */
static int64_t ahead_of(uint64_t word, uint64_t now)
{
	uint64_t from_horizon = (word - now - HORIZON - 1) & TIME_MASK;

	return (int64_t)from_horizon - (int64_t)(TIME_MASK - HORIZON);
}

static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit((_Atomic uint64_t *)word, memory_order_relaxed);
}

/* The word of this tag, or the one to give up for it: that which has been full for the longest time, or will be full
 * the soonest. *value is what stood there. */
static _Atomic uint64_t *find(struct line *line, uint64_t tag, uint64_t now, uint64_t *value)
{
	unsigned oldest = 0;

	for (unsigned i = 0; i < WAYS; i++) {
		*value = load(&line->word[i]);
		if (*value >> TIME_BITS == tag)
			return &line->word[i];
	}
	*value = load(&line->word[0]);
	for (unsigned i = 1; i < WAYS; i++) {
		uint64_t word = load(&line->word[i]);

		if (ahead_of(word, now) < ahead_of(*value, now)) {
			*value = word;
			oldest = i;
		}
	}
	return &line->word[oldest];
}

/* Takes one token. False: there is none, and nothing has changed. A try fails only where another's succeeds. */
static bool charge(const struct dp_limit *limit, uint64_t hash, const struct rate *rate, uint64_t now)
{
	struct line *line = line_of(limit, hash);
	uint64_t tag = hash & (UINT64_MAX >> TIME_BITS);

	for (;;) {
		uint64_t old;
		_Atomic uint64_t *word = find(line, tag, now, &old);
		int64_t ahead = old >> TIME_BITS == tag ? ahead_of(old, now) : 0;

		ahead = (ahead > 0 ? ahead : 0) + (int64_t)rate->interval;
		if (ahead > (int64_t)rate->burst)
			return false;
		if (atomic_compare_exchange_weak_explicit(word, &old,
							  tag << TIME_BITS | ((now + (uint64_t)ahead) & TIME_MASK),
							  memory_order_relaxed, memory_order_relaxed))
			return true;
	}
}

/* ---- names ---- */

static uint64_t hash_of_name(const struct dp_limit *limit, uint64_t parent)
{
	return fold(fold(parent ^ limit->key[0], limit->key[1] | 1) ^ CLASS_FAILURE << 1, limit->key[2] | 1);
}

static bool counts_failures(const struct dp_limit *limit, const struct dp_limit_rules *rules, uint64_t parent)
{
	return limit && rules && rules->failures.interval && parent;
}

void dp_limit_failed(const struct dp_limit *limit, const struct dp_limit_rules *rules, uint64_t parent, uint64_t now_ns)
{
	if (counts_failures(limit, rules, parent))
		charge(limit, hash_of_name(limit, parent), &rules->failures, ticks_of(now_ns));
}

bool dp_limit_is_failing(const struct dp_limit *limit, const struct dp_limit_rules *rules, uint64_t parent,
			 uint64_t now_ns)
{
	uint64_t hash, word, now = ticks_of(now_ns);

	if (!counts_failures(limit, rules, parent))
		return false;
	hash = hash_of_name(limit, parent);
	find(line_of(limit, hash), hash & (UINT64_MAX >> TIME_BITS), now, &word);
	return word >> TIME_BITS == (hash & (UINT64_MAX >> TIME_BITS)) &&
	       ahead_of(word, now) + (int64_t)rules->failures.interval > (int64_t)rules->failures.burst;
}

/* ---- a query ---- */

bool dp_limit_prepare(const struct dp_limit *limit, const struct dp_limit_rules *rules, const struct addr *client,
		      enum pool_kind kind, bool tcp, struct dp_limit_ask *ask)
{
	const struct level *level = levels_of(rules, client);

	if (!rules->qps[kind])
		return false;
	ask->scale = scale_of(rules, client);
	if (!ask->scale)
		return false;
	ask->client = *client;
	ask->kind = (uint8_t)kind;
	ask->tcp = tcp;
	for (unsigned i = 0; i < rules->levels; i++) {
		ask->hash[i] = hash_of(limit, client, &level[i], kind, tcp);
		__builtin_prefetch(line_of(limit, ask->hash[i]), 1);
	}
	return true;
}

/* The ceiling of those who are over their limit: buckets of their own, prefix by prefix again. */
static bool under_ceiling(const struct dp_limit *limit, const struct dp_limit_rules *rules,
			  const struct dp_limit_ask *ask, uint64_t now)
{
	const struct rate *rate = ask->scale->rate[CLASS_HIT][ask->tcp];
	const struct level *level = levels_of(rules, &ask->client);

	for (unsigned i = 0; i < rules->levels && rate[i].interval; i++) {
		if (!charge(limit, hash_of(limit, &ask->client, &level[i], CLASS_HIT, ask->tcp), &rate[i], now))
			return false;
	}
	return true;
}

/* Every slip-th of those who share a slot. */
static enum dp_limit_verdict slip(const struct dp_limit_rules *rules, const struct dp_limit_ask *ask,
				  struct dp_limit_slips *slips)
{
	uint8_t *dropped = &slips->dropped[ask->hash[0] % DP_LIMIT_SLIP_SLOTS];

	if (++*dropped < rules->slip)
		return DP_LIMIT_DROP;
	*dropped = 0;
	return DP_LIMIT_SLIP;
}

/* Over TCP the client is who it says: it is refused, where silence would leave its connection waiting. */
static enum dp_limit_verdict over_limit(const struct dp_limit *limit, const struct dp_limit_rules *rules,
					const struct dp_limit_ask *ask, uint64_t now, struct dp_limit_slips *slips)
{
	int over = rules->over[ask->kind];

	if (over == DP_OVER_CACHE_ONLY && under_ceiling(limit, rules, ask, now))
		return DP_LIMIT_CACHE_ONLY;
	if (ask->tcp)
		return DP_LIMIT_REFUSE;
	switch (over) {
	case DP_OVER_SLIP:
		return slip(rules, ask, slips);
	case DP_OVER_REFUSE:
		return DP_LIMIT_REFUSE;
	default:
		return DP_LIMIT_DROP;
	}
}

enum dp_limit_verdict dp_limit_judge(struct dp_limit *limit, const struct dp_limit_rules *rules,
				     const struct dp_limit_ask *ask, uint64_t now_ns, struct dp_limit_slips *slips,
				     struct prefix *over)
{
	const struct rate *rate = ask->scale->rate[ask->kind][ask->tcp];
	uint64_t now = ticks_of(now_ns);

	for (unsigned i = 0; i < rules->levels; i++) {
		if (charge(limit, ask->hash[i], &rate[i], now))
			continue;
		*over = prefix_of(&ask->client, &levels_of(rules, &ask->client)[i]);
		return over_limit(limit, rules, ask, now, slips);
	}
	return DP_LIMIT_PASS;
}
