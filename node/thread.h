/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.h - what the kernel says of one of our threads. An edge of its own, so that tests can put
 * threads into states at will. Any thread may ask.
 */
#ifndef NODE_THREAD_H
#define NODE_THREAD_H

#include <pthread.h>
#include <stdint.h>

/* State letter of /proc/self/task/TID/stat ('R' running or runnable, 'S' asleep, 'D', 'T', ...); '?' when it cannot
 * be read. */
char thread_state(int tid);

/* CPU time it has had so far; 0 when it cannot be read. The thread must not have been joined. */
uint64_t thread_cpu_ns(pthread_t thread);

#endif
