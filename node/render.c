/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * render.c - documents to tables. Contract in render.h; the documents are made in status.c, explain.c, listing.c.
 */
#include "node/render.h"

#include <inttypes.h>
#include <string.h>

#include "node/members.h"
#include "node/table.h"
#include "node/vrrptext.h"

/* ---- virtual routers ---- */

static const char *join_addresses(const json_t *router, char *text, size_t size)
{
	const json_t *address;
	size_t i, at = 0;

	text[0] = '\0';
	json_array_foreach(json_object_get(router, "addresses"), i, address)
		if (at < size && json_is_string(address))
			at += (size_t)snprintf(text + at, size - at, "%s%s", i ? " " : "", json_string_value(address));
	return text;
}

/* VIRTUAL ROUTER|ADDRESS|STATE|SINCE */
static void add_router(struct table *t, const json_t *router)
{
	char text[512];

	table_text(t, vrrptext_name(router, text, sizeof(text)));
	table_text(t, join_addresses(router, text, sizeof(text)));
	snprintf(text, sizeof(text), "%s%s", text_of(router, "state"),
		 flag_of(router, "lingering") ? ", lingering" : flag_of(router, "released") ? ", released" : "");
	table_text(t, text);
	table_duration(t, number_of(router, "since_ms"));
}

/* Why it is not in the election. */
static const char *missing_of(const json_t *router)
{
	if (flag_of(router, "released"))
		return flag_of(router, "kept") ? "standby until resume, over restarts" : "standby until resume";
	return text_of(router, "missing");
}

static void render_routers(FILE *out, const json_t *routers)
{
	struct table *t = table_new("VIRTUAL ROUTER|ADDRESS|STATE|SINCE|GROUP|>PRIORITY|>EFFECTIVE|WHY|MISSING|CAUSE");
	const json_t *router;
	char why[512];
	size_t i;

	json_array_foreach(routers, i, router) {
		add_router(t, router);
		table_text(t, text_of(router, "group"));
		table_number(t, number_of(router, "priority"));
		table_number(t, number_of(router, "effective_priority"));
		if (flag_of(router, "holding") && !text_of(router, "why")[0])
			snprintf(why, sizeof(why), "no preemption for %" PRIu64 " s",
				 (number_of(router, "preempt_in_ms") + 999) / 1000);
		else
			snprintf(why, sizeof(why), "%s", text_of(router, "why"));
		table_text(t, why);
		table_text(t, missing_of(router));
		table_text(t, text_of(router, "cause"));
	}
	table_print(t, out);
}

/* Why a unicast peer is not reached; "" when all are. */
static const char *peer_fault_of(const json_t *router)
{
	const json_t *peer;
	size_t i;

	json_array_foreach(json_object_get(router, "peers"), i, peer)
		if (text_of(peer, "fault")[0])
			return text_of(peer, "fault");
	return "";
}

/* All that is odd about a virtual router's peers, the worst first. */
static const char *remark_of(const json_t *router, char *text, size_t size)
{
	const json_t *peer = json_object_get(router, "peer");
	const char *const remarks[] = {
		text_of(router, "owners"),
		text_of(router, "conflict"),
		flag_of(router, "group_waits") ? "silent here, heard in the group" : "",
		peer_fault_of(router),
		flag_of(peer, "addresses_differ") ? "peer disagrees on the addresses" : "",
		flag_of(peer, "priority_equal") ? "both have the same priority" : "",
		flag_of(peer, "interval_differs") ? "peer has another interval" : "",
		text_of(router, "stranger"),
	};
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(remarks) / sizeof(remarks[0]) && at < size; i++)
		if (remarks[i][0])
			at += (size_t)snprintf(text + at, size - at, "%s%s", at ? "; " : "", remarks[i]);
	return text;
}

static void render_peers(FILE *out, const json_t *routers)
{
	struct table *t = table_new("VIRTUAL ROUTER|PEER|>PRIORITY|>INTERVAL cs|CHECKSUM|LAST HEARD|>HEARD|>MISSED|"
				    ">TWO ACTIVES|REMARK");
	const json_t *router;
	char name[64], remark[512];
	size_t i;

	json_array_foreach(routers, i, router) {
		const json_t *peer = json_object_get(router, "peer"), *counters = json_object_get(router, "counters");

		table_text(t, vrrptext_name(router, name, sizeof(name)));
		table_text(t, text_of(peer, "address"));
		table_number(t, number_of(peer, "priority"));
		table_number(t, number_of(peer, "interval_cs"));
		table_text(t, text_of(peer, "checksum"));
		table_duration(t, number_of(peer, "heard_ms"));
		table_number(t, number_of(counters, "heard"));
		table_number(t, number_of(counters, "missed"));
		table_number(t, number_of(counters, "two_actives"));
		table_text(t, remark_of(router, remark, sizeof(remark)));
	}
	table_print(t, out);
}

/* The answer to release and resume names the routers only. */
static void render_order(FILE *out, const json_t *d)
{
	struct table *t = table_new("VIRTUAL ROUTER|ORDER");
	const json_t *name;
	size_t i;

	json_array_foreach(json_object_get(d, "routers"), i, name) {
		table_text(t, json_is_string(name) ? json_string_value(name) : "");
		table_text(t, text_of(d, "action"));
	}
	table_print(t, out);
}


static void render_history(FILE *out, const json_t *d)
{
	struct table *t = table_new("TIME|VIRTUAL ROUTER|FROM|TO|EVENT|CAUSE|BECAUSE");
	const json_t *event;
	char name[64];
	size_t i;

	json_array_foreach(json_object_get(d, "transitions"), i, event) {
		table_text(t, text_of(event, "time"));
		table_text(t, vrrptext_name(event, name, sizeof(name)));
		table_text(t, text_of(event, "from"));
		table_text(t, text_of(event, "to"));
		table_text(t, text_of(event, "event"));
		table_text(t, text_of(event, "cause"));
		table_text(t, text_of(event, "because"));
	}
	table_print(t, out);
}

static void render_pages(FILE *out, const json_t *routers)
{
	const json_t *router;
	char remark[320], addresses[512];
	size_t i;

	json_array_foreach(routers, i, router) {
		if (i)
			fputc('\n', out);
		vrrptext_page(out, router, join_addresses(router, addresses, sizeof(addresses)),
			      remark_of(router, remark, sizeof(remark)));
	}
}

static void render_vrrp(FILE *out, const json_t *d)
{
	const json_t *routers = json_object_get(d, "routers");

	if (json_object_get(d, "action")) {
		render_order(out, d);
	} else if (json_object_get(d, "transitions")) {
		render_history(out, d);
	} else if (flag_of(d, "details")) {
		render_pages(out, routers);
	} else {
		render_routers(out, routers);
		fputc('\n', out);
		render_peers(out, routers);
		fputc('\n', out);
		vrrptext_work(out, routers);
	}
}

/* ---- the other node ---- */

static const char *join_texts(const json_t *list, char *text, size_t size)
{
	const json_t *item;
	size_t i, at = 0;

	text[0] = '\0';
	json_array_foreach(list, i, item)
		if (at < size && json_is_string(item))
			at += (size_t)snprintf(text + at, size - at, "%s%s", i ? " " : "", json_string_value(item));
	return text;
}

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

/* The line that "status" has, too. */
static void render_peer_summary(FILE *out, const json_t *d)
{
	struct table *t = table_new("PEER|VERSION|STATE|SINCE|HEARD AGO|UPTIME|>CLOCK ms|DIFFERS|>QUERIES|>CACHED");
	char text[256];

	table_text(t, text_of(d, "name"));
	table_text(t, text_of(d, "program"));
	table_text(t, peer_state(d));
	table_duration(t, number_of(d, "since_ms"));
	add_time_since(t, d);
	table_duration(t, number_of(d, "uptime_ms"));
	snprintf(text, sizeof(text), "%+" PRId64, (int64_t)json_integer_value(json_object_get(d, "skew_ms")));
	table_text(t, text);
	join_texts(json_object_get(d, "differs"), text, sizeof(text));
	table_text(t, flag_of(d, "compared") ? text : "not compared");
	table_number(t, number_of(d, "queries"));
	table_number(t, number_of(d, "cache_entries"));
	table_print(t, out);
}

static void render_counterparts(FILE *out, const json_t *d)
{
	struct table *t = table_new("VIRTUAL ROUTER|HERE|>PRIORITY|THERE|>PRIORITY|>EFFECTIVE|GROUP|HELD|>HOLDS|"
				    "OWN VIRTUAL MAC");
	const json_t *router;
	char name[64];
	size_t i;

	json_array_foreach(json_object_get(d, "routers"), i, router) {
		const json_t *own = json_object_get(router, "own"), *peer = json_object_get(router, "peer");

		table_text(t, vrrptext_name(router, name, sizeof(name)));
		table_text(t, text_of(own, "state"));
		table_number(t, number_of(own, "effective_priority"));
		table_text(t, json_is_object(peer) ? text_of(peer, "state") : "unknown");
		table_number(t, number_of(peer, "priority"));
		table_number(t, number_of(peer, "effective_priority"));
		table_text(t, text_of(peer, "group"));
		table_text(t, pick(flag_of(router, "held"), "YES", "no"));
		table_number(t, number_of(router, "holds"));
		table_text(t, text_of(router, "own_virtual_mac"));
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

static void render_paths(FILE *out, const json_t *d)
{
	struct table *t = table_new("PATH|PEER|INTERFACE|STATE|HEARD AGO|>SENT|>ERRORS|>ACCEPTED|>STARTS|REJECTED");
	const json_t *path;
	char text[256];
	size_t i;

	json_array_foreach(json_object_get(d, "paths"), i, path) {
		const char *trouble = text_of(path, "trouble");

		table_text(t, text_of(path, "path"));
		table_text(t, text_of(path, "peer"));
		table_text(t, text_of(path, "interface"));
		table_text(t, *trouble ? trouble : pick(flag_of(path, "alive"), "there", "SILENT"));
		add_time_since(t, path);
		table_number(t, number_of(path, "sent"));
		table_number(t, number_of(path, "send_errors"));
		table_number(t, number_of(path, "accepted"));
		table_number(t, number_of(path, "sessions"));
		table_text(t, join_rejected(json_object_get(path, "rejected"), text, sizeof(text)));
	}
	table_print(t, out);
}

static void render_peer_conditions(FILE *out, const json_t *d)
{
	struct table *t = table_new("FAILED THERE|KIND");
	const json_t *condition;
	size_t i;

	json_array_foreach(json_object_get(d, "conditions"), i, condition) {
		table_text(t, text_of(condition, "name"));
		table_text(t, text_of(condition, "kind"));
	}
	table_print(t, out);
	if (number_of(d, "failed") > json_array_size(json_object_get(d, "conditions")))
		fprintf(out, "%" PRIu64 " in all\n", number_of(d, "failed"));
}

static void render_peer(FILE *out, const json_t *d)
{
	if (!flag_of(d, "configured")) {
		fputs("this node has no peer in its configuration\n", out);
		return;
	}
	render_peer_summary(out, d);
	fputc('\n', out);
	render_counterparts(out, d);
	fputc('\n', out);
	render_paths(out, d);
	if (!number_of(d, "failed"))
		return;
	fputc('\n', out);
	render_peer_conditions(out, d);
}

/* ---- status ---- */

static void render_summary(FILE *out, const json_t *d)
{
	struct table *t = table_new("NODE|VERSION|STATE|IO|UPTIME|>GENERATION|>QUERIES|>IN FLIGHT|>UNACCOUNTED|"
				    ">TCP|>LOG LOST");

	table_text(t, text_of(d, "node"));
	table_text(t, text_of(d, "version"));
	table_text(t, pick(flag_of(d, "good"), "good", "NOT GOOD"));
	table_text(t, text_of(d, "io"));
	table_duration(t, number_of(d, "uptime_ms"));
	table_number(t, number_of(d, "generation"));
	table_number(t, number_of(d, "queries"));
	table_number(t, number_of(d, "inflight"));
	char unaccounted[24];

	snprintf(unaccounted, sizeof(unaccounted), "%" PRId64,
		 (int64_t)json_integer_value(json_object_get(d, "unaccounted")));
	table_text(t, unaccounted);
	table_number(t, number_of(d, "tcp_connections"));
	table_number(t, number_of(d, "log_lines_lost"));
	table_print(t, out);
}

static void render_listen(FILE *out, const json_t *d)
{
	struct table *t = table_new("LISTEN");
	const json_t *address;
	size_t i;

	json_array_foreach(json_object_get(d, "listen"), i, address)
		table_text(t, json_string_value(address));
	fputc('\n', out);
	table_print(t, out);
}

static void render_ports(FILE *out, const json_t *d)
{
	const json_t *ports = json_object_get(d, "ports"), *port;
	struct table *t;
	size_t i;

	if (!json_array_size(ports))
		return;
	t = table_new("PORT|SIDE|FILTER|WANTED|MEMORY|>QUEUES|>RING|>FRAME|>BUSY POLL us|>VLAN|>MTU|CARRIER|MAC");
	json_array_foreach(ports, i, port) {
		table_text(t, text_of(port, "name"));
		table_text(t, text_of(port, "side"));
		table_text(t, text_of(port, "mode"));
		table_text(t, text_of(port, "mode_wanted"));
		table_text(t, pick(flag_of(port, "zero_copy"), "zero-copy", "copy"));
		table_number(t, number_of(port, "queues"));
		table_number(t, number_of(port, "ring_size"));
		table_number(t, number_of(port, "frame_size"));
		table_number(t, number_of(port, "busy_poll_us"));
		table_number(t, number_of(port, "vlan"));
		table_number(t, number_of(port, "mtu"));
		table_text(t, pick(flag_of(port, "carrier"), "yes", "NO"));
		table_text(t, text_of(port, "mac"));
	}
	fputc('\n', out);
	table_print(t, out);
}

static void render_vrrp_summary(FILE *out, const json_t *d)
{
	const json_t *vrrp = json_object_get(d, "vrrp"), *router;
	struct table *t;
	size_t i;

	if (!vrrp)
		return;
	t = table_new("VIRTUAL ROUTER|ADDRESS|STATE|SINCE|>PRIORITY|MISSING|CAUSE");
	json_array_foreach(json_object_get(vrrp, "routers"), i, router) {
		add_router(t, router);
		table_number(t, number_of(router, "effective_priority"));
		table_text(t, missing_of(router));
		table_text(t, text_of(router, "cause"));
	}
	fputc('\n', out);
	table_print(t, out);
	if (number_of(vrrp, "guard_pid"))
		fprintf(out, "guard %" PRIu64, number_of(vrrp, "guard_pid"));
	else
		fputs("guard DEAD", out);
	fprintf(out, ", dead-man %s, real-time %s, memory locked %s\n", pick(flag_of(vrrp, "dead_man"), "yes", "NO"),
		pick(flag_of(vrrp, "realtime"), "yes", "NO"), pick(flag_of(vrrp, "memory_locked"), "yes", "NO"));
}

/* "fault", "weight 60" */
static const char *effect_of(const json_t *track, char *text, size_t size)
{
	if (number_of(track, "weight"))
		snprintf(text, size, "%s %" PRIu64, text_of(track, "effect"), number_of(track, "weight"));
	else
		snprintf(text, size, "%s", text_of(track, "effect"));
	return text;
}

static const char *track_state(const json_t *track)
{
	if (flag_of(track, "unknown"))
		return pick(flag_of(track, "failed"), "unknown, was FAILED", "unknown");
	return pick(flag_of(track, "failed"), "FAILED", "good");
}

static void render_tracks(FILE *out, const json_t *d)
{
	const json_t *tracks = json_object_get(d, "tracks"), *track;
	struct table *t;
	char effect[32];
	size_t i;

	if (!json_array_size(tracks))
		return;
	t = table_new("TRACKED|TYPE|WHAT|EFFECT|STATE|SINCE|>CHECKS|>BAD|LAST RESULT|OUTPUT|NEXT IN");
	json_array_foreach(tracks, i, track) {
		table_text(t, text_of(track, "name"));
		table_text(t, text_of(track, "type"));
		table_text(t, text_of(track, "target"));
		table_text(t, effect_of(track, effect, sizeof(effect)));
		table_text(t, track_state(track));
		table_duration(t, number_of(track, "since_ms"));
		table_number(t, number_of(track, "checks"));
		table_number(t, number_of(track, "bad_checks"));
		table_text(t, text_of(track, "result"));
		table_text(t, text_of(track, "output"));
		if (flag_of(track, "under_way"))
			table_text(t, "under way");
		else
			table_duration(t, number_of(track, "next_ms"));
	}
	fputc('\n', out);
	table_print(t, out);
}

static void render_runner(FILE *out, const json_t *d)
{
	const json_t *runner = json_object_get(d, "runner");
	json_t *commands = json_object_get(runner, "commands"), *count;
	const char *key;

	if (!runner)
		return;
	if (flag_of(runner, "alive"))
		fprintf(out, "runner %" PRIu64, number_of(runner, "pid"));
	else
		fputs("runner DEAD", out);
	fprintf(out, ", commands: %" PRIu64 " running, %" PRIu64 " waiting", number_of(runner, "running"),
		number_of(runner, "queued"));
	json_object_foreach(commands, key, count)
		fprintf(out, ", %" JSON_INTEGER_FORMAT " %s", json_integer_value(count), key);
	fputc('\n', out);
}

static void render_memory(FILE *out, const json_t *d)
{
	const json_t *memory = json_object_get(d, "memory");
	struct table *t;

	if (!memory)
		return;
	t = table_new("FRAME MEMORY|PAGES");
	table_octets(t, number_of(memory, "octets"));
	table_text(t, pick(flag_of(memory, "huge_pages"), "huge", "small"));
	fputc('\n', out);
	table_print(t, out);
}

static void render_workers(FILE *out, const json_t *d)
{
	struct table *t = table_new("WORKER|STATE|>IN FLIGHT|>CPU TIME|PINNED TO");
	const json_t *worker;
	size_t i;

	json_array_foreach(json_object_get(d, "workers"), i, worker) {
		table_text(t, text_of(worker, "name"));
		table_text(t, text_of(worker, "state"));
		table_number(t, number_of(worker, "inflight"));
		table_duration(t, number_of(worker, "cpu_ms"));
		if (json_object_get(worker, "pinned_to"))
			table_number(t, number_of(worker, "pinned_to"));
		else
			table_text(t, "-");
	}
	fputc('\n', out);
	table_print(t, out);
}

static void render_conditions(FILE *out, const json_t *d)
{
	struct table *t = table_new("CONDITION|KIND|STATE|SINCE|>CHANGES|CAUSE");
	const json_t *c;
	size_t i;

	json_array_foreach(json_object_get(d, "conditions"), i, c) {
		table_text(t, text_of(c, "name"));
		table_text(t, text_of(c, "kind"));
		table_text(t, pick(flag_of(c, "failed"), "FAILED", "good"));
		table_duration(t, number_of(c, "since_ms"));
		table_number(t, number_of(c, "changes"));
		table_text(t, text_of(c, "cause"));
	}
	table_print(t, out);
}

static void render_counts(FILE *out, const char *header, const json_t *counts)
{
	struct table *t = table_new(header);
	const char *key;
	json_t *count;

	json_object_foreach((json_t *)counts, key, count) {
		table_text(t, key);
		table_number(t, (uint64_t)json_integer_value(count));
	}
	table_print(t, out);
}

static void render_status(FILE *out, const json_t *d)
{
	render_summary(out, d);
	render_listen(out, d);
	render_ports(out, d);
	render_memory(out, d);
	render_vrrp_summary(out, d);
	render_tracks(out, d);
	render_runner(out, d);
	if (json_object_get(d, "peer")) {
		fputc('\n', out);
		render_peer_summary(out, json_object_get(d, "peer"));
	}
	render_workers(out, d);
	fputc('\n', out);
	render_conditions(out, d);
	fputc('\n', out);
	render_counts(out, "CONTROL SOCKET|>COUNT", json_object_get(d, "control"));
}

static void render_check(FILE *out, const json_t *d)
{
	fputs(pick(flag_of(d, "good"), "good\n", "NOT GOOD\n"), out);
	if (json_array_size(json_object_get(d, "conditions")))
		render_conditions(out, d);
}

/* ---- pools, servers, routes ---- */

static void render_pools(FILE *out, const json_t *d)
{
	struct table *t = table_new("POOL|KIND|POLICY|>UP|>MEMBERS|>TIMEOUT|PROBE|>EVERY");
	const json_t *pool;
	size_t i;

	json_array_foreach(json_object_get(d, "pools"), i, pool) {
		const json_t *probe = json_object_get(pool, "probe");

		table_text(t, text_of(pool, "name"));
		table_text(t, text_of(pool, "kind"));
		table_text(t, text_of(pool, "policy"));
		table_number(t, number_of(pool, "up"));
		table_number(t, number_of(pool, "members"));
		table_duration(t, number_of(pool, "timeout_ms"));
		table_text(t, text_of(probe, "name"));
		table_duration(t, number_of(probe, "interval_ms"));
	}
	table_print(t, out);
}

/* How a server is reached, or why only through the kernel. */
static void add_way(struct table *t, const json_t *server)
{
	const char *reason = text_of(server, "no_fast_path");

	table_text(t, text_of(server, "via"));
	table_text(t, reason[0] ? reason : pick(json_object_get(server, "via"), "fast path", "kernel"));
}

static void render_servers(FILE *out, const json_t *d)
{
	struct table *t = table_new("SERVER|POOL|STATE|SINCE|>PROBE|>LATENCY|>OUTSTANDING|>SENT|>ANSWERED|"
				    ">TIMEOUTS|>ERRORS|VIA|WAY|CAUSE");
	const json_t *s;
	size_t i;

	json_array_foreach(json_object_get(d, "servers"), i, s) {
		table_text(t, text_of(s, "server"));
		table_text(t, text_of(s, "pool"));
		table_text(t, pick(flag_of(s, "up"), "up", "DOWN"));
		table_duration(t, number_of(s, "since_ms"));
		table_latency(t, number_of(s, "probe_latency_us"));
		table_latency(t, number_of(s, "latency_us"));
		table_number(t, number_of(s, "outstanding"));
		table_number(t, number_of(s, "sent"));
		table_number(t, number_of(s, "answered"));
		table_number(t, number_of(s, "timeouts"));
		table_number(t, number_of(s, "errors"));
		add_way(t, s);
		table_text(t, text_of(s, "cause"));
	}
	table_print(t, out);
}

static void render_routes(FILE *out, const json_t *d)
{
	struct table *t = table_new("SUFFIX|POOL");
	const json_t *routes = json_object_get(d, "routes"), *route;
	size_t i;

	json_array_foreach(routes, i, route) {
		table_text(t, text_of(route, "suffix"));
		table_text(t, text_of(route, "pool"));
	}
	table_print(t, out);
	fprintf(out, "%zu of %" PRIu64 " suffixes%s\n", json_array_size(routes), number_of(d, "loaded"),
		pick(flag_of(d, "more"), "; --all shows all", ""));
}

/* ---- clients ---- */

static void render_top(FILE *out, const json_t *clients)
{
	struct table *t = table_new("CLIENT|>QUERIES/s|>LIMITED/s|>QUERIES|>LIMITED|FIRST SEEN|LAST SEEN|BLOCKED");
	const json_t *c;
	size_t i;

	json_array_foreach(clients, i, c) {
		table_text(t, text_of(c, "client"));
		table_number(t, number_of(c, "rate"));
		table_number(t, number_of(c, "limited_rate"));
		table_number(t, number_of(c, "queries"));
		table_number(t, number_of(c, "limited"));
		table_duration(t, number_of(c, "first_seen_s") * 1000);
		table_duration(t, number_of(c, "last_seen_s") * 1000);
		table_text(t, pick(flag_of(c, "blocked"), text_of(c, "blocked_by"), "-"));
	}
	table_print(t, out);
}

static void add_blocked(struct table *t, const json_t *c)
{
	char passes[32] = "none";

	table_text(t, text_of(c, "client"));
	table_text(t, text_of(c, "by"));
	if (json_object_get(c, "since_ms"))
		table_duration(t, number_of(c, "since_ms"));
	else
		table_text(t, "-");
	if (json_object_get(c, "left_ms"))
		table_duration(t, number_of(c, "left_ms"));
	else
		table_text(t, "-");
	if (number_of(c, "let_through"))
		snprintf(passes, sizeof(passes), "1 in %" PRIu64, number_of(c, "let_through"));
	table_text(t, passes);
}

static void render_blocked(FILE *out, const json_t *d)
{
	struct table *t = table_new("CLIENT|BY|SINCE|LEFT|PASSES");
	const json_t *c;
	size_t i;

	json_array_foreach(json_object_get(d, "blocked"), i, c)
		add_blocked(t, c);
	table_print(t, out);
	if (json_object_get(d, "dropped_in_filter"))
		fprintf(out, "%" PRIu64 " frames dropped by the filter\n", number_of(d, "dropped_in_filter"));
}

static void render_clients(FILE *out, const json_t *d)
{
	if (json_object_get(d, "clients"))
		render_top(out, json_object_get(d, "clients"));
	else if (json_object_get(d, "blocked"))
		render_blocked(out, d);
	else
		fprintf(out, "%s %s\n", text_of(d, "action"), text_of(d, "client"));
}

/* ---- counters ---- */

static void render_sockets(FILE *out, const json_t *sockets)
{
	struct table *t;
	const json_t *s;
	size_t i;

	if (!json_array_size(sockets))
		return;
	t = table_new("PORT|>QUEUE|>RX DROPPED|>RX RING FULL|>FILL EMPTY|>RX INVALID|>TX INVALID|>TX EMPTY");
	json_array_foreach(sockets, i, s) {
		table_text(t, text_of(s, "port"));
		table_number(t, number_of(s, "queue"));
		table_number(t, number_of(s, "rx_dropped"));
		table_number(t, number_of(s, "rx_ring_full"));
		table_number(t, number_of(s, "rx_fill_empty"));
		table_number(t, number_of(s, "rx_invalid"));
		table_number(t, number_of(s, "tx_invalid"));
		table_number(t, number_of(s, "tx_ring_empty"));
	}
	fputc('\n', out);
	table_print(t, out);
}

static void render_latency(FILE *out, json_t *latency)
{
	struct table *t;
	const char *kind;
	json_t *figures;

	if (!json_object_size(latency))
		return;
	t = table_new("IN THE NODE|>TIMED|>P50 US|>P99 US|>P99.9 US");
	json_object_foreach(latency, kind, figures) {
		table_text(t, kind);
		table_number(t, number_of(figures, "timed"));
		table_number(t, number_of(figures, "p50_us"));
		table_number(t, number_of(figures, "p99_us"));
		table_number(t, number_of(figures, "p999_us"));
	}
	fputc('\n', out);
	table_print(t, out);
}

/* Counters down, workers across. */
static void render_worker_counters(FILE *out, const json_t *sum, json_t *workers)
{
	char header[256] = "COUNTER|>ALL";
	size_t len = strlen(header), columns = 2;
	const char *name, *counter;
	json_t *worker, *count;
	struct table *t;

	json_object_foreach(workers, name, worker) {
		if (columns == TABLE_COLUMNS_MAX)
			break;	/* as many as a screen shows; --json has them all */
		len += (size_t)snprintf(header + len, sizeof(header) - len, "|>%.10s", name);
		columns++;
	}
	t = table_new(header);
	json_object_foreach((json_t *)sum, counter, count) {
		size_t column = 2;

		table_text(t, counter);
		table_number(t, (uint64_t)json_integer_value(count));
		json_object_foreach(workers, name, worker) {
			if (column++ == columns)
				break;
			table_number(t, number_of(worker, counter));
		}
	}
	table_print(t, out);
}

static void render_counters(FILE *out, const json_t *d)
{
	const json_t *sum = json_object_get(d, "counters");
	json_t *workers = json_object_get(d, "workers");

	if (workers)
		render_worker_counters(out, sum, workers);
	else
		render_counts(out, "COUNTER|>COUNT", sum);
	fprintf(out, "in flight %" PRIu64 ", unaccounted %" PRId64 "\n", number_of(d, "inflight"),
		(int64_t)json_integer_value(json_object_get(d, "unaccounted")));
	if (json_object_get(d, "filter")) {
		fputc('\n', out);
		render_counts(out, "FILTER|>FRAMES", json_object_get(d, "filter"));
	}
	if (json_object_get(d, "virtual_mac")) {
		fputc('\n', out);
		render_counts(out, "VIRTUAL MAC|>FRAMES", json_object_get(d, "virtual_mac"));
	}
	render_sockets(out, json_object_get(d, "sockets"));
	render_latency(out, json_object_get(d, "latency"));
}

/* ---- cache ---- */

static void render_cache_memory(FILE *out, const json_t *d)
{
	struct table *t = table_new("CACHE|PAGES|>ARENA USED|>ENTRIES|>EXPIRED|>INDEX SLOTS|OLDEST");

	table_octets(t, number_of(d, "memory"));
	table_text(t, pick(flag_of(d, "huge_pages"), "huge", "small"));
	table_octets(t, number_of(d, "arena_used"));
	table_number(t, number_of(d, "entries"));
	table_number(t, number_of(d, "expired"));
	table_number(t, number_of(d, "index_slots"));
	table_duration(t, number_of(d, "oldest_ms"));
	table_print(t, out);
	t = table_new(">STORED|>REPLACED|>EVICTED|>KEPT ON|>CROWDED OUT|>NO ROOM|>PURGED");
	table_number(t, number_of(d, "stored"));
	table_number(t, number_of(d, "replaced"));
	table_number(t, number_of(d, "evicted"));
	table_number(t, number_of(d, "kept_on"));
	table_number(t, number_of(d, "crowded"));
	table_number(t, number_of(d, "no_room"));
	table_number(t, number_of(d, "purged"));
	fputc('\n', out);
	table_print(t, out);
}

/* Of the queries that were looked up. */
static void add_hit_rate(struct table *t, const json_t *pool)
{
	uint64_t hits = number_of(pool, "hits") + number_of(pool, "hits_negative") + number_of(pool, "hits_failure");
	uint64_t all = hits + number_of(pool, "misses") + number_of(pool, "joined");
	char text[16] = "-";

	if (all)
		snprintf(text, sizeof(text), "%.1f %%", 100.0 * (double)hits / (double)all);
	table_text(t, text);
}

static void render_cache_pools(FILE *out, const json_t *d)
{
	struct table *t = table_new("POOL|>HIT RATE|>HITS|>NEGATIVE|>FAILURE|>MISSES|>JOINED|>STORED|>NOT KEPT");
	const json_t *pool;
	size_t i;

	json_array_foreach(json_object_get(d, "pools"), i, pool) {
		table_text(t, text_of(pool, "pool"));
		if (flag_of(pool, "enabled"))
			add_hit_rate(t, pool);
		else
			table_text(t, "off");
		table_number(t, number_of(pool, "hits"));
		table_number(t, number_of(pool, "hits_negative"));
		table_number(t, number_of(pool, "hits_failure"));
		table_number(t, number_of(pool, "misses"));
		table_number(t, number_of(pool, "joined"));
		table_number(t, number_of(pool, "stored"));
		table_number(t, number_of(pool, "not_kept"));
	}
	fputc('\n', out);
	table_print(t, out);
}

static void render_cache_kept(FILE *out, const json_t *d)
{
	struct table *t = table_new("POOL|>POSITIVE|>NEGATIVE|>FAILURE");
	const json_t *pool;
	size_t i;

	json_array_foreach(json_object_get(d, "kept"), i, pool) {
		table_text(t, text_of(pool, "pool"));
		table_number(t, number_of(pool, "positive"));
		table_number(t, number_of(pool, "negative"));
		table_number(t, number_of(pool, "failure"));
	}
	fputs("\nentries now:\n", out);
	table_print(t, out);
}

enum { ENTRY_COLUMNS = 9 };	/* what is said once of an entry, however many records it has */

static void add_entry(struct table *t, const json_t *entry)
{
	bool cd = flag_of(entry, "cd"), dnssec_ok = flag_of(entry, "do");

	table_text(t, text_of(entry, "name"));
	table_text(t, text_of(entry, "type"));
	table_text(t, text_of(entry, "pool"));
	table_text(t, cd && dnssec_ok ? "DO CD" : cd ? "CD" : dnssec_ok ? "DO" : "");
	table_text(t, text_of(entry, "rcode"));
	table_duration(t, number_of(entry, "age_s") * 1000);
	if (number_of(entry, "left_s"))
		table_duration(t, number_of(entry, "left_s") * 1000);
	else
		table_text(t, "expired");
	table_text(t, text_of(entry, "kind"));
	table_number(t, number_of(entry, "octets"));
}

static void add_entry_records(struct table *t, const json_t *entry)
{
	static const char *const sections[] = { "answer", "authority", "additional" };
	const json_t *record;
	unsigned rows = 0;
	size_t i;

	for (unsigned s = 0; s < 3; s++) {
		json_array_foreach(json_object_get(entry, sections[s]), i, record) {
			for (unsigned c = 0; rows && c < ENTRY_COLUMNS; c++)
				table_text(t, " ");
			table_text(t, sections[s]);
			table_text(t, json_is_string(record) ? json_string_value(record) : "");
			rows++;
		}
	}
	if (!rows) {
		table_text(t, "");
		table_text(t, "");
	}
}

static void render_cache_entries(FILE *out, const json_t *d)
{
	struct table *t = table_new("NAME|TYPE|POOL|FLAGS|RCODE|AGE|LEFT|KIND|>OCTETS|SECTION|RECORD");
	const json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(d, "entries"), i, entry) {
		add_entry(t, entry);
		add_entry_records(t, entry);
	}
	table_print(t, out);
	if (flag_of(d, "more"))
		fputs("and more\n", out);
}

static void render_cache(FILE *out, const json_t *d)
{
	if (json_is_array(json_object_get(d, "entries"))) {
		render_cache_entries(out, d);
	} else if (json_object_get(d, "removed")) {
		fprintf(out, "%" PRIu64 " entries removed\n", number_of(d, "removed"));
	} else {
		render_cache_memory(out, d);
		render_cache_pools(out, d);
		render_cache_kept(out, d);
	}
}

/* ---- query ---- */

static void render_members(FILE *out, const json_t *members)
{
	struct table *t = table_new("SERVER|STATE|TAKEN|PORT|VIA|WAY");
	const json_t *m;
	size_t i;

	json_array_foreach(members, i, m) {
		table_text(t, text_of(m, "server"));
		table_text(t, pick(flag_of(m, "up"), "up", "DOWN"));
		table_text(t, pick(flag_of(m, "taken"), "yes", "-"));
		table_text(t, text_of(m, "port"));
		add_way(t, m);
	}
	fputc('\n', out);
	table_print(t, out);
}

static void render_query(FILE *out, const json_t *d)
{
	struct table *t = table_new("NAME|TYPE|OUTCOME|SUFFIX|>LABELS|POOL|KIND|CLIENT|RULE");

	table_text(t, text_of(d, "name"));
	table_text(t, text_of(d, "type"));
	table_text(t, text_of(d, "outcome"));
	table_text(t, text_of(d, "suffix"));
	table_number(t, number_of(d, "labels"));
	table_text(t, text_of(d, "pool"));
	table_text(t, text_of(d, "kind"));
	table_text(t, text_of(d, "acl"));
	table_text(t, text_of(d, "acl_rule"));
	table_print(t, out);
	if (json_object_get(d, "servers"))
		render_members(out, json_object_get(d, "servers"));
}

static void render_reload(FILE *out, const json_t *d)
{
	fprintf(out, "generation %" PRIu64 " in force\n", number_of(d, "generation"));
}

static void render_ping(FILE *out, const json_t *d)
{
	struct table *t = table_new("VERSION");

	table_text(t, text_of(d, "version"));
	table_print(t, out);
}

static const struct {
	const char *command;
	void (*print)(FILE *out, const json_t *document);
} forms[] = {
	{ "ping", render_ping },
	{ "status", render_status },
	{ "pools", render_pools },
	{ "servers", render_servers },
	{ "routes", render_routes },
	{ "counters", render_counters },
	{ "cache", render_cache },
	{ "clients", render_clients },
	{ "query", render_query },
	{ "check", render_check },
	{ "vrrp", render_vrrp },
	{ "standby", render_vrrp },
	{ "resume", render_vrrp },
	{ "history", render_history },
	{ "peer", render_peer },
	{ "reload", render_reload },
};

bool render(FILE *out, const char *command, const json_t *document)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (strcmp(forms[i].command, command) == 0) {
			forms[i].print(out, document);
			return true;
		}
	}
	return false;
}
