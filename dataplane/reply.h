/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reply.h - every answer a client sees: our own errors and local answers, and a server's answer made the
 * client's. The header, the question in the client's letter case, and exactly one OPT if the client
 * had one (edns.h). Pure functions.
 */
#ifndef DATAPLANE_REPLY_H
#define DATAPLANE_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dp_answer;
struct dp_asker;
struct dp_cache_entry;
struct local_answer;

enum {
	DP_REPLY_NSID_MAX = 4 + 63,			/* room the id of this node may need */
	DP_REPLY_ERROR_MAX = 12 + 255 + 4 + 11 + 6 + DP_REPLY_NSID_MAX,	/* room an error answer may need */
	DP_REPLY_HINFO_LEN = 2 + 10 + 9,
};

/* The question to echo; wire NULL = none (it did not parse). */
struct dp_question {
	const uint8_t *wire;		/* folded */
	uint8_t wire_len;
	uint16_t type, class;
};

/* ede: Extended DNS Error INFO-CODE for EDNS clients (RFC 8914), or -1. ra: sets RA. Length. (D035) */
size_t dp_reply_error(uint8_t *out, const struct dp_asker *asker, const struct dp_question *question,
		      uint16_t rcode, bool ra, int ede, uint16_t edns_size);

/* "Ask over TCP": TC, header, question and OPT, so never longer than the query but for its own OPT. Length. */
size_t dp_reply_truncated(uint8_t *out, const struct dp_asker *asker, const struct dp_question *question,
			  bool ra, uint16_t edns_size);

/* The minimal answer to ANY, one synthesized HINFO with TTL 3600 (RFC 8482, 4.2); authoritative sets AA, else RA.
 * question->wire is not NULL; out needs DP_REPLY_ERROR_MAX + DP_REPLY_HINFO_LEN octets. Length. */
size_t dp_reply_any(uint8_t *out, const struct dp_asker *asker, const struct dp_question *question,
		    bool authoritative, uint16_t edns_size);

/*
 * Adds the id of this node (RFC 5001) to the OPT of a finished reply of ours, which is its last record, if all of it
 * then still fits into max octets, and not where TC says to ask again. Returns the length. (D051)
 */
size_t dp_reply_add_nsid(uint8_t *msg, size_t len, size_t max, const char *nsid, uint8_t nsid_len);

/* CH TXT answer with TTL 0 and AA, or its rcode alone; TC where the text is over asker->reply_max. out needs
 * DP_REPLY_ERROR_MAX + 270 octets. */
size_t dp_reply_local(uint8_t *out, const struct dp_asker *asker, const struct dp_question *question,
		      const struct local_answer *local, uint16_t edns_size);

/*
 * Turns a server's answer (parsed into *answer) in place into asker's: id, RD, CD, AD (passed only if it set AD
 * or DO, D108), Z clear, AA cleared for recursive pools (D107), question in its case, server's OPT out, ours in,
 * rcode's upper bits (or, for a client without EDNS, SERVFAIL where they are not 0), TC and the cut to header,
 * question and OPT when over asker->reply_max (D060); before that the additional section goes (D061). The question
 * must have been compared with asker's (dp_answer_matches()). msg has room octets, at least len + DNS_OPT_LEN.
 * Returns the new length.
 */
size_t dp_reply_adopt(uint8_t *msg, size_t len, size_t room, const struct dp_answer *answer,
		      const struct dp_asker *asker, bool recursive, uint16_t edns_size);

/* The answer of a cache entry for asker, whose question is that of the entry's key, with its TTLs lowered by age_s.
 * room must hold DP_REPLY_ERROR_MAX. The rest as dp_reply_adopt(). */
size_t dp_reply_cached(uint8_t *out, size_t room, const struct dp_asker *asker, const struct dp_question *question,
		       const struct dp_cache_entry *entry, uint32_t age_s, bool recursive, uint16_t edns_size);

/* dp_reply_adopt() into another buffer, for the second waiter and on. Where room does not hold len octets the copy is
 * cut to header, question and OPT; it must hold DP_REPLY_ERROR_MAX. */
size_t dp_reply_copy(uint8_t *out, size_t room, const uint8_t *msg, size_t len,
		     const struct dp_answer *answer, const struct dp_asker *asker, bool recursive,
		     uint16_t edns_size);

#endif
