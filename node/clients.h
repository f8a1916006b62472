/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clients.h - who asks most, and who is not answered: the deny list of the configuration, blocks by command, and
 * blocks the node makes itself. Every one is dropped in the filter, where there is one and it has room, and by the
 * workers. Blocks are lost with the process; the deny list is not. Control thread.
 */
#ifndef NODE_CLIENTS_H
#define NODE_CLIENTS_H

#include <jansson.h>
#include "base/addr.h"

struct clients;
struct config;
struct control_client;
struct node;

enum {
	CLIENTS_BLOCKS_MAX = 1024,	/* besides the deny list */
	CLIENTS_TOP_MAX = 1000,		/* rows shown at once */
};

/* Once the filter is there and before the first query comes. 0 or -errno. */
int clients_open(struct clients **clients, struct node *node);
void clients_close(struct clients *clients);		/* accepts NULL; no worker runs any more */

/* Takes over the deny list of new; the node's configuration is still the old one. */
void clients_adopt(struct clients *clients, const struct config *new);

/* Why the client gets no answer: "deny list", "command", "automatic"; NULL when it does. A prefix is asked for as a
 * whole: one that holds blocked clients is not blocked itself. */
const char *clients_blocked_by(const struct clients *clients, const struct prefix *prefix);

/* "clients": action top, block, unblock or blocked. */
void clients_run(struct node *node, struct control_client *client, const json_t *request);

#endif
