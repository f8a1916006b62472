/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world_clock.h - in place of base/clock.h's functions, where the time is world.now_ns and passes when the test says so.
 * Included behind the test's struct world; clock_wall_ns() is the test's own.
 */
#ifndef TESTS_NODE_WORLD_CLOCK_H
#define TESTS_NODE_WORLD_CLOCK_H

#include <stdio.h>

#include "base/clock.h"

uint64_t clock_mono_ns(void)
{
	return world.now_ns;
}

uint64_t clock_boot_ns(void)
{
	return world.now_ns;
}

void clock_pause_ms(unsigned ms)
{
	world.now_ns += ms * (uint64_t)CLOCK_NS_PER_MS;
}

void clock_format_utc(uint64_t wall_ns, char *text, size_t size)
{
	(void)wall_ns;
	snprintf(text, size, "now");
}

#endif
