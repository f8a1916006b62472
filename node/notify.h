/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify.h - what systemd is told (sd_notify(3)): a datagram to $NOTIFY_SOCKET. Does nothing without one.
 * Control thread.
 */
#ifndef NODE_NOTIFY_H
#define NODE_NOTIFY_H

#include <stdint.h>

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
void notify_watchdog(void);

/* How often the watchdog wants to hear of us, in ns; 0 = never ($WATCHDOG_USEC, $WATCHDOG_PID). */
uint64_t notify_watchdog_ns(void);

#endif
