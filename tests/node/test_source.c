/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_source.c - a configuration's text: includes, places, and files that are none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "node/source.h"
#include "tests/tap.h"

static char dir[] = "/tmp/test_source.XXXXXX";

static void write_file(const char *name, const char *text, size_t len)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	out = fopen(path, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, len, out), len);
	fclose(out);
}

static int set_up(void **state)
{
	char path[256];

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/sub", dir);
	return mkdir(path, 0700);
}

static int tear_down(void **state)
{
	static const char *const names[] = { "a", "b", "sub/c", "sub/d", "fifo", "sub", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[256];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		remove(path);
	}
	return 0;
}

/* Reads file a; compares the error without the directory. */
static struct source *read_a(const char *text, size_t len, int expected, const char *error)
{
	char path[256], got[1024] = "", *cut;
	struct source *source = NULL;

	write_file("a", text, len);
	snprintf(path, sizeof(path), "%s/a", dir);
	assert_int_equal(source_read(path, &source, got, sizeof(got)), expected);
	while ((cut = strstr(got, dir)))
		memmove(cut, cut + strlen(dir) + 1, strlen(cut + strlen(dir) + 1) + 1);
	assert_string_equal(got, error);
	return source;
}

static void includes_are_relative(void **state)
{
	static const struct { unsigned line; const char *file; unsigned at; } places[] = {
		{ 0, "a", 1 }, { 1, "a", 1 }, { 2, "sub/c", 1 }, { 3, "sub/d", 1 }, { 4, "sub/d", 2 },
		{ 5, "sub/c", 3 }, { 6, "a", 3 }, { 99, "a", 3 },
	};
	struct source *source;

	(void)state;
	write_file("sub/c", "c1\n@include \"d\"\nc3", 18);
	write_file("sub/d", "d1\nd2\n", 6);
	source = read_a("a1\n\t@include \"sub/c\" \r\na3\n", 25, 0, "");
	assert_string_equal(source_text(source), "a1\nc1\nd1\nd2\nc3\na3\n");
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct source_place place = source_locate(source, places[i].line);

		assert_string_equal(place.file + strlen(dir) + 1, places[i].file);
		assert_int_equal(place.line, places[i].at);
	}
	source_free(source);
}

static void directives_inside_text_and_comments(void **state)
{
	static const char text[] = "/* x\n@include \"none\"\n*/ a = \"y\n@include \\\" \\\n@include \"; # /* \"\n"
				   "// /* \"\nb = 99999; c = \"99999999999\"; /* 99999999999 */ # 99999999999\n"
				   "d_99999999999 = 1.99999999999; /* */ /**/\n";
	struct source *source = read_a(text, strlen(text), 0, "");

	(void)state;
	assert_string_equal(source_text(source), text);
	source_free(source);
}

static void bad_texts(void **state)
{
	static const struct { const char *text; size_t len; int err; const char *error; } cases[] = {
		{ "", 0, -EINVAL, "a:1: the file is empty" },
		{ "a\n@include \"none\"\n", 18, -ENOENT, "a:2: @include: none: No such file or directory" },
		{ "@include \"sub\"", 14, -EISDIR, "a:1: @include: sub: Is a directory" },
		{ "@include \"fifo\"", 15, -EINVAL, "a:1: @include: fifo: not a regular file" },
		{ "@include \"a\"", 12, -ELOOP, "a:1: @include: more than 10 files deep; does a file include itself?" },
		{ "@include sub", 12, -EINVAL, "a:1: must be @include \"file\", alone on its line" },
		{ "@include \"sub", 13, -EINVAL, "a:1: must be @include \"file\", alone on its line" },
		{ "@include \"\"", 11, -EINVAL, "a:1: must be @include \"file\", alone on its line" },
		{ "@include \"b\"; x", 15, -EINVAL, "a:1: must be @include \"file\", alone on its line" },
		{ "\n\na = \"b\nc\n", 11, -EINVAL, "a:3: text without its closing '\"'" },
		{ "\na /* b\nc\n", 10, -EINVAL, "a:2: comment without its closing \"*/\"" },
		{ "a = 1;\nb = 2147483648;", 22, -EINVAL, "a:2: number is too large; write sizes like \"512M\"" },
		{ "a\0b", 3, -EILSEQ, "a: not a text file" },
	};
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_null(read_a(cases[i].text, cases[i].len, cases[i].err, cases[i].error));
}

/* Every length of a file with everything in it: the scanner reads nothing behind the end. */
static void every_truncation(void **state)
{
	static const char text[] = "@include \"b\"\na = \"\\\"\"; /* * */ b = 0x12; # c\n// 12345678901L\n";

	(void)state;
	write_file("b", "b\n", 2);
	for (size_t len = 0; len <= strlen(text); len++) {
		char path[256], error[512];
		struct source *source = NULL;

		write_file("a", text, len);
		snprintf(path, sizeof(path), "%s/a", dir);
		if (source_read(path, &source, error, sizeof(error)))
			assert_true(error[0] != '\0');
		source_free(source);
	}
}

static void paths(void **state)
{
	static const struct { const char *file, *name, *path; } cases[] = {
		{ "/etc/tandem/tandem.conf", "a", "/etc/tandem/a" },
		{ "/etc/tandem/tandem.conf", "../a", "/etc/tandem/../a" },
		{ "/etc/tandem/tandem.conf", "/a", "/a" },
		{ "tandem.conf", "x/a", "x/a" },
		{ "/tandem.conf", "a", "/a" },
	};
	char path[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(source_resolve(cases[i].file, cases[i].name, path, sizeof(path)), 0);
		assert_string_equal(path, cases[i].path);
	}
	assert_int_equal(source_resolve("/etc/x", "abc", path, 8), -ENAMETOOLONG);
	assert_int_equal(source_resolve("/etc/x", "ab", path, 8), 0);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("includes are relative to the file that names them, and lines keep their places",
		     includes_are_relative),
		CASE("nothing inside texts and comments is taken for a directive or a number",
		     directives_inside_text_and_comments),
		CASE("broken files are refused with file and line; none hangs or ends the process", bad_texts),
		CASE("files cut off anywhere are read or refused", every_truncation),
		CASE("paths are resolved against the naming file's directory", paths),
	};

	return cmocka_run_group_tests(cases, set_up, tear_down);
}
