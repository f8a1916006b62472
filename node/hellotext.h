/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hellotext.h - the other node of the pair for people. The documents are hellostatus.c's; nothing in them is relied on.
 */
#ifndef NODE_HELLOTEXT_H
#define NODE_HELLOTEXT_H

#include <jansson.h>
#include <stdio.h>

/* The line that "tandemctl status" has, too. */
void hellotext_summary(FILE *out, const json_t *peer);

/* All that is known of it: "tandemctl peer". */
void hellotext_peer(FILE *out, const json_t *peer);

#endif
