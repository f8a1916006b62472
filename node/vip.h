/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vip.h - the kernel's copy of the virtual addresses: a /32 or /128 on a TAP device that lives and dies with its
 * descriptor, so TCP and ICMP for a VIP end with the process. Moved by the control thread after the fact; nothing waits
 * for it.
 */
#ifndef NODE_VIP_H
#define NODE_VIP_H

#include <stdbool.h>
#include <stddef.h>
#include "base/addr.h"

struct vip;

/* Makes the device (not persistent, no ARP, no address generation, up), name from the node's ("tandem0", next number
 * if taken). Open it last of all start-up descriptors: descriptors close highest first, so TCP says FIN before
 * the address goes. 0 or -errno with error. */
int vip_open(struct vip **vip, char *error, size_t size);
void vip_close(struct vip *vip);

/* Adds or removes the address (as /32 or /128, nodad, preferred lifetime 0). Already so is success. 0 or -errno. */
int vip_add(struct vip *vip, const struct addr *address);
int vip_remove(struct vip *vip, const struct addr *address);
/* Does the kernel have it on our device? For the condition "kernel address matches state". */
bool vip_has(struct vip *vip, const struct addr *address);

/* Removes address from any interface of this host that has it as a /32 or /128 (left by an earlier crash of something
 * else) and logs it; an address configured with a shorter prefix is not touched: -EADDRINUSE. A link-local address only
 * from interface: elsewhere it is another one. */
int vip_clean(const struct addr *address, const char *interface);

#endif
