/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vrrpstatus.c - documents about virtual routers. Contract in vrrpstatus.h.
 */
#include "node/vrrpstatus.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/lease.h"
#include "node/document.h"
#include "node/node.h"
#include "node/vrrp.h"

enum { WHY_MAX = 512 };

static uint64_t ms_between(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? (to_ns - from_ns) / CLOCK_NS_PER_MS : 0;
}

static void put_addr(json_t *object, const char *key, const struct addr *addr)
{
	static const struct addr none;
	char text[ADDR_TEXT_MAX] = "";

	if (!addr_equal(addr, &none))
		addr_format(addr, text, sizeof(text));
	document_text(object, key, text);
}

static const char *family_of(const struct vrrp_conf *conf)
{
	return vrrp_is_ipv6(conf) ? "ipv6" : "ipv4";
}

static json_t *addresses_list(const struct vrrp_conf *conf)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_MAX];

	for (unsigned i = 0; i < conf->count; i++)
		json_array_append_new(list, json_string(addr_format(&conf->addresses[i], text, sizeof(text))));
	return list;
}

/* The wall clock's time of a moment that the monotonic clock gave; 0 = never. */
static uint64_t wall_ms(uint64_t then_ns, uint64_t now_ns)
{
	return then_ns ? clock_wall_ns() / CLOCK_NS_PER_MS - ms_between(then_ns, now_ns) : 0;
}

/* null until one was heard. */
static json_t *peer_object(const struct vrrp_peer *peer, uint64_t now_ns)
{
	json_t *object;

	if (!peer->heard_ns)
		return json_null();
	object = json_object();
	put_addr(object, "address", &peer->address);
	document_count(object, "priority", peer->priority);
	document_count(object, "interval_cs", peer->interval_cs);
	document_text(object, "checksum", vrrp_checksum_name((enum vrrp_checksum)peer->checksum));
	document_count(object, "heard_ms", ms_between(peer->heard_ns, now_ns));
	document_count(object, "heard_at_ms", wall_ms(peer->heard_ns, now_ns));
	document_flag(object, "addresses_differ", peer->addresses_differ);
	document_flag(object, "interval_differs", peer->interval_differs);
	document_flag(object, "priority_equal", peer->priority_equal);
	return object;
}

/* Those configured: heard alone, and with unicast sent to. */
static json_t *peers_list(const struct node *node, unsigned router, const struct vrrp_conf *conf)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < conf->n_peers; i++) {
		const uint8_t *mac = node_vrrp_peer_mac(node->vrrp, router, i);
		json_t *object = json_object();
		char text[sizeof("00:00:00:00:00:00")] = "";

		if (mac)
			snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
				 mac[4],
				 mac[5]);
		put_addr(object, "address", &conf->peers[i]);
		document_text(object, "mac", text);
		document_text(object, "fault", node_vrrp_peer_fault(node->vrrp, router, i));
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *counters_object(const struct vrrp_status *s)
{
	json_t *object = json_object(), *rejected = json_object();

#define PUT(field) document_count(object, #field, s->field)
	PUT(transitions);
	PUT(became_active);
	PUT(sent);
	PUT(sent_release);
	PUT(send_errors);
	PUT(heard);
	PUT(heard_release);
	PUT(missed);
	PUT(two_actives);
	PUT(interval_errors);
	PUT(address_list_errors);
	PUT(late);
	PUT(lapsed);
	PUT(announcements);
	PUT(arp_requests);
	PUT(arp_replies);
	PUT(arp_limited);
	PUT(conflicts);
	PUT(foreign);
#undef PUT
	for (unsigned i = VRRP_ACCEPTED + 1; i < VRRP_REJECTS; i++)
		document_count(rejected, vrrp_reject_name((enum vrrp_reject)i), s->rejected[i]);
	json_object_set_new(object, "rejected", rejected);
	return object;
}

/* The part that "status" shows too. */
static json_t *brief_object(const struct node *node, unsigned i, const struct vrrp_status *s, uint64_t now_ns)
{
	const struct vrrp_conf *conf = node_vrrp_conf(node->vrrp, i);
	json_t *object = json_object();

	document_text(object, "interface", conf->interface);
	document_count(object, "vrid", conf->vrid);
	document_text(object, "family", family_of(conf));
	json_object_set_new(object, "addresses", addresses_list(conf));
	document_text(object, "state", vrrp_state_name(s->state));
	document_count(object, "since_ms", ms_between(s->since_ns, now_ns));
	document_text(object, "event", s->transitions ? vrrp_event_name((enum vrrp_event)s->last_event) : "none");
	document_text(object, "cause", s->cause);
	document_count(object, "priority", conf->priority);
	document_count(object, "effective_priority", s->effective_priority);
	document_flag(object, "released", s->released);
	document_flag(object, "lingering", s->lingering);
	document_text(object, "group", conf->group);
	document_text(object, "missing", s->waiting ? s->missing : "");
	document_flag(object, "kept", node_vrrp_is_kept(node->vrrp, i));
	document_flag(object, "dead_man", node_vrrp_dead_man(node->vrrp, i));
	return object;
}

/* As the kernel's programs have it. left_ms 0: nothing is answered for the addresses. */
static json_t *lease_object(const struct node *node, uint8_t index)
{
	static const char *const modes[] = {
		[LEASE_RELEASED] = "released", [LEASE_ACTIVE] = "active", [LEASE_LINGER] = "linger",
	};
	const struct lease_page *leases = node_vrrp_leases(node->vrrp);
	uint64_t until_ns = __atomic_load_n(&leases->entries[index].until_ns, __ATOMIC_RELAXED);
	json_t *object = json_object();

	document_text(object, "mode", modes[lease_mode(leases, index)]);
	document_count(object, "left_ms", ms_between(clock_boot_ns(), until_ns));
	return object;
}

static json_t *router_object(const struct node *node, unsigned i, uint64_t now_ns)
{
	const struct vrrp_conf *conf = node_vrrp_conf(node->vrrp, i);
	struct vrrp_status s;
	char why[WHY_MAX];
	json_t *object;

	node_vrrp_status(node->vrrp, i, &s);
	object = brief_object(node, i, &s, now_ns);
	document_text(object, "why", node_vrrp_why(node->vrrp, &s, why, sizeof(why)));
	document_count(object, "interval_cs", conf->interval_cs);
	document_flag(object, "virtual_mac", conf->virtual_mac);
	document_text(object, "checksum", vrrp_checksum_name((enum vrrp_checksum)conf->checksum));
	document_text(object, "checksum_rx", vrrp_checksum_name((enum vrrp_checksum)conf->checksum_rx));
	document_flag(object, "preempt", conf->preempt);
	document_flag(object, "demoted", s.demoted);
	document_flag(object, "holding", s.holding);
	document_count(object, "preempt_in_ms", s.holding ? ms_between(now_ns, s.preempt_from_ns) : 0);
	document_flag(object, "unicast", conf->unicast);
	document_count(object, "max_hops", conf->max_hops);
	json_object_set_new(object, "peers", peers_list(node, i, conf));
	put_addr(object, "source", &s.source);
	json_object_set_new(object, "peer", peer_object(&s.peer, now_ns));
	json_object_set_new(object, "other", peer_object(&s.other, now_ns));
	document_flag(object, "group_waits", s.group_waits);
	document_text(object, "owners", s.owners);
	json_object_set_new(object, "lease", lease_object(node, conf->lease));
	document_count(object, "sent_ms", s.sent_ns ? ms_between(s.sent_ns, now_ns) : 0);
	document_count(object, "sent_at_ms", wall_ms(s.sent_ns, now_ns));
	document_text(object, "conflict", s.conflict);
	document_text(object, "stranger", s.stranger);
	document_count(object, "cadence_worst_us", s.cadence_worst_ns / CLOCK_NS_PER_US);
	document_flag(object, "realtime", s.realtime);
	json_object_set_new(object, "counters", counters_object(&s));
	return object;
}

static unsigned count(const struct node *node)
{
	return node->vrrp ? node_vrrp_count(node->vrrp) : 0;
}

bool vrrpstatus_is_called(const struct vrrp_conf *conf, const char *name)
{
	char number[8], full[IF_NAMESIZE + sizeof(number)];

	if (!conf)
		return false;
	if (!name || strcmp(conf->group, name) == 0)
		return true;
	snprintf(number, sizeof(number), "%u", conf->vrid);
	snprintf(full, sizeof(full), VRRP_NAME, VRRP_NAME_OF(conf));
	return strcmp(number, name) == 0 || strcmp(full, name) == 0;
}

json_t *vrrpstatus_routers(const struct node *node, const char *name)
{
	uint64_t now_ns = clock_mono_ns();	/* the engine's times are newer than the loop's turn */
	json_t *list = json_array();

	for (unsigned i = 0; i < count(node); i++)
		if (vrrpstatus_is_called(node_vrrp_conf(node->vrrp, i), name))
			json_array_append_new(list, router_object(node, i, now_ns));
	return json_pack("{s:o}", "routers", list);
}

static json_t *event_object(const struct node_vrrp_event *event, uint64_t now_ns)
{
	const struct vrrp_transition *t = &event->transition;
	json_t *object = json_object();
	char utc[32];

	clock_format_utc(t->wall_ns, utc, sizeof(utc));
	document_text(object, "time", utc);
	document_count(object, "ago_ms", ms_between(t->mono_ns, now_ns));
	document_text(object, "interface", event->interface);
	document_count(object, "vrid", event->vrid);
	document_text(object, "family", event->ipv6 ? "ipv6" : "ipv4");
	document_text(object, "from", vrrp_state_name((enum vrrp_state)t->from));
	document_text(object, "to", vrrp_state_name((enum vrrp_state)t->to));
	document_text(object, "event", vrrp_event_name((enum vrrp_event)t->event));
	document_text(object, "cause", t->cause);
	document_text(object, "because", event->because);
	return object;
}

json_t *vrrpstatus_history(const struct node *node, unsigned last)
{
	uint64_t now_ns = clock_mono_ns();
	json_t *list = json_array();
	unsigned n = node->vrrp ? node_vrrp_events(node->vrrp) : 0;

	for (unsigned i = n > last ? n - last : 0; i < n; i++)
		json_array_append_new(list, event_object(node_vrrp_event(node->vrrp, i), now_ns));
	return json_pack("{s:o}", "transitions", list);
}

json_t *vrrpstatus_summary(const struct node *node)
{
	json_t *object = json_object(), *list = json_array();
	bool dead_man = true, realtime = true, locked = true;
	uint64_t now_ns = clock_mono_ns();

	for (unsigned i = 0; i < count(node); i++) {
		struct vrrp_status s;

		if (!node_vrrp_conf(node->vrrp, i))
			continue;
		node_vrrp_status(node->vrrp, i, &s);
		dead_man &= node_vrrp_dead_man(node->vrrp, i);
		realtime &= s.realtime;
		locked &= s.locked;
		json_array_append_new(list, brief_object(node, i, &s, now_ns));
	}
	document_count(object, "guard_pid", (uint64_t)node_vrrp_guard_pid(node->vrrp));
	document_flag(object, "dead_man", dead_man);
	document_flag(object, "realtime", realtime);
	document_flag(object, "memory_locked", locked);
	json_object_set_new(object, "routers", list);
	return object;
}
