/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reply.c - every answer a client sees. Pure functions of octets.
 *
 * Records keep their octets and their order; only the header, the letter case of the question, the OPT
 * and the cut to the client's size are ours. What a compression pointer points at never changes its place,
 * and pointers at the question show the client's case.
 */
#include "dataplane/reply.h"

#include <string.h>
#include "dataplane/cache.h"
#include "dataplane/edns.h"
#include "dataplane/query.h"
#include "dataplane/ttl.h"
#include "dataplane/wire.h"
#include "pools/local.h"

enum {
	RECORD_FIXED_LEN = 2 + 10,	/* owner (a pointer), type to length */
	TEXT_RECORD_FIXED_LEN = RECORD_FIXED_LEN + 1,	/* and the text's own length */
	OPTION_NSID = 3,
	OPTION_HEADER = 4,
	ANY_TTL_S = 3600,
};

/* What stands behind a header's flags. */
struct counts {
	uint16_t questions, answers, authorities, additionals;
};

static void write_header(uint8_t *msg, uint16_t id, uint16_t flags, const struct counts *counts)
{
	wire_put16(msg + DNS_AT_ID, id);
	wire_put16(msg + DNS_AT_FLAGS, flags);
	wire_put16(msg + DNS_AT_QDCOUNT, counts->questions);
	wire_put16(msg + DNS_AT_ANCOUNT, counts->answers);
	wire_put16(msg + DNS_AT_NSCOUNT, counts->authorities);
	wire_put16(msg + DNS_AT_ARCOUNT, counts->additionals);
}

/* The flags that every answer to asker has; the rcode as far as the client can read it. */
static uint16_t flags_for(const struct dp_asker *asker, uint16_t rcode)
{
	if (rcode > 0xf && !asker->edns)
		rcode = DNS_RCODE_SERVFAIL;
	return (uint16_t)(DNS_QR | asker->opcode << 11 | (asker->rd ? DNS_RD : 0) |
			  (asker->cd ? DNS_CD : 0) | (rcode & 0xf));
}

static size_t write_question(uint8_t *at, const struct dp_question *question,
			     const struct dp_asker *asker)
{
	size_t len;

	if (!question->wire)
		return 0;
	len = name_write(at, question->wire, question->wire_len, asker->case_bits);
	wire_put16(at + len, question->type);
	wire_put16(at + len + 2, question->class);
	return len + DNS_QUESTION_FIXED_LEN;
}

/* The client's OPT: exactly one if it sent one. Returns its length. */
static size_t write_opt(uint8_t *at, const struct dp_asker *asker, uint16_t rcode, int ede,
			uint16_t edns_size)
{
	return asker->edns ? dp_opt_write(at, edns_size, asker->dnssec_ok, rcode, ede) : 0;
}

/* A reply without records of its own; more: flags that go with the rcode. */
static size_t write_bare(uint8_t *out, const struct dp_asker *asker, const struct dp_question *question,
			 uint16_t rcode, uint16_t more, int ede, uint16_t edns_size)
{
	struct counts counts = { .questions = question->wire != NULL, .additionals = asker->edns };
	size_t len = DNS_HEADER_LEN;

	write_header(out, asker->id, flags_for(asker, rcode) | more, &counts);
	len += write_question(out + len, question, asker);
	len += write_opt(out + len, asker, rcode, ede, edns_size);
	return len;
}

size_t dp_reply_error(uint8_t *out, const struct dp_asker *asker, const struct dp_question *question,
		      uint16_t rcode, bool ra, int ede, uint16_t edns_size)
{
	return write_bare(out, asker, question, rcode, ra ? DNS_RA : 0, ede, edns_size);
}

size_t dp_reply_truncated(uint8_t *out, const struct dp_asker *asker, const struct dp_question *question,
			  bool ra, uint16_t edns_size)
{
	return write_bare(out, asker, question, DNS_RCODE_NOERROR, DNS_TC | (ra ? DNS_RA : 0), -1, edns_size);
}

/* Owner (the question's name) to data length. */
static void write_record_head(uint8_t *at, uint16_t type, uint16_t class, uint32_t ttl_s, size_t rdata_len)
{
	wire_put16(at, 0xc000 | DNS_HEADER_LEN);
	wire_put16(at + 2, type);
	wire_put16(at + 4, class);
	wire_put32(at + 6, ttl_s);
	wire_put16(at + 10, (uint16_t)rdata_len);
}

size_t dp_reply_any(uint8_t *out, const struct dp_asker *asker, const struct dp_question *question,
		    bool authoritative, uint16_t edns_size)
{
	static const uint8_t hinfo[] = "\7RFC8482";	/* CPU; the literal's NUL is an empty OS */
	struct counts counts = { .questions = 1, .answers = 1, .additionals = asker->edns };
	uint16_t flags = flags_for(asker, DNS_RCODE_NOERROR) | (authoritative ? DNS_AA : DNS_RA);
	size_t len = DNS_HEADER_LEN;

	_Static_assert(RECORD_FIXED_LEN + sizeof(hinfo) == DP_REPLY_HINFO_LEN, "the header promises the room");
	write_header(out, asker->id, flags, &counts);
	len += write_question(out + len, question, asker);
	write_record_head(out + len, DNS_TYPE_HINFO, question->class, ANY_TTL_S, sizeof(hinfo));
	memcpy(out + len + RECORD_FIXED_LEN, hinfo, sizeof(hinfo));
	len += DP_REPLY_HINFO_LEN;
	return len + write_opt(out + len, asker, DNS_RCODE_NOERROR, -1, edns_size);
}

/* Where the last of our own reply's records begins, 0 if it has none. Asked for so rarely that a second walk costs less
 * than to remember the place in every reply. */
static size_t find_last_record(const uint8_t *msg, size_t len, size_t *end)
{
	unsigned records = wire_get16(msg + DNS_AT_ANCOUNT) + wire_get16(msg + DNS_AT_NSCOUNT) +
			   wire_get16(msg + DNS_AT_ARCOUNT);
	size_t at = DNS_HEADER_LEN, last = 0;
	struct dp_record record;

	if (wire_get16(msg + DNS_AT_QDCOUNT)) {
		while (at < len && msg[at])
			at += 1 + msg[at];
		at += 1 + DNS_QUESTION_FIXED_LEN;
	}
	for (; records && dp_record_read(msg, len, at, &record); records--, at = record.end)
		last = at;
	*end = at;
	return records ? 0 : last;
}

size_t dp_reply_add_nsid(uint8_t *msg, size_t len, size_t max, const char *nsid, uint8_t nsid_len)
{
	size_t more = OPTION_HEADER + nsid_len, opt, end;

	if (len + more > max || wire_get16(msg + DNS_AT_FLAGS) & DNS_TC || !wire_get16(msg + DNS_AT_ARCOUNT))
		return len;
	opt = find_last_record(msg, len, &end);
	if (!opt || end != len || msg[opt] || wire_get16(msg + opt + 1) != DNS_TYPE_OPT)
		return len;
	wire_put16(msg + len, OPTION_NSID);
	wire_put16(msg + len + 2, nsid_len);
	memcpy(msg + len + OPTION_HEADER, nsid, nsid_len);
	wire_put16(msg + opt + DNS_OPT_LEN - 2, (uint16_t)(len - opt - DNS_OPT_LEN + more));
	return len + more;
}

static size_t write_text_record(uint8_t *at, const struct local_answer *local)
{
	write_record_head(at, DNS_TYPE_TXT, DNS_CLASS_CH, 0, 1u + local->text_len);
	at[RECORD_FIXED_LEN] = local->text_len;
	memcpy(at + TEXT_RECORD_FIXED_LEN, local->text, local->text_len);
	return TEXT_RECORD_FIXED_LEN + local->text_len;
}

size_t dp_reply_local(uint8_t *out, const struct dp_asker *asker, const struct dp_question *question,
		      const struct local_answer *local, uint16_t edns_size)
{
	struct counts counts = { .questions = 1, .additionals = asker->edns };
	uint16_t flags = flags_for(asker, local->rcode);
	size_t len = DNS_HEADER_LEN;

	if (local->rcode == DNS_RCODE_NOERROR)
		flags |= DNS_AA;	/* nobody else could know */
	len += write_question(out + len, question, asker);
	if (local->rcode == DNS_RCODE_NOERROR && local->text_len) {
		size_t whole = len + TEXT_RECORD_FIXED_LEN + local->text_len +
			       (asker->edns ? DNS_OPT_LEN : 0);

		counts.answers = whole <= asker->reply_max;
		if (counts.answers)
			len += write_text_record(out + len, local);
		else
			flags |= DNS_TC;
	}
	len += write_opt(out + len, asker, local->rcode, -1, edns_size);
	write_header(out, asker->id, flags, &counts);
	return len;
}

/* May this record, which stood behind the OPT, move up? Only if nothing in it can point at or behind the OPT: the
 * types that additional sections hold and whose data is never compressed (RFC 3597, 4; RFC 4034, 3.1.7). */
static bool is_movable(const struct dp_record *record, const struct dp_answer *answer)
{
	return record->owner_pointer < answer->opt_at &&
	       (record->type == DNS_TYPE_A || record->type == DNS_TYPE_AAAA ||
		record->type == DNS_TYPE_RRSIG);
}

/*
 * Takes the server's OPT out. It is the last record of nearly every server's answer. Where it is not, the records
 * behind it move up if that breaks no compression pointer, and are dropped if it could: they are additional, so
 * the answer stands without them. Returns the octets left; counts->additionals follows.
 */
static size_t remove_opt(uint8_t *msg, size_t len, const struct dp_answer *answer,
			 struct counts *counts)
{
	size_t behind = answer->opt_at + answer->opt_len;
	struct dp_record record;
	bool movable = true;
	uint16_t records = 0;

	if (!answer->opt_len)
		return len;
	counts->additionals--;
	if (answer->opt_last)
		return answer->opt_at;

	for (size_t at = behind; dp_record_read(msg, len, at, &record); at = record.end) {
		movable &= is_movable(&record, answer);
		records++;
	}
	if (!movable) {
		counts->additionals -= records;
		return answer->opt_at;
	}
	memmove(msg + answer->opt_at, msg + behind, len - behind);
	return len - answer->opt_len;
}

/* A referral's additional section is the glue it cannot do without (RFC 9471, 3). */
static bool is_referral(const struct dp_answer *answer)
{
	return !(answer->flags & DNS_AA) && answer->rcode == DNS_RCODE_NOERROR && !answer->answers &&
	       answer->authorities;
}

/*
 * Leaves what fits into max octets: all but the server's OPT; else, since TC must not be set when only additional
 * records were in the way (RFC 2181, 9), all but those; else the question, and *is_cut. Returns the octets left.
 */
static size_t fit(uint8_t *msg, size_t len, size_t max, const struct dp_answer *answer,
		  struct counts *counts, bool *is_cut)
{
	*is_cut = false;
	if (len - answer->opt_len <= max)
		return remove_opt(msg, len, answer, counts);
	counts->additionals = 0;
	if (answer->authority_end <= max && !is_referral(answer))
		return answer->authority_end;
	*is_cut = true;
	counts->answers = 0;
	counts->authorities = 0;
	return answer->question_end;
}

/* What the server's flags said that this client may see. */
static uint16_t passed_flags(uint16_t flags, const struct dp_asker *asker, bool recursive)
{
	uint16_t passed = DNS_TC | DNS_RA;

	if (!recursive)
		passed |= DNS_AA;
	if (asker->ad || asker->dnssec_ok)
		passed |= DNS_AD;	/* RFC 6840, 5.8 */
	return flags & passed;
}

/* max: octets the client takes. len may be over what msg holds only if max is under it. */
static size_t adopt(uint8_t *msg, size_t len, size_t max, const struct dp_answer *answer,
		    const struct dp_asker *asker, bool recursive, uint16_t edns_size)
{
	struct counts counts = { 1, answer->answers, answer->authorities, answer->additionals };
	size_t opt_len = asker->edns ? DNS_OPT_LEN : 0;
	uint16_t flags = flags_for(asker, answer->rcode) | passed_flags(answer->flags, asker, recursive);
	bool is_cut;

	len = fit(msg, len, max > opt_len ? max - opt_len : 0, answer, &counts, &is_cut);
	if (is_cut)
		flags |= DNS_TC;
	counts.additionals += asker->edns;
	write_header(msg, asker->id, flags, &counts);
	name_set_case(msg + DNS_HEADER_LEN,
		      answer->question_end - DNS_HEADER_LEN - DNS_QUESTION_FIXED_LEN,
		      asker->case_bits);
	return len + write_opt(msg + len, asker, answer->rcode, -1, edns_size);
}

size_t dp_reply_adopt(uint8_t *msg, size_t len, size_t room, const struct dp_answer *answer,
		      const struct dp_asker *asker, bool recursive, uint16_t edns_size)
{
	size_t max = asker->reply_max < room ? asker->reply_max : room;

	return adopt(msg, len, max, answer, asker, recursive, edns_size);
}

size_t dp_reply_copy(uint8_t *out, size_t room, const uint8_t *msg, size_t len,
		     const struct dp_answer *answer, const struct dp_asker *asker, bool recursive,
		     uint16_t edns_size)
{
	if (len > room) {	/* the question is all that may be wanted of it */
		memcpy(out, msg, answer->question_end);
		return adopt(out, len, 0, answer, asker, recursive, edns_size);
	}
	memcpy(out, msg, len);
	return dp_reply_adopt(out, len, room, answer, asker, recursive, edns_size);
}

/* As fit() does it: how much of the entry's body is sent when max octets are left for it. */
static size_t fit_body(const struct dp_cache_entry *entry, size_t max, struct counts *counts, bool *is_cut)
{
	bool is_referral = !(entry->flags & DNS_AA) && !entry->answers && entry->authorities &&
			   !(entry->flags & 0xf);

	*is_cut = false;
	if (entry->body_len <= max)
		return entry->body_len;
	counts->additionals = 0;
	if (entry->authority_end <= max && !is_referral)
		return entry->authority_end;
	*is_cut = true;
	counts->answers = counts->authorities = 0;
	return 0;
}

/* Those of the entry's TTLs that stand in its first len octets; they are in order. */
static unsigned ttls_within(const struct dp_cache_entry *entry, size_t len)
{
	const uint16_t *at = dp_cache_ttls(entry);
	unsigned n = entry->ttls;

	while (n && at[n - 1] >= len)
		n--;
	return n;
}

size_t dp_reply_cached(uint8_t *out, size_t room, const struct dp_asker *asker, const struct dp_question *question,
		       const struct dp_cache_entry *entry, uint32_t age_s, bool recursive, uint16_t edns_size)
{
	struct counts counts = { 1, entry->answers, entry->authorities, entry->additionals };
	uint16_t flags = flags_for(asker, entry->flags & 0xf) | passed_flags(entry->flags, asker, recursive);
	size_t len = DNS_HEADER_LEN + write_question(out + DNS_HEADER_LEN, question, asker);
	size_t max = asker->reply_max < room ? asker->reply_max : room;
	size_t used = len + (asker->edns ? DNS_OPT_LEN : 0);
	size_t body_len;
	bool is_cut;

	body_len = fit_body(entry, max > used ? max - used : 0, &counts, &is_cut);
	if (is_cut)
		flags |= DNS_TC;
	counts.additionals += asker->edns;
	write_header(out, asker->id, flags, &counts);
	memcpy(out + len, dp_cache_body(entry), body_len);
	if (age_s)
		dp_ttl_age(out + len, dp_cache_ttls(entry), ttls_within(entry, body_len), age_s);
	len += body_len;
	return len + write_opt(out + len, asker, entry->flags & 0xf, -1, edns_size);
}
