/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_prometheus.c - the metrics, read by a strict reader of the text format: each family once, head before samples,
 * names and labels of the allowed form, no sample twice. No document, however odd, makes it say something else.
 */
#include "tests/tap.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/outcome.h"
#include "node/document.h"
#include "node/prometheus.h"

enum { TEXT_MAX = 1 << 20, FAMILIES_MAX = 200, SAMPLES_MAX = 4000 };

static char text[TEXT_MAX];
static struct { char name[128]; bool counter, histogram; } families[FAMILIES_MAX];
static char samples[SAMPLES_MAX][256];
static unsigned n_families, n_samples;

static bool name_char(char c, bool first)
{
	return isalpha((unsigned char)c) || c == '_' || (isdigit((unsigned char)c) && !first);
}

static const char *skip_name(const char *at)
{
	assert_true(name_char(*at, true));
	while (name_char(*at, false))
		at++;
	return at;
}

/* {a="b",c="d"}, with \\, \" and \n as the only escapes */
static const char *skip_labels(const char *at)
{
	do {
		at = skip_name(at + 1);
		assert_memory_equal(at, "=\"", 2);
		for (at += 2; *at != '"'; at++) {
			assert_true(*at && *at != '\n');
			if (*at == '\\')
				assert_non_null(strchr("\\\"n", *++at));
		}
		at++;
	} while (*at == ',');
	assert_int_equal(*at, '}');
	return at + 1;
}

/* "# HELP name text\n# TYPE name type\n" */
static const char *read_head(const char *at)
{
	const char *name = at + strlen("# HELP "), *end, *type;
	size_t len;

	assert_memory_equal(at, "# HELP tandem_", 14);
	end = skip_name(name);
	len = (size_t)(end - name);
	assert_int_equal(*end, ' ');
	assert_int_not_equal(end[1], '\n');
	at = strchr(end, '\n') + 1;
	assert_memory_equal(at, "# TYPE ", 7);
	assert_memory_equal(at + 7, name, len);
	type = at + 7 + len;
	for (unsigned i = 0; i < n_families; i++)
		assert_false(strlen(families[i].name) == len && memcmp(families[i].name, name, len) == 0);
	assert_true(n_families < FAMILIES_MAX && len < sizeof(families[0].name));
	memcpy(families[n_families].name, name, len);
	families[n_families].name[len] = '\0';
	families[n_families].counter = strncmp(type, " counter\n", 9) == 0;
	families[n_families].histogram = strncmp(type, " histogram\n", 11) == 0;
	assert_true(families[n_families].counter || families[n_families].histogram ||
		    strncmp(type, " gauge\n", 7) == 0);
	/* by convention a counter says that it is a total */
	assert_int_equal(families[n_families].counter, len > 6 && memcmp(end - 6, "_total", 6) == 0);
	n_families++;
	return strchr(type, '\n') + 1;
}

static const char *read_sample(const char *at)
{
	const char *start = at;
	double value;
	char *end;

	at = skip_name(at);
	if (families[n_families - 1].histogram)
		assert_true((size_t)(at - start) > strlen(families[n_families - 1].name));
	else
		assert_int_equal(strlen(families[n_families - 1].name), at - start);
	assert_memory_equal(start, families[n_families - 1].name,
			    strlen(families[n_families - 1].name));
	if (*at == '{')
		at = skip_labels(at);
	assert_int_equal(*at, ' ');
	assert_true(n_samples < SAMPLES_MAX && (size_t)(at - start) < sizeof(samples[0]));
	snprintf(samples[n_samples], sizeof(samples[0]), "%.*s", (int)(at - start), start);
	for (unsigned i = 0; i < n_samples; i++)
		assert_string_not_equal(samples[i], samples[n_samples]);
	n_samples++;
	value = strtod(at + 1, &end);
	assert_true(end > at + 1 && *end == '\n');
	assert_true(value >= 0 || strstr(start, "unaccounted") == start + 15 || strstr(start, "clock_skew"));
	return end + 1;
}

static void read_all(void)
{
	n_families = n_samples = 0;
	for (const char *at = text; *at;) {
		if (*at == '#')
			at = read_head(at);
		else
			at = read_sample(at);
	}
}

static void print(json_t *document)
{
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	prometheus_print(out, document);
	assert_int_equal(fclose(out), 0);
	json_decref(document);
	read_all();
}

static json_t *load(const char *json)
{
	json_error_t error;
	json_t *document = json_loads(json, 0, &error);

	if (!document)
		fail_msg("%s", error.text);
	return document;
}

static json_t *worker(json_int_t first)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < DP_COUNTERS; i++)
		document_count(object, dp_counter_name((enum dp_counter)i), (uint64_t)first + i);
	return object;
}

static json_t *whole_document(void)
{
	json_t *document = load("{"
		"\"inflight\": 3, \"unaccounted\": 0,"
		"\"filter\": { \"query\": 7, \"no-lease\": 2 }, \"virtual_mac\": { \"ours\": 4 },"
		"\"sockets\": [ { \"port\": \"eth0\", \"queue\": 0, \"rx_dropped\": 1, \"rx_ring_full\": 2,"
		"  \"rx_fill_empty\": 3, \"rx_invalid\": 4, \"tx_invalid\": 5, \"tx_ring_empty\": 6 },"
		"  { \"port\": \"eth0\", \"queue\": 1, \"rx_dropped\": 9 } ],"
		"\"latency\": { \"at_once\": { \"sum_us\": 12, \"buckets\": [ 1, 0, 0, 2, 0, 0, 0, 0, 4 ] } },"
		"\"pools\": [ { \"pool\": \"rec\", \"hits\": 70, \"misses\": 30 }, { \"pool\": \"auth\", \"hits\": 1 } ],"
		"\"cache\": { \"memory\": 8388608, \"arena_used\": 4096, \"entries\": 12, \"evicted\": 3, \"huge_pages\": true },"
		"\"servers\": [ { \"pool\": \"rec\", \"server\": \"192.0.2.1:53\", \"up\": true, \"changes\": 1,"
		"  \"outstanding\": 2, \"latency_us\": 1500, \"sent\": 10, \"answered\": 9, \"timeouts\": 1,"
		"  \"errors\": 0, \"probes_sent\": 5, \"probes_failed\": 1, \"probe_latency_us\": 250 },"
		"  { \"pool\": \"auth\", \"server\": \"[2001:db8::1]:53\", \"up\": false, \"sent\": 0 } ],"
		"\"routers\": [ { \"interface\": \"eth0\", \"vrid\": 51, \"family\": \"ipv4\", \"state\": \"Active\", \"priority\": 250,"
		"  \"effective_priority\": 190, \"released\": false, \"lingering\": false, \"dead_man\": true,"
		"  \"since_ms\": 1500, \"event\": \"peer-silent\", \"cause\": \"a new text each time\", \"sent_at_ms\": 1700000000250,"
		"  \"cadence_worst_us\": 104200, \"lease\": { \"mode\": \"active\", \"left_ms\": 280 },"
		"  \"peer\": { \"priority\": 200, \"heard_at_ms\": 1700000000500 },"
		"  \"counters\": { \"transitions\": 3, \"became_active\": 1, \"sent\": 100, \"heard\": 7, \"announcements\": 6,"
		"    \"rejected\": { \"ttl\": 2, \"checksum\": 0 } } },"
		"  { \"interface\": \"eth0\", \"vrid\": 52, \"family\": \"ipv6\", \"state\": \"Initialize\", \"event\": \"none\", \"peer\": null,"
		"    \"counters\": { \"rejected\": { \"ttl\": 1 } } } ],"
		"\"status\": { \"version\": \"0.1.0\", \"node\": \"dd1\", \"io\": \"xdp\", \"uptime_ms\": 61500,"
		"  \"generation\": 2, \"good\": true, \"tcp_connections\": 4, \"unaccounted\": -1,"
		"  \"workers\": [ { \"name\": \"0\", \"inflight\": 3, \"cpu_ms\": 1200 },"
		"    { \"name\": \"stream\", \"inflight\": 0, \"cpu_ms\": 7 } ],"
		"  \"ports\": [ { \"name\": \"eth0\", \"side\": \"both\", \"carrier\": true } ],"
		"  \"conditions\": [ { \"name\": \"pool:rec\", \"kind\": \"weight\", \"failed\": true } ],"
		"  \"tracks\": [ { \"name\": \"uplink\", \"type\": \"interface\", \"failed\": true, \"unknown\": false,"
		"    \"weight\": 60, \"checks\": 9, \"bad_checks\": 2, \"output\": \"x\" } ],"
		"  \"runner\": { \"alive\": true, \"pid\": 7, \"running\": 1, \"queued\": 0,"
		"    \"commands\": { \"good\": 5, \"timed_out\": 1 } },"
		"  \"peer\": { \"configured\": true, \"alive\": true, \"paired\": true, \"skew_ms\": -1500, \"uptime_ms\": 2000,"
		"    \"failed\": 2, \"differs\": [ \"routes\", \"limits\" ],"
		"    \"paths\": [ { \"path\": \"first\", \"alive\": true, \"sent\": 10, \"send_errors\": 0, \"accepted\": 9, \"sessions\": 1,"
		"      \"rejected\": { \"forged\": 3, \"replay\": 0 } }, { \"path\": \"second\", \"alive\": false, \"rejected\": {} } ],"
		"    \"routers\": [ { \"interface\": \"eth0\", \"vrid\": 51, \"family\": \"ipv4\", \"held\": true, \"holds\": 4,"
		"      \"probes_seen\": 5, \"probes_missed\": 0 } ] },"
		"  \"control\": { \"accepted\": 1, \"garbage\": 0 }, \"log_lines_lost\": 0 } }");

	json_object_set_new(document, "workers", json_pack("{s:o, s:o}", "0", worker(100), "stream", worker(1000)));
	return document;
}

static void every_family_is_well_formed(void **state)
{
	static const char *const expected[] = {
		"# TYPE tandem_queries_total counter\n",
		"tandem_queries_total{worker=\"0\",outcome=\"" , "tandem_queries_received_total{worker=\"stream\"} ",
		"# TYPE tandem_in_node_seconds histogram\n",
		"\ntandem_in_node_seconds_bucket{answered=\"at_once\",le=\"4e-06\"} 3\n"
		"tandem_in_node_seconds_bucket{answered=\"at_once\",le=\"8e-06\"} 3\n"
		"tandem_in_node_seconds_bucket{answered=\"at_once\",le=\"1.6e-05\"} 7\n",
		"\ntandem_in_node_seconds_bucket{answered=\"at_once\",le=\"+Inf\"} 7\n"
		"tandem_in_node_seconds_sum{answered=\"at_once\"} 0.000012\ntandem_in_node_seconds_count{answered=\"at_once\"} 7\n",
		"\ntandem_build_info{version=\"0.1.0\",node=\"dd1\",io=\"xdp\"} 1\n",
		"\ntandem_uptime_seconds 61.500000\n", "\ntandem_queries_unaccounted -1\n", "\ntandem_good 1\n",
		"\ntandem_inflight{worker=\"0\"} 3\n", "\ntandem_worker_cpu_seconds_total{worker=\"0\"} 1.200000\n",
		"\ntandem_port_carrier{port=\"eth0\",side=\"both\"} 1\n",
		"\ntandem_condition_failed{condition=\"pool:rec\",kind=\"weight\"} 1\n",
		"\ntandem_track_failed{track=\"uplink\",type=\"interface\"} 1\n",
		"\ntandem_track_weight{track=\"uplink\",type=\"interface\"} 60\n",
		"\ntandem_track_bad_checks_total{track=\"uplink\",type=\"interface\"} 2\n",
		"\ntandem_runner_alive 1\n", "\ntandem_runner_commands_total{result=\"timed_out\"} 1\n",
		"\ntandem_filter_frames_total{verdict=\"no-lease\"} 2\n",
		"\ntandem_xsk_rx_dropped_total{port=\"eth0\",queue=\"1\"} 9\n",
		"\ntandem_xsk_rx_ring_full_total{port=\"eth0\",queue=\"0\"} 2\n",
		"\ntandem_pool_hits_total{pool=\"auth\"} 1\n", "\ntandem_pool_misses_total{pool=\"rec\"} 30\n",
		"\ntandem_cache_memory_bytes 8388608\n", "\ntandem_cache_evicted_total 3\n",
		"\ntandem_server_up{pool=\"auth\",server=\"[2001:db8::1]:53\"} 0\n",
		"\ntandem_server_latency_seconds{pool=\"rec\",server=\"192.0.2.1:53\"} 0.001500\n",
		"\ntandem_server_timeouts_total{pool=\"rec\",server=\"192.0.2.1:53\"} 1\n",
		"\ntandem_vrrp_state{interface=\"eth0\",vrid=\"51\",family=\"ipv4\",state=\"Active\"} 1\n",
		"\ntandem_vrrp_state{interface=\"eth0\",vrid=\"51\",family=\"ipv4\",state=\"Backup\"} 0\n",
		"\ntandem_vrrp_state{interface=\"eth0\",vrid=\"51\",family=\"ipv4\",state=\"Initialize\"} 0\n",
		"\ntandem_vrrp_state{interface=\"eth0\",vrid=\"52\",family=\"ipv6\",state=\"Initialize\"} 1\n",
		"\ntandem_vrrp_priority{interface=\"eth0\",vrid=\"51\",family=\"ipv4\"} 250\n",
		"\ntandem_vrrp_state_seconds{interface=\"eth0\",vrid=\"51\",family=\"ipv4\"} 1.500000\n",
		"\ntandem_vrrp_last_transition{interface=\"eth0\",vrid=\"51\",family=\"ipv4\",event=\"peer-silent\"} 1\n",
		"\ntandem_vrrp_last_transition{interface=\"eth0\",vrid=\"52\",family=\"ipv6\",event=\"none\"} 1\n",
		"\ntandem_vrrp_advert_sent_timestamp_seconds{interface=\"eth0\",vrid=\"51\",family=\"ipv4\"} 1700000000.250000\n",
		"\ntandem_vrrp_advert_heard_timestamp_seconds{interface=\"eth0\",vrid=\"51\",family=\"ipv4\"} 1700000000.500000\n",
		"\ntandem_vrrp_cadence_worst_seconds{interface=\"eth0\",vrid=\"51\",family=\"ipv4\"} 0.104200\n",
		"\ntandem_vrrp_lease_seconds{interface=\"eth0\",vrid=\"51\",family=\"ipv4\"} 0.280000\n",
		"\ntandem_vrrp_announcements_total{interface=\"eth0\",vrid=\"51\",family=\"ipv4\"} 6\n",
		"\ntandem_vrrp_adverts_rejected_total{interface=\"eth0\",vrid=\"51\",family=\"ipv4\",reason=\"ttl\"} 2\n",
		"\ntandem_vrrp_adverts_rejected_total{interface=\"eth0\",vrid=\"52\",family=\"ipv6\",reason=\"ttl\"} 1\n",
		"\ntandem_vrrp_effective_priority{interface=\"eth0\",vrid=\"51\",family=\"ipv4\"} 190\n",
		"\ntandem_peer_alive 1\n", "\ntandem_peer_clock_skew_seconds -1.500000\n",
		"\ntandem_peer_conditions_failed 2\n",
		"\ntandem_peer_path_alive{path=\"second\"} 0\n", "\ntandem_peer_accepted_total{path=\"first\"} 9\n",
		"\ntandem_peer_rejected_total{path=\"first\",reason=\"forged\"} 3\n",
		"\ntandem_peer_differs{part=\"limits\"} 1\n",
		"\ntandem_vrrp_held{interface=\"eth0\",vrid=\"51\",family=\"ipv4\"} 1\n",
		"\ntandem_vrrp_became_active_total{interface=\"eth0\",vrid=\"51\",family=\"ipv4\"} 1\n",
	};

	(void)state;
	print(whole_document());
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		if (!strstr(text, expected[i]))
			fail_msg("missing: %s", expected[i]);
	}
	assert_null(strstr(text, "a new text"));	/* it would begin a series each time */
}

/* Every outcome and event of every worker is there, with its number. */
static void all_counters_are_shown(void **state)
{
	char expected[256];

	(void)state;
	print(whole_document());
	for (unsigned i = 0; i < DP_COUNTERS; i++) {
		const char *name = dp_counter_name((enum dp_counter)i);

		if (i < DP_OUTCOME_END)
			snprintf(expected, sizeof(expected),
				 "\ntandem_queries_total{worker=\"stream\",outcome=\"%s\"} %u\n",
				 name, 1000 + i);
		else
			snprintf(expected, sizeof(expected), "\ntandem_%s_total{worker=\"stream\"} %u\n",
				 i == DP_COUNT_QUERIES ? "queries_received" : name, 1000 + i);
		if (!strstr(text, expected))
			fail_msg("missing: %s", expected);
	}
}

static void label_values_are_escaped(void **state)
{
	(void)state;
	print(load("{ \"servers\": [ { \"pool\": \"a\\\"b\\\\c\\nd{}=,# HELP\", \"server\": \"\", \"up\": true } ] }"));
	assert_non_null(strstr(text, "tandem_server_up{pool=\"a\\\"b\\\\c\\nd{}=,# HELP\",server=\"\"} 1\n"));
	assert_int_equal(n_samples, 1);
}

/* What is of the wrong type, or not there, is left out. */
static void odd_documents(void **state)
{
	static const char *const documents[] = {
		"{}", "{ \"servers\": 1, \"workers\": [], \"status\": \"x\", \"routers\": null, \"sockets\": {} }",
		"{ \"servers\": [ 1, null, \"x\", {}, { \"up\": \"yes\" }, { \"up\": true } ] }",
		"{ \"workers\": { \"0\": 1, \"1\": {}, \"2\": { \"queries\": \"many\" } } }",
		"{ \"filter\": { \"query\": \"x\" }, \"routers\": [ {} ], \"status\": {} }",
		"{ \"status\": { \"peer\": { \"paths\": [ 1, {}, { \"rejected\": 7 } ], \"differs\": [ {}, 1 ], \"routers\": {} } } }",
		"{ \"status\": { \"peer\": [] } }",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
		print(load(documents[i]));
}

static const struct CMUnitTest cases[] = {
	CASE("V196 the metrics of a whole node are well-formed, and virtual routers have theirs",
	     every_family_is_well_formed),
	CASE("D250 every outcome and event of every worker is among the metrics", all_counters_are_shown),
	CASE("D252 label values are escaped", label_values_are_escaped),
	CASE("what a document has not, or in another type, is left out", odd_documents),
};

int main(void)
{
	return RUN(cases);
}
