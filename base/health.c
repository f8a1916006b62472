/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * health.c - named, debounced conditions. Contract in health.h.
 */
#include "base/health.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"

int health_init(struct health *health)
{
	memset(health, 0, sizeof(*health));
	health->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return health->event_fd < 0 ? -errno : 0;
}

void health_fini(struct health *health)
{
	if (health->event_fd >= 0)
		close(health->event_fd);
	health->event_fd = -1;
}

struct health_condition *health_add(struct health *health, const char *name, enum health_kind kind,
				    uint16_t fall, uint16_t rise, bool start_failed, uint64_t now_ns)
{
	struct health_condition *c = health->conditions;

	while (c < health->conditions + HEALTH_MAX && c->in_use)
		c++;
	if (c == health->conditions + HEALTH_MAX)
		return NULL;
	memset(c, 0, sizeof(*c));
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->kind = kind;
	c->fall = fall ? fall : 1;
	c->rise = rise ? rise : 1;
	c->since_ns = now_ns;
	c->in_use = true;
	atomic_store_explicit(&c->failed, start_failed, memory_order_release);
	return c;
}

static void ring(struct health *health)
{
	uint64_t one = 1;

	/* An eventfd only refuses when it is full, and then it is readable anyway. */
	if (write(health->event_fd, &one, sizeof(one)) < 0)
		return;
}

void health_remove(struct health *health, struct health_condition *condition)
{
	bool was_failed = health_failed(condition);

	condition->in_use = false;
	atomic_store_explicit(&condition->failed, 0, memory_order_release);
	if (was_failed)
		ring(health);
}

bool health_report(struct health *health, struct health_condition *condition, bool good,
		   const char *cause, uint64_t now_ns)
{
	bool failed = health_failed(condition);

	if (good == !failed) {
		condition->streak = 0;
		if (failed && cause)
			snprintf(condition->cause, sizeof(condition->cause), "%s", cause);
		return false;
	}
	if (!good)
		snprintf(condition->cause, sizeof(condition->cause), "%s", cause ? cause : "");
	if (++condition->streak < (good ? condition->rise : condition->fall))
		return false;
	condition->streak = 0;
	condition->since_ns = now_ns;
	condition->changes++;
	atomic_store_explicit(&condition->failed, !good, memory_order_release);
	if (good) {
		log_info("condition %s: good again (was: %s)", condition->name, condition->cause);
		condition->cause[0] = '\0';
	} else {
		log_warning("condition %s: failed: %s", condition->name, condition->cause);
	}
	ring(health);
	return true;
}

void health_set_weight(struct health *health, struct health_condition *condition, uint8_t weight)
{
	if (atomic_exchange(&condition->weight, weight) != weight && health_failed(condition))
		ring(health);
}

bool health_any_fault(const struct health *health)
{
	for (unsigned i = 0; i < HEALTH_MAX; i++) {
		const struct health_condition *c = &health->conditions[i];

		if (c->in_use && c->kind == HEALTH_FAULT && health_failed(c))
			return true;
	}
	return false;
}
