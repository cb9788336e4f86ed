/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads what the user typed: words, numbers, names of vCPUs. Nothing here knows what they mean. */
#ifndef DOPPEL_COMMAND_LINE_H
#define DOPPEL_COMMAND_LINE_H

#include "lib/types.h"

#define COMMAND_MAX_WORDS 16

struct words {
	unsigned count;
	char *word[COMMAND_MAX_WORDS];
};

/*
 * Splits a line into words, in place. Words end at spaces or tabs; "quotes" keep those, and \"
 * \\ \n \t inside them stand for the character. Returns NULL, or what is wrong.
 */
const char *command_split(char *line, struct words *words);

/*
 * A whole number, decimal or 0x hexadecimal. False: it is none, or does not fit 64 bits; *number is
 * left alone then.
 */
bool command_number(const char *word, u64 *number);

/* A number of at most 1,000,000 with up to three decimal places, such as 0.5, in thousandths. */
bool command_thousandths(const char *word, u64 *thousandths);

/* A number that may be followed by K, M or G, for bytes. */
bool command_size(const char *word, u64 *size);

/*
 * Cuts "VM.vcpu" in two, in place. *vcpu is left alone when there is no dot. False: what follows
 * the dot is no number.
 */
bool command_vm_and_vcpu(char *word, u64 *vcpu);

/* Whether the word is one of the alternatives of text such as "on|off|show". */
bool command_is_one_of(const char *word, const char *alternatives);

/*
 * The number n of the alternatives that begins with a prefix, copied into out. What is written in
 * capitals stands for something and is no alternative. False: there are not so many, or it is
 * longer than size - 1.
 */
bool command_alternative(const char *alternatives, const char *prefix, unsigned n, char *out,
			 size_t size);

#endif
