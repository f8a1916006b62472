/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * realtime.c - priority, its bound, memory. Contract in realtime.h.
 */
#include "vrrp/realtime.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/log.h"

enum {
	NICE_INSTEAD = -15,
	STACK_TOUCHED = 64 * 1024,
	PAGE = 4096,
	US_PER_MS = 1000,
};

static rlim_t smaller(rlim_t a, rlim_t b)
{
	return a < b ? a : b;	/* RLIM_INFINITY is the greatest */
}

/* The limit is of the process and counts for each of its real-time threads, of which this is the only one: unless all
 * were started so, and then a busy worker would be taken for a runaway. */
static void bound_cpu_time(bool others_are_realtime)
{
	struct rlimit limit;

	if (others_are_realtime) {
		log_warning("vrrp: the whole process has real-time priority: a thread that loops is not ended");
		return;
	}
	if (getrlimit(RLIMIT_RTTIME, &limit))
		return;
	limit.rlim_max = smaller(limit.rlim_max, VRRP_RUNAWAY_END_MS * US_PER_MS);
	limit.rlim_cur = smaller(limit.rlim_cur, smaller(limit.rlim_max, VRRP_RUNAWAY_MS * US_PER_MS));
	if (setrlimit(RLIMIT_RTTIME, &limit))
		log_warning("vrrp: no limit for a thread that loops: %s", strerror(errno));
}

bool vrrp_become_realtime(void)
{
	struct sched_param param = { .sched_priority = VRRP_REALTIME_PRIORITY };
	int before = sched_getscheduler(0);

	if (sched_setscheduler(0, SCHED_FIFO, &param) == 0) {
		bound_cpu_time(before == SCHED_FIFO || before == SCHED_RR);
		return true;
	}
	log_warning("vrrp: no real-time priority: %s", strerror(errno));
	if (setpriority(PRIO_PROCESS, 0, NICE_INSTEAD) < 0)
		log_warning("vrrp: nor nice %d: %s; expect late advertisements under load", NICE_INSTEAD,
			    strerror(errno));
	return false;
}

/* A page fault in the middle of a takeover might wait for memory. */
static __attribute__((noinline)) void touch_stack(void)
{
	volatile char room[STACK_TOUCHED];

	for (size_t i = 0; i < sizeof(room); i += PAGE)
		room[i] = 0;
}

/* What there is, as it comes into use: the cache and the rings are gigabytes. Later mappings are none of this
 * thread's, and locking them too would fail them for threads without the privilege. */
bool vrrp_lock_memory(void)
{
	bool locked = mlockall(MCL_CURRENT | MCL_ONFAULT) == 0;

	if (!locked)
		log_warning("vrrp: cannot lock memory: %s", strerror(errno));
	touch_stack();
	return locked;
}
