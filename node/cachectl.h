/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cachectl.h - "tandemctl cache": what the packet cache holds, as figures and as records, and purging. A cache has
 * millions of entries, so everything that looks at them goes in slices between the loop's other work. Control thread.
 */
#ifndef NODE_CACHECTL_H
#define NODE_CACHECTL_H

#include <jansson.h>

struct control_client;
struct node;

enum {
	CACHECTL_FIND_MAX = 200,	/* entries shown; the answer says when there are more */
};

/*
 * Answers client by request's "action":
 *   none      figures of cache and pools, entries by kind, age of the oldest
 *   "find"    {"entries": [...], "more": bool} for "name", "type" (all) and "suffix" (false: the name itself only)
 *   "purge"   {"removed": n} for the same, when it is done; answers to queries sent before are not kept afterwards
 *   "dump"    a head line, then every entry as text
 */
void cachectl_run(struct node *node, struct control_client *client, const json_t *request);

/* What is known without looking at entries: {"memory": ...}; NULL when there is no cache. */
json_t *cachectl_figures(const struct node *node);
/* [{"pool": name, counters}] of the pools in force, all workers together. */
json_t *cachectl_pools(const struct node *node);

/* Ends what is under way; after control_close(). */
void cachectl_stop(struct node *node);

#endif
