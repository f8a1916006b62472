/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vrrpreload.c - what a reload brings to the virtual routers, and what it takes: routers, and addresses of those that
 * stay. Contract in vrrp.h and routers.h.
 */
#include "node/routers.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "node/config.h"
#include "node/peers.h"
#include "node/silence.h"
#include "node/standby.h"
#include "node/vip.h"

/* What a reload brings, by places; NULL: there is no router, or it keeps its addresses. */
struct node_vrrp_plan {
	struct given *given[VRRP_ROUTERS_MAX];
};

/* ---- what goes ---- */

void router_retire(struct node_vrrp *v, unsigned i)
{
	struct given *given = (struct given *)v->in_force[i];

	if (!v->in_force[i] || v->in_force[i] == &v->first[i])
		return;
	given->router = i;
	given->next = v->replaced;
	v->replaced = given;
}

void routers_free_replaced(struct node_vrrp *v, bool all)
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

static void drop_address(struct node_vrrp *v, unsigned i, unsigned j)
{
	router_move_address(v, i, j, false);
	routers_drop_condition(v, v->router[i].address[j]);
}

void router_forget(struct node_vrrp *v, unsigned i)
{
	struct vrrp_conf *conf = &v->conf[i];
	struct router *router = &v->router[i];
	char name[VRRP_NAME_MAX];

	for (unsigned j = 0; j < conf->count; j++)
		drop_address(v, i, j);
	router_move_groups(v, i, false);
	routers_drop_condition(v, router->conflict);
	routers_drop_condition(v, router->peers);
	routers_drop_condition(v, router->sysctl);
	silence_forget(v->silence, conf, router->seen.ifindex);
	if (v->peers)
		peers_forget(v->peers, i);
	if (standby_has(v->standby, router_name(v, i, name)) && standby_set(v->standby, name, false))
		log_warning("vrrp %s: its standby stays written down", name);
	log_info("vrrp %s: taken out", name);
	vrrp_engine_forget(v->engine, i);
	router_retire(v, i);
	v->in_force[i] = NULL;
	v->leaving &= ~(1u << i);
	v->start_delay_s[i] = v->link_up_delay_s[i] = 0;
	memset(conf, 0, sizeof(*conf));
	*router = (struct router){ .groups.fd = -1 };
	while (v->n && !router_is_used(v, v->n - 1))
		v->n--;
	routers_place_sysctls(v);
}

/* ---- first phase: what it brings ---- */

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
		places |= (uint32_t)router_is_used(v, i) << i;
	return places;
}

int node_vrrp_prepare(const struct node_vrrp *v, const struct config *config, struct node_vrrp_plan **result,
		      char *error, size_t size)
{
	struct node_vrrp_plan *plan = calloc(1, sizeof(*plan));
	int err = plan ? 0 : -ENOMEM;

	for (size_t c = 0; c < config->n_vrrp && !err; c++) {
		const struct config_vrrp *from = &config->vrrp[c];
		unsigned i = from->place;
		struct link_state link;

		if (router_is_used(v, i) && has_same_addresses(&v->conf[i], from))
			continue;
		err = router_is_used(v, i) ? 0 : check_virtual_mac(v, from, error, size);
		if (!err)
			err = router_check(from, &link, error, size);
		if (err)
			goto err_discard;
		plan->given[i] = calloc(1, sizeof(*plan->given[i]));
		if (!plan->given[i]) {
			err = -ENOMEM;
			break;
		}
		router_fill_conf(&plan->given[i]->conf, config, from);
		/* where a virtual MAC was not to be had it still is not */
		if (router_is_used(v, i))
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

/* ---- second phase: it is brought ---- */

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
		router->address[j] = is_new ? routers_watch_address(v, address) : before.address[k];
	}
	router_move_groups(v, i, old_groups.fd >= 0);
	groups_follow(&old_groups, conf, false);
	router_retire(v, i);
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

		if (j == i || !router_is_used(v, j) || router_is_leaving(v, j) || !v->conf[i].group[0] ||
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
	char error[256], name[VRRP_NAME_MAX];

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
	if (standby_has(v->standby, router_name(v, i, name)) || group_is_released(v, i))
		vrrp_engine_release(v->engine, i);
	router_add_conditions(v, i);
	routers_place_sysctls(v);
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

void routers_adopt_order(struct node_vrrp *v, const struct config *config)
{
	v->positions = (unsigned)config->n_vrrp;
	for (size_t i = 0; i < config->n_vrrp; i++) {
		const struct config_vrrp *from = &config->vrrp[i];

		v->at[i] = from->place;
		v->start_delay_s[from->place] = from->start_delay_s;
		v->link_up_delay_s[from->place] = from->link_up_delay_s;
	}
}

static void change_router(struct node_vrrp *v, const struct config *config, const struct config_vrrp *from,
			  struct given *given)
{
	unsigned i = from->place;

	if (given)
		router_tell_link_local(&given->conf, from);
	if (given && router_is_used(v, i))
		change_addresses(v, i, given);
	else if (given)
		add_router(v, i, given);
	if (!router_is_used(v, i))
		return;
	set_values(&v->conf[i], from, router_settle_ms(config));
	set_values(v->in_force[i], from, router_settle_ms(config));
}

void node_vrrp_adopt(struct node_vrrp *v, const struct config *config, struct node_vrrp_plan *plan)
{
	char error[256];

	for (unsigned i = 0; i < v->n; i++)
		if (router_is_used(v, i) && !router_is_leaving(v, i) && !has_place(config, i))
			remove_router(v, i);
	routers_adopt_order(v, config);
	for (size_t c = 0; c < config->n_vrrp; c++) {
		unsigned i = config->vrrp[c].place;

		change_router(v, config, &config->vrrp[c], plan->given[i]);
		plan->given[i] = NULL;
	}
	node_vrrp_discard(plan);
	if (routers_open_peers(v, error, sizeof(error)))
		log_error("%s", error);
	routers_move_addresses(v);
	routers_follow_links(v);
}
