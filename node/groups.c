/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * groups.c - solicited-node groups by a UDP socket that reads nothing. Contract in groups.h.
 * Being in the group does not make the kernel answer: it only knows its own addresses of the interface.
 */
#include "node/groups.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vrrp/announce.h"
#include "vrrp/fsm.h"

static int join(int fd, unsigned ifindex, const struct addr *address)
{
	struct addr group = vrrp_solicited_node(address);
	struct ipv6_mreq request = { .ipv6mr_interface = ifindex };

	memcpy(&request.ipv6mr_multiaddr, group.bytes, sizeof(request.ipv6mr_multiaddr));
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof(request)) == 0)
		return 0;
	return errno == EADDRINUSE ? 0 : -errno;	/* addresses with the same last three octets share a group */
}

static int join_all(int fd, const struct vrrp_conf *conf)
{
	unsigned ifindex = if_nametoindex(conf->interface);
	int err = ifindex ? 0 : -ENODEV;

	for (unsigned i = 0; i < conf->count && !err; i++)
		err = join(fd, ifindex, &conf->addresses[i]);
	return err;
}

int groups_follow(struct groups *groups, const struct vrrp_conf *conf, bool wanted)
{
	int err;

	if (!vrrp_is_ipv6(conf) || wanted == (groups->fd >= 0))
		return 0;
	if (!wanted) {
		close(groups->fd);
		groups->fd = -1;
		return 0;
	}
	groups->fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (groups->fd < 0)
		return -errno;
	err = join_all(groups->fd, conf);
	if (err) {
		close(groups->fd);
		groups->fd = -1;
	}
	return err;
}
