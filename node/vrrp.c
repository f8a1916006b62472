/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vrrp.c - virtual routers, seen from the control thread. Contract in vrrp.h.
 *
 * The engine decides and speaks; everything that can block is done here, after the fact and at leisure. Three things
 * come in: links.h says that the kernel's links or addresses changed, the engine rings after transitions, and a
 * slow beat looks at everything again. None of them says what it is about: what is there is read, and the kernel's
 * addresses, the engine and the conditions are made to agree with it, so that an event lost is an event late.
 */
#include "node/vrrp.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/health.h"
#include "base/lease.h"
#include "base/log.h"
#include "base/loop.h"
#include "node/config.h"
#include "node/groups.h"
#include "node/guard.h"
#include "node/holds.h"
#include "node/links.h"
#include "node/peers.h"
#include "node/privs.h"
#include "node/resign.h"
#include "node/selfcheck.h"
#include "node/silence.h"
#include "node/standby.h"
#include "node/sysctls.h"
#include "node/track.h"
#include "node/vip.h"

enum {
	READY_MS = 10,			/* between looks at a data plane that has just started */
	READY_PATIENCE_MS = 5000,	/* one that is not good by then goes into the election as the faults say */
	BEAT_MS = 500,
	SETTLE_MARGIN_MS = 100,
	SETTLE_MAX_MS = 30000,
	PATIENCE_MS = 1000,		/* for the kernel's address to follow the state */
	TRANSITIONS = 16,		/* read at once */
	LOG_MS = 10000,			/* between complaints about one thing */
	PREFIX_V4 = 96,			/* bits in front of an IPv4 address in struct addr */
	PREFIX_HOST = 128,
	ROUTER_NAME = IF_NAMESIZE + 8,
};

_Static_assert((int)VRRP_ROUTERS_MAX < (int)LEASE_NEVER, "a lease for each router");

struct router {
	struct link_state seen;		/* of its interface, as last read */
	struct vrrp_link link;		/* as the engine was told */
	bool told;
	bool present[VRRP_ADDRESSES_MAX];	/* the kernel was given the address */
	uint64_t wrong_ns[VRRP_ADDRESSES_MAX];	/* since when it contradicts the state; 0 = it does not */
	struct health_condition *address[VRRP_ADDRESSES_MAX], *conflict;
	struct health_condition *peers;	/* unicast only */
	struct health_condition *sysctl;	/* on the first router of an interface */
	struct groups groups;
	struct log_limit move_log, groups_log;
};

/* A conf that the engine was given, until it works with another one. */
struct given {
	struct vrrp_conf conf;		/* first: in_force points to it */
	unsigned router;
	struct given *next;		/* of those that were replaced */
};

/* What a reload brings, by places; NULL: there is no router, or it keeps its addresses. */
struct node_vrrp_plan {
	struct given *given[VRRP_ROUTERS_MAX];
};

struct node_vrrp {
	struct node_vrrp_parts parts;
	struct silence *silence;
	bool virtual_macs;		/* some router had one at the start */
	unsigned n;			/* places up to the last router */
	struct vrrp_conf conf[VRRP_ROUTERS_MAX];	/* by place; without addresses: nobody's */
	uint32_t leaving;		/* bits: taken out, but not yet gone */
	uint8_t at[VRRP_ROUTERS_MAX];	/* places, in the order of the configuration */
	unsigned positions;
	uint32_t start_delay_s[VRRP_ROUTERS_MAX], link_up_delay_s[VRRP_ROUTERS_MAX];
	struct vrrp_conf *first;	/* copies that the engine was opened with */
	struct vrrp_conf *in_force[VRRP_ROUTERS_MAX];	/* what it has now: one of first, or of a struct given */
	struct given *replaced;
	struct holds *holds;
	struct log_limit links_log;
	struct standby *standby;
	struct router router[VRRP_ROUTERS_MAX];
	struct vrrp_engine *engine;
	struct vip *vip;
	struct links *links;
	struct peers *peers;		/* NULL: no router has unicast peers */
	struct resign *resign;
	struct selfcheck *selfcheck;
	struct tracks *tracks;
	struct loop_fd notify, guard_end;
	struct loop_timer ready, beat;
	bool is_ready, runs, guard_died;
	uint64_t started_ns;
	struct health_condition *guard, *virtual_mac;
	struct node_vrrp_event event[VRRP_HISTORY];
	unsigned first_event, events;
};

static bool is_used(const struct node_vrrp *v, unsigned i)
{
	return v->conf[i].count;
}

static bool is_leaving(const struct node_vrrp *v, unsigned i)
{
	return v->leaving & 1u << i;
}

/* ---- first half: configuration, leases ---- */

/* By then the other node's probes and checks, which begin at another moment and may all time out, have seen what ours
 * have. */
static uint32_t weight_settle_ms(const struct config *config)
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

static void fill_conf(struct vrrp_conf *conf, const struct config *config, const struct config_vrrp *from)
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
		.weight_settle_ms = weight_settle_ms(config),
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

static int say_own(const char *where, const struct addr *address, char *error, size_t size)
{
	char text[ADDR_TEXT_MAX];

	return log_fail(-EADDRINUSE, error, size, "%s: %s is an address that this host has for itself; a virtual address must "
		    "be another one", where, addr_format(address, text, sizeof(text)));
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
		return say_own(from->where, address, error, size);
	/* Without any address yet there is nothing to compare with: the router waits for one. */
	if (from->foreign_subnet || addr_is_link_local(address) || !own || link_reaches(link, address))
		return 0;
	addr_format(address, text, sizeof(text));
	addr_format(&own->addr, subnet, sizeof(subnet));
	return log_fail(-EADDRNOTAVAIL, error, size, "%s: %s lies in no subnet of %s, which has %s/%d; set foreign_subnet = "
		    "true if it is meant so", from->where, text, from->interface, subnet,
		    addr_is_v4(&own->addr) ? own->len - PREFIX_V4 : own->len);
}

static int check_peers(const struct config_vrrp *from, const struct config_addrs *peers, const struct link_state *link,
		       char *error, size_t size)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < peers->n; i++)
		for (unsigned a = 0; a < link->addresses; a++)
			if (addr_equal(&link->address[a].addr, &peers->item[i]))
				return log_fail(-EADDRINUSE, error, size, "%s: peer %s is an address of this host; it must "
						"be the other node's", from->where,
						addr_format(&peers->item[i], text, sizeof(text)));
	return 0;
}

static int check_router(const struct config_vrrp *from, struct link_state *link, char *error, size_t size)
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

static void tell_link_local(const struct vrrp_conf *conf, const struct config_vrrp *from)
{
	char text[ADDR_TEXT_MAX];

	if (from->link_local_derived)
		log_info("vrrp " VRRP_NAME ": its link-local address is %s, made of the VRID", VRRP_NAME_OF(conf),
			 addr_format(&conf->addresses[0], text, sizeof(text)));
}

static void adopt_order_and_delays(struct node_vrrp *v, const struct config *config)
{
	v->positions = (unsigned)config->n_vrrp;
	for (size_t i = 0; i < config->n_vrrp; i++) {
		const struct config_vrrp *from = &config->vrrp[i];

		v->at[i] = from->place;
		v->start_delay_s[from->place] = from->start_delay_s;
		v->link_up_delay_s[from->place] = from->link_up_delay_s;
	}
}

static bool wants_virtual_mac(const struct node_vrrp *v)
{
	for (unsigned i = 0; i < v->n; i++)
		if (v->conf[i].virtual_mac)
			return true;
	return false;
}

/* The guard reads them too. */
static int open_leases(struct node_vrrp *v)
{
	int err;

	v->virtual_macs = wants_virtual_mac(v);
	err = silence_open(&v->silence, v->parts.steer, v->virtual_macs);
	if (!err)
		err = guard_give_leases(v->parts.guard, silence_lease_fd(v->silence));
	return err ? err : guard_catch_fatal(v->parts.guard, silence_leases(v->silence));
}

int node_vrrp_open(struct node_vrrp **result, const struct node_vrrp_parts *parts, const struct config *config,
		   char *error, size_t size)
{
	struct node_vrrp *v = calloc(1, sizeof(*v));
	int err = 0;

	if (!v)
		return log_fail(-ENOMEM, error, size, "virtual routers: %s", strerror(ENOMEM));
	v->parts = *parts;
	v->notify.fd = v->guard_end.fd = -1;
	v->n = (unsigned)config->n_vrrp;
	adopt_order_and_delays(v, config);
	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++)
		v->router[i].groups.fd = -1;
	for (unsigned i = 0; i < v->n && !err; i++) {
		fill_conf(&v->conf[i], config, &config->vrrp[i]);
		tell_link_local(&v->conf[i], &config->vrrp[i]);
		err = check_router(&config->vrrp[i], &v->router[i].seen, error, size);
	}
	if (err)
		goto err_close;
	err = open_leases(v);
	if (err) {
		log_fail(err, error, size, "guard and leases: %s", strerror(-err));
		goto err_close;
	}
	*result = v;
	return 0;

err_close:
	node_vrrp_close(v);
	return err;
}

struct lease_page *node_vrrp_leases(struct node_vrrp *v)
{
	return silence_leases(v->silence);
}

static const char *name_of(const struct node_vrrp *v, unsigned i, char name[ROUTER_NAME])
{
	snprintf(name, ROUTER_NAME, VRRP_NAME, VRRP_NAME_OF(&v->conf[i]));
	return name;
}

/* ---- what has failed, as text ---- */

static bool has_failed(const struct health_condition *c, enum health_kind kind)
{
	return c->in_use && c->kind == kind && health_failed(c);
}

/* Adds "name: cause; name: cause" to text. Returns text. */
static const char *list_failed(const struct node_vrrp *v, enum health_kind kind, char *text, size_t size)
{
	size_t at = strlen(text);

	for (unsigned i = 0; i < HEALTH_MAX && at < size; i++) {
		const struct health_condition *c = &v->parts.health->conditions[i];

		if (has_failed(c, kind))
			at += (size_t)snprintf(text + at, size - at, "%s%s: %s", at ? "; " : "", c->name, c->cause);
	}
	return text;
}

const char *node_vrrp_why(const struct node_vrrp *v, const struct vrrp_status *status, char *text, size_t size)
{
	text[0] = '\0';
	if (status->demoted)
		return list_failed(v, HEALTH_FAULT, text, size);
	if (status->weights)
		return list_failed(v, HEALTH_WEIGHT, text, size);
	return text;
}

/* ---- history ---- */

static struct node_vrrp_event *next_event(struct node_vrrp *v)
{
	unsigned at = (v->first_event + v->events) % VRRP_HISTORY;

	if (v->events < VRRP_HISTORY)
		v->events++;
	else
		v->first_event = (v->first_event + 1) % VRRP_HISTORY;
	return &v->event[at];
}

/* The engine says, and logs, what it acted on; what was behind that only the conditions know. */
static void note_transition(struct node_vrrp *v, const struct vrrp_transition *t)
{
	struct node_vrrp_event *event = next_event(v);

	event->transition = *t;
	memcpy(event->interface, v->conf[t->router].interface, sizeof(event->interface));
	event->vrid = v->conf[t->router].vrid;
	event->ipv6 = vrrp_is_ipv6(&v->conf[t->router]);
	event->because[0] = '\0';
	list_failed(v, HEALTH_FAULT, event->because, sizeof(event->because));
	list_failed(v, HEALTH_WEIGHT, event->because, sizeof(event->because));
	if (v->parts.on_transition)
		v->parts.on_transition(v->parts.context, &v->conf[t->router], event);
}

static void read_transitions(struct node_vrrp *v)
{
	struct vrrp_transition transitions[TRANSITIONS];
	uint64_t lost;
	unsigned n;

	do {
		n = vrrp_engine_transitions(v->engine, transitions, TRANSITIONS, &lost);
		if (lost)
			log_warning("vrrp: %llu transitions came too fast to be noted", (unsigned long long)lost);
		for (unsigned i = 0; i < n; i++)
			note_transition(v, &transitions[i]);
	} while (n == TRANSITIONS);
}

unsigned node_vrrp_events(const struct node_vrrp *v)
{
	return v->events;
}

const struct node_vrrp_event *node_vrrp_event(const struct node_vrrp *v, unsigned i)
{
	return &v->event[(v->first_event + i) % VRRP_HISTORY];
}

/* ---- the kernel's addresses and groups ---- */

/* Has the kernel a copy? Of the link-local one it has none: on the TAP device that would not be the one of the
 * interface, and on the interface the kernel would answer for it from its own MAC. It is the engine's alone. */
static bool is_kernels(const struct addr *address)
{
	return !addr_is_link_local(address);
}

static bool wants_address(const struct vrrp_status *status)
{
	return status->state == VRRP_ACTIVE || status->lingering;
}

static void move_address(struct node_vrrp *v, unsigned i, unsigned j, bool wanted)
{
	const struct addr *address = &v->conf[i].addresses[j];
	char text[ADDR_TEXT_MAX];
	uint32_t held_back;
	int err;

	if (v->router[i].present[j] == wanted || !is_kernels(address))
		return;
	err = wanted ? vip_add(v->vip, address) : vip_remove(v->vip, address);
	if (!err)
		v->router[i].present[j] = wanted;
	else if (log_limit_pass(&v->router[i].move_log, v->parts.loop->now_ns,
				LOG_MS * (uint64_t)CLOCK_NS_PER_MS, &held_back))
		log_warning("address %s cannot be %s the kernel: %s; trying again",
			    addr_format(address, text, sizeof(text)), wanted ? "given to" : "taken from",
			    strerror(-err));
}

static void move_groups(struct node_vrrp *v, unsigned i, bool wanted)
{
	struct router *router = &v->router[i];
	int err = groups_follow(&router->groups, &v->conf[i], wanted);
	uint32_t held_back;

	if (err && log_limit_pass(&router->groups_log, v->parts.loop->now_ns, LOG_MS * (uint64_t)CLOCK_NS_PER_MS,
				  &held_back))
		log_warning("vrrp " VRRP_NAME ": cannot join the solicited-node groups: %s; a switch that snoops may keep "
			    "solicitations away; trying again", VRRP_NAME_OF(&v->conf[i]), strerror(-err));
}

static void move_addresses(struct node_vrrp *v)
{
	for (unsigned i = 0; i < v->n; i++) {
		struct vrrp_status status;

		if (!is_used(v, i))
			continue;
		vrrp_engine_status(v->engine, i, &status);
		move_groups(v, i, status.state == VRRP_ACTIVE);
		for (unsigned j = 0; j < v->conf[i].count; j++)
			move_address(v, i, j, wants_address(&status));
	}
}

static void judge(struct node_vrrp *v, struct health_condition *condition, bool good, const char *cause,
		  uint64_t now_ns)
{
	if (condition)
		health_report(v->parts.health, condition, good, cause, now_ns);
}

/* What somebody else did to the address shows in the kernel only. */
static void judge_address(struct node_vrrp *v, unsigned i, unsigned j, bool wanted, uint64_t now_ns)
{
	struct router *router = &v->router[i];
	bool there;

	if (!is_kernels(&v->conf[i].addresses[j]))
		return;
	there = vip_has(v->vip, &v->conf[i].addresses[j]);
	router->present[j] = there;
	if (there == wanted)
		router->wrong_ns[j] = 0;
	else if (!router->wrong_ns[j])
		router->wrong_ns[j] = now_ns;
	judge(v, router->address[j],
	      !router->wrong_ns[j] || now_ns - router->wrong_ns[j] <= PATIENCE_MS * (uint64_t)CLOCK_NS_PER_MS,
	      wanted ? "Active, but the kernel does not have it: no TCP, no ICMP"
		     : "not Active, but the kernel has it", now_ns);
}

/* Of the virtual routers on the interface. */
static unsigned families_on(const struct node_vrrp *v, const char *interface)
{
	unsigned families = 0;

	for (unsigned i = 0; i < v->n; i++)
		if (strcmp(v->conf[i].interface, interface) == 0)
			families |= vrrp_is_ipv6(&v->conf[i]) ? SYSCTLS_IPV6 : SYSCTLS_IPV4;
	return families;
}

static void judge_sysctls(struct node_vrrp *v, unsigned i, uint64_t now_ns)
{
	const char *interface = v->conf[i].interface;
	char cause[HEALTH_CAUSE_MAX] = "";

	if (v->router[i].sysctl)
		judge(v, v->router[i].sysctl, sysctls_check(interface, families_on(v, interface), cause, sizeof(cause)),
		      cause, now_ns);
}

static void judge_peers(struct node_vrrp *v, unsigned i, uint64_t now_ns)
{
	const char *fault = "";

	for (unsigned j = 0; j < v->conf[i].n_peers && !fault[0]; j++)
		fault = node_vrrp_peer_fault(v, i, j);
	if (v->router[i].peers)
		judge(v, v->router[i].peers, !fault[0], fault, now_ns);
}

static void judge_router(struct node_vrrp *v, unsigned i, uint64_t now_ns)
{
	struct vrrp_status status;

	judge_sysctls(v, i, now_ns);
	vrrp_engine_status(v->engine, i, &status);
	judge(v, v->router[i].conflict, !status.conflict[0], status.conflict, now_ns);
	judge_peers(v, i, now_ns);
	for (unsigned j = 0; j < v->conf[i].count; j++)
		judge_address(v, i, j, wants_address(&status), now_ns);
}

/* ---- links ---- */

static bool is_virtual(const struct node_vrrp *v, const struct addr *address)
{
	for (unsigned i = 0; i < v->n; i++)
		for (unsigned j = 0; j < v->conf[i].count; j++)
			if (addr_equal(address, &v->conf[i].addresses[j]))
				return true;
	return false;
}

static bool may_be_source(const struct node_vrrp *v, bool ipv6, const struct link_address *own)
{
	if (own->tentative || is_virtual(v, &own->addr))
		return false;
	return ipv6 ? addr_is_link_local(&own->addr) : addr_is_v4(&own->addr);
}

/* The first address that is not one of the virtual ones; of IPv6 link-local, and the one that it was before for as long
 * as the link has it, because the kernel lists those in no order. */
static struct addr primary_address(const struct node_vrrp *v, unsigned i)
{
	const struct link_state *link = &v->router[i].seen;
	bool ipv6 = vrrp_is_ipv6(&v->conf[i]);
	struct addr first = { 0 };
	bool found = false;

	for (unsigned a = 0; a < link->addresses; a++) {
		const struct link_address *own = &link->address[a];

		if (!may_be_source(v, ipv6, own))
			continue;
		if (!found || (ipv6 && addr_equal(&own->addr, &v->router[i].link.source)))
			first = own->addr;
		found = true;
	}
	return first;
}

static uint32_t longest_link_up_delay_s(const struct node_vrrp *v)
{
	uint32_t longest = 0;

	for (unsigned i = 0; i < v->n; i++)
		if (v->link_up_delay_s[i] > longest)
			longest = v->link_up_delay_s[i];
	return longest;
}

/* A delay that a reload brings does not take down what has long been up. */
static uint64_t link_until(struct node_vrrp *v, unsigned i)
{
	const struct link_state *seen = &v->router[i].seen;
	uint64_t since_ns = holds_link_since(v->holds, v->conf[i].interface, seen->ifindex, seen->up,
					     longest_link_up_delay_s(v) > 0, clock_mono_ns());

	return since_ns && v->link_up_delay_s[i] ? since_ns + v->link_up_delay_s[i] * (uint64_t)CLOCK_NS_PER_S : 0;
}

/* Tells the engine if something is new. An interface that has gone is one without address and carrier. */
static void follow_link(struct node_vrrp *v, unsigned i)
{
	struct router *router = &v->router[i];
	struct vrrp_link link = { .ready = v->is_ready };

	link.boot_until_ns = v->start_delay_s[i] ? holds_boot_until(v->holds, v->start_delay_s[i]) : 0;
	link_read(v->conf[i].interface, &router->seen);
	link.source = primary_address(v, i);
	link.up = router->seen.up;
	memcpy(link.mac, router->seen.mac, sizeof(link.mac));
	link.link_until_ns = link_until(v, i);
	if (router->told && memcmp(&link, &router->link, sizeof(link)) == 0)
		return;
	router->link = link;
	router->told = true;
	silence_set_mac(v->silence, &v->conf[i], link.mac);
	vrrp_engine_link(v->engine, i, &link);
}

static void follow_links(void *context)
{
	struct node_vrrp *v = context;

	for (unsigned i = 0; i < v->n; i++)
		if (is_used(v, i))
			follow_link(v, i);
	if (v->peers)
		peers_look(v->peers);
}

static void on_hops(void *context, unsigned router, const struct vrrp_hops *hops)
{
	struct node_vrrp *v = context;

	vrrp_engine_hops(v->engine, router, hops);
}

/* ---- conditions of a router ---- */

static struct health_condition *watch(struct node_vrrp *v, enum health_kind kind, const char *name)
{
	return health_add(v->parts.health, name, kind, 1, 1, false, v->parts.loop->now_ns);
}

/* NULL when the kernel has no copy. */
static struct health_condition *watch_address(struct node_vrrp *v, const struct addr *address)
{
	char name[HEALTH_NAME_MAX], text[ADDR_TEXT_MAX];

	if (!is_kernels(address))
		return NULL;
	snprintf(name, sizeof(name), "address:%s", addr_format(address, text, sizeof(text)));
	return watch(v, HEALTH_NOTICE, name);
}

static bool is_first_on_interface(const struct node_vrrp *v, unsigned i)
{
	for (unsigned j = 0; j < i; j++)
		if (strcmp(v->conf[j].interface, v->conf[i].interface) == 0)
			return false;
	return true;
}

static void add_router_conditions(struct node_vrrp *v, unsigned i)
{
	const struct vrrp_conf *conf = &v->conf[i];
	struct router *router = &v->router[i];
	char name[HEALTH_NAME_MAX];

	snprintf(name, sizeof(name), "conflict:" VRRP_NAME, VRRP_NAME_OF(conf));
	router->conflict = watch(v, HEALTH_NOTICE, name);
	if (conf->unicast) {
		snprintf(name, sizeof(name), "peers:" VRRP_NAME, VRRP_NAME_OF(conf));
		router->peers = watch(v, HEALTH_NOTICE, name);
	}
	for (unsigned j = 0; j < conf->count; j++)
		router->address[j] = watch_address(v, &conf->addresses[j]);
}

/* At the first router of each interface, as they are now. */
static void place_sysctl_conditions(struct node_vrrp *v)
{
	char name[HEALTH_NAME_MAX];

	for (unsigned i = 0; i < v->n; i++) {
		struct router *router = &v->router[i];

		if (!is_used(v, i) || router->sysctl || !is_first_on_interface(v, i))
			continue;
		snprintf(name, sizeof(name), "sysctl:%s", v->conf[i].interface);
		router->sysctl = watch(v, HEALTH_NOTICE, name);
	}
}

/* ---- the loop's callbacks ---- */

/* So that a successor knows which links were up all the time. */
static void note_links(struct node_vrrp *v, uint64_t now_ns)
{
	uint32_t longest = longest_link_up_delay_s(v), held_back;
	int err;

	if (!longest)
		return;
	err = holds_note(v->holds, longest, now_ns);
	if (err && log_limit_pass(&v->links_log, now_ns, LOG_MS * (uint64_t)CLOCK_NS_PER_MS, &held_back))
		log_warning("vrrp: the state of the links cannot be written down: %s; after a restart link_up_delay_s "
			    "counts anew", strerror(-err));
}

static void note_last_words(struct node_vrrp *v)
{
	int err = resign_note(v->resign);

	if (err)
		log_warning("vrrp: what \"tandemd --resign\" would send cannot be written: %s", strerror(-err));
}

/* What the engine has of router i is about to be replaced. */
static void retire(struct node_vrrp *v, unsigned i)
{
	struct given *given = (struct given *)v->in_force[i];

	if (!v->in_force[i] || v->in_force[i] == &v->first[i])
		return;
	given->router = i;
	given->next = v->replaced;
	v->replaced = given;
}

static void drop_condition(struct node_vrrp *v, struct health_condition *condition)
{
	if (condition)
		health_remove(v->parts.health, condition);
}

static void drop_address(struct node_vrrp *v, unsigned i, unsigned j)
{
	move_address(v, i, j, false);
	drop_condition(v, v->router[i].address[j]);
}

/* One that a reload has taken out, and that the engine is done with: its place is free. */
static void forget_router(struct node_vrrp *v, unsigned i)
{
	struct vrrp_conf *conf = &v->conf[i];
	struct router *router = &v->router[i];
	char name[ROUTER_NAME];

	for (unsigned j = 0; j < conf->count; j++)
		drop_address(v, i, j);
	move_groups(v, i, false);
	drop_condition(v, router->conflict);
	drop_condition(v, router->peers);
	drop_condition(v, router->sysctl);
	silence_forget(v->silence, conf, router->seen.ifindex);
	if (v->peers)
		peers_forget(v->peers, i);
	if (standby_has(v->standby, name_of(v, i, name)) && standby_set(v->standby, name, false))
		log_warning("vrrp %s: its standby stays written down", name);
	log_info("vrrp %s: taken out", name);
	vrrp_engine_forget(v->engine, i);
	retire(v, i);
	v->in_force[i] = NULL;
	v->leaving &= ~(1u << i);
	v->start_delay_s[i] = v->link_up_delay_s[i] = 0;
	memset(conf, 0, sizeof(*conf));
	*router = (struct router){ .groups.fd = -1 };
	while (v->n && !is_used(v, v->n - 1))
		v->n--;
	place_sysctl_conditions(v);
}

/* After its transitions, whoever is gone is forgotten. */
static void follow_engine(struct node_vrrp *v)
{
	uint32_t gone = 0;

	for (unsigned i = 0; i < VRRP_ROUTERS_MAX; i++)
		gone |= (uint32_t)(is_leaving(v, i) && vrrp_engine_is_gone(v->engine, i)) << i;
	read_transitions(v);
	move_addresses(v);
	for (unsigned i = 0; gone && i < VRRP_ROUTERS_MAX; i++)
		if (gone & 1u << i)
			forget_router(v, i);
}

static void on_notify(struct loop_fd *self, uint32_t events)
{
	struct node_vrrp *v = (struct node_vrrp *)((char *)self - offsetof(struct node_vrrp, notify));
	uint64_t rung;

	(void)events;
	if (read(self->fd, &rung, sizeof(rung)) < 0)
		return;
	follow_engine(v);
	note_last_words(v);
}

static void on_guard_end(struct loop_fd *self, uint32_t events)
{
	struct node_vrrp *v = (struct node_vrrp *)((char *)self - offsetof(struct node_vrrp, guard_end));

	(void)events;
	v->guard_died = true;
	loop_fd_remove(v->parts.loop, self);
	judge(v, v->guard, false, "it has died: if this process is killed, the other node waits for silence",
	      v->parts.loop->now_ns);
}

static void on_ready(struct loop_timer *timer, uint64_t now_ns)
{
	struct node_vrrp *v = (struct node_vrrp *)((char *)timer - offsetof(struct node_vrrp, ready));

	/* Two nodes that both start with a fault must not both wait: with last_resort one serves (RFC 9568 knows no
	 * such case; priority 1 lets any healthy node pass). */
	v->is_ready = (selfcheck_proved(v->selfcheck) && (!v->tracks || tracks_known(v->tracks))) ||
		      now_ns - v->started_ns > (uint64_t)READY_PATIENCE_MS * CLOCK_NS_PER_MS;
	if (v->is_ready)
		follow_links(v);
	else
		loop_timer_start(v->parts.loop, timer, now_ns + READY_MS * CLOCK_NS_PER_MS);
}

/* What the engine works with no more; all at the end. */
static void free_replaced(struct node_vrrp *v, bool all)
{
	struct given **at = &v->replaced;

	while (*at) {
		struct given *given = *at;

		if (!all && vrrp_engine_conf_in_use(v->engine, given->router) != v->in_force[given->router]) {
			at = &given->next;
			continue;
		}
		*at = given->next;
		free(given);
	}
}

static void on_beat(struct loop_timer *timer, uint64_t now_ns)
{
	struct node_vrrp *v = (struct node_vrrp *)((char *)timer - offsetof(struct node_vrrp, beat));
	char cause[HEALTH_CAUSE_MAX] = "";
	bool good = silence_check(v->silence, cause, sizeof(cause)) == 0;

	judge(v, v->virtual_mac, good, cause, now_ns);
	follow_links(v);
	follow_engine(v);
	for (unsigned i = 0; i < v->n; i++)
		if (is_used(v, i))
			judge_router(v, i, now_ns);
	note_links(v, now_ns);
	free_replaced(v, false);
	loop_timer_start(v->parts.loop, timer, now_ns + BEAT_MS * CLOCK_NS_PER_MS);
}

/* ---- second half ---- */

static void add_conditions(struct node_vrrp *v)
{
	v->guard = watch(v, HEALTH_NOTICE, "guard");
	if (silence_has_program(v->silence))
		v->virtual_mac = watch(v, HEALTH_FAULT, "virtual-mac");
	for (unsigned i = 0; i < v->n; i++)
		add_router_conditions(v, i);
	place_sysctl_conditions(v);
}

/* The mutex first: what follows is said by the guard should it go wrong. */
static void on_thread_start(void *context)
{
	struct node_vrrp *v = context;
	int err = guard_hold(v->parts.guard);

	if (err)
		log_error("vrrp: the guard does not watch: %s", strerror(-err));
	guard_thread_stack();
	privs_drop_all();
}

static void on_thread_stop(void *context)
{
	struct node_vrrp *v = context;

	guard_let_go(v->parts.guard);
}

static int open_engine(struct node_vrrp *v, char *error, size_t size)
{
	struct vrrp_engine_conf conf = {
		.n = v->n,
		.leases = silence_leases(v->silence),
		.health = v->parts.health,
		.last_words = guard_last_words(v->parts.guard),
		.notify_fd = v->notify.fd,
		.on_thread_start = on_thread_start,
		.on_thread_stop = on_thread_stop,
		.context = v,
	};

	v->first = calloc(VRRP_ROUTERS_MAX, sizeof(*v->first));
	if (!v->first)
		return log_fail(-ENOMEM, error, size, "virtual routers: %s", strerror(ENOMEM));
	for (unsigned i = 0; i < v->n; i++) {
		v->first[i] = v->conf[i];
		v->in_force[i] = &v->first[i];
	}
	conf.router = v->first;
	return vrrp_engine_open(&v->engine, &conf, error, size);
}

/* Before the engine starts, so that nothing of a kept router is ever Active. */
static void keep_standby(struct node_vrrp *v)
{
	char name[ROUTER_NAME];

	for (unsigned i = 0; i < v->n; i++) {
		if (!standby_has(v->standby, name_of(v, i, name)))
			continue;
		log_info("vrrp %s: in standby until it is resumed, as before", name);
		vrrp_engine_release(v->engine, i);
	}
}

static int open_peers(struct node_vrrp *v, char *error, size_t size)
{
	int err = 0;

	for (unsigned i = 0; i < v->n && !v->peers && !err; i++)
		if (v->conf[i].unicast)
			err = peers_open(&v->peers, v->parts.loop, v->conf, VRRP_ROUTERS_MAX, on_hops, v);
	return err ? log_fail(err, error, size, "vrrp: peers cannot be followed: %s", strerror(-err)) : 0;
}

static int watch_events(struct node_vrrp *v)
{
	struct loop *loop = v->parts.loop;
	int err;

	v->notify = (struct loop_fd){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .on_ready = on_notify };
	if (v->notify.fd < 0)
		return -errno;
	v->guard_end = (struct loop_fd){ .fd = guard_pidfd(v->parts.guard), .on_ready = on_guard_end };
	err = loop_fd_add(loop, &v->notify, EPOLLIN);
	if (!err)
		err = loop_fd_add(loop, &v->guard_end, EPOLLIN);
	return err ? err : links_open(&v->links, loop, follow_links, v);
}

/* What a crash left. Not before the filter is attached and the control socket ours: then no other daemon lives. */
static int clean_addresses(struct node_vrrp *v, const struct config *config, char *error, size_t size)
{
	for (unsigned i = 0; i < v->n; i++) {
		for (unsigned j = 0; j < v->conf[i].count; j++) {
			const struct addr *address = &v->conf[i].addresses[j];
			char text[ADDR_TEXT_MAX];
			int err = vip_clean(address, v->conf[i].interface);

			if (err == -EADDRINUSE)
				return say_own(config->vrrp[i].where, address, error, size);
			if (err)
				return log_fail(err, error, size, "%s: %s, left by another program, cannot be removed: %s",
					    config->vrrp[i].where, addr_format(address, text, sizeof(text)),
					    strerror(-err));
		}
	}
	return 0;
}

/* The TAP device comes last: of all descriptors it must be the first that the kernel closes. */
static int open_parts(struct node_vrrp *v, const struct config *config, char *error, size_t size)
{
	int err = clean_addresses(v, config, error, size);

	if (err)
		return err;
	err = watch_events(v);
	if (!err)
		err = holds_open(&v->holds, config->control_socket);
	if (err)
		return log_fail(err, error, size, "virtual routers: %s", strerror(-err));
	err = standby_open(&v->standby, config->control_socket);
	if (err)
		return log_fail(err, error, size, "the file of routers in standby: %s", strerror(-err));
	for (unsigned i = 0; i < v->n; i++)
		silence_receive(v->silence, &v->conf[i], v->router[i].seen.ifindex);
	err = open_engine(v, error, size);
	if (!err)
		err = open_peers(v, error, size);
	if (!err)
		err = resign_open(&v->resign, config->control_socket, guard_last_words(v->parts.guard), error, size);
	return err ? err : vip_open(&v->vip, error, size);
}

int node_vrrp_start(struct node_vrrp *v, struct selfcheck *selfcheck, struct tracks *tracks,
		    const struct config *config, char *error, size_t size)
{
	uint64_t now_ns = clock_mono_ns();
	int err = open_parts(v, config, error, size);

	if (err)
		return err;
	v->selfcheck = selfcheck;
	v->tracks = tracks;
	add_conditions(v);
	keep_standby(v);
	err = vrrp_engine_start(v->engine);
	if (err)
		return log_fail(err, error, size, "VRRP thread: %s", strerror(-err));
	v->runs = true;
	follow_links(v);
	v->started_ns = now_ns;
	v->ready.on_due = on_ready;
	v->beat.on_due = on_beat;
	loop_timer_start(v->parts.loop, &v->ready, now_ns);
	loop_timer_start(v->parts.loop, &v->beat, now_ns + BEAT_MS * CLOCK_NS_PER_MS);
	return 0;
}

/* ---- the end ---- */

void node_vrrp_stop(struct node_vrrp *v)
{
	if (!v || !v->runs)
		return;
	loop_timer_stop(v->parts.loop, &v->ready);
	loop_timer_stop(v->parts.loop, &v->beat);
	loop_fd_remove(v->parts.loop, &v->guard_end);	/* it ends with the thread */
	vrrp_engine_stop(v->engine);
	v->runs = false;
	read_transitions(v);
	resign_close(v->resign);
	v->resign = NULL;
	vip_close(v->vip);
	v->vip = NULL;
	for (unsigned i = 0; i < v->n; i++)
		move_groups(v, i, false);
}

void node_vrrp_close(struct node_vrrp *v)
{
	if (!v)
		return;
	links_close(v->links);
	peers_close(v->peers);
	if (v->guard_end.added)
		loop_fd_remove(v->parts.loop, &v->guard_end);
	if (v->notify.added)
		loop_fd_remove(v->parts.loop, &v->notify);
	if (v->vip)
		vip_close(v->vip);
	for (unsigned i = 0; i < v->n; i++)
		move_groups(v, i, false);
	resign_close(v->resign);
	if (v->engine)
		vrrp_engine_close(v->engine);
	for (unsigned i = 0; i < v->n; i++)
		retire(v, i);
	free_replaced(v, true);
	free(v->first);
	holds_close(v->holds);
	standby_close(v->standby);
	silence_close(v->silence);
	if (v->notify.fd >= 0)
		close(v->notify.fd);
	free(v);
}

/* ---- reload, commands, documents ---- */

static bool has_same_addresses(const struct vrrp_conf *conf, const struct config_vrrp *from)
{
	if (conf->count != from->addresses.n)
		return false;
	return memcmp(conf->addresses, from->addresses.item, conf->count * sizeof(conf->addresses[0])) == 0;
}

/* The program for virtual MACs is loaded by the start, if at all. */
static int check_virtual_mac(const struct node_vrrp *v, const struct config_vrrp *from, char *error, size_t size)
{
	if (!from->virtual_mac || v->virtual_macs)
		return 0;
	return log_fail(-EINVAL, error, size, "%s: a first virtual router with virtual_mac = true needs a restart",
			from->where);
}

uint32_t node_vrrp_places(const struct node_vrrp *v)
{
	uint32_t places = v->leaving;

	for (unsigned i = 0; i < v->n; i++)
		places |= (uint32_t)is_used(v, i) << i;
	return places;
}

int node_vrrp_prepare(const struct node_vrrp *v, const struct config *config, struct node_vrrp_plan **result, char *error,
		      size_t size)
{
	struct node_vrrp_plan *plan = calloc(1, sizeof(*plan));
	int err = plan ? 0 : -ENOMEM;

	for (size_t c = 0; c < config->n_vrrp && !err; c++) {
		const struct config_vrrp *from = &config->vrrp[c];
		unsigned i = from->place;
		struct link_state link;

		if (is_used(v, i) && has_same_addresses(&v->conf[i], from))
			continue;
		err = is_used(v, i) ? 0 : check_virtual_mac(v, from, error, size);
		if (!err)
			err = check_router(from, &link, error, size);
		if (err)
			goto err_discard;
		plan->given[i] = calloc(1, sizeof(*plan->given[i]));
		if (!plan->given[i]) {
			err = -ENOMEM;
			break;
		}
		fill_conf(&plan->given[i]->conf, config, from);
		/* where a virtual MAC was not to be had it still is not */
		if (is_used(v, i))
			plan->given[i]->conf.virtual_mac = v->conf[i].virtual_mac;
	}
	if (!err) {
		*result = plan;
		return 0;
	}
	log_fail(err, error, size, "virtual routers: %s", strerror(-err));

err_discard:
	node_vrrp_discard(plan);
	return err;
}

void node_vrrp_discard(struct node_vrrp_plan *plan)
{
	for (unsigned i = 0; plan && i < VRRP_ROUTERS_MAX; i++)
		free(plan->given[i]);
	free(plan);
}

/* The engine reads the ones while it runs, control the others. */
static void set_values(struct vrrp_conf *conf, const struct config_vrrp *from, uint32_t settle_ms)
{
	atomic_store(&conf->priority, (uint8_t)from->priority);
	atomic_store(&conf->preempt, from->preempt);
	atomic_store(&conf->preempt_delay_ms, from->preempt_delay_s * 1000);
	atomic_store(&conf->linger_ms, from->linger_ms);
	atomic_store(&conf->weight_settle_ms, settle_ms);
}

/* conf->count when it is not there. */
static unsigned find_address(const struct vrrp_conf *conf, const struct addr *address)
{
	unsigned j = 0;

	while (j < conf->count && !addr_equal(&conf->addresses[j], address))
		j++;
	return j;
}

static void clean_address(const struct addr *address, const char *interface)
{
	char text[ADDR_TEXT_MAX];

	if (vip_clean(address, interface))
		log_warning("%s: %s, left by another program, cannot be removed", interface,
			    addr_format(address, text, sizeof(text)));
}

/* From here on the kernel's copies, their conditions and the engine follow conf, which the filter and the workers
 * know. */
static void change_addresses(struct node_vrrp *v, unsigned i, struct given *given)
{
	const struct vrrp_conf *conf = &given->conf, old = v->conf[i];
	struct router *router = &v->router[i], before = *router;
	struct groups old_groups = router->groups;
	int err;

	for (unsigned j = 0; j < old.count; j++)
		if (find_address(conf, &old.addresses[j]) == conf->count)
			drop_address(v, i, j);
	v->conf[i] = *conf;
	silence_change_addresses(v->silence, &old, conf, router->seen.ifindex);
	router->groups.fd = -1;		/* the new ones are joined before the old ones are left */
	for (unsigned j = 0; j < conf->count; j++) {
		const struct addr *address = &conf->addresses[j];
		unsigned k = find_address(&old, address);
		bool is_new = k == old.count;

		if (is_new)
			clean_address(address, conf->interface);
		router->present[j] = !is_new && before.present[k];
		router->wrong_ns[j] = is_new ? 0 : before.wrong_ns[k];
		router->address[j] = is_new ? watch_address(v, address) : before.address[k];
	}
	move_groups(v, i, old_groups.fd >= 0);
	groups_follow(&old_groups, conf, false);
	retire(v, i);
	v->in_force[i] = &given->conf;
	err = vrrp_engine_configure(v->engine, i, &given->conf);
	if (err)
		log_error("vrrp " VRRP_NAME ": who asks for the new addresses is not heard: %s", VRRP_NAME_OF(conf),
			  strerror(-err));
}

/* Is the group of the router in standby? */
static bool group_is_released(const struct node_vrrp *v, unsigned i)
{
	for (unsigned j = 0; j < v->n; j++) {
		struct vrrp_status status;

		if (j == i || !is_used(v, j) || is_leaving(v, j) || !v->conf[i].group[0] ||
		    strcmp(v->conf[j].group, v->conf[i].group) != 0)
			continue;
		vrrp_engine_status(v->engine, j, &status);
		return status.released;
	}
	return false;
}

/* Before it has a link, so that one in standby is never Active. */
static void add_router(struct node_vrrp *v, unsigned i, struct given *given)
{
	struct vrrp_conf *conf = &given->conf;
	struct router *router = &v->router[i];
	char error[256], name[ROUTER_NAME];

	link_read(conf->interface, &router->seen);
	for (unsigned j = 0; j < conf->count; j++)
		clean_address(&conf->addresses[j], conf->interface);
	silence_receive(v->silence, conf, router->seen.ifindex);
	if (vrrp_engine_add(v->engine, i, conf, error, sizeof(error))) {
		log_error("vrrp " VRRP_NAME ": not added: %s", VRRP_NAME_OF(conf), error);
		silence_forget(v->silence, conf, router->seen.ifindex);
		free(given);
		return;
	}
	v->conf[i] = *conf;
	v->in_force[i] = conf;
	v->n = i < v->n ? v->n : i + 1;
	if (standby_has(v->standby, name_of(v, i, name)) || group_is_released(v, i))
		vrrp_engine_release(v->engine, i);
	add_router_conditions(v, i);
	place_sysctl_conditions(v);
	log_info("vrrp %s: added", name);
}

/* Its listeners are closing, so there is nothing to linger for. */
static void remove_router(struct node_vrrp *v, unsigned i)
{
	atomic_store(&v->in_force[i]->linger_ms, 0);
	v->leaving |= 1u << i;
	vrrp_engine_remove(v->engine, i);
}

static bool has_place(const struct config *config, unsigned i)
{
	for (size_t c = 0; c < config->n_vrrp; c++)
		if (config->vrrp[c].place == i)
			return true;
	return false;
}

static void change_router(struct node_vrrp *v, const struct config *config, const struct config_vrrp *from,
			  struct given *given)
{
	unsigned i = from->place;

	if (given)
		tell_link_local(&given->conf, from);
	if (given && is_used(v, i))
		change_addresses(v, i, given);
	else if (given)
		add_router(v, i, given);
	if (!is_used(v, i))
		return;
	set_values(&v->conf[i], from, weight_settle_ms(config));
	set_values(v->in_force[i], from, weight_settle_ms(config));
}

void node_vrrp_adopt(struct node_vrrp *v, const struct config *config, struct node_vrrp_plan *plan)
{
	char error[256];

	for (unsigned i = 0; i < v->n; i++)
		if (is_used(v, i) && !is_leaving(v, i) && !has_place(config, i))
			remove_router(v, i);
	adopt_order_and_delays(v, config);
	for (size_t c = 0; c < config->n_vrrp; c++) {
		unsigned i = config->vrrp[c].place;

		change_router(v, config, &config->vrrp[c], plan->given[i]);
		plan->given[i] = NULL;
	}
	node_vrrp_discard(plan);
	if (open_peers(v, error, sizeof(error)))
		log_error("%s", error);
	move_addresses(v);
	follow_links(v);
}

unsigned node_vrrp_count(const struct node_vrrp *v)
{
	return v->n;
}

const struct vrrp_conf *node_vrrp_conf(const struct node_vrrp *v, unsigned router)
{
	return is_used(v, router) ? &v->conf[router] : NULL;
}

int node_vrrp_at(const struct node_vrrp *v, unsigned position)
{
	return position < v->positions ? v->at[position] : -1;
}

void node_vrrp_status(const struct node_vrrp *v, unsigned router, struct vrrp_status *status)
{
	vrrp_engine_status(v->engine, router, status);
}

bool node_vrrp_dead_man(const struct node_vrrp *v, unsigned router)
{
	return silence_is_kept(v->silence, &v->conf[router]);
}

const uint8_t *node_vrrp_peer_mac(const struct node_vrrp *v, unsigned router, unsigned peer)
{
	return v->peers && v->conf[router].unicast ? peers_hops(v->peers, router)->mac[peer] : NULL;
}

const char *node_vrrp_peer_fault(const struct node_vrrp *v, unsigned router, unsigned peer)
{
	return v->peers && v->conf[router].unicast ? peers_fault(v->peers, router, peer) : "";
}

int node_vrrp_guard_pid(const struct node_vrrp *v)
{
	return v->guard_died ? 0 : guard_pid(v->parts.guard);
}

void node_vrrp_counters(const struct node_vrrp *v, uint64_t counts[VMAC_COUNTERS])
{
	silence_counters(v->silence, counts);
}

/* A router and the other members of its group: what is kept of one is kept of all. */
static int keep_group(struct node_vrrp *v, unsigned router, bool on)
{
	const char *group = v->conf[router].group;
	char name[ROUTER_NAME];
	int err = 0;

	for (unsigned i = 0; i < v->n && !err; i++)
		if (i == router || (*group && strcmp(v->conf[i].group, group) == 0))
			err = standby_set(v->standby, name_of(v, i, name), on);
	return err;
}

int node_vrrp_release(struct node_vrrp *v, unsigned router, bool keep)
{
	vrrp_engine_release(v->engine, router);
	return keep ? keep_group(v, router, true) : 0;
}

int node_vrrp_resume(struct node_vrrp *v, unsigned router)
{
	vrrp_engine_resume(v->engine, router);
	return keep_group(v, router, false);
}

bool node_vrrp_is_kept(const struct node_vrrp *v, unsigned router)
{
	char name[ROUTER_NAME];

	return standby_has(v->standby, name_of(v, router, name));
}

void node_vrrp_second(struct node_vrrp *v, unsigned router, const struct vrrp_second *second)
{
	vrrp_engine_second(v->engine, router, second);
}

uint64_t node_vrrp_sent_ns(const struct node_vrrp *v, unsigned router)
{
	return vrrp_engine_sent_ns(v->engine, router);
}
