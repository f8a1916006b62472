/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/tap.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"

enum { TIMERS = 500 };

struct item {
	struct loop_timer timer;
	uint64_t fired;
};

static uint64_t fired;

static void note(struct loop_timer *timer, uint64_t now_ns)
{
	(void)now_ns;
	((struct item *)timer)->fired = ++fired;
}

static void timers_fire_in_order(void **state)
{
	static struct item items[TIMERS];
	uint64_t base = clock_mono_ns();
	struct loop loop;

	(void)state;
	assert_int_equal(loop_init(&loop), 0);
	srandom(7);
	fired = 0;
	for (int i = 0; i < TIMERS; i++) {
		items[i].timer.on_due = note;
		loop_timer_start(&loop, &items[i].timer, base - (uint64_t)(random() % 1000000));
	}
	for (int i = 0; i < TIMERS; i += 3)	/* moved, some of them twice */
		loop_timer_start(&loop, &items[i].timer, base - (uint64_t)(random() % 1000000));
	for (int i = 1; i < TIMERS; i += 5)
		loop_timer_stop(&loop, &items[i].timer);
	assert_int_equal(loop_turn(&loop, 0), 0);
	for (int i = 0; i < TIMERS; i++) {
		assert_int_equal(items[i].fired == 0, i % 5 == 1);
		for (int k = 0; k < TIMERS; k++) {
			if (items[i].fired && items[k].fired &&
			    items[i].timer.due_ns < items[k].timer.due_ns)
				assert_true(items[i].fired < items[k].fired);
		}
	}
	assert_null(loop.timers);
	loop_fini(&loop);
}

static void wait_is_not_early(void **state)
{
	struct item item = { .timer.on_due = note };
	uint64_t begin = clock_mono_ns();
	struct loop loop;

	(void)state;
	loop_init(&loop);
	loop_timer_start(&loop, &item.timer, begin + 20 * CLOCK_NS_PER_MS);
	while (!item.fired)
		assert_int_equal(loop_turn(&loop, -1), 0);
	assert_true(clock_mono_ns() - begin >= 20 * CLOCK_NS_PER_MS);
	loop_fini(&loop);
}

struct pair {
	struct loop_fd fd;
	struct loop *loop;
	struct pair *other;
	int calls;
};

static void remove_other(struct loop_fd *self, uint32_t events)
{
	struct pair *pair = (struct pair *)self;

	assert_true(events & EPOLLIN);
	pair->calls++;
	loop_fd_remove(pair->loop, &pair->other->fd);
}

static void removed_is_not_called(void **state)
{
	struct pair a = { 0 }, b = { 0 };
	int pa[2], pb[2];
	struct loop loop;

	(void)state;
	loop_init(&loop);
	assert_int_equal(pipe(pa) | pipe(pb), 0);
	a = (struct pair){ { .fd = pa[0], .on_ready = remove_other }, &loop, &b, 0 };
	b = (struct pair){ { .fd = pb[0], .on_ready = remove_other }, &loop, &a, 0 };
	assert_int_equal(loop_fd_add(&loop, &a.fd, EPOLLIN), 0);
	assert_int_equal(loop_fd_add(&loop, &b.fd, EPOLLIN), 0);
	assert_int_equal(write(pa[1], "x", 1) + write(pb[1], "x", 1), 2);
	assert_int_equal(loop_turn(&loop, 1000), 0);
	assert_int_equal(a.calls + b.calls, 1);
	for (int i = 0; i < 2; i++) {
		close(pa[i]);
		close(pb[i]);
	}
	loop_fini(&loop);
}

static void *stop_it(void *loop)
{
	loop_stop(loop);
	return NULL;
}

static void stops_from_another_thread(void **state)
{
	pthread_t thread;
	struct loop loop;

	(void)state;
	loop_init(&loop);
	pthread_create(&thread, NULL, stop_it, &loop);
	assert_int_equal(loop_run(&loop), 0);
	pthread_join(thread, NULL);
	loop_fini(&loop);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("timers fire in order of their time, moved and stopped ones too", timers_fire_in_order),
		CASE("a wait ends at the timer and not before", wait_is_not_early),
		CASE("a descriptor removed by another's callback is not called", removed_is_not_called),
		CASE("loop_stop() from another thread ends the loop", stops_from_another_thread),
	};

	return RUN(cases);
}
