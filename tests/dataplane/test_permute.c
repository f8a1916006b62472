/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_permute.c - the permutation is one, spreads evenly, cannot be told from chance by simple means, and is cheap.
 */
#include "tests/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "dataplane/permute.h"

static const uint8_t key[64] = "any sixty-four octets will do for a key, as long as they differ";

static void check_inverse(const struct dp_permute *p, uint32_t number)
{
	uint32_t value = dp_permute_forward(p, number);

	assert_true(value < 1U << p->bits);
	assert_int_equal(dp_permute_inverse(p, value), number);
}

static void test_inverse_whole_domain(void **state)
{
	struct dp_permute p;

	(void)state;
	for (unsigned bits = 16; bits <= 20; bits++) {
		for (int aes = 0; aes <= 1; aes++) {
			dp_permute_init_key(&p, bits, key, aes);
			for (uint32_t i = 0; i < 1U << bits; i++)
				check_inverse(&p, i);
		}
	}
}

static void test_inverse_samples(void **state)
{
	struct dp_permute p;

	(void)state;
	for (unsigned bits = 21; bits <= 30; bits++) {
		for (int aes = 0; aes <= 1; aes++) {
			dp_permute_init_key(&p, bits, key, aes);
			check_inverse(&p, 0);
			check_inverse(&p, (1U << bits) - 1);
			for (uint32_t i = 0; i < 100000; i++)
				check_inverse(&p, i * 2654435761U >> (32 - bits));
		}
	}
}

/* Chi-square per degree of freedom of 1 M consecutive numbers over the cells value >> shift & mask. */
static double spread(const struct dp_permute *p, unsigned shift, unsigned cells)
{
	enum { SAMPLES = 1 << 20 };
	uint32_t *count = calloc(cells, sizeof(*count));
	double expected = (double)SAMPLES / cells, sum = 0;

	assert_non_null(count);
	for (uint32_t i = 0; i < SAMPLES; i++)
		count[dp_permute_forward(p, i) >> shift & (cells - 1)]++;
	for (unsigned i = 0; i < cells; i++)
		sum += (count[i] - expected) * (count[i] - expected) / expected;
	free(count);
	return sum / (cells - 1);
}

static void test_spread(void **state)
{
	struct dp_permute p;

	(void)state;
	for (int aes = 0; aes <= 1; aes++) {
		double ports, ids;

		dp_permute_init_key(&p, 30, key, aes);
		ports = spread(&p, 16, 1 << 14);
		ids = spread(&p, 0, 1 << 16);
		print_message("# aes %d: chi-square/df ports %.3f ids %.3f\n", p.aes, ports, ids);
		assert_true(ports > 0.9 && ports < 1.1);
		assert_true(ids > 0.9 && ids < 1.1);
	}
}

/* One bit more or less in the number changes half the bits of the value, whichever bit it is. */
static void test_avalanche(void **state)
{
	enum { SAMPLES = 20000, BITS = 30 };
	struct dp_permute p;

	(void)state;
	for (int aes = 0; aes <= 1; aes++) {
		dp_permute_init_key(&p, BITS, key, aes);
		for (unsigned bit = 0; bit < BITS; bit++) {
			unsigned changed = 0;

			for (uint32_t i = 0; i < SAMPLES; i++) {
				uint32_t n = i * 2654435761U >> (32 - BITS);

				changed += (unsigned)__builtin_popcount(
					dp_permute_forward(&p, n) ^
					dp_permute_forward(&p, n ^ 1U << bit));
			}
			assert_in_range(changed, SAMPLES * 14, SAMPLES * 16);
		}
	}
}

static void test_keys_differ(void **state)
{
	struct dp_permute a, b;
	unsigned equal = 0;

	(void)state;
	assert_int_equal(dp_permute_init(&a, 30), 0);
	assert_int_equal(dp_permute_init(&b, 30), 0);
	assert_memory_not_equal(a.key, b.key, sizeof(a.key));
	for (uint32_t i = 0; i < 100000; i++)
		equal += dp_permute_forward(&a, i) == dp_permute_forward(&b, i);
	assert_true(equal < 10);
}

/* Best of several rounds: others work on this machine too. */
static void test_cost(void **state)
{
	enum { ROUNDS = 9, CALLS = 200000 };
	struct dp_permute p;

	(void)state;
	for (int aes = 0; aes <= 1; aes++) {
		double best = 1e9;
		uint32_t sum = 0;

		dp_permute_init_key(&p, 30, key, aes);
		for (int round = 0; round < ROUNDS; round++) {
			uint64_t start = clock_mono_ns();
			double ns;

			for (uint32_t i = 0; i < CALLS; i++)
				sum += dp_permute_forward(&p, i);
			ns = (double)(clock_mono_ns() - start) / CALLS;
			if (ns < best)
				best = ns;
		}
		print_message("# aes %d: %.1f ns a call (%u)\n", p.aes, best, sum);
#ifdef __OPTIMIZE__
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		assert_true(best < 25);
#endif
#endif
	}
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("exact inverse over the whole domain of 16 to 20 bits", test_inverse_whole_domain),
		CASE("exact inverse over samples of 21 to 30 bits", test_inverse_samples),
		CASE("D083 ports and ids are used evenly by consecutive numbers", test_spread),
		CASE("D083 one changed bit changes half the bits", test_avalanche),
		CASE("D083 two random keys give unrelated permutations", test_keys_differ),
		CASE("a number costs under 25 ns", test_cost),
	};

	return RUN(cases);
}
