/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * commander.c - the runner's process. Contract in commander.h.
 *
 * One poll() over the socket, a signalfd for ended children, and a pipe for each command's output. A command is judged
 * by its first process, the leader of its group: when that ends, the rest of the group is killed while the leader is
 * still unreaped, because only so long its number is surely not another's. A process that a command has put into a
 * group or session of its own is left alone, but comes to this process as an orphan and is reaped.
 *
 * Children ask for SIGKILL when this process dies; their groups are the daemon's to kill then, from the shared page.
 */
#include "node/commander.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "node/privs.h"

enum {
	FIXED = 2,			/* descriptors in front of the commands' own */
	PIECE = 4096,
	PIECES_A_TURN = 16,		/* of one command's output, so that none keeps the others waiting */
	EXIT_NOT_FOUND = 127,		/* as shells have it */
	STRINGS_MAX = 256,
};

struct child {
	pid_t pid;			/* 0 = free */
	uint64_t number, started_ns, due_ns;
	int out;			/* what it writes; -1 = closed */
	bool timed_out;
	uint32_t len;
	char output[RUNNER_OUTPUT_MAX];
};

struct commander {
	int socket, signals;
	struct commander_groups *groups;
	struct child child[COMMANDER_RUNNING_MAX];
};

/* ---- the start ---- */

/* All but the socket, which moves out of the way of 0, 1 and 2; those become /dev/null. */
static int keep_only(int socket)
{
	int null, kept = fcntl(socket, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (kept < 0)
		_exit(EXIT_FAILURE);
	if (kept > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)kept - 1, 0);
	close_range((unsigned)kept + 1, ~0u, 0);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && null >= 0; fd++)
		dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
	return kept;
}

/* What a terminal sends to all of its foreground is not for this process: it ends with the daemon. */
static int open_signals(void)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE };
	sigset_t set;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- a command's own process, before it becomes the command ---- */

/* The daemon may be spared by the kernel when memory runs out; a script of somebody's may not. */
static void become_killable(void)
{
	static const char path[] = "/proc/self/oom_score_adj";
	char text[16] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0 || text[0] != '-')
		return;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "0", 1) < 0)
		(void)0;		/* it stays as it is */
	close(fd);
}

static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((noreturn))
static void become(char *const *argv, char *const *env, int out, pid_t parent)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_NOT_FOUND);
	reset_signals();
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	close_range(STDERR_FILENO + 1, ~0u, 0);
	become_killable();
	if (chdir("/") == 0)
		execve(argv[0], argv, env);
	dprintf(STDERR_FILENO, "cannot be run: %s\n", strerror(errno));
	_exit(EXIT_NOT_FOUND);
}

/* Fills in list, ended by NULL, from the strings at *at on; false when they do not suffice. */
static bool point_to(char **list, unsigned n, char **at, const char *end)
{
	for (unsigned i = 0; i < n; i++) {
		char *nul = *at < end ? memchr(*at, '\0', (size_t)(end - *at)) : NULL;

		if (!nul)
			return false;
		list[i] = *at;
		*at = nul + 1;
	}
	list[n] = NULL;
	return true;
}

/* ---- orders ---- */

static void report(struct commander *c, uint64_t number, enum runner_outcome outcome, int code,
		   const struct child *child, uint64_t now_ns)
{
	struct commander_report message = { .number = number, .outcome = (int32_t)outcome, .code = code };

	if (child) {
		message.duration_ms = (uint32_t)((now_ns - child->started_ns) / CLOCK_NS_PER_MS);
		message.len = child->len;
		memcpy(message.output, child->output, child->len);
	}
	/* A daemon that does not read for so long counts it as lost. */
	send(c->socket, &message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static struct child *find_free(struct commander *c)
{
	for (unsigned i = 0; i < COMMANDER_RUNNING_MAX; i++)
		if (!c->child[i].pid)
			return &c->child[i];
	return NULL;
}

static int start(struct commander *c, struct child *child, char *const *argv, char *const *env)
{
	pid_t own = getpid();
	int out[2], err;

	if (pipe2(out, O_CLOEXEC))
		return -errno;
	child->pid = fork();
	if (child->pid == 0)
		become(argv, env, out[1], own);
	err = -errno;
	close(out[1]);
	if (child->pid < 0) {
		child->pid = 0;
		close(out[0]);
		return err;
	}
	setpgid(child->pid, child->pid);	/* whichever of the two is first */
	atomic_store(&c->groups->pgid[child - c->child], (int32_t)child->pid);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	child->out = out[0];
	return 0;
}

static void obey(struct commander *c, struct commander_order *order, const char *end, uint64_t now_ns)
{
	struct child *child = find_free(c);
	char *argv[STRINGS_MAX + 1], *env[STRINGS_MAX + 1], *at = order->strings;
	int err = child ? 0 : -EAGAIN;

	if (!err && (!order->argc || order->argc > STRINGS_MAX || order->envs > STRINGS_MAX ||
		     !point_to(argv, order->argc, &at, end) || !point_to(env, order->envs, &at, end)))
		err = -EINVAL;
	if (!err) {
		*child = (struct child){
			.number = order->number,
			.started_ns = now_ns,
			.due_ns = now_ns + order->timeout_ms * (uint64_t)CLOCK_NS_PER_MS,
			.out = -1,
		};
		err = start(c, child, argv, env);
	}
	if (err)
		report(c, order->number, RUNNER_NOT_RUN, -err, NULL, now_ns);
}

/* False when the daemon is gone. */
static bool take_orders(struct commander *c, uint64_t now_ns)
{
	static struct commander_order order;
	ssize_t n;

	while ((n = recv(c->socket, &order, sizeof(order), MSG_DONTWAIT)) > 0)
		if ((size_t)n >= offsetof(struct commander_order, strings))
			obey(c, &order, (const char *)&order + n, now_ns);
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* ---- commands that run ---- */

static void close_output(struct child *child)
{
	if (child->out >= 0)
		close(child->out);
	child->out = -1;
}

/* All of it is read, or the command would stand still; only its beginning is kept. */
static void read_output(struct child *child)
{
	char piece[PIECE];

	for (unsigned i = 0; i < PIECES_A_TURN && child->out >= 0; i++) {
		ssize_t n = read(child->out, piece, sizeof(piece));
		size_t room = sizeof(child->output) - child->len;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			close_output(child);
			return;
		}
		if ((size_t)n < room)
			room = (size_t)n;
		memcpy(child->output + child->len, piece, room);
		child->len += (uint32_t)room;
	}
}

static void signal_group(const struct child *child, int number)
{
	if (child->pid > 1)
		kill(-child->pid, number);
}

static void finish(struct commander *c, struct child *child, int status, uint64_t now_ns)
{
	enum runner_outcome outcome = WIFSIGNALED(status) ? RUNNER_SIGNALLED : RUNNER_EXITED;
	int code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);

	read_output(child);
	close_output(child);
	atomic_store(&c->groups->pgid[child - c->child], 0);
	report(c, child->number, child->timed_out ? RUNNER_TIMED_OUT : outcome, code, child, now_ns);
	child->pid = 0;
}

static struct child *find_child(struct commander *c, pid_t pid)
{
	for (unsigned i = 0; i < COMMANDER_RUNNING_MAX; i++)
		if (c->child[i].pid == pid)
			return &c->child[i];
	return NULL;
}

static void reap(struct commander *c, uint64_t now_ns)
{
	struct signalfd_siginfo info;
	siginfo_t ended = { 0 };

	while (read(c->signals, &info, sizeof(info)) > 0)
		;
	while (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid) {
		struct child *child = find_child(c, ended.si_pid);
		int status;

		if (child)
			signal_group(child, SIGKILL);
		if (waitpid(ended.si_pid, &status, 0) == ended.si_pid && child)
			finish(c, child, status, now_ns);
		ended.si_pid = 0;
	}
}

static void end_the_late(struct commander *c, uint64_t now_ns)
{
	for (unsigned i = 0; i < COMMANDER_RUNNING_MAX; i++) {
		struct child *child = &c->child[i];

		if (!child->pid || now_ns < child->due_ns)
			continue;
		signal_group(child, child->timed_out ? SIGKILL : SIGTERM);
		child->due_ns = child->timed_out ? UINT64_MAX
						 : now_ns + RUNNER_GRACE_MS * (uint64_t)CLOCK_NS_PER_MS;
		child->timed_out = true;
	}
}

static int wait_ms(const struct commander *c, uint64_t now_ns)
{
	uint64_t due_ns = UINT64_MAX;

	for (unsigned i = 0; i < COMMANDER_RUNNING_MAX; i++)
		if (c->child[i].pid && c->child[i].due_ns < due_ns)
			due_ns = c->child[i].due_ns;
	if (due_ns == UINT64_MAX)
		return -1;
	return due_ns <= now_ns ? 0 : (int)((due_ns - now_ns) / CLOCK_NS_PER_MS) + 1;
}

static void wait_for_something(struct commander *c)
{
	struct pollfd p[FIXED + COMMANDER_RUNNING_MAX] = {
		{ .fd = c->socket, .events = POLLIN },
		{ .fd = c->signals, .events = POLLIN },
	};

	/* A negative descriptor is passed over. */
	for (unsigned i = 0; i < COMMANDER_RUNNING_MAX; i++)
		p[FIXED + i] = (struct pollfd){ .fd = c->child[i].pid ? c->child[i].out : -1, .events = POLLIN };
	poll(p, FIXED + COMMANDER_RUNNING_MAX, wait_ms(c, clock_mono_ns()));
}

static bool turn(struct commander *c)
{
	uint64_t now_ns;
	bool goes_on;

	wait_for_something(c);
	now_ns = clock_mono_ns();
	goes_on = take_orders(c, now_ns);
	for (unsigned i = 0; i < COMMANDER_RUNNING_MAX; i++)
		if (c->child[i].pid)
			read_output(&c->child[i]);
	reap(c, now_ns);
	end_the_late(c, now_ns);
	return goes_on;
}

void commander_run(int socket, struct commander_groups *groups)
{
	static struct commander c;

	prctl(PR_SET_NAME, "tandem-runner");
	c.socket = keep_only(socket);
	c.signals = open_signals();
	c.groups = groups;
	privs_drop_all();
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	while (turn(&c))
		;
	for (unsigned i = 0; i < COMMANDER_RUNNING_MAX; i++) {
		signal_group(&c.child[i], SIGKILL);
		atomic_store(&groups->pgid[i], 0);
	}
	_exit(EXIT_SUCCESS);
}
