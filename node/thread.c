/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.c - state and CPU time of a thread. Contract in thread.h.
 */
#include "node/thread.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

char thread_state(int tid)
{
	char path[64], text[256];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return '?';
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	if (n <= 0)
		return '?';
	text[n] = '\0';

	/* "tid (name) S ...": the name may hold anything, so search from its end. */
	const char *end = strrchr(text, ')');

	return end && end[1] == ' ' && end[2] ? end[2] : '?';
}

uint64_t thread_cpu_ns(pthread_t thread)
{
	struct timespec ts;
	clockid_t clock;

	if (pthread_getcpuclockid(thread, &clock) || clock_gettime(clock, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * CLOCK_NS_PER_S + (uint64_t)ts.tv_nsec;
}
