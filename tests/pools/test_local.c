/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_local.c - names of class CH that the node answers itself.
 */
#include <string.h>
#include "pools/local.h"
#include "pools/name.h"
#include "tests/tap.h"

enum { TYPE_A = 1, TYPE_TXT = 16, TYPE_ANY = 255, NOERROR = 0, REFUSED = 5 };

static const struct local_answer *find(const struct local_table *table, const char *text, uint16_t type)
{
	struct name name;

	assert_int_equal(name_from_text(text, &name), 0);
	return local_find(table, &name, type);
}

struct expected {
	const char *name;
	uint16_t type;
	uint8_t rcode;
	const char *text;
};

static void check(const char *node_name, const char *version, const struct expected *expected, size_t n)
{
	struct local_table *table = local_table_new(node_name, version);

	assert_non_null(table);
	for (size_t i = 0; i < n; i++) {
		const struct local_answer *answer = find(table, expected[i].name, expected[i].type);

		assert_non_null(answer);
		assert_int_equal(answer->rcode, expected[i].rcode);
		assert_int_equal(answer->text_len, strlen(expected[i].text));
		assert_memory_equal(answer->text, expected[i].text, answer->text_len);
	}
	local_table_free(table);
}

#define CHECK(node_name, version, expected) \
	check(node_name, version, expected, sizeof(expected) / sizeof(*(expected)))

static void test_told(void **state)
{
	static const struct expected expected[] = {
		{ "id.server.", TYPE_TXT, NOERROR, "dd1" },
		{ "hostname.bind.", TYPE_TXT, NOERROR, "dd1" },
		{ "HostName.BIND.", TYPE_ANY, NOERROR, "dd1" },
		{ "version.bind.", TYPE_TXT, NOERROR, "0.1" },
		{ "version.server.", TYPE_TXT, NOERROR, "0.1" },
		{ "id.server.", TYPE_A, NOERROR, "" },
		{ "version.bind.", TYPE_A, NOERROR, "" },
	};

	(void)state;
	CHECK("dd1", "0.1", expected);
}

static void test_not_told(void **state)
{
	static const struct expected expected[] = {
		{ "version.bind.", TYPE_TXT, REFUSED, "" },
		{ "version.server.", TYPE_ANY, REFUSED, "" },
		{ "version.server.", TYPE_A, REFUSED, "" },
		{ "id.server.", TYPE_TXT, NOERROR, "dd1" },
		{ "authors.bind.", TYPE_TXT, REFUSED, "" },
		{ "a.id.server.", TYPE_TXT, REFUSED, "" },
		{ "server.", TYPE_TXT, REFUSED, "" },
		{ ".", TYPE_TXT, REFUSED, "" },
	};

	(void)state;
	CHECK("dd1", NULL, expected);
	CHECK("dd1", "", expected);
}

static void test_canary(void **state)
{
	struct local_table *table = local_table_new("dd1", NULL);
	const struct local_answer *answer = find(table, LOCAL_CANARY_NAME, TYPE_TXT);

	(void)state;
	assert_int_equal(answer->rcode, NOERROR);
	assert_true(answer->text_len > 0);
	local_table_free(table);
	local_table_free(NULL);
}

static void test_long_text(void **state)
{
	char text[400];
	struct local_table *table;

	(void)state;
	memset(text, 'v', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	table = local_table_new("dd1", text);
	assert_int_equal(find(table, "version.bind.", TYPE_TXT)->text_len, LOCAL_TEXT_MAX);
	local_table_free(table);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("D052 identity and version names give the configured strings", test_told),
		CASE("D052 a version that is not set and other CH names are REFUSED", test_not_told),
		CASE("the canary has an answer", test_canary),
		CASE("a long text is cut to one TXT string", test_long_text),
	};

	name_hash_init_fixed();
	return RUN(cases);
}
