/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.h - the three clocks. Everything below the loops takes now_ns as an argument; only loops
 * read a clock, once per turn. Any thread; no errors.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

enum {
	CLOCK_NS_PER_US = 1000,
	CLOCK_NS_PER_MS = 1000 * 1000,
	CLOCK_NS_PER_S = 1000 * 1000 * 1000,
};

/* Nanoseconds of CLOCK_MONOTONIC: timers, latencies, ages. */
uint64_t clock_mono_ns(void);

/* Nanoseconds of CLOCK_BOOTTIME: leases only, because the filter compares with it. */
uint64_t clock_boot_ns(void);

/* Nanoseconds since 1970 UTC: log lines and captures only. */
uint64_t clock_wall_ns(void);

/* Sleeps; start-up only, under a second. */
void clock_pause_ms(unsigned ms);

/* Writes wall_ns as "2026-01-31T12:00:00.123Z" into text (25 octets with the NUL at least). */
void clock_format_utc(uint64_t wall_ns, char *text, size_t size);

#endif
