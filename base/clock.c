/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.c - the three clocks. Contract in clock.h.
 */
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static uint64_t read_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * CLOCK_NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t clock_mono_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_boot_ns(void)
{
	return read_ns(CLOCK_BOOTTIME);
}

uint64_t clock_wall_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

void clock_pause_ms(unsigned ms)
{
	struct timespec t = { .tv_nsec = (long)ms * CLOCK_NS_PER_MS };

	nanosleep(&t, NULL);
}

void clock_format_utc(uint64_t wall_ns, char *text, size_t size)
{
	time_t seconds = (time_t)(wall_ns / CLOCK_NS_PER_S);
	unsigned ms = (unsigned)(wall_ns % CLOCK_NS_PER_S / CLOCK_NS_PER_MS);
	char date[24];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, size, "%s.%03uZ", date, ms);
}
