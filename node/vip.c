/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vip.c - the TAP device and the addresses on it, by libnl. Control thread. Contract in vip.h.
 *
 * Nobody reads the device: what the host sends there is for nobody. It is a place for addresses that goes away
 * with its descriptor. Arriving packets are accepted on any interface, as the kernel always does.
 */
#include "node/vip.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet6.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"

#define TUN_DEVICE "/dev/net/tun"

enum { LIFETIME_FOREVER = 0xffffffff };

struct vip {
	int tap_fd;
	int ifindex;
	char name[IFNAMSIZ];
	struct nl_sock *netlink;
};

/* ---- netlink ---- */

/* What the kernel refused a request with; libnl's own codes are fewer. */
static int on_refusal(struct sockaddr_nl *from, struct nlmsgerr *error, void *arg)
{
	int *refusal = arg;

	(void)from;
	*refusal = error->error;
	return NL_STOP;
}

static struct nl_sock *open_netlink(void)
{
	struct nl_sock *netlink = nl_socket_alloc();

	if (!netlink)
		return NULL;
	if (nl_connect(netlink, NETLINK_ROUTE) == 0)
		return netlink;
	nl_socket_free(netlink);
	return NULL;
}

/* Sends the request (freed here; NULL: there was no memory for it) and waits for the kernel's word. 0 or -errno. */
static int ask(struct nl_sock *netlink, struct nl_msg *msg)
{
	int refusal = 0, err;

	if (!msg)
		return -ENOMEM;
	nl_socket_modify_err_cb(netlink, NL_CB_CUSTOM, on_refusal, &refusal);
	err = nl_send_auto(netlink, msg);
	nlmsg_free(msg);
	if (err >= 0)
		err = nl_wait_for_ack(netlink);
	nl_socket_modify_err_cb(netlink, NL_CB_DEFAULT, NULL, NULL);
	if (refusal)
		return refusal;
	return err < 0 ? -EIO : 0;
}

/* ---- the device ---- */

static int open_tap(struct vip *vip)
{
	static const char pattern[] = "tandem%d";	/* the kernel puts the first free number */
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int err;

	vip->tap_fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (vip->tap_fd < 0)
		return -errno;
	memcpy(request.ifr_name, pattern, sizeof(pattern));
	if (ioctl(vip->tap_fd, TUNSETIFF, &request)) {
		err = -errno;
		close(vip->tap_fd);
		return err;
	}
	memcpy(vip->name, request.ifr_name, sizeof(vip->name));
	return 0;
}

/* change describes what is to be; the device is found by ifindex. */
static int change_link(struct vip *vip, struct rtnl_link *change)
{
	struct rtnl_link *self = rtnl_link_alloc();
	struct nl_msg *msg = NULL;
	int err = -ENOMEM;

	if (!self)
		return err;
	rtnl_link_set_ifindex(self, vip->ifindex);
	if (rtnl_link_build_change_request(self, change, 0, &msg) == 0)
		err = ask(vip->netlink, msg);
	rtnl_link_put(self);
	return err;
}

static int stop_address_generation(struct vip *vip)
{
	struct rtnl_link *change = rtnl_link_alloc();
	int err = -ENOMEM;

	if (!change)
		return err;
	if (rtnl_link_inet6_set_addr_gen_mode(change, rtnl_link_inet6_str2addrgenmode("none")) == 0)
		err = change_link(vip, change);
	rtnl_link_put(change);
	/* A kernel without IPv6 generates none. */
	return err == -EAFNOSUPPORT ? 0 : err;
}

static int raise_link(struct vip *vip)
{
	struct rtnl_link *change = rtnl_link_alloc();
	int err;

	if (!change)
		return -ENOMEM;
	rtnl_link_set_flags(change, IFF_NOARP | IFF_UP);
	err = change_link(vip, change);
	rtnl_link_put(change);
	return err;
}

int vip_open(struct vip **out, char *error, size_t size)
{
	struct vip *vip = calloc(1, sizeof(*vip));
	const char *what = "memory";
	int err = -ENOMEM;

	if (!vip)
		goto err;
	what = "netlink";
	vip->netlink = open_netlink();
	if (!vip->netlink)
		goto err_free;
	what = "making a TAP device (" TUN_DEVICE ")";
	err = open_tap(vip);
	if (err)
		goto err_close_netlink;
	what = "setting up the TAP device";
	vip->ifindex = (int)if_nametoindex(vip->name);
	err = stop_address_generation(vip);
	if (!err)
		err = raise_link(vip);
	if (err)
		goto err_close_tap;
	*out = vip;
	return 0;

err_close_tap:
	close(vip->tap_fd);
err_close_netlink:
	nl_socket_free(vip->netlink);
err_free:
	free(vip);
err:
	snprintf(error, size, "%s: %s", what, strerror(-err));
	return err;
}

void vip_close(struct vip *vip)
{
	if (!vip)
		return;
	close(vip->tap_fd);
	nl_socket_free(vip->netlink);
	free(vip);
}

/* ---- addresses ---- */

/* The address with its full length on an interface, as libnl wants it; NULL without memory. */
static struct rtnl_addr *make_address(int ifindex, const struct addr *address)
{
	bool is_v4 = addr_is_v4(address);
	const void *octets = is_v4 ? (const void *)&address->words_be[3] : address->bytes;
	struct nl_addr *local = nl_addr_build(is_v4 ? AF_INET : AF_INET6, octets, is_v4 ? 4 : 16);
	struct rtnl_addr *a = rtnl_addr_alloc();

	if (!local || !a || rtnl_addr_set_local(a, local)) {
		rtnl_addr_put(a);
		a = NULL;
	} else {
		rtnl_addr_set_ifindex(a, ifindex);
	}
	nl_addr_put(local);
	return a;
}

static int remove_from(struct nl_sock *netlink, int ifindex, const struct addr *address)
{
	struct rtnl_addr *a = make_address(ifindex, address);
	struct nl_msg *msg = NULL;
	int err = -ENOMEM;

	if (!a)
		return err;
	if (rtnl_addr_build_delete_request(a, 0, &msg) == 0)
		err = ask(netlink, msg);
	rtnl_addr_put(a);
	return err == -EADDRNOTAVAIL ? 0 : err;
}

int vip_add(struct vip *vip, const struct addr *address)
{
	struct rtnl_addr *a = make_address(vip->ifindex, address);
	struct nl_msg *msg = NULL;
	int err = -ENOMEM;

	if (!a)
		return err;
	rtnl_addr_set_flags(a, IFA_F_NODAD);
	/* Never the source of what this host says on its own account. */
	rtnl_addr_set_preferred_lifetime(a, 0);
	rtnl_addr_set_valid_lifetime(a, LIFETIME_FOREVER);
	if (rtnl_addr_build_add_request(a, NLM_F_EXCL, &msg) == 0)
		err = ask(vip->netlink, msg);
	rtnl_addr_put(a);
	return err == -EEXIST ? 0 : err;
}

int vip_remove(struct vip *vip, const struct addr *address)
{
	return remove_from(vip->netlink, vip->ifindex, address);
}

/* ---- what this host has ---- */

static bool is_address(const struct ifaddrs *at, const struct addr *address)
{
	struct endpoint endpoint;

	return at->ifa_addr && endpoint_from_sockaddr(at->ifa_addr, &endpoint) == 0 &&
	       addr_equal(&endpoint.addr, address);
}

static bool has_full_length(const struct ifaddrs *at)
{
	static const uint8_t all_ones[16] = { 255, 255, 255, 255, 255, 255, 255, 255,
					      255, 255, 255, 255, 255, 255, 255, 255 };
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)at->ifa_netmask;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)at->ifa_netmask;

	if (!at->ifa_netmask)
		return false;
	return at->ifa_addr->sa_family == AF_INET ? v4->sin_addr.s_addr == INADDR_BROADCAST
						  : !memcmp(&v6->sin6_addr, all_ones, sizeof(all_ones));
}

bool vip_has(struct vip *vip, const struct addr *address)
{
	struct ifaddrs *list, *at;

	if (getifaddrs(&list))
		return false;
	for (at = list; at; at = at->ifa_next)
		if (!strcmp(at->ifa_name, vip->name) && is_address(at, address))
			break;
	freeifaddrs(list);
	return at;
}

/* Is it the address, on an interface where that means the same? */
static bool is_clash(const struct ifaddrs *at, const struct addr *address, const char *interface)
{
	return is_address(at, address) && (!addr_is_link_local(address) || !strcmp(at->ifa_name, interface));
}

/* False when some interface has it as one of a subnet. */
static bool may_clean(const struct ifaddrs *list, const struct addr *address, const char *interface)
{
	for (; list; list = list->ifa_next)
		if (is_clash(list, address, interface) && !has_full_length(list))
			return false;
	return true;
}

static int clean_one(struct nl_sock *netlink, const char *interface, const struct addr *address)
{
	char text[ADDR_TEXT_MAX];
	int err = remove_from(netlink, (int)if_nametoindex(interface), address);

	addr_format(address, text, sizeof(text));
	if (err)
		log_warning("%s on %s cannot be removed: %s", text, interface, strerror(-err));
	else
		log_info("%s was on %s: removed", text, interface);
	return err;
}

int vip_clean(const struct addr *address, const char *interface)
{
	struct nl_sock *netlink;
	struct ifaddrs *list;
	int err = 0;

	if (getifaddrs(&list))
		return -errno;
	if (!may_clean(list, address, interface)) {
		freeifaddrs(list);
		return -EADDRINUSE;
	}
	netlink = open_netlink();
	if (!netlink)
		err = -ENOMEM;
	for (const struct ifaddrs *at = list; at && !err; at = at->ifa_next)
		if (is_clash(at, address, interface))
			err = clean_one(netlink, at->ifa_name, address);
	nl_socket_free(netlink);
	freeifaddrs(list);
	return err;
}
