/* SPDX-License-Identifier: BSD-2-Clause */
/* ISA strings as the device tree has them: "rv64imafdch_zicsr_sstc". */
#ifndef DOPPEL_ISA_H
#define DOPPEL_ISA_H

#include "lib/types.h"

#define ISA_STRING_MAX 2048 /* bytes, with the terminating NUL */

/* True when the string names the extension: a letter ("h") or a name ("sstc"), in lower case. */
bool isa_has(const char *isa, const char *extension);

/* Takes an extension out of the string, if it is there. */
void isa_remove(char *isa, const char *extension);

/*
 * Rewrites the string as the list of NUL-terminated names that the riscv,isa-extensions property
 * holds: "i\0m\0a\0...zicsr\0sstc\0". Returns its length in bytes, 0 when size is too small.
 */
size_t isa_to_list(const char *isa, char *list, size_t size);

#endif
