/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * commander.h - the runner's process, and what passes between it and the daemon. runner.h is the daemon's side.
 */
#ifndef NODE_COMMANDER_H
#define NODE_COMMANDER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "node/runner.h"

enum { COMMANDER_RUNNING_MAX = RUNNER_LANES * RUNNER_LANE_RUNNING };

/* One message each way a command; of strings only what is used is sent: argc arguments and then envs variables. */
struct commander_order {
	uint64_t number;
	uint32_t timeout_ms;
	uint16_t argc, envs;
	char strings[RUNNER_STRINGS_MAX];
};

struct commander_report {
	uint64_t number;
	int32_t outcome, code;		/* enum runner_outcome; as in struct runner_result */
	uint32_t duration_ms;
	uint32_t len;
	char output[RUNNER_OUTPUT_MAX];	/* as it came */
};

/* In memory that both have: process groups that run, 0 = none. For the daemon, when the runner was killed. */
struct commander_groups {
	_Atomic int32_t pgid[COMMANDER_RUNNING_MAX];
};

/* Takes orders until the other end of socket is closed, then kills what runs and ends. The only thread of a process
 * that was just forked. */
__attribute__((noreturn)) void commander_run(int socket, struct commander_groups *groups);

#endif
