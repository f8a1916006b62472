/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_name.c - names: reading, folding, hashing, writing, text.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "pools/name.h"
#include "tests/tap.h"

static struct name named(const char *text)
{
	struct name name;

	assert_int_equal(name_from_text(text, &name), 0);
	return name;
}

/* Parses exactly len octets that end where a heap block ends, so that a sanitizer sees any read behind them. */
static enum name_error parse_exact(const uint8_t *wire, size_t len, struct name *name, uint8_t *case_bits)
{
	uint8_t *copy = malloc(len ? len : 1);
	enum name_error error;

	assert_non_null(copy);
	memcpy(copy, wire, len);
	error = name_parse(copy, len, 0, name, case_bits);
	free(copy);
	return error;
}

/* A name of random octets and labels, at most max octets; its length. */
static size_t random_wire(uint8_t *wire, size_t max)
{
	size_t at = 0;

	while (rand() % 8 && at + 2 < max) {
		size_t room = max - at - 2;
		size_t len = 1 + rand() % (room < 63 ? room : 63);

		wire[at++] = len;
		while (len--)
			wire[at++] = rand();
	}
	wire[at++] = 0;
	return at;
}

static void test_labels(void **state)
{
	static const uint8_t wire[] = "\3www\7Example\3ORG";
	struct name name;
	uint8_t case_bits[NAME_CASE_OCTETS];

	(void)state;
	assert_int_equal(name_parse(wire, sizeof(wire), 0, &name, case_bits), NAME_OK);
	assert_int_equal(name.len, 17);
	assert_int_equal(name.labels, 3);
	assert_int_equal(name.offset[0], 0);
	assert_int_equal(name.offset[1], 4);
	assert_int_equal(name.offset[2], 12);
	assert_int_equal(name.offset[3], 16);
	assert_memory_equal(name.wire, "\3www\7example\3org", 17);
	assert_int_equal(case_bits[0], 1 << 5);
	assert_int_equal(case_bits[1], 7 << 5);
	for (unsigned i = 2; i < NAME_CASE_OCTETS; i++)
		assert_int_equal(case_bits[i], 0);
}

static void test_inside_message(void **state)
{
	static const uint8_t message[] = "\xff\xff\xff\2ab\0\0\1\0\1";
	struct name name;

	(void)state;
	assert_int_equal(name_parse(message, sizeof(message) - 1, 3, &name, NULL), NAME_OK);
	assert_int_equal(name.len, 4);
	assert_int_equal(name_parse(message, 3, 3, &name, NULL), NAME_TRUNCATED);
	assert_int_equal(name_parse(message, 3, 4, &name, NULL), NAME_TRUNCATED);
}

static void test_case(void **state)
{
	struct name lower = named("a.example.net"), upper = named("A.eXAMPLE.NET"), other = named("a.example.nex");

	(void)state;
	assert_true(name_equal(&lower, &upper));
	assert_true(name_hash(&lower) == name_hash(&upper));
	assert_false(name_equal(&lower, &other));
}

/* Every octet value in every position of a chunk, and of the part behind the last whole chunk. */
static void test_fold(void **state)
{
	(void)state;
	for (unsigned octet = 0; octet < 256; octet++) {
		for (unsigned place = 1; place <= 21; place++) {
			uint8_t wire[23] = { 21 };
			bool is_upper = octet >= 'A' && octet <= 'Z';
			uint8_t case_bits[NAME_CASE_OCTETS];
			struct name name;

			memset(wire + 1, 'x', 21);
			wire[place] = octet;
			assert_int_equal(parse_exact(wire, sizeof(wire), &name, case_bits), NAME_OK);
			wire[place] = is_upper ? octet + 32 : octet;
			assert_memory_equal(name.wire, wire, sizeof(wire));
			for (unsigned i = 0; i < 8 * NAME_CASE_OCTETS; i++)
				assert_int_equal(case_bits[i / 8] >> i % 8 & 1, is_upper && i == place);
		}
	}
}

static void test_truncated(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 300; round++) {
		uint8_t wire[NAME_WIRE_MAX];
		size_t len = random_wire(wire, sizeof(wire));
		struct name name;

		for (size_t cut = 0; cut < len; cut++)
			assert_int_equal(parse_exact(wire, cut, &name, NULL), NAME_TRUNCATED);
		assert_int_equal(parse_exact(wire, len, &name, NULL), NAME_OK);
		assert_int_equal(name.len, len);
	}
}

static void test_label_types(void **state)
{
	static const uint8_t types[] = { 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff };

	(void)state;
	for (unsigned i = 0; i < sizeof(types); i++) {
		uint8_t wire[300] = { 1, 'a', types[i] };
		struct name name;

		assert_int_equal(name_parse(wire, sizeof(wire), 0, &name, NULL), NAME_LABEL_TYPE);
		assert_int_equal(name_parse(wire, 3, 0, &name, NULL), NAME_LABEL_TYPE);
	}
}

static void test_longest(void **state)
{
	uint8_t wire[300] = { 0 };
	struct name name;

	(void)state;
	for (unsigned at = 0; at < 254; at += 2)
		wire[at] = 1;
	assert_int_equal(parse_exact(wire, 255, &name, NULL), NAME_OK);
	assert_int_equal(name.len, 255);
	assert_int_equal(name.labels, 127);
	assert_int_equal(name.offset[127], 254);

	wire[252] = 2;
	assert_int_equal(name_parse(wire, sizeof(wire), 0, &name, NULL), NAME_TOO_LONG);
	wire[252] = 1;
	wire[254] = 1;
	assert_int_equal(name_parse(wire, sizeof(wire), 0, &name, NULL), NAME_TOO_LONG);
}

static void test_suffix_hashes(void **state)
{
	(void)state;
	srand(2);
	for (int round = 0; round < 300; round++) {
		uint8_t wire[NAME_WIRE_MAX];
		size_t len = random_wire(wire, sizeof(wire));
		struct name name, suffix;

		assert_int_equal(name_parse(wire, len, 0, &name, NULL), NAME_OK);
		for (unsigned depth = 0; depth <= name.labels; depth++) {
			unsigned at = name.offset[name.labels - depth];

			assert_int_equal(name_parse(wire, len, at, &suffix, NULL), NAME_OK);
			assert_true(name_hash(&suffix) == name.suffix_hash[depth]);
		}
	}
}

enum { ALIKE_BITS = 16, BUCKETS = 1 << 10 };

/* Chi-square by degrees of freedom (1.0 = like chance) of the hashes of names that differ in three octets. */
static double spread_of_alike(void)
{
	const double expected = (double)(1 << ALIKE_BITS) / BUCKETS;
	unsigned bucket[BUCKETS] = { 0 };
	double chi = 0;

	for (unsigned i = 0; i < 1 << ALIKE_BITS; i++) {
		uint8_t wire[] = { 3, i & 63, i >> 6 & 63, i >> 12, 6, 'd', 'o', 'm', 'a', 'i', 'n', 0 };
		struct name name;

		assert_int_equal(name_parse(wire, sizeof(wire), 0, &name, NULL), NAME_OK);
		bucket[name_hash(&name) % BUCKETS]++;
	}
	for (unsigned i = 0; i < BUCKETS; i++)
		chi += (bucket[i] - expected) * (bucket[i] - expected) / expected;
	return chi / (BUCKETS - 1);
}

/* With every key: one multiplication alone was 50 times off with one key in 200. */
static void test_hash_spread(void **state)
{
	(void)state;
	for (int key = 0; key < 100; key++) {
		assert_int_equal(name_hash_init(), 0);
		assert_in_range(1000 * spread_of_alike(), 500, 1500);
	}
	name_hash_init_fixed();
}

/* Zeros at a label's end, and labels cut differently, are different names. */
static void test_hash_alike(void **state)
{
	static const char *const alike[] = {
		"a", "a\\000", "a\\000\\000", "a.b", "ab", "b.a", "a\\001b", "\\000", "\\000.\\000", "\\000\\000\\000",
		"aaaaaaa", "aaaaaaaa", "aaaaaaa.a", "a.aaaaaaa", "aaaaaaa\\001a", ".",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(alike) / sizeof(*alike); i++) {
		for (unsigned j = 0; j < i; j++) {
			struct name a = named(alike[i]), b = named(alike[j]);

			assert_true(name_hash(&a) != name_hash(&b));
			assert_false(name_equal(&a, &b));
		}
	}
}

static void test_hash_key(void **state)
{
	uint64_t fixed, first, second;
	struct name name;

	(void)state;
	name_hash_init_fixed();
	name = named("example.net");
	fixed = name_hash(&name);
	assert_int_equal(name_hash_init(), 0);
	name = named("example.net");
	first = name_hash(&name);
	assert_int_equal(name_hash_init(), 0);
	name = named("example.net");
	second = name_hash(&name);
	assert_true(first != second && first != fixed && second != fixed);
	name_hash_init_fixed();
	name = named("example.net");
	assert_true(name_hash(&name) == fixed);
}

static void test_write(void **state)
{
	(void)state;
	srand(3);
	for (int round = 0; round < 3000; round++) {
		uint8_t wire[NAME_WIRE_MAX], out[NAME_WIRE_MAX + 1], case_bits[NAME_CASE_OCTETS];
		size_t len = random_wire(wire, sizeof(wire));
		struct name name;

		assert_int_equal(name_parse(wire, len, 0, &name, case_bits), NAME_OK);
		out[len] = 0xaa;
		assert_int_equal(name_write(out, name.wire, name.len, case_bits), len);
		assert_memory_equal(out, wire, len);
		assert_int_equal(out[len], 0xaa);
		assert_int_equal(name_write(out, name.wire, name.len, NULL), len);
		assert_memory_equal(out, name.wire, len);
	}
}

static void test_from_text(void **state)
{
	static const struct {
		const char *text, *wire;
		int len;	/* 0 = not a name */
	} cases[] = {
		{ ".", "", 1 },
		{ "net", "\3net", 5 },
		{ "net.", "\3net", 5 },
		{ "Example.NET", "\7example\3net", 13 },
		{ "example.net.", "\7example\3net", 13 },
		{ "_dns.a-b.", "\4_dns\3a-b", 10 },
		{ "a\\.b.c", "\3a.b\1c", 7 },
		{ "\\032.c", "\1 \1c", 5 },
		{ "\\065.c.", "\1a\1c", 5 },
		{ "*.c", "\1*\1c", 5 },
		{ "\\255.c", "\1\377\1c", 5 },
		{ "\303\244.c", "\2\303\244\1c", 6 },
		{ "\\000.c", "\1\0\1c", 5 },
		{ "", NULL, 0 },
		{ "..", NULL, 0 },
		{ ".a", NULL, 0 },
		{ "a..", NULL, 0 },
		{ "a..b", NULL, 0 },
		{ "\\", NULL, 0 },
		{ "a\\", NULL, 0 },
		{ "\\25", NULL, 0 },
		{ "\\256.c", NULL, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct name name;
		int err = name_from_text(cases[i].text, &name);

		assert_int_equal(err, cases[i].len ? 0 : -EINVAL);
		if (err)
			continue;
		assert_int_equal(name.len, cases[i].len);
		assert_memory_equal(name.wire, cases[i].wire, cases[i].len);
	}
}

/* Labels of 1 to 64 letters, up to a name that is too long: with an escape ahead ldns reads it, without one
 * the short way for plain names does, and they must agree. */
static void test_two_readers(void **state)
{
	(void)state;
	for (unsigned label = 1; label <= 64; label++) {
		char text[400] = "\\";
		size_t at = 1;

		for (unsigned i = 1; at + label + 3 < 300; i++) {
			for (int final_dot = 0; final_dot < 2; final_dot++) {
				struct name plain, escaped;
				size_t end = at + (label < i ? label : i);
				int err;

				memset(text + at, 'a' + i % 26, end - at);
				strcpy(text + end, final_dot ? "." : "");
				err = name_from_text(text + 1, &plain);
				assert_int_equal(name_from_text(text, &escaped), err);
				assert_true(err || name_equal(&plain, &escaped));
			}
			memset(text + at, 'a' + i % 26, label);
			at += label;
			text[at++] = '.';
		}
	}
}

static void test_to_text(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{ ".", "." },
		{ "Example.net", "example.net." },
		{ "a\\.b.c", "a\\.b.c." },
		{ "\\032\\009\\010.\\127\\255", "\\032\\009\\010.\\127\\255." },
		{ "\\\"\\;\\(\\)\\@\\$\\\\", "\\\"\\;\\(\\)\\@\\$\\\\." },
		{ "*._x-1", "*._x-1." },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct name name = named(cases[i].text);
		char text[NAME_TEXT_MAX];

		assert_string_equal(name_to_text(name.wire, name.len, text, sizeof(text)), cases[i].shown);
	}
}

/* What is printed reads back as the same name, holds only printable octets, and fits any room given. */
static void test_text_of_anything(void **state)
{
	(void)state;
	srand(4);
	for (int round = 0; round < 2000; round++) {
		uint8_t wire[NAME_WIRE_MAX];
		size_t len = random_wire(wire, sizeof(wire));
		char text[NAME_TEXT_MAX + 1];
		struct name name, again;

		assert_int_equal(name_parse(wire, len, 0, &name, NULL), NAME_OK);
		name_to_text(name.wire, name.len, text, NAME_TEXT_MAX);
		for (const char *c = text; *c; c++)
			assert_true(isgraph((unsigned char)*c));
		assert_int_equal(name_from_text(text, &again), 0);
		assert_true(name_equal(&name, &again));

		for (size_t size = 1; size < 40; size++) {
			text[size] = 0x55;
			name_to_text(name.wire, name.len, text, size);
			assert_true(strlen(text) < size);
			assert_int_equal(text[size], 0x55);
		}
	}
}

static void show_speed(void **state)
{
	enum { NAMES = 1024, ROUNDS = 300 };
	static uint8_t messages[NAMES][32];
	uint8_t case_bits[NAME_CASE_OCTETS];
	uint64_t best = UINT64_MAX, sum = 0;

	(void)state;
	for (unsigned i = 0; i < NAMES; i++) {
		char text[32];
		struct name name;

		snprintf(text, sizeof(text), "h%05u.example.net", i);
		name = named(text);
		memcpy(messages[i], name.wire, name.len);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t start = clock_mono_ns(), spent;

		for (unsigned i = 0; i < NAMES; i++) {
			struct name name;

			name_parse(messages[i], sizeof(messages[i]), 0, &name, case_bits);
			sum += name_hash(&name);
		}
		spent = clock_mono_ns() - start;
		if (spent < best)
			best = spent;
	}
	assert_true(sum != 0);
	printf("# %.1f ns to parse and hash a name of 20 octets\n", (double)best / NAMES);
}

static void case_is_set_whatever_it_was(void **state)
{
	static const char *const names[] = { "\3wWw\7ExAmple\3NeT", "\1A", "\17abcdefghijklmnO\2zZ", "\4a-1_" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i]) + 1;
		uint8_t bits[NAME_CASE_OCTETS], wire[NAME_WIRE_MAX];
		struct name name;

		assert_int_equal(name_parse((const uint8_t *)names[i], len, 0, &name, bits), NAME_OK);
		for (int upper = 0; upper < 2; upper++) {
			for (size_t k = 0; k < len; k++)
				wire[k] = upper && name.wire[k] >= 'a' && name.wire[k] <= 'z' ?
					name.wire[k] - 0x20 : name.wire[k];
			name_set_case(wire, len, bits);
			assert_memory_equal(wire, names[i], len);
		}
	}
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("a name is read into labels, offsets, folded octets and case bits", test_labels),
		CASE("a name is read in the middle of a message", test_inside_message),
		CASE("D100 letters compare without case", test_case),
		CASE("D101 folding touches A-Z only, octets over 127 stay", test_fold),
		CASE("every truncation of a name is refused, nothing behind it is read", test_truncated),
		CASE("pointers and label types 01 and 10 are refused", test_label_types),
		CASE("255 octets and 127 labels are the limit", test_longest),
		CASE("the hash of each suffix is that of the suffix alone", test_suffix_hashes),
		CASE("the hash spreads names that are alike", test_hash_spread),
		CASE("labels cut differently hash differently", test_hash_alike),
		CASE("the hash depends on a random key", test_hash_key),
		CASE("a name is written in the letter case it came in", test_write),
		CASE("D103 escapes and final dot give the name as on the wire", test_from_text),
		CASE("the quick reader of plain names agrees with ldns", test_two_readers),
		CASE("text is absolute and escaped", test_to_text),
		CASE("text of any name is printable and reads back", test_text_of_anything),
		CASE("speed (shown, not judged)", show_speed),
		CASE("D087 letter case is set whatever case the octets have", case_is_set_whatever_it_was),
	};

	name_hash_init_fixed();
	return RUN(cases);
}
