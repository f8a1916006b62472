/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * offender.h - who asks most: the busiest client prefixes of one worker, in a table of fixed size. Queries within
 * their limit are counted by sample, those over it each. Written by the worker, read by the control thread.
 */
#ifndef DATAPLANE_OFFENDER_H
#define DATAPLANE_OFFENDER_H

#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"

enum { DP_OFFENDERS_MAX = 1024 };

struct dp_offenders;

/* What is known of a prefix since its row began; a row that nothing comes for is given away. */
struct dp_offender {
	struct prefix prefix;
	uint64_t queries, limited;		/* limited: over a limit, whatever became of it */
	uint32_t rate, limited_rate;		/* in the last whole second */
	uint32_t first_s, last_s;		/* monotonic seconds */
};

/* NULL without memory or random numbers. Frees accept NULL. */
struct dp_offenders *dp_offenders_new(void);
void dp_offenders_free(struct dp_offenders *offenders);

/* Counts queries of prefix, of which limited were over its limit. Worker. */
void dp_offenders_count(struct dp_offenders *offenders, const struct prefix *prefix, uint32_t queries,
			uint32_t limited, uint64_t now_ns);

/* Copies the rows, DP_OFFENDERS_MAX at most; returns how many. Any thread. */
size_t dp_offenders_read(const struct dp_offenders *offenders, struct dp_offender *out, uint64_t now_ns);

/* Adds up rows of the same prefix, as several workers have them, and sorts: the highest rate first, then who was seen
 * last. Returns how many are left. */
size_t dp_offenders_merge(struct dp_offender *rows, size_t n);

#endif
