/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * privs.h - capabilities, per thread. Nothing in Tandem needs root: systemd gives the user tandem six
 * capabilities, and each thread lays down those it does not use.
 */
#ifndef NODE_PRIVS_H
#define NODE_PRIVS_H

/* Logs what the process would need and does not have, each with what will not work. Start-up. */
void privs_log_missing(void);

/* Lays down all but the six. Control thread, once started. */
void privs_keep_control(void);

/* Lays down everything, for good. Worker threads, as their first act (dp_shared.on_thread_start). */
void privs_drop_all(void);

#endif
