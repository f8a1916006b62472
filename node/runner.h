/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runner.h - external commands. The daemon never forks after its start: a small process, forked right after the guard
 * and before any TAP, link, socket or UMEM exists, runs them. What it is asked and what it says goes over a socket
 * pair; nobody ever waits for it.
 *
 * A command is a process group of its own with no descriptor of ours, /dev/null as input, no capability and no way to
 * one, the daemon's user, and an environment of PATH, LANG and what the request adds. It has its time, then SIGTERM
 * and, RUNNER_GRACE_MS later, SIGKILL, for all of the group; what it leaves running in the group is killed when it
 * ends. When the runner dies its commands are killed too; when the daemon dies the runner ends, and they with it.
 *
 *   runner   notice   the runner has died: no command is run until the daemon is restarted
 *
 * Control thread, but for runner_start().
 */
#ifndef NODE_RUNNER_H
#define NODE_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct health;
struct loop;
struct runner;

/* Each has places of its own, so that slow hooks hold up no check. */
enum runner_lane { RUNNER_CHECKS, RUNNER_HOOKS, RUNNER_LANES };

enum {
	RUNNER_LANE_RUNNING = 8,	/* commands of a lane at one time */
	RUNNER_LANE_QUEUED = 64,	/* that wait; one more drops the oldest of them */
	RUNNER_OUTPUT_MAX = 256,	/* octets kept of what a command writes; the rest is read and thrown away */
	RUNNER_STRINGS_MAX = 12000,	/* arguments and environment of one, with their NULs */
	RUNNER_GRACE_MS = 500,
};

enum runner_outcome {
	RUNNER_EXITED,			/* code: exit status */
	RUNNER_SIGNALLED,		/* code: signal */
	RUNNER_TIMED_OUT,
	RUNNER_NOT_RUN,			/* no process to be had; code: errno */
	RUNNER_DROPPED,			/* made room for a newer one before it ran */
	RUNNER_LOST,			/* the runner has died, or did not say */
};

struct runner_result {
	enum runner_outcome outcome;
	int code;
	uint32_t duration_ms;
	char output[RUNNER_OUTPUT_MAX + 1];	/* the first line of it, printable ASCII */
};

/* What a command is; copied. argv[0] is an absolute path, no shell is involved. */
struct runner_command {
	enum runner_lane lane;
	unsigned order;			/* those of a lane with the same one run one after another; 0: no order */
	const char *const *argv, *const *env;	/* env: "NAME=value" */
	unsigned argc, envs;
	uint32_t timeout_ms;
	void (*on_done)(void *context, const struct runner_result *result);	/* on the loop, or in runner_submit() of
										 * a newer one when it is dropped */
	void *context;
};

/* What happened to commands, X(name, help). */
#define RUNNER_COUNTS(X) \
	X(good, "ended with exit status 0") \
	X(bad, "ended with another exit status") \
	X(signalled, "ended by a signal") \
	X(timed_out, "ended for want of time") \
	X(not_run, "not run: no process, or too long") \
	X(dropped, "dropped for newer ones before they ran") \
	X(lost, "without a result: the runner has died")

struct runner_counts {
#define FIELD(name, help) uint64_t name;
	RUNNER_COUNTS(FIELD)
#undef FIELD
};

/* Forks it. Call right after guard_start(). 0 or -errno with error. */
int runner_start(struct runner **runner, char *error, size_t size);
/* Results come in on the loop from here on; adds the condition. 0 or -errno. */
int runner_attach(struct runner *runner, struct loop *loop, struct health *health);

/* Runs a command as soon as there is a place. Returns its number, or 0 when that cannot be: on_done is not called
 * then. */
uint64_t runner_submit(struct runner *runner, const struct runner_command *command);
/* on_done will not be called; what has not begun does not. 0 and unknown numbers are none. */
void runner_forget(struct runner *runner, uint64_t number);

bool runner_is_alive(const struct runner *runner);
pid_t runner_pid(const struct runner *runner);
const struct runner_counts *runner_counts(const struct runner *runner);
unsigned runner_running(const struct runner *runner);
unsigned runner_queued(const struct runner *runner);

/* At the end of the daemon: waits up to patience_ms for the hooks that run or wait. */
void runner_finish(struct runner *runner, unsigned patience_ms);
/* Kills what runs, ends the process; no on_done is called. Accepts NULL, and a runner that was never attached. */
void runner_stop(struct runner *runner);

/* "exit status 1", "killed by signal 9 (Killed)", "timed out after 500 ms" ... Returns text. */
const char *runner_result_text(const struct runner_result *result, char *text, size_t size);

#endif
