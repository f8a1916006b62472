/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * render.c - documents to tables. Contract in render.h; the documents are made in status.c, explain.c, listing.c.
 */
#include "node/render.h"

#include <inttypes.h>
#include <string.h>

#include "node/hellotext.h"
#include "node/members.h"
#include "node/rows.h"
#include "node/table.h"
#include "node/vrrptext.h"

/* ---- virtual routers ---- */

/* VIRTUAL ROUTER|ADDRESS|STATE|SINCE */
static void add_router(struct table *t, const json_t *router)
{
	char text[512];

	table_text(t, vrrptext_name(router, text, sizeof(text)));
	table_text(t, rows_join(json_object_get(router, "addresses"), text, sizeof(text)));
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
		rows_add(t, router, "group #priority #effective_priority");
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
		rows_add(t, peer, "address #priority #interval_cs checksum ~heard_ms");
		rows_add(t, counters, "#heard #missed #two_actives");
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
		rows_add(t, event, "from to event cause because");
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
		vrrptext_page(out, router, rows_join(json_object_get(router, "addresses"), addresses,
						     sizeof(addresses)),
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

/* ---- status ---- */

static void render_summary(FILE *out, const json_t *d)
{
	struct table *t = table_new("NODE|VERSION|STATE|IO|UPTIME|>GENERATION|>QUERIES|>IN FLIGHT|>UNACCOUNTED|"
				    ">TCP|>LOG LOST");
	char unaccounted[24];

	rows_add(t, d, "node version");
	table_text(t, pick(flag_of(d, "good"), "good", "NOT GOOD"));
	rows_add(t, d, "io ~uptime_ms #generation #queries #inflight");
	snprintf(unaccounted, sizeof(unaccounted), "%" PRId64,
		 (int64_t)json_integer_value(json_object_get(d, "unaccounted")));
	table_text(t, unaccounted);
	rows_add(t, d, "#tcp_connections #log_lines_lost");
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
	const json_t *ports = json_object_get(d, "ports");

	if (!json_array_size(ports))
		return;
	fputc('\n', out);
	rows_print(out, "PORT|SIDE|FILTER|WANTED|MEMORY|>QUEUES|>RING|>FRAME|>BUSY POLL us|>VLAN|>MTU|CARRIER|MAC",
		   ports,
		   "name side mode mode_wanted zero_copy?zero-copy:copy #queues #ring_size #frame_size #busy_poll_us "
		   "#vlan #mtu carrier?yes:NO mac");
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
		rows_add(t, track, "name type target");
		table_text(t, effect_of(track, effect, sizeof(effect)));
		table_text(t, track_state(track));
		rows_add(t, track, "~since_ms #checks #bad_checks result output");
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
	rows_add(t, memory, "%octets huge_pages?huge:small");
	fputc('\n', out);
	table_print(t, out);
}

static void render_workers(FILE *out, const json_t *d)
{
	struct table *t = table_new("WORKER|STATE|>IN FLIGHT|>CPU TIME|PINNED TO");
	const json_t *worker;
	size_t i;

	json_array_foreach(json_object_get(d, "workers"), i, worker) {
		rows_add(t, worker, "name state #inflight ~cpu_ms");
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
	rows_print(out, "CONDITION|KIND|STATE|SINCE|>CHANGES|CAUSE", json_object_get(d, "conditions"),
		   "name kind failed?FAILED:good ~since_ms #changes cause");
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
		hellotext_summary(out, json_object_get(d, "peer"));
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

		rows_add(t, pool, "name kind policy #up #members ~timeout_ms");
		rows_add(t, probe, "name ~interval_ms");
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
		rows_add(t, s, "server pool up?up:DOWN ~since_ms @probe_latency_us @latency_us #outstanding "
			 "#sent #answered #timeouts #errors");
		add_way(t, s);
		table_text(t, text_of(s, "cause"));
	}
	table_print(t, out);
}

static void render_routes(FILE *out, const json_t *d)
{
	const json_t *routes = json_object_get(d, "routes");

	rows_print(out, "SUFFIX|POOL", routes, "suffix pool");
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
		rows_add(t, c, "client #rate #limited_rate #queries #limited");
		table_duration(t, number_of(c, "first_seen_s") * 1000);
		table_duration(t, number_of(c, "last_seen_s") * 1000);
		table_text(t, pick(flag_of(c, "blocked"), text_of(c, "blocked_by"), "-"));
	}
	table_print(t, out);
}

static void add_blocked(struct table *t, const json_t *c)
{
	char passes[32] = "none";

	rows_add(t, c, "client by");
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
	if (!json_array_size(sockets))
		return;
	fputc('\n', out);
	rows_print(out, "PORT|>QUEUE|>RX DROPPED|>RX RING FULL|>FILL EMPTY|>RX INVALID|>TX INVALID|>TX EMPTY", sockets,
		   "port #queue #rx_dropped #rx_ring_full #rx_fill_empty #rx_invalid #tx_invalid #tx_ring_empty");
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
		rows_add(t, figures, "#timed #p50_us #p99_us #p999_us");
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

	rows_add(t, d, "%memory huge_pages?huge:small %arena_used #entries #expired #index_slots ~oldest_ms");
	table_print(t, out);
	t = table_new(">STORED|>REPLACED|>EVICTED|>KEPT ON|>CROWDED OUT|>NO ROOM|>PURGED");
	rows_add(t, d, "#stored #replaced #evicted #kept_on #crowded #no_room #purged");
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
		rows_add(t, pool, "#hits #hits_negative #hits_failure #misses #joined #stored #not_kept");
	}
	fputc('\n', out);
	table_print(t, out);
}

static void render_cache_kept(FILE *out, const json_t *d)
{
	fputs("\nentries now:\n", out);
	rows_print(out, "POOL|>POSITIVE|>NEGATIVE|>FAILURE", json_object_get(d, "kept"),
		   "pool #positive #negative #failure");
}

enum { ENTRY_COLUMNS = 9 };	/* what is said once of an entry, however many records it has */

static void add_entry(struct table *t, const json_t *entry)
{
	bool cd = flag_of(entry, "cd"), dnssec_ok = flag_of(entry, "do");

	rows_add(t, entry, "name type pool");
	table_text(t, cd && dnssec_ok ? "DO CD" : cd ? "CD" : dnssec_ok ? "DO" : "");
	table_text(t, text_of(entry, "rcode"));
	table_duration(t, number_of(entry, "age_s") * 1000);
	if (number_of(entry, "left_s"))
		table_duration(t, number_of(entry, "left_s") * 1000);
	else
		table_text(t, "expired");
	rows_add(t, entry, "kind #octets");
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
		rows_add(t, m, "server up?up:DOWN taken?yes:- port");
		add_way(t, m);
	}
	fputc('\n', out);
	table_print(t, out);
}

static void render_query(FILE *out, const json_t *d)
{
	struct table *t = table_new("NAME|TYPE|OUTCOME|SUFFIX|>LABELS|POOL|KIND|CLIENT|RULE");

	rows_add(t, d, "name type outcome suffix #labels pool kind acl acl_rule");
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
	{ "peer", hellotext_peer },
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
