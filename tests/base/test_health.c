/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/tap.h"

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/health.h"
#include "base/lease.h"

static bool rang(struct health *health)
{
	uint64_t n;

	return read(health->event_fd, &n, sizeof(n)) == sizeof(n);
}

static void debounces(void **state)
{
	/* reports, and whether the condition is failed after each: fall 3, rise 2 */
	static const struct { bool good, failed; } steps[] = {
		{ 0, 0 }, { 0, 0 }, { 1, 0 }, { 0, 0 }, { 0, 0 }, { 0, 1 }, { 0, 1 },
		{ 1, 1 }, { 0, 1 }, { 1, 1 }, { 1, 0 }, { 1, 0 },
	};
	struct health health;
	struct health_condition *c;

	(void)state;
	assert_int_equal(health_init(&health), 0);
	c = health_add(&health, "filter:eth0", HEALTH_FAULT, 3, 2, false, 1);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		bool before = health_failed(c);
		bool changed = health_report(&health, c, steps[i].good, "gone", 10 + i);

		assert_int_equal(health_failed(c), steps[i].failed);
		assert_int_equal(changed, before != steps[i].failed);
		assert_int_equal(rang(&health), changed);
		assert_int_equal(health_any_fault(&health), steps[i].failed);
		assert_string_equal(c->cause, steps[i].failed ? "gone" : c->cause);
	}
	assert_int_equal(c->changes, 2);
	health_fini(&health);
}

static void weights_are_no_faults(void **state)
{
	struct health health;
	struct health_condition *c;

	(void)state;
	health_init(&health);
	c = health_add(&health, "pool:rec", HEALTH_WEIGHT, 1, 1, false, 1);
	health_report(&health, c, false, "no member", 2);
	assert_true(health_failed(c));
	assert_false(health_any_fault(&health));
	assert_true(rang(&health));
	health_set_weight(&health, c, 7);
	assert_true(rang(&health));
	health_set_weight(&health, c, 7);
	assert_false(rang(&health));
	assert_int_equal(c->weight, 7);
	health_remove(&health, c);
	assert_true(rang(&health));
	health_fini(&health);
}

static void runs_out_of_room(void **state)
{
	struct health health;
	char name[32];

	(void)state;
	health_init(&health);
	for (int i = 0; i < HEALTH_MAX; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		assert_non_null(health_add(&health, name, HEALTH_NOTICE, 1, 1, false, 1));
	}
	assert_null(health_add(&health, "one too many", HEALTH_NOTICE, 1, 1, false, 1));
	health_fini(&health);
}

static void lease_ends_by_itself(void **state)
{
	static struct lease_page page;

	(void)state;
	assert_true(lease_holds(&page, LEASE_NONE, 1));
	assert_false(lease_holds(&page, 0, 1));
	lease_grant(&page, 0, LEASE_ACTIVE, 1000);
	assert_true(lease_holds(&page, 0, 999));
	assert_false(lease_holds(&page, 0, 1000));
	assert_int_equal(lease_mode(&page, 0), LEASE_ACTIVE);
	lease_grant(&page, 0, LEASE_LINGER, 2000);
	lease_revoke(&page, 0);
	assert_false(lease_holds(&page, 0, 1));
	assert_int_equal(lease_mode(&page, 0), LEASE_RELEASED);
	assert_false(lease_holds(&page, LEASE_MAX, 1));
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("a condition changes after fall bad or rise good reports in a row", debounces),
		CASE("a weight condition is no fault", weights_are_no_faults),
		CASE("no more conditions than there is room for", runs_out_of_room),
		CASE("a lease holds until its time and not longer", lease_ends_by_itself),
	};

	return RUN(cases);
}
