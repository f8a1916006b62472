/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vrrpkernel.c - the kernel's copies of the addresses, and the solicited-node groups, follow the state of the routers.
 * Contract in routers.h.
 */
#include "node/routers.h"

#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "node/vip.h"

bool routers_is_copied(const struct addr *address)
{
	return !addr_is_link_local(address);
}

bool routers_wants_copy(const struct vrrp_status *status)
{
	return status->state == VRRP_ACTIVE || status->lingering;
}

void router_move_address(struct node_vrrp *v, unsigned i, unsigned j, bool wanted)
{
	const struct addr *address = &v->conf[i].addresses[j];
	char text[ADDR_TEXT_MAX];
	uint32_t held_back;
	int err;

	if (v->router[i].present[j] == wanted || !routers_is_copied(address))
		return;
	err = wanted ? vip_add(v->vip, address) : vip_remove(v->vip, address);
	if (!err)
		v->router[i].present[j] = wanted;
	else if (log_limit_pass(&v->router[i].move_log, v->parts.loop->now_ns,
				ROUTERS_LOG_MS * (uint64_t)CLOCK_NS_PER_MS, &held_back))
		log_warning("address %s cannot be %s the kernel: %s; trying again",
			    addr_format(address, text, sizeof(text)), wanted ? "given to" : "taken from",
			    strerror(-err));
}

void router_move_groups(struct node_vrrp *v, unsigned i, bool wanted)
{
	struct router *router = &v->router[i];
	int err = groups_follow(&router->groups, &v->conf[i], wanted);
	uint32_t held_back;

	if (err && log_limit_pass(&router->groups_log, v->parts.loop->now_ns,
				  ROUTERS_LOG_MS * (uint64_t)CLOCK_NS_PER_MS, &held_back))
		log_warning("vrrp " VRRP_NAME ": cannot join the solicited-node groups: %s; a switch that snoops may "
			    "keep solicitations away; trying again", VRRP_NAME_OF(&v->conf[i]), strerror(-err));
}

void routers_move_addresses(struct node_vrrp *v)
{
	for (unsigned i = 0; i < v->n; i++) {
		struct vrrp_status status;

		if (!router_is_used(v, i))
			continue;
		vrrp_engine_status(v->engine, i, &status);
		router_move_groups(v, i, status.state == VRRP_ACTIVE);
		for (unsigned j = 0; j < v->conf[i].count; j++)
			router_move_address(v, i, j, routers_wants_copy(&status));
	}
}
