/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * neigh.c - routes and neighbours of the servers, asked of the kernel and followed. Control thread.
 *
 * Two netlink sockets. One asks, and waits for the answer: RTM_GETROUTE for each server, as the kernel would route
 * a packet to it, then RTM_GETNEIGH for that one next hop (a dump would bring thousands of clients along). The
 * other one listens. Nothing is computed from what an event says: an event that may concern us only causes asking
 * again, SETTLE_MS later, so that a burst costs one round and a lost event (ENOBUFS) costs nothing.
 *
 * The kernel resolves and verifies a neighbour only when it sends to it itself, and the fast path does not pass
 * there. So each next hop is "used" (NTF_USE) every REFRESH_MS, and every MISSING_MS while one is missing. The
 * same timer asks everything anew, which bounds the harm of whatever no event tells.
 */
#include "dataplane/neigh.h"

#include <errno.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "dataplane/kernel.h"
#include "dataplane/port.h"

/* Tables are compared octet by octet. */
_Static_assert(sizeof(struct dp_next_hop) == 24, "no padding");

enum {
	SETTLE_MS = 10,
	MISSING_MS = 1000,
	REFRESH_MS = 10 * 1000,
	EVENTS_PER_TURN = 64,
	EVENT_BUFFER = 1024 * 1024,
	REASON_MAX = 128,
};

/* How one server is reached; for status, for events, for NTF_USE. */
struct path {
	struct pool_server *server;	/* NULL = not followed */
	bool has_hop;			/* the two below are known, and the device is a port */
	unsigned ifindex;
	struct addr hop;		/* gateway or the server itself */
	uint64_t missing_since_ns;	/* has a next hop, but no neighbour entry to use; 0 = not so */
	char via[ADDR_TEXT_MAX];
	char reason[REASON_MAX];	/* "" = reached */
	char logged[REASON_MAX];	/* reason last logged */
};

struct neigh {
	struct loop *loop;
	struct kernel ask;
	struct nl_sock *listen;
	struct loop_fd fd;
	struct loop_timer settle, refresh;
	bool link_changed;
	struct dp_port *const *ports;
	unsigned n_ports;
	void (*on_change)(void *context, struct dp_next_hops *table);
	void (*on_link)(void *context);
	void *context;
	struct path paths[POOL_SERVERS_MAX];	/* by pool_server.index */
	bool published;
	struct dp_next_hops last;
};

/* ---- questions ---- */

bool neigh_vlan_parse(struct nlmsghdr *message, struct neigh_vlan *vlan)
{
	struct nlattr *link[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1], *data[IFLA_VLAN_MAX + 1];

	if (message->nlmsg_type != RTM_NEWLINK ||
	    nlmsg_parse(message, sizeof(struct ifinfomsg), link, IFLA_MAX, NULL) ||
	    !link[IFLA_LINK] || nla_len(link[IFLA_LINK]) < (int)sizeof(uint32_t) || !link[IFLA_LINKINFO] ||
	    nla_parse_nested(info, IFLA_INFO_MAX, link[IFLA_LINKINFO], NULL) ||
	    !info[IFLA_INFO_KIND] || nla_strcmp(info[IFLA_INFO_KIND], "vlan") != 0 || !info[IFLA_INFO_DATA] ||
	    nla_parse_nested(data, IFLA_VLAN_MAX, info[IFLA_INFO_DATA], NULL) ||
	    !data[IFLA_VLAN_ID] || nla_len(data[IFLA_VLAN_ID]) < (int)sizeof(uint16_t))
		return false;
	if (data[IFLA_VLAN_PROTOCOL] && nla_get_u16(data[IFLA_VLAN_PROTOCOL]) != htobe16(ETH_P_8021Q))
		return false;
	vlan->lower = nla_get_u32(link[IFLA_LINK]);
	vlan->id = nla_get_u16(data[IFLA_VLAN_ID]);
	return true;
}

static int on_device(struct nl_msg *msg, void *arg)
{
	return neigh_vlan_parse(nlmsg_hdr(msg), arg) ? NL_OK : NL_SKIP;
}

/* All zero for a device that is none of a VLAN's. */
static struct neigh_vlan ask_vlan(struct neigh *neigh, unsigned ifindex)
{
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETLINK, 0);
	struct neigh_vlan vlan = { 0 };

	if (!msg)
		return vlan;
	if (nlmsg_append(msg, (void *)&header, sizeof(header), NLMSG_ALIGNTO))
		nlmsg_free(msg);
	else
		kernel_ask(&neigh->ask, msg, on_device, &vlan);
	return vlan;
}

/* ---- one server ---- */

__attribute__((format(printf, 2, 3)))
static void set_reason(struct path *path, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(path->reason, sizeof(path->reason), format, args);
	va_end(args);
}

static void reason_no_route(struct path *path, int err, unsigned type)
{
	char text[ADDR_TEXT_MAX];

	addr_format(&path->server->endpoint.addr, text, sizeof(text));
	if (err == -EIO || err == -ENOMEM)
		set_reason(path, "route to %s could not be looked up: %s", text, strerror(-err));
	else if (err == 0 && type == RTN_LOCAL)
		set_reason(path, "%s is an address of this node", text);
	else
		set_reason(path, "no route to %s", text);
}

static const struct dp_port *port_with(const struct neigh *neigh, unsigned ifindex)
{
	for (unsigned i = 0; i < neigh->n_ports; i++) {
		if (neigh->ports[i]->ifindex == ifindex)
			return neigh->ports[i];
	}
	return NULL;
}

/* The port a route leaves by; NULL with the reason when the fast path cannot send there. A tagged port's routes leave
 * by the kernel's device of that VLAN. */
static const struct dp_port *find_port(struct neigh *neigh, struct path *path)
{
	const struct dp_port *port = port_with(neigh, path->ifindex);
	struct neigh_vlan vlan = { 0 };
	char name[IF_NAMESIZE];

	if (!if_indextoname(path->ifindex, name))
		snprintf(name, sizeof(name), "%u", path->ifindex);
	if (!port) {
		vlan = ask_vlan(neigh, path->ifindex);
		port = port_with(neigh, vlan.lower);
	}
	if (!port)
		set_reason(path, "route leaves by %s, which is no port", name);
	else if (port->vlan != vlan.id)
		set_reason(path, "route leaves by %s with VLAN %u, port %s has VLAN %u", name, vlan.id, port->name,
			   port->vlan);
	else if (!(port->side & DP_SIDE_SERVER))
		set_reason(path, "route leaves by %s, which is a %s port", name, dp_side_name(port->side));
	else if (!port->carrier)
		set_reason(path, "port %s has no carrier", port->name);
	else
		return port;
	return NULL;
}

static bool resolve_mac(struct neigh *neigh, struct path *path, uint8_t mac[6], uint64_t now_ns)
{
	struct kernel_neighbour answer;
	int err = kernel_ask_neighbour(&neigh->ask, path->ifindex, &path->hop, &answer);

	if (!err && answer.usable) {
		memcpy(mac, answer.mac, sizeof(answer.mac));
		path->missing_since_ns = 0;
		return true;
	}
	if (!path->missing_since_ns) {
		path->missing_since_ns = now_ns;
		kernel_use_neighbour(&neigh->ask, path->ifindex, &path->hop);	/* again by the timer */
	}
	set_reason(path, "neighbour %s not resolved", path->via);
	return false;
}

static void resolve_server(struct neigh *neigh, struct path *path, struct dp_next_hop *out,
			   uint64_t now_ns)
{
	const struct addr *to = &path->server->endpoint.addr;
	const struct dp_port *port;
	struct kernel_route route;
	int err = kernel_ask_route(&neigh->ask, to, 0, &route);

	path->has_hop = false;
	path->via[0] = '\0';
	if (err || route.type != RTN_UNICAST) {
		reason_no_route(path, err, route.type);
		return;
	}
	path->ifindex = route.ifindex;
	path->hop = route.has_gateway ? route.gateway : *to;
	addr_format(&path->hop, path->via, sizeof(path->via));
	port = find_port(neigh, path);
	if (!port)
		return;
	if (!route.has_source) {
		set_reason(path, "no source address on %s", port->name);
		return;
	}
	path->has_hop = true;
	if (!resolve_mac(neigh, path, out->peer_mac, now_ns))
		return;
	path->reason[0] = '\0';
	out->port = (uint8_t)port->index;
	out->own = route.source;
	out->usable = true;
}

/* ---- all servers ---- */

/* A neighbour that is missing for a moment is no news: every start and every ageing entry would be. */
static void log_path(struct path *path, uint64_t now_ns)
{
	char server[ENDPOINT_TEXT_MAX];

	if (strcmp(path->reason, path->logged) == 0)
		return;
	if (path->missing_since_ns && now_ns - path->missing_since_ns < (uint64_t)MISSING_MS * CLOCK_NS_PER_MS)
		return;
	memcpy(path->logged, path->reason, sizeof(path->logged));
	endpoint_format(&path->server->endpoint, server, sizeof(server));
	if (path->reason[0])
		log_warning("server %s (pool %s): not reached through the fast path: %s", server,
			    path->server->pool_name, path->reason);
	else
		log_info("server %s (pool %s): reached through the fast path, next hop %s", server,
			 path->server->pool_name, path->via);
}

static int publish(struct neigh *neigh, const struct dp_next_hops *table)
{
	struct dp_next_hops *copy = malloc(sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	*copy = *table;
	neigh->last = *table;
	neigh->published = true;
	neigh->on_change(neigh->context, copy);
	return 0;
}

/* Moves the timer forward only: events must not put the next round off for ever. */
static void refresh_within(struct neigh *neigh, unsigned ms, uint64_t now_ns)
{
	uint64_t due_ns = now_ns + (uint64_t)ms * CLOCK_NS_PER_MS;

	if (!neigh->refresh.running || neigh->refresh.due_ns > due_ns)
		loop_timer_start(neigh->loop, &neigh->refresh, due_ns);
}

/* Asks for every server, and publishes if something differs from the last time. */
static int resolve_all(struct neigh *neigh, uint64_t now_ns)
{
	struct dp_next_hops table;
	bool missing = false;
	int err = 0;

	memset(&table, 0, sizeof(table));
	neigh->ask.broken = false;
	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++) {
		struct path *path = &neigh->paths[i];

		if (!path->server)
			continue;
		resolve_server(neigh, path, &table.server[i], now_ns);
		if (!path->has_hop)
			path->missing_since_ns = 0;
		missing |= path->missing_since_ns != 0;
		log_path(path, now_ns);
	}
	if (!neigh->published || memcmp(&table, &neigh->last, sizeof(table)) != 0)
		err = publish(neigh, &table);
	refresh_within(neigh, missing || neigh->ask.broken || err ? MISSING_MS : REFRESH_MS, now_ns);
	return err;
}

static void on_refresh(struct loop_timer *timer, uint64_t now_ns)
{
	struct neigh *neigh = (struct neigh *)((char *)timer - offsetof(struct neigh, refresh));

	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++) {
		const struct path *path = &neigh->paths[i];

		if (path->server && path->has_hop)
			kernel_use_neighbour(&neigh->ask, path->ifindex, &path->hop);
	}
	resolve_all(neigh, now_ns);
}

/* ---- events ---- */

static void on_settled(struct loop_timer *timer, uint64_t now_ns)
{
	struct neigh *neigh = (struct neigh *)((char *)timer - offsetof(struct neigh, settle));

	if (neigh->link_changed) {
		neigh->link_changed = false;
		neigh->on_link(neigh->context);	/* first: it refreshes the ports' carrier */
	}
	resolve_all(neigh, now_ns);
}

/* Is the event about one of our next hops? Clients come and go all the time. */
static bool is_our_neighbour(const struct neigh *neigh, struct nlmsghdr *header)
{
	unsigned ifindex;
	struct addr addr;

	if (!kernel_read_neighbour(header, &ifindex, &addr))
		return false;
	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++) {
		const struct path *path = &neigh->paths[i];

		if (path->server && path->has_hop && path->ifindex == ifindex &&
		    addr_equal(&path->hop, &addr))
			return true;
	}
	return false;
}

/* A timer that runs already stays: many events are one round, at most SETTLE_MS after the first. */
static void resolve_soon(struct neigh *neigh)
{
	if (!neigh->settle.running)
		loop_timer_start(neigh->loop, &neigh->settle,
				 neigh->loop->now_ns + (uint64_t)SETTLE_MS * CLOCK_NS_PER_MS);
}

static int on_event(struct nl_msg *msg, void *arg)
{
	struct neigh *neigh = arg;

	switch (nlmsg_hdr(msg)->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
	case RTM_NEWADDR:
	case RTM_DELADDR:
		neigh->link_changed = true;
		resolve_soon(neigh);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		resolve_soon(neigh);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (is_our_neighbour(neigh, nlmsg_hdr(msg)))
			resolve_soon(neigh);
		break;
	}
	return NL_OK;
}

static void on_events(struct loop_fd *self, uint32_t events)
{
	struct neigh *neigh = (struct neigh *)((char *)self - offsetof(struct neigh, fd));

	(void)events;
	for (int i = 0; i < EVENTS_PER_TURN; i++) {
		int err = nl_recvmsgs_default(neigh->listen);

		if (err == -NLE_AGAIN)
			break;
		if (err < 0) {	/* ENOBUFS above all: we do not know what we missed */
			neigh->link_changed = true;
			resolve_soon(neigh);
		}
	}
}

/* ---- public ---- */

static int open_listen(struct neigh *neigh)
{
	const int size = EVENT_BUFFER;
	int err;

	nl_socket_disable_seq_check(neigh->listen);
	nl_socket_modify_cb(neigh->listen, NL_CB_VALID, NL_CB_CUSTOM, on_event, neigh);
	err = nl_connect(neigh->listen, NETLINK_ROUTE);
	if (err)
		return kernel_errno(err);
	/* Without the privilege the default size does; a lost event is caught up with. */
	setsockopt(nl_socket_get_fd(neigh->listen), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	err = nl_socket_set_nonblocking(neigh->listen);
	if (err)
		return kernel_errno(err);
	err = nl_socket_add_memberships(neigh->listen, RTNLGRP_LINK, RTNLGRP_NEIGH,
					RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
					RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_NONE);
	if (err)
		return kernel_errno(err);
	neigh->fd.fd = nl_socket_get_fd(neigh->listen);
	neigh->fd.on_ready = on_events;
	return loop_fd_add(neigh->loop, &neigh->fd, EPOLLIN);
}

int neigh_open(struct neigh **neigh, struct loop *loop, struct dp_port *const *ports, unsigned n_ports,
	       void (*on_change)(void *context, struct dp_next_hops *table),
	       void (*on_link)(void *context), void *context)
{
	struct neigh *n = calloc(1, sizeof(*n));
	int err = -ENOMEM;

	if (!n)
		return err;
	n->loop = loop;
	n->ports = ports;
	n->n_ports = n_ports;
	n->on_change = on_change;
	n->on_link = on_link;
	n->context = context;
	n->settle.on_due = on_settled;
	n->refresh.on_due = on_refresh;
	n->listen = nl_socket_alloc();
	if (!n->listen)
		goto err_close;
	err = kernel_open(&n->ask);
	if (err)
		goto err_close;
	err = open_listen(n);
	if (err)
		goto err_close;
	*neigh = n;
	return 0;

err_close:
	neigh_close(n);
	return err;
}

void neigh_close(struct neigh *neigh)
{
	if (!neigh)
		return;
	loop_timer_stop(neigh->loop, &neigh->settle);
	loop_timer_stop(neigh->loop, &neigh->refresh);
	if (neigh->fd.added)
		loop_fd_remove(neigh->loop, &neigh->fd);
	nl_socket_free(neigh->listen);
	kernel_close(&neigh->ask);
	free(neigh);
}

int neigh_follow(struct neigh *neigh, struct pool_server *const *servers, unsigned n)
{
	bool follow[POOL_SERVERS_MAX] = { false };

	for (unsigned i = 0; i < n; i++) {
		struct path *path = &neigh->paths[servers[i]->index];

		follow[servers[i]->index] = true;
		if (path->server == servers[i])
			continue;
		memset(path, 0, sizeof(*path));
		path->server = servers[i];
		path->logged[0] = '?';	/* no reason: the first result is logged, good or bad */
	}
	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++) {
		if (!follow[i])
			neigh->paths[i].server = NULL;
	}
	neigh->published = false;
	return resolve_all(neigh, clock_mono_ns());
}

const char *neigh_reason(const struct neigh *neigh, const struct pool_server *server)
{
	const struct path *path = &neigh->paths[server->index];

	return path->server == server ? path->reason : "not followed";
}

const char *neigh_via(const struct neigh *neigh, const struct pool_server *server)
{
	const struct path *path = &neigh->paths[server->index];

	return path->server == server ? path->via : "";
}
