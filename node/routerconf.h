/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * routerconf.h - what "vrrp" of a configuration may say. At start-up, or in the thread that prepares a reload.
 */
#ifndef NODE_ROUTERCONF_H
#define NODE_ROUTERCONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct config_vrrp;
struct settings;

/* Notes the mistakes; fills in link-local addresses that are not given, and where each router stands. */
void routerconf_check(struct settings *settings, struct config *config);

/* The virtual router of config that router is: the same interface, VRID and family. NULL = none. */
const struct config_vrrp *routerconf_find(const struct config *config, const struct config_vrrp *router);

/* A reload's virtual routers: those that old has too keep their places, the others get some that are not taken (bits).
 * False with error: there is none left, or an address would go from one to another. */
bool routerconf_place(const struct config *old, struct config *new, uint32_t taken, char *error, size_t size);

#endif
