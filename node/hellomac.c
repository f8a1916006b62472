/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hellomac.c - numbers that are asked for, sent, and looked for. Contract in hellomac.h.
 */
#include "node/hellomac.h"

#include <sodium.h>

#include "base/clock.h"
#include "base/health.h"
#include "node/hellowire.h"
#include "node/macprobe.h"
#include "vrrp/advert.h"
#include "vrrp/fsm.h"

enum {
	PROBE_MS = 2000,		/* between numbers for our virtual MAC */
	PROBE_TRIES = 3,		/* frames of one number */
};

/* A few times, in case one is lost. */
static void send_number(struct hello_mac *mac, const struct hello_router *peer)
{
	uint8_t virtual_mac[6];

	if (peer->wanted == mac->probed && mac->tries == PROBE_TRIES)
		return;
	if (peer->wanted != mac->probed)
		mac->tries = 0;
	vrrp_virtual_mac(peer->vrid, peer->family == 6, virtual_mac);
	if (macprobe_send(mac->probe, virtual_mac, peer->wanted))
		return;
	mac->probed = peer->wanted;
	mac->tries++;
	mac->probes_sent++;
}

void hello_mac_hear(struct hello_mac *mac, const struct hello_router *peer, bool is_active)
{
	if (!peer)
		return;
	if (mac->probe && peer->wanted && peer->state == VRRP_ACTIVE && !is_active)
		send_number(mac, peer);
	if (mac->wanted && peer->probed == mac->wanted)
		mac->peer_sent = true;
}

void hello_mac_note(struct hello_mac *mac, uint64_t number)
{
	if (mac->wanted && mac->wanted == number)
		mac->came = true;
}

static void ask_for_number(struct hello_mac *mac, uint64_t now_ns)
{
	randombytes_buf(&mac->wanted, sizeof(mac->wanted));
	mac->wanted |= 1;		/* 0 is none */
	mac->wanted_ns = now_ns;
	mac->came = mac->peer_sent = false;
}

static void judge(struct hello_mac *mac, struct health *health, bool good, uint64_t now_ns)
{
	if (mac->deaf)
		health_report(health, mac->deaf, good,
			      "frames from the other node to the virtual MAC do not arrive: look "
			      "at the switch, or take virtual_mac = false on both", now_ns);
}

/* A number that the peer has sent and that did not come is missed; one that it has not sent says nothing. */
static void judge_number(struct hello_mac *mac, struct health *health, uint64_t now_ns)
{
	if (!mac->came && !mac->peer_sent)
		return;
	mac->reach = mac->came ? HELLO_REACH_ARRIVES : HELLO_REACH_DEAF;
	mac->probes_seen += mac->came;
	mac->probes_missed += !mac->came;
	judge(mac, health, mac->came, now_ns);
}

void hello_mac_judge(struct hello_mac *mac, struct health *health, bool asks, uint64_t now_ns)
{
	if (!mac->probe)
		return;
	if (!asks) {
		mac->wanted = 0;
		mac->reach = HELLO_REACH_UNKNOWN;
		judge(mac, health, true, now_ns);
	} else if (!mac->wanted) {
		ask_for_number(mac, now_ns);
	} else if (now_ns - mac->wanted_ns >= PROBE_MS * (uint64_t)CLOCK_NS_PER_MS) {
		judge_number(mac, health, now_ns);
		ask_for_number(mac, now_ns);
	}
}
