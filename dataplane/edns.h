/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edns.h - the OPT pseudo-record (RFC 6891), per hop: read what the peer sent, write our own.
 */
#ifndef DATAPLANE_EDNS_H
#define DATAPLANE_EDNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dp_opt {
	uint16_t udp_size;		/* as sent; under 512 counts as 512 at the reader of it (D042) */
	uint8_t rcode_high, version;
	bool dnssec_ok;
	bool nsid;			/* the NSID option is there, and all options are whole */
	uint16_t options_at, options_len;
};

/* Reads the OPT whose owner (the root octet) stands at msg[at]; the record ends at end <= len of the message.
 * False when an option overruns it (D047). */
bool dp_opt_read(const uint8_t *msg, size_t at, size_t end, struct dp_opt *opt);

/* Writes an OPT with our size, version 0, DO, the upper rcode bits and, if ede >= 0, one EDE option without text.
 * Returns its length (11 or 17). */
size_t dp_opt_write(uint8_t *out, uint16_t udp_size, bool dnssec_ok, uint16_t rcode, int ede);

#endif
