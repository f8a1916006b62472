/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hellowire.h - what the two nodes of a pair tell each other, as values and as octets. Only what hellobox.c has found
 * to be the peer's comes here; it is read as if it were anybody's all the same. Pure functions.
 *
 * All numbers are in network order, a text is a length octet and printable ASCII:
 *
 *   prelude    session 16, counter 8, twice an echo of (session 16, counter 8), version 1, needs 1, program text.
 *              The same in every version, so that two that cannot pair can say so.
 *   figures    wall_ns 8, uptime_ms 8, queries 8, cache_entries 8, cache_octets 8, name text, flags 1
 *   parts      n 1, n times a hash 8
 *   routers    n 1, n times: family 1, vrid 1, state 1, flags 1, priority 1, effective 1, interval_cs 2,
 *              advert_age_ms 4, wanted 8, probed 8, group text
 *   failed     how many 2, n 1, n times: kind 1, name text
 *
 * A version above ours that does not need more than ours may have added something behind that; it is not looked at.
 */
#ifndef NODE_HELLOWIRE_H
#define NODE_HELLOWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HELLO_VERSION = 1,		/* of what we write */
	HELLO_NEEDS = 1,		/* the oldest version that can read it, and the oldest that we can read */

	HELLO_SESSION = 16,		/* octets */
	HELLO_ECHOES = 2,
	HELLO_PROGRAM_MAX = 32,		/* texts: with the NUL */
	HELLO_NAME_MAX = 64,
	HELLO_GROUP_MAX = 32,
	HELLO_PARTS_MAX = 8,
	HELLO_ROUTERS_MAX = 32,
	HELLO_CONDITIONS_MAX = 8,	/* named; there may be more */
	HELLO_PLAIN_MAX = 3072,
};
#define HELLO_NEVER UINT32_MAX		/* advert_age_ms of who is not Active */

/* The last datagram of a session that its writer has seen. */
struct hello_echo {
	uint8_t session[HELLO_SESSION];	/* all zero: none */
	uint64_t counter;
};

struct hello_prelude {
	uint8_t session[HELLO_SESSION];	/* drawn at the start of the process */
	uint64_t counter;		/* from 1, one a datagram of this path */
	struct hello_echo echo[HELLO_ECHOES];
	uint8_t version, needs;
	char program[HELLO_PROGRAM_MAX];
};

/* A virtual router; which one it is by family and vrid, and by its place among those that share both. */
struct hello_router {
	uint8_t family;			/* 4 or 6 */
	uint8_t vrid;
	uint8_t state;			/* enum vrrp_state */
	bool virtual_mac, released;
	uint8_t priority, effective;
	uint16_t interval_cs;
	uint32_t advert_age_ms;		/* since its last advertisement was sent; HELLO_NEVER */
	uint64_t wanted;		/* send this number to our virtual MAC; 0 = nothing wanted */
	uint64_t probed;		/* that we have sent to yours; 0 = none */
	char group[HELLO_GROUP_MAX];
};

struct hello_condition {
	uint8_t kind;			/* enum health_kind */
	char name[HELLO_NAME_MAX];
};

struct hello_message {
	struct hello_prelude prelude;
	uint64_t wall_ns, uptime_ms, queries, cache_entries, cache_octets;
	char name[HELLO_NAME_MAX];
	bool faulty;			/* some condition of kind fault has failed */
	uint8_t n_parts, n_routers, n_conditions;
	uint64_t part[HELLO_PARTS_MAX];	/* of the configuration; enum confhash_part */
	struct hello_router router[HELLO_ROUTERS_MAX];
	uint16_t failed;		/* conditions; the first n_conditions are named, faults first */
	struct hello_condition condition[HELLO_CONDITIONS_MAX];
};

/* Returns the length; out has HELLO_PLAIN_MAX octets, which the longest message fits. */
size_t hello_encode(const struct hello_message *message, uint8_t *out);

/* The prelude alone; false when it is none. *at is where it ends. */
bool hello_decode_prelude(const uint8_t *octets, size_t len, struct hello_prelude *prelude, size_t *at);

/* May the two work together? */
bool hello_can_pair(const struct hello_prelude *prelude);

/* All of a message with a prelude that can pair. False: it is malformed, and *message is of no use. */
bool hello_decode(const uint8_t *octets, size_t len, struct hello_message *message);

#endif
