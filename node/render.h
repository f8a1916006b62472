/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * render.h - the daemon's documents as tables for people. tandemctl's.
 */
#ifndef NODE_RENDER_H
#define NODE_RENDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Prints the answer to command. Members that are missing show as "-" or 0. False for a command that has no form of
 * its own. */
bool render(FILE *out, const char *command, const json_t *document);

#endif
