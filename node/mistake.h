/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mistake.h - mistakes inside the lists of a configuration, for what checks it.
 */
#ifndef NODE_MISTAKE_H
#define NODE_MISTAKE_H

#include <stdio.h>
#include "node/settings.h"

/* settings_mistake() for a key inside a list: the format's arguments begin with the position. */
#define MISTAKE_IN(settings, i, list, key, ...) \
	settings_mistake(settings, key_of(list, i, key, (char[SETTINGS_PATH_MAX]){ 0 }), __VA_ARGS__)

/* "list[i].key" in path, which has SETTINGS_PATH_MAX octets; "list[i]" for a key of "". */
static inline const char *key_of(const char *list, size_t i, const char *key, char *path)
{
	snprintf(path, SETTINGS_PATH_MAX, "%.150s[%zu]%s%.60s", list, i, *key ? "." : "", key);
	return path;
}

#endif
