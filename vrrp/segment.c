/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * segment.c - advertisements, strangers and ARP or neighbour discovery of one interface. Contract in segment.h.
 */
#include "vrrp/segment.h"

#include <linux/if_ether.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "vrrp/instance.h"

enum {
	ADVERTS_PER_TURN = 4096,	/* more than the socket's buffer holds */
	INQUIRIES_PER_TURN = 32,
	STRANGERS_PER_TICK = 16,
	VRID_NONE = 0,			/* no virtual router has it */
	IPV6_LEN = 40,
};
#define STRANGER_KEPT_NS (60ULL * CLOCK_NS_PER_S)
#define OWNER_KEPT_NS (60ULL * CLOCK_NS_PER_S)
#define LOG_EVERY_NS (10ULL * CLOCK_NS_PER_S)

/* The first two octets behind the IP header; zero when the packet is too short for them. */
static uint8_t peek(const uint8_t *packet, size_t len, size_t at)
{
	size_t header = len ? (packet[0] >> 4 == 6 ? IPV6_LEN : (packet[0] & 0x0f) * 4u) : 0;

	return header + at < len ? packet[header + at] : 0;
}

static uint8_t peek_version(const uint8_t *packet, size_t len)
{
	return peek(packet, len, 0) >> 4;
}

static uint8_t peek_vrid(const uint8_t *packet, size_t len)
{
	return peek(packet, len, 1);
}

static struct vrrp_instance *find_router(const struct vrrp_segment *segment, uint8_t vrid)
{
	for (unsigned i = 0; i < segment->n; i++) {
		if (vrid != VRID_NONE && segment->routers[i]->router.conf->vrid == vrid)
			return segment->routers[i];
	}
	return NULL;
}

/* ---- advertisements ---- */

/* For the status. */
static void note_stranger(struct vrrp_segment *segment, const struct vrrp_path *path, const char *what, uint8_t vrid,
			  uint64_t now_ns)
{
	char source[ADDR_TEXT_MAX];

	segment->stranger_ns = now_ns;
	snprintf(segment->stranger, sizeof(segment->stranger), "%s, %s, VRID %u",
		 addr_format(&path->source, source, sizeof(source)), what, vrid);
}

/* A flood is counted; it is named, here and in the log, now and then. */
static void reject(struct vrrp_segment *segment, struct vrrp_instance *it, enum vrrp_reject why,
		   const struct vrrp_path *path, uint64_t now_ns)
{
	char source[ADDR_TEXT_MAX];
	uint32_t held_back;

	it->router.rejected[why]++;
	if (!log_limit_pass(&it->reject_log[why], now_ns, LOG_EVERY_NS, &held_back))
		return;
	if (why == VRRP_REJECT_PEER)
		note_stranger(segment, path, "not a peer", it->router.conf->vrid, now_ns);
	log_warning("vrrp " VRRP_NAME ": advertisement from %s rejected: %s (%u more not logged)",
		    VRRP_NAME_OF(it->router.conf), addr_format(&path->source, source, sizeof(source)),
		    vrrp_reject_name(why), held_back);
}

/* What is configured otherwise at the peer, or the same where it should not be: once per change. A flood of changes is
 * no flood of lines, and the last of them is told in the end. */
static void tell_differences(struct vrrp_instance *it, uint64_t now_ns)
{
	const struct vrrp_peer *peer = &it->router.peer;
	uint8_t found = (uint8_t)(peer->addresses_differ << 0 | peer->interval_differs << 1 | peer->priority_equal << 2);
	char source[ADDR_TEXT_MAX];
	uint32_t held_back;		/* advertisements, not changes: of no interest */

	if (peer->priority == VRRP_PRIORITY_RELEASE || found == it->differences ||
	    !log_limit_pass(&it->differences_log, now_ns, LOG_EVERY_NS, &held_back))
		return;
	it->differences = found;
	addr_format(&peer->address, source, sizeof(source));
	if (found)
		log_warning("vrrp " VRRP_NAME ": peer %s has%s%s%s", VRRP_NAME_OF(it->router.conf), source,
			    peer->addresses_differ ? " other addresses;" : "",
			    peer->interval_differs ? " another interval;" : "",
			    peer->priority_equal ? " the same priority;" : "");
	else
		log_info("vrrp " VRRP_NAME ": peer %s: addresses, interval and priority are as they should be",
			 VRRP_NAME_OF(it->router.conf), source);
}

/* Priority 255 is for the one host whose own the addresses are; here that is nobody, and two of them never agree. */
static void note_owner(struct vrrp_instance *it, const struct addr *source, uint64_t now_ns)
{
	char first[ADDR_TEXT_MAX], second[ADDR_TEXT_MAX];
	uint32_t held_back;

	if (it->owner_ns && !addr_equal(&it->owner, source) && now_ns - it->owner_ns < OWNER_KEPT_NS) {
		snprintf(it->owners, sizeof(it->owners), "%s and %s advertise priority 255",
			 addr_format(&it->owner, first, sizeof(first)), addr_format(source, second, sizeof(second)));
		it->owners_ns = now_ns;
		if (log_limit_pass(&it->owners_log, now_ns, LOG_EVERY_NS, &held_back))
			log_warning("vrrp " VRRP_NAME ": %s: no router may be the owner beside another one",
				    VRRP_NAME_OF(it->router.conf), it->owners);
	}
	it->owner = *source;
	it->owner_ns = now_ns;
}

/* When the kernel received it, by the monotonic clock. The machine bounds what a stepped wall clock makes of it. */
static uint64_t heard_at(uint64_t stamp_ns, uint64_t wall_ns, uint64_t now_ns)
{
	uint64_t age = stamp_ns && wall_ns > stamp_ns ? wall_ns - stamp_ns : 0;

	return age < now_ns ? now_ns - age : 0;
}

static bool is_peer(const struct vrrp_conf *conf, const struct addr *source)
{
	for (unsigned i = 0; i < conf->n_peers; i++) {
		if (addr_equal(&conf->peers[i], source))
			return true;
	}
	return !conf->n_peers;
}

/* The socket's filter let it pass, so there is a VRID, and it is one of ours. */
static void hear_advert(struct vrrp_segment *segment, const uint8_t *frame, size_t len, uint64_t heard_ns,
			uint64_t now_ns)
{
	const uint8_t *packet = frame + ETH_HLEN;
	struct vrrp_instance *it = find_router(segment, peek_vrid(packet, len - ETH_HLEN));
	struct vrrp_advert advert;
	struct vrrp_path path;
	enum vrrp_checksum used;
	enum vrrp_reject why;

	if (!it)
		return;
	why = vrrp_advert_decode_far(packet, len - ETH_HLEN, it->router.conf->checksum_rx, it->router.conf->max_hops,
				     &advert, &path, &used);
	if (!why && addr_equal(&path.source, &it->router.source))
		why = VRRP_REJECT_OWN;
	if (!why && !is_peer(it->router.conf, &path.source))
		why = VRRP_REJECT_PEER;
	if (why) {
		reject(segment, it, why, &path, now_ns);
		return;
	}
	memcpy(it->presence.peer_mac, frame + ETH_ALEN, ETH_ALEN);
	vrrp_router_heard(&it->router, &advert, &path.source, used, heard_ns, now_ns);
	tell_differences(it, now_ns);
	if (advert.priority == VRRP_PRIORITY_OWNER)
		note_owner(it, &path.source, now_ns);
}

void vrrp_segment_hear_adverts(struct vrrp_segment *segment, struct vrrp_inbox *inbox, uint64_t now_ns)
{
	uint64_t wall_ns = clock_wall_ns();
	unsigned n, done = 0;

	do {
		n = vrrp_inbox_receive(inbox, segment->sockets.adverts_fd, VRRP_INBOX);
		for (unsigned i = 0; i < n; i++)
			hear_advert(segment, inbox->frames[i], vrrp_inbox_len(inbox, i),
				    heard_at(vrrp_inbox_stamp(inbox, i), wall_ns, now_ns), now_ns);
		done += n;
	} while (n == VRRP_INBOX && done < ADVERTS_PER_TURN);
}

/* ---- strangers: counted and named, never heard ---- */

static void name_stranger(struct vrrp_segment *segment, enum vrrp_reject why, const uint8_t *packet,
			  size_t len, const struct vrrp_path *path, uint64_t now_ns)
{
	char what[24];
	uint32_t held_back;

	if (why == VRRP_REJECT_VERSION)
		snprintf(what, sizeof(what), "VRRPv%u", peek_version(packet, len));
	else
		snprintf(what, sizeof(what), "%s",
			 why == VRRP_REJECT_VRID ? "another router" : vrrp_reject_name(why));
	note_stranger(segment, path, what, peek_vrid(packet, len), now_ns);
	if (log_limit_pass(&segment->stranger_log, now_ns, LOG_EVERY_NS, &held_back))
		log_warning("vrrp %s: ignored: %s (%u more not logged)", segment->interface,
			    segment->stranger, held_back);
}

static void hear_stranger(struct vrrp_segment *segment, const uint8_t *packet, size_t len, uint64_t now_ns)
{
	struct vrrp_instance *it = find_router(segment, peek_vrid(packet, len));
	struct vrrp_advert advert;
	struct vrrp_path path;
	enum vrrp_checksum used;
	enum vrrp_reject why = vrrp_advert_decode(packet, len, VRRP_CHECKSUM_BOTH, &advert, &path, &used);

	if (!why)
		why = VRRP_REJECT_VRID;
	if (!it)
		it = segment->routers[0];
	it->router.rejected[why]++;
	it->foreign++;
	name_stranger(segment, why, packet, len, &path, now_ns);
}

void vrrp_segment_sample_strangers(struct vrrp_segment *segment, struct vrrp_inbox *inbox, uint64_t now_ns)
{
	unsigned n = vrrp_inbox_receive(inbox, segment->sockets.strangers_fd, STRANGERS_PER_TICK);

	for (unsigned i = 0; i < n; i++)
		hear_stranger(segment, inbox->frames[i] + ETH_HLEN, vrrp_inbox_len(inbox, i) - ETH_HLEN, now_ns);
	segment->routers[0]->foreign += vrrp_sockets_overflow(&segment->sockets);
	if (segment->stranger[0] && now_ns - segment->stranger_ns > STRANGER_KEPT_NS)
		segment->stranger[0] = '\0';
}

/* ---- ARP and neighbour discovery ---- */

void vrrp_segment_hear_inquiries(struct vrrp_segment *segment, struct vrrp_inbox *inbox, uint64_t now_ns)
{
	unsigned n = vrrp_inbox_receive(inbox, segment->sockets.inquiries_fd, INQUIRIES_PER_TURN);
	bool (*read)(const uint8_t *frame, size_t len, struct vrrp_inquiry *inquiry) =
		segment->ipv6 ? vrrp_nd_read : vrrp_arp_read;
	struct vrrp_inquiry inquiry;

	for (unsigned i = 0; i < n; i++) {
		if (!read(inbox->frames[i], vrrp_inbox_len(inbox, i), &inquiry))
			continue;
		for (unsigned r = 0; r < segment->n; r++)
			vrrp_presence_hear(&segment->routers[r]->presence, &inquiry,
					   vrrp_instance_owns(segment->routers[r]), now_ns);
	}
}
