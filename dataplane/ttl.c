/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ttl.c - how long a server's answer may be kept. Contract in ttl.h.
 *
 * One walk over the records notes each TTL and what the life depends on; a second one, over the few messages whose
 * TTLs differ, gives all records of a set the smallest of theirs (RFC 2181, 5.2). Sets are told apart by a hash
 * of owner, type and, for RRSIG, the type covered (its TTL is that set's: RFC 4034, 3). Two sets with one hash
 * would only be kept shorter, so nothing is compared behind it.
 */
#include "dataplane/ttl.h"

#include "dataplane/query.h"
#include "dataplane/wire.h"
#include "pools/pool.h"

enum {
	TTL_BEFORE_DATA = 6,		/* octets from a TTL to the record's data: itself and the length */
	SOA_FIXED_LEN = 20,		/* numbers behind the two names, the minimum last */
	SOA_DATA_MIN = SOA_FIXED_LEN + 2,
	TYPE_NS = 2,
	TYPES_META_FIRST = 128, TYPES_META_LAST = 255,	/* RFC 6895, 3.1 */
	POINTERS_MAX = 127,
};

/* What the walk found. */
struct found {
	uint32_t smallest, largest;	/* TTLs, those over max_ttl lowered */
	uint32_t soa_minimum;
	bool soa, ns;			/* in the authority section */
	bool asked_type;		/* in the answer section */
	bool rrsig;
	bool foreign_class;
};

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static bool is_meta(uint16_t type)
{
	return (type >= TYPES_META_FIRST && type <= TYPES_META_LAST) || type == DNS_TYPE_OPT || type == 0;
}

static void note_authority(const uint8_t *msg, const struct dp_record *record, struct found *found)
{
	if (record->type == TYPE_NS)
		found->ns = true;
	if (record->type == DNS_TYPE_SOA && record->end - record->rdata >= SOA_DATA_MIN) {
		found->soa = true;
		found->soa_minimum = least(found->soa_minimum, wire_get32(msg + record->end - 4));
	}
}

/* The TTL as it is shown: at most max_ttl, which a set top bit is over too (RFC 8767, 4; D139). */
static uint32_t cap_ttl(uint8_t *at, uint32_t max_ttl)
{
	uint32_t ttl = wire_get32(at);

	if (ttl > max_ttl) {
		ttl = max_ttl;
		wire_put32(at, ttl);
	}
	return ttl;
}

/* What a record that is kept tells by where it stands. */
static void note(const uint8_t *msg, size_t at, const struct dp_record *record, uint32_t ttl,
		 const struct dp_answer *answer, struct found *found)
{
	found->smallest = least(found->smallest, ttl);
	if (ttl > found->largest)
		found->largest = ttl;
	found->rrsig |= record->type == DNS_TYPE_RRSIG;
	if (at < answer->answer_end)
		found->asked_type |= record->type == answer->type;
	else if (at < answer->authority_end)
		note_authority(msg, record, found);
}

/* Walks the records, which dp_answer_parse() has walked before. */
static void walk(uint8_t *msg, size_t len, const struct dp_answer *answer, uint32_t max_ttl, struct dp_ttls *ttls,
		 struct found *found)
{
	size_t kept_end = answer->opt_len ? answer->opt_at : len;
	struct dp_record record;

	ttls->n = 0;
	for (size_t at = answer->question_end; dp_record_read(msg, len, at, &record); at = record.end) {
		size_t ttl_at = record.rdata - TTL_BEFORE_DATA;
		uint32_t ttl;

		if (record.type == DNS_TYPE_OPT)
			continue;	/* its class and TTL are none */
		found->foreign_class |= record.class != DNS_CLASS_IN;
		ttl = cap_ttl(msg + ttl_at, max_ttl);
		if (at >= kept_end)
			continue;
		ttls->at[ttls->n++] = (uint16_t)(ttl_at - answer->question_end);
		note(msg, at, &record, ttl, answer, found);
	}
}

/* ---- all of a set the same ---- */

/* FNV-1a over the owner at msg[at], without case, following pointers backward only; 0 when it is no name. */
static uint64_t hash_owner(const uint8_t *msg, size_t len, size_t at)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	unsigned pointers = 0, octets = 0;

	while (at < len) {
		uint8_t label = msg[at];

		if (label >= 0xc0) {
			size_t target;

			if (len - at < 2 || ++pointers > POINTERS_MAX)
				return 0;
			target = wire_get16(msg + at) & 0x3fff;
			if (target < DNS_HEADER_LEN || target >= at)
				return 0;
			at = target;
			continue;
		}
		octets += label + 1u;
		if (label > 63 || octets > NAME_WIRE_MAX || len - at < label + 1u)
			return 0;
		for (unsigned i = 0; i <= label; i++) {
			uint8_t octet = msg[at + i];

			if (octet >= 'A' && octet <= 'Z')
				octet |= 0x20;
			hash = (hash ^ octet) * UINT64_C(0x100000001b3);
		}
		if (!label)
			return hash;
		at += label + 1u;
	}
	return 0;
}

/* Which set the record at msg[at] belongs to. */
static uint64_t hash_set(const uint8_t *msg, size_t len, size_t at, const struct dp_record *record)
{
	uint64_t hash = hash_owner(msg, len, at);
	uint32_t covered = 0;

	if (!hash)
		return at;	/* a set of its own */
	if (record->type == DNS_TYPE_RRSIG && record->end - record->rdata >= 2)
		covered = wire_get16(msg + record->rdata);
	return (hash ^ (covered << 16 | record->type)) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Lowers record i and those before it to the smallest TTL of its set; the sets before it are level already. */
static void level_one(uint8_t *records, const uint64_t *sets, const uint16_t *at, unsigned i)
{
	uint32_t own = wire_get32(records + at[i]);

	for (unsigned j = i; j-- > 0;) {
		uint32_t other;

		if (sets[j] != sets[i])
			continue;
		other = wire_get32(records + at[j]);
		if (other < own) {
			wire_put32(records + at[i], other);
			return;
		}
		if (other > own)
			wire_put32(records + at[j], own);
	}
}

static void level_sets(uint8_t *msg, size_t len, const struct dp_answer *answer, const struct dp_ttls *ttls)
{
	size_t at = answer->question_end;
	uint64_t sets[DP_TTLS_MAX];
	struct dp_record record;

	for (unsigned i = 0; i < ttls->n && dp_record_read(msg, len, at, &record); i++, at = record.end) {
		sets[i] = hash_set(msg, len, at, &record);
		level_one(msg + answer->question_end, sets, ttls->at, i);
	}
}

/* ---- the verdict ---- */

static enum dp_ttl_verdict judge_header(const struct dp_answer *answer, const struct pool_cache *policy)
{
	if (!policy->enabled)
		return DP_TTL_OFF;
	if (answer->class != DNS_CLASS_IN || is_meta(answer->type))
		return DP_TTL_TYPE;
	if (answer->flags & DNS_TC)
		return DP_TTL_TRUNCATED;
	if (answer->rcode != DNS_RCODE_NOERROR && answer->rcode != DNS_RCODE_NXDOMAIN &&
	    answer->rcode != DNS_RCODE_SERVFAIL)
		return DP_TTL_RCODE;
	return DP_TTL_KEEP;
}

static bool is_referral(const struct dp_answer *answer, const struct found *found)
{
	return answer->rcode == DNS_RCODE_NOERROR && !found->asked_type && !found->soa && found->ns;
}

static bool is_negative(const struct dp_answer *answer, const struct found *found)
{
	if (answer->rcode == DNS_RCODE_NXDOMAIN)
		return true;
	if (found->asked_type || is_referral(answer, found))
		return false;
	return found->soa || !answer->answers || !(answer->flags & DNS_AA);
}

/* Life by the policy, 0 if none is left. */
static uint32_t life_of(const struct found *found, const struct pool_cache *policy, const struct dp_ttls *ttls)
{
	uint32_t life = found->smallest;

	if (ttls->failure)
		return policy->failure_ttl;
	if (ttls->negative)
		life = least(life, found->soa_minimum);
	if (life && life < policy->min_ttl && !found->rrsig)
		life = policy->min_ttl;
	if (ttls->negative)
		life = least(life, policy->max_negative_ttl);
	return least(life, policy->max_ttl);
}

enum dp_ttl_verdict dp_ttl_read(uint8_t *msg, size_t len, const struct dp_answer *answer,
				const struct pool_cache *policy, struct dp_ttls *ttls)
{
	struct found found = { .smallest = UINT32_MAX, .soa_minimum = UINT32_MAX };
	unsigned records = (unsigned)answer->answers + answer->authorities + answer->additionals;
	enum dp_ttl_verdict verdict = judge_header(answer, policy);

	if (verdict != DP_TTL_KEEP)
		return verdict;
	if (records - (answer->opt_len != 0) > DP_TTLS_MAX ||
	    len - answer->question_end - answer->opt_len > DP_TTL_BODY_MAX)
		return DP_TTL_SIZE;
	walk(msg, len, answer, policy->max_ttl, ttls, &found);
	if (found.foreign_class)
		return DP_TTL_TYPE;
	if (answer->opt_len && !answer->opt_last && is_referral(answer, &found))
		return DP_TTL_SIZE;

	ttls->failure = answer->rcode == DNS_RCODE_SERVFAIL;
	ttls->negative = !ttls->failure && is_negative(answer, &found);
	if (ttls->negative && !found.soa)
		return DP_TTL_NO_SOA;
	ttls->life_s = life_of(&found, policy, ttls);
	if (!ttls->life_s)
		return DP_TTL_ZERO;
	if (found.smallest != found.largest)
		level_sets(msg, len, answer, ttls);
	return DP_TTL_KEEP;
}

void dp_ttl_age(uint8_t *body, const uint16_t *at, unsigned n, uint32_t age_s)
{
	for (unsigned i = 0; i < n; i++) {
		uint32_t ttl = wire_get32(body + at[i]);

		wire_put32(body + at[i], ttl > age_s ? ttl - age_s : 0);
	}
}
