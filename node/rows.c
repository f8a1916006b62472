/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows.c - members to cells. Contract in rows.h.
 */
#include "node/rows.h"

#include <assert.h>
#include <string.h>

#include "node/members.h"
#include "node/table.h"

enum { MEMBER_MAX = 64 };

static void add_flag(struct table *t, const json_t *object, char *member, char *yes)
{
	char *no = strchr(yes, ':');

	assert(no);
	*yes++ = *no++ = '\0';
	table_text(t, pick(flag_of(object, member), yes, no));
}

static void add_cell(struct table *t, const json_t *object, char *member)
{
	char *yes = strchr(member, '?');

	if (yes)
		add_flag(t, object, member, yes);
	else if (*member == '#')
		table_number(t, number_of(object, member + 1));
	else if (*member == '~')
		table_duration(t, number_of(object, member + 1));
	else if (*member == '@')
		table_latency(t, number_of(object, member + 1));
	else if (*member == '%')
		table_octets(t, number_of(object, member + 1));
	else
		table_text(t, text_of(object, member));
}

void rows_add(struct table *t, const json_t *object, const char *members)
{
	char member[MEMBER_MAX];

	while (*members) {
		size_t len = strcspn(members, " ");

		assert(len && len < sizeof(member));
		memcpy(member, members, len);
		member[len] = '\0';
		add_cell(t, object, member);
		members += len + (members[len] == ' ');
	}
}

void rows_print(FILE *out, const char *headers, const json_t *list, const char *members)
{
	struct table *t = table_new(headers);
	const json_t *object;
	size_t i;

	json_array_foreach(list, i, object)
		rows_add(t, object, members);
	table_print(t, out);
}

const char *rows_join(const json_t *list, char *text, size_t size)
{
	const json_t *item;
	size_t i, at = 0;

	text[0] = '\0';
	json_array_foreach(list, i, item)
		if (at < size && json_is_string(item))
			at += (size_t)snprintf(text + at, size - at, "%s%s", i ? " " : "", json_string_value(item));
	return text;
}
