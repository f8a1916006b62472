/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sysctls.h - the kernel's settings that a virtual address depends on: what they are, and what to do about them. Reads
 * only; etc/99-tandem.conf is what sets those that differ from the kernel's defaults. Control thread.
 *
 * IPv4
 *   arp_ignore     1   else the kernel answers for the virtual address too, with its own MAC, also as Backup
 *   arp_announce   2   else the kernel's own questions teach neighbours "the virtual address is at my MAC"
 * IPv6; the kernel does not answer neighbour solicitations for addresses of another interface anyhow
 *   disable_ipv6         0   else there is no link-local address to advertise from
 *   drop_unsolicited_na  0   else this host goes on sending to the old owner of an address (RFC 9568, 8.2.4)
 */
#ifndef NODE_SYSCTLS_H
#define NODE_SYSCTLS_H

#include <stdbool.h>
#include <stddef.h>

enum { SYSCTLS_IPV4 = 1, SYSCTLS_IPV6 = 2 };

/* True when an address with a virtual router on the interface is safe, of all of families: of ARP, in force is the
 * greater of the interface's own value and that of "all". Else text says which settings are wrong and
 * the lines that mend them. For a condition. */
bool sysctls_check(const char *interface, unsigned families, char *text, size_t size);

#endif
