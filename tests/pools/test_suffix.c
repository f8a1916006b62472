/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_suffix.c - longest suffix on whole labels, beside a plain search through a list.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "pools/name.h"
#include "pools/suffix.h"
#include "tests/tap.h"

static struct name named(const char *text)
{
	struct name name;

	assert_int_equal(name_from_text(text, &name), 0);
	return name;
}

static int add(struct suffix_builder *builder, const char *text, uint32_t value)
{
	struct name name = named(text);

	return suffix_builder_add(builder, &name, value, NULL);
}

static struct suffix_table *finish(struct suffix_builder *builder)
{
	struct suffix_table *table = suffix_builder_finish(builder);

	suffix_builder_free(builder);
	assert_non_null(table);
	return table;
}

/* A table of the suffixes, each with its place in the list as value; the list ends with NULL. */
static struct suffix_table *table_of(const char *const *suffixes)
{
	struct suffix_builder *builder = suffix_builder_new();

	assert_non_null(builder);
	for (uint32_t i = 0; suffixes[i]; i++)
		assert_int_equal(add(builder, suffixes[i], i), 0);
	return finish(builder);
}

static uint32_t find(const struct suffix_table *table, const char *text, bool above_apex)
{
	struct name name = named(text);

	suffix_prefetch(table, &name);
	return suffix_find(table, &name, above_apex, NULL);
}

struct expected {
	const char *name;
	uint32_t value;
};

static void check(const struct suffix_table *table, bool above_apex, const struct expected *expected, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t value = find(table, expected[i].name, above_apex);

		if (value != expected[i].value)
			fail_msg("%s: %u, not %u", expected[i].name, value, expected[i].value);
	}
}

#define CHECK(table, above_apex, expected) \
	check(table, above_apex, expected, sizeof(expected) / sizeof(*(expected)))

static void test_whole_labels(void **state)
{
	static const char *const suffixes[] = {
		"example.net", "sub.Example.NET.", "a.b.c.sub.example.net", "org", NULL,
	};
	static const struct expected expected[] = {
		{ "example.net", 0 },
		{ "a.EXAMPLE.net", 0 },
		{ "badexample.net", SUFFIX_NOT_FOUND },
		{ "example.net.org", 3 },
		{ "net", SUFFIX_NOT_FOUND },
		{ ".", SUFFIX_NOT_FOUND },
		{ "sub.example.net", 1 },
		{ "x.y.SUB.example.net", 1 },
		{ "xsub.example.net", 0 },
		{ "b.c.sub.example.net", 1 },
		{ "a.b.c.sub.example.net", 2 },
		{ "z.a.b.c.sub.example.net", 2 },
		{ "example\\.net", SUFFIX_NOT_FOUND },
		{ "a.example\\.net.org", 3 },
	};
	struct suffix_table *table = table_of(suffixes);

	(void)state;
	CHECK(table, false, expected);
	suffix_table_free(table);
}

static void test_depth(void **state)
{
	static const char *const suffixes[] = { ".", "example.net", NULL };
	struct suffix_table *table = table_of(suffixes);
	struct name name = named("a.b.example.net"), other = named("a.b");
	unsigned depth = 99;

	(void)state;
	assert_int_equal(suffix_find(table, &name, false, &depth), 1);
	assert_int_equal(depth, 2);
	assert_int_equal(suffix_find(table, &other, false, &depth), 0);
	assert_int_equal(depth, 0);
	suffix_table_free(table);
}

static void test_any_octets(void **state)
{
	static const char *const suffixes[] = {
		"\\229.net", "\\197.net", "\\064.net", "\\096.net", "\\091.net", NULL,
	};
	static const struct expected expected[] = {
		{ "\\229.net", 0 }, { "\\197.net", 1 }, { "\\064.net", 2 }, { "\\096.net", 3 },
		{ "\\091.net", 4 }, { "\\123.net", SUFFIX_NOT_FOUND },
	};
	struct suffix_table *table = table_of(suffixes);

	(void)state;
	CHECK(table, false, expected);
	suffix_table_free(table);
}

static void test_root(void **state)
{
	static const char *const with_root[] = { "example.net", ".", NULL };
	static const char *const without[] = { "example.net", NULL };
	static const char *const none[] = { NULL };
	static const struct expected default_route[] = { { "a.org", 1 }, { ".", 1 }, { "a.example.net", 0 } };
	static const struct expected no_route[] = { { "a.org", SUFFIX_NOT_FOUND }, { ".", SUFFIX_NOT_FOUND } };
	struct suffix_table *table = table_of(with_root);

	(void)state;
	CHECK(table, false, default_route);
	suffix_table_free(table);
	table = table_of(without);
	CHECK(table, false, no_route);
	suffix_table_free(table);
	table = table_of(none);
	CHECK(table, false, no_route);
	assert_int_equal(suffix_table_count(table), 0);
	suffix_table_free(table);
}

static void test_escapes(void **state)
{
	static const char *const suffixes[] = { "a\\.b.net.", "\\032.net", "x.net", NULL };
	static const struct {
		const char *wire;
		uint32_t value;
	} expected[] = {
		{ "\1q\3a.b\3net", 0 },
		{ "\1q\1a\1b\3net", SUFFIX_NOT_FOUND },
		{ "\1 \3net", 1 },
		{ "\1x\3net", 2 },
	};
	struct suffix_table *table = table_of(suffixes);

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		const uint8_t *wire = (const uint8_t *)expected[i].wire;
		struct name name;

		assert_int_equal(name_parse(wire, strlen(expected[i].wire) + 1, 0, &name, NULL), NAME_OK);
		assert_int_equal(suffix_find(table, &name, false, NULL), expected[i].value);
	}
	suffix_table_free(table);
}

static void test_above_apex(void **state)
{
	static const char *const suffixes[] = { ".", "net", "example.net", "sub.example.net", "org", NULL };
	static const struct expected expected[] = {
		{ "example.net", 1 },
		{ "EXAMPLE.NET", 1 },
		{ "a.example.net", 2 },
		{ "sub.example.net", 2 },
		{ "a.sub.example.net", 3 },
		{ "net", 0 },
		{ "com", 0 },
		{ ".", 0 },
	};
	static const char *const alone[] = { "example.net", NULL };
	static const struct expected no_parent[] = { { "example.net", SUFFIX_NOT_FOUND }, { "a.example.net", 0 } };
	struct suffix_table *table = table_of(suffixes);

	(void)state;
	CHECK(table, true, expected);
	suffix_table_free(table);
	table = table_of(alone);
	CHECK(table, true, no_parent);
	suffix_table_free(table);
}

static void test_clash(void **state)
{
	struct suffix_builder *builder = suffix_builder_new();
	struct suffix_table *table;
	struct name again = named("EXAMPLE.net.");
	uint32_t clash = 0;

	(void)state;
	assert_int_equal(add(builder, "example.net", 7), 0);
	assert_int_equal(add(builder, "a.example.net", 8), 0);
	assert_int_equal(suffix_builder_add(builder, &again, 9, &clash), -EEXIST);
	assert_int_equal(clash, 7);
	assert_int_equal(suffix_builder_add(builder, &again, 9, NULL), -EEXIST);
	table = finish(builder);
	assert_int_equal(suffix_table_count(table), 2);
	assert_int_equal(find(table, "example.net", false), 7);
	suffix_table_free(table);
}

/* Names made to share one hash: the octets decide. */
static void test_same_hash(void **state)
{
	struct suffix_builder *builder = suffix_builder_new();
	struct suffix_table *table;
	struct name names[20];

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		char text[8];

		snprintf(text, sizeof(text), "n%u", i);
		names[i] = named(text);
		names[i].suffix_hash[1] = UINT64_MAX;	/* the last slot, so that the run goes round the end */
		if (i < 10)
			assert_int_equal(suffix_builder_add(builder, &names[i], i, NULL), 0);
	}
	table = finish(builder);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(suffix_find(table, &names[i], false, NULL), i < 10 ? i : SUFFIX_NOT_FOUND);
	suffix_table_free(table);
}

static void test_all_depths(void **state)
{
	struct suffix_builder *builder = suffix_builder_new();
	struct suffix_table *table;
	uint8_t wire[NAME_WIRE_MAX] = { 0 };
	struct name name;

	(void)state;
	for (unsigned at = 0; at < 254; at += 2) {
		wire[at] = 1;
		wire[at + 1] = 'a';
	}
	for (unsigned labels = 0; labels <= NAME_LABELS_MAX; labels++) {
		assert_int_equal(name_parse(wire, sizeof(wire), 254 - 2 * labels, &name, NULL), NAME_OK);
		assert_int_equal(suffix_builder_add(builder, &name, labels, NULL), 0);
	}
	table = finish(builder);
	for (unsigned labels = 0; labels <= NAME_LABELS_MAX; labels++) {
		assert_int_equal(name_parse(wire, sizeof(wire), 254 - 2 * labels, &name, NULL), NAME_OK);
		suffix_prefetch(table, &name);
		assert_int_equal(suffix_find(table, &name, false, NULL), labels);
	}
	suffix_table_free(table);
}

/* A name over an alphabet so small that suffixes meet often. */
static void random_name(struct name *name)
{
	uint8_t wire[NAME_WIRE_MAX];
	unsigned at = 0;

	for (int labels = rand() % 7; labels > 0; labels--) {
		unsigned len = 1 + rand() % 2;

		wire[at++] = len;
		while (len--)
			wire[at++] = "abAB\xe1"[rand() % 5];
	}
	wire[at++] = 0;
	assert_int_equal(name_parse(wire, at, 0, name, NULL), NAME_OK);
}

static bool ends_with(const struct name *name, const struct name *suffix)
{
	return suffix->labels <= name->labels &&
	       suffix->len == name->len - name->offset[name->labels - suffix->labels] &&
	       memcmp(suffix->wire, name->wire + name->len - suffix->len, suffix->len) == 0;
}

static uint32_t search_list(const struct name *list, unsigned n, const struct name *name, bool above_apex)
{
	uint32_t best = SUFFIX_NOT_FOUND;

	for (unsigned i = 0; i < n; i++) {
		if (!ends_with(name, &list[i]) || (above_apex && list[i].len == name->len && name->labels))
			continue;
		if (best == SUFFIX_NOT_FOUND || list[i].labels > list[best].labels)
			best = i;
	}
	return best;
}

static void test_like_a_list(void **state)
{
	static struct name list[300];

	(void)state;
	srand(5);
	for (int round = 0; round < 20; round++) {
		struct suffix_builder *builder = suffix_builder_new();
		struct suffix_table *table;
		unsigned n = 0;

		for (int tries = 0; tries < 15 * round; tries++) {
			random_name(&list[n]);
			if (!suffix_builder_add(builder, &list[n], n, NULL))
				n++;
		}
		table = finish(builder);
		assert_int_equal(suffix_table_count(table), n);
		for (int tries = 0; tries < 2000; tries++) {
			struct name name;

			random_name(&name);
			for (int above_apex = 0; above_apex < 2; above_apex++)
				assert_int_equal(suffix_find(table, &name, above_apex, NULL),
						 search_list(list, n, &name, above_apex));
		}
		suffix_table_free(table);
	}
}

static void suffix_text(char *text, size_t size, unsigned i)
{
	static const char *const tlds[] = { "net", "org", "co.uk", "de", "zaibdns.lab" };

	snprintf(text, size, "customer-%u.%s.", i, tlds[i % 5]);
}

/* Text to table, as a configuration is loaded; then one lookup a suffix. Times are shown, not judged. */
static void check_large(unsigned n)
{
	struct suffix_builder *builder = suffix_builder_new();
	uint64_t start = clock_mono_ns(), built, found;
	struct suffix_table *table;
	char text[64];
	struct name name;

	for (unsigned i = 0; i < n; i++) {
		suffix_text(text, sizeof(text), i);
		if (name_from_text(text, &name) || suffix_builder_add(builder, &name, i, NULL))
			fail_msg("%s", text);
	}
	table = finish(builder);
	built = clock_mono_ns();
	for (unsigned i = 0; i < n; i++) {
		char below[80];

		suffix_text(text, sizeof(text), i);
		snprintf(below, sizeof(below), "www.%s", text);
		if (name_from_text(below, &name) || suffix_find(table, &name, false, NULL) != i)
			fail_msg("%s", below);
	}
	found = clock_mono_ns();
	assert_int_equal(suffix_table_count(table), n);
	assert_true(suffix_table_memory(table) < 128UL * n);
	printf("# %u suffixes: built in %.0f ms, %.0f octets each, printed, read and found in %.0f ns each\n", n,
	       (built - start) / 1e6, (double)suffix_table_memory(table) / n, (double)(found - built) / n);
	suffix_table_free(table);
}

static void test_large(void **state)
{
	(void)state;
	check_large(100000);
	check_large(1000000);
}

static void test_lifecycle(void **state)
{
	struct suffix_builder *builder = suffix_builder_new();

	(void)state;
	assert_int_equal(add(builder, "example.net", 1), 0);
	suffix_builder_free(builder);
	suffix_builder_free(NULL);
	suffix_table_free(NULL);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("D100 whole labels only, the longest suffix wins, without case", test_whole_labels),
		CASE("D101 octets over 127 and the neighbours of A-Z compare as they are", test_any_octets),
		CASE("D102 the root suffix is the default route; without it there is none", test_root),
		CASE("D103 escapes give the name as on the wire, with or without final dot", test_escapes),
		CASE("D104 DS at a suffix's apex goes to the parent's route", test_above_apex),
		CASE("the depth matched is told", test_depth),
		CASE("a suffix given twice is refused with the value it has", test_clash),
		CASE("names of one hash are told apart by their octets", test_same_hash),
		CASE("every depth from the root to 127 labels", test_all_depths),
		CASE("D100 random tables agree with a search through the list", test_like_a_list),
		CASE("100,000 and 1,000,000 suffixes", test_large),
		CASE("a builder may be dropped unfinished", test_lifecycle),
	};

	name_hash_init_fixed();
	return RUN(cases);
}
