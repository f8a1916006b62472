/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * witness.c - what a machine's own clock says of a drill: when IPv4 advertisements came and went, by the kernel's time
 * stamps, and when even the most urgent thread did not run. On each processor one with real-time priority above
 * tandemd's sleeps for 2 ms again and again; what it wakes too late is time that the machine did not get.
 *
 *   witness INTERFACE      until SIGTERM, then prints, with times in seconds since 1970 by this machine's clock
 *       advert TIME in|out PRIORITY
 *       late TIME PROCESSOR MILLISECONDS      TIME is when it woke
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
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
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"

enum {
	PROCESSORS_MAX = 64,
	NOTES_MAX = 65536,
	PRIORITY = 90,			/* tandemd's guard has 60 */
	TICK_NS = 2 * CLOCK_NS_PER_MS,
	LATE_NS = CLOCK_NS_PER_MS,	/* less is not noted */
	ADVERT_PRIORITY = 2,		/* where it is in an advertisement */
};

struct late {
	uint64_t woke_ns, late_ns;
};

struct advert {
	struct timespec time;
	uint8_t priority;
	uint8_t is_out;
};

struct watcher {
	pthread_t thread;
	unsigned processor, n;
	struct late late[NOTES_MAX];
};

static struct watcher *watchers;
static struct advert adverts[NOTES_MAX];
static unsigned n_adverts;
static atomic_bool stopped;

static void die(const char *what)
{
	fprintf(stderr, "witness: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void on_signal(int number)
{
	(void)number;
	stopped = true;
}

static void *watch(void *context)
{
	struct watcher *w = context;
	uint64_t due_ns = clock_mono_ns() + TICK_NS;

	while (!stopped && w->n < NOTES_MAX) {
		struct timespec due = { (time_t)(due_ns / CLOCK_NS_PER_S), (long)(due_ns % CLOCK_NS_PER_S) };
		uint64_t now_ns;

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
		now_ns = clock_mono_ns();
		if (now_ns - due_ns >= LATE_NS)
			w->late[w->n++] = (struct late){ clock_wall_ns(), now_ns - due_ns };
		due_ns = now_ns + TICK_NS;
	}
	return NULL;
}

static void start_watcher(struct watcher *w, unsigned processor)
{
	struct sched_param param = { .sched_priority = PRIORITY };
	pthread_attr_t attr;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	w->processor = processor;
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &param);
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	errno = pthread_create(&w->thread, &attr, watch, w);
	if (errno)
		die("a thread with real-time priority");
}

/* Both directions: IPv4 and protocol 112. */
static int open_socket(const char *interface)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_PROTOCOL),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 112, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 256),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct timeval patience = { .tv_usec = 100 * 1000 };	/* a signal may come just before recvmsg() */
	int fd = socket(AF_PACKET, SOCK_DGRAM, 0), on = 1;

	address.sll_ifindex = (int)if_nametoindex(interface);
	if (fd < 0 || !address.sll_ifindex || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)))
		die(interface);
	return fd;
}

static void note_advert(int fd)
{
	uint8_t packet[256], control[128] __attribute__((aligned(8)));
	struct sockaddr_ll from;
	struct iovec data = { packet, sizeof(packet) };
	struct msghdr msg = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &data, .msg_iovlen = 1,
			      .msg_control = control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, 0);
	size_t header = n > 0 ? (size_t)(packet[0] & 15) * 4 : 0;
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	struct advert *a = &adverts[n_adverts];

	if (!c || c->cmsg_type != SCM_TIMESTAMPNS || (size_t)n <= header + ADVERT_PRIORITY || n_adverts == NOTES_MAX)
		return;
	memcpy(&a->time, CMSG_DATA(c), sizeof(a->time));
	a->priority = packet[header + ADVERT_PRIORITY];
	a->is_out = from.sll_pkttype == PACKET_OUTGOING;
	n_adverts++;
}

static void print_notes(unsigned n_processors)
{
	for (unsigned i = 0; i < n_adverts; i++)
		printf("advert %lld.%06ld %s %u\n", (long long)adverts[i].time.tv_sec, adverts[i].time.tv_nsec / 1000,
		       adverts[i].is_out ? "out" : "in", adverts[i].priority);
	for (unsigned p = 0; p < n_processors; p++)
		for (unsigned i = 0; i < watchers[p].n; i++)
			printf("late %.6f %u %.3f\n", (double)watchers[p].late[i].woke_ns / CLOCK_NS_PER_S, p,
			       (double)watchers[p].late[i].late_ns / CLOCK_NS_PER_MS);
}

int main(int argc, char **argv)
{
	unsigned n = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	struct sigaction action = { .sa_handler = on_signal };
	int fd;

	if (argc != 2) {
		fprintf(stderr, "witness INTERFACE\n");
		return 2;
	}
	n = n < PROCESSORS_MAX ? n : PROCESSORS_MAX;
	fd = open_socket(argv[1]);
	watchers = calloc(n, sizeof(*watchers));
	if (!watchers || mlockall(MCL_CURRENT | MCL_FUTURE))
		die("memory");
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	for (unsigned p = 0; p < n; p++)
		start_watcher(&watchers[p], p);
	while (!stopped)
		note_advert(fd);
	for (unsigned p = 0; p < n; p++)
		pthread_join(watchers[p].thread, NULL);
	print_notes(n);
	return 0;
}
