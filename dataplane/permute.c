/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * permute.c - four rounds of an unbalanced Feistel network: the halves of an odd domain differ by one bit.
 * A round function that nobody can predict without its key makes the whole a permutation nobody can predict
 * (Luby and Rackoff). Running the rounds backwards is the inverse, so nothing is searched or stored.
 */
#include "dataplane/permute.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum { BITS_MIN = 16, BITS_MAX = 30, ROUNDS = 4 };

/*
 * mix is the keyed function of one half; its 32 bits are masked to the width of the other half. Inlined with a
 * constant mix, so that nothing is called through a pointer.
 */
static inline __attribute__((always_inline))
uint32_t run_forward(const struct dp_permute *permute, uint32_t number,
		     uint32_t (*mix)(const uint8_t *key, uint32_t half))
{
	unsigned low_bits = permute->bits / 2;
	uint32_t low_mask = (1U << low_bits) - 1;
	uint32_t high_mask = (1U << (permute->bits - low_bits)) - 1;
	uint32_t low = number & low_mask, high = number >> low_bits & high_mask;

	for (int i = 0; i < ROUNDS; i += 2) {
		high ^= mix(permute->key[i], low) & high_mask;
		low ^= mix(permute->key[i + 1], high) & low_mask;
	}
	return high << low_bits | low;
}

static inline __attribute__((always_inline))
uint32_t run_inverse(const struct dp_permute *permute, uint32_t value,
		     uint32_t (*mix)(const uint8_t *key, uint32_t half))
{
	unsigned low_bits = permute->bits / 2;
	uint32_t low_mask = (1U << low_bits) - 1;
	uint32_t high_mask = (1U << (permute->bits - low_bits)) - 1;
	uint32_t low = value & low_mask, high = value >> low_bits & high_mask;

	for (int i = ROUNDS - 2; i >= 0; i -= 2) {
		low ^= mix(permute->key[i + 1], high) & low_mask;
		high ^= mix(permute->key[i], low) & high_mask;
	}
	return high << low_bits | low;
}

static inline uint32_t mix_multiply(const uint8_t *key, uint32_t half)
{
	uint64_t add, multiplier, x;

	memcpy(&add, key, sizeof(add));
	memcpy(&multiplier, key + sizeof(add), sizeof(multiplier));
	x = (half + add) * (multiplier | 1);
	x ^= x >> 29;
	x *= 0x9e3779b97f4a7c15;	/* 2^64 / golden ratio */
	return (uint32_t)(x >> 32);
}

#ifdef __x86_64__

#include <immintrin.h>

#define WITH_AES __attribute__((target("aes")))

static _Bool cpu_has_aes(void)
{
	return __builtin_cpu_supports("aes");
}

/*
 * The half stands in every column, so that its two octets meet in one column in the first round and go through
 * the S-boxes of the second together. In columns of their own, two rounds would merely add up two functions of
 * one octet each.
 */
WITH_AES static inline uint32_t mix_aes(const uint8_t *key, uint32_t half)
{
	__m128i k = _mm_load_si128((const __m128i *)key);
	__m128i x = _mm_xor_si128(_mm_set1_epi32((int)half), k);

	x = _mm_aesenc_si128(x, k);
	x = _mm_aesenc_si128(x, k);
	return (uint32_t)_mm_cvtsi128_si32(x);
}

WITH_AES static uint32_t forward_aes(const struct dp_permute *permute, uint32_t number)
{
	return run_forward(permute, number, mix_aes);
}

WITH_AES static uint32_t inverse_aes(const struct dp_permute *permute, uint32_t value)
{
	return run_inverse(permute, value, mix_aes);
}

#else	/* no AES: dp_permute_init_key() never chooses it */

static _Bool cpu_has_aes(void)
{
	return 0;
}

static uint32_t forward_aes(const struct dp_permute *permute, uint32_t number)
{
	return run_forward(permute, number, mix_multiply);
}

static uint32_t inverse_aes(const struct dp_permute *permute, uint32_t value)
{
	return run_inverse(permute, value, mix_multiply);
}

#endif

int dp_permute_init(struct dp_permute *permute, unsigned bits)
{
	uint8_t key[sizeof(permute->key)];

	/* Up to 256 octets come whole or not at all. */
	if (getrandom(key, sizeof(key), 0) < 0)
		return -errno;
	dp_permute_init_key(permute, bits, key, 1);
	explicit_bzero(key, sizeof(key));
	return 0;
}

void dp_permute_init_key(struct dp_permute *permute, unsigned bits, const uint8_t *key, _Bool aes)
{
	assert(bits >= BITS_MIN && bits <= BITS_MAX);
	memcpy(permute->key, key, sizeof(permute->key));
	permute->bits = (uint8_t)bits;
	permute->aes = aes && cpu_has_aes();
}

uint32_t dp_permute_forward(const struct dp_permute *permute, uint32_t number)
{
	return permute->aes ? forward_aes(permute, number) :
			      run_forward(permute, number, mix_multiply);
}

uint32_t dp_permute_inverse(const struct dp_permute *permute, uint32_t value)
{
	return permute->aes ? inverse_aes(permute, value) :
			      run_inverse(permute, value, mix_multiply);
}
