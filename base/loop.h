/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop.h - one epoll set and its timers; every thread that waits has one of its own.
 * Nothing here is shared between threads but loop_stop(). Structs are embedded in their owner and
 * nothing allocates after loop_init().
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

enum { LOOP_EVENTS_MAX = 64 };		/* handled in one turn */

struct loop;
struct loop_fd;
struct loop_timer;

struct loop_fd {
	int fd;
	void (*on_ready)(struct loop_fd *self, uint32_t events);	/* EPOLLIN | EPOLLOUT | ... */
	bool added;
};

struct loop_timer {
	uint64_t due_ns;						/* CLOCK_MONOTONIC */
	void (*on_due)(struct loop_timer *self, uint64_t now_ns);	/* already stopped when called */
	struct loop_timer *child, *next, *prev;				/* pairing heap; loop.c's own */
	bool running;
};

struct loop {
	int epoll_fd;
	int stop_fd;			/* eventfd, so that loop_stop() wakes the wait */
	struct loop_timer *timers;	/* earliest first */
	uint64_t now_ns;		/* read once per turn */
	_Atomic bool stopping;
	struct epoll_event ready[LOOP_EVENTS_MAX];	/* events of the turn under way; loop.c's own */
	int ready_count;
};

/* 0 or -errno. */
int loop_init(struct loop *loop);
void loop_fini(struct loop *loop);

/* 0 or -errno. Level-triggered. loop_fd_remove() is allowed inside any callback; the removed one is
 * not called again, also when its event is already in the turn's list. Closing the fd is the owner's. */
int loop_fd_add(struct loop *loop, struct loop_fd *fd, uint32_t events);
int loop_fd_modify(struct loop *loop, struct loop_fd *fd, uint32_t events);
void loop_fd_remove(struct loop *loop, struct loop_fd *fd);

/* Starts or moves a timer. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t due_ns);
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

/* Waits at most max_wait_ms (-1: until something happens), runs what is ready, then due timers.
 * Returns 0, or -errno if the wait itself failed (not EINTR). */
int loop_turn(struct loop *loop, int max_wait_ms);

/* The two halves of a turn, for a thread that has something to do between waking up and handling what it woke up
 * for; removing an fd there is allowed. */
int loop_wait(struct loop *loop, int max_wait_ms);
void loop_dispatch(struct loop *loop);

/* Turns until loop_stop(). */
int loop_run(struct loop *loop);

/* Any thread, and signal handlers. */
void loop_stop(struct loop *loop);

#endif
