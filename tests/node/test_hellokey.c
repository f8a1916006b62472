/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_hellokey.c - the file of the secret: made, read, and refused when others could have it.
 */
#include "tests/tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/hellokey.h"

static char directory[] = "/tmp/test_hellokey.XXXXXX", path[64], error[512];
static uint8_t key[HELLO_KEY], again[HELLO_KEY];

static void write_file(const char *text, mode_t mode)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
	assert_int_equal(chmod(path, mode), 0);
}

static int read_it(uint8_t *out)
{
	error[0] = '\0';
	return hellokey_read(path, out, error, sizeof(error));
}

static void made_and_read(void **state)
{
	struct stat st;

	(void)state;
	unlink(path);
	assert_int_equal(hellokey_make(path, error, sizeof(error)), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(read_it(key), 0);
	assert_int_equal(read_it(again), 0);
	assert_memory_equal(key, again, sizeof(key));
	assert_int_equal(hellokey_make(path, error, sizeof(error)), -EEXIST);
	assert_int_equal(read_it(again), 0);
	assert_memory_equal(key, again, sizeof(key));
	unlink(path);
	assert_int_equal(hellokey_make(path, error, sizeof(error)), 0);
	assert_int_equal(read_it(again), 0);
	assert_memory_not_equal(key, again, sizeof(key));
}

#define DIGITS "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void modes(void **state)
{
	static const struct { mode_t mode; int err; } cases[] = {
		{ 0600, 0 }, { 0400, 0 }, { 0640, 0 }, { 0440, 0 },
		{ 0604, -EPERM }, { 0602, -EPERM }, { 0660, -EPERM }, { 0644, -EPERM }, { 0777, -EPERM },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_file(DIGITS "\n", cases[i].mode);
		assert_int_equal(read_it(key), cases[i].err);
		if (cases[i].err)
			assert_non_null(strstr(error, "chmod 600"));
	}
	if (geteuid() == 0) {
		write_file(DIGITS "\n", 0600);
		assert_int_equal(chown(path, 12345, 0), 0);
		assert_int_equal(read_it(key), -EPERM);
		assert_non_null(strstr(error, "12345"));
		assert_int_equal(chown(path, 0, 0), 0);
	}
}

static void contents(void **state)
{
	static const struct { const char *text; int err; } cases[] = {
		{ DIGITS, 0 }, { DIGITS "\n", 0 }, { DIGITS " \r\n", 0 },
		{ "", -EINVAL }, { "00\n", -EINVAL }, { DIGITS "0\n", -EINVAL }, { DIGITS "\n" DIGITS "\n", -EINVAL },
		{ " " DIGITS "\n", -EINVAL },
		{ "x00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_file(cases[i].text, 0600);
		assert_int_equal(read_it(key), cases[i].err);
	}
	assert_int_equal(key[1], 1);
	unlink(path);
	assert_int_equal(read_it(key), -ENOENT);
	assert_non_null(strstr(error, "--make-key"));
	assert_int_equal(hellokey_read(directory, key, error, sizeof(error)), -EINVAL);
}

static const struct CMUnitTest cases[] = {
	CASE("a secret is made once, for its owner only, and another each time", made_and_read),
	CASE("a file that others could read or change is refused", modes),
	CASE("64 hexadecimal digits and nothing else", contents),
};

int main(void)
{
	if (hello_box_ready() || !mkdtemp(directory))
		return 1;
	snprintf(path, sizeof(path), "%s/key", directory);
	int failed = RUN(cases);

	unlink(path);
	rmdir(directory);
	return failed;
}
