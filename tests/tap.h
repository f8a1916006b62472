/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tap.h - a unit test's frame: cmocka with a sentence per case. The Makefile asks cmocka for TAP, and
 * "make conformance" reads the numbers (D100, V017) out of the sentences.
 */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define CASE(description, function) { description, function, NULL, NULL, NULL }
#define RUN(cases) cmocka_run_group_tests(cases, NULL, NULL)

#endif
