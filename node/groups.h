/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * groups.h - the solicited-node groups of IPv6 virtual addresses, joined while their router is Active, so that a switch
 * that snoops sends neighbour solicitations here (RFC 9568, 6.4.1). The kernel joins and leaves under locks that may
 * take a while: control thread only.
 */
#ifndef NODE_GROUPS_H
#define NODE_GROUPS_H

#include <stdbool.h>

struct vrrp_conf;

struct groups {
	int fd;			/* its memberships are the groups; -1 = in none */
};

/* Brings the membership to what is wanted; nothing to do for IPv4, or when it is so already. 0 or -errno, and then in
 * none. */
int groups_follow(struct groups *groups, const struct vrrp_conf *conf, bool wanted);

#endif
