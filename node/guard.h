/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard.h - what speaks when the daemon cannot any more.
 *
 * The guard is a tiny process forked before any TAP, link, AF_XDP socket or UMEM exists. It sleeps on a process-shared
 * robust mutex that the VRRP thread holds; when the owner dies the kernel wakes it within a fraction of a millisecond,
 * before the daemon's memory and descriptors are torn down. It zeroes the leases through its own mapping and sends
 * the prepared priority-0 frames of what was Active.
 */
#ifndef NODE_GUARD_H
#define NODE_GUARD_H

#include <stddef.h>
#include <sys/types.h>

struct guard;
struct lease_page;
struct vrrp_last_words;

/* Forks the guard. Call before anything that it must not inherit. It has an AF_PACKET socket of its own, SCHED_FIFO 60
 * where allowed, its memory locked, every other descriptor closed, and ignores the terminal's signals.
 * 0 or -errno with error. */
int guard_start(struct guard **guard, char *error, size_t size);

/* The shared last words, VRRP_ROUTERS_MAX of them: for the engine to fill. */
struct vrrp_last_words *guard_last_words(struct guard *guard);

/* Hands the lease page's map to the guard (descriptor over a socket; it maps it and closes it), waits until it is
 * mapped. Before guard_hold(). lease_fd -1: no leases. 0 or -errno. Control thread. */
int guard_give_leases(struct guard *guard, int lease_fd);

/* VRRP thread: takes the mutex and keeps it. From here on its death is heard. 0 or -errno: the guard is gone, and
 * nobody listens. */
int guard_hold(struct guard *guard);
/* VRRP thread, clean end: gives it back; the guard ends without a word. */
void guard_let_go(struct guard *guard);

pid_t guard_pid(const struct guard *guard);
/* Readable when the guard has died (pidfd); for a condition. */
int guard_pidfd(const struct guard *guard);
/* After guard_let_go(): waits for it to end; ends the handling of fatal signals. Accepts NULL. */
void guard_stop(struct guard *guard);

/* Installs handlers for SEGV, BUS, ABRT, ILL, FPE and XCPU on an alternate stack of their own: zero the leases, send
 * the last words, then the default action (a core dump would hold the mutex until it is written). Start-up; leases may
 * be NULL. 0 or -errno. */
int guard_catch_fatal(struct guard *guard, struct lease_page *leases);

/* The alternate stack of the calling thread, so that running out of its own is heard too: each thread's first act
 * (guard_catch_fatal() does it for its caller). 0 or -errno. */
int guard_thread_stack(void);

#endif
