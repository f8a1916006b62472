/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * instance.c - lease, last words, orders and status of one virtual router. Contract in instance.h.
 *
 * The lease is written in three places: advertise() grants and extends it, revoke() and linger() end it. Everything
 * that speaks for an address asks for it first, because a turn may begin in one world and, after a SIGSTOP or a
 * long steal, end in another.
 */
#include "vrrp/instance.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/lease.h"
#include "vrrp/sockets.h"
#include "vrrp/sync.h"

#define FAILURES_WITHIN_NS (600ULL * CLOCK_NS_PER_S)
#define OWNERS_KEPT_NS (60ULL * CLOCK_NS_PER_S)
#define RIVAL_LOG_NS (10ULL * CLOCK_NS_PER_S)

_Static_assert(sizeof(struct vrrp_link) == 40, "compared octet by octet, so without padding");

/* ---- lease and last words ---- */

static struct vrrp_instance *instance_of(const struct vrrp_router *router)
{
	return router->context;
}

static bool holds_lease(struct vrrp_router *router)
{
	const struct lease_page *leases = instance_of(router)->common->leases;
	uint8_t lease = router->conf->lease;

	return lease_mode(leases, lease) == LEASE_ACTIVE && lease_holds(leases, lease, clock_boot_ns());
}

/* Advertisements go to the group, or to each peer. */
static unsigned destinations(const struct vrrp_conf *conf)
{
	return conf->unicast ? conf->n_peers : 1;
}

static size_t build_advert(const struct vrrp_instance *it, uint8_t priority, unsigned destination, uint8_t *frame)
{
	const struct vrrp_conf *conf = it->router.conf;
	const uint8_t *source_mac = conf->virtual_mac ? it->presence.mac : it->link.mac;
	struct vrrp_advert advert = {
		.vrid = conf->vrid,
		.priority = priority,
		.interval_cs = conf->interval_cs,
		.count = conf->count,
	};
	struct vrrp_path path = {
		.source = it->router.source,
		.destination = conf->unicast ? conf->peers[destination] : vrrp_group(vrrp_is_ipv6(conf)),
	};
	size_t len;

	memcpy(advert.addresses, conf->addresses, conf->count * sizeof(conf->addresses[0]));
	len = vrrp_advert_frame(&advert, &path, conf->checksum, source_mac, frame);
	if (conf->unicast)
		memcpy(frame, it->hops.mac[destination], sizeof(it->hops.mac[0]));
	return len;
}

/* One that was not told in time takes the addresses: said is what was said to all. */
static bool send_advert(const struct vrrp_instance *it, uint8_t priority)
{
	uint8_t frame[VRRP_FRAME_MAX];
	bool sent = true;

	for (unsigned i = 0; i < destinations(it->router.conf); i++)
		sent &= vrrp_sockets_send(it->sockets, frame, build_advert(it, priority, i, frame));
	return sent;
}

static void silence_last_words(struct vrrp_instance *it)
{
	atomic_store_explicit(&it->last_words->active, 0, memory_order_release);
}

static void prepare_last_words(struct vrrp_instance *it)
{
	struct vrrp_last_words *words = it->last_words;

	words->ifindex = it->sockets->ifindex;
	words->lease = it->router.conf->lease;
	words->n = (uint8_t)destinations(it->router.conf);
	for (unsigned i = 0; i < words->n; i++)
		words->len = (uint32_t)build_advert(it, VRRP_PRIORITY_RELEASE, i, words->frames[i]);
	atomic_store_explicit(&words->active, 1, memory_order_release);
}

static void revoke(struct vrrp_router *router)
{
	struct vrrp_instance *it = instance_of(router);

	lease_revoke(it->common->leases, router->conf->lease);
	silence_last_words(it);
	it->linger_until_ns = 0;
}

static void linger(struct vrrp_router *router, uint64_t now_ns)
{
	struct vrrp_instance *it = instance_of(router);
	uint64_t length = (uint64_t)router->conf->linger_ms * CLOCK_NS_PER_MS;

	if (!length) {
		revoke(router);
		return;
	}
	lease_grant(it->common->leases, router->conf->lease, LEASE_LINGER, clock_boot_ns() + length);
	silence_last_words(it);
	it->linger_until_ns = now_ns + length;
}

static void note_cadence(struct vrrp_instance *it, bool take, uint64_t sent_ns)
{
	uint64_t gap = sent_ns - it->last_sent_ns;

	if (!take && gap > it->cadence_worst_ns)
		it->cadence_worst_ns = gap;
	it->last_sent_ns = sent_ns;
	atomic_store_explicit(&it->sent_word, sent_ns, memory_order_release);
}

static bool advertise(struct vrrp_router *router, uint8_t priority, bool take, uint64_t now_ns)
{
	struct vrrp_instance *it = instance_of(router);
	struct lease_page *leases = it->common->leases;
	uint64_t interval = vrrp_interval_ns(router->conf->interval_cs);
	uint64_t boot_ns = clock_boot_ns(), mono_ns = clock_mono_ns();
	struct lease before = leases->entries[router->conf->lease];	/* nobody else writes it */

	if (priority == VRRP_PRIORITY_RELEASE)
		return send_advert(it, priority);
	if (mono_ns - now_ns > interval || (!take && !holds_lease(router)))
		return false;
	if (take)
		prepare_last_words(it);
	lease_grant(leases, router->conf->lease, LEASE_ACTIVE, boot_ns + 3 * interval);
	if (!send_advert(it, priority)) {
		lease_grant(leases, router->conf->lease, before.mode, before.until_ns);
		if (take)
			silence_last_words(it);
		return false;
	}
	it->linger_until_ns = 0;
	note_cadence(it, take, mono_ns);
	return true;
}

/* ---- the machine's other actions ---- */

static void announce(struct vrrp_router *router, uint64_t now_ns)
{
	if (holds_lease(router))
		vrrp_presence_announce(&instance_of(router)->presence, now_ns);
}

static bool is_failure(enum vrrp_event event)
{
	return event == VRRP_EV_FAULT || event == VRRP_EV_DEMOTE || event == VRRP_EV_LAPSED ||
	       event == VRRP_EV_LATE;
}

static void note_failure(struct vrrp_instance *it, uint64_t now_ns)
{
	for (unsigned i = 1; i < VRRP_FAILURES_KEPT; i++)
		it->failures_ns[i - 1] = it->failures_ns[i];
	it->failures_ns[VRRP_FAILURES_KEPT - 1] = now_ns;
}

/* Who fails again and again stays Backup for as long as there is a peer. */
static void damp(struct vrrp_instance *it, uint64_t now_ns)
{
	uint64_t oldest = it->failures_ns[0], until = oldest + FAILURES_WITHIN_NS;

	if (oldest && now_ns < until && it->router.preempt_from_ns < until)
		it->router.preempt_from_ns = until;
}

static void changed(struct vrrp_router *router, enum vrrp_state from, enum vrrp_event event,
		    const char *cause, uint64_t now_ns)
{
	struct vrrp_instance *it = instance_of(router);
	struct vrrp_transition transition = {
		.wall_ns = clock_wall_ns(),
		.mono_ns = now_ns,
		.router = (uint8_t)it->index,
		.from = (uint8_t)from,
		.to = (uint8_t)router->state,
		.event = (uint8_t)event,
	};

	if (from == VRRP_ACTIVE)
		vrrp_presence_stop(&it->presence);
	/* An Active that is there has advertised by then, and it is before the first take. */
	if (event == VRRP_EV_STARTUP)
		it->probe_ns = now_ns + vrrp_interval_ns(router->conf->interval_cs) * 3 / 2;
	if (is_failure(event))
		note_failure(it, now_ns);
	damp(it, now_ns);
	snprintf(transition.cause, sizeof(transition.cause), "%s", cause);
	vrrp_ring_put(&it->common->ring, &transition);
	it->common->news = true;
	log_info("vrrp " VRRP_NAME ": %s to %s, %s: %s", VRRP_NAME_OF(router->conf),
		 vrrp_state_name(from), vrrp_state_name(router->state), vrrp_event_name(event), cause);
}

static const struct vrrp_actions actions = {
	.advertise = advertise,
	.holds = holds_lease,
	.announce = announce,
	.revoke = revoke,
	.linger = linger,
	.changed = changed,
};

void vrrp_instance_init(struct vrrp_instance *it, unsigned index, const struct vrrp_conf *conf,
			struct vrrp_common *common, struct vrrp_last_words *last_words,
			const struct vrrp_sockets *sockets, const char *stranger, uint64_t now_ns)
{
	it->index = index;
	it->common = common;
	it->last_words = last_words;
	it->sockets = sockets;
	it->stranger = stranger;
	atomic_store(&it->conf_wanted, conf);
	atomic_store(&it->conf_in_use, conf);
	memset(&it->hops, 0xff, sizeof(it->hops));
	vrrp_cell_write(&it->hops_cell, it->hops_words, &it->hops, sizeof(it->hops));
	vrrp_router_init(&it->router, conf, &actions, it, now_ns);
	vrrp_presence_init(&it->presence, conf, sockets);
	lease_revoke(common->leases, conf->lease);
	silence_last_words(it);
}

bool vrrp_instance_owns(struct vrrp_instance *it)
{
	return it->router.state == VRRP_ACTIVE && holds_lease(&it->router);
}

/* ---- another Active ---- */

/* What is heard says who it is; in a network that carries advertisements one way only, its announcements still tell. */
static void look_for_rival(struct vrrp_instance *it, uint64_t now_ns)
{
	const struct vrrp_peer *peer = &it->router.peer;
	char address[ADDR_TEXT_MAX];
	uint32_t held_back;

	if (it->presence.rival_ns != it->rival_ns)
		vrrp_router_rival(&it->router, it->presence.rival_ns);
	it->rival_ns = it->presence.rival_ns;
	if (it->router.two_actives == it->two_actives)
		return;
	it->two_actives = it->router.two_actives;
	if (log_limit_pass(&it->rival_log, now_ns, RIVAL_LOG_NS, &held_back))
		log_warning("vrrp " VRRP_NAME ": two Actives; last heard was %s with priority %u (%u more not logged)",
			    VRRP_NAME_OF(it->router.conf),
			    peer->heard_ns ? addr_format(&peer->address, address, sizeof(address)) : "nobody", peer->priority,
			    held_back);
}

/* ---- timers ---- */

/* Found half written: what was read before goes on to count. */
static void read_second(struct vrrp_instance *it)
{
	struct vrrp_second second;

	if (vrrp_cell_read(&it->second_cell, it->second_words, &second, sizeof(second)))
		vrrp_router_second(&it->router, &second);
}

static void probe(struct vrrp_instance *it)
{
	it->probe_ns = 0;
	if (it->router.state == VRRP_BACKUP)
		vrrp_presence_probe(&it->presence, it->link.mac);
}

void vrrp_instance_timers(struct vrrp_instance *it, uint64_t now_ns)
{
	read_second(it);
	look_for_rival(it, now_ns);
	vrrp_router_timers(&it->router, now_ns);
	if (it->probe_ns && now_ns >= it->probe_ns)
		probe(it);
	if (it->linger_until_ns && now_ns >= it->linger_until_ns)
		revoke(&it->router);
	if (vrrp_presence_due(&it->presence) > now_ns)
		return;
	if (vrrp_instance_owns(it))
		vrrp_presence_timers(&it->presence, now_ns);
	else
		vrrp_presence_stop(&it->presence);
}

void vrrp_instance_expire(struct vrrp_instance *it, uint64_t now_ns)
{
	vrrp_presence_expire(&it->presence, now_ns);
	if (it->owners[0] && now_ns - it->owners_ns > OWNERS_KEPT_NS)
		it->owners[0] = '\0';
}

uint64_t vrrp_instance_due(const struct vrrp_instance *it)
{
	uint64_t due = vrrp_router_due(&it->router), presence = vrrp_presence_due(&it->presence);

	if (presence < due)
		due = presence;
	if (it->linger_until_ns && it->linger_until_ns < due)
		due = it->linger_until_ns;
	if (it->probe_ns && it->probe_ns < due)
		due = it->probe_ns;
	return due;
}

bool vrrp_instance_is_idle(const struct vrrp_instance *it)
{
	return it->router.state == VRRP_INITIALIZE && !it->linger_until_ns;
}

/* ---- orders and health ---- */

static void renew_last_words(struct vrrp_instance *it)
{
	silence_last_words(it);
	prepare_last_words(it);
	it->common->news = true;	/* control keeps a copy */
}

/* While Active: what says where the addresses are has changed, and so must what is said of it. */
static void change_place(struct vrrp_instance *it, uint64_t now_ns)
{
	char source[ADDR_TEXT_MAX];

	renew_last_words(it);
	if (!it->router.conf->virtual_mac)
		vrrp_presence_announce(&it->presence, now_ns);
	log_info("vrrp " VRRP_NAME ": source address is now %s", VRRP_NAME_OF(it->router.conf),
		 addr_format(&it->link.source, source, sizeof(source)));
}

/* An address of this host on the interface, of IPv6 a link-local one, and not one that moves. */
static bool has_source(const struct vrrp_instance *it)
{
	const struct vrrp_conf *conf = it->router.conf;
	const struct addr *source = &it->link.source;

	for (unsigned i = 0; i < conf->count; i++) {
		if (addr_equal(source, &conf->addresses[i]))
			return false;
	}
	if (vrrp_is_ipv6(conf))
		return addr_is_link_local(source);
	return addr_is_v4(source) && !addr_is_special(source);
}

static void take_link(struct vrrp_instance *it, const struct vrrp_link *link, uint64_t now_ns)
{
	struct vrrp_link before = it->link;

	it->link = *link;
	vrrp_presence_set_mac(&it->presence, link->mac);
	if (!has_source(it))
		return;			/* the last words of an Active stay those of its old address */
	it->router.source = link->source;
	if (vrrp_instance_owns(it) && (!addr_equal(&before.source, &link->source) ||
				       memcmp(before.mac, link->mac, sizeof(link->mac))))
		change_place(it, now_ns);
}

static void take_hops(struct vrrp_instance *it)
{
	struct vrrp_hops hops;

	if (!vrrp_cell_read(&it->hops_cell, it->hops_words, &hops, sizeof(hops)) ||
	    !memcmp(&hops, &it->hops, sizeof(hops)))
		return;
	it->hops = hops;
	if (vrrp_instance_owns(it))
		renew_last_words(it);
}

/* Other addresses. Whoever sends from now on sends by conf; then control may free the one before. */
static void take_conf(struct vrrp_instance *it, const struct vrrp_conf *conf, uint64_t now_ns)
{
	bool owns = vrrp_instance_owns(it);

	it->router.conf = conf;
	vrrp_presence_change(&it->presence, conf, owns, now_ns);
	if (owns)
		renew_last_words(it);
	atomic_store_explicit(&it->conf_in_use, conf, memory_order_release);
	it->common->news = true;
	log_info("vrrp " VRRP_NAME ": %u addresses now", VRRP_NAME_OF(conf), conf->count);
}

void vrrp_instance_orders(struct vrrp_instance *it, uint64_t now_ns)
{
	const struct vrrp_conf *conf = atomic_load_explicit(&it->conf_wanted, memory_order_acquire);
	struct vrrp_link link;

	if (conf != it->router.conf)
		take_conf(it, conf, now_ns);
	it->leaving = atomic_load_explicit(&it->leave_wanted, memory_order_acquire);
	it->released = it->common->stopping || it->leaving ||
		       atomic_load_explicit(&it->release_wanted, memory_order_acquire);
	/* Found half written: control rings again when it is done. */
	if (vrrp_cell_read(&it->link_cell, it->link_words, &link, sizeof(link)) &&
	    memcmp(&link, &it->link, sizeof(link)))
		take_link(it, &link, now_ns);
	if (it->router.conf->unicast)
		take_hops(it);
}

static bool is_connected(const struct vrrp_instance *it, uint64_t now_ns)
{
	return it->link.up && it->link.ready && has_source(it) && now_ns >= it->link.boot_until_ns &&
	       now_ns >= it->link.link_until_ns;
}

/* A member of the group that is not; NULL = none. */
static const struct vrrp_instance *find_unconnected(const struct vrrp_instance *it, uint64_t now_ns)
{
	const struct vrrp_sync *sync = it->router.sync;

	for (unsigned i = 0; sync && i < sync->n; i++) {
		if (!is_connected(instance_of(sync->member[i]), now_ns))
			return instance_of(sync->member[i]);
	}
	return NULL;
}

static const char *hold_text(uint64_t until_ns, const char *why, uint64_t now_ns, char text[48])
{
	text[0] = '\0';
	if (now_ns < until_ns)
		snprintf(text, 48, ", held %llu s more after %s",
			 (unsigned long long)((until_ns - now_ns + CLOCK_NS_PER_S - 1) / CLOCK_NS_PER_S), why);
	return text;
}

/* What keeps this router from serving, as a list; "" = nothing. */
static void list_missing(const struct vrrp_instance *it, uint64_t now_ns, char *text, size_t size)
{
	const char *fault = it->common->fault;
	char boot[48], link[48];

	snprintf(text, size, "%s%s%s%s%s%s%s", it->link.up ? "" : ", link down",
		 has_source(it) ? "" : vrrp_is_ipv6(it->router.conf) ? ", no link-local address of its own"
								     : ", no IPv4 address of its own",
		 it->link.ready ? "" : ", data plane not ready",
		 hold_text(it->link.boot_until_ns, "boot", now_ns, boot),
		 hold_text(it->link.link_until_ns, "link-up", now_ns, link),
		 fault ? ", condition " : "", fault ? fault : "");
	if (text[0])
		memmove(text, text + 2, strlen(text) - 1);
}

/* The same, and what another member of the group lacks when it is not the router's own. */
static void list_all_missing(const struct vrrp_instance *it, uint64_t now_ns, char *text, size_t size)
{
	const struct vrrp_instance *other = is_connected(it, now_ns) ? find_unconnected(it, now_ns) : NULL;
	size_t at = 0;

	if (other)
		at = (size_t)snprintf(text, size, VRRP_NAME " of the group: ", VRRP_NAME_OF(other->router.conf));
	list_missing(other ? other : it, now_ns, text + at, size - at);
}

/* Is the peer only there because nobody better is? */
static bool peer_is_last_resort(const struct vrrp_router *router, uint64_t now_ns)
{
	const struct vrrp_peer *peer = &router->peer;

	return peer->priority == 1 && now_ns - peer->heard_ns < vrrp_down_ns(1, peer->interval_cs);
}

static void recover(struct vrrp_instance *it, uint64_t now_ns)
{
	struct vrrp_router *router = &it->router;

	if (!router->demoted)
		return;
	vrrp_router_recovered(router, now_ns);
	/* Any box that serves well is better than two that do not: no delay. */
	if (peer_is_last_resort(router, now_ns))
		router->preempt_from_ns = now_ns;
	damp(it, now_ns);
}

static void fail(struct vrrp_instance *it, enum vrrp_event event, uint64_t now_ns)
{
	char cause[sizeof(it->status.missing)];

	list_all_missing(it, now_ns, cause, sizeof(cause));
	vrrp_router_event(&it->router, event, cause, now_ns);
}

/* What an Active has just seen fail its peer may not have seen yet, and would take over for that moment: so it keeps
 * its priority until the peer must know as well. What speaks for it counts at once, a Backup has nothing to keep, and
 * what is of this node alone the peer will never see. */
static void weigh(struct vrrp_instance *it, uint64_t now_ns)
{
	struct vrrp_router *router = &it->router;
	uint8_t weights = it->common->weights;
	unsigned sum;
	uint64_t settle_ns = atomic_load(&router->conf->weight_settle_ms) * (uint64_t)CLOCK_NS_PER_MS;

	if (router->state != VRRP_ACTIVE || weights <= it->settled_weights)
		it->heavier_since_ns = 0;
	else if (!it->heavier_since_ns)
		it->heavier_since_ns = now_ns;
	if (!it->heavier_since_ns || now_ns - it->heavier_since_ns >= settle_ns)
		it->settled_weights = weights;
	sum = it->settled_weights + it->common->own_weights;
	vrrp_router_weights(router, (uint8_t)(sum < VRRP_WEIGHTS_MAX ? sum : VRRP_WEIGHTS_MAX), now_ns);
}

void vrrp_instance_review(struct vrrp_instance *it, uint64_t now_ns)
{
	struct vrrp_router *router = &it->router;
	bool connected = is_connected(it, now_ns), by_group = connected && find_unconnected(it, now_ns);
	bool faulty = it->common->fault, before = it->serviceable;

	it->serviceable = connected && !by_group && (!faulty || router->conf->last_resort);
	weigh(it, now_ns);
	if (it->linger_until_ns && (!connected || faulty))
		revoke(router);

	if (!it->serviceable && (before || router->state != VRRP_INITIALIZE))
		fail(it, by_group && !faulty ? VRRP_EV_GROUP_DOWN : VRRP_EV_FAULT, now_ns);
	else if (it->serviceable && faulty && !router->demoted)
		fail(it, VRRP_EV_DEMOTE, now_ns);
	else if (it->serviceable && !faulty)
		recover(it, now_ns);

	if (it->released && router->state != VRRP_INITIALIZE)
		vrrp_router_event(router, VRRP_EV_RELEASE, it->common->stopping ? "clean stop" : it->leaving ?
				  "taken out of the configuration" : "release command", now_ns);
	else if (!it->released && it->serviceable && router->state == VRRP_INITIALIZE)
		vrrp_router_event(router, VRRP_EV_STARTUP, "all that is needed is there", now_ns);
}

/* ---- status ---- */

static void fill_status(const struct vrrp_instance *it, struct vrrp_status *status, uint64_t now_ns)
{
	const struct vrrp_router *r = &it->router;
	const struct vrrp_presence *p = &it->presence;

	*status = (struct vrrp_status){
		.state = r->state,
		.released = it->released,
		.lingering = it->linger_until_ns != 0,
		.since_ns = r->since_ns,
		.priority = r->conf->priority,
		.effective_priority = vrrp_router_priority(r),
		.weights = r->weights,
		.demoted = r->demoted,
		.holding = r->conf->preempt && now_ns < r->preempt_from_ns,
		.preempt_from_ns = r->preempt_from_ns,
		.held = r->held,
		.held_from_ns = r->held_from_ns,
		.source = r->source,
		.peer = r->peer,
		.other = r->other,
		.transitions = r->transitions,
		.became_active = r->became_active,
		.sent = r->sent,
		.sent_release = r->sent_release,
		.send_errors = r->send_errors,
		.heard = r->heard,
		.heard_release = r->heard_release,
		.missed = r->missed,
		.two_actives = r->two_actives,
		.holds = r->holds,
		.interval_errors = r->interval_errors,
		.address_list_errors = r->address_list_errors,
		.late = r->late,
		.lapsed = r->lapsed,
		.announcements = p->announcements,
		.arp_requests = p->requests,
		.arp_replies = p->replies,
		.arp_limited = p->limited,
		.conflicts = p->conflicts,
		.group_waits = r->silent,
		.foreign = it->foreign,
		.cadence_worst_ns = it->cadence_worst_ns,
		.realtime = it->common->realtime,
		.locked = it->common->locked,
		.sent_ns = r->sent_ns,
		.last_event = r->last_event,
	};
	if (r->state == VRRP_INITIALIZE)
		list_all_missing(it, now_ns, status->missing, sizeof(status->missing));
	status->waiting = status->missing[0] && !it->released;
	snprintf(status->cause, sizeof(status->cause), "%s", r->cause);
	snprintf(status->conflict, sizeof(status->conflict), "%s", p->conflict);
	snprintf(status->stranger, sizeof(status->stranger), "%s", it->stranger);
	snprintf(status->owners, sizeof(status->owners), "%s", it->owners);
	memcpy(status->rejected, r->rejected, sizeof(status->rejected));
}

/* What control should look at soon. Counters are not of that kind. */
static bool has_news(const struct vrrp_instance *it)
{
	const struct vrrp_router *r = &it->router;
	const struct vrrp_status *s = &it->status;

	return s->state != r->state || s->released != it->released || s->weights != r->weights ||
	       s->lingering != (it->linger_until_ns != 0) || s->demoted != r->demoted ||
	       s->held != r->held || s->peer.priority != r->peer.priority ||
	       !addr_equal(&s->peer.address, &r->peer.address) || !addr_equal(&s->source, &r->source);
}

/* What only the regular look finds. */
static bool looks_new(const struct vrrp_status *a, const struct vrrp_status *b)
{
	return a->holding != b->holding || a->group_waits != b->group_waits || strcmp(a->owners, b->owners) != 0 ||
	       a->effective_priority != b->effective_priority ||
	       strcmp(a->missing, b->missing) != 0 ||
	       strcmp(a->conflict, b->conflict) != 0 || strcmp(a->stranger, b->stranger) != 0;
}

void vrrp_instance_publish(struct vrrp_instance *it, bool always, uint64_t now_ns)
{
	bool news = has_news(it);
	struct vrrp_status status;

	if (!news && !always)
		return;
	fill_status(it, &status, now_ns);
	if (news || looks_new(&status, &it->status))
		it->common->news = true;
	it->status = status;
	vrrp_cell_write(&it->status_cell, it->status_words, &status, sizeof(status));
}
