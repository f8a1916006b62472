/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * commands.c - the commands of the control socket. Contract in commands.h.
 */
#include "node/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/cachectl.h"
#include "node/capture.h"
#include "node/clients.h"
#include "node/control.h"
#include "node/document.h"
#include "node/explain.h"
#include "node/hellostatus.h"
#include "node/listing.h"
#include "node/node.h"
#include "node/reload.h"
#include "node/status.h"
#include "node/vrrp.h"
#include "node/vrrpstatus.h"

static void run_ping(struct node *node, struct control_client *client, const json_t *request)
{
	json_t *answer = json_object();

	(void)node;
	(void)request;
	document_text(answer, "version", TANDEM_VERSION);
	control_answer(client, answer);
}

static void run_status(struct node *node, struct control_client *client, const json_t *request)
{
	(void)request;
	control_answer(client, status_node(node));
}

static void run_pools(struct node *node, struct control_client *client, const json_t *request)
{
	(void)request;
	control_answer(client, status_pools(node));
}

static void run_servers(struct node *node, struct control_client *client, const json_t *request)
{
	(void)request;
	control_answer(client, status_servers(node));
}

static void run_check(struct node *node, struct control_client *client, const json_t *request)
{
	(void)request;
	control_answer(client, status_check(node));
}

static void run_peer(struct node *node, struct control_client *client, const json_t *request)
{
	(void)request;
	control_answer(client, hellostatus_peer(node));
}

static void run_counters(struct node *node, struct control_client *client, const json_t *request)
{
	bool per_worker = json_is_true(json_object_get(request, "per_worker"));
	bool metrics = json_is_true(json_object_get(request, "metrics"));

	control_answer(client, metrics ? status_metrics(node) : status_counters(node, per_worker));
}

static void run_query(struct node *node, struct control_client *client, const json_t *request)
{
	char error[512];
	json_t *answer = explain_query(node, request, error, sizeof(error));

	if (answer)
		control_answer(client, answer);
	else
		control_refuse(client, "%s", error);
}

/* ---- virtual routers ---- */

static void run_history(struct node *node, struct control_client *client, const json_t *request)
{
	json_int_t count = json_integer_value(json_object_get(request, "count"));

	control_answer(client, vrrpstatus_history(node, count > 0 && count < VRRP_HISTORY ? (unsigned)count
											   : VRRP_HISTORY));
}

/* A member of a group stands for all of it. */
static bool is_ordered(const struct node *node, const struct vrrp_conf *conf, const char *wanted)
{
	for (unsigned i = 0; i < node_vrrp_count(node->vrrp); i++) {
		const struct vrrp_conf *other = node_vrrp_conf(node->vrrp, i);

		if (vrrpstatus_is_called(other, wanted) &&
		    (other == conf || (conf->group[0] && !strcmp(conf->group, other->group))))
			return true;
	}
	return false;
}

struct order {
	const char *action, *router;	/* router NULL = all */
	bool keep;
};

/* Gives the order; returns the names of those that got it. *err: what writing it down failed with. */
static json_t *order_routers(struct node *node, const struct order *order, int *err)
{
	bool is_release = strcmp(order->action, "release") == 0;
	json_t *names = json_array();

	for (unsigned i = 0; node->vrrp && i < node_vrrp_count(node->vrrp); i++) {
		const struct vrrp_conf *conf = node_vrrp_conf(node->vrrp, i);
		int failed;

		if (!conf || !is_ordered(node, conf, order->router))
			continue;
		failed = is_release ? node_vrrp_release(node->vrrp, i, order->keep) : node_vrrp_resume(node->vrrp, i);
		if (failed)
			*err = failed;
		json_array_append_new(names, json_sprintf(VRRP_NAME, VRRP_NAME_OF(conf)));
	}
	return names;
}

static void run_order(struct node *node, struct control_client *client, const struct order *order)
{
	json_t *names;
	int err = 0;

	if (strcmp(order->action, "release") != 0 && strcmp(order->action, "resume") != 0) {
		control_refuse(client, "action: must be \"release\" or \"resume\"");
		return;
	}
	names = order_routers(node, order, &err);
	if (json_array_size(names) && !err) {
		log_info("vrrp: %s by command%s", order->action, order->keep ? ", to last over restarts" : "");
		control_answer(client, json_pack("{s:s, s:b, s:o}", "action", order->action, "kept", order->keep,
						 "routers", names));
		return;
	}
	if (err)
		control_refuse(client, "done, but the file that is read at the next start cannot be changed: %s",
			       strerror(-err));
	else if (order->router)
		control_refuse(client, "there is no virtual router or group %s", order->router);
	else
		control_refuse(client, "this node has no virtual routers");
	json_decref(names);
}

static void show_routers(struct node *node, struct control_client *client, const char *name)
{
	json_t *document = vrrpstatus_routers(node, name);

	json_object_set_new(document, "details", json_boolean(name));
	if (!name || json_array_size(json_object_get(document, "routers"))) {
		control_answer(client, document);
		return;
	}
	json_decref(document);
	control_refuse(client, "there is no virtual router or group %.64s", name);
}

static void run_vrrp(struct node *node, struct control_client *client, const json_t *request)
{
	const struct order order = {
		.action = json_string_value(json_object_get(request, "action")),
		.router = json_string_value(json_object_get(request, "router")),
		.keep = json_is_true(json_object_get(request, "keep")),
	};

	if (!order.action)
		show_routers(node, client, order.router);
	else if (strcmp(order.action, "history") == 0)
		run_history(node, client, request);
	else
		run_order(node, client, &order);
}

/* ---- reload: answered when it is done ---- */

struct waiting {
	struct node *node;
	uint64_t ticket;
};

static void on_reloaded(void *context, const char *error)
{
	struct waiting *w = context;
	struct control_client *client = control_redeem(w->node->control, w->ticket);
	json_t *answer;

	if (client && error) {
		control_refuse(client, "nothing has changed: %s", error);
	} else if (client) {
		answer = json_object();
		document_count(answer, "generation", node_conf(w->node)->generation);
		control_answer(client, answer);
	}
	free(w);
}

static void run_reload(struct node *node, struct control_client *client, const json_t *request)
{
	struct waiting *w = malloc(sizeof(*w));
	int err = -ENOMEM;

	(void)request;
	if (w) {
		*w = (struct waiting){ node, control_ticket(client) };
		err = reload_start(node->reload, on_reloaded, w);
	}
	if (!err)
		return;
	free(w);
	control_refuse(client, "%s", err == -EBUSY ? "another reload is under way" : strerror(-err));
}

static const struct {
	const char *name;
	void (*run)(struct node *node, struct control_client *client, const json_t *request);
} commands[] = {
	{ "ping", run_ping },
	{ "status", run_status },
	{ "pools", run_pools },
	{ "servers", run_servers },
	{ "routes", listing_start },
	{ "counters", run_counters },
	{ "cache", cachectl_run },
	{ "capture", capture_start },
	{ "clients", clients_run },
	{ "query", run_query },
	{ "check", run_check },
	{ "vrrp", run_vrrp },
	{ "history", run_history },
	{ "peer", run_peer },
	{ "reload", run_reload },
};

void commands_run(void *context, struct control_client *client, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "command"));

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(name, commands[i].name) == 0) {
			commands[i].run(context, client, request);
			return;
		}
	}
	control_refuse(client, "unknown command; known: ping status pools servers routes counters "
		       "cache capture clients query check vrrp history peer reload");
}
