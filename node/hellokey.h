/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hellokey.h - the secret that the two nodes share: a file with one line of 64 hexadecimal digits. Start-up.
 */
#ifndef NODE_HELLOKEY_H
#define NODE_HELLOKEY_H

#include <stddef.h>
#include <stdint.h>
#include "node/hellobox.h"

/* Reads it. -EPERM when others could read or change it: it must be a regular file of root's or of this user, and its
 * group may only read. 0 or -errno, with error saying what and how to mend it. */
int hellokey_read(const char *path, uint8_t key[HELLO_KEY], char *error, size_t size);

/* Draws one and writes it to a file that does not exist yet, 0600. 0 or -errno with error. */
int hellokey_make(const char *path, char *error, size_t size);

#endif
