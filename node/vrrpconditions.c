/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vrrpconditions.c - what may be wrong with a virtual router, as conditions; vrrp.h lists them. Contract in routers.h.
 */
#include "node/routers.h"

#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "node/sysctls.h"
#include "node/vip.h"

enum { PATIENCE_MS = 1000 };		/* for the kernel's address to follow the state */

struct health_condition *routers_watch(struct node_vrrp *v, enum health_kind kind, const char *name)
{
	return health_add(v->parts.health, name, kind, 1, 1, false, v->parts.loop->now_ns);
}

struct health_condition *routers_watch_address(struct node_vrrp *v, const struct addr *address)
{
	char name[HEALTH_NAME_MAX], text[ADDR_TEXT_MAX];

	if (!routers_is_copied(address))
		return NULL;
	snprintf(name, sizeof(name), "address:%s", addr_format(address, text, sizeof(text)));
	return routers_watch(v, HEALTH_NOTICE, name);
}

static bool is_first_on_interface(const struct node_vrrp *v, unsigned i)
{
	for (unsigned j = 0; j < i; j++)
		if (strcmp(v->conf[j].interface, v->conf[i].interface) == 0)
			return false;
	return true;
}

void router_add_conditions(struct node_vrrp *v, unsigned i)
{
	const struct vrrp_conf *conf = &v->conf[i];
	struct router *router = &v->router[i];
	char name[HEALTH_NAME_MAX];

	snprintf(name, sizeof(name), "conflict:" VRRP_NAME, VRRP_NAME_OF(conf));
	router->conflict = routers_watch(v, HEALTH_NOTICE, name);
	if (conf->unicast) {
		snprintf(name, sizeof(name), "peers:" VRRP_NAME, VRRP_NAME_OF(conf));
		router->peers = routers_watch(v, HEALTH_NOTICE, name);
	}
	for (unsigned j = 0; j < conf->count; j++)
		router->address[j] = routers_watch_address(v, &conf->addresses[j]);
}

void routers_place_sysctls(struct node_vrrp *v)
{
	char name[HEALTH_NAME_MAX];

	for (unsigned i = 0; i < v->n; i++) {
		struct router *router = &v->router[i];

		if (!router_is_used(v, i) || router->sysctl || !is_first_on_interface(v, i))
			continue;
		snprintf(name, sizeof(name), "sysctl:%s", v->conf[i].interface);
		router->sysctl = routers_watch(v, HEALTH_NOTICE, name);
	}
}

void routers_drop_condition(struct node_vrrp *v, struct health_condition *condition)
{
	if (condition)
		health_remove(v->parts.health, condition);
}

void routers_judge(struct node_vrrp *v, struct health_condition *condition, bool good, const char *cause,
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

	if (!routers_is_copied(&v->conf[i].addresses[j]))
		return;
	there = vip_has(v->vip, &v->conf[i].addresses[j]);
	router->present[j] = there;
	if (there == wanted)
		router->wrong_ns[j] = 0;
	else if (!router->wrong_ns[j])
		router->wrong_ns[j] = now_ns;
	routers_judge(v, router->address[j],
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
		routers_judge(v, v->router[i].sysctl,
			      sysctls_check(interface, families_on(v, interface), cause, sizeof(cause)), cause, now_ns);
}

static void judge_peers(struct node_vrrp *v, unsigned i, uint64_t now_ns)
{
	const char *fault = "";

	for (unsigned j = 0; j < v->conf[i].n_peers && !fault[0]; j++)
		fault = node_vrrp_peer_fault(v, i, j);
	if (v->router[i].peers)
		routers_judge(v, v->router[i].peers, !fault[0], fault, now_ns);
}

void router_judge(struct node_vrrp *v, unsigned i, uint64_t now_ns)
{
	struct vrrp_status status;

	judge_sysctls(v, i, now_ns);
	vrrp_engine_status(v->engine, i, &status);
	routers_judge(v, v->router[i].conflict, !status.conflict[0], status.conflict, now_ns);
	judge_peers(v, i, now_ns);
	for (unsigned j = 0; j < v->conf[i].count; j++)
		judge_address(v, i, j, routers_wants_copy(&status), now_ns);
}
