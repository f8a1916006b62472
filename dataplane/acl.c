/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * acl.c - which clients may ask: nested prefixes flattened into ranges that do not overlap. Built on the
 * control thread; read by any.
 *
 * Addresses are numbers of 128 bits. Range i holds from ranges[i].first up to the next range's first; the
 * last one up to the highest address. n rules make at most 2 n + 3 ranges.
 */
#include "dataplane/acl.h"

#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Before anything else is said, IPv4 clients match nothing, not even an IPv6 prefix around ::ffff:0:0/96. */
static const struct prefix all_v4 = { .addr = { .bytes = { [10] = 0xff, [11] = 0xff } }, .len = 96 };

struct range {
	unsigned __int128 first;
	const struct dp_acl_rule *rule;		/* NULL = none */
};

struct dp_acl {
	struct dp_acl_rule *rules;
	size_t n;
	struct range ranges[];
};

/* A prefix while the ranges are built. */
struct span {
	unsigned __int128 first, last;
	const struct dp_acl_rule *rule;
};

enum { NESTING_MAX = 129 };	/* one span for each prefix length */

static unsigned __int128 number_of(const struct addr *addr)
{
	return (unsigned __int128)be64toh(addr->halves_be[0]) << 64 | be64toh(addr->halves_be[1]);
}

static struct span span_of(const struct prefix *prefix, const struct dp_acl_rule *rule)
{
	unsigned __int128 first = number_of(&prefix->addr);
	unsigned __int128 rest = prefix->len ? ((unsigned __int128)1 << (128 - prefix->len)) - 1 :
					       ~(unsigned __int128)0;

	return (struct span) { first, first | rest, rule };
}

/* By first address, wide before narrow, and the rules for one prefix in the order they were given. */
static int compare_spans(const void *left, const void *right)
{
	const struct span *a = left, *b = right;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	if (a->last != b->last)
		return a->last > b->last ? -1 : 1;
	return ((uintptr_t)a->rule > (uintptr_t)b->rule) - ((uintptr_t)a->rule < (uintptr_t)b->rule);
}

/* From first on rule decides; what was said for the same address before is overruled. */
static void begin_range(struct dp_acl *acl, unsigned __int128 first,
			const struct dp_acl_rule *rule)
{
	if (!acl->n || acl->ranges[acl->n - 1].first != first)
		acl->n++;
	acl->ranges[acl->n - 1] = (struct range) { first, rule };
}

/* Sweeps over the sorted spans with a stack of those that are open, the narrowest on top. The bottom one is the
 * whole space, where no rule decides. */
static void build_ranges(struct dp_acl *acl, const struct span *spans, size_t n)
{
	struct span open[NESTING_MAX + 1] = { { 0, ~(unsigned __int128)0, NULL } };
	size_t top = 0;

	begin_range(acl, 0, NULL);
	for (size_t i = 0; i < n; i++) {
		for (; open[top].last < spans[i].first; top--)
			begin_range(acl, open[top].last + 1, open[top - 1].rule);
		if (!top || open[top].first != spans[i].first || open[top].last != spans[i].last)
			top++;
		open[top] = spans[i];
		begin_range(acl, spans[i].first, spans[i].rule);
	}
	for (; top; top--) {
		if (open[top].last != open[0].last)
			begin_range(acl, open[top].last + 1, open[top - 1].rule);
	}
}

struct dp_acl *dp_acl_new(const struct dp_acl_rule *rules, size_t n)
{
	struct dp_acl *acl = calloc(1, sizeof(*acl) + (2 * n + 3) * sizeof(acl->ranges[0]));
	struct span *spans = calloc(n + 1, sizeof(*spans));

	if (!acl || !spans)
		goto err_free;
	acl->rules = calloc(n + 1, sizeof(*rules));
	if (!acl->rules)
		goto err_free;
	if (n)
		memcpy(acl->rules, rules, n * sizeof(*rules));

	spans[0] = span_of(&all_v4, NULL);
	for (size_t i = 0; i < n; i++)
		spans[i + 1] = span_of(&acl->rules[i].prefix, &acl->rules[i]);
	qsort(spans, n + 1, sizeof(*spans), compare_spans);
	build_ranges(acl, spans, n + 1);
	free(spans);
	return acl;

err_free:
	free(spans);
	free(acl);
	return NULL;
}

void dp_acl_free(struct dp_acl *acl)
{
	if (!acl)
		return;
	free(acl->rules);
	free(acl);
}

const struct dp_acl_rule *dp_acl_match(const struct dp_acl *acl, const struct addr *client)
{
	unsigned __int128 number = number_of(client);
	size_t low = 0, high = acl->n;	/* the range is one of [low, high) */

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (acl->ranges[middle].first <= number)
			low = middle;
		else
			high = middle;
	}
	return acl->ranges[low].rule;
}

bool dp_acl_allows(const struct dp_acl *acl, const struct addr *client)
{
	const struct dp_acl_rule *rule = dp_acl_match(acl, client);

	return rule && rule->allow;
}
