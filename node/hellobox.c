/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hellobox.c - sealing and opening, and who may be heard. Contract in hellobox.h.
 */
#include "node/hellobox.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/clock.h"

enum {
	AUTHENTICATED = 8,		/* octets of the header in front of the nonce */
	AT_FORMAT = 4, AT_PATH = 5, AT_NONCE = AUTHENTICATED,
	FORMAT = 1,
	/* before another one may take its place: recordings must not crowd out the peer */
	CANDIDATE_MS = 300,
};

_Static_assert((int)HELLO_HEADER == (int)AUTHENTICATED + (int)crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert((int)HELLO_TAG == (int)crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");
_Static_assert((int)HELLO_KEY == (int)crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");

static const uint8_t magic[AT_FORMAT] = { 'T', 'D', 'M', 'H' };
static const uint8_t nobody[HELLO_SESSION];

const char *hello_verdict_name(enum hello_verdict verdict)
{
	static const char *const names[] = {
#define NAME(symbol, name, help) name,
		HELLO_VERDICTS(NAME)
#undef NAME
	};

	return names[verdict];
}

const char *hello_verdict_help(enum hello_verdict verdict)
{
	static const char *const helps[] = {
#define HELP(symbol, name, help) help,
		HELLO_VERDICTS(HELP)
#undef HELP
	};

	return helps[verdict];
}

int hello_box_ready(void)
{
	return sodium_init() < 0 ? -EIO : 0;
}

void hello_box_init(struct hello_box *box, const uint8_t key[HELLO_KEY], uint8_t path,
		    const uint8_t session[HELLO_SESSION])
{
	memset(box, 0, sizeof(*box));
	memcpy(box->key, key, HELLO_KEY);
	memcpy(box->session, session, HELLO_SESSION);
	box->path = path;
}

static bool same_session(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, HELLO_SESSION) == 0;
}

/* ---- sealing ---- */

static void write_header(const struct hello_box *box, uint8_t *out)
{
	memcpy(out, magic, sizeof(magic));
	out[AT_FORMAT] = FORMAT;
	out[AT_PATH] = box->path;
	out[6] = out[7] = 0;
	randombytes_buf(out + AT_NONCE, HELLO_HEADER - AT_NONCE);
}

size_t hello_box_seal(struct hello_box *box, struct hello_message *message, uint64_t now_ns, uint8_t *out)
{
	uint8_t plain[HELLO_PLAIN_MAX];
	unsigned long long sealed = 0;
	size_t len;

	box->sent_ns[++box->counter % HELLO_KEPT] = now_ns;
	memcpy(message->prelude.session, box->session, HELLO_SESSION);
	message->prelude.counter = box->counter;
	message->prelude.echo[0] = box->peer;
	message->prelude.echo[1] = box->candidate;
	len = hello_encode(message, plain);
	write_header(box, out);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out + HELLO_HEADER, &sealed, plain, len, out, AUTHENTICATED, NULL,
						   out + AT_NONCE, box->key);
	return HELLO_HEADER + (size_t)sealed;
}

/* ---- opening ---- */

static enum hello_verdict check_header(const struct hello_box *box, const uint8_t *datagram, size_t len)
{
	if (len < HELLO_HEADER + HELLO_TAG || len > HELLO_DATAGRAM_MAX)
		return HELLO_LENGTH;
	if (memcmp(datagram, magic, sizeof(magic)) != 0 || datagram[AT_FORMAT] != FORMAT)
		return HELLO_FOREIGN;
	return datagram[AT_PATH] == box->path ? HELLO_ACCEPTED : HELLO_PATH;
}

/* The latest echo of our session, if there is one. */
static const struct hello_echo *find_echo(const struct hello_box *box, const struct hello_prelude *p)
{
	const struct hello_echo *found = NULL;

	for (unsigned i = 0; i < HELLO_ECHOES; i++)
		if (same_session(p->echo[i].session, box->session) && (!found || p->echo[i].counter > found->counter))
			found = &p->echo[i];
	return found;
}

static bool is_fresh(const struct hello_box *box, uint64_t counter, uint64_t now_ns)
{
	return counter && counter <= box->counter && box->counter - counter < HELLO_KEPT &&
	       now_ns - box->sent_ns[counter % HELLO_KEPT] <= HELLO_FRESH_MS * (uint64_t)CLOCK_NS_PER_MS;
}

/* Somebody with the key, now or once. Echoing it costs nothing and lets a living one prove itself. */
static void note_candidate(struct hello_box *box, const struct hello_prelude *p, uint64_t now_ns)
{
	bool is_same = same_session(p->session, box->candidate.session);

	if (!is_same && !same_session(box->candidate.session, nobody) &&
	    now_ns - box->candidate_ns < CANDIDATE_MS * (uint64_t)CLOCK_NS_PER_MS)
		return;
	if (is_same && p->counter <= box->candidate.counter)
		return;
	memcpy(box->candidate.session, p->session, HELLO_SESSION);
	box->candidate.counter = p->counter;
	if (!is_same)
		box->candidate_ns = now_ns;
}

static enum hello_verdict judge_session(struct hello_box *box, const struct hello_prelude *p, uint64_t now_ns,
					uint64_t *echo_ns)
{
	const struct hello_echo *echo = find_echo(box, p);
	bool is_current = same_session(p->session, box->peer.session);

	if (same_session(p->session, box->session) || same_session(p->session, nobody))
		return HELLO_OWN;
	if (is_current && p->counter <= box->peer.counter)
		return HELLO_REPLAY;
	if (!echo || !is_fresh(box, echo->counter, now_ns)) {
		note_candidate(box, p, now_ns);
		return echo ? HELLO_STALE : HELLO_UNPROVEN;
	}
	if (!is_current && box->sessions && echo->counter <= box->barrier)
		return HELLO_REPLAY;
	if (!is_current) {
		memcpy(box->peer.session, p->session, HELLO_SESSION);
		box->barrier = box->counter;
		box->sessions++;
	}
	if (same_session(p->session, box->candidate.session))
		memset(&box->candidate, 0, sizeof(box->candidate));
	box->peer.counter = p->counter;
	*echo_ns = box->sent_ns[echo->counter % HELLO_KEPT];
	return HELLO_ACCEPTED;
}

enum hello_verdict hello_box_open(struct hello_box *box, const uint8_t *datagram, size_t len, uint64_t now_ns,
				  struct hello_message *message, uint64_t *echo_ns)
{
	enum hello_verdict verdict = check_header(box, datagram, len);
	uint8_t plain[HELLO_PLAIN_MAX];
	unsigned long long plain_len = 0;
	size_t at;

	if (verdict)
		return verdict;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &plain_len, NULL, datagram + HELLO_HEADER,
						       len - HELLO_HEADER, datagram, AUTHENTICATED,
						       datagram + AT_NONCE, box->key))
		return HELLO_FORGED;
	if (!hello_decode_prelude(plain, plain_len, &message->prelude, &at))
		return HELLO_MALFORMED;
	verdict = judge_session(box, &message->prelude, now_ns, echo_ns);
	if (verdict)
		return verdict;
	if (!hello_can_pair(&message->prelude))
		return HELLO_UNPAIRED;
	return hello_decode(plain, plain_len, message) ? HELLO_ACCEPTED : HELLO_MALFORMED;
}
