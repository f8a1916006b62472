/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prometheus.h - the "counters" document with everything in it (status_metrics()) as Prometheus text exposition,
 * format 0.0.4. Label values come from the configuration and are escaped; nothing that clients choose is in them.
 */
#ifndef NODE_PROMETHEUS_H
#define NODE_PROMETHEUS_H

#include <jansson.h>
#include <stdio.h>

/* Writes all families that the document has samples for. Pure; any thread. */
void prometheus_print(FILE *out, const json_t *document);

#endif
