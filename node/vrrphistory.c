/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vrrphistory.c - the last transitions of the virtual routers, and what had failed then. Contract in vrrp.h and
 * routers.h.
 */
#include "node/routers.h"

#include <string.h>

enum { TRANSITIONS = 16 };		/* read at once */

static bool has_failed(const struct health_condition *c, enum health_kind kind)
{
	return c->in_use && c->kind == kind && health_failed(c);
}

/* Adds "name: cause; name: cause" to text. Returns text. */
static const char *list_failed(const struct node_vrrp *v, enum health_kind kind, char *text, size_t size)
{
	size_t at = strlen(text);

	for (unsigned i = 0; i < HEALTH_MAX && at < size; i++) {
		const struct health_condition *c = &v->parts.health->conditions[i];

		if (has_failed(c, kind))
			at += (size_t)snprintf(text + at, size - at, "%s%s: %s", at ? "; " : "", c->name, c->cause);
	}
	return text;
}

const char *node_vrrp_why(const struct node_vrrp *v, const struct vrrp_status *status, char *text, size_t size)
{
	text[0] = '\0';
	if (status->demoted)
		return list_failed(v, HEALTH_FAULT, text, size);
	if (status->weights)
		return list_failed(v, HEALTH_WEIGHT, text, size);
	return text;
}

static struct node_vrrp_event *next_event(struct node_vrrp *v)
{
	unsigned at = (v->first_event + v->events) % VRRP_HISTORY;

	if (v->events < VRRP_HISTORY)
		v->events++;
	else
		v->first_event = (v->first_event + 1) % VRRP_HISTORY;
	return &v->event[at];
}

/* The engine says, and logs, what it acted on; what was behind that only the conditions know. */
static void note_transition(struct node_vrrp *v, const struct vrrp_transition *t)
{
	struct node_vrrp_event *event = next_event(v);

	event->transition = *t;
	memcpy(event->interface, v->conf[t->router].interface, sizeof(event->interface));
	event->vrid = v->conf[t->router].vrid;
	event->ipv6 = vrrp_is_ipv6(&v->conf[t->router]);
	event->because[0] = '\0';
	list_failed(v, HEALTH_FAULT, event->because, sizeof(event->because));
	list_failed(v, HEALTH_WEIGHT, event->because, sizeof(event->because));
	if (v->parts.on_transition)
		v->parts.on_transition(v->parts.context, &v->conf[t->router], event);
}

void routers_read_transitions(struct node_vrrp *v)
{
	struct vrrp_transition transitions[TRANSITIONS];
	uint64_t lost;
	unsigned n;

	do {
		n = vrrp_engine_transitions(v->engine, transitions, TRANSITIONS, &lost);
		if (lost)
			log_warning("vrrp: %llu transitions came too fast to be noted", (unsigned long long)lost);
		for (unsigned i = 0; i < n; i++)
			note_transition(v, &transitions[i]);
	} while (n == TRANSITIONS);
}

unsigned node_vrrp_events(const struct node_vrrp *v)
{
	return v->events;
}

const struct node_vrrp_event *node_vrrp_event(const struct node_vrrp *v, unsigned i)
{
	return &v->event[(v->first_event + i) % VRRP_HISTORY];
}
