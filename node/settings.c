/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settings.c - walks a parsed file along a table of keys and stores what it finds. Contract in settings.h.
 *
 * A default stands in the table as it would stand in a file and goes through the same functions. A mistake
 * never ends the walk, so that one run of the check shows all of them.
 */
#include "node/settings.h"

#include <errno.h>
#include <libconfig.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/addr.h"
#include "dataplane/acl.h"
#include "node/schema.h"
#include "node/source.h"

enum { REST_ROOM = 48 };	/* for the line that says how many mistakes are not shown */

struct settings {
	struct source *source;
	config_t parsed;
	char *error;
	size_t size, used;
	unsigned mistakes, shown;
	bool out_of_memory;
	char path[SETTINGS_PATH_MAX];	/* of the setting being stored */
};

static void note(struct settings *s, const char *text)
{
	size_t len = strlen(text);

	if (s->mistakes++ >= SETTINGS_MISTAKES_MAX)
		return;
	if (s->used && s->used + len + REST_ROOM > s->size)
		return;		/* whole lines only, but for the first */
	s->shown++;
	s->used += (size_t)snprintf(s->error + s->used, s->size - s->used, "%s%s", s->used ? "\n" : "", text);
	if (s->used >= s->size)
		s->used = s->size - 1;
}

void settings_mistake_elsewhere(struct settings *settings, const char *text)
{
	note(settings, text);
}

unsigned settings_mistakes(const struct settings *settings)
{
	return settings->mistakes;
}

static void note_at(struct settings *s, unsigned line, const char *path, const char *format, va_list args)
{
	struct source_place place = source_locate(s->source, line);
	char what[512], text[1024];

	vsnprintf(what, sizeof(what), format, args);
	snprintf(text, sizeof(text), "%.400s:%u: %s: %s", place.file, place.line, path, what);
	note(s, text);
}

/* A mistake of the setting being stored; setting says the line (NULL: the top of the file). */
__attribute__((format(printf, 3, 4)))
static void mistake(struct settings *s, const config_setting_t *setting, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	note_at(s, setting ? config_setting_source_line(setting) : 0, s->path, format, args);
	va_end(args);
}

/* The setting at path, or the nearest one around it; *rest: what of path is not there. */
static const config_setting_t *find_part(const struct settings *s, const char *path, const char **rest)
{
	const config_setting_t *at = config_root_setting(&s->parsed), *next;
	char name[64];

	while (*path) {
		size_t len = strcspn(path, ".[");

		*rest = path;
		if (*path == '[') {
			next = config_setting_get_elem(at, (unsigned)strtoul(path + 1, NULL, 10));
			path += strcspn(path, "]");
			path += *path == ']';
		} else {
			snprintf(name, sizeof(name), "%.*s", (int)len, path);
			next = config_setting_get_member(at, name);
			path += len;
		}
		if (!next)
			break;
		at = next;
		path += *path == '.';
		*rest = path;
	}
	return at;
}

static const config_setting_t *find(const struct settings *s, const char *path)
{
	const char *rest;

	return find_part(s, path, &rest);
}

void settings_mistake(struct settings *settings, const char *path, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	note_at(settings, config_setting_source_line(find(settings, path)), path, format, args);
	va_end(args);
}

bool settings_given(const struct settings *settings, const char *path)
{
	const char *rest = path;

	find_part(settings, path, &rest);
	return !*rest;
}

const char *settings_where(const struct settings *settings, const char *path, char *text, size_t size)
{
	struct source_place place = source_locate(settings->source,
						  config_setting_source_line(find(settings, path)));

	snprintf(text, size, "%s:%u", place.file, place.line);
	return text;
}

const char *settings_file(const struct settings *settings, const char *path)
{
	return source_locate(settings->source, config_setting_source_line(find(settings, path))).file;
}

/* Appends to the path of the setting being stored; returns where to cut it off again. */
__attribute__((format(printf, 2, 3)))
static size_t push(struct settings *s, const char *format, ...)
{
	size_t at = strlen(s->path);
	va_list args;

	va_start(args, format);
	vsnprintf(s->path + at, sizeof(s->path) - at, format, args);
	va_end(args);
	return at;
}

static void pop(struct settings *s, size_t at)
{
	s->path[at] = '\0';
}

static void wrong_type(struct settings *s, const struct schema_key *key, const config_setting_t *setting)
{
	char allowed[SCHEMA_ALLOWED_MAX];

	mistake(s, setting, "must be %s", schema_allowed(key, allowed, sizeof(allowed)));
}

/* The text of a setting, or NULL and a mistake: texts end up in logs and in other programs' hands. */
static const char *read_text(struct settings *s, const struct schema_key *key, const config_setting_t *setting)
{
	const char *text;

	if (config_setting_type(setting) != CONFIG_TYPE_STRING) {
		wrong_type(s, key, setting);
		return NULL;
	}
	text = config_setting_get_string(setting);
	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f) {
			mistake(s, setting, "has a control character or a line break in it");
			return NULL;
		}
	}
	return text;
}

static bool check_range(struct settings *s, const struct schema_key *key, const config_setting_t *setting,
			long long value)
{
	char allowed[SCHEMA_ALLOWED_MAX];

	if (value >= key->min && value <= key->max)
		return true;
	mistake(s, setting, "%lld is out of range, must be %s", value,
		schema_allowed(key, allowed, sizeof(allowed)));
	return false;
}

static bool is_integer(const config_setting_t *setting)
{
	return config_setting_type(setting) == CONFIG_TYPE_INT ||
	       config_setting_type(setting) == CONFIG_TYPE_INT64;
}

static void store_bool(struct settings *s, const struct schema_key *key, const config_setting_t *setting,
		       void *field)
{
	if (config_setting_type(setting) == CONFIG_TYPE_BOOL)
		*(bool *)field = config_setting_get_bool(setting);
	else
		wrong_type(s, key, setting);
}

static void store_int(struct settings *s, const struct schema_key *key, const config_setting_t *setting,
		      void *field)
{
	if (!is_integer(setting))
		wrong_type(s, key, setting);
	else if (check_range(s, key, setting, config_setting_get_int64(setting)))
		*(uint32_t *)field = (uint32_t)config_setting_get_int64(setting);
}

/* "512M" to octets; -1 when it is no size. */
static long long parse_size(const char *text)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;
	long long value;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno)
		return -1;
	if (!*end)
		return value;
	unit = strchr(units, *end);
	if (!unit || end[1] || __builtin_mul_overflow(value, 1LL << 10 * (unit - units + 1), &value))
		return -1;
	return value;
}

static void store_size(struct settings *s, const struct schema_key *key, const config_setting_t *setting,
		       void *field)
{
	long long value = -1;

	if (is_integer(setting))
		value = config_setting_get_int64(setting);
	else if (config_setting_type(setting) == CONFIG_TYPE_STRING)
		value = parse_size(config_setting_get_string(setting));
	if (value < 0)
		wrong_type(s, key, setting);
	else if (check_range(s, key, setting, value))
		*(uint64_t *)field = (uint64_t)value;
}

static void store_string(struct settings *s, const struct schema_key *key, const config_setting_t *setting,
			 void *field)
{
	const char *text = read_text(s, key, setting);
	char allowed[SCHEMA_ALLOWED_MAX];

	if (!text)
		return;
	if ((int64_t)strlen(text) < key->min || (int64_t)strlen(text) > key->max)
		mistake(s, setting, "has %zu characters, must be %s", strlen(text),
			schema_allowed(key, allowed, sizeof(allowed)));
	else
		memcpy(field, text, strlen(text) + 1);
}

static void store_enum(struct settings *s, const struct schema_key *key, const config_setting_t *setting,
		       void *field)
{
	const char *text = read_text(s, key, setting);
	char allowed[SCHEMA_ALLOWED_MAX];

	if (!text)
		return;
	for (int i = 0; key->words[i]; i++) {
		if (strcmp(text, key->words[i]) == 0) {
			*(int *)field = (int)key->min + i;
			return;
		}
	}
	mistake(s, setting, "\"%.64s\" is not %s", text, schema_allowed(key, allowed, sizeof(allowed)));
}

static void store_addr(struct settings *s, const struct schema_key *key, const config_setting_t *setting,
		       void *field)
{
	const char *text = read_text(s, key, setting);

	if (text && addr_parse(text, field))
		mistake(s, setting, "\"%.64s\" is no IP address", text);
}

static void store_text_element(struct settings *s, const struct schema_key *key,
			       const config_setting_t *setting, void *element)
{
	const char *text = read_text(s, key, setting);
	char **copy = element;

	if (!text)
		return;
	*copy = strdup(text);
	s->out_of_memory |= !*copy;
}

static void store_cpu_element(struct settings *s, const struct schema_key *key,
			      const config_setting_t *setting, void *element)
{
	long long cpu = is_integer(setting) ? config_setting_get_int64(setting) : -1;

	if (!is_integer(setting))
		wrong_type(s, key, setting);
	else if (cpu < 0 || cpu > SCHEMA_CPU_MAX)
		mistake(s, setting, "%lld is out of range, must be a CPU number 0-%d", cpu, SCHEMA_CPU_MAX);
	else
		*(uint32_t *)element = (uint32_t)cpu;
}

static void store_prefix(struct settings *s, const struct schema_key *key, const config_setting_t *setting,
			 void *field)
{
	const char *text = read_text(s, key, setting);
	int err = text ? prefix_parse(text, field) : 0;

	if (err == -ERANGE)
		mistake(s, setting, "\"%.64s\" has bits set behind its length", text);
	else if (err)
		mistake(s, setting, "\"%.64s\" is no prefix; write \"192.0.2.0/24\"", text);
}

static void store_prefix_element(struct settings *s, const struct schema_key *key,
				 const config_setting_t *setting, void *element)
{
	const char *text = read_text(s, key, setting);
	struct dp_acl_rule *rule = element;
	int err;

	if (!text)
		return;
	rule->allow = text[0] != '!';
	err = prefix_parse(rule->allow ? text : text + 1, &rule->prefix);
	if (err == -ERANGE)
		mistake(s, setting, "\"%.64s\" has bits set behind its length", text);
	else if (err)
		mistake(s, setting, "\"%.64s\" is no prefix; write \"192.0.2.0/24\", or \"!192.0.2.7\" to deny",
			text);
}

static void store_group(struct settings *s, const struct schema_key *key, const config_setting_t *setting,
			void *field);

/* What an element of a list takes in memory, and who stores it. */
struct element {
	size_t size;
	void (*store)(struct settings *s, const struct schema_key *key, const config_setting_t *setting,
		      void *element);
};

static struct element element_of(const struct schema_key *key)
{
	switch (key->type) {
	case SCHEMA_STRING_LIST:
	case SCHEMA_COMMAND:
		return (struct element){ sizeof(char *), store_text_element };
	case SCHEMA_CPU_LIST:
		return (struct element){ sizeof(uint32_t), store_cpu_element };
	case SCHEMA_PREFIX_LIST:
		return (struct element){ sizeof(struct dp_acl_rule), store_prefix_element };
	case SCHEMA_ADDR_LIST:
		return (struct element){ sizeof(struct addr), store_addr };
	default:
		return (struct element){ key->size, store_group };
	}
}

static void store_list(struct settings *s, const struct schema_key *key, const config_setting_t *setting,
		       void *field)
{
	struct element element = element_of(key);
	char allowed[SCHEMA_ALLOWED_MAX];
	int n = config_setting_length(setting);
	char *items;

	if (!config_setting_is_list(setting) && !config_setting_is_array(setting)) {
		wrong_type(s, key, setting);
		return;
	}
	if (n < key->min || n > key->max) {
		mistake(s, setting, "has %d elements, must be %s", n,
			schema_allowed(key, allowed, sizeof(allowed)));
		return;
	}
	items = calloc((size_t)n + 1, element.size);	/* never of size 0 */
	if (!items) {
		s->out_of_memory = true;
		return;
	}
	schema_array_set(field, items, (size_t)n);
	for (int i = 0; i < n; i++) {
		size_t cut = push(s, "[%d]", i);

		element.store(s, key, config_setting_get_elem(setting, (unsigned)i),
			      items + (size_t)i * element.size);
		pop(s, cut);
	}
}

/* Blanks divide and nothing else means anything: who needs a blank in a word writes a list. */
static char *next_word(char **text)
{
	char *word;

	while ((word = strsep(text, " ")) && !*word)
		;
	return word;
}

/* The words of text, which are counted first; NULL without memory. */
static char **split(const char *text, size_t *n)
{
	char *copy = strdup(text), *again = strdup(text), *at = copy, *rest = again, *word;
	char **words = NULL;

	*n = 0;
	while (copy && next_word(&at))
		++*n;
	if (copy && again)
		words = calloc(*n + 1, sizeof(*words));
	for (size_t i = 0; words && (word = next_word(&rest)); i++)
		words[i] = strdup(word);
	free(copy);
	free(again);
	return words;
}

static void store_command(struct settings *s, const struct schema_key *key, const config_setting_t *setting,
			  void *field)
{
	char allowed[SCHEMA_ALLOWED_MAX];
	const char *text;
	char **words;
	size_t n;

	if (config_setting_type(setting) != CONFIG_TYPE_STRING) {
		store_list(s, key, setting, field);
		return;
	}
	text = read_text(s, key, setting);
	if (!text)
		return;
	words = split(text, &n);
	s->out_of_memory |= !words;
	for (size_t i = 0; words && i < n; i++)
		s->out_of_memory |= !words[i];
	schema_array_set(field, words, words ? n : 0);
	if ((int64_t)n < key->min || (int64_t)n > key->max)
		mistake(s, setting, "has %zu words, must be %s", n, schema_allowed(key, allowed, sizeof(allowed)));
}

static void fill_group(struct settings *s, const config_setting_t *group, const struct schema_key *keys,
		       void *base);

static void store_group(struct settings *s, const struct schema_key *key, const config_setting_t *setting,
			void *field)
{
	if (config_setting_is_group(setting))
		fill_group(s, setting, key->children, field);
	else
		mistake(s, setting, "must be a group { ... }");
}

static void store(struct settings *s, const struct schema_key *key, const config_setting_t *setting,
		  void *field)
{
	static void (*const stores[])(struct settings *, const struct schema_key *, const config_setting_t *,
				      void *) = {
		[SCHEMA_BOOL] = store_bool,
		[SCHEMA_INT] = store_int,
		[SCHEMA_SIZE] = store_size,
		[SCHEMA_STRING] = store_string,
		[SCHEMA_ENUM] = store_enum,
		[SCHEMA_ADDR] = store_addr,
		[SCHEMA_PREFIX] = store_prefix,
		[SCHEMA_ADDR_LIST] = store_list,
		[SCHEMA_PREFIX_LIST] = store_list,
		[SCHEMA_STRING_LIST] = store_list,
		[SCHEMA_COMMAND] = store_command,
		[SCHEMA_CPU_LIST] = store_list,
		[SCHEMA_GROUP] = store_group,
		[SCHEMA_LIST] = store_list,
	};

	stores[key->type](s, key, setting, field);
}

static void store_default(struct settings *s, const struct schema_key *key, void *field)
{
	char text[256];
	config_t parsed;

	snprintf(text, sizeof(text), "value = %s;", key->fallback);
	config_init(&parsed);
	if (config_read_string(&parsed, text))
		store(s, key, config_lookup(&parsed, "value"), field);
	else
		mistake(s, NULL, "the default %s does not parse", key->fallback);
	config_destroy(&parsed);
}

static void store_absent(struct settings *s, const struct schema_key *key, const config_setting_t *group,
			 void *field)
{
	char allowed[SCHEMA_ALLOWED_MAX];

	if (key->required && group)
		mistake(s, group, "missing, must be %s", schema_allowed(key, allowed, sizeof(allowed)));
	else if (key->type == SCHEMA_GROUP)
		fill_group(s, NULL, key->children, field);
	else if (key->fallback)
		store_default(s, key, field);
}

static void unknown(struct settings *s, const config_setting_t *setting, const struct schema_key *keys)
{
	char names[256];
	size_t at = 0;

	for (unsigned i = 0; keys[i].name && at < sizeof(names); i++)
		at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", i ? ", " : "", keys[i].name);
	mistake(s, setting, "unknown key, allowed here: %s", names);
}

/* group is NULL where the file has none: defaults only. */
static void fill_group(struct settings *s, const config_setting_t *group, const struct schema_key *keys,
		       void *base)
{
	size_t cut = *s->path ? push(s, ".") : 0;
	size_t name_at = strlen(s->path);

	for (int i = 0; group && i < config_setting_length(group); i++) {
		const config_setting_t *member = config_setting_get_elem(group, (unsigned)i);

		push(s, "%s", config_setting_name(member));
		if (!schema_find(keys, config_setting_name(member)))
			unknown(s, member, keys);
		pop(s, name_at);
	}
	for (const struct schema_key *key = keys; key->name; key++) {
		const config_setting_t *member = group ? config_setting_get_member(group, key->name) : NULL;
		void *field = (char *)base + key->offset;

		push(s, "%s", key->name);
		if (member)
			store(s, key, member, field);
		else
			store_absent(s, key, group, field);
		pop(s, name_at);
	}
	pop(s, cut);
}

int settings_fill(struct settings *settings, const struct schema_key *keys, void *base)
{
	settings->path[0] = '\0';
	fill_group(settings, config_root_setting(&settings->parsed), keys, base);
	if (settings->out_of_memory)
		return -ENOMEM;
	return settings->mistakes ? -EINVAL : 0;
}

/* libconfig names no key, so the line itself is shown. */
static int report_syntax(struct settings *s, char *error, size_t size)
{
	unsigned line = (unsigned)config_error_line(&s->parsed);
	struct source_place place = source_locate(s->source, line);
	const char *text = source_text(s->source);

	for (unsigned i = 1; i < line && *text; text += *text == '\n') {
		text = strchrnul(text, '\n');
		i++;
	}
	text += strspn(text, " \t");
	snprintf(error, size, "%.400s:%u: %s: %.*s", place.file, place.line, config_error_text(&s->parsed),
		 (int)strcspn(text, "\r\n"), text);
	return -EINVAL;
}

int settings_open(const char *path, struct settings **settings, char *error, size_t size)
{
	struct settings *s = calloc(1, sizeof(*s));
	int err;

	if (!s) {
		snprintf(error, size, "%s: %s", path, strerror(ENOMEM));
		return -ENOMEM;
	}
	config_init(&s->parsed);
	s->error = error;
	s->size = size;
	error[0] = '\0';
	err = source_read(path, &s->source, error, size);
	if (!err && !config_read_string(&s->parsed, source_text(s->source)))
		err = report_syntax(s, error, size);
	if (err)
		settings_close(s);
	else
		*settings = s;
	return err;
}

void settings_close(struct settings *settings)
{
	if (!settings)
		return;
	if (settings->mistakes > settings->shown)
		snprintf(settings->error + settings->used, settings->size - settings->used,
			 "\nand %u more mistakes", settings->mistakes - settings->shown);
	config_destroy(&settings->parsed);
	source_free(settings->source);
	free(settings);
}
