/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * acl.h - which clients may ask. Longest prefix decides; a prefix may allow or deny ("!192.0.2.7").
 * Built once into sorted, disjoint ranges; a look-up is one binary search. Immutable; any thread.
 * The families are apart: "::/0" says nothing about IPv4 clients.
 */
#ifndef DATAPLANE_ACL_H
#define DATAPLANE_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"

struct dp_acl;

struct dp_acl_rule {
	struct prefix prefix;
	bool allow;
	uint16_t value;		/* the user's own; comes back with the rule */
};

/* Nothing listed = nobody. NULL without memory. Two rules for the same prefix: the later one wins. */
struct dp_acl *dp_acl_new(const struct dp_acl_rule *rules, size_t n);
void dp_acl_free(struct dp_acl *acl);
bool dp_acl_allows(const struct dp_acl *acl, const struct addr *client);
/* The rule that decided, for "tandemctl query"; NULL when none matched. Valid with the acl. */
const struct dp_acl_rule *dp_acl_match(const struct dp_acl *acl, const struct addr *client);

#endif
