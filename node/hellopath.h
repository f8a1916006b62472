/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hellopath.h - one of the ways by which the two nodes hear each other: a socket (hellosocket.h), a box (hellobox.h),
 * and what is to be known of a way that is silent. Control thread.
 *
 * A flood costs little: a path reads so many datagrams in a beat, then its socket rests until the next and the kernel
 * drops what its small buffer cannot take.
 */
#ifndef NODE_HELLOPATH_H
#define NODE_HELLOPATH_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "node/hellobox.h"

enum { HELLO_SILENT_MS = 1000 };	/* nothing for so long: silent */

/* When a message was heard. */
struct hello_times {
	uint64_t now_ns;
	uint64_t age_ns;		/* so long ago the kernel had it */
	uint64_t echo_ns;		/* it was written after that */
};

struct hello_path {
	struct loop *loop;
	/* HELLO_ACCEPTED: all of message is good; HELLO_UNPAIRED: its prelude */
	void (*on_message)(struct hello_path *path, enum hello_verdict verdict, const struct hello_message *message,
			   const struct hello_times *times);
	void *context;
	unsigned index;
	struct endpoint peer;
	char interface[IF_NAMESIZE];	/* "" = by the route */
	struct loop_fd io;		/* fd -1: not open */
	uint64_t opened_ns;		/* last try */
	char trouble[64];		/* why it is not open; "" */
	struct hello_box box;
	uint64_t heard_ns;		/* something accepted, or of a version that cannot pair; 0 = never */
	uint64_t deaf_ns;		/* the peer spoke and did not know us */
	unsigned reads;			/* left of this beat */
	uint64_t sent, send_errors;
	uint64_t counts[HELLO_VERDICT_COUNT];
	uint32_t lost;			/* as the socket told last */
	struct log_limit reject_log[HELLO_VERDICT_COUNT];
};

/* Not longer ago than that; then_ns 0 = never. */
static inline bool hello_is_within(uint64_t then_ns, uint64_t ms, uint64_t now_ns)
{
	return then_ns && (now_ns <= then_ns || now_ns - then_ns <= ms * CLOCK_NS_PER_MS);
}

/* The path is zero but for loop, on_message, context, index, peer and interface. It is not open yet. */
void hello_path_init(struct hello_path *path, const uint8_t key[HELLO_KEY], const uint8_t session[HELLO_SESSION]);

/* One that cannot be opened has its trouble, and is tried again by the beats. */
void hello_path_open(struct hello_path *path, uint64_t now_ns);
void hello_path_close(struct hello_path *path);

/* Every beat: what is silent is opened anew, and there may be read again. */
void hello_path_keep_open(struct hello_path *path, uint64_t now_ns);

void hello_path_say(struct hello_path *path, struct hello_message *message, uint64_t now_ns);

bool hello_path_is_alive(const struct hello_path *path, uint64_t now_ns);

/* What can be said of a path that is silent. */
const char *hello_path_why_silent(const struct hello_path *path, uint64_t now_ns);

#endif
