/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_guard.c - daemons that end in several ways, and what is heard of them on the wire. Needs root: a veth pair
 * in namespaces of its own.
 *
 * Each "daemon" is a child of the test with a guard, a thread that holds the mutex, and a lease page in a BPF map
 * that the test maps too. Two of its virtual routers are Active, one is not.
 */
#include "node/guard.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "base/clock.h"
#include "base/lease.h"
#include "base/log.h"
#include "tests/dataplane/netns.h"
#include "tests/tap.h"
#include "vrrp/engine.h"
#include "vrrp/realtime.h"

enum {
	KILLS = 10,
	LIMIT_US = 5000,
	FRAME_LEN = 60,
	FRAME_TYPE = 0x88b5,		/* IEEE's for experiments: nobody else's */
	DEADLINE_MS = 5000,
	GIB = 1 << 30,
};

static struct netns ns;
static unsigned device;			/* e0 */
static int wire;			/* what arrives at p0 */
static int lease_fd;
static struct lease_page *leases;
static char error[256];

/* ---- the wire ---- */

static int listen_at_peer(void)
{
	const int on = 1;
	struct sockaddr_ll name = { .sll_family = AF_PACKET, .sll_protocol = htons(FRAME_TYPE) };
	int fd;

	assert_true(netns_enter(ns.peer_fd));
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	name.sll_ifindex = (int)if_nametoindex("p0");
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)), 0);
	assert_true(netns_enter(ns.own_fd));
	return fd;
}

/* The router whose frame comes next and when the kernel had it (CLOCK_REALTIME); -1: none within the time. */
static int hear_at(int timeout_ms, uint64_t *wall_ns)
{
	struct pollfd p = { .fd = wire, .events = POLLIN };
	char control[CMSG_SPACE(sizeof(struct timespec))] __attribute__((aligned(8)));
	uint8_t frame[FRAME_LEN];
	struct iovec data = { frame, sizeof(frame) };
	struct msghdr msg = { .msg_iov = &data, .msg_iovlen = 1,
			      .msg_control = control, .msg_controllen = sizeof(control) };
	struct timespec stamp;

	if (poll(&p, 1, timeout_ms) != 1)
		return -1;
	assert_int_equal(recvmsg(wire, &msg, 0), FRAME_LEN);
	assert_non_null(CMSG_FIRSTHDR(&msg));
	memcpy(&stamp, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(stamp));
	*wall_ns = (uint64_t)stamp.tv_sec * CLOCK_NS_PER_S + (uint64_t)stamp.tv_nsec;
	return frame[FRAME_LEN - 1];
}

static int hear(int timeout_ms)
{
	uint64_t wall_ns;

	return hear_at(timeout_ms, &wall_ns);
}

/* ---- a daemon ---- */

enum way {
	WAY_KILL, WAY_SEGV, WAY_OVERFLOW, WAY_ABORT, WAY_RUNAWAY, WAY_EXIT, WAY_CLEAN, WAY_BEFORE, WAY_LET_LIVE
};

struct daemon {
	volatile enum way way;
	struct guard *guard;
	pthread_barrier_t holds, ends;
};

struct said {
	pid_t guard;
	int err;
};

static void fill_words(struct vrrp_last_words *words)
{
	for (unsigned i = 0; i < 3; i++) {
		words[i] = (struct vrrp_last_words){ .len = FRAME_LEN, .n = 1, .ifindex = (int)device,
						     .lease = (uint8_t)(4 + i) };
		memset(words[i].frames[0], 0xff, 6);
		words[i].frames[0][12] = FRAME_TYPE >> 8;
		words[i].frames[0][13] = FRAME_TYPE & 0xff;
		words[i].frames[0][FRAME_LEN - 1] = (uint8_t)i;
		words[i].active = i != 1;
		if (i < 2)
			continue;
		/* one with two peers */
		words[i].n = 2;
		memcpy(words[i].frames[1], words[i].frames[0], FRAME_LEN);
		words[i].frames[1][FRAME_LEN - 1] = 3;
	}
}

__attribute__((noinline))
static unsigned overflow(volatile unsigned depth)
{
	volatile char room[4096];

	room[0] = (char)depth;
	return depth ? overflow(depth + 1) + (unsigned)room[0] : 0;
}

/* As the engine's thread: it dies as soon as it is killed only if it gets a processor. */
static void *vrrp_thread(void *context)
{
	struct daemon *daemon = context;

	vrrp_become_realtime();
	guard_thread_stack();
	guard_hold(daemon->guard);
	pthread_barrier_wait(&daemon->holds);
	pthread_barrier_wait(&daemon->ends);
	while (daemon->way == WAY_RUNAWAY)
		;
	guard_let_go(daemon->guard);
	return NULL;
}

static void *doomed_thread(void *context)
{
	(void)context;
	guard_thread_stack();
	overflow(1);
	return NULL;
}

static void touch(size_t octets)
{
	uint8_t *memory = mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	madvise(memory, octets, MADV_NOHUGEPAGE);	/* the slowest to take down */
	for (size_t i = 0; i < octets; i += 4096)
		memory[i] = 1;
}

/* None of these is the thread with the mutex. */
static void crash(enum way way)
{
	pthread_t thread;

	if (way == WAY_SEGV)
		*(volatile char *)mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) = 1;
	if (way == WAY_ABORT)
		abort();
	if (way == WAY_EXIT)
		_exit(0);
	if (way == WAY_OVERFLOW && pthread_create(&thread, NULL, doomed_thread, NULL) == 0)
		pthread_join(thread, NULL);
}

__attribute__((noreturn))
static void run_daemon(enum way way, int to_test, int from_test)
{
	struct daemon daemon = { .way = way };
	struct rlimit no_core = { 0, 0 };
	struct said said = { 0 };
	pthread_t thread;
	char c;

	setrlimit(RLIMIT_CORE, &no_core);
	said.err = guard_start(&daemon.guard, error, sizeof(error));
	if (!said.err)
		said.err = guard_give_leases(daemon.guard, lease_fd);
	if (!said.err && way != WAY_KILL)
		said.err = guard_catch_fatal(daemon.guard, leases);
	if (!said.err) {
		said.guard = guard_pid(daemon.guard);
		fill_words(guard_last_words(daemon.guard));
	}
	if (way == WAY_KILL)
		touch(GIB);
	if (way != WAY_BEFORE) {
		pthread_barrier_init(&daemon.holds, NULL, 2);
		pthread_barrier_init(&daemon.ends, NULL, 2);
		pthread_create(&thread, NULL, vrrp_thread, &daemon);
		pthread_barrier_wait(&daemon.holds);
	}
	if (write(to_test, &said, sizeof(said)) != sizeof(said) || read(from_test, &c, 1) != 1)
		_exit(1);
	if (way == WAY_RUNAWAY) {
		alarm(DEADLINE_MS / 1000);	/* should nothing else end it */
		pthread_barrier_wait(&daemon.ends);
	}
	crash(way);
	if (way == WAY_CLEAN) {
		pthread_barrier_wait(&daemon.ends);
		pthread_join(thread, NULL);
		guard_stop(daemon.guard);
		_exit(0);
	}
	pause();
	_exit(1);
}

struct running {
	pid_t pid, guard;
	int guard_pidfd;
	int go;
};

static struct running start_daemon(enum way way)
{
	struct running r = { 0 };
	int to_test[2], from_test[2];
	struct said said;

	for (unsigned i = 0; i < LEASE_MAX; i++)
		lease_grant(leases, (uint8_t)i, LEASE_ACTIVE, clock_boot_ns() + 3600ull * CLOCK_NS_PER_S);
	assert_int_equal(pipe(to_test) | pipe(from_test), 0);
	r.pid = fork();
	assert_true(r.pid >= 0);
	if (r.pid == 0)
		run_daemon(way, to_test[1], from_test[0]);
	close(to_test[1]);
	close(from_test[0]);
	assert_int_equal(read(to_test[0], &said, sizeof(said)), sizeof(said));
	assert_int_equal(said.err, 0);
	close(to_test[0]);
	r.guard = said.guard;
	r.guard_pidfd = (int)syscall(SYS_pidfd_open, r.guard, 0);
	assert_true(r.guard_pidfd >= 0);
	r.go = from_test[1];
	return r;
}

static void go(const struct running *r)
{
	assert_int_equal(write(r->go, "", 1), 1);
}

static int wait_daemon(const struct running *r)
{
	int status;

	waitpid(r->pid, &status, 0);
	close(r->go);
	return status;
}

static void expect_no_leases(void)
{
	for (unsigned i = 0; i < LEASE_MAX; i++) {
		assert_int_equal(__atomic_load_n(&leases->entries[i].until_ns, __ATOMIC_ACQUIRE), 0);
		assert_int_equal(lease_mode(leases, (uint8_t)i), LEASE_RELEASED);
	}
}

static void expect_gone(const struct running *r)
{
	struct pollfd p = { .fd = r->guard_pidfd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	close(r->guard_pidfd);
}

/* Both Active ones are heard, the third is not. */
static void expect_words(void)
{
	assert_int_equal(hear(DEADLINE_MS), 0);
	assert_false(lease_holds(leases, 4, clock_boot_ns()));	/* zeroed first */
	assert_int_equal(hear(DEADLINE_MS), 2);
	assert_int_equal(hear(DEADLINE_MS), 3);
}

/* ---- deaths ---- */

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void test_kill(void **state)
{
	uint64_t took_us[KILLS];

	(void)state;
	for (unsigned i = 0; i < KILLS; i++) {
		struct running r = start_daemon(WAY_KILL);
		uint64_t killed_ns = clock_wall_ns(), heard_ns;

		kill(r.pid, SIGKILL);
		assert_int_equal(hear_at(DEADLINE_MS, &heard_ns), 0);
		took_us[i] = (heard_ns - killed_ns) / CLOCK_NS_PER_US;
		assert_false(lease_holds(leases, 4, clock_boot_ns()));
		assert_int_equal(hear(DEADLINE_MS), 2);
		assert_int_equal(hear(DEADLINE_MS), 3);
		expect_gone(&r);
		expect_no_leases();
		wait_daemon(&r);
		assert_int_equal(hear(0), -1);
	}
	qsort(took_us, KILLS, sizeof(took_us[0]), compare);
	print_message("# heard after the kill: median %llu us, worst %llu us\n",
		      (unsigned long long)(took_us[KILLS / 2 - 1] + took_us[KILLS / 2]) / 2,
		      (unsigned long long)took_us[KILLS - 1]);
	assert_true(took_us[KILLS - 1] < LIMIT_US);
}

static void expect_crash(enum way way, int expected_signal)
{
	struct running r = start_daemon(way);
	int status;

	/* What speaks must be the handler: the guard cannot. */
	kill(r.guard, SIGSTOP);
	go(&r);
	expect_words();
	status = wait_daemon(&r);
	if (way != WAY_OVERFLOW || WIFSIGNALED(status)) {
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), expected_signal);
	}
	expect_no_leases();
	kill(r.guard, SIGCONT);
	expect_gone(&r);
	assert_int_equal(hear(0), -1);		/* once: a second one would restart the peer's skew timer */
}

static void test_crash(void **state)
{
	(void)state;
	expect_crash(WAY_SEGV, SIGSEGV);
	expect_crash(WAY_ABORT, SIGABRT);
}

static void test_overflow(void **state)
{
	(void)state;
	expect_crash(WAY_OVERFLOW, SIGSEGV);
}

/* The VRRP thread loops: its limit of CPU time ends it long before anybody would find the box. */
static void test_runaway(void **state)
{
	uint64_t begin_ns = clock_mono_ns();

	(void)state;
	expect_crash(WAY_RUNAWAY, SIGXCPU);
	assert_true(clock_mono_ns() - begin_ns < DEADLINE_MS * (uint64_t)CLOCK_NS_PER_MS);
}

static void test_exit(void **state)
{
	struct running r = start_daemon(WAY_EXIT);

	(void)state;
	go(&r);
	expect_words();
	expect_gone(&r);
	expect_no_leases();
	assert_int_equal(wait_daemon(&r), 0);
}

/* ---- silence ---- */

static void test_clean(void **state)
{
	struct running r = start_daemon(WAY_CLEAN);

	(void)state;
	go(&r);
	assert_int_equal(wait_daemon(&r), 0);		/* it has waited for its guard */
	assert_int_equal(kill(r.guard, 0), -1);
	close(r.guard_pidfd);
	assert_int_equal(hear(0), -1);
	assert_true(lease_holds(leases, 4, clock_boot_ns()));
}

static void test_before(void **state)
{
	struct running r = start_daemon(WAY_BEFORE);

	(void)state;
	kill(r.pid, SIGKILL);
	wait_daemon(&r);
	expect_gone(&r);
	assert_int_equal(hear(0), -1);
}

/* ---- the guard itself ---- */

static void test_guard_dies(void **state)
{
	struct guard *guard;
	struct pollfd p = { .events = POLLIN };

	(void)state;
	assert_int_equal(guard_start(&guard, error, sizeof(error)), 0);
	p.fd = guard_pidfd(guard);
	assert_int_equal(poll(&p, 1, 0), 0);
	kill(guard_pid(guard), SIGKILL);
	assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	assert_int_equal(guard_give_leases(guard, -1), 0);
	assert_int_equal(guard_give_leases(guard, lease_fd), -EPIPE);
	assert_int_equal(guard_hold(guard), -EPIPE);
	guard_let_go(guard);
	guard_stop(guard);
	guard_stop(NULL);
}

static void test_not_leases(void **state)
{
	struct guard *guard;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_int_equal(guard_start(&guard, error, sizeof(error)), 0);
	assert_int_equal(guard_give_leases(guard, fd), -ENODEV);
	assert_int_equal(guard_give_leases(guard, lease_fd), 0);
	guard_stop(guard);
	close(fd);
}

static void test_ignores(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
	struct running r = start_daemon(WAY_LET_LIVE);

	(void)state;
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		kill(r.guard, signals[i]);
	kill(r.pid, SIGKILL);
	expect_words();
	wait_daemon(&r);
	expect_gone(&r);
}

/* Its end of the socket pair and its packet socket; standard input and output neither. */
static void test_descriptors(void **state)
{
	int spare[8];
	struct running r;
	char path[64], target[128];
	struct dirent *entry;
	unsigned sockets = 0;
	DIR *dir;

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		spare[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	r = start_daemon(WAY_LET_LIVE);
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)r.guard);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (entry->d_name[0] == '.')
			continue;
		assert_true(len > 0);
		target[len] = '\0';
		if (strncmp(target, "socket:", 7) != 0)
			fail_msg("the guard has %s", target);
		sockets++;
	}
	closedir(dir);
	assert_int_equal(sockets, 2);
	for (unsigned i = 0; i < 8; i++)
		close(spare[i]);
	kill(r.pid, SIGKILL);
	expect_words();
	wait_daemon(&r);
	expect_gone(&r);
}

static void test_character(void **state)
{
	struct running r = start_daemon(WAY_LET_LIVE);
	struct sched_param param;
	char path[64], name[32] = "";
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)r.guard);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(fgets(name, sizeof(name), f));
	fclose(f);
	assert_string_equal(name, "tandem-guard\n");
	assert_int_equal(sched_getscheduler(r.guard), SCHED_FIFO);
	assert_int_equal(sched_getparam(r.guard, &param), 0);
	assert_int_equal(param.sched_priority, 60);
	kill(r.pid, SIGKILL);
	expect_words();
	wait_daemon(&r);
	expect_gone(&r);
}

static bool make_leases(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);

	lease_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "leases", 4, sizeof(*leases), 1, &opts);
	leases = mmap(NULL, sizeof(*leases), PROT_READ | PROT_WRITE, MAP_SHARED, lease_fd, 0);
	return leases != MAP_FAILED;
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("SIGKILL, 1 GiB in memory: leases zeroed, priority 0 within 5 ms", test_kill),
		CASE("a crash: the handler speaks, then the default action", test_crash),
		CASE("a thread that runs out of stack speaks too", test_overflow),
		CASE("a real-time thread that loops without sleeping is ended, and the handler speaks", test_runaway),
		CASE("an exit that gave nothing back is a death", test_exit),
		CASE("a clean end is silent", test_clean),
		CASE("the guard ends with a start that failed", test_before),
		CASE("the guard's own death is seen", test_guard_dies),
		CASE("a descriptor that is no map", test_not_leases),
		CASE("the terminal's signals do not end it", test_ignores),
		CASE("it inherits no descriptor", test_descriptors),
		CASE("its name and priority", test_character),
	};

	if (!netns_open(&ns) || !netns_veth(&ns, "e0", "p0", 1) || !make_leases()) {
		printf("1..0 # SKIP needs root, network namespaces and veth\n");
		return 0;
	}
	device = if_nametoindex("e0");
	wire = listen_at_peer();
	return RUN(cases);
}
