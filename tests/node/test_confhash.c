/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_confhash.c - which part of the configuration a change shows in, and which changes a node may have for itself.
 */
#include "tests/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/config.h"
#include "node/confhash.h"
#include "pools/name.h"

static const char base[] =
	"node = { name = \"dd1\"; };\n"
	"interfaces = ( { name = \"eth0\"; side = \"both\"; } );\n"
	"listen = ( { address = \"192.0.2.1\"; }, { address = \"192.0.2.160\"; } );\n"
	"vrrp = ( { interface = \"eth0\"; vrid = 51; priority = 250; addresses = [ \"192.0.2.160\" ]; } );\n"
	"acl = { recursive = [ \"192.0.2.0/24\", \"!192.0.2.99\" ]; };\n"
	"limit = { recursive = { qps = 100; }; memory = \"16M\"; };\n"
	"pools = ( { name = \"auth\"; kind = \"authoritative\"; servers = ( { address = \"192.0.2.53\"; } ); },\n"
	"  { name = \"rec\"; kind = \"recursive\"; servers = ( { address = \"192.0.2.54\"; } ); } );\n"
	"routes = ( { suffixes = [ \"example.org.\", \"example.net\" ]; pool = \"auth\"; file = \"LIST\"; },\n"
	"  { suffixes = [ \".\" ]; pool = \"rec\"; } );\n"
	"cache = { memory = \"64M\"; };\n";

static char list_path[] = "/tmp/test_confhash.list.XXXXXX";

static void write_list(const char *text)
{
	FILE *out = fopen(list_path, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static void replace(char *text, size_t size, const char *find, const char *with)
{
	char *at = strstr(text, find);
	char rest[2048];

	assert_non_null(at);
	snprintf(rest, sizeof(rest), "%s", at + strlen(find));
	snprintf(at, size - (size_t)(at - text), "%s%s", with, rest);
}

static void hash(const char *find, const char *with, uint64_t part[CONFHASH_COUNT])
{
	char path[] = "/tmp/test_confhash.XXXXXX", text[4096], error[CONFIG_ERROR_MAX] = "";
	struct config *config = NULL;
	FILE *out;

	snprintf(text, sizeof(text), "%s", base);
	replace(text, sizeof(text), "LIST", list_path);
	if (find)
		replace(text, sizeof(text), find, with);
	out = fdopen(mkstemp(path), "w");
	fputs(text, out);
	fclose(out);
	if (config_load(path, &config, error, sizeof(error)))
		fail_msg("%s", error);
	unlink(path);
	assert_int_equal(confhash_fill(config, part), 0);
	config_free(config);
}

static void a_change_shows_in_its_part(void **state)
{
	static const struct { const char *find, *with; unsigned differ; } cases[] = {
		{ NULL, NULL, 0 },
		/* a node's own */
		{ "\"dd1\"", "\"dd2\"", 0 },
		{ "\"dd1\"; }", "\"dd1\"; workers = 2; cpus = [ 0, 1 ]; }", 0 },
		{ "\"192.0.2.1\"", "\"192.0.2.2\"", 0 },
		{ "priority = 250", "priority = 200", 0 },
		{ "memory = \"16M\"", "memory = \"32M\"", 0 },
		{ "memory = \"64M\"", "memory = \"128M\"", 0 },
		/* the same in other words */
		{ "\"example.org.\", \"example.net\"", "\"EXAMPLE.net.\", \"example.ORG\"", 0 },
		{ "vrid = 51;", "vrid = 51; interval_cs = 100;", 0 },
		/* what must be the same */
		{ "\"example.net\"", "\"example.com\"", 1 << CONFHASH_ROUTES },
		{ "\"example.org.\", ", "", 1 << CONFHASH_ROUTES },
		{ "\".\" ]; pool = \"rec\"", "\".\" ]; pool = \"auth\"", 1 << CONFHASH_ROUTES },
		{ "\"192.0.2.53\"", "\"192.0.2.55\"", 1 << CONFHASH_POOLS },
		{ "name = \"rec\"; kind", "name = \"rec\"; timeout_ms = 700; kind", 1 << CONFHASH_POOLS },
		{ "vrid = 51", "vrid = 52", 1 << CONFHASH_VRRP },
		{ "vrid = 51;", "vrid = 51; virtual_mac = false;", 1 << CONFHASH_VRRP },
		{ "\"192.0.2.160\"; }", "\"192.0.2.160\"; port = 5353; }", 1 << CONFHASH_VRRP },
		{ "!192.0.2.99", "192.0.2.99", 1 << CONFHASH_LIMITS },
		{ "qps = 100", "qps = 101", 1 << CONFHASH_LIMITS },
		{ "acl = {", "deny = [ \"203.0.113.0/24\" ];\nacl = {", 1 << CONFHASH_LIMITS },
		{ "acl = {", "rules = { rd0 = \"cache-only\"; };\nacl = {", 1 << CONFHASH_RULES },
		{ "acl = {", "edns = { size = 900; };\nacl = {", 1 << CONFHASH_RULES },
	};
	uint64_t before[CONFHASH_COUNT], after[CONFHASH_COUNT];

	(void)state;
	write_list("a.example\nb.example   # b\n");
	hash(NULL, NULL, before);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned differ = 0;

		hash(cases[i].find, cases[i].with, after);
		for (unsigned p = 0; p < CONFHASH_COUNT; p++)
			differ |= (before[p] != after[p]) << p;
		if (differ != cases[i].differ)
			fail_msg("%s to %s: %x, not %x", cases[i].find, cases[i].with, differ, cases[i].differ);
	}
}

static void lists_of_suffixes(void **state)
{
	uint64_t before[CONFHASH_COUNT], after[CONFHASH_COUNT];

	(void)state;
	write_list("a.example\nb.example   # b\n");
	hash(NULL, NULL, before);
	write_list("# another comment\nB.example.\na.example\n");
	hash(NULL, NULL, after);
	assert_memory_equal(before, after, sizeof(before));
	write_list("a.example\n");
	hash(NULL, NULL, after);
	assert_true(before[CONFHASH_ROUTES] != after[CONFHASH_ROUTES]);
	assert_memory_equal(before + 1, after + 1, sizeof(before) - sizeof(before[0]));
}

static const struct CMUnitTest cases[] = {
	CASE("D236 a change shows in its part, what a node has for itself in none", a_change_shows_in_its_part),
	CASE("D236 lists of suffixes count by what is in them", lists_of_suffixes),
};

int main(void)
{
	int failed;

	name_hash_init_fixed();
	close(mkstemp(list_path));
	failed = RUN(cases);
	unlink(list_path);
	return failed;
}
