/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * presence.c - announcements, answers, conflicts. Contract in presence.h.
 */
#include "vrrp/presence.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "vrrp/sockets.h"

_Static_assert(VRRP_ADDRESSES_MAX <= 32, "a bit each");

enum {
	ALL_ADDRESSES = 0xffffffff,
	AT_ONCE = 4,			/* announcements in a row; a switch may drop more */
	ANSWERS_PER_WINDOW = 100,	/* of one address: 1,000 a second */
	WINDOW_NS = 100 * CLOCK_NS_PER_MS,
};
#define CONFLICT_KEPT_NS (60ULL * CLOCK_NS_PER_S)
#define CONFLICT_LOG_NS (10ULL * CLOCK_NS_PER_S)

void vrrp_presence_init(struct vrrp_presence *presence, const struct vrrp_conf *conf,
			const struct vrrp_sockets *sockets)
{
	memset(presence, 0, sizeof(*presence));
	presence->conf = conf;
	presence->sockets = sockets;
	if (conf->virtual_mac)
		vrrp_virtual_mac(conf->vrid, vrrp_is_ipv6(conf), presence->mac);
}

void vrrp_presence_set_mac(struct vrrp_presence *presence, const uint8_t interface_mac[6])
{
	if (!presence->conf->virtual_mac)
		memcpy(presence->mac, interface_mac, sizeof(presence->mac));
}

/* ---- announcements ---- */

static void announce_address(struct vrrp_presence *p, const struct addr *address)
{
	uint8_t frame[VRRP_ANNOUNCE_MAX];
	size_t len;

	if (vrrp_is_ipv6(p->conf))
		len = vrrp_announce_na(address, &p->conf->addresses[0], p->mac, frame);
	else
		len = vrrp_announce_arp(address, p->mac, frame);
	if (vrrp_sockets_send(p->sockets, frame, len))
		p->announcements++;
}

/* A round is over: the next of this burst, the second burst, the slow refresh, or nothing more. */
static void plan_next_round(struct vrrp_presence *p, uint64_t now_ns)
{
	const struct vrrp_conf *conf = p->conf;

	p->address = 0;
	if (--p->rounds) {
		p->due_ns = now_ns + (uint64_t)conf->burst_gap_ms * CLOCK_NS_PER_MS;
	} else if (p->again_ns) {
		p->rounds = conf->burst;
		p->due_ns = p->again_ns;
		p->again_ns = 0;
	} else {
		p->rounds = 1;
		p->only = ALL_ADDRESSES;
		p->due_ns = conf->refresh_ms ? now_ns + (uint64_t)conf->refresh_ms * CLOCK_NS_PER_MS : 0;
	}
}

void vrrp_presence_timers(struct vrrp_presence *presence, uint64_t now_ns)
{
	if (!presence->due_ns || now_ns < presence->due_ns)
		return;
	for (unsigned i = 0; i < AT_ONCE && presence->address < presence->conf->count; presence->address++) {
		if (!(presence->only & 1u << presence->address))
			continue;
		announce_address(presence, &presence->conf->addresses[presence->address]);
		i++;
	}
	if (presence->address < presence->conf->count)
		presence->due_ns = now_ns + (uint64_t)presence->conf->burst_pace_ms * CLOCK_NS_PER_MS;
	else
		plan_next_round(presence, now_ns);
}

static void start_burst(struct vrrp_presence *presence, uint32_t only, uint64_t now_ns)
{
	const struct vrrp_conf *conf = presence->conf;

	if (!conf->burst)
		return;
	presence->only = only;
	presence->rounds = conf->burst;
	presence->address = 0;
	presence->again_ns = conf->burst_again_ms
		? now_ns + (uint64_t)conf->burst_again_ms * CLOCK_NS_PER_MS : 0;
	presence->due_ns = now_ns;
	vrrp_presence_timers(presence, now_ns);
}

void vrrp_presence_announce(struct vrrp_presence *presence, uint64_t now_ns)
{
	start_burst(presence, ALL_ADDRESSES, now_ns);
}

void vrrp_presence_stop(struct vrrp_presence *presence)
{
	presence->due_ns = 0;
}

uint64_t vrrp_presence_due(const struct vrrp_presence *presence)
{
	return presence->due_ns ? presence->due_ns : UINT64_MAX;
}

/* ---- what others ask and claim ---- */

/* Index of a virtual address; count if it is none. */
static unsigned find_address(const struct vrrp_conf *conf, const struct addr *address)
{
	unsigned i = 0;

	while (i < conf->count && !addr_equal(&conf->addresses[i], address))
		i++;
	return i;
}

/* In the middle of a burst, or between the two, and not in the slow refresh. */
static bool is_bursting(const struct vrrp_presence *p)
{
	return p->due_ns && (p->again_ns || p->rounds > 1 || p->address);
}

void vrrp_presence_change(struct vrrp_presence *presence, const struct vrrp_conf *conf, bool owns, uint64_t now_ns)
{
	const struct vrrp_conf *before = presence->conf;
	uint32_t only = 0;

	for (unsigned i = 0; i < conf->count; i++) {
		if (find_address(before, &conf->addresses[i]) == before->count)
			only |= 1u << i;
	}
	presence->conf = conf;
	memset(presence->answers, 0, sizeof(presence->answers));
	if (owns && is_bursting(presence))
		start_burst(presence, ALL_ADDRESSES, now_ns);
	else if (owns && only)
		start_burst(presence, only, now_ns);
}

void vrrp_presence_probe(struct vrrp_presence *presence, const uint8_t interface_mac[6])
{
	const struct vrrp_conf *conf = presence->conf;
	size_t (*write)(const struct addr *address, const uint8_t mac[6], uint8_t *out) =
		vrrp_is_ipv6(conf) ? vrrp_nd_probe : vrrp_arp_probe;
	uint8_t frame[VRRP_ANNOUNCE_MAX];

	presence->asked = true;
	for (unsigned i = 0; i < conf->count; i++)
		vrrp_sockets_send(presence->sockets, frame, write(&conf->addresses[i], interface_mac, frame));
}

static bool under_limit(struct vrrp_answers *answers, uint64_t now_ns)
{
	if (now_ns - answers->window_ns >= WINDOW_NS) {
		answers->window_ns = now_ns;
		answers->sent = 0;
	}
	return answers->sent++ < ANSWERS_PER_WINDOW;
}

static void answer(struct vrrp_presence *p, const struct vrrp_inquiry *request, struct vrrp_answers *answers,
		   uint64_t now_ns)
{
	uint8_t frame[VRRP_ANNOUNCE_MAX];
	size_t len;

	if (!under_limit(answers, now_ns)) {
		p->limited++;
		return;
	}
	len = vrrp_is_ipv6(p->conf) ? vrrp_nd_reply(request, p->mac, frame) : vrrp_arp_reply(request, p->mac, frame);
	if (vrrp_sockets_send(p->sockets, frame, len))
		p->replies++;
}

/* Without virtual MACs the Active's is known by its first advertisement only. */
static bool knows_peer(const struct vrrp_presence *p)
{
	static const uint8_t none[6];

	return p->conf->virtual_mac || p->asked || memcmp(p->peer_mac, none, sizeof(none)) != 0;
}

/* The Active may say where the address is: with the virtual MAC, or with the one its advertisements come from. */
static bool is_legitimate(const struct vrrp_presence *p, const uint8_t mac[6])
{
	return !memcmp(mac, p->mac, sizeof(p->mac)) || !memcmp(mac, p->peer_mac, sizeof(p->peer_mac));
}

static void note_conflict(struct vrrp_presence *p, const struct vrrp_inquiry *claim, uint64_t now_ns)
{
	const uint8_t *mac = claim->sender_mac;
	char address[ADDR_TEXT_MAX];
	uint32_t held_back;

	p->conflicts++;
	p->conflict_ns = now_ns;
	snprintf(p->conflict, sizeof(p->conflict), "%s is also at %02x:%02x:%02x:%02x:%02x:%02x",
		 addr_format(&claim->sender, address, sizeof(address)),
		 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	if (log_limit_pass(&p->conflict_log, now_ns, CONFLICT_LOG_NS, &held_back))
		log_warning("vrrp " VRRP_NAME ": conflict: %s (%u more not logged)", VRRP_NAME_OF(p->conf),
			    p->conflict, held_back);
}

void vrrp_presence_hear(struct vrrp_presence *presence, const struct vrrp_inquiry *inquiry, bool may_answer,
			uint64_t now_ns)
{
	const struct vrrp_conf *conf = presence->conf;
	unsigned target = find_address(conf, &inquiry->target);

	if (find_address(conf, &inquiry->sender) < conf->count) {
		if (is_legitimate(presence, inquiry->sender_mac))
			presence->rival_ns = may_answer ? now_ns : presence->rival_ns;
		else if (may_answer || knows_peer(presence))
			note_conflict(presence, inquiry, now_ns);
		return;
	}
	if (!inquiry->request || target == conf->count)
		return;
	presence->requests++;
	if (may_answer)
		answer(presence, inquiry, &presence->answers[target], now_ns);
}

void vrrp_presence_expire(struct vrrp_presence *presence, uint64_t now_ns)
{
	if (presence->conflict[0] && now_ns - presence->conflict_ns > CONFLICT_KEPT_NS)
		presence->conflict[0] = '\0';
}
