/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cachetext.c - entries of the packet cache as text. Contract in cachetext.h.
 *
 * An entry is made a message again, because compressed names in its records point into one, and read record by
 * record: what one record's data holds must not hide the others.
 */
#include "node/cachetext.h"

#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/cache.h"
#include "dataplane/query.h"
#include "dataplane/ttl.h"
#include "dataplane/wire.h"

static const char *const kinds[DP_CACHE_KINDS] = {
	[DP_CACHE_POSITIVE] = "positive",
	[DP_CACHE_NEGATIVE] = "negative",
	[DP_CACHE_FAILURE] = "failure",
};

static const char *const sections[CACHETEXT_SECTIONS] = { "answer", "authority", "additional" };

static const ldns_pkt_section ldns_sections[CACHETEXT_SECTIONS] = {
	LDNS_SECTION_ANSWER, LDNS_SECTION_AUTHORITY, LDNS_SECTION_ADDITIONAL,
};

const char *cachetext_section(unsigned section)
{
	return section < CACHETEXT_SECTIONS ? sections[section] : "?";
}

const char *cachetext_kind(const struct dp_cache_entry *entry)
{
	return entry->kind < DP_CACHE_KINDS ? kinds[entry->kind] : "?";
}

/* Takes the text of ldns, which may have had no memory for it. */
static const char *take_text(char *from, char *text, size_t size)
{
	snprintf(text, size, "%s", from ? from : "?");
	free(from);
	return text;
}

const char *cachetext_type(uint16_t type, char *text, size_t size)
{
	return take_text(ldns_rr_type2str((ldns_rr_type)type), text, size);
}

const char *cachetext_rcode(const struct dp_cache_entry *entry, char *text, size_t size)
{
	return take_text(ldns_pkt_rcode2str((ldns_pkt_rcode)(entry->flags & 0xf)), text, size);
}

uint32_t cachetext_age_s(const struct dp_cache_entry *entry, uint32_t now)
{
	return (now - entry->stored) / DP_CACHE_TICKS;
}

/* Rounded up: an entry in its last second is still one. */
uint32_t cachetext_left_s(const struct dp_cache_entry *entry, uint32_t now)
{
	int32_t left = (int32_t)(entry->expires - now);

	return left > 0 ? ((uint32_t)left + DP_CACHE_TICKS - 1) / DP_CACHE_TICKS : 0;
}

/* ---- records ---- */

bool cachetext_open(struct cachetext *text, const struct dp_cache_entry *entry, uint32_t age_s)
{
	size_t head = DNS_HEADER_LEN + entry->name_len + DNS_QUESTION_FIXED_LEN;
	uint8_t *at;

	*text = (struct cachetext){
		.at = head,
		.len = head + entry->body_len,
		.left = { entry->answers, entry->authorities, entry->additionals },
	};
	text->message = calloc(1, text->len);
	if (!text->message)
		return false;
	at = text->message + DNS_HEADER_LEN;
	memcpy(at, dp_cache_name(entry), entry->name_len);
	wire_put16(at + entry->name_len, entry->type);
	wire_put16(at + entry->name_len + 2, DNS_CLASS_IN);
	memcpy(text->message + head, dp_cache_body(entry), entry->body_len);
	dp_ttl_age(text->message + head, dp_cache_ttls(entry), entry->ttls, age_s);
	return true;
}

void cachetext_close(struct cachetext *text)
{
	free(text->message);
	text->message = NULL;
}

/* The record by ldns, if it takes all of its octets; else NULL. */
static char *by_ldns(const struct cachetext *text, const struct dp_record *record)
{
	size_t at = text->at;
	ldns_rr *rr = NULL;
	char *line = NULL;

	if (ldns_wire2rr(&rr, text->message, text->len, &at, ldns_sections[text->section]) == LDNS_STATUS_OK &&
	    at == record->end)
		line = ldns_rr2str(rr);
	ldns_rr_free(rr);
	return line;
}

static char *owner_of(const struct cachetext *text)
{
	size_t at = text->at;
	ldns_rdf *owner = NULL;
	char *name = NULL;

	if (ldns_wire2dname(&owner, text->message, text->len, &at) == LDNS_STATUS_OK)
		name = ldns_rdf2str(owner);
	ldns_rdf_deep_free(owner);
	return name;
}

/* Unknown data as octets; names in it stay compressed. Other classes than IN are not kept (ttl.h). */
static char *by_octets(const struct cachetext *text, const struct dp_record *record)
{
	const uint8_t *fixed = text->message + record->rdata - 10;	/* type, class, TTL, length */
	char *owner = owner_of(text), *line = NULL;
	size_t size;
	FILE *out = open_memstream(&line, &size);

	if (out) {
		fprintf(out, "%s %u IN TYPE%u \\# %zu ", owner ? owner : "?",
			(unsigned)wire_get16(fixed + 4) << 16 | wire_get16(fixed + 6), record->type,
			record->end - record->rdata);
		for (size_t i = record->rdata; i < record->end; i++)
			fprintf(out, "%02x", text->message[i]);
		fclose(out);
	}
	free(owner);
	return line;
}

/* One line, blanks for tabs, and whatever ldns let through made harmless. */
static char *tidy(char *line)
{
	size_t len = line ? strlen(line) : 0;

	while (len && (line[len - 1] == '\n' || line[len - 1] == '\t' || line[len - 1] == ' '))
		line[--len] = '\0';
	for (size_t i = 0; i < len; i++) {
		if (line[i] == '\t' || line[i] == '\n')
			line[i] = ' ';
		else if (line[i] < ' ' || line[i] > '~')
			line[i] = '?';
	}
	return line;
}

char *cachetext_next(struct cachetext *text, unsigned *section)
{
	struct dp_record record;
	char *line;

	while (text->section < CACHETEXT_SECTIONS && !text->left[text->section])
		text->section++;
	if (text->section == CACHETEXT_SECTIONS ||
	    !dp_record_read(text->message, text->len, text->at, &record))
		return NULL;
	line = by_ldns(text, &record);
	if (!line)
		line = by_octets(text, &record);
	*section = text->section;
	text->left[text->section]--;
	text->at = record.end;
	return tidy(line);
}
