/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listing.c - streams the suffixes of all routes. Contract in listing.h.
 *
 * A cursor over (route, element of its list, line of its file), moved on piece by piece. The configuration it
 * walks over may be replaced between two pieces: then the listing ends early and says "more".
 */
#include "node/listing.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/config.h"
#include "node/control.h"
#include "node/document.h"
#include "node/node.h"
#include "pools/suffix.h"

enum {
	ROW_MAX = 2048,		/* octets of a row as JSON: a name with every octet escaped, a pool */
};

enum stage { STAGE_HEAD, STAGE_ROWS, STAGE_END };

struct listing {
	const struct node *node;
	uint64_t generation;
	enum stage stage;
	size_t route, item;
	FILE *file;		/* of the route, while its lines are listed */
	char *line;
	size_t line_room;
	uint64_t rows, limit;
	bool more;
};

/* ---- the cursor ---- */

static bool open_file(struct listing *l)
{
	const char *path = l->node->config->routes[l->route].file;

	if (!l->file && path[0])
		l->file = fopen(path, "re");
	return l->file;
}

static void next_route(struct listing *l)
{
	if (l->file)
		fclose(l->file);
	l->file = NULL;
	l->item = 0;
	l->route++;
}

/* The next suffix of the file; NULL at its end. Comments are cut off as when it was loaded. */
static const char *next_line(struct listing *l)
{
	while (open_file(l) && getline(&l->line, &l->line_room, l->file) >= 0) {
		char *text = l->line + strspn(l->line, " \t\r\n");

		text[strcspn(text, " \t\r\n")] = '\0';
		if (*text && *text != '#')
			return text;
	}
	return NULL;
}

/* The next suffix as it was written, and the route it belongs to; NULL at the end. */
static const char *next_suffix(struct listing *l, const struct config_route **route)
{
	const struct config *config = l->node->config;

	for (; l->route < config->n_routes; next_route(l)) {
		const struct config_route *r = &config->routes[l->route];
		const char *text = NULL;

		if (l->item < r->suffixes.n)
			text = r->suffixes.item[l->item++];
		else
			text = next_line(l);
		*route = r;
		if (text)
			return text;
	}
	return NULL;
}

/* ---- the document, piece by piece ---- */

static size_t put_row(const struct listing *l, const struct config_route *route, const char *suffix,
		      char *out, size_t size)
{
	json_t *row = json_object();
	struct name name;
	char text[NAME_TEXT_MAX];
	size_t n;

	if (config_name(suffix, &name))
		suffix = "?";	/* the file has changed since */
	else
		suffix = name_to_text(name.wire, name.len, text, sizeof(text));
	document_text(row, "suffix", suffix);
	document_text(row, "pool", route->pool);
	n = (size_t)snprintf(out, size, "%s", l->rows ? "," : "");
	n += json_dumpb(row, out + n, size - n, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(row);
	return n;
}

static size_t put_rows(struct listing *l, char *out, size_t size)
{
	const struct config_route *route;
	size_t n = 0;

	while (size - n >= ROW_MAX && l->stage == STAGE_ROWS) {
		const char *suffix = next_suffix(l, &route);

		l->more = suffix && l->rows == l->limit;
		if (!suffix || l->more) {
			l->stage = STAGE_END;
			break;
		}
		n += put_row(l, route, suffix, out + n, size - n);
		l->rows++;
	}
	return n;
}

static ssize_t fill(void *context, char *out, size_t size)
{
	struct listing *l = context;
	size_t n = 0;

	if (l->stage == STAGE_HEAD) {
		n = (size_t)snprintf(out, size, "{\"loaded\":%zu,\"routes\":[",
				     suffix_table_count(node_conf(l->node)->suffixes));
		l->stage = STAGE_ROWS;
	} else if (l->stage == STAGE_END) {
		return -1;
	}
	if (node_conf(l->node)->generation == l->generation) {
		n += put_rows(l, out + n, size - n);
	} else {
		l->more = true;
		l->stage = STAGE_END;
	}
	if (l->stage == STAGE_END)
		n += (size_t)snprintf(out + n, size - n, "],\"more\":%s}\n", l->more ? "true" : "false");
	return (ssize_t)n;
}

static void close_listing(void *context)
{
	struct listing *l = context;

	if (l->file)
		fclose(l->file);
	free(l->line);
	free(l);
}

static const struct control_source source = { .fill = fill, .close = close_listing };

void listing_start(struct node *node, struct control_client *client, const json_t *request)
{
	struct listing *l = calloc(1, sizeof(*l));

	if (!l) {
		control_refuse(client, "no memory");
		return;
	}
	l->node = node;
	l->generation = node_conf(node)->generation;
	l->limit = json_is_true(json_object_get(request, "all")) ? UINT64_MAX : LISTING_DEFAULT;
	control_stream(client, NULL, &source, l);
}
