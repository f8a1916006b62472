/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel.h - what the kernel knows of routes and neighbours, asked over netlink. A question waits for its answer, which
 * the kernel has at once. Control thread; a struct kernel for each who asks.
 */
#ifndef DATAPLANE_KERNEL_H
#define DATAPLANE_KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"

struct nl_msg;
struct nl_sock;
struct nlmsghdr;

struct kernel {
	struct nl_sock *sock;		/* NULL after trouble, until the next question */
	int refusal;			/* -errno in the kernel's answer to the last question */
	bool broken;			/* a question found no answer at all; cleared by who asks */
};

/* *kernel is all zero. 0 or -errno. */
int kernel_open(struct kernel *kernel);
void kernel_close(struct kernel *kernel);	/* one that is all zero, too */

/*
 * Sends msg (freed here) and waits for the kernel's word. With on_reply that is a message and an acknowledgement,
 * else the latter alone. 0; the kernel's -errno; -EIO when the conversation itself broke. Its sequence numbers
 * are lost then, so the next question opens a new socket. The questions below return the same, or -ENOMEM.
 */
int kernel_ask(struct kernel *kernel, struct nl_msg *msg, int (*on_reply)(struct nl_msg *msg, void *arg),
	       void *reply);

struct kernel_route {
	unsigned type;			/* RTN_UNICAST, ... */
	unsigned ifindex;
	bool has_gateway, has_source;
	struct addr gateway, source;
};
/* As the kernel would route a packet there, by the device; 0 = by whichever. */
int kernel_ask_route(struct kernel *kernel, const struct addr *to, unsigned ifindex, struct kernel_route *answer);

struct kernel_neighbour {
	bool usable;			/* has a MAC that the kernel itself would send to */
	uint8_t mac[6];
};
int kernel_ask_neighbour(struct kernel *kernel, unsigned ifindex, const struct addr *addr,
			 struct kernel_neighbour *answer);
/* As if the kernel had sent a packet there: resolves what is missing, verifies what is stale. A refusal shows in what
 * is asked next: the neighbour stays missing. */
void kernel_use_neighbour(struct kernel *kernel, unsigned ifindex, const struct addr *addr);

/* Whom an RTM_NEWNEIGH or RTM_DELNEIGH is about; false when it does not say. */
bool kernel_read_neighbour(struct nlmsghdr *message, unsigned *ifindex, struct addr *addr);

/* What libnl calls an error, as -errno. */
int kernel_errno(int nl_error);

#endif
