/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockio.h - kernel sockets of the data plane: a listen address's UDP socket and TCP listener, and
 * datagrams with the address they came to. All close-on-exec and non-blocking.
 */
#ifndef DATAPLANE_SOCKIO_H
#define DATAPLANE_SOCKIO_H

#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "dataplane/packet.h"

struct dp_listener {
	struct endpoint endpoint;
	unsigned refs;			/* control thread */
	int tcp_fd;
	unsigned udp_fds;
	/* of more than one each worker has its own: the kernel spreads clients over them */
	int udp_fd[];
};

/* Binds all sockets (IP_FREEBIND; SO_REUSEADDR on TCP; SO_REUSEPORT on UDP where there are several, but not so that
 * another process finds the address free); 0 or -errno with error saying which ("bind 192.0.2.1:53 TCP: ...").
 * Control thread. refs = 1. */
int dp_listener_open(struct dp_listener **listener, const struct endpoint *endpoint, unsigned udp_fds,
		     char *error, size_t size);
struct dp_listener *dp_listener_ref(struct dp_listener *listener);
void dp_listener_unref(struct dp_listener *listener);	/* closes with the last one; NULL allowed */

enum { DP_SOCKIO_BATCH = 32, DP_SOCKIO_BUFFER = 4096 };

struct dp_datagram {
	uint8_t *data;
	uint32_t len;			/* received, or to send */
	uint32_t room;
	struct dp_flow flow;		/* peer, own and their ports; MACs zero */
};

/* recvmmsg / sendmmsg with the destination / source address as ancillary data (a listen address
 * may be 0.0.0.0's heir one day; and so a VIP's answer leaves from the VIP). Return how many, or
 * -errno. own_port is filled from the listener's port. */
int dp_sockio_receive(int fd, uint16_t own_port, struct dp_datagram *datagrams, unsigned max);
int dp_sockio_send(int fd, const struct dp_datagram *datagrams, unsigned n);

/* Asks for a receive buffer of that many octets; takes what the kernel grants. */
void dp_sockio_receive_buffer(int fd, int octets);

/* The unspecified address of a's family: what own is where a socket does not report it. */
static inline struct addr dp_sockio_unspecified(const struct addr *a)
{
	return addr_is_v4(a) ? addr_from_v4(0) : (struct addr){ 0 };
}

#endif
