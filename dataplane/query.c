/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * query.c - DNS messages in wire form. Pure functions of octets; bounded by the message's length, because
 * every step of a walk consumes octets and no compression pointer is followed.
 *
 * Choices where the RFCs leave one, for queries:
 *   - records in the answer or authority section: FORMERR, since they would mean nothing to a forwarder
 *     that writes its own query;
 *   - octets behind the last record: told apart, and what the query is without them; the caller's setting
 *     decides. They are never carried on;
 *   - TSIG or SIG(0): reported as signed, since the message would not survive being written anew;
 *   - other additional records: skipped, and not passed on;
 *   - an unknown opcode is NOTIMP whatever else is wrong, and a signed query of an unknown EDNS version
 *     is BADVERS;
 *   - NOTIFY and UPDATE: header and question only; they pass whole or not at all.
 * For answers: octets behind the last record, an OPT outside the additional section or a second one, and
 * sections cut in mid-record (also with TC) are malformed.
 */
#include "dataplane/query.h"

#include <string.h>
#include "dataplane/edns.h"
#include "dataplane/wire.h"

enum {
	RECORD_FIXED_LEN = 10,		/* type, class, TTL, length */
	LABEL_MAX = 63,
	LABEL_POINTER = 0xc0,
};

static uint8_t opcode_of(uint16_t flags)
{
	return flags >> 11 & 0xf;
}

/* The offset behind the name at msg[at], at most len, or 0; *pointer as dp_record.owner_pointer. */
static size_t skip_name(const uint8_t *msg, size_t len, size_t at, uint16_t *pointer)
{
	size_t start = at;

	*pointer = 0;
	while (at < len && at - start < NAME_WIRE_MAX) {
		uint8_t label = msg[at];

		if (label == 0)
			return at + 1;
		if (label >= LABEL_POINTER) {
			if (len - at < 2)
				return 0;
			*pointer = wire_get16(msg + at) & 0x3fff;
			return *pointer >= DNS_HEADER_LEN && *pointer < start ? at + 2 : 0;
		}
		if (label > LABEL_MAX)
			return 0;
		at += 1 + label;
	}
	return 0;
}

bool dp_record_read(const uint8_t *msg, size_t len, size_t at, struct dp_record *record)
{
	size_t fixed = skip_name(msg, len, at, &record->owner_pointer);
	size_t rdata_len;

	if (!fixed || len - fixed < RECORD_FIXED_LEN)
		return false;
	record->root_owner = msg[at] == 0;
	record->type = wire_get16(msg + fixed);
	record->class = wire_get16(msg + fixed + 2);
	rdata_len = wire_get16(msg + fixed + 8);
	record->rdata = fixed + RECORD_FIXED_LEN;
	if (rdata_len > len - record->rdata)
		return false;
	record->end = record->rdata + rdata_len;
	return true;
}

static enum dp_query_verdict read_question(const uint8_t *msg, size_t len, struct dp_query *query)
{
	size_t at = DNS_HEADER_LEN;

	if (wire_get16(msg + DNS_AT_QDCOUNT) != 1)
		return DP_QUERY_QDCOUNT;
	if (at == len)
		return DP_QUERY_TRUNCATED;
	if (name_parse(msg, len, at, &query->name, query->asker.case_bits) != NAME_OK)
		return DP_QUERY_NAME;
	at += query->name.len;
	if (len - at < DNS_QUESTION_FIXED_LEN)
		return DP_QUERY_TRUNCATED;
	query->type = wire_get16(msg + at);
	query->class = wire_get16(msg + at + 2);
	query->question_end = (uint16_t)(at + DNS_QUESTION_FIXED_LEN);
	return DP_QUERY_OK;
}

/* TSIG (RFC 8945), or the SIG that covers no type and hence the message (RFC 2931, 3). */
static bool is_signature(const uint8_t *msg, const struct dp_record *record)
{
	if (record->type == DNS_TYPE_TSIG)
		return true;
	return record->type == DNS_TYPE_SIG && record->end - record->rdata >= 2 &&
	       wire_get16(msg + record->rdata) == 0;
}

static void note_opt(struct dp_asker *asker, const struct dp_opt *opt, uint16_t edns_size)
{
	asker->edns = true;
	asker->nsid = opt->nsid;
	asker->dnssec_ok = opt->dnssec_ok;
	if (!asker->tcp && opt->udp_size > asker->reply_max)
		asker->reply_max = opt->udp_size < edns_size ? opt->udp_size : edns_size;
}

static enum dp_query_verdict read_additional(const uint8_t *msg, size_t len, size_t at,
					     uint16_t edns_size, struct dp_query *query)
{
	enum dp_query_verdict verdict;
	bool is_signed = false;
	struct dp_record record;
	struct dp_opt opt;
	uint8_t version = 0;

	for (unsigned left = wire_get16(msg + DNS_AT_ARCOUNT); left; left--, at = record.end) {
		if (!dp_record_read(msg, len, at, &record))
			return DP_QUERY_TRUNCATED;
		if (record.type == DNS_TYPE_OPT) {
			bool is_whole;

			if (!record.root_owner || query->asker.edns)
				return DP_QUERY_OPT;
			is_whole = dp_opt_read(msg, at, record.end, &opt);
			note_opt(&query->asker, &opt, edns_size);
			if (!is_whole)
				return DP_QUERY_OPT;
			version = opt.version;
		} else if (is_signature(msg, &record)) {
			is_signed = true;
		}
	}
	verdict = version ? DP_QUERY_BADVERS : is_signed ? DP_QUERY_SIGNED : DP_QUERY_OK;
	if (at == len)
		return verdict;
	query->if_trailing_ignored = (uint8_t)verdict;
	return DP_QUERY_TRAILING;
}

/* An error found before the additional section: look for the OPT all the same, as far as the message can be
 * walked, because the answer has one exactly if the query had (RFC 6891, 7). */
static void look_for_opt(const uint8_t *msg, size_t len, uint16_t edns_size, struct dp_query *query)
{
	unsigned records = wire_get16(msg + DNS_AT_ANCOUNT) + wire_get16(msg + DNS_AT_NSCOUNT);
	size_t at = DNS_HEADER_LEN;
	struct dp_record record;
	uint16_t pointer;

	for (unsigned left = wire_get16(msg + DNS_AT_QDCOUNT); left; left--) {
		at = skip_name(msg, len, at, &pointer);
		if (!at || len - at < DNS_QUESTION_FIXED_LEN)
			return;
		at += DNS_QUESTION_FIXED_LEN;
	}
	for (; records; records--, at = record.end) {
		if (!dp_record_read(msg, len, at, &record))
			return;
	}
	read_additional(msg, len, at, edns_size, query);
}

static void read_header(const uint8_t *msg, uint16_t flags, bool tcp, uint16_t edns_size,
			struct dp_asker *asker)
{
	uint16_t udp_max = edns_size < DNS_UDP_MIN ? edns_size : DNS_UDP_MIN;

	asker->id = wire_get16(msg + DNS_AT_ID);
	asker->reply_max = tcp ? UINT16_MAX : udp_max;
	asker->opcode = opcode_of(flags);
	asker->rd = flags & DNS_RD;
	asker->cd = flags & DNS_CD;
	asker->ad = flags & DNS_AD;
	asker->dnssec_ok = false;
	asker->edns = false;
	asker->nsid = false;
	asker->tcp = tcp;
}

/* What the header and the question make of it. */
static enum dp_query_verdict judge(const uint8_t *msg, enum dp_query_verdict question, uint8_t opcode)
{
	if (opcode == DNS_OPCODE_NOTIFY || opcode == DNS_OPCODE_UPDATE)
		return question == DP_QUERY_OK ? DP_QUERY_UPDATE : question;
	if (opcode != DNS_OPCODE_QUERY)
		return DP_QUERY_NOTIMP;
	if (question == DP_QUERY_OK && (wire_get16(msg + DNS_AT_ANCOUNT) || wire_get16(msg + DNS_AT_NSCOUNT)))
		return DP_QUERY_COUNTS;
	return question;
}

enum dp_query_verdict dp_query_parse(const uint8_t *msg, size_t len, bool tcp, uint16_t edns_size,
				     struct dp_query *query)
{
	enum dp_query_verdict verdict;
	uint16_t flags;

	if (len < DNS_HEADER_LEN)
		return DP_QUERY_SHORT;
	flags = wire_get16(msg + DNS_AT_FLAGS);
	if (flags & DNS_QR)
		return DP_QUERY_RESPONSE;
	read_header(msg, flags, tcp, edns_size, &query->asker);

	query->question_end = 0;
	verdict = judge(msg, read_question(msg, len, query), query->asker.opcode);
	if (verdict != DP_QUERY_OK) {
		look_for_opt(msg, len, edns_size, query);
		return verdict;
	}
	return read_additional(msg, len, query->question_end, edns_size, query);
}

static bool equal_folded(const uint8_t *octets, const uint8_t *folded, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t octet = octets[i];

		if (octet >= 'A' && octet <= 'Z')
			octet |= 0x20;
		if (octet != folded[i])
			return false;
	}
	return true;
}

bool dp_answer_matches(const uint8_t *msg, size_t len, const uint8_t *wire, size_t wire_len,
		       uint16_t type, uint16_t class)
{
	const uint8_t *name = msg + DNS_HEADER_LEN;

	if (len < DNS_HEADER_LEN + wire_len + DNS_QUESTION_FIXED_LEN ||
	    wire_get16(msg + DNS_AT_QDCOUNT) != 1 || wire_get16(name + wire_len) != type ||
	    wire_get16(name + wire_len + 2) != class)
		return false;
	/* No labels to walk: length octets are no letters, so equal octets are equal labels. We asked in lower
	 * case, and nearly every server echoes that. */
	return memcmp(name, wire, wire_len) == 0 || equal_folded(name, wire, wire_len);
}

/* Moves *at behind count records, none of them an OPT. */
static bool skip_section(const uint8_t *msg, size_t len, size_t *at, unsigned count)
{
	struct dp_record record;

	for (; count; count--, *at = record.end) {
		if (!dp_record_read(msg, len, *at, &record) || record.type == DNS_TYPE_OPT)
			return false;
	}
	return true;
}

static bool read_answer_opt(const uint8_t *msg, size_t at, const struct dp_record *record,
			    struct dp_answer *answer)
{
	struct dp_opt opt;

	if (!record->root_owner || answer->opt_len || !dp_opt_read(msg, at, record->end, &opt))
		return false;
	answer->opt_at = (uint16_t)at;
	answer->opt_len = (uint16_t)(record->end - at);
	answer->rcode = (uint16_t)(opt.rcode_high << 4 | answer->rcode_low);
	return true;
}

/* The records behind the question. */
static bool read_answer_sections(const uint8_t *msg, size_t len, struct dp_answer *answer)
{
	size_t at = answer->question_end;
	struct dp_record record;

	if (!skip_section(msg, len, &at, answer->answers))
		return false;
	answer->answer_end = (uint16_t)at;
	if (!skip_section(msg, len, &at, answer->authorities))
		return false;
	answer->authority_end = (uint16_t)at;
	for (unsigned left = answer->additionals; left; left--, at = record.end) {
		if (!dp_record_read(msg, len, at, &record))
			return false;
		if (record.type == DNS_TYPE_OPT && !read_answer_opt(msg, at, &record, answer))
			return false;
	}
	answer->opt_last = answer->opt_len && answer->opt_at + answer->opt_len == at;
	return at == len;
}

static void read_answer_header(const uint8_t *msg, struct dp_answer *answer)
{
	*answer = (struct dp_answer) {
		.id = wire_get16(msg + DNS_AT_ID),
		.flags = wire_get16(msg + DNS_AT_FLAGS),
		.answers = wire_get16(msg + DNS_AT_ANCOUNT),
		.authorities = wire_get16(msg + DNS_AT_NSCOUNT),
		.additionals = wire_get16(msg + DNS_AT_ARCOUNT),
	};
	answer->rcode_low = answer->flags & 0xf;
	answer->rcode = answer->rcode_low;
}

enum dp_answer_verdict dp_answer_parse(const uint8_t *msg, size_t len, struct dp_answer *answer)
{
	uint16_t questions, pointer;
	size_t at;

	if (len < DNS_HEADER_LEN)
		return DP_ANSWER_SHORT;
	read_answer_header(msg, answer);
	if (!(answer->flags & DNS_QR))
		return DP_ANSWER_NOT_RESPONSE;
	if (opcode_of(answer->flags) != DNS_OPCODE_QUERY)
		return DP_ANSWER_OPCODE;
	questions = wire_get16(msg + DNS_AT_QDCOUNT);
	if (!questions)
		return DP_ANSWER_NO_QUESTION;

	/* A pointer cannot pass: nothing in front of the first name may be pointed at. */
	at = skip_name(msg, len, DNS_HEADER_LEN, &pointer);
	if (questions > 1 || !at || len - at < DNS_QUESTION_FIXED_LEN)
		return DP_ANSWER_MALFORMED;
	answer->type = wire_get16(msg + at);
	answer->class = wire_get16(msg + at + 2);
	answer->question_end = (uint16_t)(at + DNS_QUESTION_FIXED_LEN);
	return read_answer_sections(msg, len, answer) ? DP_ANSWER_OK : DP_ANSWER_MALFORMED;
}

size_t dp_query_write(uint8_t *out, uint16_t id, bool rd, bool cd, bool dnssec_ok,
		      const uint8_t *wire, size_t wire_len, uint16_t type, uint16_t class,
		      uint16_t edns_size)
{
	uint8_t *at = out + DNS_HEADER_LEN;

	wire_put16(out + DNS_AT_ID, id);
	wire_put16(out + DNS_AT_FLAGS, (rd ? DNS_RD : 0) | DNS_AD | (cd ? DNS_CD : 0));
	wire_put16(out + DNS_AT_QDCOUNT, 1);
	wire_put16(out + DNS_AT_ANCOUNT, 0);
	wire_put16(out + DNS_AT_NSCOUNT, 0);
	wire_put16(out + DNS_AT_ARCOUNT, edns_size != 0);
	at += name_write(at, wire, wire_len, NULL);
	wire_put16(at, type);
	wire_put16(at + 2, class);
	at += DNS_QUESTION_FIXED_LEN;
	if (edns_size)
		at += dp_opt_write(at, edns_size, dnssec_ok, DNS_RCODE_NOERROR, -1);
	return (size_t)(at - out);
}
