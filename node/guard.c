/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard.c - the guard process, and the fatal-signal handler that speaks before it. Contract in guard.h.
 *
 * One anonymous shared mapping holds a robust mutex and the last words. Between the daemon and the guard there is a
 * socket pair, for start-up only: the guard reports, takes the map of the leases, and is told once the VRRP
 * thread holds the mutex. Then it sleeps on the mutex and on nothing else. How it gets it tells why:
 *
 *   EOWNERDEAD   the VRRP thread died with it, whatever killed it: zero leases, send frames, end
 *   0            the VRRP thread gave it back: end
 *
 * The kernel hands a dead thread's robust mutexes on before it takes down the process's memory and descriptors,
 * which is where the time goes. Both processes map the same pages, so those outlive either.
 *
 * While a core dump is written no thread of the dead process goes on, and the mutex stays held. Hence the handler:
 * it says the same words in the daemon itself, with nothing but send() and stores to memory.
 */
#include "node/guard.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/lease.h"
#include "base/log.h"
#include "vrrp/engine.h"

enum {
	GUARD_PRIORITY = 60,		/* above the VRRP thread's */
	ANSWER_MS = 2000,		/* for each answer of the guard: it has nothing else to do */
	END_MS = 1000,
	FATAL_STACK = 32 * 1024,	/* the handler is small, a signal frame with AVX-512 or AMX is not */
};

struct shared {
	pthread_mutex_t mutex;		/* robust, the VRRP thread's */
	struct vrrp_last_words words[VRRP_ROUTERS_MAX];
};

struct guard {
	struct shared *shared;
	pid_t pid;
	int pidfd;
	int socket;
};

/* What the daemon says, LEASES with a descriptor. */
enum order { ORDER_LEASES, ORDER_HELD };

/* What the signal handler needs; it has no argument of ours. */
static struct {
	struct vrrp_last_words *words;	/* NULL = nothing to say */
	struct lease_page *leases;
	int fd;
} fatal;

/* What the guard says, after its start and after ORDER_LEASES. */
struct report {
	int err;			/* 0 or -errno */
	bool is_realtime, is_locked;
};

/* ---- the last words ---- */

/* A packet socket that receives nothing. */
static int open_packet_socket(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

static void send_words(int fd, const struct vrrp_last_words *words)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = words->ifindex };
	size_t len = words->len < VRRP_FRAME_MAX ? words->len : VRRP_FRAME_MAX;

	for (unsigned i = 0; i < words->n && i < VRRP_PEERS_MAX; i++)
		sendto(fd, words->frames[i], len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to));
}

static bool is_active(const struct vrrp_last_words *words)
{
	return atomic_load_explicit((_Atomic uint32_t *)&words->active, memory_order_acquire);
}

static void revoke_lease(struct lease_page *leases, unsigned index)
{
	if (leases && index < LEASE_MAX)
		lease_revoke(leases, (uint8_t)index);
}

/*
 * The guard's and the signal handler's: async-signal-safe. leases may be NULL. Silence comes before speech, and each
 * word is said once: a second priority 0, tens of milliseconds later, would restart the skew timer of the peer.
 */
static void speak(struct vrrp_last_words *words, struct lease_page *leases, int fd)
{
	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++)
		if (is_active(&words[i]))
			revoke_lease(leases, words[i].lease);
	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++)
		if (atomic_exchange(&words[i].active, 0))
			send_words(fd, &words[i]);
	/* Those that linger, and whatever a thread that still runs wrote in between. */
	for (unsigned i = 0; i < LEASE_MAX; i++)
		revoke_lease(leases, i);
}

/* ---- the guard's process ---- */

static void reset_signals(void)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE };
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* All but keep, standard input and output too. */
static void close_others(int keep)
{
	if (keep > 0)
		close_range(0, (unsigned)keep - 1, 0);
	close_range((unsigned)keep + 1, ~0u, 0);
}

static bool become_realtime(void)
{
	struct sched_param param = { .sched_priority = GUARD_PRIORITY };

	return sched_setscheduler(0, SCHED_FIFO, &param) == 0;
}

/* The descriptor that came with a message, or -1. */
static int received_fd(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* The next order; false when the daemon is gone. */
static bool receive_order(int socket, enum order *order, int *fd)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec data = { order, sizeof(*order) };
	struct msghdr msg = { .msg_iov = &data, .msg_iovlen = 1,
			      .msg_control = control, .msg_controllen = sizeof(control) };
	ssize_t n;

	do
		n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(*order))
		return false;
	*fd = received_fd(&msg);
	return true;
}

static int map_leases(int fd, struct lease_page **leases)
{
	void *page;
	int err = 0;

	if (fd < 0)
		return -EBADF;
	page = mmap(NULL, sizeof(**leases), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		err = -errno;
	else
		*leases = page;
	close(fd);
	return err;
}

static bool send_report(int socket, const struct report *report)
{
	return send(socket, report, sizeof(*report), MSG_NOSIGNAL) == sizeof(*report);
}

/* Start-up, until the VRRP thread holds the mutex. False: the daemon ended before that. */
static bool follow_orders(int socket, struct lease_page **leases)
{
	enum order order;
	int fd;

	while (receive_order(socket, &order, &fd)) {
		if (order == ORDER_HELD)
			return true;
		if (!send_report(socket, &(struct report){ .err = map_leases(fd, leases) }))
			return false;
	}
	return false;
}

__attribute__((noreturn))
static void run_guard(struct shared *shared, int socket)
{
	struct lease_page *leases = NULL;
	struct report report = { 0 };
	int fd;

	prctl(PR_SET_NAME, "tandem-guard");
	reset_signals();
	close_others(socket);
	fd = open_packet_socket();
	report.err = fd < 0 ? fd : 0;
	report.is_locked = mlockall(MCL_CURRENT | MCL_FUTURE) == 0;
	report.is_realtime = become_realtime();
	if (!send_report(socket, &report) || !follow_orders(socket, &leases))
		_exit(0);
	if (pthread_mutex_lock(&shared->mutex) == EOWNERDEAD)
		speak(shared->words, leases, fd);
	_exit(0);
}

/* ---- the daemon's side ---- */

static int make_shared(struct shared **out)
{
	pthread_mutexattr_t attributes;
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int err;

	if (shared == MAP_FAILED)
		return -errno;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	err = -pthread_mutex_init(&shared->mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
	if (err)
		munmap(shared, sizeof(*shared));
	else
		*out = shared;
	return err;
}

static int read_report(const struct guard *guard, struct report *report)
{
	struct pollfd p = { .fd = guard->socket, .events = POLLIN };

	if (poll(&p, 1, ANSWER_MS) != 1)
		return -ETIMEDOUT;
	return recv(guard->socket, report, sizeof(*report), 0) == sizeof(*report) ? report->err : -EPIPE;
}

static int fork_guard(struct guard *guard)
{
	int pair[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	guard->pid = fork();
	if (guard->pid == 0)
		run_guard(guard->shared, pair[1]);
	err = -errno;
	close(pair[1]);
	guard->socket = pair[0];
	if (guard->pid < 0)
		return err;
	guard->pidfd = (int)syscall(SYS_pidfd_open, guard->pid, 0);
	return guard->pidfd < 0 ? -errno : 0;
}

int guard_start(struct guard **out, char *error, size_t size)
{
	struct guard *guard = malloc(sizeof(*guard));
	struct report report;
	int err = -ENOMEM;

	if (!guard)
		goto err;
	*guard = (struct guard){ .pid = -1, .pidfd = -1, .socket = -1 };
	err = make_shared(&guard->shared);
	if (!err)
		err = fork_guard(guard);
	if (!err)
		err = read_report(guard, &report);
	if (err)
		goto err_stop;
	if (!report.is_realtime)
		log_warning("the guard has no real-time priority: it may speak late when the processors are busy");
	if (!report.is_locked)
		log_warning("the guard's memory is not locked");
	*out = guard;
	return 0;

err_stop:
	guard_stop(guard);
err:
	snprintf(error, size, "guard: %s", strerror(-err));
	return err;
}

struct vrrp_last_words *guard_last_words(struct guard *guard)
{
	return guard->shared->words;
}

int guard_give_leases(struct guard *guard, int lease_fd)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = { 0 };
	enum order order = ORDER_LEASES;
	struct iovec data = { &order, sizeof(order) };
	struct msghdr msg = { .msg_iov = &data, .msg_iovlen = 1,
			      .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	struct report report;

	if (lease_fd < 0)
		return 0;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(lease_fd));
	memcpy(CMSG_DATA(c), &lease_fd, sizeof(lease_fd));
	if (sendmsg(guard->socket, &msg, MSG_NOSIGNAL) != sizeof(order))
		return -errno;
	return read_report(guard, &report);
}

int guard_hold(struct guard *guard)
{
	enum order order = ORDER_HELD;
	int err = pthread_mutex_lock(&guard->shared->mutex);

	if (err)
		return -err;
	if (send(guard->socket, &order, sizeof(order), MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof(order))
		return -errno;
	return 0;
}

void guard_let_go(struct guard *guard)
{
	pthread_mutex_unlock(&guard->shared->mutex);
}

pid_t guard_pid(const struct guard *guard)
{
	return guard->pid;
}

int guard_pidfd(const struct guard *guard)
{
	return guard->pidfd;
}

static void forget_fatal(const struct vrrp_last_words *words)
{
	if (fatal.words != words)
		return;
	fatal.words = NULL;
	close(fatal.fd);
}

/* A guard that does not end by itself waits for a thread that will not give the mutex back. */
static void wait_for_end(const struct guard *guard)
{
	struct pollfd p = { .fd = guard->pidfd, .events = POLLIN };

	if (guard->pidfd < 0 || poll(&p, 1, END_MS) != 1)
		kill(guard->pid, SIGKILL);
	waitpid(guard->pid, NULL, 0);
}

void guard_stop(struct guard *guard)
{
	if (!guard)
		return;
	if (guard->socket >= 0)
		close(guard->socket);
	if (guard->pid > 0)
		wait_for_end(guard);
	if (guard->pidfd >= 0)
		close(guard->pidfd);
	if (guard->shared) {
		forget_fatal(guard->shared->words);
		munmap(guard->shared, sizeof(*guard->shared));
	}
	free(guard);
}

/* ---- fatal signals ---- */

/* SIGXCPU: the VRRP thread loops (vrrp/realtime.h), or whatever limit of CPU time the process was given. */
static const int fatal_signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGXCPU };

/* The default action is back in force (SA_RESETHAND) and the signal blocked until the return: it ends the process
 * then, with a core of where it happened. */
static void on_fatal(int number)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;

	if (fatal.words && !atomic_flag_test_and_set(&said))
		speak(fatal.words, fatal.leases, fatal.fd);
	raise(number);
}

int guard_thread_stack(void)
{
	static _Thread_local uint8_t memory[FATAL_STACK] __attribute__((aligned(16)));
	const stack_t stack = { .ss_sp = memory, .ss_size = sizeof(memory) };
	stack_t present;

	/* A sanitizer's run-time gives each thread one, and wants it back. */
	if (sigaltstack(NULL, &present) == 0 && !(present.ss_flags & SS_DISABLE))
		return 0;
	return sigaltstack(&stack, NULL) ? -errno : 0;
}

int guard_catch_fatal(struct guard *guard, struct lease_page *leases)
{
	struct sigaction action = { .sa_handler = on_fatal, .sa_flags = SA_ONSTACK | SA_RESETHAND };
	int err = guard_thread_stack(), fd;

	if (err)
		return err;
	fd = open_packet_socket();
	if (fd < 0)
		return fd;
	fatal.fd = fd;
	fatal.leases = leases;
	fatal.words = guard->shared->words;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(fatal_signals) / sizeof(fatal_signals[0]); i++)
		sigaction(fatal_signals[i], &action, NULL);
	return 0;
}
