/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trackstatus.c - documents about tracked things and the runner. Contract in trackstatus.h.
 */
#include "node/trackstatus.h"

#include "base/clock.h"
#include "base/health.h"
#include "node/document.h"
#include "node/node.h"
#include "node/runner.h"
#include "node/track.h"

static const char *const state_names[] = {
	[TRACK_GOOD] = "good",
	[TRACK_FAILED] = "failed",
	[TRACK_UNKNOWN] = "unknown",
};

static uint64_t ms_between(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? (to_ns - from_ns) / CLOCK_NS_PER_MS : 0;
}

static json_t *track_object(const struct track_status *s, uint64_t now_ns)
{
	const struct health_condition *c = s->condition;
	json_t *object = json_object();

	document_text(object, "name", s->name);
	document_text(object, "type", s->type);
	document_text(object, "target", s->target);
	document_text(object, "state", state_names[s->state]);
	/* what counts, also while it is unknown how it is now */
	document_flag(object, "failed", c && health_failed(c));
	document_flag(object, "unknown", s->state == TRACK_UNKNOWN);
	document_count(object, "since_ms", c ? ms_between(c->since_ns, now_ns) : 0);
	document_count(object, "changes", c ? c->changes : 0);
	document_text(object, "effect", s->fault ? "fault" : "weight");
	document_count(object, "weight", s->weight);
	document_text(object, "result", s->result);
	document_text(object, "output", s->output);
	document_count(object, "checks", s->checks);
	document_count(object, "bad_checks", s->bad_checks);
	document_flag(object, "under_way", !s->next_ns);
	document_count(object, "next_ms", ms_between(now_ns, s->next_ns));
	return object;
}

json_t *trackstatus_list(const struct node *node)
{
	uint64_t now_ns = clock_mono_ns();
	json_t *list = json_array();

	for (unsigned i = 0; i < tracks_count(node->tracks); i++) {
		struct track_status status;

		tracks_status(node->tracks, i, &status);
		json_array_append_new(list, track_object(&status, now_ns));
	}
	return list;
}

json_t *trackstatus_runner(const struct node *node)
{
	const struct runner_counts *counts = runner_counts(node->runner);
	bool alive = runner_is_alive(node->runner);
	json_t *object = json_object(), *commands = json_object();

	document_flag(object, "alive", alive);
	document_count(object, "pid", alive ? (uint64_t)runner_pid(node->runner) : 0);
	document_count(object, "running", runner_running(node->runner));
	document_count(object, "queued", runner_queued(node->runner));
#define PUT(name, help) document_count(commands, #name, counts->name);
	RUNNER_COUNTS(PUT)
#undef PUT
	json_object_set_new(object, "commands", commands);
	return object;
}
