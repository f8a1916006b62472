/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hang.c - hung is not starved. Contract in hang.h.
 */
#include "node/hang.h"

#include "base/clock.h"
#include "node/thread.h"

bool hang_tick_on_time(uint64_t elapsed_ns)
{
	return elapsed_ns <= HANG_TICK_MS * 3ull / 2 * CLOCK_NS_PER_MS;
}

/* Long enough late to be judged: by what the thread did with the time. */
static enum hang_verdict judge(struct hang_watch *watch, int tid, uint64_t hang_ns)
{
	watch->state = thread_state(tid);
	if (watch->state != 'R')
		return HANG_HUNG;
	/* Runnable. CPU time worth the whole limit, given in one piece or several, and still no batch finished. */
	return watch->busy_ns >= hang_ns - hang_ns / 8 ? HANG_HUNG : HANG_STARVED;
}

enum hang_verdict hang_tick(struct hang_watch *watch, const struct hang_subject *subject,
			    uint64_t elapsed_ns, uint64_t hang_ns)
{
	if (subject->idle || subject->progress != watch->progress) {
		*watch = (struct hang_watch){ .progress = subject->progress };
		return HANG_MOVING;
	}

	uint64_t cpu_ns = thread_cpu_ns(subject->thread);

	if (watch->late && hang_tick_on_time(elapsed_ns)) {
		watch->late_ns += elapsed_ns;
		watch->busy_ns += cpu_ns - watch->cpu_ns;
	}
	watch->cpu_ns = cpu_ns;
	watch->late = true;
	return watch->late_ns < hang_ns ? HANG_LATE : judge(watch, subject->tid, hang_ns);
}
