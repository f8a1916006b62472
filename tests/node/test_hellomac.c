/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_hellomac.c - numbers for a virtual MAC: asked for, sent, and what is made of those that come or do not. What
 * sends frames is a stand-in; the peer's words are written by hand.
 */
#include "tests/tap.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/health.h"
#include "node/hellomac.h"
#include "node/hellowire.h"
#include "node/macprobe.h"
#include "vrrp/fsm.h"

#define MS ((uint64_t)CLOCK_NS_PER_MS)

enum { BEAT_MS = 100, NUMBER_MS = 2000 };

static struct {
	unsigned frames;
	uint64_t number;
	uint8_t mac[6];
	int err;
} sent;
static struct health health;
static struct hello_mac mac;
static struct hello_router peer;
static uint64_t now_ns;

int macprobe_send(struct macprobe *probe, const uint8_t virtual_mac[6], uint64_t number)
{
	assert_ptr_equal(probe, (struct macprobe *)&sent);
	if (sent.err)
		return sent.err;
	sent.frames++;
	sent.number = number;
	memcpy(sent.mac, virtual_mac, 6);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	memset(&sent, 0, sizeof(sent));
	now_ns = 1000 * (uint64_t)CLOCK_NS_PER_S;
	if (health_init(&health))
		return -1;
	mac = (struct hello_mac){ .probe = (struct macprobe *)&sent };
	mac.deaf = health_add(&health, "deaf", HEALTH_NOTICE, 2, 1, false, now_ns);
	peer = (struct hello_router){ .family = 4, .vrid = 51, .state = VRRP_BACKUP };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	health_fini(&health);
	return 0;
}

/* As Active that knows its peer. A peer that answers has sent what is asked for, which comes or does not. */
static void ask(unsigned beats, bool answers, bool comes)
{
	while (beats--) {
		now_ns += BEAT_MS * MS;
		hello_mac_judge(&mac, &health, true, now_ns);
		if (answers && comes)
			hello_mac_note(&mac, mac.wanted);
		if (answers)
			peer.probed = mac.wanted;
		hello_mac_hear(&mac, &peer, true);
	}
}

static void numbers_come(void **state)
{
	uint64_t first;

	(void)state;
	ask(1, true, true);
	first = mac.wanted;
	assert_int_not_equal(first, 0);
	assert_int_equal(mac.reach, HELLO_REACH_UNKNOWN);
	ask(NUMBER_MS / BEAT_MS, true, true);
	assert_int_equal(mac.reach, HELLO_REACH_ARRIVES);
	assert_int_equal(mac.probes_seen, 1);
	assert_int_not_equal(mac.wanted, first);
	assert_false(health_failed(mac.deaf));
}

static void numbers_do_not_come(void **state)
{
	(void)state;
	ask(1 + 2 * NUMBER_MS / BEAT_MS, true, false);
	assert_int_equal(mac.reach, HELLO_REACH_DEAF);
	assert_int_equal(mac.probes_missed, 2);
	assert_true(health_failed(mac.deaf));
	assert_non_null(strstr(mac.deaf->cause, "virtual_mac = false"));
	ask(2 * NUMBER_MS / BEAT_MS, true, true);
	assert_int_equal(mac.reach, HELLO_REACH_ARRIVES);
	assert_false(health_failed(mac.deaf));
}

static void none_was_sent(void **state)
{
	(void)state;
	ask(5 * NUMBER_MS / BEAT_MS, false, false);
	assert_int_equal(mac.reach, HELLO_REACH_UNKNOWN);
	assert_int_equal(mac.probes_missed, 0);
	assert_false(health_failed(mac.deaf));
	/* nor does somebody else's say anything */
	hello_mac_note(&mac, mac.wanted ^ 2);
	ask(NUMBER_MS / BEAT_MS, false, false);
	assert_int_equal(mac.reach, HELLO_REACH_UNKNOWN);
}

static void no_longer_active(void **state)
{
	(void)state;
	ask(1 + 2 * NUMBER_MS / BEAT_MS, true, false);
	assert_true(health_failed(mac.deaf));
	hello_mac_judge(&mac, &health, false, now_ns + BEAT_MS * MS);
	assert_int_equal(mac.wanted, 0);
	assert_int_equal(mac.reach, HELLO_REACH_UNKNOWN);
	assert_false(health_failed(mac.deaf));
}

static void asked_for(void **state)
{
	static const uint8_t ipv4[6] = { 0, 0, 0x5e, 0, 1, 51 }, ipv6[6] = { 0, 0, 0x5e, 0, 2, 51 };

	(void)state;
	peer.state = VRRP_ACTIVE;
	hello_mac_hear(&mac, &peer, false);
	assert_int_equal(sent.frames, 0);
	peer.wanted = 77;
	for (unsigned i = 0; i < 10; i++)
		hello_mac_hear(&mac, &peer, false);
	assert_int_equal(sent.frames, 3);
	assert_int_equal(sent.number, 77);
	assert_memory_equal(sent.mac, ipv4, sizeof(ipv4));
	assert_int_equal(mac.probed, 77);
	/* the next number is sent anew; what could not be sent is not said to be */
	peer.wanted = 78;
	peer.family = 6;
	sent.err = -ENETDOWN;
	hello_mac_hear(&mac, &peer, false);
	assert_int_equal(mac.probed, 77);
	sent.err = 0;
	hello_mac_hear(&mac, &peer, false);
	assert_int_equal(mac.probed, 78);
	assert_memory_equal(sent.mac, ipv6, sizeof(ipv6));
	assert_int_equal(mac.probes_sent, 4);
}

static void not_to_be_sent(void **state)
{
	struct hello_mac without = { 0 };

	(void)state;
	peer.wanted = 77;
	hello_mac_hear(&mac, &peer, false);	/* to a Backup */
	peer.state = VRRP_ACTIVE;
	hello_mac_hear(&mac, &peer, true);	/* as Active, to our own virtual MAC */
	hello_mac_hear(&mac, NULL, false);
	hello_mac_hear(&without, &peer, false);
	hello_mac_judge(&without, &health, true, now_ns);
	assert_int_equal(sent.frames, 0);
	assert_int_equal(without.wanted, 0);
}

#define FRESH(description, function) { description, function, set_up, tear_down, NULL }

static const struct CMUnitTest cases[] = {
	FRESH("a number that comes: the virtual MAC hears, and the next is asked for", numbers_come),
	FRESH("one that was sent and does not come is missed, twice is a finding, until one comes",
	      numbers_do_not_come),
	FRESH("a peer that sends none proves nothing, nor does another's number", none_was_sent),
	FRESH("who is no longer Active asks for none, and has no finding", no_longer_active),
	FRESH("who is asked sends three frames of a number to the peer's virtual MAC, and says so", asked_for),
	FRESH("nothing is sent to a Backup, by an Active, without a counterpart or a probe", not_to_be_sent),
};

int main(void)
{
	return RUN(cases);
}
