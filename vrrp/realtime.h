/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * realtime.h - the calling thread before all others, and what holds it if it goes wrong.
 *
 * A thread of this kind that loops without sleeping would have a processor for itself. Three things bound it: the
 * kernel leaves a share to the others (kernel.sched_rt_runtime_us); the lease runs out, as no advertisement extends it;
 * and after VRRP_RUNAWAY_MS of CPU time without a sleep the thread gets SIGXCPU, which is fatal: the guard's handler
 * says the last words, and whoever supervises the process starts it anew. Should the handler hang too, SIGKILL follows.
 */
#ifndef VRRP_REALTIME_H
#define VRRP_REALTIME_H

#include <stdbool.h>

enum {
	VRRP_REALTIME_PRIORITY = 50,	/* below the guard's 60, above a NAPI thread's 20 */
	VRRP_RUNAWAY_MS = 500,
	VRRP_RUNAWAY_END_MS = 1000,
};

/* SCHED_FIFO for the calling thread, with the bound above; else nice -15 and a warning. Says whether it is
 * real-time. */
bool vrrp_become_realtime(void);

/* Locks the process's memory as it comes into use, and has the calling thread's stack in memory. Says whether. */
bool vrrp_lock_memory(void);

#endif
