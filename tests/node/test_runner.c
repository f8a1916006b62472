/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_runner.c - commands run by a real runner: what they are given, what comes back, and how they end.
 */
#include "node/runner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/health.h"
#include "base/log.h"
#include "base/loop.h"
#include "tests/tap.h"

enum { DEADLINE_MS = 5000, LOTS = 100 };

static struct loop loop;
static struct health health;
static struct runner *runner;
static char directory[] = "/tmp/test_runner.XXXXXX";

/* ---- a runner, and commands for it ---- */

struct outcome {
	unsigned calls;
	struct runner_result result;
};

static int open_world(void **state)
{
	char error[256];

	(void)state;
	return runner_start(&runner, error, sizeof(error)) || loop_init(&loop) || health_init(&health) ||
	       runner_attach(runner, &loop, &health);
}

static int close_world(void **state)
{
	(void)state;
	runner_stop(runner);
	loop_fini(&loop);
	health_fini(&health);
	log_drain(STDERR_FILENO);
	return 0;
}

static void on_done(void *context, const struct runner_result *result)
{
	struct outcome *outcome = context;

	outcome->calls++;
	outcome->result = *result;
}

static uint64_t submit(struct outcome *outcome, unsigned order, enum runner_lane lane, uint32_t timeout_ms,
		       const char *script)
{
	const char *const argv[] = { "/bin/sh", "-c", script };
	const char *const env[] = { "TANDEM_TEST=a b;c" };
	const struct runner_command command = {
		.lane = lane, .order = order, .argv = argv, .argc = 3, .env = env, .envs = 1,
		.timeout_ms = timeout_ms, .on_done = on_done, .context = outcome,
	};

	return runner_submit(runner, &command);
}

static bool await(const struct outcome *outcome, unsigned calls)
{
	uint64_t end_ns = clock_mono_ns() + DEADLINE_MS * (uint64_t)CLOCK_NS_PER_MS;

	while (outcome->calls < calls && clock_mono_ns() < end_ns)
		loop_turn(&loop, 20);
	return outcome->calls == calls;
}

static struct runner_result run(uint32_t timeout_ms, const char *script)
{
	struct outcome outcome = { 0 };

	assert_int_not_equal(submit(&outcome, 0, RUNNER_CHECKS, timeout_ms, script), 0);
	assert_true(await(&outcome, 1));
	return outcome.result;
}

/* What the file has, or -1. */
static long number_in(const char *name)
{
	char path[128], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return text[0] ? atol(text) : -1;
}

static long await_number(const char *name)
{
	uint64_t end_ns = clock_mono_ns() + DEADLINE_MS * (uint64_t)CLOCK_NS_PER_MS;

	while (number_in(name) < 0 && clock_mono_ns() < end_ns)
		loop_turn(&loop, 10);
	return number_in(name);
}

/* Zombies are gone for our purposes. */
static bool is_gone(long pid)
{
	char path[64], text[256] = "";
	const char *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return true;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	end = strrchr(text, ')');
	return !end || end[2] == 'Z' || end[2] == 'X';
}

static bool goes_away(long pid)
{
	uint64_t end_ns = clock_mono_ns() + DEADLINE_MS * (uint64_t)CLOCK_NS_PER_MS;

	while (!is_gone(pid) && clock_mono_ns() < end_ns)
		clock_pause_ms(5);
	return is_gone(pid);
}

/* A script in which $D is the directory. */
static const char *in_directory(const char *script)
{
	static char text[1024];

	snprintf(text, sizeof(text), "D=%s; %s", directory, script);
	return text;
}

/* ---- cases ---- */

static void results(void **state)
{
	static const struct {
		const char *script;
		enum runner_outcome outcome;
		int code;
		const char *output;
	} cases[] = {
		{ "exit 0", RUNNER_EXITED, 0, "" },
		{ "echo one; echo two; exit 3", RUNNER_EXITED, 3, "one" },
		{ "echo error >&2; exit 1", RUNNER_EXITED, 1, "error" },
		{ "kill -USR1 $$", RUNNER_SIGNALLED, SIGUSR1, "" },
		{ "printf 'a\\033[31mb\\tc\\377d'", RUNNER_EXITED, 0, "a?[31mb?c?d" },
		{ "echo $TANDEM_TEST", RUNNER_EXITED, 0, "a b;c" },
		{ "pwd", RUNNER_EXITED, 0, "/" },
		{ "wc -c", RUNNER_EXITED, 0, "0" },
		{ "exec /nowhere/at/all 2>/dev/null", RUNNER_EXITED, 127, "" },
	};
	char text[96];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct runner_result result = run(3000, cases[i].script);

		assert_int_equal(result.outcome, cases[i].outcome);
		assert_int_equal(result.code, cases[i].code);
		assert_string_equal(result.output, cases[i].output);
	}
	assert_string_equal(runner_result_text(&(struct runner_result){ RUNNER_EXITED, 3, 0, "" }, text, sizeof(text)),
			    "exit status 3");
}

static void what_cannot_be_run(void **state)
{
	const char *const argv[] = { "/nowhere/at/all" };
	struct outcome outcome = { 0 };
	struct runner_command command = { .argv = argv, .argc = 1, .timeout_ms = 1000, .on_done = on_done,
					  .context = &outcome };
	static char long_word[RUNNER_STRINGS_MAX + 1];
	const char *const too_long[] = { "/bin/true", long_word };

	(void)state;
	assert_int_not_equal(runner_submit(runner, &command), 0);
	assert_true(await(&outcome, 1));
	assert_int_equal(outcome.result.outcome, RUNNER_EXITED);
	assert_int_equal(outcome.result.code, 127);
	assert_string_equal(outcome.result.output, "cannot be run: No such file or directory");
	memset(long_word, 'x', RUNNER_STRINGS_MAX);
	command.argv = too_long;
	command.argc = 2;
	assert_int_equal(runner_submit(runner, &command), 0);
	assert_int_equal(runner_counts(runner)->not_run, 1);
}

/* No descriptor but 0, 1 and 2, a group of its own, no capability, no way to one, nothing of our environment. */
static void what_it_is_given(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(pipe(pair), 0);	/* without close-on-exec, on purpose; the runner is older */
	setenv("SECRET", "1", 1);
	assert_string_equal(run(3000, "ls /proc/self/fd | tr '\\n' ' '").output, "0 1 2 3 ");	/* 3: ls's own */
	assert_string_equal(run(3000, "readlink /proc/self/fd/0").output, "/dev/null");
	assert_string_equal(run(3000, "cut -d ' ' -f 5 /proc/$$/stat | grep -qx $$ && echo leads").output, "leads");
	assert_string_equal(run(3000, "grep -E '^Cap(Eff|Prm|Inh|Amb)' /proc/self/status | grep -vc 0000000000000000").output,
			    "0");
	assert_string_equal(run(3000, "grep NoNewPrivs /proc/self/status | cut -f 2").output, "1");
	assert_string_equal(run(3000, "env | cut -d = -f 1 | grep -v -e '^PWD$' -e '^OLDPWD$' -e '^SHLVL$' -e '^_$' | sort | "
				"tr '\\n' ' '").output, "LANG PATH TANDEM_TEST ");
	assert_string_equal(run(3000, "grep SigBlk /proc/self/status | cut -f 2; ").output, "0000000000000000");
	close(pair[0]);
	close(pair[1]);
}

static void time_is_limited(void **state)
{
	uint64_t begun_ns = clock_mono_ns();
	struct runner_result result;

	(void)state;
	result = run(100, "echo begun; sleep 60");
	assert_int_equal(result.outcome, RUNNER_TIMED_OUT);
	assert_string_equal(result.output, "begun");
	assert_in_range(result.duration_ms, 100, 100 + RUNNER_GRACE_MS / 2);
	/* SIGTERM is not enough, neither for it nor for its children */
	result = run(100, in_directory("trap '' TERM; (trap '' TERM; echo $$ >$D/outer; sleep 60) & "
				       "while :; do sleep 1; done"));
	assert_int_equal(result.outcome, RUNNER_TIMED_OUT);
	assert_in_range(result.duration_ms, 100 + RUNNER_GRACE_MS, 100 + 2 * RUNNER_GRACE_MS);
	assert_true(goes_away(await_number("outer")));
	assert_true(clock_mono_ns() - begun_ns < 3 * (uint64_t)CLOCK_NS_PER_S);
}

static void nothing_is_left(void **state)
{
	struct runner_result result = run(3000, in_directory("sleep 60 & echo $! >$D/left; echo done"));

	(void)state;
	assert_int_equal(result.outcome, RUNNER_EXITED);
	assert_string_equal(result.output, "done");
	assert_true(goes_away(await_number("left")));
}

static void output_is_bounded(void **state)
{
	struct runner_result result = run(4000, "head -c 3000000 /dev/zero | tr '\\0' x");

	(void)state;
	assert_int_equal(result.outcome, RUNNER_EXITED);
	assert_int_equal(result.code, 0);
	assert_int_equal(strlen(result.output), RUNNER_OUTPUT_MAX);
}

/* Those of one order never overlap and keep it; eight of a lane run at a time. */
static void order_and_number(void **state)
{
	struct outcome first = { 0 }, others = { 0 };
	unsigned most = 0;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		char script[128];

		snprintf(script, sizeof(script), "sleep 0.0%u; echo %u >>%s/order", 5 - i, i, directory);
		submit(&first, 7, RUNNER_HOOKS, 3000, script);
	}
	for (unsigned i = 0; i < 20; i++)
		submit(&others, 0, RUNNER_HOOKS, 3000, "sleep 0.05");
	while (first.calls < 5 || others.calls < 20) {
		if (runner_running(runner) > most)
			most = runner_running(runner);
		loop_turn(&loop, 50);
	}
	assert_int_equal(most, RUNNER_LANE_RUNNING);
	assert_string_equal(run(3000, in_directory("tr '\\n' ' ' <$D/order")).output, "0 1 2 3 4 ");
}

/* Places of one lane are not another's. */
static void too_many(void **state)
{
	struct outcome many[LOTS] = { 0 }, check = { 0 };
	unsigned dropped = 0;

	(void)state;
	for (unsigned i = 0; i < LOTS; i++)
		submit(&many[i], i + 1, RUNNER_HOOKS, 20000, in_directory("while ! [ -e $D/go ]; do sleep 0.05; done"));
	assert_int_equal(runner_queued(runner), RUNNER_LANE_QUEUED);
	for (unsigned i = 0; i < LOTS; i++) {
		bool is_dropped = many[i].calls && many[i].result.outcome == RUNNER_DROPPED;

		/* the oldest of those that did not run */
		assert_int_equal(is_dropped, i >= RUNNER_LANE_RUNNING && i < LOTS - RUNNER_LANE_QUEUED);
		dropped += is_dropped;
	}
	assert_int_equal(runner_counts(runner)->dropped, dropped);
	submit(&check, 0, RUNNER_CHECKS, 3000, "true");
	assert_true(await(&check, 1));
	assert_int_equal(many[0].calls, 0);
	assert_string_equal(run(3000, in_directory("echo 1 >$D/go")).output, "");
	assert_true(await(&many[LOTS - 1], 1));
	while (runner_running(runner))
		loop_turn(&loop, 50);
	assert_int_equal(runner_counts(runner)->good, LOTS - dropped + 2);
}

static void forgotten(void **state)
{
	struct outcome running = { 0 }, waiting = { 0 }, last = { 0 };
	uint64_t a = submit(&running, 1, RUNNER_HOOKS, 3000, "sleep 0.1"),
		 b = submit(&waiting, 1, RUNNER_HOOKS, 3000, in_directory("echo 1 >$D/forgotten"));

	(void)state;
	runner_forget(runner, a);
	runner_forget(runner, b);
	runner_forget(runner, 0);
	runner_forget(runner, b + 100);
	submit(&last, 1, RUNNER_HOOKS, 3000, "true");
	assert_true(await(&last, 1));
	assert_int_equal(running.calls + waiting.calls, 0);
	assert_int_equal(number_in("forgotten"), -1);
}

static bool condition_failed(void)
{
	for (unsigned i = 0; i < HEALTH_MAX; i++)
		if (health.conditions[i].in_use && strcmp(health.conditions[i].name, "runner") == 0)
			return health_failed(&health.conditions[i]);
	return false;
}

/* SIGKILL for the runner: its commands and what they started go too, and who waits is told. */
static void its_death(void **state)
{
	struct outcome outcome = { 0 }, waiting = { 0 };
	long leader, child;

	(void)state;
	assert_false(condition_failed());
	submit(&outcome, 1, RUNNER_HOOKS, 60000,
	       in_directory("echo $$ >$D/leader; sleep 70 & echo $! >$D/child; wait"));
	submit(&waiting, 1, RUNNER_HOOKS, 60000, "true");
	leader = await_number("leader");
	child = await_number("child");
	assert_int_equal(kill(runner_pid(runner), SIGKILL), 0);
	assert_true(await(&outcome, 1));
	assert_int_equal(outcome.result.outcome, RUNNER_LOST);
	assert_int_equal(waiting.calls, 1);
	assert_int_equal(waiting.result.outcome, RUNNER_LOST);
	assert_true(condition_failed());
	assert_false(runner_is_alive(runner));
	assert_int_equal(submit(&outcome, 0, RUNNER_CHECKS, 100, "true"), 0);
	assert_int_equal(outcome.calls, 1);
	assert_int_equal(runner_counts(runner)->lost, 3);
	assert_true(goes_away(leader));
	assert_true(goes_away(child));
}

/* With the daemon frozen nobody is left to kill anything but the kernel. */
static void its_death_beside_a_frozen_daemon(void **state)
{
	long pid, own, leader;
	int status;

	(void)state;
	pid = fork();
	if (pid == 0) {
		struct outcome outcome = { 0 };

		if (open_world(NULL))
			_exit(1);
		submit(&outcome, 0, RUNNER_HOOKS, 60000,
		       in_directory("echo $PPID >$D/runner2; echo $$ >$D/leader2; exec sleep 70"));
		for (;;)
			loop_turn(&loop, 1000);
	}
	own = await_number("runner2");
	leader = await_number("leader2");
	assert_true(own > 1 && leader > 1);
	assert_int_equal(kill((pid_t)pid, SIGSTOP), 0);
	assert_int_equal(kill((pid_t)own, SIGKILL), 0);
	assert_true(goes_away(leader));
	assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
	assert_int_equal(waitpid((pid_t)pid, &status, 0), pid);
}

/* A runner that stands still loses what it was given, after its time. */
static void its_silence(void **state)
{
	struct outcome outcome = { 0 };

	(void)state;
	assert_int_equal(kill(runner_pid(runner), SIGSTOP), 0);
	submit(&outcome, 0, RUNNER_CHECKS, 100, "true");
	assert_true(await(&outcome, 1));
	assert_int_equal(outcome.result.outcome, RUNNER_LOST);
	kill(runner_pid(runner), SIGCONT);
}

/* The daemon's end, of whatever kind, is that of the runner and of what it runs. */
static void the_daemons_death(void **state)
{
	long pid, own, command;
	int status;

	(void)state;
	pid = fork();
	if (pid == 0) {
		struct outcome outcome = { 0 };

		if (open_world(NULL))
			_exit(1);
		submit(&outcome, 0, RUNNER_HOOKS, 60000,
		       in_directory("echo $PPID >$D/runner; sleep 70 & echo $! >$D/orphan; wait"));
		for (;;)
			loop_turn(&loop, 1000);
	}
	own = await_number("runner");
	command = await_number("orphan");
	assert_true(own > 1 && command > 1);
	assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
	assert_int_equal(waitpid((pid_t)pid, &status, 0), pid);
	assert_true(goes_away(own));
	assert_true(goes_away(command));
}

static void the_end_waits_for_hooks(void **state)
{
	struct outcome hook = { 0 }, endless = { 0 };
	uint64_t begun_ns;

	(void)state;
	submit(&hook, 0, RUNNER_HOOKS, 3000, in_directory("sleep 0.1; echo 1 >$D/hook"));
	begun_ns = clock_mono_ns();
	runner_finish(runner, 2000);
	assert_int_equal(hook.calls, 1);
	assert_int_equal(number_in("hook"), 1);
	assert_true(clock_mono_ns() - begun_ns < 1500 * (uint64_t)CLOCK_NS_PER_MS);
	submit(&endless, 0, RUNNER_HOOKS, 60000, "sleep 60");
	begun_ns = clock_mono_ns();
	runner_finish(runner, 200);
	assert_true(clock_mono_ns() - begun_ns < 1000 * (uint64_t)CLOCK_NS_PER_MS);
	assert_int_equal(endless.calls, 0);
}

#define WORLD(description, function) { description, function, open_world, close_world, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		WORLD("exit status, signal, output's first line, environment", results),
		WORLD("what cannot be run says why; what is too long is refused", what_cannot_be_run),
		WORLD("a group of its own, three descriptors, no capability, a clean environment", what_it_is_given),
		WORLD("a command that hangs is killed in time, with all of its group", time_is_limited),
		WORLD("what a command leaves running in its group is killed when it ends", nothing_is_left),
		WORLD("megabytes of output are read, and their beginning kept", output_is_bounded),
		WORLD("commands of one order run one after another, eight of a lane at a time", order_and_number),
		WORLD("more than can wait: the oldest that waits are dropped and counted; checks go on", too_many),
		WORLD("what is forgotten tells nobody, and does not begin", forgotten),
		WORLD("the runner killed: its commands with it, all that was asked is lost, the condition says so",
		      its_death),
		WORLD("a runner that stands still: what was asked is lost in time", its_silence),
		CASE("the daemon killed: the runner ends, and what it runs", the_daemons_death),
		CASE("the runner killed while the daemon is frozen: its commands go", its_death_beside_a_frozen_daemon),
		WORLD("the end waits for hooks, but not for long", the_end_waits_for_hooks),
	};
	char command[64];
	int failed;

	if (!mkdtemp(directory))
		return 1;
	failed = RUN(cases);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) || failed;
}
