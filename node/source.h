/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source.h - the text of a configuration file with the files it includes put in their places, and where each
 * line of it came from.
 *
 * libconfig's own @include looks in one directory for all files, and its scanner ends the process when a
 * file cannot be read; so it is given one finished text instead. At start-up, or in the thread that
 * prepares a reload.
 */
#ifndef NODE_SOURCE_H
#define NODE_SOURCE_H

#include <stddef.h>
#include <stdio.h>

struct source;

struct source_place {
	const char *file;		/* lives as long as the source */
	unsigned line;			/* from 1 */
};

/* Reads path. 0 or -errno with error = "file:line: what is wrong" or "file: why". */
int source_read(const char *path, struct source **source, char *error, size_t size);
void source_free(struct source *source);	/* accepts NULL */

const char *source_text(const struct source *source);

/* Where line (from 1) of the text stands; lines outside the text count as the nearest one. */
struct source_place source_locate(const struct source *source, unsigned line);

/* The path of name as it is written in file: relative to file's directory. 0 or -ENAMETOOLONG. */
int source_resolve(const char *file, const char *name, char *path, size_t size);

/* Opens a regular file for reading; NULL with errno (EISDIR, EINVAL for what is neither). Never waits. */
FILE *source_open(const char *path);

#endif
