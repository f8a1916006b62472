/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prometheus.c - documents to metrics. Contract in prometheus.h.
 *
 * A family is a name, a type and a help, followed by all its samples. Most families are one member of every object of
 * a list (servers, sockets, routers), so that they are rows of a table: where the list is, what names an object in it,
 * and which member is the sample. What a document does not have is left out.
 */
#include "node/prometheus.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "dataplane/latency.h"
#include "dataplane/outcome.h"
#include "dataplane/steer_shared.h"
#include "node/hellobox.h"
#include "vrrp/fsm.h"

enum { LABELS_MAX = 4 };

struct label {
	const char *name;
	const json_t *value;		/* text or number */
};

/* A member of an object as a family of its own. A time, by the end of its key, is shown in seconds. */
struct family {
	const char *key, *name, *help;
};

/* ---- the text format ---- */

/* In a help a quotation mark stands for itself. */
static void print_escaped(FILE *out, const char *text, bool is_label)
{
	for (; *text; text++) {
		if (*text == '\\' || (*text == '"' && is_label))
			fputc('\\', out);
		if (*text == '\n')
			fputs("\\n", out);
		else
			fputc(*text, out);
	}
}

static bool ends_in(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void print_head(FILE *out, const char *name, const char *help)
{
	fprintf(out, "# HELP tandem_%s ", name);
	print_escaped(out, help, false);
	fprintf(out, "\n# TYPE tandem_%s %s\n", name, ends_in(name, "_total") ? "counter" : "gauge");
}

static void print_labels(FILE *out, const struct label labels[LABELS_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; i < LABELS_MAX && labels[i].name; i++) {
		fprintf(out, "%s%s=\"", n++ ? "," : "{", labels[i].name);
		if (json_is_integer(labels[i].value))
			fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(labels[i].value));
		else
			print_escaped(out, json_is_string(labels[i].value) ? json_string_value(labels[i].value) : "",
				      true);
		fputc('"', out);
	}
	if (n)
		fputc('}', out);
}

/* A number, or a flag as 1 and 0; per_second: units in a second, 0 for what is no time. */
static void print_sample(FILE *out, const char *name, const struct label labels[LABELS_MAX], const json_t *value,
			 unsigned per_second)
{
	json_int_t n = json_is_true(value) ? 1 : json_integer_value(value);

	fprintf(out, "tandem_%s", name);
	print_labels(out, labels);
	if (per_second)
		fprintf(out, " %.6f\n", (double)n / per_second);
	else
		fprintf(out, " %" JSON_INTEGER_FORMAT "\n", n);
}

static unsigned per_second_of(const char *key)
{
	return ends_in(key, "_us") ? 1000000 : ends_in(key, "_ms") ? 1000 : 0;
}

static bool is_sample(const json_t *value)
{
	return json_is_integer(value) || json_is_boolean(value);
}

static void print_single(FILE *out, const json_t *object, const struct family *f)
{
	static const struct label none[LABELS_MAX];
	const json_t *value = json_object_get(object, f->key);

	if (!is_sample(value))
		return;
	print_head(out, f->name, f->help);
	print_sample(out, f->name, none, value, per_second_of(f->key));
}

/* One family of a list's objects: member f->key of object[inside], or of the object itself. */
static void print_family(FILE *out, const json_t *list, const char *const names[LABELS_MAX][2], const char *inside,
			 const struct family *f)
{
	bool begun = false;
	const json_t *object;
	size_t i;

	json_array_foreach(list, i, object) {
		const json_t *value = json_object_get(inside ? json_object_get(object, inside) : object, f->key);
		struct label labels[LABELS_MAX] = { 0 };

		if (!is_sample(value))
			continue;
		if (!begun)
			print_head(out, f->name, f->help);
		begun = true;
		for (unsigned n = 0; n < LABELS_MAX && names[n][0]; n++)
			labels[n] = (struct label){ names[n][0], json_object_get(object, names[n][1]) };
		print_sample(out, f->name, labels, value, per_second_of(f->key));
	}
}

/* ---- what workers and the filter count ---- */

/* One counter of every worker; outcome: its name is a label of the family, which has begun. */
static void print_counter(FILE *out, json_t *workers, const char *name, const char *counter, bool outcome)
{
	json_t *outcome_label = json_string(counter), *worker, *worker_label;
	const char *worker_name;

	json_object_foreach(workers, worker_name, worker) {
		const json_t *value = json_object_get(worker, counter);

		if (!is_sample(value))
			continue;
		worker_label = json_string(worker_name);
		print_sample(out, name, (struct label[LABELS_MAX]){
			{ "worker", worker_label }, { outcome ? "outcome" : NULL, outcome_label } }, value, 0);
		json_decref(worker_label);
	}
	json_decref(outcome_label);
}

static void print_workers(FILE *out, json_t *workers)
{
	char name[64];

	if (!json_is_object(workers))
		return;
	print_head(out, "queries_total", "queries by the one outcome that each has had");
	for (unsigned i = 0; i < DP_OUTCOME_END; i++)
		print_counter(out, workers, "queries_total", dp_counter_name((enum dp_counter)i), true);
	for (unsigned i = DP_OUTCOME_END; i < DP_COUNTERS; i++) {
		const char *counter = dp_counter_name((enum dp_counter)i);

		/* "queries" would be the family of the outcomes */
		snprintf(name, sizeof(name), "%s_total", i == DP_COUNT_QUERIES ? "queries_received" : counter);
		print_head(out, name, dp_counter_help((enum dp_counter)i));
		print_counter(out, workers, name, counter, false);
	}
}

/* An object of counts: its keys are the values of one label. */
static void print_counts(FILE *out, json_t *counts, const char *name, const char *label, const char *help)
{
	const char *key;
	json_t *count, *text;

	if (!json_is_object(counts))
		return;
	print_head(out, name, help);
	json_object_foreach(counts, key, count) {
		if (!is_sample(count))
			continue;
		text = json_string(key);
		print_sample(out, name, (struct label[LABELS_MAX]){ { label, text } }, count, 0);
		json_decref(text);
	}
}

static void print_sockets(FILE *out, const json_t *sockets)
{
	static const char *const labels[LABELS_MAX][2] = { { "port", "port" }, { "queue", "queue" } };
	static const struct family families[] = {
		{ "rx_dropped", "xsk_rx_dropped_total", "frames dropped by the kernel for other reasons" },
		{ "rx_ring_full", "xsk_rx_ring_full_total", "frames dropped because the RX ring was full" },
		{ "rx_fill_empty", "xsk_rx_fill_empty_total", "frames dropped because the fill ring was empty" },
		{ "rx_invalid", "xsk_rx_invalid_total", "invalid descriptors in the fill ring" },
		{ "tx_invalid", "xsk_tx_invalid_total", "invalid descriptors in the TX ring" },
		{ "tx_ring_empty", "xsk_tx_ring_empty_total", "times the kernel found the TX ring empty" },
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		print_family(out, sockets, labels, NULL, &families[i]);
}

/* ---- time in the node ---- */

/* As Prometheus has it: how many took at most so long, for each power of two. */
static void print_histogram(FILE *out, const char *name, const char *kind, const json_t *figures)
{
	const json_t *buckets = json_object_get(figures, "buckets");
	json_int_t below = 0;

	for (unsigned i = 0; i < DP_LATENCY_BUCKETS; i++) {
		below += json_integer_value(json_array_get(buckets, i));
		if (i % DP_LATENCY_STEPS == DP_LATENCY_STEPS - 1 && i < DP_LATENCY_BUCKETS - 1)
			fprintf(out, "tandem_%s_bucket{answered=\"%s\",le=\"%g\"} %" JSON_INTEGER_FORMAT "\n", name,
				kind, (double)dp_latency_end_us(i) / 1e6, below);
	}
	fprintf(out, "tandem_%s_bucket{answered=\"%s\",le=\"+Inf\"} %" JSON_INTEGER_FORMAT "\n", name, kind, below);
	fprintf(out, "tandem_%s_sum{answered=\"%s\"} %.6f\n", name, kind,
		(double)json_integer_value(json_object_get(figures, "sum_us")) / 1e6);
	fprintf(out, "tandem_%s_count{answered=\"%s\"} %" JSON_INTEGER_FORMAT "\n", name, kind, below);
}

static void print_latency(FILE *out, const json_t *latency)
{
	if (!json_is_object(latency))
		return;
	fprintf(out, "# HELP tandem_in_node_seconds from the filter to the send call, of one query in %u on the fast "
		"path\n"
		"# TYPE tandem_in_node_seconds histogram\n", STEER_STAMP_ONE_OF);
	for (unsigned kind = 0; kind < DP_LATENCY_KINDS; kind++)
		print_histogram(out, "in_node_seconds", dp_latency_name(kind),
				json_object_get(latency, dp_latency_name(kind)));
}

/* ---- the packet cache ---- */

static void print_pools(FILE *out, const json_t *pools)
{
	static const char *const labels[LABELS_MAX][2] = { { "pool", "pool" } };

	for (unsigned i = 0; i < DP_POOL_COUNTERS; i++) {
		const char *counter = dp_pool_counter_name((enum dp_pool_counter)i);
		char name[64];

		snprintf(name, sizeof(name), "pool_%s_total", counter);
		print_family(out, pools, labels, NULL,
			     &(struct family){ counter, name, dp_pool_counter_help((enum dp_pool_counter)i) });
	}
}

static void print_cache(FILE *out, const json_t *cache)
{
	static const struct family families[] = {
		{ "memory", "cache_memory_bytes", "all that the packet cache has" },
		{ "arena_used", "cache_used_bytes", "of it, filled with entries" },
		{ "entries", "cache_entries", "answers in the cache, expired ones too" },
		{ "stored", "cache_stored_total", "answers kept" },
		{ "replaced", "cache_replaced_total", "of these, in the place of an older one" },
		{ "evicted", "cache_evicted_total", "answers that made room for others" },
		{ "kept_on", "cache_kept_on_total", "answers that were spared because they are used" },
		{ "no_room", "cache_no_room_total", "answers not kept for lack of room" },
		{ "crowded", "cache_crowded_total", "answers that left because their index line was full" },
		{ "purged", "cache_purged_total", "answers purged by command" },
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		print_single(out, cache, &families[i]);
}

/* ---- servers ---- */

static void print_servers(FILE *out, const json_t *servers)
{
	static const char *const labels[LABELS_MAX][2] = { { "pool", "pool" }, { "server", "server" } };
	static const struct family families[] = {
		{ "up", "server_up", "1 = queries may go to the server" },
		{ "changes", "server_changes_total", "changes between up and down" },
		{ "outstanding", "server_outstanding", "queries under way to the server" },
		{ "latency_us", "server_latency_seconds", "smoothed time to an answer, of the slowest worker" },
		{ "sent", "server_sent_total", "queries sent" },
		{ "answered", "server_answered_total", "queries answered" },
		{ "timeouts", "server_timeouts_total", "queries without an answer in time" },
		{ "errors", "server_errors_total", "ICMP errors, broken connections and errors without a question" },
		{ "probes_sent", "server_probes_sent_total", "probes" },
		{ "probes_failed", "server_probes_failed_total", "probes that failed" },
		{ "probe_latency_us", "server_probe_latency_seconds", "of the last good probe" },
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		print_family(out, servers, labels, NULL, &families[i]);
}

/* ---- virtual routers ---- */

static const char *const router_labels[LABELS_MAX][2] = {
	{ "interface", "interface" }, { "vrid", "vrid" }, { "family", "family" },
};

/* One gauge per state, 1 for the one that the router is in. */
static void print_states(FILE *out, const json_t *routers)
{
	const json_t *router;
	size_t i;

	if (!json_array_size(routers))
		return;
	print_head(out, "vrrp_state", "1 = the virtual router is in this state");
	json_array_foreach(routers, i, router) {
		for (unsigned s = VRRP_INITIALIZE; s < VRRP_STATES; s++) {
			const char *now = json_string_value(json_object_get(router, "state"));
			const char *name = vrrp_state_name((enum vrrp_state)s);
			json_t *state = json_string(name);

			print_sample(out, "vrrp_state", (struct label[LABELS_MAX]){
				{ "interface", json_object_get(router, "interface") },
				{ "vrid", json_object_get(router, "vrid") },
				{ "family", json_object_get(router, "family") }, { "state", state } },
				now && strcmp(now, name) == 0 ? json_true() : json_false(), 0);
			json_decref(state);
		}
	}
}

/* What ended the state before, as a label with few values: the cause in words would make a new series each time. */
static void print_last_events(FILE *out, const json_t *routers)
{
	const json_t *router;
	bool begun = false;
	size_t i;

	json_array_foreach(routers, i, router) {
		if (!json_is_string(json_object_get(router, "event")))
			continue;
		if (!begun)
			print_head(out, "vrrp_last_transition", "1 for the event behind the last change of state");
		begun = true;
		print_sample(out, "vrrp_last_transition", (struct label[LABELS_MAX]){
			{ "interface", json_object_get(router, "interface") },
			{ "vrid", json_object_get(router, "vrid") },
			{ "family", json_object_get(router, "family") },
			{ "event", json_object_get(router, "event") } }, json_true(), 0);
	}
}

static void print_rejected(FILE *out, const json_t *routers)
{
	const json_t *router;
	const char *why;
	json_t *count, *reason;
	bool begun = false;
	size_t i;

	json_array_foreach(routers, i, router) {
		json_t *rejected = json_object_get(json_object_get(router, "counters"), "rejected");

		json_object_foreach(rejected, why, count) {
			if (!is_sample(count))
				continue;
			if (!begun)
				print_head(out, "vrrp_adverts_rejected_total", "advertisements that were not accepted");
			begun = true;
			reason = json_string(why);
			print_sample(out, "vrrp_adverts_rejected_total", (struct label[LABELS_MAX]){
				{ "interface", json_object_get(router, "interface") },
				{ "vrid", json_object_get(router, "vrid") },
				{ "family", json_object_get(router, "family") }, { "reason", reason } }, count, 0);
			json_decref(reason);
		}
	}
}

static void print_routers(FILE *out, const json_t *routers)
{
	static const struct family of_router[] = {
		{ "since_ms", "vrrp_state_seconds", "in its state" },
		{ "sent_at_ms", "vrrp_advert_sent_timestamp_seconds", "time of the last advertisement sent; 0 = none" },
		{ "cadence_worst_us", "vrrp_cadence_worst_seconds",
		  "longest time between two advertisements while Active" },
		{ "priority", "vrrp_priority", "as configured" },
		{ "effective_priority", "vrrp_effective_priority", "less the weights of failed conditions" },
		{ "released", "vrrp_released", "1 = released by command" },
		{ "lingering", "vrrp_lingering", "1 = released, and still answering what arrives" },
		{ "dead_man", "vrrp_dead_man", "1 = the addresses fall silent with the process" },
	}, of_peer[] = {
		{ "heard_at_ms", "vrrp_advert_heard_timestamp_seconds", "time of the last advertisement accepted" },
		{ "priority", "vrrp_peer_priority", "the peer's, as last heard" },
	}, of_lease[] = {
		{ "left_ms", "vrrp_lease_seconds", "until the address falls silent if no advertisement is sent" },
	}, of_counters[] = {
		{ "transitions", "vrrp_transitions_total", "changes of state" },
		{ "became_active", "vrrp_became_active_total", "of these, to Active" },
		{ "sent", "vrrp_adverts_sent_total", "advertisements sent" },
		{ "sent_release", "vrrp_releases_sent_total", "of these, with priority 0" },
		{ "send_errors", "vrrp_send_errors_total", "advertisements that the kernel did not take" },
		{ "heard", "vrrp_adverts_heard_total", "advertisements accepted" },
		{ "heard_release", "vrrp_releases_heard_total", "of these, with priority 0" },
		{ "interval_errors", "vrrp_interval_errors_total", "of these, with another interval than ours" },
		{ "address_list_errors", "vrrp_address_list_errors_total", "of these, with other addresses than ours" },
		{ "missed", "vrrp_adverts_missed_total", "advertisements that did not come when they were due" },
		{ "two_actives", "vrrp_two_actives_total", "times that a second Active appeared" },
		{ "conflicts", "vrrp_conflicts_total",
		  "times that a host claimed an address which it should not have" },
		{ "announcements", "vrrp_announcements_total", "gratuitous ARPs and the like sent" },
		{ "late", "vrrp_late_total", "timers that fired over an interval too late" },
		{ "lapsed", "vrrp_lapsed_total", "leases that ran out" },
	};

	print_states(out, routers);
	print_last_events(out, routers);
	for (size_t i = 0; i < sizeof(of_router) / sizeof(of_router[0]); i++)
		print_family(out, routers, router_labels, NULL, &of_router[i]);
	for (size_t i = 0; i < sizeof(of_counters) / sizeof(of_counters[0]); i++)
		print_family(out, routers, router_labels, "counters", &of_counters[i]);
	for (size_t i = 0; i < sizeof(of_peer) / sizeof(of_peer[0]); i++)
		print_family(out, routers, router_labels, "peer", &of_peer[i]);
	print_family(out, routers, router_labels, "lease", &of_lease[0]);
	print_rejected(out, routers);
}

/* ---- what is tracked ---- */

static void print_tracks(FILE *out, const json_t *tracks)
{
	static const char *const labels[LABELS_MAX][2] = { { "track", "name" }, { "type", "type" } };
	static const struct family families[] = {
		{ "failed", "track_failed", "1 = what is tracked is bad, and counts" },
		{ "unknown", "track_unknown", "1 = it could not be checked, and counts as it did before" },
		{ "weight", "track_weight", "by which it lowers the priority when it is bad; 0 of a fault" },
		{ "checks", "track_checks_total", "checks" },
		{ "bad_checks", "track_bad_checks_total", "of these, with a bad result" },
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		print_family(out, tracks, labels, NULL, &families[i]);
}

static void print_runner(FILE *out, const json_t *runner)
{
	static const struct family families[] = {
		{ "alive", "runner_alive", "1 = the process that runs commands lives" },
		{ "running", "runner_running", "commands that run" },
		{ "queued", "runner_queued", "commands that wait for others" },
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		print_single(out, runner, &families[i]);
	print_counts(out, json_object_get(runner, "commands"), "runner_commands_total", "result",
		     "commands of hooks and tracks by how they ended");
}

/* ---- the other node ---- */

/* What was rejected, by path and reason. */
static void print_rejected_hellos(FILE *out, const json_t *paths)
{
	const json_t *path;
	size_t i;

	print_head(out, "peer_rejected_total", "datagrams from the peer's address that were not accepted");
	json_array_foreach(paths, i, path) {
		for (unsigned v = HELLO_ACCEPTED + 1; v < HELLO_VERDICT_COUNT; v++) {
			const char *name = hello_verdict_name((enum hello_verdict)v);
			const json_t *count = json_object_get(json_object_get(path, "rejected"), name);
			json_t *reason = json_string(name);

			if (is_sample(count))
				print_sample(out, "peer_rejected_total", (struct label[LABELS_MAX]){
					{ "path", json_object_get(path, "path") }, { "reason", reason } }, count, 0);
			json_decref(reason);
		}
	}
}

static void print_differing(FILE *out, const json_t *list)
{
	const json_t *part;
	size_t i;

	if (json_array_size(list))
		print_head(out, "peer_differs", "1 = this part of the configuration differs");
	json_array_foreach(list, i, part)
		print_sample(out, "peer_differs", (struct label[LABELS_MAX]){ { "part", part } }, json_true(), 0);
}

static void print_peer(FILE *out, const json_t *peer)
{
	static const char *const path_labels[LABELS_MAX][2] = { { "path", "path" } };
	static const struct family singles[] = {
		{ "alive", "peer_alive", "1 = the other node was heard in the last second" },
		{ "paired", "peer_paired", "1 = and its version can pair with ours" },
		{ "skew_ms", "peer_clock_skew_seconds", "its clock less ours" },
		{ "uptime_ms", "peer_uptime_seconds", "since its start" },
		{ "failed", "peer_conditions_failed", "conditions that have failed there" },
	}, of_path[] = {
		{ "alive", "peer_path_alive", "1 = it was heard by this path" },
		{ "sent", "peer_sent_total", "datagrams sent to it" },
		{ "send_errors", "peer_send_errors_total", "datagrams that could not be sent" },
		{ "accepted", "peer_accepted_total", "datagrams of it accepted" },
		{ "sessions", "peer_sessions_total", "times it was seen to start" },
	}, of_router[] = {
		{ "held", "vrrp_held", "1 = Backup because the second path says that the peer is Active" },
		{ "holds", "vrrp_holds_total", "times that this began" },
		{ "probes_seen", "virtual_mac_probes_seen_total", "frames to our virtual MAC that came in" },
		{ "probes_missed", "virtual_mac_probes_missed_total",
		  "of those that the peer says it sent: not come in" },
	};

	if (!json_is_object(peer))
		return;
	for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++)
		print_single(out, peer, &singles[i]);
	for (size_t i = 0; i < sizeof(of_path) / sizeof(of_path[0]); i++)
		print_family(out, json_object_get(peer, "paths"), path_labels, NULL, &of_path[i]);
	print_rejected_hellos(out, json_object_get(peer, "paths"));
	print_differing(out, json_object_get(peer, "differs"));
	for (size_t i = 0; i < sizeof(of_router) / sizeof(of_router[0]); i++)
		print_family(out, json_object_get(peer, "routers"), router_labels, NULL, &of_router[i]);
}

/* ---- the node ---- */

static void print_build(FILE *out, const json_t *status)
{
	print_head(out, "build_info", "what runs here");
	print_sample(out, "build_info", (struct label[LABELS_MAX]){
		{ "version", json_object_get(status, "version") }, { "node", json_object_get(status, "node") },
		{ "io", json_object_get(status, "io") } }, json_true(), 0);
}

static void print_status(FILE *out, const json_t *status)
{
	static const char *const worker_labels[LABELS_MAX][2] = { { "worker", "name" } },
				*const port_labels[LABELS_MAX][2] = { { "port", "name" }, { "side", "side" } },
				*const condition_labels[LABELS_MAX][2] = { { "condition", "name" },
									   { "kind", "kind" } };
	static const struct family singles[] = {
		{ "uptime_ms", "uptime_seconds", "since the start" },
		{ "generation", "configuration_generation", "counts reloads, from 1" },
		{ "good", "good", "1 = no fault or weight condition fails" },
		{ "tcp_connections", "tcp_connections", "client connections open now" },
		{ "unaccounted", "queries_unaccounted",
		  "received, with no outcome and not in flight: 0 but for a moment" },
		{ "log_lines_lost", "log_lines_lost_total", "because the log was full" },
	}, of_worker[] = {
		{ "inflight", "inflight", "queries under way" },
		{ "cpu_ms", "worker_cpu_seconds_total", "CPU time" },
	}, carrier = { "carrier", "port_carrier", "1 = the port has carrier" },
	   failed = { "failed", "condition_failed", "1 = the condition fails" };

	if (!json_is_object(status))
		return;
	print_build(out, status);
	for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++)
		print_single(out, status, &singles[i]);
	for (size_t i = 0; i < sizeof(of_worker) / sizeof(of_worker[0]); i++)
		print_family(out, json_object_get(status, "workers"), worker_labels, NULL, &of_worker[i]);
	print_family(out, json_object_get(status, "ports"), port_labels, NULL, &carrier);
	print_family(out, json_object_get(status, "conditions"), condition_labels, NULL, &failed);
	print_tracks(out, json_object_get(status, "tracks"));
	print_runner(out, json_object_get(status, "runner"));
	print_counts(out, json_object_get(status, "control"), "control_total", "event",
		     "what came to the control socket");
}

void prometheus_print(FILE *out, const json_t *document)
{
	print_status(out, json_object_get(document, "status"));
	print_workers(out, json_object_get(document, "workers"));
	print_counts(out, json_object_get(document, "filter"), "filter_frames_total", "verdict",
		     "frames by what the filter did with them");
	print_counts(out, json_object_get(document, "virtual_mac"), "virtual_mac_frames_total", "verdict",
		     "frames by what the program for virtual MACs did with them");
	print_sockets(out, json_object_get(document, "sockets"));
	print_latency(out, json_object_get(document, "latency"));
	print_pools(out, json_object_get(document, "pools"));
	print_cache(out, json_object_get(document, "cache"));
	print_servers(out, json_object_get(document, "servers"));
	print_routers(out, json_object_get(document, "routers"));
	print_peer(out, json_object_get(json_object_get(document, "status"), "peer"));
}
