/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vrrptext.h - a virtual router's lease, cadence and errors for people: what "tandemctl vrrp" adds to the tables of
 * state and peers, and all of one router on a page. The documents are vrrpstatus.c's; nothing in them is relied on.
 */
#ifndef NODE_VRRPTEXT_H
#define NODE_VRRPTEXT_H

#include <jansson.h>
#include <stdio.h>

/* "eth0/51", "eth0/51v6": as the log has it (VRRP_NAME). Returns text. */
const char *vrrptext_name(const json_t *router, char *text, size_t size);

/* A line a router. */
void vrrptext_work(FILE *out, const json_t *routers);
/* Two columns; remark: what is odd about its peers, or "". Every value is escaped as a table's are. */
void vrrptext_page(FILE *out, const json_t *router, const char *addresses, const char *remark);

#endif
