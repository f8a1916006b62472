/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trackconf.h - what "track" and "hook" of a configuration may say. At start-up, or in the thread that prepares a
 * reload.
 */
#ifndef NODE_TRACKCONF_H
#define NODE_TRACKCONF_H

#include <stddef.h>

struct config;
struct settings;

/* Notes the mistakes; fills in the defaults that depend on the type, and where each stands. Looks at files. */
void trackconf_check(struct settings *settings, struct config *config);

/* Compares with this host's interfaces, which a check of the file alone does not look at. 0, or -errno with error. */
int trackconf_check_links(const struct config *config, char *error, size_t size);

#endif
