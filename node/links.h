/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links.h - what the kernel says of the interfaces that virtual routers live on, and when it has changed. Independent
 * of the fast path's ports: with io = socket there are none. Control thread.
 */
#ifndef NODE_LINKS_H
#define NODE_LINKS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"

struct links;
struct loop;

enum { LINK_ADDRESSES_MAX = 64 };

struct link_address {
	struct addr addr;
	uint8_t len;			/* of its prefix, as in struct prefix: an IPv4 /24 is 120 */
	bool tentative;			/* IPv6: is being checked for duplicates, or is one: nobody's source */
};

struct link_state {
	unsigned ifindex;
	bool up;			/* set up, and with carrier */
	uint8_t mac[6];
	unsigned addresses;
	/* IPv4 as the kernel lists them, primary first; then IPv6 */
	struct link_address address[LINK_ADDRESSES_MAX];
};

/* Reads the state of the interface. 0, -ENODEV, or another -errno. */
int link_read(const char *name, struct link_state *state);

/* Does addr lie in a subnet of the link? A host's own /32 is none. */
bool link_reaches(const struct link_state *state, const struct addr *addr);

/* Calls on_change after links or addresses of this host have changed, or may have: any of them. 0 or -errno. */
int links_open(struct links **links, struct loop *loop, void (*on_change)(void *context), void *context);
void links_close(struct links *links);		/* accepts NULL */

#endif
