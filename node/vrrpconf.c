/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vrrpconf.c - a virtual router as the configuration has it: for the engine, and against its interface. Contract in
 * routers.h.
 */
#include "node/routers.h"

#include <errno.h>
#include <string.h>

#include "node/config.h"
#include "node/track.h"

enum {
	SETTLE_MARGIN_MS = 100,
	SETTLE_MAX_MS = 30000,
	PREFIX_V4 = 96,			/* bits in front of an IPv4 address in struct addr */
	PREFIX_HOST = 128,
};

uint32_t router_settle_ms(const struct config *config)
{
	uint32_t longest = tracks_apart_ms(config);

	for (size_t i = 0; i < config->n_pools; i++) {
		const struct config_probe *probe = &config->pools[i].probe;

		uint32_t apart_ms = probe->interval_ms + probe->fall * probe->timeout_ms;

		if (probe->name[0] && apart_ms > longest)
			longest = apart_ms;
	}
	longest += SETTLE_MARGIN_MS;
	return longest < SETTLE_MAX_MS ? longest : SETTLE_MAX_MS;
}

static void fill_peers(struct vrrp_conf *conf, const struct config_vrrp *from)
{
	const struct config_addrs *peers = from->peers.n ? &from->peers : &from->accept_from;

	conf->unicast = from->peers.n;
	conf->max_hops = (uint8_t)from->max_hops;
	conf->n_peers = (uint8_t)peers->n;
	for (size_t i = 0; i < peers->n; i++)
		conf->peers[i] = peers->item[i];
}

void router_fill_conf(struct vrrp_conf *conf, const struct config *config, const struct config_vrrp *from)
{
	*conf = (struct vrrp_conf){
		.vrid = (uint8_t)from->vrid,
		.priority = (uint8_t)from->priority,
		.interval_cs = (uint16_t)from->interval_cs,
		.preempt = from->preempt,
		.virtual_mac = from->virtual_mac,
		.last_resort = from->last_resort,
		.preempt_delay_ms = from->preempt_delay_s * 1000,
		.linger_ms = from->linger_ms,
		.weight_settle_ms = router_settle_ms(config),
		.checksum = (uint8_t)from->checksum,
		.checksum_rx = from->checksum_rx == CONFIG_CHECKSUM_RX_BOTH ? VRRP_CHECKSUM_BOTH
									    : (uint8_t)from->checksum,
		.burst = (uint8_t)from->announce_count,
		.burst_gap_ms = from->announce_gap_ms,
		.burst_pace_ms = from->announce_pace_ms,
		.burst_again_ms = from->announce_again_ms,
		.refresh_ms = from->announce_refresh_ms,
		.lease = from->place,
		.count = (uint8_t)from->addresses.n,
	};
	memcpy(conf->interface, from->interface, sizeof(conf->interface));
	memcpy(conf->group, from->group, sizeof(conf->group));
	memcpy(conf->addresses, from->addresses.item, from->addresses.n * sizeof(conf->addresses[0]));
	fill_peers(conf, from);
}

int router_say_own(const char *where, const struct addr *address, char *error, size_t size)
{
	char text[ADDR_TEXT_MAX];

	return log_fail(-EADDRINUSE, error, size, "%s: %s is an address that this host has for itself; a virtual "
			"address must be another one", where, addr_format(address, text, sizeof(text)));
}

static bool is_own(const struct link_state *link, const struct addr *address)
{
	for (unsigned i = 0; i < link->addresses; i++)
		if (addr_equal(&link->address[i].addr, address) && link->address[i].len < PREFIX_HOST)
			return true;
	return false;
}

/* An address of the link that tells of a subnet where addr could lie: of its family, and no link-local one, which says
 * nothing. NULL: there is none. */
static const struct link_address *find_subnet(const struct link_state *link, const struct addr *addr)
{
	for (unsigned i = 0; i < link->addresses; i++) {
		const struct addr *own = &link->address[i].addr;

		if (addr_is_v4(own) == addr_is_v4(addr) && !addr_is_link_local(own))
			return &link->address[i];
	}
	return NULL;
}

static int check_address(const struct config_vrrp *from, const struct link_state *link, const struct addr *address,
			 char *error, size_t size)
{
	const struct link_address *own = find_subnet(link, address);
	char text[ADDR_TEXT_MAX], subnet[ADDR_TEXT_MAX];

	if (is_own(link, address))
		return router_say_own(from->where, address, error, size);
	/* Without any address yet there is nothing to compare with: the router waits for one. */
	if (from->foreign_subnet || addr_is_link_local(address) || !own || link_reaches(link, address))
		return 0;
	addr_format(address, text, sizeof(text));
	addr_format(&own->addr, subnet, sizeof(subnet));
	return log_fail(-EADDRNOTAVAIL, error, size, "%s: %s lies in no subnet of %s, which has %s/%d; set "
			"foreign_subnet = true if it is meant so", from->where, text, from->interface, subnet,
			addr_is_v4(&own->addr) ? own->len - PREFIX_V4 : own->len);
}

static int check_peers(const struct config_vrrp *from, const struct config_addrs *peers, const struct link_state *link,
		       char *error, size_t size)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < peers->n; i++)
		for (unsigned a = 0; a < link->addresses; a++)
			if (addr_equal(&link->address[a].addr, &peers->item[i]))
				return log_fail(-EADDRINUSE, error, size, "%s: peer %s is an address of this host; it "
						"must be the other node's", from->where,
						addr_format(&peers->item[i], text, sizeof(text)));
	return 0;
}

int router_check(const struct config_vrrp *from, struct link_state *link, char *error, size_t size)
{
	int err = link_read(from->interface, link);

	if (err)
		return log_fail(err, error, size, "%s: interface %s: %s", from->where, from->interface, strerror(-err));
	for (size_t j = 0; j < from->addresses.n; j++) {
		err = check_address(from, link, &from->addresses.item[j], error, size);
		if (err)
			return err;
	}
	err = check_peers(from, &from->peers, link, error, size);
	return err ? err : check_peers(from, &from->accept_from, link, error, size);
}

void router_tell_link_local(const struct vrrp_conf *conf, const struct config_vrrp *from)
{
	char text[ADDR_TEXT_MAX];

	if (from->link_local_derived)
		log_info("vrrp " VRRP_NAME ": its link-local address is %s, made of the VRID", VRRP_NAME_OF(conf),
			 addr_format(&conf->addresses[0], text, sizeof(text)));
}
