/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * routerconf.h - what "vrrp" of a configuration may say. At start-up, or in the thread that prepares a reload.
 */
#ifndef NODE_ROUTERCONF_H
#define NODE_ROUTERCONF_H

struct config;
struct settings;

/* Notes the mistakes; fills in link-local addresses that are not given, and where each router stands. */
void routerconf_check(struct settings *settings, struct config *config);

#endif
