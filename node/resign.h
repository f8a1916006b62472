/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resign.h - the second line behind the guard: a small file with the priority-0 frames of what is Active now, which
 * "tandemd --resign" sends once the daemon is dead (systemd: ExecStopPost). It helps where daemon and guard died
 * together; otherwise the peer has heard it before, and hearing it twice does no harm.
 *
 * Two files beside the control socket: SOCKET.active, rewritten as a whole after each transition and absent when
 * nothing is Active, and SOCKET.lock, on which a live daemon holds a lock.
 */
#ifndef NODE_RESIGN_H
#define NODE_RESIGN_H

#include <stddef.h>
#include <stdio.h>

struct resign;
struct vrrp_last_words;

/* Takes the lock; what an earlier daemon left is removed. words: VRRP_ROUTERS_MAX of them. The directory must be
 * there (control_open() makes it). 0 or -errno with error. Control thread, like all here. */
int resign_open(struct resign **resign, const char *control_socket, const struct vrrp_last_words *words, char *error,
		size_t size);

/* Brings the file up to date with the words. After transitions; cheap when nothing changed. 0 or -errno. */
int resign_note(struct resign *resign);

/* Clean end, after all was released: removes the file, gives the lock back. Accepts NULL. */
void resign_close(struct resign *resign);

/* tandemd --resign: unless a daemon lives, sends what the file holds, from the interfaces' own MACs, and removes
 * it. Says on out what it did. 0 (also when there was nothing to do), -EBUSY: a daemon lives, or -errno. */
int resign_run(const char *control_socket, FILE *out);

#endif
