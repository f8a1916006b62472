/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel.c - questions about routes and neighbours, by libnl. Contract in kernel.h.
 */
#include "dataplane/kernel.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>
#include <string.h>
#include <sys/socket.h>

enum {
	ANSWER_TIMEOUT_S = 1,		/* the kernel answers at once; this is against waiting for ever */
	USABLE_STATES = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP,
};

static int addr_family(const struct addr *addr)
{
	return addr_is_v4(addr) ? AF_INET : AF_INET6;
}

static size_t addr_octets(const struct addr *addr)
{
	return addr_is_v4(addr) ? 4 : 16;
}

/* The octets of a netlink attribute; they stand last in struct addr. */
static const uint8_t *addr_raw(const struct addr *addr)
{
	return addr->bytes + sizeof(addr->bytes) - addr_octets(addr);
}

static bool addr_from_raw(const void *raw, size_t octets, struct addr *addr)
{
	uint32_t v4_be;

	if (octets == sizeof(addr->bytes)) {
		memcpy(addr->bytes, raw, octets);
	} else if (octets == sizeof(v4_be)) {
		memcpy(&v4_be, raw, octets);
		*addr = addr_from_v4(v4_be);
	} else {
		return false;
	}
	return true;
}

static bool addr_from_nl(const struct nl_addr *nl, struct addr *addr)
{
	return nl && addr_from_raw(nl_addr_get_binary_addr(nl), nl_addr_get_len(nl), addr);
}

int kernel_errno(int nl_error)
{
	switch (-nl_error) {
	case NLE_SUCCESS:
		return 0;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
		return -EPERM;
	case NLE_NOACCESS:
		return -EACCES;
	default:
		return -EIO;
	}
}

/* ---- asking ---- */

static int on_refusal(struct sockaddr_nl *from, struct nlmsgerr *error, void *arg)
{
	struct kernel *kernel = arg;

	(void)from;
	kernel->refusal = error->error;
	return NL_STOP;
}

int kernel_open(struct kernel *kernel)
{
	const struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };
	struct nl_sock *sock = nl_socket_alloc();
	int err;

	if (!sock)
		return -ENOMEM;
	nl_socket_modify_err_cb(sock, NL_CB_CUSTOM, on_refusal, kernel);
	err = kernel_errno(nl_connect(sock, NETLINK_ROUTE));
	if (err)
		goto err_free;
	if (setsockopt(nl_socket_get_fd(sock), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout))) {
		err = -errno;
		goto err_free;
	}
	kernel->sock = sock;
	return 0;

err_free:
	nl_socket_free(sock);
	return err;
}

void kernel_close(struct kernel *kernel)
{
	nl_socket_free(kernel->sock);
	kernel->sock = NULL;
}

int kernel_ask(struct kernel *kernel, struct nl_msg *msg, int (*on_reply)(struct nl_msg *msg, void *arg),
	       void *reply)
{
	int err = -NLE_BAD_SOCK;

	kernel->refusal = 0;
	if (kernel->sock || kernel_open(kernel) == 0) {
		nl_socket_modify_cb(kernel->sock, NL_CB_VALID, on_reply ? NL_CB_CUSTOM : NL_CB_DEFAULT,
				    on_reply, reply);
		err = nl_send_auto(kernel->sock, msg);
		if (err >= 0)
			err = nl_recvmsgs_default(kernel->sock);
		if (err >= 0 && on_reply)
			err = nl_wait_for_ack(kernel->sock);
	}
	nlmsg_free(msg);
	if (kernel->refusal)
		return kernel->refusal;
	if (err >= 0)
		return 0;
	kernel->broken = true;
	nl_socket_free(kernel->sock);
	kernel->sock = NULL;
	return -EIO;
}

static int on_route(struct nl_msg *msg, void *arg)
{
	struct kernel_route *answer = arg;
	struct rtnl_route *route;
	struct rtnl_nexthop *hop;

	if (nlmsg_hdr(msg)->nlmsg_type != RTM_NEWROUTE || rtnl_route_parse(nlmsg_hdr(msg), &route))
		return NL_SKIP;
	answer->type = rtnl_route_get_type(route);
	answer->has_source = addr_from_nl(rtnl_route_get_pref_src(route), &answer->source);
	hop = rtnl_route_nexthop_n(route, 0);
	if (hop) {
		answer->ifindex = (unsigned)rtnl_route_nh_get_ifindex(hop);
		/* "via" is a gateway of the other family (RFC 5549 style routes) */
		answer->has_gateway = addr_from_nl(rtnl_route_nh_get_gateway(hop), &answer->gateway) ||
				      addr_from_nl(rtnl_route_nh_get_via(hop), &answer->gateway);
	}
	rtnl_route_put(route);
	return NL_OK;
}

int kernel_ask_route(struct kernel *kernel, const struct addr *to, unsigned ifindex, struct kernel_route *answer)
{
	const struct rtmsg header = {
		.rtm_family = (unsigned char)addr_family(to),
		.rtm_dst_len = (unsigned char)(addr_octets(to) * 8),
	};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, 0);

	memset(answer, 0, sizeof(*answer));
	if (!msg)
		return -ENOMEM;
	if (nlmsg_append(msg, (void *)&header, sizeof(header), NLMSG_ALIGNTO) ||
	    nla_put(msg, RTA_DST, (int)addr_octets(to), addr_raw(to)) ||
	    (ifindex && nla_put_u32(msg, RTA_OIF, ifindex))) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	return kernel_ask(kernel, msg, on_route, answer);
}

static int on_neighbour(struct nl_msg *msg, void *arg)
{
	struct kernel_neighbour *answer = arg;
	struct rtnl_neigh *entry;
	struct nl_addr *mac;

	if (nlmsg_hdr(msg)->nlmsg_type != RTM_NEWNEIGH || rtnl_neigh_parse(nlmsg_hdr(msg), &entry))
		return NL_SKIP;
	mac = rtnl_neigh_get_lladdr(entry);
	if (rtnl_neigh_get_state(entry) & USABLE_STATES && mac && nl_addr_get_len(mac) == sizeof(answer->mac)) {
		memcpy(answer->mac, nl_addr_get_binary_addr(mac), sizeof(answer->mac));
		answer->usable = true;
	}
	rtnl_neigh_put(entry);
	return NL_OK;
}

/* RTM_GETNEIGH or RTM_NEWNEIGH about a neighbour; NULL without memory. */
static struct nl_msg *neighbour_message(unsigned ifindex, const struct addr *addr, int type, int flags, uint8_t ntf)
{
	const struct ndmsg header = {
		.ndm_family = (unsigned char)addr_family(addr),
		.ndm_ifindex = (int)ifindex,
		.ndm_flags = ntf,
	};
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (!msg)
		return NULL;
	if (nlmsg_append(msg, (void *)&header, sizeof(header), NLMSG_ALIGNTO) ||
	    nla_put(msg, NDA_DST, (int)addr_octets(addr), addr_raw(addr))) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

int kernel_ask_neighbour(struct kernel *kernel, unsigned ifindex, const struct addr *addr,
			 struct kernel_neighbour *answer)
{
	struct nl_msg *msg = neighbour_message(ifindex, addr, RTM_GETNEIGH, 0, 0);

	memset(answer, 0, sizeof(*answer));
	return msg ? kernel_ask(kernel, msg, on_neighbour, answer) : -ENOMEM;
}

void kernel_use_neighbour(struct kernel *kernel, unsigned ifindex, const struct addr *addr)
{
	struct nl_msg *msg = neighbour_message(ifindex, addr, RTM_NEWNEIGH, NLM_F_CREATE, NTF_USE);

	if (msg)
		kernel_ask(kernel, msg, NULL, NULL);
}

bool kernel_read_neighbour(struct nlmsghdr *message, unsigned *ifindex, struct addr *addr)
{
	const struct ndmsg *about = nlmsg_data(message);
	struct nlattr *attr[NDA_MAX + 1];

	if (nlmsg_parse(message, sizeof(*about), attr, NDA_MAX, NULL) || !attr[NDA_DST])
		return false;
	*ifindex = (unsigned)about->ndm_ifindex;
	return addr_from_raw(nla_data(attr[NDA_DST]), (size_t)nla_len(attr[NDA_DST]), addr);
}
