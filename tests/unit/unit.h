/* SPDX-License-Identifier: BSD-2-Clause */
/* What every unit test starts with: cmocka, TAP output, repeatable random numbers. */
#ifndef DOPPEL_UNIT_H
#define DOPPEL_UNIT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/types.h"

/* The body of main(): runs an array of struct CMUnitTest, prints TAP. */
#define RUN_TESTS(tests) \
	(cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests((tests), NULL, NULL))

/* xorshift64: the seed is a constant of the test, so that a failure comes again. */
struct prng {
	u64 state; /* not 0 */
};

static inline u64 prng_next(struct prng *prng)
{
	prng->state ^= prng->state << 13;
	prng->state ^= prng->state >> 7;
	prng->state ^= prng->state << 17;
	return prng->state;
}

/* A number from 0 to limit - 1. */
static inline u32 prng_below(struct prng *prng, u32 limit)
{
	return (u32)((prng_next(prng) >> 16) % limit);
}

#endif
