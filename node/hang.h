/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hang.h - is a worker late because it hangs, or because it gets no CPU? A hung one is this box's fault; a starved
 * one would be starved on the way to anything better, too. Control thread.
 */
#ifndef NODE_HANG_H
#define NODE_HANG_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { HANG_TICK_MS = 10 };

enum hang_verdict {
	HANG_MOVING,		/* idle with nothing to do, or finished a batch since the last tick */
	HANG_LATE,		/* no batch finished, not long enough to say more */
	HANG_STARVED,		/* could run, is not let */
	HANG_HUNG,		/* cannot run, or runs and comes to no end */
};

/* One worker; zero-initialised. */
struct hang_watch {
	uint64_t progress;	/* at the last tick */
	uint64_t late_ns;	/* since the first tick without progress, over ticks that were on time */
	uint64_t cpu_ns;	/* thread's CPU clock at the last tick */
	uint64_t busy_ns;	/* CPU time it had within late_ns */
	char state;		/* of the thread when last judged HUNG or STARVED */
	bool late;		/* no progress at the last tick: cpu_ns is valid */
};

struct hang_subject {
	pthread_t thread;
	int tid;
	uint64_t progress;
	bool idle;		/* asleep, and nothing waits for it */
};

/* One tick, elapsed_ns after the last. A tick that is itself late says nothing about anybody else: it counts
 * neither lateness nor CPU time. */
enum hang_verdict hang_tick(struct hang_watch *watch, const struct hang_subject *subject,
			    uint64_t elapsed_ns, uint64_t hang_ns);

/* Was a tick on time, so that its verdicts count? */
bool hang_tick_on_time(uint64_t elapsed_ns);

#endif
