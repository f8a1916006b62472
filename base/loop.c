/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop.c - epoll and a pairing heap of embedded timers. Contract in loop.h.
 *
 * A removed fd may still stand in the list of events of the turn under way: loop_fd_remove() blanks it there, so
 * a callback may remove (and free) any other.
 */
#include "base/loop.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

int loop_init(struct loop *loop)
{
	struct epoll_event event = { .events = EPOLLIN };
	int err;

	memset(loop, 0, sizeof(*loop));
	loop->now_ns = clock_mono_ns();
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	loop->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->stop_fd < 0) {
		err = -errno;
		goto err_close_epoll;
	}
	/* data.ptr NULL marks the stop descriptor and blanked events: nothing is called */
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->stop_fd, &event) < 0) {
		err = -errno;
		goto err_close_stop;
	}
	return 0;

err_close_stop:
	close(loop->stop_fd);
err_close_epoll:
	close(loop->epoll_fd);
	return err;
}

void loop_fini(struct loop *loop)
{
	close(loop->stop_fd);
	close(loop->epoll_fd);
	loop->stop_fd = loop->epoll_fd = -1;
}

int loop_fd_add(struct loop *loop, struct loop_fd *fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = fd };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd->fd, &event) < 0)
		return -errno;
	fd->added = true;
	return 0;
}

int loop_fd_modify(struct loop *loop, struct loop_fd *fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = fd };

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd->fd, &event) < 0 ? -errno : 0;
}

void loop_fd_remove(struct loop *loop, struct loop_fd *fd)
{
	if (!fd->added)
		return;
	fd->added = false;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd->fd, NULL);
	for (int i = 0; i < loop->ready_count; i++) {
		if (loop->ready[i].data.ptr == fd)
			loop->ready[i].data.ptr = NULL;
	}
}

/* ---- pairing heap: child = first child, next = sibling, prev = left sibling or parent ---- */

static struct loop_timer *merge(struct loop_timer *a, struct loop_timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->due_ns < a->due_ns) {
		struct loop_timer *t = a;

		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	a->child = b;
	a->next = a->prev = NULL;
	return a;
}

static struct loop_timer *merge_siblings(struct loop_timer *first)
{
	struct loop_timer *pairs = NULL, *root = NULL;

	while (first) {
		struct loop_timer *a = first, *b = a->next, *merged;

		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		merged = merge(a, b);
		merged->next = pairs;	/* a list of its own until the second pass */
		pairs = merged;
	}
	while (pairs) {
		struct loop_timer *next = pairs->next;

		pairs->next = NULL;
		root = merge(root, pairs);
		pairs = next;
	}
	return root;
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer *rest;

	if (!timer->running)
		return;
	timer->running = false;
	rest = merge_siblings(timer->child);
	if (timer == loop->timers) {
		loop->timers = rest;
	} else {
		if (timer->prev->child == timer)
			timer->prev->child = timer->next;
		else
			timer->prev->next = timer->next;
		if (timer->next)
			timer->next->prev = timer->prev;
		loop->timers = merge(loop->timers, rest);
	}
	timer->child = timer->next = timer->prev = NULL;
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t due_ns)
{
	loop_timer_stop(loop, timer);
	timer->due_ns = due_ns;
	timer->child = timer->next = timer->prev = NULL;
	timer->running = true;
	loop->timers = merge(loop->timers, timer);
}

/* Nanoseconds until the wait must end; -1 = no end. */
static int64_t wait_ns(const struct loop *loop, int max_wait_ms)
{
	int64_t wait = max_wait_ms < 0 ? -1 : (int64_t)max_wait_ms * CLOCK_NS_PER_MS;
	uint64_t now;

	if (!loop->timers)
		return wait;
	now = clock_mono_ns();
	if (loop->timers->due_ns <= now)
		return 0;
	if (wait < 0 || (uint64_t)wait > loop->timers->due_ns - now)
		wait = (int64_t)(loop->timers->due_ns - now);
	return wait;
}

int loop_wait(struct loop *loop, int max_wait_ms)
{
	int64_t wait = wait_ns(loop, max_wait_ms);
	struct timespec limit = { wait / CLOCK_NS_PER_S, wait % CLOCK_NS_PER_S };
	int n = epoll_pwait2(loop->epoll_fd, loop->ready, LOOP_EVENTS_MAX, wait < 0 ? NULL : &limit, NULL);

	loop->ready_count = n < 0 ? 0 : n;
	loop->now_ns = clock_mono_ns();
	return n < 0 && errno != EINTR ? -errno : 0;
}

void loop_dispatch(struct loop *loop)
{
	for (int i = 0; i < loop->ready_count; i++) {
		struct loop_fd *fd = loop->ready[i].data.ptr;

		if (fd)
			fd->on_ready(fd, loop->ready[i].events);
	}
	loop->ready_count = 0;
	while (loop->timers && loop->timers->due_ns <= loop->now_ns) {
		struct loop_timer *timer = loop->timers;

		loop_timer_stop(loop, timer);
		timer->on_due(timer, loop->now_ns);
	}
}

int loop_turn(struct loop *loop, int max_wait_ms)
{
	int err = loop_wait(loop, max_wait_ms);

	if (!err)
		loop_dispatch(loop);
	return err;
}

int loop_run(struct loop *loop)
{
	while (!atomic_load_explicit(&loop->stopping, memory_order_acquire)) {
		int err = loop_turn(loop, -1);

		if (err)
			return err;
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	uint64_t one = 1;

	atomic_store_explicit(&loop->stopping, true, memory_order_release);
	if (write(loop->stop_fd, &one, sizeof(one)) < 0)
		return;		/* full means it is readable already */
}
