/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.h - "tandemctl capture": a filter handed to the workers, their rings drained into a pcap stream. One at a
 * time, bounded in frames and seconds. Control thread.
 */
#ifndef NODE_CAPTURE_H
#define NODE_CAPTURE_H

#include <jansson.h>

struct capture;
struct control_client;
struct node;

enum {
	CAPTURE_FRAMES_DEFAULT = 100,
	CAPTURE_FRAMES_MAX = 100000,
	CAPTURE_SECONDS_MAX = 60,
};

/* Answers client: a head line and pcap, or an error. request: "client" (address or prefix), "name", "server"
 * ("ADDRESS" or "ADDRESS:PORT"), "count", "seconds"; all may be missing. */
void capture_start(struct node *node, struct control_client *client, const json_t *request);

#endif
