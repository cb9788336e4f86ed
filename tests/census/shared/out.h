/* SPDX-License-Identifier: BSD-2-Clause */
/* Output that is kept until there is much of it: a character at a time is an exit each for a guest.
 */
#ifndef CENSUS_OUT_H
#define CENSUS_OUT_H

#include "types.h"

void out_char(char c);
void out_text(const char *text);
void out_decimal(u64 value);
void out_hex(u64 value);

/* What is there goes to the console now. */
void out_flush(void);

#endif
