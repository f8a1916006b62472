/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links.c - interfaces by getifaddrs(), IPv6 addresses by /proc, which tells what getifaddrs() does not: whether they
 * may be used; changes by a netlink socket. Contract in links.h.
 * Events are not parsed: one says that something changed, and what that was is read anew, so that one that was
 * lost to a full socket (ENOBUFS) counts as well.
 */
#include "node/links.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/loop.h"

enum {
	EVENTS_A_TURN = 256,
	PREFIX_V4 = 96,			/* bits in front of an IPv4 address in struct addr */
	PREFIX_HOST = 128,
	NOT_USABLE = IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_OPTIMISTIC,
};

#define IPV6_ADDRESSES "/proc/thread-self/net/if_inet6"

struct links {
	struct loop *loop;
	struct loop_fd fd;
	void (*on_change)(void *context);
	void *context;
};

/* An address with a label of its own is listed as "eth0:label". */
static bool is_of(const struct ifaddrs *entry, const char *name)
{
	size_t len = strlen(name);

	return strncmp(entry->ifa_name, name, len) == 0 &&
	       (entry->ifa_name[len] == '\0' || entry->ifa_name[len] == ':');
}

static void take_link(struct link_state *state, const struct ifaddrs *entry)
{
	const struct sockaddr_ll *link = (const struct sockaddr_ll *)entry->ifa_addr;

	state->ifindex = (unsigned)link->sll_ifindex;
	state->up = (entry->ifa_flags & IFF_UP) && (entry->ifa_flags & IFF_RUNNING);
	if (link->sll_halen == sizeof(state->mac))
		memcpy(state->mac, link->sll_addr, sizeof(state->mac));
}

static void take_ipv4(struct link_state *state, const struct ifaddrs *entry)
{
	const struct sockaddr_in *address = (const struct sockaddr_in *)entry->ifa_addr;
	const struct sockaddr_in *mask = (const struct sockaddr_in *)entry->ifa_netmask;

	if (state->addresses == LINK_ADDRESSES_MAX || !mask)
		return;
	state->address[state->addresses++] = (struct link_address){
		.addr = addr_from_v4(address->sin_addr.s_addr),
		.len = (uint8_t)(PREFIX_V4 + __builtin_popcount(mask->sin_addr.s_addr)),
	};
}

/* A line of the file: "ADDRESS IFINDEX LEN SCOPE FLAGS NAME", the numbers hexadecimal. A kernel without IPv6 has no
 * file. */
static void read_ipv6(const char *name, struct link_state *state)
{
	FILE *f = fopen(IPV6_ADDRESSES, "re");
	char hex[33], device[IF_NAMESIZE];
	unsigned len, flags;

	if (!f)
		return;
	while (state->addresses < LINK_ADDRESSES_MAX &&
	       fscanf(f, "%32s %*x %x %*x %x %15s", hex, &len, &flags, device) == 4) {
		struct link_address *address = &state->address[state->addresses];

		if (strcmp(device, name) != 0 ||
		    sodium_hex2bin(address->addr.bytes, 16, hex, strlen(hex), NULL, NULL, NULL))
			continue;
		address->len = (uint8_t)len;
		address->tentative = flags & NOT_USABLE;
		state->addresses++;
	}
	fclose(f);
}

int link_read(const char *name, struct link_state *state)
{
	struct ifaddrs *list;

	memset(state, 0, sizeof(*state));
	if (getifaddrs(&list))
		return -errno;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		if (!i->ifa_addr || !is_of(i, name))
			continue;
		if (i->ifa_addr->sa_family == AF_PACKET)
			take_link(state, i);
		else if (i->ifa_addr->sa_family == AF_INET)
			take_ipv4(state, i);
	}
	freeifaddrs(list);
	read_ipv6(name, state);
	return state->ifindex ? 0 : -ENODEV;
}

bool link_reaches(const struct link_state *state, const struct addr *addr)
{
	for (unsigned i = 0; i < state->addresses; i++) {
		const struct link_address *own = &state->address[i];
		struct prefix subnet = { own->addr, own->len };

		for (unsigned bit = own->len; bit < PREFIX_HOST; bit++)
			subnet.addr.bytes[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
		if (own->len < PREFIX_HOST && prefix_contains(&subnet, addr))
			return true;
	}
	return false;
}

static void on_events(struct loop_fd *self, uint32_t events)
{
	struct links *links = (struct links *)((char *)self - offsetof(struct links, fd));
	char event[8192];

	(void)events;
	for (unsigned i = 0; i < EVENTS_A_TURN; i++)
		if (recv(self->fd, event, sizeof(event), MSG_DONTWAIT) < 0 && errno != ENOBUFS)
			break;
	links->on_change(links->context);
}

int links_open(struct links **result, struct loop *loop, void (*on_change)(void *context), void *context)
{
	struct sockaddr_nl name = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
				    RTMGRP_IPV6_IFADDR };
	struct links *links = calloc(1, sizeof(*links));
	int err;

	if (!links)
		return -ENOMEM;
	*links = (struct links){ .loop = loop, .on_change = on_change, .context = context };
	links->fd.on_ready = on_events;
	links->fd.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	err = links->fd.fd < 0 ? -errno : 0;
	if (err)
		goto err_free;
	err = bind(links->fd.fd, (struct sockaddr *)&name, sizeof(name)) ? -errno : 0;
	if (!err)
		err = loop_fd_add(loop, &links->fd, EPOLLIN);
	if (err)
		goto err_close;
	*result = links;
	return 0;

err_close:
	close(links->fd.fd);
err_free:
	free(links);
	return err;
}

void links_close(struct links *links)
{
	if (!links)
		return;
	loop_fd_remove(links->loop, &links->fd);
	close(links->fd.fd);
	free(links);
}
