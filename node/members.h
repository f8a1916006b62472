/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * members.h - members of a document as tandemctl prints them: what is not there, or of another type, is "", 0, false.
 */
#ifndef NODE_MEMBERS_H
#define NODE_MEMBERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

static inline const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static inline uint64_t number_of(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static inline bool flag_of(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static inline const char *pick(bool which, const char *if_true, const char *if_false)
{
	return which ? if_true : if_false;
}

#endif
