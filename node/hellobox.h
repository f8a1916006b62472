/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hellobox.h - datagrams between the two nodes that nobody else can write, read, or play again. One struct hello_box
 * for each path; time comes in. Control thread.
 *
 * On the wire: "TDMH", format 1, path 1, zero 2, nonce 24, and a message (hellowire.h) sealed with
 * XChaCha20-Poly1305 under the key that both nodes have; the first eight octets are authenticated with it.
 *
 * Being sealed says who wrote it, not when. A datagram is accepted only if
 *   - it echoes this process's session and a number that we sent within HELLO_FRESH_MS: it was written after that,
 *     so a recording from before this process started, or one kept back for a while, is worth nothing;
 *   - within a session of the peer its counter is above all that were accepted;
 *   - a new session of the peer (it was started again) echoes a number that we sent after the session before it
 *     was accepted: so once the new one is accepted, nothing of the old one ever is again.
 * Neither side needs a clock, or a file, that survives it.
 */
#ifndef NODE_HELLOBOX_H
#define NODE_HELLOBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "node/hellowire.h"

enum {
	HELLO_KEY = 32,
	HELLO_HEADER = 32,
	HELLO_TAG = 16,
	HELLO_DATAGRAM_MAX = HELLO_HEADER + HELLO_PLAIN_MAX + HELLO_TAG,
	HELLO_FRESH_MS = 2000,
	HELLO_KEPT = 64,		/* datagrams whose time of sending is remembered */
};

/* X(symbol, name, help) */
#define HELLO_VERDICTS(X) \
	X(ACCEPTED, "accepted", "accepted") \
	X(LENGTH, "length", "too short or too long") \
	X(FOREIGN, "foreign", "not of this kind") \
	X(PATH, "path", "of the other path") \
	X(FORGED, "forged", "not written with our key") \
	X(MALFORMED, "malformed", "the peer's, but cannot be read") \
	X(OWN, "own", "written by this node: a loop, or both have the same address") \
	X(UNPROVEN, "unproven", "of a session that does not know ours: a peer that starts, or an old recording") \
	X(STALE, "stale", "echoes what was sent too long ago: delayed or recorded") \
	X(REPLAY, "replay", "was here before") \
	X(UNPAIRED, "version", "the peer's version and ours cannot pair") \
	X(LIMITED, "limited", "more than are looked at")

enum hello_verdict {
#define HELLO_VERDICT(symbol, name, help) HELLO_##symbol,
	HELLO_VERDICTS(HELLO_VERDICT)
#undef HELLO_VERDICT
	HELLO_VERDICT_COUNT
};
const char *hello_verdict_name(enum hello_verdict verdict);
const char *hello_verdict_help(enum hello_verdict verdict);

struct hello_box {
	uint8_t key[HELLO_KEY];
	uint8_t path;
	uint8_t session[HELLO_SESSION];	/* this process's */
	uint64_t counter;		/* of the last datagram sealed */
	uint64_t sent_ns[HELLO_KEPT];	/* of number n at n % HELLO_KEPT */
	struct hello_echo peer;		/* session accepted last, and the highest counter accepted; zero = none */
	uint64_t barrier;		/* our counter when that session was accepted */
	struct hello_echo candidate;	/* who wants to be it: echoed, so that it can prove to live now */
	uint64_t candidate_ns;
	uint64_t sessions;		/* accepted so far */
};

/* Once per process, before anything else here. 0 or -EIO. */
int hello_box_ready(void);

void hello_box_init(struct hello_box *box, const uint8_t key[HELLO_KEY], uint8_t path,
		    const uint8_t session[HELLO_SESSION]);

/* Fills in the message's session, counter and echoes, and seals it. Returns the datagram's length; out has
 * HELLO_DATAGRAM_MAX octets. */
size_t hello_box_seal(struct hello_box *box, struct hello_message *message, uint64_t now_ns, uint8_t *out);

/* Opens a datagram that came in at now_ns. Only with HELLO_ACCEPTED is all of *message good; with HELLO_UNPAIRED its
 * prelude is. *echo_ns, with both: when we sent what it echoes, so it was written after that. */
enum hello_verdict hello_box_open(struct hello_box *box, const uint8_t *datagram, size_t len, uint64_t now_ns,
				  struct hello_message *message, uint64_t *echo_ns);

#endif
