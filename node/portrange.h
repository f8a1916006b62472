/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * portrange.h - do our source ports toward servers collide with those the kernel gives to everyone? A port
 * the kernel hands to another program would have its answers taken by the filter. Start-up.
 */
#ifndef NODE_PORTRANGE_H
#define NODE_PORTRANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pure part: are ports first .. first + count - 1 outside range ("32768\t60999") or all in reserved
 * ("8080,9148-9200")? Texts as the kernel prints them. */
bool portrange_is_free(const char *range, const char *reserved, uint32_t first, uint32_t count);

/* Reads both from /proc/sys. 0, or -EADDRINUSE with an error that ends in the line to run. */
int portrange_check(uint32_t first, uint32_t count, char *error, size_t size);

#endif
