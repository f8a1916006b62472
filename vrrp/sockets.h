/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockets.h - the packet sockets of one interface in one family: what the VRRP thread hears, and through what it
 * speaks. Opened and closed by the control thread; read and written by the VRRP thread.
 */
#ifndef VRRP_SOCKETS_H
#define VRRP_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

struct vrrp_conf;

enum {
	VRRP_INBOX = 32,		/* frames of one receive call */
	VRRP_RECEIVE_MAX = 1536,	/* an advertisement of 255 addresses is 1,100 octets */
};

/* Every socket sees untagged frames of this interface only, and none that this host sent. */
struct vrrp_sockets {
	int ifindex;
	bool ipv6;
	int group_fd;		/* member of 224.0.0.18 or ff02::12, reads nothing */
	int adverts_fd;		/* VRRPv3 of our virtual routers, TTL 255 or what max_hops leaves of it */
	int strangers_fd;	/* all other protocol 112; small buffer, its losses are counted */
	int inquiries_fd;	/* ARP or neighbour discovery with one of our virtual addresses as sender or target */
	int send_fd;		/* holds the virtual MACs on the interface, and of IPv6 those of the solicited-node groups */
	int quiet_fd;		/* with unicast peers: takes their packets from the kernel, which would answer by ICMP */
};

/* For the virtual routers of conf that are on interface and of the family. 0 or -errno with error; on an error nothing
 * stays open. */
int vrrp_sockets_open(struct vrrp_sockets *sockets, const char *interface, bool ipv6,
		      const struct vrrp_conf *conf, unsigned n, char *error, size_t size);
void vrrp_sockets_close(struct vrrp_sockets *sockets);

/*
 * One router is as in after now, instead of before: has other addresses, is new (before NULL), or is no more (after
 * NULL). conf are all routers of these sockets, as they are now; at least one. What is for them is heard from now on.
 * Control thread; the VRRP thread may be reading. 0 or -errno.
 */
int vrrp_sockets_follow(struct vrrp_sockets *sockets, const char *interface, const struct vrrp_conf *const *conf, unsigned n,
			const struct vrrp_conf *before, const struct vrrp_conf *after);

/* False: the kernel did not take the frame. Never blocks. */
bool vrrp_sockets_send(const struct vrrp_sockets *sockets, const uint8_t *frame, size_t len);

/* Frames that the strangers' buffer had no room for, since the last call. */
uint32_t vrrp_sockets_overflow(const struct vrrp_sockets *sockets);

/* Room for one receive call, Ethernet header first. */
struct vrrp_inbox {
	struct mmsghdr messages[VRRP_INBOX];
	struct iovec vectors[VRRP_INBOX];
	uint8_t frames[VRRP_INBOX][VRRP_RECEIVE_MAX];
	union {
		char room[CMSG_SPACE(sizeof(struct timespec))];
		struct cmsghdr align;
	} control[VRRP_INBOX];
};

/* Takes up to VRRP_INBOX waiting frames; 0 = none left. */
unsigned vrrp_inbox_receive(struct vrrp_inbox *inbox, int fd, unsigned max);
/* Octets of frame i, at most VRRP_RECEIVE_MAX. */
static inline size_t vrrp_inbox_len(const struct vrrp_inbox *inbox, unsigned i)
{
	return inbox->messages[i].msg_len;
}
/* Wall clock at which the kernel received frame i; 0 when it does not say. */
uint64_t vrrp_inbox_stamp(struct vrrp_inbox *inbox, unsigned i);

#endif
