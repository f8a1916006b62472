/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * document.h - building JSON objects for tandemctl: jansson refuses texts that are not UTF-8, and one refused
 * text would lose the whole answer. Control thread.
 */
#ifndef NODE_DOCUMENT_H
#define NODE_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Octets that are neither printable ASCII nor a newline become '?'. */
json_t *document_string(const char *text);
json_t *document_error(const char *text);	/* {"error": text} */

void document_text(json_t *object, const char *key, const char *text);
void document_count(json_t *object, const char *key, uint64_t n);
void document_flag(json_t *object, const char *key, bool flag);

#endif
