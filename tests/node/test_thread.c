/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_thread.c - state and CPU time of real threads.
 */
#include "tests/tap.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/clock.h"
#include "node/thread.h"

struct worker {
	pthread_t thread;
	_Atomic int tid;
	_Atomic bool end;
	int pipe[2];
};

static void *spin(void *context)
{
	struct worker *w = context;

	w->tid = gettid();
	while (!w->end)
		;
	return NULL;
}

/* A name that would mislead a careless reader of /proc. */
static void *block(void *context)
{
	struct worker *w = context;
	char octet;

	pthread_setname_np(pthread_self(), "x) R (y");
	w->tid = gettid();
	return read(w->pipe[0], &octet, 1) == 1 ? NULL : context;
}

static void await(const struct worker *w, char wanted)
{
	uint64_t deadline_ns = clock_mono_ns() + 5ull * CLOCK_NS_PER_S;

	while ((!w->tid || thread_state(w->tid) != wanted) && clock_mono_ns() < deadline_ns)
		usleep(1000);
	assert_int_equal(thread_state(w->tid), wanted);
}

static void test_running(void **unused)
{
	struct worker w = { 0 };
	uint64_t before;

	(void)unused;
	assert_int_equal(pthread_create(&w.thread, NULL, spin, &w), 0);
	await(&w, 'R');
	before = thread_cpu_ns(w.thread);
	usleep(30000);
	assert_true(thread_cpu_ns(w.thread) > before);
	w.end = true;
	pthread_join(w.thread, NULL);
}

static void test_blocked(void **unused)
{
	struct worker w = { 0 };
	uint64_t before;

	(void)unused;
	assert_int_equal(pipe(w.pipe), 0);
	assert_int_equal(pthread_create(&w.thread, NULL, block, &w), 0);
	await(&w, 'S');
	before = thread_cpu_ns(w.thread);
	usleep(30000);
	assert_int_equal(thread_cpu_ns(w.thread), before);
	assert_int_equal(write(w.pipe[1], "", 1), 1);
	pthread_join(w.thread, NULL);
	assert_int_equal(thread_state(w.tid), '?');
	close(w.pipe[0]);
	close(w.pipe[1]);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("a running thread: R, and its CPU clock runs", test_running),
		CASE("a blocked thread: S, its CPU clock stands; a gone one: ?", test_blocked),
	};

	return RUN(cases);
}
