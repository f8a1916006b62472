/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * segment.h - what is heard on one interface in one family, and which of its virtual routers it is for. VRRP thread
 * only; opened and closed by the control thread.
 */
#ifndef VRRP_SEGMENT_H
#define VRRP_SEGMENT_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/log.h"
#include "vrrp/engine.h"
#include "vrrp/sockets.h"

struct vrrp_instance;

struct vrrp_segment {
	char interface[IF_NAMESIZE];
	bool ipv6;
	struct vrrp_sockets sockets;
	struct vrrp_instance *routers[VRRP_ROUTERS_MAX];	/* those on it of this family; at least one */
	unsigned n;
	char stranger[VRRP_CONFLICT_TEXT];	/* who else speaks VRRP here; "" = nobody */
	uint64_t stranger_ns;
	struct log_limit stranger_log;
};

/* Hears every advertisement that waits. */
void vrrp_segment_hear_adverts(struct vrrp_segment *segment, struct vrrp_inbox *inbox, uint64_t now_ns);
/* Reads a bounded number of ARP or neighbour discovery frames, and answers them. */
void vrrp_segment_hear_inquiries(struct vrrp_segment *segment, struct vrrp_inbox *inbox, uint64_t now_ns);
/* Looks at a few of the packets that are not for us; counts all. */
void vrrp_segment_sample_strangers(struct vrrp_segment *segment, struct vrrp_inbox *inbox, uint64_t now_ns);

#endif
