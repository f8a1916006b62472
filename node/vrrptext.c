/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vrrptext.c - virtual routers at work, as text. Contract in vrrptext.h.
 */
#include "node/vrrptext.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "node/members.h"
#include "node/rows.h"
#include "node/table.h"

enum { VALUE_MAX = 768, DURATION_MAX = 48 };

const char *vrrptext_name(const json_t *router, char *text, size_t size)
{
	snprintf(text, size, "%s/%" PRIu64 "%s", text_of(router, "interface"), number_of(router, "vrid"),
		 strcmp(text_of(router, "family"), "ipv6") == 0 ? "v6" : "");
	return text;
}

static uint64_t sum_rejected(const json_t *router)
{
	json_t *rejected = json_object_get(json_object_get(router, "counters"), "rejected"), *count;
	const char *why;
	uint64_t sum = 0;

	json_object_foreach(rejected, why, count)
		sum += (uint64_t)json_integer_value(count);
	return sum;
}

void vrrptext_work(FILE *out, const json_t *routers)
{
	struct table *t = table_new("VIRTUAL ROUTER|LEASE|>LEFT ms|>SENT|>REFUSED|>WORST GAP|>LATE|>LAPSED|>ANNOUNCED|"
				    ">REJECTED");
	const json_t *router;
	char name[64];
	size_t i;

	json_array_foreach(routers, i, router) {
		const json_t *lease = json_object_get(router, "lease"), *counters = json_object_get(router, "counters");

		table_text(t, vrrptext_name(router, name, sizeof(name)));
		rows_add(t, lease, "mode #left_ms");
		rows_add(t, counters, "#sent #send_errors");
		table_latency(t, number_of(router, "cadence_worst_us"));
		rows_add(t, counters, "#late #lapsed #announcements");
		table_number(t, sum_rejected(router));
	}
	table_print(t, out);
}

/* ---- one router ---- */

__attribute__((format(printf, 3, 4)))
static void row(struct table *t, const char *what, const char *format, ...)
{
	char value[VALUE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	table_text(t, what);
	table_text(t, value);
}

static void add_state(struct table *t, const json_t *router)
{
	char since[DURATION_MAX];

	table_format_duration(number_of(router, "since_ms"), since, sizeof(since));
	row(t, "state", "%s for %s%s%s", text_of(router, "state"), since,
	    pick(flag_of(router, "lingering"), ", lingering", ""),
	    pick(flag_of(router, "released"), ", released by command", ""));
	row(t, "last event", "%s", text_of(router, "event"));
	row(t, "cause", "%s", text_of(router, "cause"));
	row(t, "missing", "%s", text_of(router, "missing"));
}

static void add_priority(struct table *t, const json_t *router)
{
	uint64_t configured = number_of(router, "priority"), effective = number_of(router, "effective_priority");

	if (effective == configured)
		row(t, "priority", "%" PRIu64, configured);
	else
		row(t, "priority", "%" PRIu64 ", configured %" PRIu64 ": %s%s", effective, configured,
		    pick(flag_of(router, "demoted"), "last resort: ", ""), text_of(router, "why"));
	if (!flag_of(router, "preempt"))
		row(t, "preemption", "off");
	else if (flag_of(router, "holding"))
		row(t, "preemption", "held off for %" PRIu64 " s", (number_of(router, "preempt_in_ms") + 999) / 1000);
	else
		row(t, "preemption", "at once");
}

static void add_sending(struct table *t, const json_t *router)
{
	const json_t *lease = json_object_get(router, "lease"), *counters = json_object_get(router, "counters");

	row(t, "lease", "%s, %" PRIu64 " ms left%s", text_of(lease, "mode"), number_of(lease, "left_ms"),
	    pick(flag_of(router, "dead_man"), "", "; nothing enforces it here"));
	row(t, "sent", "%" PRIu64 " advertisements from %s, the last %" PRIu64 " ms ago; %" PRIu64 " with priority 0, %"
	    PRIu64 " refused by the kernel", number_of(counters, "sent"), text_of(router, "source"),
	    number_of(router, "sent_ms"),
	    number_of(counters, "sent_release"), number_of(counters, "send_errors"));
	row(t, "cadence", "every %" PRIu64 " ms, worst gap %.1f ms; %" PRIu64 " timers late, %" PRIu64 " leases lapsed",
	    10 * number_of(router, "interval_cs"), (double)number_of(router, "cadence_worst_us") / 1000,
	    number_of(counters, "late"), number_of(counters, "lapsed"));
	row(t, "announced", "%" PRIu64 " times; %" PRIu64 " requests heard, %" PRIu64 " answered, %" PRIu64 " over the "
	    "limit",
	    number_of(counters, "announcements"), number_of(counters, "arp_requests"),
	    number_of(counters, "arp_replies"),
	    number_of(counters, "arp_limited"));
}

static void add_peer(struct table *t, const char *what, const json_t *peer)
{
	char heard[DURATION_MAX];

	if (!json_is_object(peer))
		return;
	table_format_duration(number_of(peer, "heard_ms"), heard, sizeof(heard));
	row(t, what, "%s, priority %" PRIu64 ", every %" PRIu64 " ms, checksum %s, heard %s ago",
	    text_of(peer, "address"),
	    number_of(peer, "priority"), 10 * number_of(peer, "interval_cs"), text_of(peer, "checksum"), heard);
}

/* "ttl 3, checksum 1": the reasons that there were. */
static void add_rejected(struct table *t, json_t *rejected)
{
	char text[VALUE_MAX] = "none";
	const char *why;
	json_t *count;
	size_t at = 0;

	json_object_foreach(rejected, why, count)
		if (json_integer_value(count) && at < sizeof(text))
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s %" JSON_INTEGER_FORMAT,
					       at ? ", " : "", why,
					       json_integer_value(count));
	row(t, "rejected", "%s", text);
}

static void add_hearing(struct table *t, const json_t *router)
{
	const json_t *counters = json_object_get(router, "counters");

	add_peer(t, "peer", json_object_get(router, "peer"));
	add_peer(t, "before it", json_object_get(router, "other"));
	row(t, "heard", "%" PRIu64 " advertisements, %" PRIu64 " with priority 0; %" PRIu64 " missed",
	    number_of(counters, "heard"),
	    number_of(counters, "heard_release"), number_of(counters, "missed"));
	row(t, "two Actives", "%" PRIu64 " times", number_of(counters, "two_actives"));
	row(t, "conflicts", "%" PRIu64 " times another host claimed an address", number_of(counters, "conflicts"));
	row(t, "differences", "%" PRIu64 " advertisements with another interval, %" PRIu64 " with other addresses",
	    number_of(counters, "interval_errors"), number_of(counters, "address_list_errors"));
	add_rejected(t, json_object_get(counters, "rejected"));
	row(t, "not ours", "%" PRIu64 " advertisements", number_of(counters, "foreign"));
}

void vrrptext_page(FILE *out, const json_t *router, const char *addresses, const char *remark)
{
	char header[96], name[64];
	struct table *t;

	snprintf(header, sizeof(header), "VIRTUAL ROUTER|%s", vrrptext_name(router, name, sizeof(name)));
	t = table_new(header);
	row(t, "addresses", "%s", addresses);
	add_state(t, router);
	add_priority(t, router);
	add_sending(t, router);
	add_hearing(t, router);
	row(t, "changes", "%" PRIu64 ", %" PRIu64 " of them to Active",
	    number_of(json_object_get(router, "counters"), "transitions"),
	    number_of(json_object_get(router, "counters"), "became_active"));
	row(t, "remark", "%s", remark);
	table_print(t, out);
}
