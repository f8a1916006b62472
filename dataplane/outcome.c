/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outcome.c - names and help of what a worker counts, from the lists in outcome.h. Constant; any thread.
 */
#include "dataplane/outcome.h"

#include <assert.h>

static const struct {
	const char *name, *help;
} counters[DP_COUNTERS] = {
#define DP_TEXT(id, name, help) [DP_COUNT_##id] = { name, help },
	DP_OUTCOMES(DP_TEXT)
	DP_EVENTS(DP_TEXT)
#undef DP_TEXT
}, pool_counters[DP_POOL_COUNTERS] = {
#define DP_TEXT(id, name, help) [DP_POOL_##id] = { name, help },
	DP_POOL_EVENTS(DP_TEXT)
#undef DP_TEXT
};

const char *dp_counter_name(enum dp_counter counter)
{
	assert(counter < DP_COUNTERS);
	return counters[counter].name;
}

const char *dp_counter_help(enum dp_counter counter)
{
	assert(counter < DP_COUNTERS);
	return counters[counter].help;
}

const char *dp_pool_counter_name(enum dp_pool_counter counter)
{
	assert(counter < DP_POOL_COUNTERS);
	return pool_counters[counter].name;
}

const char *dp_pool_counter_help(enum dp_pool_counter counter)
{
	assert(counter < DP_POOL_COUNTERS);
	return pool_counters[counter].help;
}
