/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * confhash.c - parts of the configuration as numbers. Contract in confhash.h.
 *
 * The table of keys says what there is, so a key that is added later is in its part without a word here; left out are
 * the few that are named below. Routes are taken from the suffixes as read and not as written.
 */
#include "node/confhash.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "node/config.h"
#include "node/schema.h"
#include "node/suffixes.h"

/* Keys at the top of the file, or in a group there, by part. */
static const struct {
	enum confhash_part part;
	const char *key;
} parts[] = {
	{ CONFHASH_POOLS, "pools" },
	{ CONFHASH_VRRP, "vrrp" },
	{ CONFHASH_LIMITS, "acl" }, { CONFHASH_LIMITS, "deny" }, { CONFHASH_LIMITS, "limit" },
	{ CONFHASH_RULES, "rules" }, { CONFHASH_RULES, "edns" }, { CONFHASH_RULES, "tcp" },
};

/* What a node may have for itself. */
static const char *const own[] = {
	"vrrp.interface", "vrrp.priority", "limit.memory", "edns.nsid",
};

const char *confhash_name(enum confhash_part part)
{
	static const char *const names[] = {
#define NAME(symbol, name) name,
		CONFHASH_PARTS(NAME)
#undef NAME
	};

	return names[part];
}

typedef crypto_generichash_state hash_state;

static void add(hash_state *state, const void *octets, size_t len)
{
	crypto_generichash_update(state, octets, len);
}

static void add_text(hash_state *state, const char *text)
{
	add(state, text, strlen(text) + 1);
}

static void add_count(hash_state *state, uint64_t n)
{
	add(state, &n, sizeof(n));
}

static bool is_own(const char *path)
{
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(path, own[i]) == 0)
			return true;
	return false;
}

static void add_keys(hash_state *state, const struct schema_key *keys, const char *prefix, const void *base);

static void add_prefix(hash_state *state, const struct prefix *prefix)
{
	add(state, prefix->addr.bytes, sizeof(prefix->addr.bytes));
	add_count(state, prefix->len);
}

static void add_element(hash_state *state, const struct schema_key *key, const char *path, const void *items,
			size_t i)
{
	const struct dp_acl_rule *rule = items;

	switch (key->type) {
	case SCHEMA_ADDR_LIST:
		add(state, (const struct addr *)items + i, sizeof(struct addr));
		break;
	case SCHEMA_PREFIX_LIST:
		add_prefix(state, &rule[i].prefix);
		add_count(state, rule[i].allow);
		break;
	case SCHEMA_STRING_LIST:
	case SCHEMA_COMMAND:
		add_text(state, ((char *const *)items)[i]);
		break;
	case SCHEMA_CPU_LIST:
		add_count(state, ((const uint32_t *)items)[i]);
		break;
	default:
		add_keys(state, key->children, path, (const char *)items + i * key->size);
		break;
	}
}

static void add_list(hash_state *state, const struct schema_key *key, const char *path, const void *field)
{
	struct schema_array array = schema_array_get(field);

	add_count(state, array.n);
	for (size_t i = 0; i < array.n; i++)
		add_element(state, key, path, array.item, i);
}

/* One key under path, of the struct at base. */
static void add_key(hash_state *state, const struct schema_key *key, const char *path, const void *base)
{
	const void *field = (const char *)base + key->offset;

	if (is_own(path))
		return;
	add_text(state, path);
	switch (key->type) {
	case SCHEMA_STRING:
		add_text(state, field);
		break;
	case SCHEMA_PREFIX:
		add_prefix(state, field);
		break;
	case SCHEMA_GROUP:
		add_keys(state, key->children, path, field);
		break;
	case SCHEMA_ADDR_LIST:
	case SCHEMA_PREFIX_LIST:
	case SCHEMA_STRING_LIST:
	case SCHEMA_CPU_LIST:
	case SCHEMA_COMMAND:
	case SCHEMA_LIST:
		add_list(state, key, path, field);
		break;
	default:
		add(state, field, key->size);
		break;
	}
}

static void add_keys(hash_state *state, const struct schema_key *keys, const char *prefix, const void *base)
{
	char path[160];

	for (; keys->name; keys++) {
		snprintf(path, sizeof(path), "%s.%s", prefix, keys->name);
		add_key(state, keys, path, base);
	}
}

/* Ports on the shared addresses; a node's own addresses are its own. */
static void add_shared_listens(hash_state *state, const struct config *config)
{
	for (size_t i = 0; i < config->n_listens; i++) {
		const struct config_listen *listen = &config->listens[i];

		if (config_router(config, &listen->address) < 0)
			continue;
		add(state, listen->address.bytes, sizeof(listen->address.bytes));
		add_count(state, listen->port);
	}
}

int confhash_fill(const struct config *config, uint64_t part[CONFHASH_COUNT])
{
	for (unsigned p = 0; p < CONFHASH_COUNT; p++) {
		hash_state state;

		crypto_generichash_init(&state, NULL, 0, crypto_generichash_BYTES_MIN);
		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
			if (parts[i].part == p)
				add_key(&state, schema_find(schema_root, parts[i].key), parts[i].key, config);
		if (p == CONFHASH_VRRP)
			add_shared_listens(&state, config);
		uint8_t digest[crypto_generichash_BYTES_MIN];

		crypto_generichash_final(&state, digest, sizeof(digest));
		memcpy(&part[p], digest, sizeof(part[p]));
	}
	return suffixes_hash(config, &part[CONFHASH_ROUTES]);
}
