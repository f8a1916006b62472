/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_ttl.c - libFuzzer: the first octet picks a pool's policy, the others are a server's message. What is kept lives
 * within the policy's bounds; only TTL fields that stand in the body were written; judging again changes nothing.
 */
#include "tests/fuzz/exercise.h"

#include "dataplane/ttl.h"
#include "dataplane/wire.h"
#include "pools/pool.h"

static struct pool_cache policy_of(unsigned kind)
{
	return (struct pool_cache){
		.enabled = kind & 7,
		.min_ttl = kind & 8 ? 30 : 0,
		.max_ttl = kind & 16 ? 60 : 604800,
		.max_negative_ttl = kind & 32 ? 10 : 3600,
		.failure_ttl = 1 + (kind >> 6),
	};
}

/* Every octet that differs is one of a TTL, and every TTL is one that may be shown. */
static void check_written(const uint8_t *before, const uint8_t *after, const struct dp_answer *answer,
			  const struct pool_cache *policy, const struct dp_ttls *ttls)
{
	size_t body = answer->question_end, at = 0;

	for (unsigned i = 0; i < ttls->n; i++) {
		size_t ttl = body + ttls->at[i];

		PROMISE(ttl >= at && wire_get32(after + ttl) <= policy->max_ttl);
		PROMISE(!memcmp(before + at, after + at, ttl - at));
		at = ttl + 4;
	}
	PROMISE(at <= body + DP_TTL_BODY_MAX);
	if (answer->opt_len)
		PROMISE(at <= answer->opt_at &&
			!memcmp(before + answer->opt_at, after + answer->opt_at, answer->opt_len));
}

static void check_kept(uint8_t *msg, size_t len, const struct dp_answer *answer, const struct pool_cache *policy,
		       const struct dp_ttls *ttls)
{
	static struct dp_ttls again;
	struct dp_answer answer_again;
	uint8_t *copy = exercise_copy(msg, len);

	PROMISE(ttls->life_s && ttls->n <= DP_TTLS_MAX && !(ttls->negative && ttls->failure));
	PROMISE(ttls->life_s <= policy->max_ttl);
	PROMISE(!ttls->negative || ttls->life_s <= policy->max_negative_ttl);
	PROMISE(!ttls->failure || ttls->life_s == policy->failure_ttl);
	PROMISE(dp_answer_parse(msg, len, &answer_again) == DP_ANSWER_OK);
	PROMISE(answer_again.answer_end == answer->answer_end && answer_again.opt_at == answer->opt_at &&
		answer_again.authority_end == answer->authority_end);
	PROMISE(dp_ttl_read(copy, len, answer, policy, &again) == DP_TTL_KEEP);
	PROMISE(!memcmp(copy, msg, len) && again.life_s == ttls->life_s && again.n == ttls->n);

	dp_ttl_age(copy + answer->question_end, ttls->at, ttls->n, UINT32_MAX);
	for (unsigned i = 0; i < ttls->n; i++)
		PROMISE(wire_get32(copy + answer->question_end + ttls->at[i]) == 0);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dp_ttls ttls;
	struct pool_cache policy;
	struct dp_answer answer;
	uint8_t *msg;

	if (!size || size - 1 > UINT16_MAX)
		return -1;
	policy = policy_of(data[0]);
	msg = exercise_copy(data + 1, size - 1);
	if (dp_answer_parse(msg, size - 1, &answer) == DP_ANSWER_OK) {
		enum dp_ttl_verdict verdict = dp_ttl_read(msg, size - 1, &answer, &policy, &ttls);

		PROMISE(verdict < DP_TTL_VERDICTS);
		if (verdict == DP_TTL_KEEP) {
			check_written(data + 1, msg, &answer, &policy, &ttls);
			check_kept(msg, size - 1, &answer, &policy, &ttls);
		}
	}
	free(msg);
	return 0;
}
