/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source.c - reads configuration files and their includes into one text. Contract in source.h.
 *
 * Just enough of the syntax is followed line by line (texts and comments may span lines) to know where an
 * @include is one, and to refuse numbers that libconfig 1.5 would silently cut to 32 bits.
 */
#include "node/source.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FILE_SIZE_MAX = 16 << 20,
	DEPTH_MAX = 10,
	PATH_SIZE = 4096,
};

struct source_file {
	char *path, *text;
	struct source_file *next;
};

struct source {
	char *text;
	size_t len, room;
	struct source_place *places;	/* [i] = line i + 1 of text */
	size_t lines, places_room;
	struct source_file *files;
	char *error;			/* while reading */
	size_t error_size;
};

enum inside { INSIDE_NOTHING, INSIDE_TEXT, INSIDE_COMMENT };

/* 0 or -errno; what is no file would block, never end, or make no sense. */
static int check_regular(int fd)
{
	struct stat status;

	if (fstat(fd, &status))
		return -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	return S_ISREG(status.st_mode) ? 0 : -EINVAL;
}

FILE *source_open(const char *path)
{
	/* O_NONBLOCK: opening a FIFO without a writer would wait for one */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FILE *stream = NULL;
	int err;

	if (fd < 0)
		return NULL;
	err = check_regular(fd);
	if (!err) {
		stream = fdopen(fd, "r");
		err = stream ? 0 : -errno;
	}
	if (err) {
		close(fd);
		errno = -err;
	}
	return stream;
}

int source_resolve(const char *file, const char *name, char *path, size_t size)
{
	const char *slash = strrchr(file, '/');
	int dir_len = slash && name[0] != '/' ? (int)(slash - file + 1) : 0;

	return (size_t)snprintf(path, size, "%.*s%s", dir_len, file, name) < size ? 0 : -ENAMETOOLONG;
}

static int fail_at(struct source *source, struct source_place place, int err, const char *what)
{
	snprintf(source->error, source->error_size, "%s:%u: %s", place.file, place.line, what);
	return err;
}

static const char *explain(int err)
{
	switch (err) {
	case -EINVAL:
		return "not a regular file";
	case -EILSEQ:
		return "not a text file";
	default:
		return strerror(-err);
	}
}

/* place is where path was asked for; without a file for the first one. */
static int fail_file(struct source *source, struct source_place place, const char *path, int err)
{
	if (place.file)
		snprintf(source->error, source->error_size, "%s:%u: @include: %s: %s", place.file,
			 place.line, path, explain(err));
	else
		snprintf(source->error, source->error_size, "%s: %s", path, explain(err));
	return err;
}

/* Reads all of stream into file->text. */
static int slurp(FILE *stream, struct source_file *file)
{
	struct stat status;
	size_t len;

	if (fstat(fileno(stream), &status))
		return -errno;
	if (status.st_size > FILE_SIZE_MAX)
		return -EFBIG;
	file->text = malloc((size_t)status.st_size + 1);
	if (!file->text)
		return -ENOMEM;
	len = fread(file->text, 1, (size_t)status.st_size, stream);
	if (ferror(stream))
		return -EIO;
	file->text[len] = '\0';
	return strlen(file->text) == len ? 0 : -EILSEQ;	/* an octet 0 would hide the rest */
}

static int read_file(struct source *source, struct source_place place, const char *path,
		     struct source_file **result)
{
	struct source_file *file = calloc(1, sizeof(*file));
	FILE *stream;
	int err;

	if (!file)
		return fail_file(source, place, path, -ENOMEM);
	file->next = source->files;
	source->files = file;
	file->path = strdup(path);
	if (!file->path)
		return fail_file(source, place, path, -ENOMEM);
	stream = source_open(path);
	if (!stream)
		return fail_file(source, place, path, -errno);
	err = slurp(stream, file);
	fclose(stream);
	*result = file;
	return err ? fail_file(source, place, path, err) : 0;
}

static int append_line(struct source *source, const char *line, size_t len, struct source_place place)
{
	if (source->len + len + 2 > source->room) {
		size_t room = 2 * (source->room + len) + PATH_SIZE;
		char *text = realloc(source->text, room);

		if (!text)
			return fail_at(source, place, -ENOMEM, strerror(ENOMEM));
		source->text = text;
		source->room = room;
	}
	if (source->lines == source->places_room) {
		size_t room = 2 * source->places_room + 64;
		struct source_place *places = realloc(source->places, room * sizeof(*places));

		if (!places)
			return fail_at(source, place, -ENOMEM, strerror(ENOMEM));
		source->places = places;
		source->places_room = room;
	}
	memcpy(source->text + source->len, line, len);
	source->len += len;
	source->text[source->len++] = '\n';
	source->text[source->len] = '\0';
	source->places[source->lines++] = place;
	return 0;
}

/* Does the number at p need more than the 31 bits that libconfig keeps of a number without "L"? */
static bool is_cut(const char *p)
{
	bool hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
	char *end;

	if (strtoull(p, &end, hex ? 16 : 10) <= INT32_MAX)
		return false;
	return *end != 'L' && *end != '.' && *end != 'e' && *end != 'E';
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.';
}

/* Follows one line; returns what the next one begins in. *cut becomes true at a number that is too large. */
static enum inside scan_line(enum inside inside, const char *p, const char *end, bool *cut)
{
	for (const char *start = p; p < end; p++) {
		if (inside == INSIDE_TEXT) {
			if (*p == '\\')
				p++;
			else if (*p == '"')
				inside = INSIDE_NOTHING;
		} else if (inside == INSIDE_COMMENT) {
			if (p[0] == '*' && p[1] == '/') {
				p++;
				inside = INSIDE_NOTHING;
			}
		} else if (*p == '"') {
			inside = INSIDE_TEXT;
		} else if (p[0] == '/' && p[1] == '*') {
			p++;
			inside = INSIDE_COMMENT;
		} else if (*p == '#' || (p[0] == '/' && p[1] == '/')) {
			break;
		} else if (isdigit((unsigned char)*p) && (p == start || !is_word(p[-1]))) {
			*cut |= is_cut(p);
		}
	}
	return inside;
}

/* '@include "name"' alone on its line: 1 and the name; 0 when it is no include; -EINVAL when a broken one. */
static int parse_include(const char *line, const char *end, char *name, size_t size)
{
	static const char directive[] = "@include";
	const char *quote;

	while (line < end && isblank((unsigned char)*line))
		line++;
	if ((size_t)(end - line) < strlen(directive) || memcmp(line, directive, strlen(directive)))
		return 0;
	line += strlen(directive);
	while (line < end && isblank((unsigned char)*line))
		line++;
	if (line == end || *line != '"')
		return -EINVAL;
	line++;
	quote = memchr(line, '"', (size_t)(end - line));
	if (!quote || quote == line || (size_t)(quote - line) >= size)
		return -EINVAL;
	memcpy(name, line, (size_t)(quote - line));
	name[quote - line] = '\0';
	for (line = quote + 1; line < end; line++) {
		if (!isspace((unsigned char)*line))
			return -EINVAL;
	}
	return 1;
}

static int read_into(struct source *source, struct source_place place, const char *path,
		     unsigned depth);

static int include(struct source *source, struct source_place place, const char *name, unsigned depth)
{
	char path[PATH_SIZE];

	if (depth == DEPTH_MAX)
		return fail_at(source, place, -ELOOP,
			       "@include: more than 10 files deep; does a file include itself?");
	if (source_resolve(place.file, name, path, sizeof(path)))
		return fail_at(source, place, -ENAMETOOLONG, "@include: path is too long");
	return read_into(source, place, path, depth + 1);
}

static int read_lines(struct source *source, const struct source_file *file, unsigned depth)
{
	struct source_place place = { file->path, 0 }, opened = place;
	enum inside inside = INSIDE_NOTHING;
	char name[PATH_SIZE];

	for (const char *line = file->text, *end; *line; line = *end ? end + 1 : end) {
		enum inside before = inside;
		bool cut = false;
		int err = 0;

		place.line++;
		end = strchrnul(line, '\n');
		if (inside == INSIDE_NOTHING)
			err = parse_include(line, end, name, sizeof(name));
		if (err < 0)
			return fail_at(source, place, err, "must be @include \"file\", alone on its line");
		if (err > 0) {
			err = include(source, place, name, depth);
			if (err)
				return err;
			continue;
		}
		inside = scan_line(inside, line, end, &cut);
		if (cut)
			return fail_at(source, place, -EINVAL, "number is too large; write sizes like \"512M\"");
		if (inside != before)
			opened = place;
		err = append_line(source, line, (size_t)(end - line), place);
		if (err)
			return err;
	}
	if (inside != INSIDE_NOTHING)
		return fail_at(source, opened, -EINVAL,
			       inside == INSIDE_TEXT ? "text without its closing '\"'" :
						       "comment without its closing \"*/\"");
	return 0;
}

static int read_into(struct source *source, struct source_place place, const char *path,
		     unsigned depth)
{
	struct source_file *file;
	int err = read_file(source, place, path, &file);

	return err ? err : read_lines(source, file, depth);
}

int source_read(const char *path, struct source **source, char *error, size_t size)
{
	struct source *new = calloc(1, sizeof(*new));
	int err;

	if (!new) {
		snprintf(error, size, "%s: %s", path, strerror(ENOMEM));
		return -ENOMEM;
	}
	new->error = error;
	new->error_size = size;
	err = read_into(new, (struct source_place){ NULL, 0 }, path, 0);
	if (!err && !new->lines)
		err = fail_at(new, (struct source_place){ path, 1 }, -EINVAL, "the file is empty");
	if (err)
		source_free(new);
	else
		*source = new;
	return err;
}

void source_free(struct source *source)
{
	if (!source)
		return;
	while (source->files) {
		struct source_file *file = source->files;

		source->files = file->next;
		free(file->path);
		free(file->text);
		free(file);
	}
	free(source->places);
	free(source->text);
	free(source);
}

const char *source_text(const struct source *source)
{
	return source->text;
}

struct source_place source_locate(const struct source *source, unsigned line)
{
	if (line > source->lines)
		line = (unsigned)source->lines;
	return source->places[line ? line - 1 : 0];
}
