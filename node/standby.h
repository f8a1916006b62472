/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standby.h - the virtual routers that are to stay in standby when the daemon starts again, by their names ("eth0/51"),
 * a line each, in a small file: STATE_DIRECTORY/standby where systemd gives one, which outlives a boot, else
 * SOCKET.standby beside the control socket. No file: none. Control thread.
 */
#ifndef NODE_STANDBY_H
#define NODE_STANDBY_H

#include <stdbool.h>

struct standby;

/* Reads the file. 0 or -errno. */
int standby_open(struct standby **standby, const char *control_socket);
void standby_close(struct standby *standby);		/* accepts NULL */

bool standby_has(const struct standby *standby, const char *name);
/* Adds the name, or removes it, in the file as well. 0 or -errno: then all is as before. */
int standby_set(struct standby *standby, const char *name, bool on);

#endif
