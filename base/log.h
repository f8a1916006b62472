/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.h - a ring of log lines that never blocks the writer.
 * Any thread writes (no lock, no system call but the clock); one thread drains (control; main before
 * and after it). When the ring is full the line is lost and counted.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum { LOG_LINE_MAX = 480 };	/* longer lines are cut */

/* Lines above this level are not written. Default LOG_LEVEL_INFO. Any thread. */
void log_set_level(enum log_level level);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A library's own words, for the developer: debug, without the newline they end in. */
void log_library(const char *library, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

/* Writes the text of an error into error (size octets) for the caller who decides whether to log it; returns err. */
int log_fail(int err, char *error, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * One allowed line per interval and cause: returns true when the caller may log now, and then stores
 * in *held_back how many were suppressed since. One writer per struct; zero-initialised.
 */
struct log_limit {
	uint64_t next_ns;
	uint32_t held_back;
};
bool log_limit_pass(struct log_limit *limit, uint64_t now_ns, uint64_t interval_ns,
		    uint32_t *held_back);

/*
 * Writes all waiting lines to fd (journald's "<N>" prefixes when fd is a journal stream, else UTC time
 * and level). Draining thread only. Returns the number of lines. A write error loses the line.
 * It never waits: what a full pipe or socket does not take stays in the ring for the next call, which nothing
 * rings for. (A file on a disk that stands still cannot be asked, and blocks.)
 */
size_t log_drain(int fd);
/* The last call: as log_drain(), with half a second of patience a line. */
size_t log_finish(int fd);

/* An eventfd that becomes readable when a line waits; owned by log.c. -1 before the first call fails. */
int log_event_fd(void);

/* Lines lost to a full ring since start. */
uint64_t log_lost(void);

#endif
