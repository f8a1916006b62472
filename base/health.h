/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * health.h - named conditions, debounced. The control thread reports; any thread reads the one atomic
 * word of a condition; an eventfd tells a waiting thread (VRRP) that some word changed.
 */
#ifndef BASE_HEALTH_H
#define BASE_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { HEALTH_MAX = 512, HEALTH_NAME_MAX = 64, HEALTH_CAUSE_MAX = 160 };

enum health_kind {
	HEALTH_FAULT,	/* this box cannot serve */
	HEALTH_WEIGHT,	/* the other box may be better: lowers the priority by weight */
	HEALTH_NOTICE,	/* shown, moves nothing */
};

struct health_condition {
	_Atomic uint32_t failed;		/* 1 while failed; the word others read */
	/* control thread only below; kind, weight and own are read by others while it has failed */
	char name[HEALTH_NAME_MAX];		/* "filter:eth0" */
	enum health_kind kind;
	_Atomic uint8_t weight;
	bool own;				/* of this node alone: nobody waits for the other one to see it too */
	uint16_t fall, rise;			/* reports in a row that change the state; at least 1 */
	uint16_t streak;			/* reports in a row against the present state */
	bool in_use;
	uint64_t since_ns;			/* CLOCK_MONOTONIC of the last change */
	uint64_t changes;
	char cause[HEALTH_CAUSE_MAX];		/* of the last bad report; "" when good */
};

struct health {
	struct health_condition conditions[HEALTH_MAX];
	int event_fd;				/* eventfd, readable after a change */
};

int health_init(struct health *health);		/* 0 or -errno */
void health_fini(struct health *health);

/* A condition that starts good (failed = 0) or failed; NULL when HEALTH_MAX are in use. The pointer
 * stays valid until health_remove(). Control thread. */
struct health_condition *health_add(struct health *health, const char *name, enum health_kind kind,
				    uint16_t fall, uint16_t rise, bool start_failed, uint64_t now_ns);
void health_remove(struct health *health, struct health_condition *condition);

/* One check's verdict; the state changes after fall bad or rise good ones in a row. cause is kept while
 * bad. Logs the change and rings event_fd. Returns true when the state changed. Control thread. */
bool health_report(struct health *health, struct health_condition *condition, bool good,
		   const char *cause, uint64_t now_ns);

/* Another weight; one that counts now counts anew. Control thread. */
void health_set_weight(struct health *health, struct health_condition *condition, uint8_t weight);

/* Any thread. */
static inline bool health_failed(const struct health_condition *condition)
{
	return atomic_load_explicit((_Atomic uint32_t *)&condition->failed, memory_order_acquire) != 0;
}
bool health_any_fault(const struct health *health);

#endif
