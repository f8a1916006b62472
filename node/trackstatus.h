/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trackstatus.h - what is tracked, and the runner, as parts of the documents of status.h. Control thread.
 */
#ifndef NODE_TRACKSTATUS_H
#define NODE_TRACKSTATUS_H

#include <jansson.h>

struct node;

/* Every tracked thing: what it is, its state, the last check and the next. */
json_t *trackstatus_list(const struct node *node);

/* The runner: process, commands that run and wait, what became of the others. */
json_t *trackstatus_runner(const struct node *node);

#endif
