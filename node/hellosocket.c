/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hellosocket.c - a connected UDP socket. Contract in hellosocket.h.
 */
#include "node/hellosocket.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"

enum {
	BUFFER = 64 * 1024,		/* some fifty of them; a flood must not keep us busy for long */
	TOS = 0xc0,			/* CS6, as advertisements have it */
};

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* The other path's socket has the same port. */
static int set_options(int fd, int family, const char *interface)
{
	if (set(fd, SOL_SOCKET, SO_REUSEADDR, 1) || set(fd, SOL_SOCKET, SO_RCVBUF, BUFFER) ||
	    set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) || set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1))
		return -errno;
	if (family == AF_INET6 ? set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) || set(fd, IPPROTO_IPV6, IPV6_TCLASS, TOS)
			       : set(fd, IPPROTO_IP, IP_TOS, TOS))
		return -errno;
	if (*interface &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface)))
		return -errno;
	return 0;
}

static int attach(int fd, const struct endpoint *peer, const char *interface)
{
	struct endpoint own = { .addr = addr_from_v4(0), .port = peer->port };
	struct sockaddr_storage to, from;
	socklen_t to_len = endpoint_to_sockaddr(peer, &to), from_len;
	int err = set_options(fd, to.ss_family, interface);

	if (err)
		return err;
	if (to.ss_family == AF_INET6)
		memset(&own.addr, 0, sizeof(own.addr));
	from_len = endpoint_to_sockaddr(&own, &from);
	if (bind(fd, (struct sockaddr *)&from, from_len) || connect(fd, (struct sockaddr *)&to, to_len))
		return -errno;
	return 0;
}

int hellosocket_open(const struct endpoint *peer, const char *interface)
{
	int family = addr_is_v4(&peer->addr) ? AF_INET : AF_INET6;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

	if (fd < 0)
		return -errno;
	err = attach(fd, peer, interface);
	if (!err)
		return fd;
	close(fd);
	return err;
}

void hellosocket_close(int fd)
{
	close(fd);
}

int hellosocket_send(int fd, const uint8_t *datagram, size_t len)
{
	return send(fd, datagram, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static uint64_t age_of(const struct timespec *stamp)
{
	uint64_t then_ns = (uint64_t)stamp->tv_sec * CLOCK_NS_PER_S + (uint64_t)stamp->tv_nsec;
	uint64_t now_ns = clock_wall_ns();

	return now_ns > then_ns ? now_ns - then_ns : 0;
}

static void read_control(struct msghdr *header, uint64_t *age_ns, uint32_t *lost)
{
	struct timespec stamp;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SO_TIMESTAMPNS) {
			memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
			*age_ns = age_of(&stamp);
		} else if (c->cmsg_type == SO_RXQ_OVFL) {
			memcpy(lost, CMSG_DATA(c), sizeof(*lost));
		}
	}
}

ssize_t hellosocket_receive(int fd, uint8_t *datagram, size_t size, uint64_t *age_ns, uint32_t *lost)
{
	union {
		char room[CMSG_SPACE(sizeof(struct timespec)) + CMSG_SPACE(sizeof(uint32_t))];
		struct cmsghdr align;
	} control;
	struct iovec vector = { datagram, size };
	struct msghdr header = {
		.msg_iov = &vector, .msg_iovlen = 1,
		.msg_control = control.room, .msg_controllen = sizeof(control.room),
	};
	ssize_t n = recvmsg(fd, &header, MSG_DONTWAIT);

	*age_ns = 0;
	if (n < 0)
		return -errno;
	read_control(&header, age_ns, lost);
	return n;
}
