/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hellotext.c - the other node, as text. Contract in hellotext.h.
 */
#include "node/hellotext.h"

#include <inttypes.h>

#include "node/members.h"
#include "node/rows.h"
#include "node/table.h"
#include "node/vrrptext.h"

static const char *peer_state(const json_t *d)
{
	if (!flag_of(d, "alive"))
		return "SILENT";
	return pick(flag_of(d, "paired"), flag_of(d, "faulty") ? "FAULTY" : "there", "OTHER VERSION");
}

static void add_time_since(struct table *t, const json_t *object)
{
	if (json_object_get(object, "heard_ms"))
		table_duration(t, number_of(object, "heard_ms"));
	else
		table_text(t, "never");
}

void hellotext_summary(FILE *out, const json_t *d)
{
	struct table *t = table_new("PEER|VERSION|STATE|SINCE|HEARD AGO|UPTIME|>CLOCK ms|DIFFERS|>QUERIES|>CACHED");
	char text[256];

	rows_add(t, d, "name program");
	table_text(t, peer_state(d));
	table_duration(t, number_of(d, "since_ms"));
	add_time_since(t, d);
	table_duration(t, number_of(d, "uptime_ms"));
	snprintf(text, sizeof(text), "%+" PRId64, (int64_t)json_integer_value(json_object_get(d, "skew_ms")));
	table_text(t, text);
	rows_join(json_object_get(d, "differs"), text, sizeof(text));
	table_text(t, flag_of(d, "compared") ? text : "not compared");
	rows_add(t, d, "#queries #cache_entries");
	table_print(t, out);
}

static void print_counterparts(FILE *out, const json_t *d)
{
	struct table *t = table_new("VIRTUAL ROUTER|HERE|>PRIORITY|THERE|>PRIORITY|>EFFECTIVE|GROUP|HELD|>HOLDS|"
				    "OWN VIRTUAL MAC");
	const json_t *router;
	char name[64];
	size_t i;

	json_array_foreach(json_object_get(d, "routers"), i, router) {
		const json_t *own = json_object_get(router, "own"), *peer = json_object_get(router, "peer");

		table_text(t, vrrptext_name(router, name, sizeof(name)));
		rows_add(t, own, "state #effective_priority");
		table_text(t, json_is_object(peer) ? text_of(peer, "state") : "unknown");
		rows_add(t, peer, "#priority #effective_priority group");
		rows_add(t, router, "held?YES:no #holds own_virtual_mac");
	}
	table_print(t, out);
}

/* All that was rejected, by its reasons: "3 forged, 1 replay". */
static const char *join_rejected(const json_t *rejected, char *text, size_t size)
{
	const char *reason;
	json_t *count;
	size_t at = 0;

	text[0] = '\0';
	json_object_foreach((json_t *)rejected, reason, count)
		if (at < size && json_integer_value(count))
			at += (size_t)snprintf(text + at, size - at, "%s%" JSON_INTEGER_FORMAT " %s", at ? ", " : "",
					       json_integer_value(count), reason);
	return text;
}

static void print_paths(FILE *out, const json_t *d)
{
	struct table *t = table_new("PATH|PEER|INTERFACE|STATE|HEARD AGO|>SENT|>ERRORS|>ACCEPTED|>STARTS|REJECTED");
	const json_t *path;
	char text[256];
	size_t i;

	json_array_foreach(json_object_get(d, "paths"), i, path) {
		const char *trouble = text_of(path, "trouble");

		rows_add(t, path, "path peer interface");
		table_text(t, *trouble ? trouble : pick(flag_of(path, "alive"), "there", "SILENT"));
		add_time_since(t, path);
		rows_add(t, path, "#sent #send_errors #accepted #sessions");
		table_text(t, join_rejected(json_object_get(path, "rejected"), text, sizeof(text)));
	}
	table_print(t, out);
}

static void print_conditions(FILE *out, const json_t *d)
{
	const json_t *conditions = json_object_get(d, "conditions");

	rows_print(out, "FAILED THERE|KIND", conditions, "name kind");
	if (number_of(d, "failed") > json_array_size(conditions))
		fprintf(out, "%" PRIu64 " in all\n", number_of(d, "failed"));
}

void hellotext_peer(FILE *out, const json_t *d)
{
	if (!flag_of(d, "configured")) {
		fputs("this node has no peer in its configuration\n", out);
		return;
	}
	hellotext_summary(out, d);
	fputc('\n', out);
	print_counterparts(out, d);
	fputc('\n', out);
	print_paths(out, d);
	if (!number_of(d, "failed"))
		return;
	fputc('\n', out);
	print_conditions(out, d);
}
