/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_hang.c - hung or starved: threads in given states, tick by tick, and one real thread.
 */
#include "tests/tap.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"
#include "node/hang.h"
#include "node/thread.h"

static char state;
static uint64_t cpu_ns;

char thread_state(int tid)
{
	(void)tid;
	return state;
}

uint64_t thread_cpu_ns(pthread_t thread)
{
	(void)thread;
	return cpu_ns;
}

enum { HANG_NS = 50 * CLOCK_NS_PER_MS, TICK_NS = HANG_TICK_MS * CLOCK_NS_PER_MS };

/* Ticks without progress; cpu_ms of CPU time in each; the verdict of the last. */
static enum hang_verdict stand_still(struct hang_watch *watch, unsigned ticks, unsigned cpu_ms,
				     uint64_t elapsed_ns)
{
	struct hang_subject subject = { .progress = 7 };
	enum hang_verdict verdict = HANG_MOVING;

	for (unsigned i = 0; i < ticks; i++) {
		cpu_ns += cpu_ms * CLOCK_NS_PER_MS;
		verdict = hang_tick(watch, &subject, elapsed_ns, HANG_NS);
	}
	return verdict;
}

struct story {
	const char *what;
	char state;
	unsigned ticks, cpu_ms;
	enum hang_verdict verdict;
};

/* The first tick only learns the progress, the second begins to count. */
static const struct story stories[] = {
	{ "not yet long enough", 'S', 6, 0, HANG_LATE },
	{ "asleep in the middle of a batch", 'S', 7, 0, HANG_HUNG },
	{ "waits for a disk", 'D', 7, 0, HANG_HUNG },
	{ "stopped by a debugger", 't', 7, 0, HANG_HUNG },
	{ "gone", '?', 7, 0, HANG_HUNG },
	{ "runs all the time and comes to no end", 'R', 7, 10, HANG_HUNG },
	{ "runnable, no CPU", 'R', 7, 0, HANG_STARVED },
	{ "runnable, half of a CPU, so far", 'R', 7, 5, HANG_STARVED },
	{ "half of a CPU, for twice the time", 'R', 12, 5, HANG_HUNG },
};

static void test_stories(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		struct hang_watch watch = { 0 };

		state = stories[i].state;
		print_message("# %s\n", stories[i].what);
		assert_int_equal(stand_still(&watch, stories[i].ticks, stories[i].cpu_ms, TICK_NS),
				 stories[i].verdict);
	}
}

static void test_progress_forgives(void **unused)
{
	struct hang_watch watch = { 0 };
	struct hang_subject subject = { .progress = 8 };

	(void)unused;
	state = 'S';
	assert_int_equal(stand_still(&watch, 20, 0, TICK_NS), HANG_HUNG);
	assert_int_equal(hang_tick(&watch, &subject, TICK_NS, HANG_NS), HANG_MOVING);
	assert_int_equal(hang_tick(&watch, &subject, TICK_NS, HANG_NS), HANG_LATE);
}

static void test_idle_is_fine(void **unused)
{
	struct hang_watch watch = { 0 };
	struct hang_subject subject = { .progress = 7, .idle = true };

	(void)unused;
	state = 'S';
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(hang_tick(&watch, &subject, TICK_NS, HANG_NS), HANG_MOVING);
}

static void test_late_ticks_say_nothing(void **unused)
{
	struct hang_watch watch = { 0 };

	(void)unused;
	state = 'S';
	assert_int_equal(stand_still(&watch, 50, 0, 10 * TICK_NS), HANG_LATE);
	/* and CPU time had in between is not held against the thread */
	state = 'R';
	watch = (struct hang_watch){ 0 };
	stand_still(&watch, 50, 100, 10 * TICK_NS);
	assert_int_equal(stand_still(&watch, 5, 0, TICK_NS), HANG_STARVED);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("hung, starved or only late, by thread state and CPU time", test_stories),
		CASE("a finished batch ends the lateness", test_progress_forgives),
		CASE("a worker that has nothing to do is never late", test_idle_is_fine),
		CASE("a check that is late itself judges nobody", test_late_ticks_say_nothing),
	};

	return RUN(cases);
}
