/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reload.h - the configuration file again, all or nothing, in two phases: prepare reads and builds in a thread of
 * its own, because a large suffix table takes longer than the self-check may wait; commit puts the result into
 * force on the control thread. Control thread.
 */
#ifndef NODE_RELOAD_H
#define NODE_RELOAD_H

#include <stdbool.h>

struct node;
struct reload;

/* 0 or -errno. */
int reload_open(struct reload **reload, struct node *node);
/* Waits for a prepare under way. Accepts NULL. */
void reload_close(struct reload *reload);

/*
 * Starts one. done(context, error) is called on the control thread when it is in force (error NULL) or when nothing
 * has changed (error says why). While one is under way: -EBUSY, and done is not called. done may be NULL.
 */
int reload_start(struct reload *reload, void (*done)(void *context, const char *error), void *context);

/* For SIGHUP: starts one now, or once more when the one under way has ended. */
void reload_request(struct reload *reload);

/* While true, registry and listeners belong to the preparing thread: reclaim nothing. */
bool reload_preparing(const struct reload *reload);

#endif
