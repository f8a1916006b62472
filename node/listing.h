/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listing.h - "tandemctl routes": every suffix and its pool, as a stream, because a table may have millions.
 * Files are read again for it: the table itself keeps no order. Control thread.
 */
#ifndef NODE_LISTING_H
#define NODE_LISTING_H

#include <jansson.h>

struct control_client;
struct node;

enum { LISTING_DEFAULT = 100 };

/* Answers client with {"loaded": suffixes in force, "routes": [ ... ], "more": not all shown}. request: "all". */
void listing_start(struct node *node, struct control_client *client, const json_t *request);

#endif
