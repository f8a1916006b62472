/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ttl.h - how long a server's answer may be kept, and where its TTLs stand. Pure functions of octets; sources RFC 2308,
 * RFC 2181 (5.2, 8), RFC 8767 (4), RFC 9520.
 */
#ifndef DATAPLANE_TTL_H
#define DATAPLANE_TTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dp_answer;
struct pool_cache;

enum {
	DP_TTLS_MAX = 512,		/* records of an answer that is kept */
	DP_TTL_BODY_MAX = 16384,	/* octets of them: as far as compression pointers reach */
};

/* Why an answer is not kept; DP_TTL_KEEP if it is. */
enum dp_ttl_verdict {
	DP_TTL_KEEP,
	DP_TTL_OFF,			/* the pool keeps nothing */
	DP_TTL_TYPE,			/* type or class that is not kept, or a signed message (D137) */
	DP_TTL_RCODE,			/* neither NOERROR, NXDOMAIN nor SERVFAIL */
	DP_TTL_TRUNCATED,
	DP_TTL_ZERO,			/* TTL 0, as sent or as the policy makes it */
	DP_TTL_NO_SOA,			/* negative without SOA (D161) */
	DP_TTL_SIZE,			/* more records or octets than an entry holds; glue behind the OPT */
	DP_TTL_VERDICTS
};

/* Where TTLs are in a message, and how long it may be kept. */
struct dp_ttls {
	uint32_t life_s;		/* from now; over 0 when kept */
	bool negative, failure;
	uint16_t n;			/* records that are kept: all in front of the OPT */
	uint16_t at[DP_TTLS_MAX];	/* where their TTL fields stand, from question_end on */
};

/*
 * What the answer says of its question, for life's purpose. A name or type that is not there (NXDOMAIN, or NOERROR
 * without a record of the type, also at the end of a chain; D163) is negative. A referral (RFC 2308, 2.1.1 and 2.2: NS
 * and no SOA in the authority section) and an authoritative server's chain that leads out of what it knows (AA, no SOA)
 * are positive.
 *
 * Records behind an OPT that is not the last record are not kept, for what they point at would move; a referral, which
 * may need them, is then not kept at all.
 *
 * Judges msg, which dp_answer_parse() accepted into *answer, by the pool's policy, and fills *ttls. Life is the
 * smallest TTL over all sections (D138); of a negative answer min(SOA's TTL, SOA's minimum) at most max_negative_ttl
 * (D160); of SERVFAIL failure_ttl (D164). A TTL with its top bit set counts as large (D139). min_ttl raises no answer
 * with an RRSIG in it (D144). Writes into msg: TTLs over max_ttl become max_ttl, and all of an RRset the smallest of
 * them (D140).
 */
enum dp_ttl_verdict dp_ttl_read(uint8_t *msg, size_t len, const struct dp_answer *answer,
				const struct pool_cache *policy, struct dp_ttls *ttls);

/* Lowers n TTLs of body, at these offsets, by age_s, none below 0 (D140). */
void dp_ttl_age(uint8_t *body, const uint16_t *at, unsigned n, uint32_t age_s);

#endif
