/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gateway.h - does a neighbour on a link answer? Asked by ARP (RFC 826) or Neighbour Solicitation (RFC 4861, 7.2) from
 * a packet socket of our own, so that the answer is one to this question and no entry in the kernel's tables. Control
 * thread.
 */
#ifndef NODE_GATEWAY_H
#define NODE_GATEWAY_H

#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"

struct gateway;
struct loop;

/* Where the question comes from. */
struct gateway_place {
	unsigned ifindex;
	uint8_t mac[6];
	struct addr source;		/* an address of the interface with target in its subnet */
};

/* 0; -ENODEV: there is no such interface; -ENOENT: it has no address of the target's family; -EADDRNOTAVAIL: it has,
 * and target lies in the subnet of none; or another -errno. */
int gateway_find_place(const char *interface, const struct addr *target, struct gateway_place *place);

/* What one of these means, for a message. */
const char *gateway_error(int err);

/* on_answer is called for every answer to our questions. interface is copied. No socket is opened before the first
 * question. NULL without memory. */
struct gateway *gateway_new(struct loop *loop, const char *interface, const struct addr *target,
			    void (*on_answer)(void *context), void *context);
void gateway_free(struct gateway *gateway);	/* accepts NULL */

/* Sends one question. 0 or -errno. */
int gateway_ask(struct gateway *gateway);

#endif
