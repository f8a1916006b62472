/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peers.c - next hops of unicast peers. Contract in peers.h.
 *
 * One netlink socket asks, another listens for neighbours. As in dataplane/neigh.c an event only causes asking again,
 * SETTLE_MS later; one that got lost is made up for by the next peers_look().
 */
#include "node/peers.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "dataplane/kernel.h"

enum {
	SETTLE_MS = 10,
	MISSING_MS = 1000,		/* between tries to resolve; patience before it is called a fault */
	REFRESH_MS = 10 * 1000,		/* between verifications of what is known */
	EVENTS_PER_TURN = 64,
	FAULT_MAX = 128,
};

struct peer {
	unsigned ifindex;
	struct addr hop;		/* gateway or the peer itself; ifindex 0: no route */
	uint64_t used_ns;		/* when the kernel was last asked to send there */
	uint64_t missing_since_ns;	/* 0 = it is not */
	char fault[FAULT_MAX];		/* once it has been missing for MISSING_MS */
};

struct peers {
	struct loop *loop;
	struct kernel ask;
	struct nl_sock *listen;
	struct loop_fd fd;
	struct loop_timer settle;
	const struct vrrp_conf *conf;
	unsigned n;
	void (*on_change)(void *context, unsigned router, const struct vrrp_hops *hops);
	void *context;
	struct peer peer[VRRP_ROUTERS_MAX][VRRP_PEERS_MAX];
	struct vrrp_hops hops[VRRP_ROUTERS_MAX];
};

/* ---- one peer ---- */

static uint64_t ms_since(uint64_t then_ns, uint64_t now_ns)
{
	return (now_ns - then_ns) / CLOCK_NS_PER_MS;
}

/* Its next hop, which must be one by the router's interface. Only a link-local address does not say by itself which it
 * is; for others the kernel, told the interface, would take every address to be on its link. */
static bool find_hop(struct peers *peers, const char *interface, const struct addr *addr, struct peer *peer)
{
	unsigned ifindex = if_nametoindex(interface);
	struct kernel_route route;

	peer->ifindex = 0;
	if (!ifindex || kernel_ask_route(&peers->ask, addr, addr_is_link_local(addr) ? ifindex : 0, &route) ||
	    route.type != RTN_UNICAST || route.ifindex != ifindex)
		return false;
	peer->ifindex = ifindex;
	peer->hop = route.has_gateway ? route.gateway : *addr;
	return true;
}

/* What resolves it if it is missing, and verifies it if it is old. */
static void use(struct peers *peers, struct peer *peer, unsigned every_ms, uint64_t now_ns)
{
	if (peer->used_ns && ms_since(peer->used_ns, now_ns) < every_ms)
		return;
	peer->used_ns = now_ns;
	kernel_use_neighbour(&peers->ask, peer->ifindex, &peer->hop);
}

static bool find_mac(struct peers *peers, struct peer *peer, uint8_t mac[6], uint64_t now_ns)
{
	struct kernel_neighbour answer;

	if (kernel_ask_neighbour(&peers->ask, peer->ifindex, &peer->hop, &answer) || !answer.usable) {
		use(peers, peer, MISSING_MS, now_ns);
		return false;
	}
	use(peers, peer, REFRESH_MS, now_ns);
	memcpy(mac, answer.mac, sizeof(answer.mac));
	return true;
}

static void tell_fault(struct peer *peer, const struct vrrp_conf *conf, const struct addr *addr)
{
	char to[ADDR_TEXT_MAX], hop[ADDR_TEXT_MAX];

	addr_format(addr, to, sizeof(to));
	if (!peer->ifindex)
		snprintf(peer->fault, sizeof(peer->fault), "no route to %s by %s", to, conf->interface);
	else
		snprintf(peer->fault, sizeof(peer->fault), "peer %s: neighbour %s not resolved", to,
			 addr_format(&peer->hop, hop, sizeof(hop)));
}

static void look_for(struct peers *peers, unsigned router, unsigned i, uint64_t now_ns)
{
	const struct vrrp_conf *conf = &peers->conf[router];
	struct peer *peer = &peers->peer[router][i];

	if (find_hop(peers, conf->interface, &conf->peers[i], peer) &&
	    find_mac(peers, peer, peers->hops[router].mac[i], now_ns)) {
		peer->missing_since_ns = 0;
		peer->fault[0] = '\0';
		return;
	}
	if (!peer->missing_since_ns)
		peer->missing_since_ns = now_ns;
	else if (ms_since(peer->missing_since_ns, now_ns) >= MISSING_MS)
		tell_fault(peer, conf, &conf->peers[i]);
}

/* ---- all ---- */

static void look_for_router(struct peers *peers, unsigned router, uint64_t now_ns)
{
	struct vrrp_hops before = peers->hops[router];

	for (unsigned i = 0; i < peers->conf[router].n_peers; i++)
		look_for(peers, router, i, now_ns);
	if (memcmp(&before, &peers->hops[router], sizeof(before)) != 0)
		peers->on_change(peers->context, router, &peers->hops[router]);
}

void peers_look(struct peers *peers)
{
	uint64_t now_ns = clock_mono_ns();

	for (unsigned i = 0; i < peers->n; i++)
		if (peers->conf[i].unicast)
			look_for_router(peers, i, now_ns);
}

/* ---- events ---- */

static bool is_ours(const struct peers *peers, unsigned ifindex, const struct addr *addr)
{
	for (unsigned i = 0; i < peers->n; i++)
		for (unsigned j = 0; j < peers->conf[i].n_peers; j++)
			if (peers->peer[i][j].ifindex == ifindex && addr_equal(&peers->peer[i][j].hop, addr))
				return true;
	return false;
}

static void look_soon(struct peers *peers)
{
	if (!peers->settle.running)
		loop_timer_start(peers->loop, &peers->settle,
				 peers->loop->now_ns + SETTLE_MS * (uint64_t)CLOCK_NS_PER_MS);
}

static void on_settled(struct loop_timer *timer, uint64_t now_ns)
{
	(void)now_ns;
	peers_look((struct peers *)((char *)timer - offsetof(struct peers, settle)));
}

static int on_event(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *header = nlmsg_hdr(msg);
	struct peers *peers = arg;
	unsigned ifindex;
	struct addr addr;

	if ((header->nlmsg_type == RTM_NEWNEIGH || header->nlmsg_type == RTM_DELNEIGH) &&
	    kernel_read_neighbour(header, &ifindex, &addr) && is_ours(peers, ifindex, &addr))
		look_soon(peers);
	return NL_OK;
}

static void on_events(struct loop_fd *self, uint32_t events)
{
	struct peers *peers = (struct peers *)((char *)self - offsetof(struct peers, fd));

	(void)events;
	for (int i = 0; i < EVENTS_PER_TURN; i++) {
		int err = nl_recvmsgs_default(peers->listen);

		if (err == -NLE_AGAIN)
			break;
		if (err < 0)		/* ENOBUFS: we do not know what we missed */
			look_soon(peers);
	}
}

static int open_listen(struct peers *peers)
{
	int err;

	peers->listen = nl_socket_alloc();
	if (!peers->listen)
		return -ENOMEM;
	nl_socket_disable_seq_check(peers->listen);
	nl_socket_modify_cb(peers->listen, NL_CB_VALID, NL_CB_CUSTOM, on_event, peers);
	err = nl_connect(peers->listen, NETLINK_ROUTE);
	if (!err)
		err = nl_socket_set_nonblocking(peers->listen);
	if (!err)
		err = nl_socket_add_membership(peers->listen, RTNLGRP_NEIGH);
	if (err)
		return kernel_errno(err);
	peers->fd = (struct loop_fd){ .fd = nl_socket_get_fd(peers->listen), .on_ready = on_events };
	return loop_fd_add(peers->loop, &peers->fd, EPOLLIN);
}

int peers_open(struct peers **result, struct loop *loop, const struct vrrp_conf *conf, unsigned n,
	       void (*on_change)(void *context, unsigned router, const struct vrrp_hops *hops), void *context)
{
	struct peers *peers = calloc(1, sizeof(*peers));
	int err;

	if (!peers)
		return -ENOMEM;
	peers->loop = loop;
	peers->conf = conf;
	peers->n = n;
	peers->on_change = on_change;
	peers->context = context;
	peers->settle.on_due = on_settled;
	memset(peers->hops, 0xff, sizeof(peers->hops));
	err = kernel_open(&peers->ask);
	if (!err)
		err = open_listen(peers);
	if (err) {
		peers_close(peers);
		return err;
	}
	*result = peers;
	return 0;
}

void peers_close(struct peers *peers)
{
	if (!peers)
		return;
	loop_timer_stop(peers->loop, &peers->settle);
	if (peers->fd.added)
		loop_fd_remove(peers->loop, &peers->fd);
	nl_socket_free(peers->listen);
	kernel_close(&peers->ask);
	free(peers);
}

void peers_forget(struct peers *peers, unsigned router)
{
	memset(peers->peer[router], 0, sizeof(peers->peer[router]));
	memset(&peers->hops[router], 0xff, sizeof(peers->hops[router]));
}

const struct vrrp_hops *peers_hops(const struct peers *peers, unsigned router)
{
	return &peers->hops[router];
}

const char *peers_fault(const struct peers *peers, unsigned router, unsigned peer)
{
	return peers->peer[router][peer].fault;
}
