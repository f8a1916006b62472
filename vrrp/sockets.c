/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockets.c - packet sockets with classic filters. Contract in sockets.h.
 *
 * A filter is attached before the socket is bound to a protocol, so no unfiltered frame is ever queued. The one for
 * advertisements keeps strangers from waking the real-time thread; the strangers' socket has its complement and is
 * read now and then. Both programs come from one function and cannot drift apart.
 *
 * A packet socket on a device also sees frames of its VLAN devices, tag removed: there the frame's device is
 * another one. Frames of a VLAN that has no device here are marked as somebody else's, although they are multicast.
 *
 * The card receives for the solicited-node groups' MACs all the time, by packet memberships; that switches send them
 * here is control's, who joins the groups while Active (node/groups.h): joining waits for locks.
 */
#include "vrrp/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "vrrp/advert.h"
#include "vrrp/announce.h"
#include "vrrp/engine.h"

enum {
	ADVERTS_BUFFER = 1024 * 1024,		/* under three thousand frames: read in a few milliseconds */
	STRANGERS_BUFFER = 16 * 1024,
	INQUIRIES_BUFFER = 256 * 1024,
	SEND_PRIORITY = 7,			/* TC_PRIO_CONTROL: ahead of data in the default qdisc */
	SEND_PRIORITY_PLAIN = 6,		/* the highest that needs no privilege */

	ETH_GROUP_BIT = 1,			/* of the first octet */
	AT_IP = ETH_HLEN,
	AT_IPV4_TTL = ETH_HLEN + 8, AT_IPV4_PROTOCOL = ETH_HLEN + 9,
	AT_IPV6_NEXT_HEADER = ETH_HLEN + 6, AT_IPV6_HOP_LIMIT = ETH_HLEN + 7, AT_IPV6_SOURCE = ETH_HLEN + 8,
	IPV6_LEN = 40,
	AT_ARP_SENDER = ETH_HLEN + 14,
	AT_ARP_TARGET = ETH_HLEN + 24,
	AT_ND_TYPE = ETH_HLEN + IPV6_LEN,
	AT_ND_TARGET = ETH_HLEN + IPV6_LEN + 8,
	LAST_WORD = 12,				/* of an IPv6 address */
	ND_SOLICITATION = 135, ND_ADVERTISEMENT = 136,
	VERSION_3_ADVERT = 0x31,

	DROP = 0,
	ACCEPT = 0xffff,
	PROGRAM_MAX = 64 + 4 * VRRP_ROUTERS_MAX * VRRP_ADDRESSES_MAX,
};

/* ---- filters ---- */

struct program {
	struct sock_filter code[PROGRAM_MAX];
	unsigned short n;
};

static void emit(struct program *p, uint16_t code, uint32_t k, uint8_t jump_true, uint8_t jump_false)
{
	p->code[p->n++] = (struct sock_filter){ code, jump_true, jump_false, k };
}

static void load(struct program *p, uint16_t how, uint32_t k)
{
	emit(p, BPF_LD | how, k, 0, 0);
}

static void verdict(struct program *p, uint32_t keep)
{
	emit(p, BPF_RET | BPF_K, keep, 0, 0);
}

static void verdict_if(struct program *p, uint32_t value, uint32_t keep)
{
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
	verdict(p, keep);
}

static void verdict_unless(struct program *p, uint32_t value, uint32_t keep)
{
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
	verdict(p, keep);
}

static void verdict_if_below(struct program *p, uint32_t value, uint32_t keep)
{
	emit(p, BPF_JMP | BPF_JGE | BPF_K, value, 1, 0);
	verdict(p, keep);
}

static void drop_other_devices(struct program *p, int ifindex)
{
	load(p, BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX));
	verdict_unless(p, (uint32_t)ifindex, DROP);
}

static void drop_groups_of_others(struct program *p)
{
	load(p, BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, PACKET_OTHERHOST, 0, 3);
	load(p, BPF_B | BPF_ABS, 0);
	emit(p, BPF_JMP | BPF_JSET | BPF_K, ETH_GROUP_BIT, 0, 1);
	verdict(p, DROP);
}

/* Routers that some peer's advertisements may have passed. */
static uint32_t most_hops(const struct vrrp_conf *const *conf, unsigned n)
{
	uint32_t most = 0;

	for (unsigned i = 0; i < n; i++)
		most = conf[i]->max_hops > most ? conf[i]->max_hops : most;
	return most;
}

/* Protocol 112: ours = VRRPv3 advertisements with TTL 255 for a VRID of conf; others = the rest. A load behind the end
 * of a frame drops it, so the length is looked at first. X is the length of the IP header. */
static void filter_adverts(struct program *p, const struct vrrp_sockets *s, const struct vrrp_conf *const *conf,
			   unsigned n, uint32_t ours, uint32_t others)
{
	drop_other_devices(p, s->ifindex);
	drop_groups_of_others(p);
	load(p, BPF_B | BPF_ABS, s->ipv6 ? AT_IPV6_NEXT_HEADER : AT_IPV4_PROTOCOL);
	verdict_unless(p, VRRP_PROTOCOL, DROP);
	load(p, BPF_B | BPF_ABS, s->ipv6 ? AT_IPV6_HOP_LIMIT : AT_IPV4_TTL);
	verdict_if_below(p, VRRP_TTL - most_hops(conf, n), others);
	if (s->ipv6)
		emit(p, BPF_LDX | BPF_IMM, IPV6_LEN, 0, 0);
	else
		emit(p, BPF_LDX | BPF_B | BPF_MSH, AT_IP, 0, 0);
	load(p, BPF_W | BPF_LEN, 0);
	emit(p, BPF_ALU | BPF_SUB | BPF_X, 0, 0, 0);
	verdict_if_below(p, AT_IP + 2, others);
	load(p, BPF_B | BPF_IND, AT_IP);
	verdict_unless(p, VERSION_3_ADVERT, others);
	load(p, BPF_B | BPF_IND, AT_IP + 1);
	for (unsigned i = 0; i < n; i++)
		verdict_if(p, conf[i]->vrid, ours);
	verdict(p, others);
}

/* Of IPv6 by the last four octets: that keeps nearly everything away, and what does pass is read in full. */
static void accept_addresses(struct program *p, uint32_t at, const struct vrrp_conf *const *conf,
			     unsigned n)
{
	load(p, BPF_W | BPF_ABS, at);
	for (unsigned i = 0; i < n; i++) {
		for (unsigned a = 0; a < conf[i]->count; a++)
			verdict_if(p, ntohl(conf[i]->addresses[a].words_be[3]), ACCEPT);
	}
}

static void filter_arp(struct program *p, int ifindex, const struct vrrp_conf *const *conf, unsigned n)
{
	drop_other_devices(p, ifindex);
	drop_groups_of_others(p);
	accept_addresses(p, AT_ARP_TARGET, conf, n);
	accept_addresses(p, AT_ARP_SENDER, conf, n);
	verdict(p, DROP);
}

static void filter_nd(struct program *p, int ifindex, const struct vrrp_conf *const *conf, unsigned n)
{
	drop_other_devices(p, ifindex);
	drop_groups_of_others(p);
	load(p, BPF_B | BPF_ABS, AT_IPV6_NEXT_HEADER);
	verdict_unless(p, IPPROTO_ICMPV6, DROP);
	load(p, BPF_B | BPF_ABS, AT_ND_TYPE);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, ND_SOLICITATION, 2, 0);
	verdict_unless(p, ND_ADVERTISEMENT, DROP);
	accept_addresses(p, AT_ND_TARGET + LAST_WORD, conf, n);
	accept_addresses(p, AT_IPV6_SOURCE + LAST_WORD, conf, n);
	verdict(p, DROP);
}

static void filter_inquiries(struct program *p, const struct vrrp_sockets *s, const struct vrrp_conf *const *conf,
			     unsigned n)
{
	if (s->ipv6)
		filter_nd(p, s->ifindex, conf, n);
	else
		filter_arp(p, s->ifindex, conf, n);
}

/* ---- opening ---- */

/* protocol 0: receives nothing. *fd is set as soon as there is one. 0 or -errno. */
static int open_packet(int *fd, int ifindex, uint16_t protocol, const struct program *filter, int buffer)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = ifindex,
	};
	int on = 1;

	*fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return -errno;
	if (filter) {
		struct sock_fprog prog = { filter->n, (struct sock_filter *)filter->code };

		if (setsockopt(*fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ||
		    setsockopt(*fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0 ||
		    setsockopt(*fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0)
			return -errno;
		if (setsockopt(*fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) < 0 &&
		    setsockopt(*fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)) < 0)
			return -errno;
	}
	return bind(*fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
}

static int join_ipv4(int fd, int ifindex, const struct addr *group)
{
	struct ip_mreqn request = {
		.imr_multiaddr.s_addr = addr_v4_be(group),
		.imr_ifindex = ifindex,
	};

	return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)) < 0 ? -errno : 0;
}

static int join_ipv6(int fd, int ifindex, const struct addr *group)
{
	struct ipv6_mreq request = { .ipv6mr_interface = (unsigned)ifindex };

	memcpy(&request.ipv6mr_multiaddr, group->bytes, sizeof(request.ipv6mr_multiaddr));
	return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof(request)) < 0 ? -errno : 0;
}

/* By a UDP socket and not by a packet membership: only so does the kernel report it to snooping switches. */
static int join_group(struct vrrp_sockets *s)
{
	struct addr group = vrrp_group(s->ipv6);

	s->group_fd = socket(s->ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->group_fd < 0)
		return -errno;
	return s->ipv6 ? join_ipv6(s->group_fd, s->ifindex, &group) : join_ipv4(s->group_fd, s->ifindex, &group);
}

/* how: PACKET_ADD_MEMBERSHIP or PACKET_DROP_MEMBERSHIP. */
static int receive_for(const struct vrrp_sockets *s, int how, uint16_t type, const uint8_t mac[ETH_ALEN])
{
	struct packet_mreq request = {
		.mr_ifindex = s->ifindex,
		.mr_type = type,
		.mr_alen = ETH_ALEN,
	};

	memcpy(request.mr_address, mac, ETH_ALEN);
	return setsockopt(s->send_fd, SOL_PACKET, how, &request, sizeof(request)) < 0 ? -errno : 0;
}

static bool has_unicast(const struct vrrp_conf *const *conf, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (conf[i]->unicast)
			return true;
	}
	return false;
}

/* A raw socket that wants the protocol and keeps nothing of it: where there is none, the kernel tells a unicast sender
 * "protocol unreachable", ten times a second. Other devices' packets are not ours to hide. */
static int open_quiet(int *fd, const char *interface, int family)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, DROP);
	struct sock_fprog prog = { 1, &nothing };

	*fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, VRRP_PROTOCOL);
	if (*fd < 0 || setsockopt(*fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ||
	    setsockopt(*fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface)) < 0)
		return -errno;
	return 0;
}

static int change_virtual_macs(const struct vrrp_sockets *s, const struct vrrp_conf *const *conf, unsigned n, int how)
{
	uint8_t mac[ETH_ALEN];
	int err = 0;

	for (unsigned i = 0; i < n && !err; i++) {
		if (!conf[i]->virtual_mac)
			continue;
		vrrp_virtual_mac(conf[i]->vrid, s->ipv6, mac);
		err = receive_for(s, how, PACKET_MR_UNICAST, mac);
	}
	return err;
}

static int change_solicited_nodes(const struct vrrp_sockets *s, const struct vrrp_conf *const *conf, unsigned n, int how)
{
	uint8_t mac[ETH_ALEN];
	int err = 0;

	for (unsigned i = 0; s->ipv6 && i < n; i++) {
		for (unsigned a = 0; a < conf[i]->count && !err; a++) {
			struct addr group = vrrp_solicited_node(&conf[i]->addresses[a]);

			vrrp_multicast_mac(&group, mac);
			err = receive_for(s, how, PACKET_MR_MULTICAST, mac);
		}
	}
	return err;
}

static int open_sender(struct vrrp_sockets *s, const struct vrrp_conf *const *conf, unsigned n)
{
	int priority = SEND_PRIORITY, err = open_packet(&s->send_fd, s->ifindex, 0, NULL, 0);

	if (err)
		return err;
	if (setsockopt(s->send_fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)) < 0) {
		priority = SEND_PRIORITY_PLAIN;
		if (setsockopt(s->send_fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)) < 0)
			return -errno;
	}
	err = change_virtual_macs(s, conf, n, PACKET_ADD_MEMBERSHIP);
	return err ? err : change_solicited_nodes(s, conf, n, PACKET_ADD_MEMBERSHIP);
}

static int open_receivers(struct vrrp_sockets *s, const struct vrrp_conf *const *conf, unsigned n)
{
	struct program adverts = { .n = 0 }, strangers = { .n = 0 }, inquiries = { .n = 0 };
	uint16_t protocol = s->ipv6 ? ETH_P_IPV6 : ETH_P_IP;
	int err;

	filter_adverts(&adverts, s, conf, n, ACCEPT, DROP);
	filter_adverts(&strangers, s, conf, n, DROP, ACCEPT);
	filter_inquiries(&inquiries, s, conf, n);
	err = open_packet(&s->adverts_fd, s->ifindex, protocol, &adverts, ADVERTS_BUFFER);
	if (!err)
		err = open_packet(&s->strangers_fd, s->ifindex, protocol, &strangers, STRANGERS_BUFFER);
	if (!err)
		err = open_packet(&s->inquiries_fd, s->ifindex, s->ipv6 ? ETH_P_IPV6 : ETH_P_ARP, &inquiries,
				  INQUIRIES_BUFFER);
	return err;
}

int vrrp_sockets_open(struct vrrp_sockets *sockets, const char *interface, bool ipv6,
		      const struct vrrp_conf *conf, unsigned n, char *error, size_t size)
{
	const struct vrrp_conf *here[VRRP_ROUTERS_MAX];
	unsigned n_here = 0;
	int err;

	for (unsigned i = 0; i < n; i++) {
		if (!strcmp(conf[i].interface, interface) && vrrp_is_ipv6(&conf[i]) == ipv6)
			here[n_here++] = &conf[i];
	}
	*sockets = (struct vrrp_sockets){ (int)if_nametoindex(interface), ipv6, -1, -1, -1, -1, -1, -1 };
	if (!sockets->ifindex) {
		snprintf(error, size, "vrrp: no interface %s", interface);
		return -ENODEV;
	}
	err = join_group(sockets);
	if (err) {
		snprintf(error, size, "%s: cannot join %s: %s", interface, ipv6 ? "ff02::12" : "224.0.0.18",
			 strerror(-err));
		goto err_close;
	}
	err = open_receivers(sockets, here, n_here);
	if (!err)
		err = open_sender(sockets, here, n_here);
	if (!err && has_unicast(here, n_here))
		err = open_quiet(&sockets->quiet_fd, interface, ipv6 ? AF_INET6 : AF_INET);
	if (err) {
		snprintf(error, size, "%s: packet sockets of vrrp: %s", interface, strerror(-err));
		goto err_close;
	}
	return 0;

err_close:
	vrrp_sockets_close(sockets);
	return err;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void vrrp_sockets_close(struct vrrp_sockets *sockets)
{
	close_one(&sockets->quiet_fd);
	close_one(&sockets->send_fd);
	close_one(&sockets->inquiries_fd);
	close_one(&sockets->strangers_fd);
	close_one(&sockets->adverts_fd);
	close_one(&sockets->group_fd);
}

/* The kernel counts memberships, so before and after need not be compared. */
static int change_memberships(const struct vrrp_sockets *s, const struct vrrp_conf *router, int how)
{
	int err = router ? change_virtual_macs(s, &router, 1, how) : 0;

	return err || !router ? err : change_solicited_nodes(s, &router, 1, how);
}

static int replace_filter(int fd, struct program *filter)
{
	struct sock_fprog prog = { filter->n, filter->code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ? -errno : 0;
}

static int replace_filters(const struct vrrp_sockets *s, const struct vrrp_conf *const *conf, unsigned n)
{
	struct program adverts = { .n = 0 }, strangers = { .n = 0 }, inquiries = { .n = 0 };
	int err;

	filter_adverts(&adverts, s, conf, n, ACCEPT, DROP);
	filter_adverts(&strangers, s, conf, n, DROP, ACCEPT);
	filter_inquiries(&inquiries, s, conf, n);
	err = replace_filter(s->adverts_fd, &adverts);
	if (!err)
		err = replace_filter(s->strangers_fd, &strangers);
	return err ? err : replace_filter(s->inquiries_fd, &inquiries);
}

int vrrp_sockets_follow(struct vrrp_sockets *s, const char *interface, const struct vrrp_conf *const *conf, unsigned n,
			const struct vrrp_conf *before, const struct vrrp_conf *after)
{
	int err = change_memberships(s, after, PACKET_ADD_MEMBERSHIP), failed;

	if (!err)
		err = change_memberships(s, before, PACKET_DROP_MEMBERSHIP);
	failed = replace_filters(s, conf, n);
	if (failed)
		err = failed;
	if (!has_unicast(conf, n))
		close_one(&s->quiet_fd);
	else if (s->quiet_fd < 0 && !err)
		err = open_quiet(&s->quiet_fd, interface, s->ipv6 ? AF_INET6 : AF_INET);
	return err;
}

/* ---- sending and receiving ---- */

bool vrrp_sockets_send(const struct vrrp_sockets *sockets, const uint8_t *frame, size_t len)
{
	return send(sockets->send_fd, frame, len, MSG_DONTWAIT) == (ssize_t)len;
}

uint32_t vrrp_sockets_overflow(const struct vrrp_sockets *sockets)
{
	struct tpacket_stats stats = { 0 };
	socklen_t len = sizeof(stats);

	/* Reading resets them. */
	if (getsockopt(sockets->strangers_fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) < 0)
		return 0;
	return stats.tp_drops;
}

static void prepare(struct vrrp_inbox *inbox, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		inbox->vectors[i] = (struct iovec){ inbox->frames[i], VRRP_RECEIVE_MAX };
		inbox->messages[i].msg_hdr = (struct msghdr){
			.msg_iov = &inbox->vectors[i],
			.msg_iovlen = 1,
			.msg_control = inbox->control[i].room,
			.msg_controllen = sizeof(inbox->control[i].room),
		};
	}
}

unsigned vrrp_inbox_receive(struct vrrp_inbox *inbox, int fd, unsigned max)
{
	int n;

	if (max > VRRP_INBOX)
		max = VRRP_INBOX;
	prepare(inbox, max);
	n = recvmmsg(fd, inbox->messages, max, MSG_DONTWAIT, NULL);
	/* An interface that went down is told once, and hides what waits behind it. */
	if (n < 0 && errno == ENETDOWN)
		n = recvmmsg(fd, inbox->messages, max, MSG_DONTWAIT, NULL);
	return n < 0 ? 0 : (unsigned)n;
}

uint64_t vrrp_inbox_stamp(struct vrrp_inbox *inbox, unsigned i)
{
	struct msghdr *header = &inbox->messages[i].msg_hdr;
	struct timespec stamp;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS)
			continue;
		memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
		return (uint64_t)stamp.tv_sec * CLOCK_NS_PER_S + (uint64_t)stamp.tv_nsec;
	}
	return 0;
}
