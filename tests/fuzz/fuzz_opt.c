/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_opt.c - libFuzzer: two octets of UDP size, four of an OPT's TTL field, the others are its options. The OPT goes
 * into a query and into an answer. What is read of it is compared with a reader that shares no code with ours, and
 * the reply to it must be read again, with the id of the node if it was asked for.
 */
#include "tests/fuzz/exercise.h"

#include "dataplane/edns.h"

enum { HEAD_LEN = 12 + 3 + 4, OPT_HEAD_LEN = 11, FIXED_LEN = 6, NSID = 3 };

/* Are the options whole, and is there one with this code? From the back of what is left each time. */
static bool options_are_whole(const uint8_t *options, size_t len, unsigned code, bool *found)
{
	size_t option_len;

	if (!len)
		return true;
	if (len < 4)
		return false;
	option_len = (size_t)options[2] << 8 | options[3];
	if (option_len > len - 4)
		return false;
	if (((unsigned)options[0] << 8 | options[1]) == code)
		*found = true;
	return options_are_whole(options + 4 + option_len, len - 4 - option_len, code, found);
}

/* Header, question "a." and the OPT; returns the length. */
static size_t build(uint8_t *msg, uint8_t flags, const uint8_t *data, size_t options_len)
{
	static const uint8_t counts[] = { 0, 1, 0, 0, 0, 0, 0, 1, 1, 'a', 0, 0, 1, 0, 1 };
	uint8_t *opt = msg + HEAD_LEN;

	msg[0] = 0xbe;
	msg[1] = 0xef;
	msg[2] = flags;
	msg[3] = 0;
	memcpy(msg + 4, counts, sizeof(counts));
	opt[0] = 0;
	opt[1] = 0;
	opt[2] = 41;
	memcpy(opt + 3, data, FIXED_LEN);
	opt[9] = (uint8_t)(options_len >> 8);
	opt[10] = (uint8_t)options_len;
	memcpy(opt + OPT_HEAD_LEN, data + FIXED_LEN, options_len);
	return HEAD_LEN + OPT_HEAD_LEN + options_len;
}

/* The error to it, with our id where it was asked for and nowhere else. */
static void check_reply(const struct dp_query *query)
{
	struct dp_question question = { query->name.wire, query->name.len, query->type, query->class };
	uint8_t *out = malloc(DP_REPLY_ERROR_MAX);
	size_t len = dp_reply_error(out, &query->asker, &question, DNS_RCODE_REFUSED, false, 18, EXERCISE_EDNS_SIZE);
	struct dp_answer answer;
	bool found = false;

	if (query->asker.nsid)
		len = dp_reply_add_nsid(out, len, query->asker.reply_max, "dd1", 3);
	PROMISE(len <= query->asker.reply_max);
	PROMISE(dp_answer_parse(out, len, &answer) == DP_ANSWER_OK && answer.opt_last);
	PROMISE(options_are_whole(out + answer.opt_at + OPT_HEAD_LEN, answer.opt_len - OPT_HEAD_LEN, NSID, &found));
	PROMISE(found == query->asker.nsid);
	free(out);
}

static void check_query(uint8_t *msg, size_t len, const uint8_t *data, bool whole, bool nsid)
{
	unsigned size = (unsigned)data[0] << 8 | data[1];
	struct dp_query query;
	enum dp_query_verdict verdict = dp_query_parse(msg, len, false, EXERCISE_EDNS_SIZE, &query);

	PROMISE(verdict == (!whole ? DP_QUERY_OPT : data[3] ? DP_QUERY_BADVERS : DP_QUERY_OK));
	PROMISE(query.asker.edns && query.asker.dnssec_ok == data[4] >> 7);
	PROMISE(query.asker.nsid == (whole && nsid));
	PROMISE(query.asker.reply_max == (size < 512 ? 512 : size < EXERCISE_EDNS_SIZE ? size : EXERCISE_EDNS_SIZE));
	check_reply(&query);
}

static void check_answer(uint8_t *msg, size_t len, const uint8_t *data, bool whole)
{
	struct dp_answer answer;

	PROMISE(dp_answer_parse(msg, len, &answer) == (whole ? DP_ANSWER_OK : DP_ANSWER_MALFORMED));
	if (!whole)
		return;
	PROMISE(answer.rcode == data[2] << 4 && answer.opt_len == len - HEAD_LEN);
	exercise_adopt(msg, len, &answer, data[5]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool nsid = false, whole;
	uint8_t *msg;
	size_t len;

	if (size < FIXED_LEN || size - FIXED_LEN > UINT16_MAX - HEAD_LEN - OPT_HEAD_LEN)
		return -1;
	msg = malloc(HEAD_LEN + OPT_HEAD_LEN + size - FIXED_LEN);
	whole = options_are_whole(data + FIXED_LEN, size - FIXED_LEN, NSID, &nsid);
	len = build(msg, 0, data, size - FIXED_LEN);
	check_query(msg, len, data, whole, nsid);
	build(msg, 0x80, data, size - FIXED_LEN);
	check_answer(msg, len, data, whole);
	free(msg);
	return 0;
}
