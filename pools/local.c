/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * local.c - what the node says about itself. Contract in local.h.
 */
#include "pools/local.h"

#include <stdlib.h>
#include <string.h>
#include "pools/name.h"

enum {
	TYPE_TXT = 16,
	TYPE_ANY = 255,
	RCODE_NOERROR = 0,
	RCODE_REFUSED = 5,
	LOCAL_NAMES = 5,
};

struct local_table {
	struct local_answer identity, version, canary;
	unsigned count;
	struct {
		struct name name;
		const struct local_answer *answer;
	} entries[LOCAL_NAMES];
};

static const struct local_answer refused = { .rcode = RCODE_REFUSED };
static const struct local_answer no_data = { .rcode = RCODE_NOERROR };

/* A text that is missing or empty is not told: REFUSED. */
static void set_text(struct local_answer *answer, const char *text)
{
	if (!text || !text[0]) {
		*answer = refused;
		return;
	}
	answer->text_len = strnlen(text, LOCAL_TEXT_MAX);
	memcpy(answer->text, text, answer->text_len);
}

static bool add_name(struct local_table *table, const char *text, const struct local_answer *answer)
{
	if (name_from_text(text, &table->entries[table->count].name))
		return false;
	table->entries[table->count++].answer = answer;
	return true;
}

struct local_table *local_table_new(const char *node_name, const char *version)
{
	struct local_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	set_text(&table->identity, node_name);
	set_text(&table->version, version);
	set_text(&table->canary, "alive");
	if (!add_name(table, "id.server.", &table->identity) ||
	    !add_name(table, "hostname.bind.", &table->identity) ||
	    !add_name(table, "version.server.", &table->version) ||
	    !add_name(table, "version.bind.", &table->version) ||
	    !add_name(table, LOCAL_CANARY_NAME, &table->canary)) {
		free(table);
		return NULL;
	}
	return table;
}

void local_table_free(struct local_table *table)
{
	free(table);
}

const struct local_answer *local_find(const struct local_table *table, const struct name *name,
				      uint16_t type)
{
	for (unsigned i = 0; i < table->count; i++) {
		const struct local_answer *answer = table->entries[i].answer;

		if (!name_equal(&table->entries[i].name, name))
			continue;
		if (answer->rcode == RCODE_NOERROR && type != TYPE_TXT && type != TYPE_ANY)
			return &no_data;
		return answer;
	}
	return &refused;
}
