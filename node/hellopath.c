/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hellopath.c - reading within bounds, saying, opening anew. Contract in hellopath.h.
 */
#include "node/hellopath.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "node/hellosocket.h"

#define MS ((uint64_t)CLOCK_NS_PER_MS)

enum {
	READS_PER_TURN = 32,
	READS_PER_BEAT = 200,		/* ten would do */
	REOPEN_MS = 5000,		/* a silent path: the route may have changed */
	LOG_MS = 10000,
};

bool hello_path_is_alive(const struct hello_path *path, uint64_t now_ns)
{
	return hello_is_within(path->heard_ns, HELLO_SILENT_MS, now_ns);
}

const char *hello_path_why_silent(const struct hello_path *path, uint64_t now_ns)
{
	if (path->trouble[0])
		return path->trouble;
	if (hello_is_within(path->deaf_ns, HELLO_SILENT_MS, now_ns))
		return "its datagrams come, ours do not reach it";
	return path->heard_ns ? "it has fallen silent" : "nothing was ever heard";
}

void hello_path_say(struct hello_path *path, struct hello_message *message, uint64_t now_ns)
{
	uint8_t datagram[HELLO_DATAGRAM_MAX];
	size_t len;

	if (path->io.fd < 0)
		return;
	len = hello_box_seal(&path->box, message, now_ns, datagram);
	if (hellosocket_send(path->io.fd, datagram, len))
		path->send_errors++;
	else
		path->sent++;
}

/* ---- what comes in ---- */

static void log_session(const struct hello_path *path, const struct hello_message *m)
{
	char address[ADDR_TEXT_MAX];

	log_info("peer: %s at %s is there, tandemd %s", m->name,
		 addr_format(&path->peer.addr, address, sizeof(address)), m->prelude.program);
}

static void log_reject(struct hello_path *path, enum hello_verdict verdict, uint64_t now_ns)
{
	char address[ENDPOINT_TEXT_MAX];
	uint32_t held_back;

	if (log_limit_pass(&path->reject_log[verdict], now_ns, LOG_MS * MS, &held_back))
		log_warning("peer: datagram from %s rejected: %s (%u more not logged)",
			    endpoint_format(&path->peer, address, sizeof(address)), hello_verdict_help(verdict),
			    held_back);
}

/* One that starts, or that does not hear us, is no cause for alarm: the conditions tell. */
static bool is_alarming(enum hello_verdict verdict)
{
	return verdict != HELLO_ACCEPTED && verdict != HELLO_UNPROVEN && verdict != HELLO_STALE &&
	       verdict != HELLO_UNPAIRED;
}

static void hear(struct hello_path *path, const uint8_t *datagram, size_t len, uint64_t age_ns, uint64_t now_ns)
{
	struct hello_times times = { .now_ns = now_ns, .age_ns = age_ns };
	uint64_t sessions = path->box.sessions;
	struct hello_message message;
	enum hello_verdict verdict = hello_box_open(&path->box, datagram, len, now_ns, &message, &times.echo_ns);

	path->counts[verdict]++;
	if (verdict == HELLO_UNPROVEN || verdict == HELLO_STALE)
		path->deaf_ns = now_ns;
	if (verdict == HELLO_ACCEPTED || verdict == HELLO_UNPAIRED) {
		path->heard_ns = now_ns;
		if (verdict == HELLO_ACCEPTED && path->box.sessions != sessions)
			log_session(path, &message);
		path->on_message(path, verdict, &message, &times);
	}
	if (is_alarming(verdict))
		log_reject(path, verdict, now_ns);
}

static void count_lost(struct hello_path *path, uint32_t lost, uint64_t now_ns)
{
	if (lost == path->lost)
		return;
	path->counts[HELLO_LIMITED] += lost - path->lost;
	path->lost = lost;
	log_reject(path, HELLO_LIMITED, now_ns);
}

static void on_io(struct loop_fd *self, uint32_t events)
{
	struct hello_path *path = (struct hello_path *)((char *)self - offsetof(struct hello_path, io));
	uint8_t datagram[HELLO_DATAGRAM_MAX + 1];	/* one octet more shows what is too long */
	uint64_t now_ns = clock_mono_ns(), age_ns;

	(void)events;
	for (unsigned i = 0; i < READS_PER_TURN; i++) {
		uint32_t lost = path->lost;
		ssize_t n;

		if (!path->reads) {
			loop_fd_remove(path->loop, &path->io);	/* rests until the next beat */
			return;
		}
		n = hellosocket_receive(self->fd, datagram, sizeof(datagram), &age_ns, &lost);
		if (n == -EAGAIN)
			return;
		path->reads--;
		if (n < 0)
			continue;	/* an ICMP error for what was sent */
		count_lost(path, lost, now_ns);
		hear(path, datagram, (size_t)n, age_ns, now_ns);
	}
}

/* ---- opening ---- */

void hello_path_init(struct hello_path *path, const uint8_t key[HELLO_KEY], const uint8_t session[HELLO_SESSION])
{
	path->io.fd = -1;
	hello_box_init(&path->box, key, (uint8_t)path->index, session);
}

void hello_path_close(struct hello_path *path)
{
	if (path->io.added)
		loop_fd_remove(path->loop, &path->io);
	if (path->io.fd >= 0)
		hellosocket_close(path->io.fd);
	path->io.fd = -1;
}

void hello_path_open(struct hello_path *path, uint64_t now_ns)
{
	int fd = hellosocket_open(&path->peer, path->interface);

	path->opened_ns = now_ns;
	path->lost = 0;
	path->trouble[0] = '\0';
	if (fd < 0) {
		snprintf(path->trouble, sizeof(path->trouble), "%s", strerror(-fd));
		return;
	}
	path->io = (struct loop_fd){ .fd = fd, .on_ready = on_io };
}

/* A socket keeps the source address that the route gave it when it was opened. */
void hello_path_keep_open(struct hello_path *path, uint64_t now_ns)
{
	bool is_due = now_ns - path->opened_ns >= (path->io.fd < 0 ? HELLO_SILENT_MS : REOPEN_MS) * MS;

	if (!hello_path_is_alive(path, now_ns) && is_due) {
		hello_path_close(path);
		hello_path_open(path, now_ns);
	}
	path->reads = READS_PER_BEAT;
	if (path->io.fd >= 0 && !path->io.added && loop_fd_add(path->loop, &path->io, EPOLLIN))
		hello_path_close(path);
}
