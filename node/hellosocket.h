/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hellosocket.h - the UDP socket of one path to the other node: bound to the port, connected to the peer's address and
 * the same port, so that the kernel keeps away what comes from elsewhere. Control thread.
 */
#ifndef NODE_HELLOSOCKET_H
#define NODE_HELLOSOCKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct endpoint;

/* interface: "" = by the route, else no other device is used. A descriptor, or -errno (-ENETUNREACH: no route now). */
int hellosocket_open(const struct endpoint *peer, const char *interface);
void hellosocket_close(int fd);

/* 0 or -errno. Never blocks. */
int hellosocket_send(int fd, const uint8_t *datagram, size_t len);

/* Octets of the next datagram, at most size (a longer one is cut to it); -EAGAIN: none waits; another -errno is about
 * what was sent, and there may be more. *age_ns: how long ago the kernel received it. *lost: datagrams that its buffer
 * had no room for since it was opened. */
ssize_t hellosocket_receive(int fd, uint8_t *datagram, size_t size, uint64_t *age_ns, uint32_t *lost);

#endif
