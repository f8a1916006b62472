/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows.h - cells of a table that are members of a document's object, by their names with a space between:
 *
 *   name        a text
 *   #queries    a number
 *   ~since_ms   milliseconds, as a duration
 *   @latency_us microseconds, as a latency
 *   %memory     octets
 *   up?up:DOWN  one of two words, by a flag
 *
 * What is not there is "", 0, false (members.h).
 */
#ifndef NODE_ROWS_H
#define NODE_ROWS_H

#include <jansson.h>
#include <stdio.h>

struct table;

/* The next cells. */
void rows_add(struct table *table, const json_t *object, const char *members);

/* A table with a row for each object of a list. */
void rows_print(FILE *out, const char *headers, const json_t *list, const char *members);

/* The texts of a list, a space between: for a cell. Returns text. */
const char *rows_join(const json_t *list, char *text, size_t size);

#endif
