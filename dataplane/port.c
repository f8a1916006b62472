/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port.c - what the kernel says about a network device. Control thread; workers read the MAC.
 * Contract in port.h.
 */
#include "dataplane/port.h"
#include "base/log.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MTU_MIN = 1280 };	/* a message of 1232 octets with IPv6 and UDP headers */

const char *dp_side_name(enum dp_side side)
{
	switch (side) {
	case DP_SIDE_CLIENT:
		return "client";
	case DP_SIDE_SERVER:
		return "server";
	default:
		return "both";
	}
}

static int ask(int fd, const char *name, unsigned long request, struct ifreq *ifr)
{
	memset(ifr->ifr_name, 0, sizeof(ifr->ifr_name));
	memcpy(ifr->ifr_name, name, strnlen(name, IF_NAMESIZE - 1));
	return ioctl(fd, request, ifr) ? -errno : 0;
}

/* A device that offers no channels has one queue each way. */
static int read_channels(int fd, const char *name, struct ethtool_channels *channels)
{
	struct ifreq ifr = { .ifr_data = (char *)channels };
	int err;

	*channels = (struct ethtool_channels) { .cmd = ETHTOOL_GCHANNELS };
	err = ask(fd, name, SIOCETHTOOL, &ifr);
	if (err == -EOPNOTSUPP) {
		channels->combined_count = 1;
		err = 0;
	}
	return err;
}

/* With the tag taken off by the card a frame of any VLAN looks untagged to the filter. */
static bool takes_tags_off(int fd, const char *name)
{
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };
	struct ifreq ifr = { .ifr_data = (char *)&flags };

	return ask(fd, name, SIOCETHTOOL, &ifr) == 0 && flags.data & ETH_FLAG_RXVLAN;
}

static int read_mac(int fd, struct dp_port *port)
{
	struct ifreq ifr;
	uint64_t mac = 0;
	int err = ask(fd, port->name, SIOCGIFHWADDR, &ifr);

	if (err)
		return err;
	if (ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -EPROTOTYPE;
	memcpy(&mac, ifr.ifr_hwaddr.sa_data, 6);
	atomic_store_explicit(&port->mac, mac, memory_order_relaxed);
	return 0;
}

/* MAC, MTU, carrier; *flags as SIOCGIFFLAGS has them. */
static int read_changing(int fd, struct dp_port *port, short *flags)
{
	struct ifreq ifr;
	int err = read_mac(fd, port);

	if (err)
		return err;
	err = ask(fd, port->name, SIOCGIFMTU, &ifr);
	if (err)
		return err;
	port->mtu = ifr.ifr_mtu;
	err = ask(fd, port->name, SIOCGIFFLAGS, &ifr);
	if (err)
		return err;
	*flags = ifr.ifr_flags;
	port->carrier = (*flags & IFF_UP) && (*flags & IFF_RUNNING);
	return 0;
}

static int check_queues(const struct dp_port *port, const struct ethtool_channels *channels, unsigned workers,
			char *error, size_t size)
{
	unsigned transmit = channels->combined_count + channels->tx_count;
	unsigned both = port->queues < transmit ? port->queues : transmit;
	unsigned wanted = workers < STEER_QUEUES_MAX ? workers : STEER_QUEUES_MAX;
	char command[64];

	if (channels->max_combined)
		snprintf(command, sizeof(command), "ethtool -L %s combined %u", port->name, wanted);
	else
		snprintf(command, sizeof(command), "ethtool -L %s rx %u tx %u", port->name, wanted, wanted);
	if (both < workers)
		return log_fail(-ERANGE, error, size, "%s has %u queue%s, %u workers need %u: %s", port->name, both,
			    both == 1 ? "" : "s", workers, workers, command);
	if (port->queues > STEER_QUEUES_MAX)
		return log_fail(-ERANGE, error, size, "%s has %u queues, at most %u are served: %s", port->name,
			    port->queues, STEER_QUEUES_MAX, command);
	return 0;
}

static int probe(int fd, struct dp_port *port, unsigned workers, char *error, size_t size)
{
	struct ethtool_channels channels;
	struct ifreq ifr;
	short flags;
	int err = ask(fd, port->name, SIOCGIFINDEX, &ifr);

	if (err == -ENODEV)
		return log_fail(err, error, size, "no interface %s", port->name);
	if (err)
		return log_fail(err, error, size, "%s: %s", port->name, strerror(-err));
	port->ifindex = ifr.ifr_ifindex;
	err = read_changing(fd, port, &flags);
	if (err == -EPROTOTYPE)
		return log_fail(err, error, size, "%s is not an Ethernet device", port->name);
	if (!err)
		err = read_channels(fd, port->name, &channels);
	if (err)
		return log_fail(err, error, size, "%s: %s", port->name, strerror(-err));
	port->queues = channels.combined_count + channels.rx_count;
	if (flags & IFF_MASTER)
		return log_fail(-EINVAL, error, size, "%s is a bond: name its members instead", port->name);
	if (port->mtu < MTU_MIN)
		return log_fail(-ERANGE, error, size, "%s has MTU %u, at least %u is needed: ip link set %s mtu %u",
			    port->name, port->mtu, MTU_MIN, port->name, MTU_MIN);
	if (port->vlan && takes_tags_off(fd, port->name))
		return log_fail(-EINVAL, error, size,
				"%s takes VLAN tags off before the filter sees them: ethtool -K %s "
				"rxvlan off", port->name, port->name);
	return check_queues(port, &channels, workers, error, size);
}

int dp_port_probe(struct dp_port *port, const char *name, enum dp_side side, unsigned workers,
		  char *error, size_t size)
{
	int fd, err;

	if (strnlen(name, IF_NAMESIZE) == IF_NAMESIZE)
		return log_fail(-ENODEV, error, size, "no interface %s: the name is too long", name);
	*port = (struct dp_port) { .index = port->index, .vlan = port->vlan, .side = side };
	strcpy(port->name, name);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return log_fail(-errno, error, size, "%s: socket: %s", name, strerror(errno));
	err = probe(fd, port, workers, error, size);
	close(fd);
	return err;
}

int dp_port_count_queues(struct dp_port *port, unsigned workers, char *error, size_t size)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;
	struct ethtool_channels channels;
	unsigned queues;

	if (fd < 0)
		return log_fail(-errno, error, size, "%s: socket: %s", port->name, strerror(errno));
	err = read_channels(fd, port->name, &channels);
	close(fd);
	if (err)
		return log_fail(err, error, size, "%s: %s", port->name, strerror(-err));
	queues = channels.combined_count + channels.rx_count;
	if (queues <= port->queues)
		return 0;
	port->queues = queues;
	return check_queues(port, &channels, workers, error, size);
}

int dp_port_refresh(struct dp_port *port)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;
	short flags;

	if (fd < 0)
		return -errno;
	err = read_changing(fd, port, &flags);
	if (err)
		port->carrier = false;
	close(fd);
	return err;
}

void dp_port_mac(const struct dp_port *port, uint8_t mac[6])
{
	uint64_t word = atomic_load_explicit((_Atomic uint64_t *)&port->mac, memory_order_relaxed);

	memcpy(mac, &word, 6);
}
