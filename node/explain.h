/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain.h - "tandemctl query": what would become of a query, asked of the tables that the workers use: route,
 * access list, policy, next hop. Sends nothing. Control thread.
 */
#ifndef NODE_EXPLAIN_H
#define NODE_EXPLAIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node;

/* A type's mnemonic or TYPEnnn. */
bool explain_read_type(const char *text, uint16_t *type);

/* request: "name", "type" (mnemonic or TYPEnnn), "client" (address, optional: then no access list is judged).
 * NULL with error when it cannot be read. */
json_t *explain_query(const struct node *node, const json_t *request, char *error, size_t size);

#endif
