/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * query.h - DNS messages in wire form: what a client asks, what a server answered. Bounded time,
 * nothing read at or behind len, which is at most 65535. Pure functions; sources RFC 1035, 6891, 9619, 8906.
 */
#ifndef DATAPLANE_QUERY_H
#define DATAPLANE_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "pools/name.h"

enum {
	DNS_HEADER_LEN = 12,
	DNS_UDP_MIN = 512,
	DNS_EDNS_SIZE = 1232,		/* RFC 9715 */
	DNS_QUESTION_FIXED_LEN = 4,	/* type and class */
	DNS_OPT_LEN = 11,		/* an OPT without options */
	DNS_NSID_MAX = 63,		/* octets of the id we give (RFC 5001) */

	/* offsets in the header */
	DNS_AT_ID = 0, DNS_AT_FLAGS = 2, DNS_AT_QDCOUNT = 4, DNS_AT_ANCOUNT = 6, DNS_AT_NSCOUNT = 8,
	DNS_AT_ARCOUNT = 10,

	DNS_OPCODE_QUERY = 0, DNS_OPCODE_NOTIFY = 4, DNS_OPCODE_UPDATE = 5,

	DNS_RCODE_NOERROR = 0, DNS_RCODE_FORMERR = 1, DNS_RCODE_SERVFAIL = 2, DNS_RCODE_NXDOMAIN = 3,
	DNS_RCODE_NOTIMP = 4, DNS_RCODE_REFUSED = 5, DNS_RCODE_BADVERS = 16,

	DNS_TYPE_A = 1, DNS_TYPE_SOA = 6, DNS_TYPE_HINFO = 13, DNS_TYPE_TXT = 16,
	DNS_TYPE_SIG = 24, DNS_TYPE_AAAA = 28, DNS_TYPE_OPT = 41, DNS_TYPE_DS = 43, DNS_TYPE_RRSIG = 46,
	DNS_TYPE_TSIG = 250, DNS_TYPE_IXFR = 251, DNS_TYPE_AXFR = 252, DNS_TYPE_ANY = 255,
	DNS_CLASS_IN = 1, DNS_CLASS_CH = 3, DNS_CLASS_ANY = 255,
};

/* Flags of octets 2 and 3 of the header, as one host-order word. */
enum {
	DNS_QR = 0x8000, DNS_AA = 0x0400, DNS_TC = 0x0200, DNS_RD = 0x0100,
	DNS_RA = 0x0080, DNS_Z = 0x0040, DNS_AD = 0x0020, DNS_CD = 0x0010,
};

/* One resource record where it lies in a message. */
struct dp_record {
	size_t rdata, end;		/* rdata_len = end - rdata */
	uint16_t type, class;		/* host order */
	bool root_owner;
	uint16_t owner_pointer;		/* where the owner's compression pointer points, 0 = not compressed */
};

/* Reads the record at msg[at]: its owner may be compressed (a pointer ends a name, and must point at or behind
 * the header's end and before the name itself; it is not followed). False when it does not fit. */
bool dp_record_read(const uint8_t *msg, size_t len, size_t at, struct dp_record *record);

/* How one client asked: what must be remembered to answer it, whoever else asked the same. */
struct dp_asker {
	uint16_t id;			/* host order */
	uint16_t reply_max;		/* largest payload it takes: UDP min(its EDNS size, ours), TCP 65535 */
	uint8_t opcode;
	bool rd, cd, ad, dnssec_ok;
	bool edns;			/* had an OPT; the answer then has exactly one */
	bool nsid;			/* asked who answers (RFC 5001) */
	bool tcp;
	uint8_t case_bits[NAME_CASE_OCTETS];
};

struct dp_query {
	struct dp_asker asker;
	uint16_t type, class;		/* host order */
	uint16_t question_end;		/* octets up to and with the question; 0 when it did not parse */
	uint8_t if_trailing_ignored;	/* enum dp_query_verdict; of DP_QUERY_TRAILING: what it is but for them */
	struct name name;
};

enum dp_query_verdict {
	DP_QUERY_OK,
	/* dropped in silence */
	DP_QUERY_SHORT,			/* under 12 octets (D020) */
	DP_QUERY_RESPONSE,		/* QR = 1 (D021) */
	/* answered with an error; query.asker and, if question_end != 0, the question are filled */
	DP_QUERY_NOTIMP,		/* opcode other than QUERY, NOTIFY and UPDATE (D029) */
	DP_QUERY_UPDATE,		/* NOTIFY or UPDATE with one question; not looked at behind it (D112) */
	DP_QUERY_QDCOUNT,		/* FORMERR: QDCOUNT not 1 (D023, D024) */
	DP_QUERY_COUNTS,		/* FORMERR: ANCOUNT or NSCOUNT not 0 (D025: documented rule) */
	DP_QUERY_NAME,			/* FORMERR: question's name (D026) */
	DP_QUERY_TRUNCATED,		/* FORMERR: counts promise more than there is (D028) */
	DP_QUERY_TRAILING,		/* FORMERR: octets behind the last record (D027) */
	DP_QUERY_OPT,			/* FORMERR: two OPT, OPT not root-owned, options overrun (D040, D047) */
	DP_QUERY_BADVERS,		/* EDNS version > 0 (D041) */
	DP_QUERY_SIGNED,		/* REFUSED: TSIG or SIG(0) in a query (D113: never rewritten) */
	DP_QUERY_VERDICTS
};

/* edns_size: our own limit on UDP. tcp: came over TCP. Fills what the verdict promises, and clears nothing else. */
enum dp_query_verdict dp_query_parse(const uint8_t *msg, size_t len, bool tcp, uint16_t edns_size,
				     struct dp_query *query);

/* Where things lie in a server's answer. */
struct dp_answer {
	uint16_t id, flags;		/* host order */
	uint8_t rcode_low;
	uint16_t rcode;			/* with the OPT's upper bits */
	uint16_t type, class;
	uint16_t question_end;		/* 0 when there is no question */
	uint16_t opt_at, opt_len;	/* 0, 0 without OPT */
	bool opt_last;			/* nothing behind the OPT */
	uint16_t answers, authorities, additionals;	/* counts of the header */
	uint16_t answer_end, authority_end;	/* offsets where these sections end */
};

enum dp_answer_verdict {
	DP_ANSWER_OK,
	DP_ANSWER_SHORT, DP_ANSWER_NOT_RESPONSE, DP_ANSWER_OPCODE, DP_ANSWER_NO_QUESTION,
	DP_ANSWER_MALFORMED,		/* names, counts, lengths or OPT do not fit the message */
	DP_ANSWER_VERDICTS
};

/* Cheap first look, enough to find the in-flight query: header and question only. The question's name is
 * compared with wire (folded, wire_len octets) without case; true when name, type and class are equal. */
bool dp_answer_matches(const uint8_t *msg, size_t len, const uint8_t *wire, size_t wire_len,
		       uint16_t type, uint16_t class);

/* Walks all records; fills *answer. */
enum dp_answer_verdict dp_answer_parse(const uint8_t *msg, size_t len, struct dp_answer *answer);

/* Writes the query sent to a server, from the key (D130), never from the client's octets: header with id,
 * RD as given, AD set, CD; question in lower case; OPT with edns_size and DO, or none when edns_size is 0. out
 * needs DNS_HEADER_LEN + wire_len + 4 + DNS_OPT_LEN octets. Returns the length. */
size_t dp_query_write(uint8_t *out, uint16_t id, bool rd, bool cd, bool dnssec_ok,
		      const uint8_t *wire, size_t wire_len, uint16_t type, uint16_t class,
		      uint16_t edns_size);

#endif
