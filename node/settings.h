/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settings.h - a configuration file, parsed, and the mistakes found in it. Reads any struct that a table of
 * keys (schema.h) describes. libconfig stays behind this header. At start-up, or in the thread that prepares a
 * reload.
 */
#ifndef NODE_SETTINGS_H
#define NODE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

struct schema_key;
struct settings;

enum { SETTINGS_MISTAKES_MAX = 10, SETTINGS_PATH_MAX = 256 };

/*
 * Reads and parses path with its includes. 0, or -errno and error = "file:line: what is wrong". Mistakes
 * found later are added to error, one a line, until settings_close(); the first SETTINGS_MISTAKES_MAX are
 * shown.
 */
int settings_open(const char *path, struct settings **settings, char *error, size_t size);
void settings_close(struct settings *settings);		/* accepts NULL */

/*
 * Stores every setting into base as keys say, and defaults for those that are absent. base must be zero;
 * what it owns afterwards is freed by schema_clear(), after a failure too. 0, -EINVAL when mistakes were
 * noted, -ENOMEM.
 */
int settings_fill(struct settings *settings, const struct schema_key *keys, void *base);

/* Does the file itself have a setting at path? */
bool settings_given(const struct settings *settings, const char *path);

/* Notes a mistake of the setting at path ("pools[1].servers[0].port"), or of what stands around it when it
 * is absent. */
void settings_mistake(struct settings *settings, const char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Notes a mistake outside the settings; text begins with its place. */
void settings_mistake_elsewhere(struct settings *settings, const char *text);
unsigned settings_mistakes(const struct settings *settings);

/* "file:line" of the setting at path, or of what stands around it. Returns text. */
const char *settings_where(const struct settings *settings, const char *path, char *text, size_t size);
/* The file that the setting at path stands in; lives as long as the settings. */
const char *settings_file(const struct settings *settings, const char *path);

#endif
