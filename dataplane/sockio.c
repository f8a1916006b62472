/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockio.c - kernel sockets of a listen address, and datagrams with the address they came to.
 * Listeners are opened and closed on the control thread; datagrams are the workers'.
 * Contract in sockio.h.
 */
#include "dataplane/sockio.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BACKLOG = 511,
	RECEIVE_BUFFER = 4 * 1024 * 1024,	/* a burst of some ten thousand queries */
	SEND_BUFFER = 1024 * 1024,		/* what a device's transmit ring can hold */
	CONTROL_ROOM = CMSG_SPACE(sizeof(struct in6_pktinfo)),	/* the larger of the two families */
};

struct option {
	int level, name, value;
};

static const struct option options_v4[] = {
	{ IPPROTO_IP, IP_FREEBIND, 1 },
};

static const struct option options_v6[] = {
	{ IPPROTO_IPV6, IPV6_V6ONLY, 1 },
	{ IPPROTO_IPV6, IPV6_FREEBIND, 1 },
};

/* No path MTU discovery: our answers are small, and forged ICMP must not make them smaller. */
static const struct option options_udp_v4[] = {
	{ IPPROTO_IP, IP_PKTINFO, 1 },
	{ IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT },
};

static const struct option options_udp_v6[] = {
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO, 1 },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT },
};

/* Accepted connections inherit TCP_NODELAY: an answer is written whole. SO_REUSEADDR is for TCP
 * alone, where old connections would refuse a restart; on UDP it would let a second process take
 * the port in silence. */
static const struct option options_tcp[] = {
	{ SOL_SOCKET, SO_REUSEADDR, 1 },
	{ IPPROTO_TCP, TCP_NODELAY, 1 },
};

#define N(array) (sizeof(array) / sizeof((array)[0]))

static int set_options(int fd, const struct option *options, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int)))
			return -errno;
	return 0;
}

/* The forced one goes past the limits of net.core but needs a capability. */
static void set_buffer(int fd, int forced, int usual, int octets)
{
	if (setsockopt(fd, SOL_SOCKET, forced, &octets, sizeof(octets)))
		setsockopt(fd, SOL_SOCKET, usual, &octets, sizeof(octets));
}

void dp_sockio_receive_buffer(int fd, int octets)
{
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, octets);
}

static int set_all_options(int fd, bool v4, int type)
{
	int err;

	err = v4 ? set_options(fd, options_v4, N(options_v4)) : set_options(fd, options_v6, N(options_v6));
	if (err)
		return err;
	if (type == SOCK_STREAM)
		return set_options(fd, options_tcp, N(options_tcp));
	dp_sockio_receive_buffer(fd, RECEIVE_BUFFER);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, SEND_BUFFER);
	return v4 ? set_options(fd, options_udp_v4, N(options_udp_v4)) :
		    set_options(fd, options_udp_v6, N(options_udp_v6));
}

/* How a socket shares its address. The first of a group is bound as if it were alone: where any other socket stands,
 * of whatever process, it is refused, and only then lets others in. */
enum share { ALONE, FIRST, FURTHER };

static int set_reuseport(int fd)
{
	static const struct option option = { SOL_SOCKET, SO_REUSEPORT, 1 };

	return set_options(fd, &option, 1);
}

/* The socket, bound, and listening if it is TCP's; or -errno with *step saying where it failed. */
static int open_bound(const struct endpoint *endpoint, int type, enum share share, const char **step)
{
	struct sockaddr_storage name;
	socklen_t name_len = endpoint_to_sockaddr(endpoint, &name);
	int fd, err;

	*step = "socket";
	fd = socket(name.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	*step = "options of";
	err = set_all_options(fd, name.ss_family == AF_INET, type);
	if (!err && share == FURTHER)
		err = set_reuseport(fd);
	if (err)
		goto err_close;
	*step = "bind";
	err = bind(fd, (struct sockaddr *)&name, name_len) ? -errno : 0;
	if (!err && share == FIRST)
		err = set_reuseport(fd);
	if (err)
		goto err_close;
	*step = "listen";
	if (type == SOCK_STREAM && listen(fd, BACKLOG)) {
		err = -errno;
		goto err_close;
	}
	return fd;

err_close:
	close(fd);
	return err;
}

static int open_or_explain(const struct endpoint *endpoint, int type, enum share share, char *error,
			   size_t size)
{
	char text[ENDPOINT_TEXT_MAX];
	const char *step;
	int fd = open_bound(endpoint, type, share, &step);

	if (fd < 0)
		snprintf(error, size, "%s %s %s: %s", step, endpoint_format(endpoint, text, sizeof(text)),
			 type == SOCK_STREAM ? "TCP" : "UDP", strerror(-fd));
	return fd;
}

static int open_udp(struct dp_listener *l, unsigned n, char *error, size_t size)
{
	enum share share = n > 1 ? FIRST : ALONE;

	for (; l->udp_fds < n; share = FURTHER) {
		int fd = open_or_explain(&l->endpoint, SOCK_DGRAM, share, error, size);

		if (fd < 0)
			return fd;
		l->udp_fd[l->udp_fds++] = fd;
	}
	return 0;
}

static void close_udp(struct dp_listener *l)
{
	while (l->udp_fds)
		close(l->udp_fd[--l->udp_fds]);
}

int dp_listener_open(struct dp_listener **listener, const struct endpoint *endpoint, unsigned udp_fds,
		     char *error, size_t size)
{
	struct dp_listener *l = calloc(1, sizeof(*l) + udp_fds * sizeof(l->udp_fd[0]));
	int err;

	if (!l) {
		snprintf(error, size, "out of memory");
		return -ENOMEM;
	}
	l->endpoint = *endpoint;
	l->refs = 1;
	err = open_udp(l, udp_fds, error, size);
	if (err)
		goto err_close_udp;
	l->tcp_fd = err = open_or_explain(endpoint, SOCK_STREAM, ALONE, error, size);
	if (err < 0)
		goto err_close_udp;
	*listener = l;
	return 0;

err_close_udp:
	close_udp(l);
	free(l);
	return err;
}

struct dp_listener *dp_listener_ref(struct dp_listener *listener)
{
	listener->refs++;
	return listener;
}

void dp_listener_unref(struct dp_listener *listener)
{
	if (!listener || --listener->refs)
		return;
	close_udp(listener);
	close(listener->tcp_fd);
	free(listener);
}

/* Destination of a received datagram; left alone when the socket does not report it. */
static void read_own_address(struct msghdr *msg, struct addr *own)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			*own = addr_from_v4(info.ipi_addr.s_addr);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(own->bytes, &info.ipi6_addr, sizeof(own->bytes));
		}
	}
}

int dp_sockio_receive(int fd, uint16_t own_port, struct dp_datagram *datagrams, unsigned max)
{
	_Alignas(struct cmsghdr) uint8_t control[DP_SOCKIO_BATCH][CONTROL_ROOM];
	struct sockaddr_storage names[DP_SOCKIO_BATCH];
	struct mmsghdr messages[DP_SOCKIO_BATCH];
	struct iovec iov[DP_SOCKIO_BATCH];
	int n;

	if (max > DP_SOCKIO_BATCH)
		max = DP_SOCKIO_BATCH;
	for (unsigned i = 0; i < max; i++) {
		iov[i] = (struct iovec){ datagrams[i].data, datagrams[i].room };
		messages[i].msg_hdr = (struct msghdr){
			.msg_name = &names[i],
			.msg_namelen = sizeof(names[i]),
			.msg_iov = &iov[i],
			.msg_iovlen = 1,
			.msg_control = control[i],
			.msg_controllen = CONTROL_ROOM,
		};
	}
	n = recvmmsg(fd, messages, max, MSG_DONTWAIT, NULL);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		struct dp_flow *flow = &datagrams[i].flow;
		struct endpoint peer = { 0 };

		memset(flow, 0, sizeof(*flow));
		endpoint_from_sockaddr((struct sockaddr *)&names[i], &peer);
		flow->peer = peer.addr;
		flow->peer_port = peer.port;
		flow->own = dp_sockio_unspecified(&peer.addr);
		flow->own_port = own_port;
		read_own_address(&messages[i].msg_hdr, &flow->own);
		datagrams[i].len = messages[i].msg_len;
	}
	return n;
}

/* Makes the datagram leave from own. An unspecified address leaves the choice to the kernel. */
static void write_own_address(struct msghdr *msg, const struct addr *own)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	if (addr_is_v4(own)) {
		struct in_pktinfo info = { .ipi_spec_dst.s_addr = addr_v4_be(own) };

		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		msg->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		struct in6_pktinfo info = { 0 };

		memcpy(&info.ipi6_addr, own->bytes, sizeof(own->bytes));
		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		msg->msg_controllen = CMSG_SPACE(sizeof(info));
	}
}

int dp_sockio_send(int fd, const struct dp_datagram *datagrams, unsigned n)
{
	_Alignas(struct cmsghdr) uint8_t control[DP_SOCKIO_BATCH][CONTROL_ROOM];
	struct sockaddr_storage names[DP_SOCKIO_BATCH];
	struct mmsghdr messages[DP_SOCKIO_BATCH];
	struct iovec iov[DP_SOCKIO_BATCH];
	int sent;

	if (n > DP_SOCKIO_BATCH)
		n = DP_SOCKIO_BATCH;
	for (unsigned i = 0; i < n; i++) {
		const struct dp_flow *flow = &datagrams[i].flow;
		struct endpoint peer = { flow->peer, flow->peer_port };

		iov[i] = (struct iovec){ datagrams[i].data, datagrams[i].len };
		messages[i].msg_hdr = (struct msghdr){
			.msg_name = &names[i],
			.msg_namelen = endpoint_to_sockaddr(&peer, &names[i]),
			.msg_iov = &iov[i],
			.msg_iovlen = 1,
			.msg_control = control[i],
			.msg_controllen = CONTROL_ROOM,
		};
		write_own_address(&messages[i].msg_hdr, &flow->own);
	}
	sent = sendmmsg(fd, messages, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent < 0 ? -errno : sent;
}
