/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_schema.c - the table of keys is sound, and settings are stored by any such table.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/acl.h"
#include "node/config.h"
#include "node/schema.h"
#include "node/settings.h"
#include "tests/tap.h"

static void check_key(const struct schema_key *key)
{
	char allowed[SCHEMA_ALLOWED_MAX];

	assert_non_null(key->help);
	assert_true(strlen(key->help) < 110);
	assert_true(strlen(schema_allowed(key, allowed, sizeof(allowed))) > 0);
	assert_true(key->type == SCHEMA_ENUM || key->min <= key->max);
	assert_false(key->required && key->fallback);
	assert_true((key->type == SCHEMA_GROUP || key->type == SCHEMA_LIST) == (key->children != NULL));
	assert_true((key->type == SCHEMA_ENUM) == (key->words != NULL));
	if (key->type == SCHEMA_STRING)
		assert_true((size_t)key->max < key->size);
}

static void check_keys(const struct schema_key *keys)
{
	for (const struct schema_key *key = keys; key->name; key++) {
		check_key(key);
		assert_ptr_equal(schema_find(keys, key->name), key);
		if (key->children)
			check_keys(key->children);
	}
}

static void table_is_sound(void **state)
{
	(void)state;
	check_keys(schema_root);
	assert_null(schema_find(schema_root, "rootes"));
}

static void prints_every_key(void **state)
{
	static const char *const lines[] = {
		"\nnode.workers: a number 0-64, default 0, change needs a restart\n    ",
		"\nnode.io: one of \"xdp\", \"socket\", default \"xdp\", change needs a restart\n    ",
		"\npools[].servers[].port: a number 1-65535, default 53\n    ",
		"\npools[].probe.timeout_ms: a number 10-60000 ms, default 500\n    ",
		"\nroutes[].pool: text of 1-31 characters, required\n    ",
		"\nvrrp[].vrid: a number 1-255, required\n    ",
		"\nvrrp[].priority: a number 1-254, default 100\n    ",
		"\nvrrp[].addresses: an array of 1-16 addresses like [ \"192.0.2.1\" ], required\n    ",
		"\nlog.level: one of ",
	};
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	schema_print(out);
	fclose(out);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_non_null(strstr(text, lines[i]));
	free(text);
}

/* ---- a table of the test's own: every type, nested ---- */

struct shelf {
	char name[8];
	uint32_t height;
	struct config_strings books;
};

struct room {
	bool lit;
	uint32_t chairs;
	uint64_t volume;
	char owner[16];
	int colour;
	struct addr address;
	struct config_prefixes guests;
	struct config_ints doors;
	struct shelf *shelves;
	size_t n_shelves;
};

#define MEMBER(type, member) \
	.offset = offsetof(struct type, member), .size = sizeof(((struct type *)NULL)->member)

static const char *const colours[] = { "red", "green", NULL };

static const struct schema_key shelf_keys[] = {
	{ "name", SCHEMA_STRING, .required = true, .min = 1, .max = 7, MEMBER(shelf, name), .help = "" },
	{ "height", SCHEMA_INT, .min = 1, .max = 300, .fallback = "30", .unit = "cm", MEMBER(shelf, height) },
	{ "books", SCHEMA_STRING_LIST, .min = 0, .max = 3, MEMBER(shelf, books) },
	{ 0 }
};
static const struct schema_key door_keys[] = {
	{ "cpus", SCHEMA_CPU_LIST, .min = 1, .max = 4, MEMBER(room, doors), .fallback = "[ 4, 2 ]" },
	{ "must", SCHEMA_INT, .required = true, .min = 0, .max = 9, MEMBER(room, chairs) },
	{ 0 }
};
static const struct schema_key room_keys[] = {
	{ "lit", SCHEMA_BOOL, MEMBER(room, lit), .fallback = "true" },
	{ "volume", SCHEMA_SIZE, .min = 1024, .max = 1LL << 40, MEMBER(room, volume), .fallback = "\"2K\"" },
	{ "owner", SCHEMA_STRING, .min = 0, .max = 15, MEMBER(room, owner), .fallback = "\"me\"", .restart = true },
	{ "colour", SCHEMA_ENUM, .words = colours, .min = 5, MEMBER(room, colour), .fallback = "\"green\"" },
	{ "address", SCHEMA_ADDR, MEMBER(room, address), .fallback = "\"192.0.2.1\"" },
	{ "guests", SCHEMA_PREFIX_LIST, .min = 1, .max = 3, MEMBER(room, guests), .fallback = "[ \"::/0\" ]" },
	{ "door", SCHEMA_GROUP, .children = door_keys },
	{ "shelves", SCHEMA_LIST, .min = 1, .max = 2, .children = shelf_keys,
	  .offset = offsetof(struct room, shelves), .size = sizeof(struct shelf) },
	{ 0 }
};

/* Fills room from text; the result, and mistakes without the file's name in mistakes. */
static int fill(const char *text, struct room *room, char *mistakes, size_t size)
{
	char path[] = "/tmp/test_schema.XXXXXX", error[2048] = "";
	struct settings *settings;
	int fd = mkstemp(path), err;
	size_t out = 0;

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	memset(room, 0, sizeof(*room));
	err = settings_open(path, &settings, error, sizeof(error));
	unlink(path);
	if (!err) {
		err = settings_fill(settings, room_keys, room);
		settings_close(settings);
	}
	for (const char *c = error; *c && out + 1 < size; c++) {
		if (strncmp(c, path, strlen(path)) == 0)
			c += strlen(path);
		mistakes[out++] = *c;
	}
	mistakes[out] = '\0';
	return err;
}

static void defaults_are_stored(void **state)
{
	char mistakes[2048];
	struct room room;

	(void)state;
	assert_int_equal(fill("# nothing\n", &room, mistakes, sizeof(mistakes)), 0);
	assert_true(room.lit);
	assert_int_equal(room.volume, 2048);
	assert_string_equal(room.owner, "me");
	assert_int_equal(room.colour, 6);
	assert_true(addr_is_v4(&room.address));
	assert_int_equal(room.guests.n, 1);
	assert_int_equal(room.doors.n, 2);
	assert_int_equal(room.doors.item[1], 2);
	assert_int_equal(room.n_shelves, 0);
	schema_clear(room_keys, &room);
	assert_null(room.doors.item);
}

static void values_are_stored(void **state)
{
	char mistakes[2048];
	struct room room;

	(void)state;
	assert_int_equal(fill("lit = false; volume = \"512M\"; owner = \"you\"; colour = \"red\";\n"
			      "address = \"2001:db8::1\"; guests = [ \"!192.0.2.0/24\", \"::/0\" ];\n"
			      "door = { cpus = [ 7 ]; must = 0x9; };\n"
			      "shelves = ( { name = \"top\"; }, { name = \"low\"; height = 300L; books = [ \"a\", \"b\" ]; } );",
			      &room, mistakes, sizeof(mistakes)), 0);
	assert_false(room.lit);
	assert_int_equal(room.volume, 512 << 20);
	assert_string_equal(room.owner, "you");
	assert_int_equal(room.colour, 5);
	assert_false(room.guests.item[0].allow);
	assert_true(room.guests.item[1].allow);
	assert_int_equal(room.doors.item[0], 7);
	assert_int_equal(room.chairs, 9);
	assert_int_equal(room.n_shelves, 2);
	assert_int_equal(room.shelves[0].height, 30);
	assert_int_equal(room.shelves[1].height, 300);
	assert_string_equal(room.shelves[1].books.item[1], "b");
	schema_clear(room_keys, &room);
}

static void sizes(void **state)
{
	static const struct { const char *text; long long octets; } cases[] = {
		{ "1024", 1024 }, { "\"1024\"", 1024 }, { "\"1K\"", 1024 }, { "\"3G\"", 3LL << 30 },
		{ "4294967296L", 1LL << 32 }, { "\"1T\"", 1LL << 40 },
		{ "1023", -1 }, { "\"2T\"", -1 }, { "\"\"", -1 }, { "\"K\"", -1 }, { "\"1KB\"", -1 }, { "\"-1K\"", -1 },
		{ "\"1k\"", -1 }, { "\" 1K\"", -1 }, { "\"9999999999T\"", -1 }, { "\"99999999999999999999\"", -1 },
		{ "1.5", -1 }, { "true", -1 }, { "4294967296", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64], mistakes[2048];
		struct room room;
		int err;

		snprintf(text, sizeof(text), "volume = %s;", cases[i].text);
		err = fill(text, &room, mistakes, sizeof(mistakes));
		assert_int_equal(err, cases[i].octets < 0 ? -EINVAL : 0);
		if (!err)
			assert_int_equal(room.volume, cases[i].octets);
		schema_clear(room_keys, &room);
	}
}

static void mistakes_say_where_and_what(void **state)
{
	static const struct { const char *text, *mistake; } cases[] = {
		{ "lit = 1;", ":1: lit: must be true or false" },
		{ "\ncolour = \"blue\";", ":2: colour: \"blue\" is not one of \"red\", \"green\"" },
		{ "owner = 1;", ":1: owner: must be text of 0-15 characters" },
		{ "owner = \"0123456789abcdef\";", ":1: owner: has 16 characters, must be text of 0-15 characters" },
		{ "owner = \"a\\x01\";", ":1: owner: has a control character or a line break in it" },
		{ "owner = \"a\nb\";", ":1: owner: has a control character or a line break in it" },
		{ "address = \"192.0.2.256\";", ":1: address: \"192.0.2.256\" is no IP address" },
		{ "guests = [ \"::/0\",\n\"10.0.0.1/8\" ];",
		  ":2: guests[1]: \"10.0.0.1/8\" has bits set behind its length" },
		{ "guests = [ \"!\" ];", ":1: guests[0]: \"!\" is no prefix; write \"192.0.2.0/24\", or \"!192.0.2.7\" to deny" },
		{ "guests = [];", ":1: guests: has 0 elements, must be an array of 1-3 prefixes like [ \"192.0.2.0/24\" ]" },
		{ "guests = \"::/0\";", ":1: guests: must be an array of 1-3 prefixes like [ \"192.0.2.0/24\" ]" },
		{ "door = 1;", ":1: door: must be a group { ... }" },
		{ "\n\ndoor = { };", ":3: door.must: missing, must be a number 0-9" },
		{ "door = { must = 10; };", ":1: door.must: 10 is out of range, must be a number 0-9" },
		{ "door = { must = -4294967295; };", ":1: number is too large; write sizes like \"512M\"" },
		{ "door = { must = 0x100000001; };", ":1: number is too large; write sizes like \"512M\"" },
		{ "door = { must = 4294967297L; };",
		  ":1: door.must: 4294967297 is out of range, must be a number 0-9" },
		{ "door = { must = 1; cpus = [ 1024 ]; };",
		  ":1: door.cpus[0]: 1024 is out of range, must be a CPU number 0-1023" },
		{ "shelves = { };", ":1: shelves: must be a list of 1-2 groups ( { ... }, ... )" },
		{ "shelves = ( 1 );", ":1: shelves[0]: must be a group { ... }" },
		{ "shelves = (\n{ name = \"a\"; },\n{ name = \"b\"; height = 0; } );",
		  ":3: shelves[1].height: 0 is out of range, must be a number 1-300 cm" },
		{ "shelves = ( { title = \"a\"; name = \"b\"; } );",
		  ":1: shelves[0].title: unknown key, allowed here: name, height, books" },
		{ "lit = true;\nlit = true;", ":2: duplicate setting name: lit = true;" },
		{ "lit = ;", ":1: syntax error: lit = ;" },
		{ "lit = maybe;\nlit = 2;", ":1: syntax error: lit = maybe;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char mistakes[2048];
		struct room room;

		assert_int_equal(fill(cases[i].text, &room, mistakes, sizeof(mistakes)), -EINVAL);
		assert_string_equal(mistakes, cases[i].mistake);
		schema_clear(room_keys, &room);
	}
}

static void same_and_different(void **state)
{
	static const struct { const char *key, *a, *b; bool same; } cases[] = {
		{ "owner", "owner = \"a\";", "owner = \"a\";", true },
		{ "owner", "owner = \"a\";", "owner = \"b\";", false },
		{ "owner", "", "owner = \"me\";", true },
		{ "guests", "guests = [ \"::/0\" ];", "", true },
		{ "guests", "guests = [ \"!::/0\" ];", "", false },
		{ "guests", "guests = [ \"::/1\" ];", "", false },
		{ "door", "door = { must = 1; };", "door = { must = 2; };", false },
		{ "door", "door = { must = 1; cpus = [ 1, 2 ]; };", "door = { must = 1; cpus = [ 1, 2 ]; };", true },
		{ "door", "door = { must = 1; cpus = [ 1, 2 ]; };", "door = { must = 1; cpus = [ 1 ]; };", false },
		{ "door", "door = { must = 1; cpus = [ 1, 2 ]; };", "door = { must = 1; cpus = [ 1, 3 ]; };", false },
		{ "shelves", "shelves = ( { name = \"a\"; } );", "shelves = ( { name = \"a\"; height = 30; } );",
		  true },
		{ "shelves", "shelves = ( { name = \"a\"; } );", "shelves = ( { name = \"b\"; } );", false },
		{ "shelves", "shelves = ( { name = \"a\"; books = [ \"x\" ]; } );",
		  "shelves = ( { name = \"a\"; books = [ \"y\" ]; } );", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256], mistakes[2048];
		struct room a, b;

		snprintf(text, sizeof(text), "#\n%s", cases[i].a);
		assert_int_equal(fill(text, &a, mistakes, sizeof(mistakes)), 0);
		snprintf(text, sizeof(text), "#\n%s", cases[i].b);
		assert_int_equal(fill(text, &b, mistakes, sizeof(mistakes)), 0);
		assert_int_equal(schema_same(schema_find(room_keys, cases[i].key), &a, &b), cases[i].same);
		schema_clear(room_keys, &a);
		schema_clear(room_keys, &b);
	}
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("every key of the table has help, a range and room for its values", table_is_sound),
		CASE("the reference names keys, ranges, defaults and restarts", prints_every_key),
		CASE("absent keys get their defaults", defaults_are_stored),
		CASE("values of every type are stored", values_are_stored),
		CASE("sizes as numbers and as texts; nonsense is refused", sizes),
		CASE("a mistake is told with file, line, key and what is allowed", mistakes_say_where_and_what),
		CASE("two structs are compared key by key", same_and_different),
	};

	return RUN(cases);
}
