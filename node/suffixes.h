/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suffixes.h - the suffixes of all routes, from the configuration and from the files it names, as one table.
 * At start-up, or in the thread that prepares a reload.
 */
#ifndef NODE_SUFFIXES_H
#define NODE_SUFFIXES_H

#include <stddef.h>
#include <stdint.h>

struct config;
struct settings;
struct suffix_table;

/*
 * Builds the table; its values are positions of pools. Names that are none, names given twice and files
 * that cannot be read are noted in settings; without settings (NULL) the first one ends the work and goes
 * into error.
 * 0, -EINVAL after a mistake, -ENOMEM.
 */
int suffixes_build(const struct config *config, struct settings *settings, struct suffix_table **table,
		   char *error, size_t size);

/* A number of which suffix goes to which pool, the same in whatever order and places they stand. Reads the files once
 * more. 0, or -EINVAL when one has become unreadable since suffixes_build(). */
int suffixes_hash(const struct config *config, uint64_t *hash);

#endif
