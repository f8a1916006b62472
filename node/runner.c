/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runner.c - the daemon's side of the runner: who may run next, and what came of it. Contract in runner.h; the process
 * is commander.c.
 *
 * Jobs stand in one list in the order in which they were asked for; those with a deadline have been sent. The bounds on
 * how many run are kept here, so that the process never has to refuse; one that does not say what became of a job in
 * time loses it.
 */
#include "node/runner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/health.h"
#include "base/log.h"
#include "base/loop.h"
#include "node/commander.h"

enum {
	LOST_MS = 2000,			/* behind timeout and grace, until a job counts as lost */
	END_MS = 1000,
	LOG_MS = 10000,
};

struct job {
	struct job *next;
	enum runner_lane lane;
	unsigned order;
	uint64_t deadline_ns;		/* 0 = waits */
	void (*on_done)(void *context, const struct runner_result *result);	/* NULL = nobody wants to know */
	void *context;
	size_t len;
	struct commander_order message;	/* len octets of it */
};

struct runner {
	pid_t pid;
	int pidfd, socket;
	bool dead;
	struct commander_groups *groups;
	struct loop *loop;		/* NULL until attached */
	struct health *health;
	struct health_condition *condition;
	struct loop_fd results, end;
	struct loop_timer watch;	/* the next deadline */
	struct job *jobs;
	unsigned running[RUNNER_LANES], queued[RUNNER_LANES];
	uint64_t last_number;
	struct runner_counts counts;
	struct log_limit drop_log;
};

/* ---- start ---- */

static int fork_runner(struct runner *runner)
{
	int pair[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	runner->pid = fork();
	if (runner->pid == 0)
		commander_run(pair[1], runner->groups);
	err = -errno;
	close(pair[1]);
	runner->socket = pair[0];
	if (runner->pid < 0)
		return err;
	runner->pidfd = (int)syscall(SYS_pidfd_open, runner->pid, 0);
	return runner->pidfd < 0 ? -errno : 0;
}

int runner_start(struct runner **out, char *error, size_t size)
{
	struct runner *runner = calloc(1, sizeof(*runner));
	void *shared;
	int err = -ENOMEM;

	if (!runner)
		goto err;
	runner->pid = -1;
	runner->pidfd = runner->socket = -1;
	shared = mmap(NULL, sizeof(*runner->groups), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	err = shared == MAP_FAILED ? -errno : 0;
	if (!err) {
		runner->groups = shared;
		err = fork_runner(runner);
	}
	if (err)
		goto err_stop;
	*out = runner;
	return 0;

err_stop:
	runner_stop(runner);
err:
	return log_fail(err, error, size, "runner: %s", strerror(-err));
}

/* ---- results ---- */

/* The first line, without what a terminal or a log would take for more than text. */
static void clean_output(char *to, const char *output, size_t len)
{
	size_t n = 0;

	while (n < len && n < RUNNER_OUTPUT_MAX && output[n] != '\n' && output[n] != '\0') {
		to[n] = output[n] < ' ' || output[n] > '~' ? '?' : output[n];
		n++;
	}
	to[n] = '\0';
}

static void count(struct runner *runner, const struct runner_result *result)
{
	struct runner_counts *c = &runner->counts;

	switch (result->outcome) {
	case RUNNER_EXITED:
		*(result->code ? &c->bad : &c->good) += 1;
		break;
	case RUNNER_SIGNALLED:
		c->signalled++;
		break;
	case RUNNER_TIMED_OUT:
		c->timed_out++;
		break;
	case RUNNER_NOT_RUN:
		c->not_run++;
		break;
	case RUNNER_DROPPED:
		c->dropped++;
		break;
	case RUNNER_LOST:
		c->lost++;
		break;
	}
}

/* Takes the job out of the list before it tells, so that who is told may ask for more. */
static void finish(struct runner *runner, struct job *job, const struct runner_result *result)
{
	struct job **link = &runner->jobs;

	while (*link != job)
		link = &(*link)->next;
	*link = job->next;
	(*(job->deadline_ns ? &runner->running[job->lane] : &runner->queued[job->lane]))--;
	count(runner, result);
	if (job->on_done)
		job->on_done(job->context, result);
	free(job);
}

static void lose(struct runner *runner, struct job *job)
{
	finish(runner, job, &(struct runner_result){ .outcome = RUNNER_LOST });
}

static struct job *find_job(const struct runner *runner, uint64_t number)
{
	for (struct job *job = runner->jobs; job; job = job->next)
		if (job->message.number == number)
			return job;
	return NULL;
}

static void take_report(struct runner *runner, const struct commander_report *report)
{
	struct runner_result result = {
		.outcome = (enum runner_outcome)report->outcome,
		.code = report->code,
		.duration_ms = report->duration_ms,
	};
	struct job *job = find_job(runner, report->number);

	if (!job)
		return;		/* counted as lost */
	clean_output(result.output, report->output, report->len < RUNNER_OUTPUT_MAX ? report->len : RUNNER_OUTPUT_MAX);
	finish(runner, job, &result);
}

/* ---- what runs next ---- */

static uint64_t lost_at_ns(const struct job *job, uint64_t now_ns)
{
	return now_ns + (job->message.timeout_ms + RUNNER_GRACE_MS + LOST_MS) * (uint64_t)CLOCK_NS_PER_MS;
}

/* One of its order that was asked for earlier and has not ended. */
static bool must_wait(const struct runner *runner, const struct job *job)
{
	if (runner->running[job->lane] >= RUNNER_LANE_RUNNING)
		return true;
	for (const struct job *i = runner->jobs; job->order && i != job; i = i->next)
		if (i->lane == job->lane && i->order == job->order)
			return true;
	return false;
}

static bool send_order(struct runner *runner, struct job *job, uint64_t now_ns)
{
	if (send(runner->socket, &job->message, job->len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)job->len)
		return false;	/* full: at the next result; gone: the pidfd says so */
	job->deadline_ns = lost_at_ns(job, now_ns);
	runner->queued[job->lane]--;
	runner->running[job->lane]++;
	return true;
}

static void watch_deadlines(struct runner *runner)
{
	uint64_t due_ns = UINT64_MAX;

	for (const struct job *job = runner->jobs; job; job = job->next)
		if (job->deadline_ns && job->deadline_ns < due_ns)
			due_ns = job->deadline_ns;
	if (due_ns == UINT64_MAX)
		loop_timer_stop(runner->loop, &runner->watch);
	else
		loop_timer_start(runner->loop, &runner->watch, due_ns);
}

static void pump(struct runner *runner)
{
	uint64_t now_ns = clock_mono_ns();

	for (struct job *job = runner->jobs; job && !runner->dead; job = job->next)
		if (!job->deadline_ns && !must_wait(runner, job) && !send_order(runner, job, now_ns))
			break;
	watch_deadlines(runner);
}

/* ---- the loop's callbacks ---- */

static void read_results(struct runner *runner)
{
	struct commander_report report;

	while (recv(runner->socket, &report, sizeof(report), MSG_DONTWAIT) == sizeof(report))
		take_report(runner, &report);
}

/* Their leaders have got SIGKILL from the kernel; the rest of each group has not. The numbers were given out anew at
 * the earliest when a whole round of them has passed. */
static void kill_groups(struct runner *runner)
{
	for (unsigned i = 0; i < COMMANDER_RUNNING_MAX; i++) {
		pid_t group = atomic_exchange(&runner->groups->pgid[i], 0);

		if (group > 1)
			kill(-group, SIGKILL);
	}
}

static void on_end(struct loop_fd *self, uint32_t events)
{
	struct runner *runner = (struct runner *)((char *)self - offsetof(struct runner, end));

	(void)events;
	runner->dead = true;
	loop_fd_remove(runner->loop, &runner->end);
	loop_fd_remove(runner->loop, &runner->results);
	kill_groups(runner);
	if (runner->condition)
		health_report(runner->health, runner->condition, false,
			      "it has died: no command is run until tandemd is restarted, what they check is unknown",
			      runner->loop->now_ns);
	read_results(runner);
	while (runner->jobs)
		lose(runner, runner->jobs);
	loop_timer_stop(runner->loop, &runner->watch);
}

static void on_results(struct loop_fd *self, uint32_t events)
{
	struct runner *runner = (struct runner *)((char *)self - offsetof(struct runner, results));

	read_results(runner);
	if (events & (EPOLLHUP | EPOLLERR))
		loop_fd_remove(runner->loop, self);	/* the pidfd tells the rest */
	else
		pump(runner);
}

static void on_watch(struct loop_timer *timer, uint64_t now_ns)
{
	struct runner *runner = (struct runner *)((char *)timer - offsetof(struct runner, watch));
	struct job *job = runner->jobs;

	while (job) {
		if (job->deadline_ns && job->deadline_ns <= now_ns) {
			lose(runner, job);
			job = runner->jobs;	/* the list is another one now */
		} else {
			job = job->next;
		}
	}
	pump(runner);
}

int runner_attach(struct runner *runner, struct loop *loop, struct health *health)
{
	int err;

	runner->loop = loop;
	runner->health = health;
	runner->results = (struct loop_fd){ .fd = runner->socket, .on_ready = on_results };
	runner->end = (struct loop_fd){ .fd = runner->pidfd, .on_ready = on_end };
	runner->watch.on_due = on_watch;
	runner->condition = health_add(health, "runner", HEALTH_NOTICE, 1, 1, false, clock_mono_ns());
	err = loop_fd_add(loop, &runner->results, EPOLLIN);
	return err ? err : loop_fd_add(loop, &runner->end, EPOLLIN);
}

/* ---- requests ---- */

static size_t measure(const char *const *list, unsigned n)
{
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += strlen(list[i]) + 1;
	return len;
}

static char *put(char *to, const char *const *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		to = stpcpy(to, list[i]) + 1;
	return to;
}

static const char *const plain_env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C" };

enum { PLAIN_ENVS = sizeof(plain_env) / sizeof(plain_env[0]) };

static struct job *make_job(const struct runner_command *command)
{
	size_t strings = measure(command->argv, command->argc) + measure(plain_env, PLAIN_ENVS) +
			 measure(command->env, command->envs);
	struct job *job = strings > RUNNER_STRINGS_MAX ? NULL : calloc(1, sizeof(*job));
	char *at;

	if (!job)
		return NULL;
	job->lane = command->lane;
	job->order = command->order;
	job->on_done = command->on_done;
	job->context = command->context;
	job->message.timeout_ms = command->timeout_ms;
	job->message.argc = (uint16_t)command->argc;
	job->message.envs = (uint16_t)(PLAIN_ENVS + command->envs);
	job->len = offsetof(struct commander_order, strings) + strings;
	at = put(job->message.strings, command->argv, command->argc);
	put(put(at, plain_env, PLAIN_ENVS), command->env, command->envs);
	return job;
}

static void drop_oldest(struct runner *runner, enum runner_lane lane)
{
	struct job *job = runner->jobs;
	uint32_t held_back;

	while (job->lane != lane || job->deadline_ns)
		job = job->next;
	if (log_limit_pass(&runner->drop_log, runner->loop->now_ns, LOG_MS * (uint64_t)CLOCK_NS_PER_MS, &held_back))
		log_warning("runner: more commands than can be run: the oldest that waits, %s, is dropped (%u more "
			    "since the last such line)", job->message.strings, held_back);
	finish(runner, job, &(struct runner_result){ .outcome = RUNNER_DROPPED });
}

uint64_t runner_submit(struct runner *runner, const struct runner_command *command)
{
	struct job **link = &runner->jobs, *job;

	if (runner->dead) {
		runner->counts.lost++;
		return 0;
	}
	job = make_job(command);
	if (!job) {
		runner->counts.not_run++;
		return 0;
	}
	if (runner->queued[command->lane] == RUNNER_LANE_QUEUED)
		drop_oldest(runner, command->lane);
	job->message.number = ++runner->last_number;
	while (*link)
		link = &(*link)->next;
	*link = job;
	runner->queued[job->lane]++;
	pump(runner);
	return runner->last_number;
}

void runner_forget(struct runner *runner, uint64_t number)
{
	struct job *job = number ? find_job(runner, number) : NULL;

	if (!job)
		return;
	job->on_done = NULL;
	if (!job->deadline_ns)
		finish(runner, job, &(struct runner_result){ .outcome = RUNNER_DROPPED });
}

/* ---- for documents ---- */

bool runner_is_alive(const struct runner *runner)
{
	return !runner->dead;
}

pid_t runner_pid(const struct runner *runner)
{
	return runner->pid;
}

const struct runner_counts *runner_counts(const struct runner *runner)
{
	return &runner->counts;
}

unsigned runner_running(const struct runner *runner)
{
	return runner->running[RUNNER_CHECKS] + runner->running[RUNNER_HOOKS];
}

unsigned runner_queued(const struct runner *runner)
{
	return runner->queued[RUNNER_CHECKS] + runner->queued[RUNNER_HOOKS];
}

const char *runner_result_text(const struct runner_result *result, char *text, size_t size)
{
	switch (result->outcome) {
	case RUNNER_EXITED:
		snprintf(text, size, "exit status %d", result->code);
		break;
	case RUNNER_SIGNALLED:
		snprintf(text, size, "killed by signal %d (%s)", result->code, strsignal(result->code));
		break;
	case RUNNER_TIMED_OUT:
		snprintf(text, size, "timed out, killed after %u ms", result->duration_ms);
		break;
	case RUNNER_NOT_RUN:
		snprintf(text, size, "not run: %s", strerror(result->code));
		break;
	case RUNNER_DROPPED:
		snprintf(text, size, "dropped before it ran");
		break;
	case RUNNER_LOST:
		snprintf(text, size, "lost: the runner has died");
		break;
	}
	return text;
}

/* ---- the end ---- */

static bool has_hooks(const struct runner *runner)
{
	return !runner->dead && runner->running[RUNNER_HOOKS] + runner->queued[RUNNER_HOOKS];
}

void runner_finish(struct runner *runner, unsigned patience_ms)
{
	uint64_t now_ns = clock_mono_ns(), end_ns = now_ns + patience_ms * (uint64_t)CLOCK_NS_PER_MS;

	while (runner->loop && has_hooks(runner) && now_ns < end_ns) {
		struct pollfd p = { .fd = runner->socket, .events = POLLIN };

		if (poll(&p, 1, (int)((end_ns - now_ns) / CLOCK_NS_PER_MS) + 1) == 1 && !(p.revents & POLLIN))
			return;		/* it has died */
		read_results(runner);
		pump(runner);
		now_ns = clock_mono_ns();
	}
}

static void wait_for_end(const struct runner *runner)
{
	struct pollfd p = { .fd = runner->pidfd, .events = POLLIN };

	if (runner->pidfd < 0 || poll(&p, 1, END_MS) != 1)
		kill(runner->pid, SIGKILL);
	waitpid(runner->pid, NULL, 0);
}

static void detach(struct runner *runner)
{
	if (!runner->loop)
		return;
	loop_timer_stop(runner->loop, &runner->watch);
	loop_fd_remove(runner->loop, &runner->results);
	loop_fd_remove(runner->loop, &runner->end);
}

void runner_stop(struct runner *runner)
{
	if (!runner)
		return;
	detach(runner);
	if (runner->socket >= 0)
		close(runner->socket);
	if (runner->pid > 0)
		wait_for_end(runner);
	if (runner->groups) {
		kill_groups(runner);
		munmap(runner->groups, sizeof(*runner->groups));
	}
	if (runner->pidfd >= 0)
		close(runner->pidfd);
	while (runner->jobs) {
		struct job *next = runner->jobs->next;

		free(runner->jobs);
		runner->jobs = next;
	}
	free(runner);
}
