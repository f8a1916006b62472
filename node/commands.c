/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * commands.c - the commands of the control socket. Contract in commands.h.
 */
#include "node/commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/capture.h"
#include "node/control.h"
#include "node/document.h"
#include "node/explain.h"
#include "node/listing.h"
#include "node/node.h"
#include "node/reload.h"
#include "node/status.h"

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

static void run_counters(struct node *node, struct control_client *client, const json_t *request)
{
	bool per_worker = json_is_true(json_object_get(request, "per_worker"));

	control_answer(client, status_counters(node, per_worker));
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
	{ "capture", capture_start },
	{ "query", run_query },
	{ "check", run_check },
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
		       "capture query check reload");
}
