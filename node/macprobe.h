/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * macprobe.h - does what is sent to a virtual MAC arrive? One Ethernet frame with a number in it, from this interface's
 * own MAC to the virtual one, sent by the Backup and looked for by the Active. It is of a type of its own (0x88b5, IEEE
 * 802 local experiments): no IP stack, no filter and no switch makes anything of it, and it teaches nobody where the
 * virtual MAC is. Control thread.
 */
#ifndef NODE_MACPROBE_H
#define NODE_MACPROBE_H

#include <stdint.h>

struct loop;
struct macprobe;

/* On one interface; on_number for every frame that comes in there, whoever sent it. 0 or -errno. */
int macprobe_open(struct macprobe **probe, struct loop *loop, const char *interface,
		  void (*on_number)(void *context, uint64_t number), void *context);
void macprobe_close(struct macprobe *probe);	/* accepts NULL */

/* 0 or -errno. */
int macprobe_send(struct macprobe *probe, const uint8_t virtual_mac[6], uint64_t number);

#endif
