/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync.c - sync groups. Contract in sync.h.
 */
#include "vrrp/sync.h"

#include <stdio.h>

static bool goes_before(const struct vrrp_router *a, const struct vrrp_router *b)
{
	if (a->conf->vrid != b->conf->vrid)
		return a->conf->vrid < b->conf->vrid;
	return !vrrp_is_ipv6(a->conf) && vrrp_is_ipv6(b->conf);
}

void vrrp_sync_join(struct vrrp_sync *sync, struct vrrp_router *router)
{
	unsigned at = sync->n++;

	for (; at && goes_before(router, sync->member[at - 1]); at--)
		sync->member[at] = sync->member[at - 1];
	sync->member[at] = router;
	router->sync = sync;
}

bool vrrp_sync_fits(const struct vrrp_sync *sync, const struct vrrp_router *router)
{
	for (unsigned i = 0; i < sync->n; i++) {
		if (sync->member[i]->state != router->state)
			return false;
	}
	return true;
}

bool vrrp_sync_loses_tie(const struct vrrp_sync *sync, const struct vrrp_router *router, const struct addr *source)
{
	for (unsigned i = 0; i < sync->n && sync->member[i] != router; i++) {
		const struct vrrp_router *first = sync->member[i];

		if (first->peer.heard_ns)
			return addr_compare(&first->peer.address, &first->source) > 0;
	}
	return addr_compare(source, &router->source) > 0;
}

/* leaver is Active no more, or could not become it. */
static void give_up(struct vrrp_sync *sync, const struct vrrp_router *leaver, enum vrrp_event event, uint64_t now_ns)
{
	char cause[sizeof(leaver->cause)];

	if (event == VRRP_EV_GROUP_FAILED && leaver->refused)
		snprintf(cause, sizeof(cause), VRRP_NAME " of the group cannot advertise", VRRP_NAME_OF(leaver->conf));
	else
		snprintf(cause, sizeof(cause), VRRP_NAME " of the group: %.90s", VRRP_NAME_OF(leaver->conf),
			 leaver->cause);
	for (unsigned i = 0; i < sync->n; i++) {
		if (sync->member[i]->state == VRRP_ACTIVE)
			vrrp_router_event(sync->member[i], event, cause, now_ns);
	}
}

/* Whose advertisement was refused the last time goes first, so that one that cannot speak does not make the others come
 * and go. */
static void take(struct vrrp_sync *sync, uint64_t now_ns)
{
	unsigned first = 0;

	for (unsigned i = 0; i < sync->n; i++) {
		if (sync->member[i]->refused)
			first = i;
	}
	for (unsigned i = 0; i < sync->n; i++) {
		struct vrrp_router *member = sync->member[(first + i) % sync->n];

		vrrp_router_take(member, now_ns);
		if (member->state != VRRP_ACTIVE) {
			give_up(sync, member, VRRP_EV_GROUP_FAILED, now_ns);
			return;
		}
	}
}

void vrrp_sync_settle(struct vrrp_sync *sync, uint64_t now_ns)
{
	const struct vrrp_router *other = NULL;
	unsigned active = 0, silent = 0;

	for (unsigned i = 0; i < sync->n; i++) {
		const struct vrrp_router *member = sync->member[i];

		active += member->state == VRRP_ACTIVE;
		silent += member->silent;
		if (member->state != VRRP_ACTIVE)
			other = member;
	}
	if (active && other)
		give_up(sync, other, other->left_by == VRRP_EV_PEER_BETTER ? VRRP_EV_GROUP_LOST : VRRP_EV_GROUP_FAILED,
			now_ns);
	else if (silent == sync->n)
		take(sync, now_ns);
}
