/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a fuzz target without libFuzzer: the corpus, and then a number of inputs made from it, the
 * same in each run. The input that ends the program is kept in CRASH.
 *
 *     NAME.t [FILE...]    only these files
 */
#include "lib/types.h"

#include <dirent.h>
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_INPUTS 4096
#define MAX_SIZE   4096 /* bytes of an input */
#define MUTATIONS  20000
#define HANG	   1200 /* seconds: a guard, no measure */

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct input {
	u8 bytes[MAX_SIZE];
	size_t size;
};

static struct input *inputs[MAX_INPUTS];
static unsigned nr_inputs;
static struct input current;

static void keep_current(void)
{
	FILE *file = fopen(CRASH, "wb");

	if (file) {
		fwrite(current.bytes, 1, current.size, file);
		fclose(file);
	}
	fprintf(stderr, "# the input is in " CRASH "\n");
}

static void on_signal(int signal_number)
{
	keep_current();
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void run(const struct input *input)
{
	current = *input;
	LLVMFuzzerTestOneInput(current.bytes, current.size);
}

static bool load(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct input *input = calloc(1, sizeof(*input));

	if (!file)
		perror(path);
	if (!file || !input || nr_inputs == MAX_INPUTS)
		return false;
	input->size = fread(input->bytes, 1, MAX_SIZE, file);
	fclose(file);
	inputs[nr_inputs++] = input;
	return true;
}

static int is_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* In the order of names, so that mutations are the same everywhere. */
static bool load_corpus(void)
{
	struct dirent **entries;
	int count = scandir(CORPUS, &entries, is_file, alphasort);
	bool all = count > 0;

	for (int i = 0; i < count; i++) {
		char path[1024];

		snprintf(path, sizeof(path), "%s/%s", CORPUS, entries[i]->d_name);
		all &= load(path);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return all;
}

/* --- Mutations */

static u64 seed = 0x9e3779b97f4a7c15;

static u32 below(u32 limit)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (u32)((seed >> 16) % limit);
}

#define STEP 16 /* struct fuzz_step: what is moved stays in place within it */

static size_t a_step(const struct input *input)
{
	return below((u32)(input->size / STEP) + 1) * STEP;
}

/* Puts a few steps of another input before some of this one, or in their place. */
static void splice(struct input *input, const struct input *other)
{
	size_t to = MIN(a_step(input), input->size), from = MIN(a_step(other), other->size);
	size_t size = MIN((1 + below(8)) * STEP, other->size - from), tail = 0;
	bool before = below(2);

	size = MIN(size, MAX_SIZE - to);
	if (before) {
		tail = MIN(input->size - to, MAX_SIZE - to - size);
		memmove(input->bytes + to + size, input->bytes + to, tail);
	}
	memcpy(input->bytes + to, other->bytes + from, size);
	input->size = before ? to + size + tail : MAX(input->size, to + size);
}

static void drop(struct input *input)
{
	size_t at = a_step(input), size = (1 + below(4)) * STEP;

	if (at + size > input->size)
		return;
	memmove(input->bytes + at, input->bytes + at + size, input->size - at - size);
	input->size -= size;
}

static void change_value(struct input *input)
{
	static const u64 values[] = { 0,      1,      2,	  0x7f,	     0xff,	0x100,
				      0x7fff, 0xffff, UINT32_MAX, 1UL << 31, UINT64_MAX };
	size_t at = below((u32)input->size), size = MIN(1U << below(4), input->size - at);
	u64 value = below(2) ? values[below(ARRAY_SIZE(values))] : seed;

	memcpy(input->bytes + at, &value, size);
}

static void mutate(struct input *input)
{
	for (u32 n = 1 + below(6); n; n--) {
		switch (below(8)) {
		case 0: splice(input, inputs[below(nr_inputs)]); break;
		case 1: splice(input, input->size ? inputs[below(nr_inputs)] : input); break;
		case 2: drop(input); break;
		case 3:
		case 4:
			if (input->size)
				input->bytes[below((u32)input->size)] ^= (u8)(1 << below(8));
			break;
		default:
			if (input->size)
				change_value(input);
		}
	}
}

int main(int argc, char **argv)
{
	bool is_whole = true;

	__sanitizer_set_death_callback(keep_current);
	signal(SIGABRT, on_signal);
	signal(SIGALRM, on_signal);
	alarm(HANG);
	for (int i = 1; i < argc; i++)
		is_whole &= load(argv[i]);
	if (argc == 1)
		is_whole = load_corpus();
	printf("1..%d\n", argc == 1 ? 3 : 1);
	if (argc == 1)
		printf("%sok 1 - there is a corpus: %u inputs\n", is_whole ? "" : "not ",
		       nr_inputs);
	if (!is_whole)
		return 1;
	for (unsigned i = 0; i < nr_inputs; i++)
		run(inputs[i]);
	printf("ok %d - each input of it\n", argc == 1 ? 2 : 1);
	for (unsigned i = 0; argc == 1 && i < MUTATIONS; i++) {
		struct input input = *inputs[below(nr_inputs)];

		mutate(&input);
		run(&input);
	}
	if (argc == 1)
		printf("ok 3 - %u inputs made from them\n", MUTATIONS);
	for (unsigned i = 0; i < nr_inputs; i++)
		free(inputs[i]);
	return 0;
}
