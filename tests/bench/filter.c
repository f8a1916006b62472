/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * filter.c - nanoseconds that the XDP filter takes for one frame, by the kernel's own test run: a query and a
 * server's answer, redirected; a query for a virtual address, redirected while its lease is held (the filter
 * then reads the clock as well) and dropped while it is not; the same over IPv6 and behind a VLAN tag; at last, with a
 * thousand prefixes blocked, a query from one of them and one from none.
 *
 *      filter DEVICE           one line a path: its name, then the median; in a namespace of its own
 */
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/packet.h"
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
	VLAN = 100,
	BLOCKS = 1000,
};

#define CLIENT	"192.0.2.1"
#define OWN	"192.0.2.161"
#define HELD	"192.0.2.160"
#define NOT_HELD "192.0.2.159"
#define SERVER	"192.0.2.163"

#define CLIENT6	"2001:db8::1"
#define OWN6	"2001:db8::161"
#define SERVER6	"2001:db8::163"
#define BLOCKED	"198.51.100.7"

struct path {
	const char *name;
	const char *from, *to;
	uint16_t from_port, to_port;
	uint32_t verdict;
	uint16_t vlan;
	bool with_blocks;
};

static const struct path paths[] = {
	{ "query-redirect", CLIENT, OWN, 4000, 53, XDP_REDIRECT, 0, false },
	{ "answer-redirect", SERVER, OWN, 53, PORTS_FIRST + 4711, XDP_REDIRECT, 0, false },
	{ "leased-redirect", CLIENT, HELD, 4000, 53, XDP_REDIRECT, 0, false },
	{ "no-lease-drop", CLIENT, NOT_HELD, 4000, 53, XDP_DROP, 0, false },
	{ "query-ipv6", CLIENT6, OWN6, 4000, 53, XDP_REDIRECT, 0, false },
	{ "answer-ipv6", SERVER6, OWN6, 53, PORTS_FIRST + 4711, XDP_REDIRECT, 0, false },
	{ "query-vlan", CLIENT, OWN, 4000, 53, XDP_REDIRECT, VLAN, false },
	{ "blocked-drop", BLOCKED, OWN, 4000, 53, XDP_DROP, 0, true },
	{ "query-beside-blocks", CLIENT, OWN, 4000, 53, XDP_REDIRECT, 0, true },
};

static struct endpoint endpoint_of(const char *text, uint16_t port)
{
	struct endpoint endpoint = { .port = port };

	if (addr_parse(text, &endpoint.addr))
		abort();
	return endpoint;
}

/* Written into room; the frame's first octet. */
static uint8_t *make_frame(const struct path *path, uint8_t room[DP_HEADERS_MAX + PAYLOAD])
{
	const struct endpoint from = endpoint_of(path->from, path->from_port),
		to = endpoint_of(path->to, path->to_port);
	const struct dp_flow flow = {
		.own = from.addr, .own_port = from.port, .peer = to.addr, .peer_port = to.port, .vlan = path->vlan,
	};

	memset(room, 0, DP_HEADERS_MAX + PAYLOAD);
	return dp_packet_write(room + DP_HEADERS_MAX, PAYLOAD, &flow);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* BLOCKED's network and others; they stay. */
static int block_many(struct steer *steer)
{
	struct steer_block block = { .until_ns = UINT64_MAX };
	char text[PREFIX_TEXT_MAX];
	int err = 0;

	for (unsigned i = 0; i < BLOCKS && !err; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.0/24", i / 250, i % 250);
		err = prefix_parse(i ? text : "198.51.100.0/24", &block.prefix);
		if (!err)
			err = steer_block(steer, &block);
	}
	return err;
}

/* 0, or 1 with the reason on standard error. */
static int measure(struct steer *steer, unsigned ifindex, const struct path *path)
{
	uint8_t room[DP_HEADERS_MAX + PAYLOAD], *frame = make_frame(path, room);
	unsigned len = (unsigned)(room + sizeof(room) - frame);
	uint32_t ns[RUNS], verdict;

	steer_set_vlan(steer, PORT, path->vlan);
	if (path->with_blocks && block_many(steer)) {
		fprintf(stderr, "filter: %s: the blocks do not go in\n", path->name);
		return 1;
	}
	for (unsigned i = 0; i < RUNS; i++) {
		int err = steer_measure(steer, frame, len, ifindex, QUEUE, REPEAT, &verdict, &ns[i]);

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
		{ endpoint_of(OWN, 53), LEASE_NONE },
		{ endpoint_of(HELD, 53), HELD_LEASE },
		{ endpoint_of(NOT_HELD, 53), LEASE_NEVER },
		{ endpoint_of(OWN6, 53), LEASE_NONE },
	};
	const struct endpoint servers[] = { endpoint_of(SERVER, 53), endpoint_of(SERVER6, 53) };
	int err;

	steer_set_only_dns(steer, 1ull << HELD_LEASE);
	err = steer_configure(steer, listens, 4, servers, 2, PORTS_FIRST, PORTS_COUNT);
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
