/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suffixes.c - reads the suffixes of all routes. Contract in suffixes.h.
 *
 * Lists may have a million lines: one pass, no memory but the table's. Where the first of two equal suffixes
 * stands is not remembered; it is looked for, in a second pass, once there are two.
 */
#include "node/suffixes.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "node/config.h"
#include "node/settings.h"
#include "node/source.h"
#include "pools/name.h"
#include "pools/suffix.h"

enum { WHERE_MAX = 4096 + 32 };

/* Where a suffix stands: line of the route's file, or, with line 0, an element of its list. */
struct place {
	size_t route, item;
	unsigned line;
};

struct reader {
	const struct config *config;
	struct settings *settings;
	struct suffix_builder *builder;
	char *error;
	size_t size;
	unsigned mistakes;
	/* second pass: the suffix looked for and the place where it stands first */
	const struct name *wanted;
	struct place first;
	uint64_t hash;			/* suffixes_hash() only */
};

/* Called for every suffix in file order; anything but 0 ends the pass and is its result. */
typedef int visit_suffix(struct reader *reader, const struct place *place, const char *text);

static const char *format_key(const struct place *place, char *text, size_t size)
{
	if (place->line)
		snprintf(text, size, "routes[%zu].file", place->route);
	else
		snprintf(text, size, "routes[%zu].suffixes[%zu]", place->route, place->item);
	return text;
}

static const char *format_where(const struct reader *reader, const struct place *place, char *text,
				size_t size)
{
	char key[SETTINGS_PATH_MAX];

	format_key(place, key, sizeof(key));
	if (place->line)
		snprintf(text, size, "%s:%u", reader->config->routes[place->route].file, place->line);
	else if (reader->settings)
		settings_where(reader->settings, key, text, size);
	else
		snprintf(text, size, "%s", reader->config->path);
	return text;
}

/* Returns what the pass goes on with: 0, or -EINVAL when it has seen enough. */
static int complain(struct reader *reader, const struct place *place, const char *what)
{
	char key[SETTINGS_PATH_MAX], where[WHERE_MAX], text[CONFIG_ERROR_MAX + SETTINGS_PATH_MAX];

	format_where(reader, place, where, sizeof(where));
	snprintf(text, sizeof(text), "%.400s: %s: %.500s", where, format_key(place, key, sizeof(key)), what);
	reader->mistakes++;
	if (!reader->settings) {
		snprintf(reader->error, reader->size, "%s", text);
		return -EINVAL;
	}
	settings_mistake_elsewhere(reader->settings, text);
	return reader->mistakes < SETTINGS_MISTAKES_MAX ? 0 : -EINVAL;
}

/* The suffix on a line, without blanks and comment; "" when there is none. */
static char *trim(char *line)
{
	char *end;

	line += strspn(line, " \t\r\n");
	end = line;
	while (*end && !(*end == '#' && (end == line || end[-1] == ' ' || end[-1] == '\t')))
		end++;
	while (end > line && strchr(" \t\r\n", end[-1]))
		end--;
	*end = '\0';
	return line;
}

static int visit_lines(struct reader *reader, FILE *stream, struct place place, visit_suffix *visit)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	int err = 0;

	while (!err && (len = getline(&line, &room, stream)) >= 0) {
		const char *text;

		place.line++;
		if (memchr(line, '\0', (size_t)len)) {
			err = complain(reader, &place, "has an octet 0 in it; this is no text file");
			continue;
		}
		text = trim(line);
		if (*text)
			err = visit(reader, &place, text);
	}
	free(line);
	return err;
}

static int visit_file(struct reader *reader, size_t route, visit_suffix *visit)
{
	const char *path = reader->config->routes[route].file;
	struct place place = { .route = route };
	FILE *stream = source_open(path);
	char what[512];
	int err;

	if (!stream) {
		snprintf(what, sizeof(what), "cannot be read: %s",
			 errno == EINVAL ? "not a regular file" : strerror(errno));
		place.line = 1;
		return complain(reader, &place, what);
	}
	err = visit_lines(reader, stream, place, visit);
	if (!err && ferror(stream))
		err = -EIO;
	fclose(stream);
	return err;
}

static int visit_all(struct reader *reader, visit_suffix *visit)
{
	const struct config *config = reader->config;
	int err = 0;

	for (size_t i = 0; i < config->n_routes && !err; i++) {
		const struct config_strings *list = &config->routes[i].suffixes;

		for (size_t j = 0; j < list->n && !err; j++)
			err = visit(reader, &(struct place){ .route = i, .item = j }, list->item[j]);
		if (!err && config->routes[i].file[0])
			err = visit_file(reader, i, visit);
	}
	return err;
}

static int find_first(struct reader *reader, const struct place *place, const char *text)
{
	struct name name;

	if (config_name(text, &name) || !name_equal(&name, reader->wanted))
		return 0;
	reader->first = *place;
	return 1;
}

static int complain_of_twin(struct reader *reader, const struct place *place, const struct name *name)
{
	char text[NAME_TEXT_MAX], where[WHERE_MAX], what[512];

	reader->wanted = name;
	if (visit_all(reader, find_first) != 1)
		return complain(reader, place, "is given twice");
	snprintf(what, sizeof(what), "\"%.128s\" is given twice, first at %.300s",
		 name_to_text(name->wire, name->len, text, sizeof(text)),
		 format_where(reader, &reader->first, where, sizeof(where)));
	return complain(reader, place, what);
}

static int add(struct reader *reader, const struct place *place, const char *text)
{
	const char *pool = reader->config->routes[place->route].pool;
	struct name name;
	char what[512];
	int err;

	if (config_name(text, &name)) {
		snprintf(what, sizeof(what), "\"%.128s\" is no domain name in printable ASCII", text);
		return complain(reader, place, what);
	}
	err = suffix_builder_add(reader->builder, &name, (uint32_t)config_pool(reader->config, pool), NULL);
	return err == -EEXIST ? complain_of_twin(reader, place, &name) : err;
}

int suffixes_build(const struct config *config, struct settings *settings, struct suffix_table **table,
		   char *error, size_t size)
{
	struct reader reader = { .config = config, .settings = settings, .error = error, .size = size };
	int err = -ENOMEM;

	reader.builder = suffix_builder_new();
	if (reader.builder)
		err = visit_all(&reader, add);
	if (!err && reader.mistakes)
		err = -EINVAL;
	if (!err) {
		*table = suffix_builder_finish(reader.builder);
		err = *table ? 0 : -ENOMEM;
	}
	if (err && !reader.mistakes)
		snprintf(error, size, "%.400s: routes: %s", config->path, strerror(-err));
	suffix_builder_free(reader.builder);
	return err;
}

static int add_to_hash(struct reader *reader, const struct place *place, const char *text)
{
	static const uint8_t key[crypto_shorthash_KEYBYTES] = "route to pool";
	uint8_t octets[NAME_WIRE_MAX + POOL_NAME_MAX], digest[crypto_shorthash_BYTES];
	const char *pool = reader->config->routes[place->route].pool;
	uint64_t one;
	struct name name;

	if (config_name(text, &name))
		return -EINVAL;
	memcpy(octets, name.wire, name.len);
	memcpy(octets + name.len, pool, strlen(pool));
	crypto_shorthash(digest, octets, name.len + strlen(pool), key);
	memcpy(&one, digest, sizeof(one));
	reader->hash += one;
	return 0;
}

int suffixes_hash(const struct config *config, uint64_t *hash)
{
	char error[CONFIG_ERROR_MAX];
	struct reader reader = { .config = config, .error = error, .size = sizeof(error) };
	int err = visit_all(&reader, add_to_hash);

	*hash = reader.hash;
	return err;
}
