/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exercise.h - what the fuzzers and test_mutations.c do with arbitrary octets: put them through a parser
 * in memory of exactly their length, act on the result as the passes would, and check what the headers
 * promise. A broken promise aborts.
 */
#ifndef TESTS_FUZZ_EXERCISE_H
#define TESTS_FUZZ_EXERCISE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/packet.h"
#include "dataplane/query.h"
#include "dataplane/reply.h"

enum { EXERCISE_EDNS_SIZE = 1232 };

#define PROMISE(fact) \
	do { \
		if (!(fact)) { \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #fact); \
			abort(); \
		} \
	} while (0)

static inline uint8_t *exercise_copy(const uint8_t *octets, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (len)
		memcpy(copy, octets, len);
	return copy;
}

/* What is written from a flow is read as that flow turned round. */
static inline void exercise_write(const struct dp_flow *flow, const uint8_t *payload, uint16_t payload_len)
{
	uint8_t *room = malloc(DP_HEADERS_MAX + payload_len);
	struct dp_flow back = { .peer = flow->own, .own = flow->peer };
	uint8_t *frame, *again;
	enum dp_parse verdict;
	uint16_t again_len;

	memcpy(room + DP_HEADERS_MAX, payload, payload_len);
	frame = dp_packet_write(room + DP_HEADERS_MAX, payload_len, flow);
	PROMISE(frame >= room);
	verdict = dp_packet_parse(frame, DP_HEADERS_MAX - (size_t)(frame - room) + payload_len, true, &back, &again,
				  &again_len);
	/* a query for port 0, or to a multicast address, parses; its answer is one that no host may send */
	PROMISE(verdict == DP_PARSE_OK || verdict == DP_PARSE_SOURCE);
	if (verdict == DP_PARSE_OK) {
		PROMISE(addr_equal(&back.peer, &flow->own) && addr_equal(&back.own, &flow->peer));
		PROMISE(back.peer_port == flow->own_port && back.own_port == flow->peer_port);
		PROMISE(back.vlan == flow->vlan && back.traffic_class == flow->traffic_class);
		PROMISE(again_len == payload_len && !memcmp(again, payload, payload_len));
	}
	free(room);
}

static inline enum dp_parse exercise_frame(const uint8_t *octets, size_t len)
{
	uint8_t *frame = exercise_copy(octets, len);
	struct dp_flow flow;
	enum dp_parse verdict;
	uint16_t payload_len;
	uint8_t *payload;
	bool trusted;

	verdict = dp_packet_parse(frame, len, false, &flow, &payload, &payload_len);
	trusted = verdict == DP_PARSE_OK;
	PROMISE(!trusted || (payload >= frame && payload + payload_len <= frame + len));
	verdict = dp_packet_parse(frame, len, true, &flow, &payload, &payload_len);
	if (verdict == DP_PARSE_OK || verdict == DP_PARSE_UNFINISHED) {
		PROMISE(trusted);
		PROMISE(payload >= frame && payload + payload_len <= frame + len);
		exercise_write(&flow, payload, payload_len);
	}
	free(frame);
	return verdict;
}

/* The query for a server, from what was parsed, asks the same. */
static inline void exercise_forward(const struct dp_query *query)
{
	size_t room = DNS_HEADER_LEN + query->name.len + DNS_QUESTION_FIXED_LEN + DNS_OPT_LEN;
	uint8_t *out = malloc(room);
	struct dp_query again;

	PROMISE(dp_query_write(out, 1, true, query->asker.cd, query->asker.dnssec_ok, query->name.wire,
			       query->name.len, query->type, query->class, EXERCISE_EDNS_SIZE) == room);
	PROMISE(dp_query_parse(out, room, false, EXERCISE_EDNS_SIZE, &again) == DP_QUERY_OK);
	PROMISE(name_equal(&again.name, &query->name));
	PROMISE(again.type == query->type && again.class == query->class);
	free(out);
}

static inline void exercise_error(const struct dp_query *query)
{
	struct dp_question question = {
		.wire = query->question_end ? query->name.wire : NULL,
		.wire_len = query->name.len,
		.type = query->type,
		.class = query->class,
	};
	uint8_t *out = malloc(DP_REPLY_ERROR_MAX);
	size_t len = dp_reply_error(out, &query->asker, &question, DNS_RCODE_BADVERS, true, 22,
				    EXERCISE_EDNS_SIZE);
	enum dp_answer_verdict verdict;
	struct dp_answer answer;

	verdict = dp_answer_parse(out, len, &answer);
	PROMISE(len <= DP_REPLY_ERROR_MAX && len <= query->asker.reply_max);
	if (query->asker.opcode != DNS_OPCODE_QUERY)
		PROMISE(verdict == DP_ANSWER_OPCODE);
	else if (!query->question_end)
		PROMISE(verdict == DP_ANSWER_NO_QUESTION);
	else
		PROMISE(verdict == DP_ANSWER_OK && !!answer.opt_len == query->asker.edns);
	free(out);
}

static inline enum dp_query_verdict exercise_query(const uint8_t *octets, size_t len, bool tcp)
{
	uint8_t *msg = exercise_copy(octets, len);
	enum dp_query_verdict verdict;
	struct dp_query query;

	query.name.len = 0;	/* so that an unparsed question is no uninitialised value above */
	query.type = query.class = 0;
	verdict = dp_query_parse(msg, len, tcp, EXERCISE_EDNS_SIZE, &query);
	PROMISE(verdict < DP_QUERY_VERDICTS);
	if (verdict != DP_QUERY_SHORT && verdict != DP_QUERY_RESPONSE) {
		PROMISE(query.question_end <= len);
		exercise_error(&query);
	}
	if (verdict == DP_QUERY_OK)
		exercise_forward(&query);
	free(msg);
	return verdict;
}

/* A client of every kind by the bits of kind. */
static inline struct dp_asker exercise_asker(unsigned kind)
{
	struct dp_asker asker = { .id = 0xbeef, .reply_max = 512 };

	asker.edns = kind & 1;
	asker.rd = kind & 2;
	asker.ad = kind & 4;
	asker.tcp = kind & 8;
	if (asker.edns)
		asker.reply_max = EXERCISE_EDNS_SIZE;
	if (asker.tcp)
		asker.reply_max = UINT16_MAX;
	memset(asker.case_bits, kind & 16 ? 0xff : 0, sizeof(asker.case_bits));
	return asker;
}

/* The client's answer is again an answer to the same question, with the client's OPT and within its size. */
static inline void exercise_adopt(const uint8_t *msg, size_t len, const struct dp_answer *answer, unsigned kind)
{
	struct dp_asker asker = exercise_asker(kind);
	size_t room = len + DNS_OPT_LEN > DP_REPLY_ERROR_MAX ? len + DNS_OPT_LEN : DP_REPLY_ERROR_MAX;
	uint8_t *reply = malloc(room), *copy = malloc(room);
	struct dp_answer again;
	size_t reply_len, name_len = answer->question_end - DNS_HEADER_LEN - DNS_QUESTION_FIXED_LEN;
	struct name name;

	memcpy(reply, msg, len);
	reply_len = dp_reply_adopt(reply, len, room, answer, &asker, kind & 32, EXERCISE_EDNS_SIZE);
	PROMISE(reply_len <= asker.reply_max && reply_len <= room);
	PROMISE(dp_answer_parse(reply, reply_len, &again) == DP_ANSWER_OK);
	PROMISE(again.id == asker.id && again.question_end == answer->question_end);
	PROMISE(again.opt_len == (asker.edns ? DNS_OPT_LEN : 0) && (!asker.edns || again.opt_last));
	PROMISE(name_parse(msg, len, DNS_HEADER_LEN, &name, NULL) == NAME_OK && name.len == name_len);
	PROMISE(dp_answer_matches(reply, reply_len, name.wire, name_len, answer->type, answer->class));

	PROMISE(dp_reply_copy(copy, room, msg, len, answer, &asker, kind & 32, EXERCISE_EDNS_SIZE) == reply_len);
	PROMISE(!memcmp(copy, reply, reply_len));
	reply_len = dp_reply_copy(copy, DP_REPLY_ERROR_MAX, msg, len, answer, &asker, kind & 32, EXERCISE_EDNS_SIZE);
	PROMISE(reply_len <= DP_REPLY_ERROR_MAX);
	PROMISE(dp_answer_parse(copy, reply_len, &again) == DP_ANSWER_OK);
	free(reply);
	free(copy);
}

static inline enum dp_answer_verdict exercise_answer(const uint8_t *octets, size_t len, unsigned kind)
{
	static const uint8_t wire[] = "\3www\7example\3net";
	uint8_t *msg = exercise_copy(octets, len);
	enum dp_answer_verdict verdict;
	struct dp_answer answer;

	dp_answer_matches(msg, len, wire, sizeof(wire), DNS_TYPE_A, DNS_CLASS_IN);
	verdict = dp_answer_parse(msg, len, &answer);
	PROMISE(verdict < DP_ANSWER_VERDICTS);
	if (verdict == DP_ANSWER_OK) {
		PROMISE(answer.question_end <= answer.answer_end && answer.answer_end <= answer.authority_end);
		PROMISE(answer.authority_end <= len && answer.opt_at + answer.opt_len <= len);
		exercise_adopt(msg, len, &answer, kind);
	}
	free(msg);
	return verdict;
}

#endif
