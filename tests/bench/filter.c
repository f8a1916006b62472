/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * filter.c - nanoseconds that the XDP filter takes for one frame, by the kernel's own test run: a query and a
 * server's answer, redirected; a query for a virtual address, redirected while its lease is held (the filter
 * then reads the clock as well) and dropped while it is not.
 *
 *      filter DEVICE           one line a path: its name, then the median; in a namespace of its own
 */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/steer.h"

enum {
	PORT = 0,
	QUEUE = 0,
	RUNS = 15,
	REPEAT = 200000,
	PORTS_FIRST = 16384,
	PORTS_COUNT = 16384,
	PAYLOAD = 40,
	HELD_LEASE = 0,
};

#define CLIENT	"192.0.2.1"
#define OWN	"192.0.2.161"
#define HELD	"192.0.2.160"
#define NOT_HELD "192.0.2.159"
#define SERVER	"192.0.2.163"

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[PAYLOAD];
} __attribute__((packed));

struct path {
	const char *name;
	const char *from, *to;
	uint16_t from_port, to_port;
	uint32_t verdict;
};

static const struct path paths[] = {
	{ "query-redirect", CLIENT, OWN, 4000, 53, XDP_REDIRECT },
	{ "answer-redirect", SERVER, OWN, 53, PORTS_FIRST + 4711, XDP_REDIRECT },
	{ "leased-redirect", CLIENT, HELD, 4000, 53, XDP_REDIRECT },
	{ "no-lease-drop", CLIENT, NOT_HELD, 4000, 53, XDP_DROP },
};

static struct endpoint endpoint_of(const char *text)
{
	struct endpoint endpoint = { .port = 53 };

	if (addr_parse(text, &endpoint.addr))
		abort();
	return endpoint;
}

static struct frame make_frame(const struct path *path)
{
	return (struct frame) {
		.eth.h_proto = htons(ETH_P_IP),
		.ip = {
			.version = 4,
			.ihl = 5,
			.tot_len = htons(sizeof(struct frame) - sizeof(struct ethhdr)),
			.ttl = 64,
			.protocol = IPPROTO_UDP,
			.saddr = inet_addr(path->from),
			.daddr = inet_addr(path->to),
		},
		.udp = {
			.source = htons(path->from_port),
			.dest = htons(path->to_port),
			.len = htons(sizeof(struct udphdr) + PAYLOAD),
		},
	};
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* 0, or 1 with the reason on standard error. */
static int measure(struct steer *steer, unsigned ifindex, const struct path *path)
{
	struct frame frame = make_frame(path);
	uint32_t ns[RUNS], verdict;

	for (unsigned i = 0; i < RUNS; i++) {
		int err = steer_measure(steer, &frame, sizeof(frame), ifindex, QUEUE, REPEAT, &verdict, &ns[i]);

		if (err || verdict != path->verdict) {
			fprintf(stderr, "filter: %s: %s\n", path->name, err ? strerror(-err) : "wrong verdict");
			return 1;
		}
	}
	qsort(ns, RUNS, sizeof(*ns), compare);
	printf("%s %u\n", path->name, ns[RUNS / 2]);
	return 0;
}

static int configure(struct steer *steer, int xsk_fd)
{
	const struct steer_listen listens[] = {
		{ endpoint_of(OWN), LEASE_NONE },
		{ endpoint_of(HELD), HELD_LEASE },
		{ endpoint_of(NOT_HELD), LEASE_NEVER },
	};
	const struct endpoint server = endpoint_of(SERVER);
	int err = steer_configure(steer, listens, 3, &server, 1, PORTS_FIRST, PORTS_COUNT);

	lease_grant(steer_leases(steer), HELD_LEASE, LEASE_ACTIVE, UINT64_MAX);
	return err ? err : steer_socket_set(steer, PORT, QUEUE, xsk_fd);
}

int main(int argc, char **argv)
{
	unsigned ifindex = argc == 2 ? if_nametoindex(argv[1]) : 0;
	int xsk_fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), err = 1;
	char error[256] = "";
	struct steer *steer;
	enum steer_mode mode;

	if (!ifindex || xsk_fd < 0) {
		fputs("usage: filter DEVICE\n", stderr);
		return 1;
	}
	if (steer_open(&steer, error, sizeof(error))) {
		fprintf(stderr, "filter: %s\n", error);
		return 1;
	}
	if (steer_attach(steer, PORT, ifindex, STEER_AUTO, &mode, error, sizeof(error)) ||
	    configure(steer, xsk_fd)) {
		fprintf(stderr, "filter: %s\n", error[0] ? error : "cannot be configured");
		goto out;
	}
	err = 0;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths) && !err; i++)
		err = measure(steer, ifindex, &paths[i]);
out:
	steer_close(steer);
	close(xsk_fd);
	return err;
}
