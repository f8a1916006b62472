/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.c - one capture under way. Contract in capture.h.
 *
 * The workers count the trace's frames down; when none is left, or time is up, the trace is withdrawn and
 * retired, and the rings are drained once more a beat later, for what a worker was just writing.
 */
#include "node/capture.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "dataplane/trace.h"
#include "node/control.h"
#include "node/document.h"
#include "node/node.h"

enum {
	BEAT_MS = 20,
	LAST_BEATS = 3,			/* between the end of the trace and the end of the stream */
	RECORD_MAX = 4096,		/* what dp_trace_pop() may need */
	DNS_PORT = 53,
};

struct capture {
	struct node *node;
	struct control_client *client;
	struct loop_timer beat;
	struct dp_trace *trace;		/* NULL once withdrawn */
	uint64_t until_ns, lost_before;
	unsigned last_beats;
	bool has_header;
};

/* ---- rings ---- */

static struct dp_trace_ring *ring_of(const struct node *node, unsigned worker)
{
	return node->shared.worker[worker] ? node->shared.worker[worker]->trace_ring : NULL;
}

static size_t drain(const struct node *node, uint8_t *out, size_t size)
{
	size_t at = 0;

	for (unsigned i = 0; i <= DP_STREAM; i++) {
		struct dp_trace_ring *ring = ring_of(node, i);
		size_t n = ring ? 1 : 0;

		while (n && size - at >= RECORD_MAX) {
			n = dp_trace_pop(ring, out + at, size - at);
			at += n;
		}
	}
	return at;
}

static uint64_t count_lost(const struct node *node)
{
	uint64_t lost = 0;

	for (unsigned i = 0; i <= DP_STREAM; i++)
		if (ring_of(node, i))
			lost += dp_trace_lost(ring_of(node, i));
	return lost;
}

static void empty_rings(const struct node *node)
{
	static uint8_t scratch[4 * RECORD_MAX];

	while (drain(node, scratch, sizeof(scratch)))
		;
}

/* ---- the stream ---- */

static void withdraw(struct capture *c)
{
	if (!c->trace)
		return;
	atomic_store(&c->node->shared.trace, NULL);
	if (epoch_retire(&c->node->shared.epoch, free, c->trace))
		log_error("no memory: a capture's filter is never freed");
	c->trace = NULL;
	c->last_beats = LAST_BEATS;
}

static ssize_t fill(void *context, char *out, size_t size)
{
	struct capture *c = context;
	size_t n = 0;

	if (!c->has_header) {
		n = dp_trace_pcap_header((uint8_t *)out);
		c->has_header = true;
	}
	n += drain(c->node, (uint8_t *)out + n, size - n);
	if (n)
		return (ssize_t)n;
	return c->trace || c->last_beats ? 0 : -1;
}

static void close_capture(void *context)
{
	struct capture *c = context;
	uint64_t lost = count_lost(c->node) - c->lost_before;

	withdraw(c);
	loop_timer_stop(&c->node->loop, &c->beat);
	c->node->capture = NULL;
	if (lost)
		log_warning("capture: %llu frames lost, the client did not read fast enough",
			    (unsigned long long)lost);
	free(c);
}

static const struct control_source source = { .fill = fill, .close = close_capture };

static void on_beat(struct loop_timer *timer, uint64_t now_ns)
{
	struct capture *c = (struct capture *)((char *)timer - offsetof(struct capture, beat));

	if (c->trace && (!atomic_load(&c->trace->left) || now_ns >= c->until_ns))
		withdraw(c);
	else if (c->last_beats)
		c->last_beats--;
	loop_timer_start(&c->node->loop, timer, now_ns + BEAT_MS * CLOCK_NS_PER_MS);
	control_stream_more(c->client);		/* last: it may end the capture */
}

/* ---- the request ---- */

static int parse_server(const char *text, struct endpoint *server)
{
	char address[ADDR_TEXT_MAX];
	const char *colon = strrchr(text, ':');
	size_t len = strlen(text);
	char *end = "";

	server->port = DNS_PORT;
	if (colon && strchr(text, ':') == colon) {	/* one only: IPv4 and a port */
		unsigned long port = strtoul(colon + 1, &end, 10);

		if (!port || port > UINT16_MAX || *end)
			return -EINVAL;
		server->port = (uint16_t)port;
		len = (size_t)(colon - text);
	}
	if (len >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, len);
	address[len] = '\0';
	return addr_parse(address, &server->addr);
}

/* The name of the part that cannot be read, or NULL. */
static const char *parse_trace(const json_t *request, struct dp_trace *trace)
{
	const char *client = json_string_value(json_object_get(request, "client"));
	const char *name = json_string_value(json_object_get(request, "name"));
	const char *server = json_string_value(json_object_get(request, "server"));

	trace->by_client = client;
	trace->by_name = name;
	trace->by_server = server;
	if (client && prefix_parse(client, &trace->client))
		return "client";
	if (name && name_from_text(name, &trace->name))
		return "name";
	if (server && parse_server(server, &trace->server))
		return "server";
	return NULL;
}

/* A number of the request within 1 .. max; fallback when it is missing, 0 when it is something else. */
static uint32_t number(const json_t *request, const char *key, uint32_t fallback, uint32_t max)
{
	const json_t *value = json_object_get(request, key);
	json_int_t n = json_integer_value(value);

	if (!value)
		return fallback;
	return n >= 1 && n <= max ? (uint32_t)n : 0;
}

static struct capture *capture_new(struct node *node, struct control_client *client)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->trace = calloc(1, sizeof(*c->trace));
	if (!c->trace) {
		free(c);
		return NULL;
	}
	c->node = node;
	c->client = client;
	c->beat.on_due = on_beat;
	return c;
}

static void begin(struct capture *c, uint32_t count, uint32_t seconds)
{
	struct node *node = c->node;
	json_t *head = json_object();

	empty_rings(node);
	c->lost_before = count_lost(node);
	c->until_ns = clock_mono_ns() + seconds * (uint64_t)CLOCK_NS_PER_S;
	atomic_store(&c->trace->left, count);
	atomic_store(&node->shared.trace, c->trace);
	node->capture = c;
	loop_timer_start(&node->loop, &c->beat, clock_mono_ns() + BEAT_MS * CLOCK_NS_PER_MS);
	document_count(head, "count", count);
	document_count(head, "seconds", seconds);
	control_stream(c->client, head, &source, c);
}

void capture_start(struct node *node, struct control_client *client, const json_t *request)
{
	uint32_t count = number(request, "count", CAPTURE_FRAMES_DEFAULT, CAPTURE_FRAMES_MAX);
	uint32_t seconds = number(request, "seconds", CAPTURE_SECONDS_MAX, CAPTURE_SECONDS_MAX);
	struct capture *c;
	const char *bad;

	if (node->capture) {
		control_refuse(client, "another capture is under way");
		return;
	}
	c = capture_new(node, client);
	if (!c) {
		control_refuse(client, "no memory");
		return;
	}
	bad = parse_trace(request, c->trace);
	if (!bad)
		bad = !count ? "count" : !seconds ? "seconds" : NULL;
	if (bad) {
		control_refuse(client, "capture: %s cannot be read or is out of range", bad);
		free(c->trace);
		free(c);
		return;
	}
	begin(c, count, seconds);
}
