/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/tap.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static FILE *drained(void)
{
	FILE *file = tmpfile();

	log_drain(fileno(file));
	rewind(file);
	return file;
}

static void writes_level_and_text(void **state)
{
	char line[600];
	FILE *file;

	(void)state;
	unsetenv("JOURNAL_STREAM");
	log_warning("server %s is %d ms late", "rec1", 40);
	log_debug("not at this level");
	file = drained();
	assert_non_null(fgets(line, sizeof(line), file));
	assert_non_null(strstr(line, "Z warning: server rec1 is 40 ms late\n"));
	assert_null(fgets(line, sizeof(line), file));
	fclose(file);
}

static void full_ring_loses_and_counts(void **state)
{
	uint64_t before = log_lost();
	char line[600];
	FILE *file;
	int lines = 0;

	(void)state;
	for (int i = 0; i < 5000; i++)
		log_info("line %d", i);
	file = drained();
	while (fgets(line, sizeof(line), file))
		lines++;
	assert_int_equal(lines + (int)(log_lost() - before), 5000);
	assert_true(lines >= 512);
	fclose(file);
}

static void *writes_many(void *name)
{
	for (int i = 0; i < 300; i++)
		log_info("%s %d", (const char *)name, i);
	return NULL;
}

static void writers_do_not_mix(void **state)
{
	pthread_t a, b;
	char line[600];
	FILE *file;
	int next[2] = { 0, 0 }, which, number;

	(void)state;
	pthread_create(&a, NULL, writes_many, "0");
	pthread_create(&b, NULL, writes_many, "1");
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	file = drained();
	while (fgets(line, sizeof(line), file)) {
		assert_int_equal(sscanf(strstr(line, "info: "), "info: %d %d", &which, &number), 2);
		assert_int_equal(number, next[which]++);
	}
	assert_int_equal(next[0] + next[1], 600);
	fclose(file);
}

static void empty(int fd)
{
	char octets[65536];

	while (read(fd, octets, sizeof(octets)) > 0)
		;
}

/* A pipe that nobody reads; then somebody does. */
static void full_pipe_does_not_block(void **state)
{
	char octets[4096] = { 0 }, path[64];
	uint64_t before;
	int ends[2], filler;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[1]);
	filler = open(path, O_WRONLY | O_NONBLOCK);	/* with flags of its own: ends[1] blocks */
	assert_true(filler >= 0);
	while (write(filler, octets, sizeof(octets)) > 0)
		;
	before = log_lost();
	alarm(10);
	log_info("kept");
	assert_int_equal(log_drain(ends[1]), 0);
	assert_int_equal(log_finish(ends[1]), 0);
	assert_int_equal(log_lost(), before);
	for (int i = 0; i < 2000; i++)
		log_info("line %d", i);
	assert_int_equal(log_drain(ends[1]), 0);
	assert_true(log_lost() > before);
	empty(ends[0]);
	assert_true(log_drain(ends[1]) > 0);
	n = read(ends[0], octets, sizeof(octets) - 1);
	assert_true(n > 0);
	octets[n] = '\0';
	assert_non_null(strstr(octets, "info: kept\n"));
	do
		empty(ends[0]);
	while (log_drain(ends[1]));
	alarm(0);
	close(filler);
	close(ends[0]);
	close(ends[1]);
}

static void limit_holds_back(void **state)
{
	struct log_limit limit = { 0 };
	uint32_t held = 7;

	(void)state;
	assert_true(log_limit_pass(&limit, 1000, 100, &held));
	assert_int_equal(held, 0);
	assert_false(log_limit_pass(&limit, 1050, 100, &held));
	assert_false(log_limit_pass(&limit, 1099, 100, &held));
	assert_true(log_limit_pass(&limit, 1100, 100, &held));
	assert_int_equal(held, 2);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("a line has time, level and text; lower levels are left out", writes_level_and_text),
		CASE("a full ring loses lines and counts them", full_ring_loses_and_counts),
		CASE("V170 a full pipe keeps nobody waiting, and loses no line that the ring has room for",
		     full_pipe_does_not_block),
		CASE("two writers' lines stay whole and in order", writers_do_not_mix),
		CASE("a limit passes one line an interval and counts the rest", limit_holds_back),
	};

	return RUN(cases);
}
