/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * document.c - JSON objects. Contract in document.h.
 */
#include "node/document.h"

#include <stdlib.h>
#include <string.h>

json_t *document_string(const char *text)
{
	char *clean = strdup(text);
	json_t *string;

	if (!clean)
		return NULL;
	for (char *at = clean; *at; at++)
		if ((*at < ' ' || *at > '~') && *at != '\n')
			*at = '?';
	string = json_string(clean);
	free(clean);
	return string;
}

json_t *document_error(const char *text)
{
	json_t *object = json_object();

	json_object_set_new(object, "error", document_string(text));
	return object;
}

void document_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, document_string(text));
}

void document_count(json_t *object, const char *key, uint64_t n)
{
	json_object_set_new(object, key, json_integer((json_int_t)n));
}

void document_flag(json_t *object, const char *key, bool flag)
{
	json_object_set_new(object, key, json_boolean(flag));
}
