/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * commands.h - what tandemctl may ask: one table of names and functions. Control thread.
 */
#ifndef NODE_COMMANDS_H
#define NODE_COMMANDS_H

#include <jansson.h>

struct control_client;

/* For control_open(); context is the struct node. */
void commands_run(void *context, struct control_client *client, const json_t *request);

#endif
