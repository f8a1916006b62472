/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.c - a bounded ring of lines with many writers and one reader. Contract in log.h.
 *
 * Every slot carries a sequence number: it says which turn of the ring may write it, and when it may be read.
 * A writer claims a slot by one compare-and-swap, fills it, and publishes it by storing the number; a writer that
 * finds its slot still unread gives the line up. Nobody waits.
 */
#include "base/log.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	SLOTS = 1024,			/* a power of two */
	LAST_PATIENCE_MS = 500,		/* for one line, at the end */
};

struct slot {
	_Atomic uint64_t sequence;	/* see above; slot i starts at i */
	uint64_t wall_ns;
	enum log_level level;
	char text[LOG_LINE_MAX];
};

static struct slot slots[SLOTS];
static _Atomic uint64_t head;		/* next to claim */
static uint64_t tail;			/* next to drain; draining thread's */
static _Atomic uint64_t lost;
static _Atomic int threshold = LOG_LEVEL_INFO;
static _Atomic int event_fd = -1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const char *const level_names[] = { "error", "warning", "info", "debug" };

static void set_up(void)
{
	for (uint64_t i = 0; i < SLOTS; i++)
		atomic_init(&slots[i].sequence, i);
	atomic_store(&event_fd, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&threshold, level, memory_order_relaxed);
}

/* The claimed slot, or NULL when the ring is full. */
static struct slot *claim(uint64_t *position)
{
	uint64_t at = atomic_load_explicit(&head, memory_order_relaxed);

	for (;;) {
		struct slot *slot = &slots[at % SLOTS];
		int64_t ahead = (int64_t)(atomic_load_explicit(&slot->sequence, memory_order_acquire) - at);

		if (ahead < 0)
			return NULL;
		if (ahead > 0) {
			at = atomic_load_explicit(&head, memory_order_relaxed);
			continue;
		}
		if (atomic_compare_exchange_weak_explicit(&head, &at, at + 1, memory_order_relaxed,
							  memory_order_relaxed)) {
			*position = at;
			return slot;
		}
	}
}

__attribute__((format(printf, 2, 0)))
static void put(enum log_level level, const char *format, va_list args)
{
	uint64_t position, one = 1;
	struct slot *slot;

	if ((int)level > atomic_load_explicit(&threshold, memory_order_relaxed))
		return;
	pthread_once(&once, set_up);
	slot = claim(&position);
	if (!slot) {
		atomic_fetch_add_explicit(&lost, 1, memory_order_relaxed);
		return;
	}
	slot->wall_ns = clock_wall_ns();
	slot->level = level;
	vsnprintf(slot->text, sizeof(slot->text), format, args);
	atomic_store_explicit(&slot->sequence, position + 1, memory_order_release);
	if (write(atomic_load(&event_fd), &one, sizeof(one)) < 0)
		return;		/* the drain's timer will find it */
}

#define LOG_FUNCTION(name, level)			\
	void name(const char *format, ...)		\
	{						\
		va_list args;				\
							\
		va_start(args, format);			\
		put(level, format, args);		\
		va_end(args);				\
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)

void log_library(const char *library, const char *format, va_list args)
{
	char line[LOG_LINE_MAX];

	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	log_debug("%s: %s", library, line);
}

int log_fail(int err, char *error, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, size, format, args);
	va_end(args);
	return err;
}

bool log_limit_pass(struct log_limit *limit, uint64_t now_ns, uint64_t interval_ns,
		    uint32_t *held_back)
{
	if (now_ns < limit->next_ns) {
		limit->held_back++;
		return false;
	}
	*held_back = limit->held_back;
	limit->held_back = 0;
	limit->next_ns = now_ns + interval_ns;
	return true;
}

static void write_line(int fd, const struct slot *slot, bool journal)
{
	/* syslog severities: err, warning, info, debug */
	static const int severity[] = { 3, 4, 6, 7 };
	char line[LOG_LINE_MAX + 64], when[32];
	int n;

	if (journal) {
		n = snprintf(line, sizeof(line), "<%d>%s\n", severity[slot->level], slot->text);
	} else {
		clock_format_utc(slot->wall_ns, when, sizeof(when));
		n = snprintf(line, sizeof(line), "%s %s: %s\n", when, level_names[slot->level],
			     slot->text);
	}
	if (write(fd, line, (size_t)n) < 0)
		atomic_fetch_add_explicit(&lost, 1, memory_order_relaxed);
}

/* Does fd take a line now, or within wait_ms? A pipe or socket that is ready has room for more than one line. What is
 * no descriptor any more takes it as well: write_line() counts it. */
static bool takes_line(int fd, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, wait_ms) != 0;
}

static size_t drain(int fd, int patience_ms)
{
	bool journal = getenv("JOURNAL_STREAM") != NULL;
	uint64_t rung;
	size_t n = 0;

	pthread_once(&once, set_up);
	if (read(atomic_load(&event_fd), &rung, sizeof(rung)) < 0)
		rung = 0;	/* nothing rang; a line may wait all the same */
	for (;; n++, tail++) {
		struct slot *slot = &slots[tail % SLOTS];

		if (atomic_load_explicit(&slot->sequence, memory_order_acquire) != tail + 1 ||
		    !takes_line(fd, patience_ms))
			return n;
		write_line(fd, slot, journal);
		atomic_store_explicit(&slot->sequence, tail + SLOTS, memory_order_release);
	}
}

size_t log_drain(int fd)
{
	return drain(fd, 0);
}

size_t log_finish(int fd)
{
	return drain(fd, LAST_PATIENCE_MS);
}

int log_event_fd(void)
{
	pthread_once(&once, set_up);
	return atomic_load(&event_fd);
}

uint64_t log_lost(void)
{
	return atomic_load_explicit(&lost, memory_order_relaxed);
}
