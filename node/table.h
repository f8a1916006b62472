/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h - text in aligned columns for a terminal. tandemctl's.
 */
#ifndef NODE_TABLE_H
#define NODE_TABLE_H

#include <stdint.h>
#include <stdio.h>

struct table;

enum { TABLE_COLUMNS_MAX = 16 };

/* headers: words divided by '|'; one that begins with '>' heads numbers, which stand to the right. Ends the process
 * without memory, like every function here. */
struct table *table_new(const char *headers);
/* The next cell, row by row. Octets that are not printable ASCII become '?': nothing a stranger chose reaches the
 * terminal. */
void table_text(struct table *table, const char *text);
void table_number(struct table *table, uint64_t n);
/* Units that people read: "340 ms", "2 h 5 min"; "0.42 ms" of microseconds, "-" of none; "8.0 MiB". */
void table_duration(struct table *table, uint64_t ms);
void table_latency(struct table *table, uint64_t us);
void table_octets(struct table *table, uint64_t octets);
/* The text of table_duration(), for a cell with more in it. */
void table_format_duration(uint64_t ms, char *text, size_t size);
/* Prints and frees. A table without rows prints its headers. */
void table_print(struct table *table, FILE *out);

#endif
