/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port.h - a network device with the filter. Control thread opens and refreshes; workers read the
 * fields above the line (mac changes are published by one atomic word).
 */
#ifndef DATAPLANE_PORT_H
#define DATAPLANE_PORT_H

#include <net/if.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/steer.h"

enum dp_side { DP_SIDE_CLIENT = 1, DP_SIDE_SERVER = 2, DP_SIDE_BOTH = 3 };
const char *dp_side_name(enum dp_side side);

struct dp_port {
	char name[IF_NAMESIZE];
	unsigned index;			/* port number: position in the filter's table */
	unsigned ifindex;
	enum dp_side side;
	uint16_t vlan;			/* 802.1Q id of its frames, 0 = untagged */
	_Atomic unsigned mtu;
	_Atomic uint64_t mac;		/* 6 octets in memory order in the low 48 bits; dp_port_mac() */
	/* control thread only below */
	unsigned queues;		/* channels that receive (ETHTOOL_GCHANNELS; 1 where not offered) */
	bool carrier;
	enum steer_mode mode;		/* obtained */
	bool zero_copy;			/* obtained */
	bool busy_poll;			/* obtained, on all of its sockets */
};

/* index and vlan are the caller's, set before. Reads name's ifindex, MAC, MTU, queues, carrier. 0 or -errno with error
 * saying what ("no interface eth7"; "eth0 has 1 queue, 2 workers need 2: ethtool -L eth0 combined 2"; "eth0 has MTU
 * 1200, ..."; "eth0 takes VLAN tags off before the filter sees them: ethtool -K eth0 rxvlan off"). */
int dp_port_probe(struct dp_port *port, const char *name, enum dp_side side, unsigned workers,
		  char *error, size_t size);
/* Counts the queues again: virtio_net begins to receive on more of them when a filter is attached. Before the sockets
 * are opened; it is never fewer than before. 0 or -errno with error as above. */
int dp_port_count_queues(struct dp_port *port, unsigned workers, char *error, size_t size);
/* Reads what may change (MAC, MTU, carrier). 0 or -errno. */
int dp_port_refresh(struct dp_port *port);

/* Copies the 6 octets. Any thread. */
void dp_port_mac(const struct dp_port *port, uint8_t mac[6]);

#endif
