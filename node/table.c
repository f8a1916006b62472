/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.c - aligned columns. Contract in table.h.
 */
#include "node/table.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct table {
	unsigned columns;
	size_t cells, room;		/* headers are the first row */
	char **cell;
	bool right[TABLE_COLUMNS_MAX];
	size_t width[TABLE_COLUMNS_MAX];
};

static void *must(void *memory)
{
	if (!memory) {
		fputs("out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	return memory;
}

static void add(struct table *table, const char *text)
{
	unsigned column = (unsigned)(table->cells % table->columns);
	size_t len = strlen(text);
	char *cell = must(strdup(text));

	for (char *at = cell; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	if (table->cells == table->room) {
		table->room = table->room ? 2 * table->room : 64;
		table->cell = must(realloc(table->cell, table->room * sizeof(*table->cell)));
	}
	table->cell[table->cells++] = cell;
	if (len > table->width[column])
		table->width[column] = len;
}

struct table *table_new(const char *headers)
{
	struct table *table = must(calloc(1, sizeof(*table)));
	char *copy = must(strdup(headers)), *rest = copy, *word;

	for (const char *at = headers; at; at = strchr(at + 1, '|'))
		table->columns++;
	for (unsigned i = 0; (word = strsep(&rest, "|")); i++) {
		table->right[i] = word[0] == '>';
		add(table, word + table->right[i]);
	}
	free(copy);
	return table;
}

void table_text(struct table *table, const char *text)
{
	add(table, text && *text ? text : "-");
}

void table_number(struct table *table, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	add(table, text);
}

void table_format_duration(uint64_t ms, char *text, size_t size)
{
	uint64_t s = ms / 1000, min = s / 60, h = min / 60;

	if (s < 10)
		snprintf(text, size, "%" PRIu64 " ms", ms);
	else if (min < 2)
		snprintf(text, size, "%" PRIu64 " s", s);
	else if (h < 2)
		snprintf(text, size, "%" PRIu64 " min %" PRIu64 " s", min, s % 60);
	else if (h < 48)
		snprintf(text, size, "%" PRIu64 " h %" PRIu64 " min", h, min % 60);
	else
		snprintf(text, size, "%" PRIu64 " d %" PRIu64 " h", h / 24, h % 24);
}

void table_duration(struct table *table, uint64_t ms)
{
	char text[48];

	table_format_duration(ms, text, sizeof(text));
	add(table, text);
}

void table_latency(struct table *table, uint64_t us)
{
	char text[32];

	snprintf(text, sizeof(text), "%.2f ms", (double)us / 1000);
	add(table, us ? text : "-");
}

void table_octets(struct table *table, uint64_t octets)
{
	static const char *const units[] = { "octets", "KiB", "MiB", "GiB" };
	double n = (double)octets;
	unsigned unit = 0;
	char text[32];

	for (; n >= 1024 && unit < 3; unit++)
		n /= 1024;
	snprintf(text, sizeof(text), unit ? "%.1f %s" : "%.0f %s", n, units[unit]);
	add(table, text);
}

static void print_cell(const struct table *table, size_t i, FILE *out)
{
	unsigned column = (unsigned)(i % table->columns);
	bool last = column + 1 == table->columns;
	int width = (int)table->width[column];

	if (table->right[column])
		fprintf(out, "%*s", width, table->cell[i]);
	else if (last)
		fputs(table->cell[i], out);	/* nothing to pad for */
	else
		fprintf(out, "%-*s", width, table->cell[i]);
	fputs(last ? "\n" : "  ", out);
}

void table_print(struct table *table, FILE *out)
{
	for (size_t i = 0; i < table->cells; i++) {
		print_cell(table, i, out);
		free(table->cell[i]);
	}
	free(table->cell);
	free(table);
}
