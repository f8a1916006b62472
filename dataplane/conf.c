/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf.c - the data plane's snapshot. Contract in conf.h.
 */
#include "dataplane/conf.h"

#include <stdlib.h>

#include "dataplane/acl.h"
#include "dataplane/limit.h"
#include "dataplane/sockio.h"
#include "pools/local.h"
#include "pools/suffix.h"

void dp_conf_free(struct dp_conf *conf)
{
	if (!conf)
		return;
	for (unsigned i = 0; i < conf->listens; i++)
		dp_listener_unref(conf->listen[i].listener);
	for (unsigned i = 0; i < conf->n_pools; i++) {
		free(conf->probe_name[i]);
		free(conf->pools[i]);
	}
	for (unsigned i = 0; i < POOL_KINDS; i++)
		dp_acl_free(conf->acl[i]);
	dp_acl_free(conf->deny);
	dp_limit_rules_free(conf->limit);
	dp_acl_free(conf->update_acl);
	suffix_table_free(conf->suffixes);
	local_table_free(conf->local);
	free(conf);
}

int dp_conf_listen(const struct dp_conf *conf, const struct addr *addr, uint16_t port)
{
	for (unsigned i = 0; i < conf->listens; i++) {
		if (conf->listen[i].endpoint.port == port &&
		    addr_equal(&conf->listen[i].endpoint.addr, addr))
			return (int)i;
	}
	return -1;
}
