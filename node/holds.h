/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * holds.h - how long virtual routers wait after a boot of the machine, and after their link came up. Control thread.
 *
 * A switch may keep a port closed for half a minute after its carrier came (spanning tree). Whether a link came just
 * now is not known by looking at it, so the kernel's count of its carrier's changes is kept beside the control socket,
 * in SOCKET.links: a daemon that starts and finds the count of its predecessor has a link that was up all the time.
 */
#ifndef NODE_HOLDS_H
#define NODE_HOLDS_H

#include <stdbool.h>
#include <stdint.h>

struct holds;

/* Reads what an earlier daemon left. 0 or -errno. */
int holds_open(struct holds **holds, const char *control_socket);
void holds_close(struct holds *holds);		/* accepts NULL */

/* CLOCK_MONOTONIC at which the machine is up for delay_s. */
uint64_t holds_boot_until(const struct holds *holds, uint32_t delay_s);

/* The link of interface as last read. Returns since when it is up, CLOCK_MONOTONIC; 0: since before this daemon, as far
 * as is known. The first time doubt makes it now. Call it at every sign of a change. */
uint64_t holds_link_since(struct holds *holds, const char *interface, unsigned ifindex, bool up, bool doubt,
			  uint64_t now_ns);

/* Writes down what is so for a successor, if it differs from what is there: links that are past their hold. 0 or
 * -errno. */
int holds_note(struct holds *holds, uint32_t delay_s, uint64_t now_ns);

#endif
