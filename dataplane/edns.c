/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edns.c - reading and writing the OPT pseudo-record. Pure functions of octets.
 */
#include "dataplane/edns.h"

#include "dataplane/query.h"
#include "dataplane/wire.h"

enum {
	/* offsets from the owner's root octet (RFC 6891, 6.1.2) */
	OPT_TYPE = 1, OPT_UDP_SIZE = 3, OPT_RCODE_HIGH = 5, OPT_VERSION = 6, OPT_FLAGS = 7,
	OPT_RDATA_LEN = 9,
	OPT_FLAG_DO = 0x8000,

	OPTION_HEADER = 4,
	OPTION_NSID = 3,
	OPTION_EDE = 15,
};

bool dp_opt_read(const uint8_t *msg, size_t at, size_t end, struct dp_opt *opt)
{
	const uint8_t *record = msg + at;
	size_t option = at + DNS_OPT_LEN;
	bool nsid = false;

	opt->udp_size = wire_get16(record + OPT_UDP_SIZE);
	opt->rcode_high = record[OPT_RCODE_HIGH];
	opt->version = record[OPT_VERSION];
	opt->dnssec_ok = wire_get16(record + OPT_FLAGS) & OPT_FLAG_DO;
	opt->nsid = false;
	opt->options_at = (uint16_t)option;
	opt->options_len = (uint16_t)(end - option);

	while (end - option >= OPTION_HEADER) {
		size_t option_len = wire_get16(msg + option + 2);

		nsid |= wire_get16(msg + option) == OPTION_NSID;
		option += OPTION_HEADER;
		if (option_len > end - option)
			return false;
		option += option_len;
	}
	opt->nsid = nsid && option == end;
	return option == end;
}

size_t dp_opt_write(uint8_t *out, uint16_t udp_size, bool dnssec_ok, uint16_t rcode, int ede)
{
	size_t options_len = ede >= 0 ? OPTION_HEADER + 2 : 0;

	out[0] = 0;
	wire_put16(out + OPT_TYPE, DNS_TYPE_OPT);
	wire_put16(out + OPT_UDP_SIZE, udp_size);
	out[OPT_RCODE_HIGH] = (uint8_t)(rcode >> 4);
	out[OPT_VERSION] = 0;
	wire_put16(out + OPT_FLAGS, dnssec_ok ? OPT_FLAG_DO : 0);
	wire_put16(out + OPT_RDATA_LEN, (uint16_t)options_len);
	if (options_len) {
		wire_put16(out + DNS_OPT_LEN, OPTION_EDE);
		wire_put16(out + DNS_OPT_LEN + 2, 2);
		wire_put16(out + DNS_OPT_LEN + OPTION_HEADER, (uint16_t)ede);
	}
	return DNS_OPT_LEN + options_len;
}
