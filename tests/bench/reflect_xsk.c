/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reflect_xsk.c - the floor: the least that an AF_XDP answer can cost. One thread and one socket receive
 * queries of one queue, swap MACs, addresses and ports, set QR, and send the frame back. It has nothing of the
 * daemon's code, only its habits: batches of 64, poll() when idle, kick until accepted, refill at once.
 *
 *      reflect_xsk DEVICE [QUEUE]      until SIGTERM; prints "ready", and at the end one line of JSON
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_xdp.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <xdp/xsk.h>
#include "tests/bench/attach.h"
#include "tests/bench/reflect_xdp.skel.h"

#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

enum {
	RING = 2048,
	FRAME_SIZE = 2048,
	FRAMES = 2 * RING,
	BATCH = 64,
	KICK_FRAMES = 32,
	KICK_BUDGET = 512,
	IDLE_MS = 200,
};

struct reflector {
	uint8_t *area;
	struct xsk_umem *umem;
	struct xsk_socket *socket;
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons completion, rx;
	uint64_t received, refused, kicks;
};

struct headers {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t id[2], flags[2];
} __attribute__((packed));

/* The filter let only IPv4 without options and whole UDP headers through. */
static void turn_round(uint8_t *frame)
{
	struct headers *h = (struct headers *)frame;
	uint8_t mac[ETH_ALEN];
	uint32_t addr = h->ip.saddr, sum;
	uint16_t port = h->udp.source;

	memcpy(mac, h->eth.h_dest, ETH_ALEN);
	memcpy(h->eth.h_dest, h->eth.h_source, ETH_ALEN);
	memcpy(h->eth.h_source, mac, ETH_ALEN);
	h->ip.saddr = h->ip.daddr;
	h->ip.daddr = addr;
	h->udp.source = h->udp.dest;
	h->udp.dest = port;
	if (h->udp.check && !(h->flags[0] & 0x80)) {
		sum = (uint16_t)~ntohs(h->udp.check) + 0x8000u;
		h->udp.check = htons((uint16_t)~((sum & 0xffff) + (sum >> 16)));
	}
	h->flags[0] |= 0x80;
}

static void give_back(struct reflector *r, uint64_t address)
{
	uint32_t at;

	if (xsk_ring_prod__reserve(&r->fill, 1, &at)) {
		*xsk_ring_prod__fill_addr(&r->fill, at) = address & ~(uint64_t)(FRAME_SIZE - 1);
		xsk_ring_prod__submit(&r->fill, 1);
	}
}

static void recycle(struct reflector *r)
{
	uint32_t done, filled, n = xsk_ring_cons__peek(&r->completion, RING, &done);

	if (!n)
		return;
	if (xsk_ring_prod__reserve(&r->fill, n, &filled) == n) {
		for (uint32_t i = 0; i < n; i++)
			*xsk_ring_prod__fill_addr(&r->fill, filled + i) =
				*xsk_ring_cons__comp_addr(&r->completion, done + i) & ~(uint64_t)(FRAME_SIZE - 1);
		xsk_ring_prod__submit(&r->fill, n);
	}
	xsk_ring_cons__release(&r->completion, n);
}

static void kick(struct reflector *r)
{
	uint32_t waiting = *r->tx.producer - __atomic_load_n(r->tx.consumer, __ATOMIC_ACQUIRE);

	for (uint32_t left = waiting / KICK_FRAMES + 1; waiting && left; left--) {
		if (!xsk_ring_prod__needs_wakeup(&r->tx))
			return;
		r->kicks++;
		if (sendto(xsk_socket__fd(r->socket), NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
			return;
		if (errno != EAGAIN && errno != EBUSY)
			return;
	}
}

/* One batch; how many frames it had. */
static uint32_t turn(struct reflector *r)
{
	uint32_t in, out = 0, n = xsk_ring_cons__peek(&r->rx, BATCH, &in);
	bool has_room = n && xsk_ring_prod__reserve(&r->tx, n, &out) == n;

	for (uint32_t i = 0; i < n; i++)
		__builtin_prefetch(r->area + xsk_ring_cons__rx_desc(&r->rx, in + i)->addr);
	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&r->rx, in + i);

		if (!has_room) {
			give_back(r, desc->addr);
			continue;
		}
		turn_round(r->area + desc->addr);
		*xsk_ring_prod__tx_desc(&r->tx, out + i) = (struct xdp_desc) { desc->addr, desc->len, 0 };
	}
	if (n)
		xsk_ring_cons__release(&r->rx, n);
	if (has_room)
		xsk_ring_prod__submit(&r->tx, n);
	else
		r->refused += n;
	kick(r);
	recycle(r);
	r->received += n;
	return n;
}

static void run(struct reflector *r)
{
	struct pollfd wait = { xsk_socket__fd(r->socket), POLLIN, 0 };

	while (!stopping)
		if (!turn(r))
			poll(&wait, 1, IDLE_MS);
}

static int open_socket(struct reflector *r, const char *device, unsigned queue)
{
	struct xsk_umem_config memory = {
		.fill_size = 2 * FRAMES,	/* so that there is always room */
		.comp_size = RING,
		.frame_size = FRAME_SIZE,
	};
	struct xsk_socket_config config = {
		.rx_size = RING,
		.tx_size = RING,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = XDP_USE_NEED_WAKEUP | XDP_COPY,
	};
	size_t size = (size_t)FRAMES * FRAME_SIZE;
	int budget = KICK_BUDGET, err;

	r->area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r->area == MAP_FAILED)
		return -errno;
	madvise(r->area, size, MADV_HUGEPAGE);
	err = xsk_umem__create(&r->umem, r->area, size, &r->fill, &r->completion, &memory);
	if (err)
		return err;
	err = xsk_socket__create(&r->socket, device, queue, r->umem, &r->rx, &r->tx, &config);
	if (err)
		return err;
	setsockopt(xsk_socket__fd(r->socket), SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget));
	for (uint64_t i = 0; i < FRAMES; i++)
		give_back(r, i * FRAME_SIZE);
	return 0;
}

static void report(const struct reflector *r)
{
	struct rusage used;
	double cpu_us;

	getrusage(RUSAGE_SELF, &used);
	cpu_us = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
		 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
	printf("{\"frames\": %lu, \"refused\": %lu, \"kicks\": %lu, \"cpu_us\": %.0f}\n", r->received, r->refused,
	       r->kicks, cpu_us);
}

int main(int argc, char **argv)
{
	static struct reflector r;
	struct reflect_xdp_bpf *skeleton;
	unsigned queue = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
	int err, fd;

	if (argc < 2) {
		fprintf(stderr, "usage: reflect_xsk DEVICE [QUEUE]\n");
		return 1;
	}
	catch_signals();
	skeleton = reflect_xdp_bpf__open_and_load();
	if (!skeleton || attach(skeleton->progs.to_socket, argv[1]) < 0)
		return 1;
	err = open_socket(&r, argv[1], queue);
	if (!err) {
		fd = xsk_socket__fd(r.socket);
		err = bpf_map_update_elem(bpf_map__fd(skeleton->maps.sockets), &queue, &fd, BPF_ANY);
	}
	if (err) {
		fprintf(stderr, "%s queue %u: %s\n", argv[1], queue, strerror(-err));
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	run(&r);
	report(&r);
	return 0;
}
