/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads what the user typed: words, numbers, names of vCPUs. Nothing here knows what they mean. */
#include "monitor/command_line.h"
#include "lib/string.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static char unescape(char c)
{
	switch (c) {
	case 'n': return '\n';
	case 't': return '\t';
	default: return c;
	}
}

/* Moves the text of a quoted string, which *from points behind the quote of, to *to. */
static bool copy_quoted(char **from, char **to)
{
	while (**from && **from != '"') {
		if (**from == '\\' && (*from)[1]) {
			(*from)++;
			*(*to)++ = unescape(*(*from)++);
		} else {
			*(*to)++ = *(*from)++;
		}
	}
	if (!**from)
		return false;
	(*from)++;
	return true;
}

/* Moves one word, which never grows, to *to. */
static bool copy_word(char **from, char **to)
{
	while (**from && !is_space(**from)) {
		if (**from != '"') {
			*(*to)++ = *(*from)++;
			continue;
		}
		(*from)++;
		if (!copy_quoted(from, to))
			return false;
	}
	return true;
}

const char *command_split(char *line, struct words *words)
{
	char *from = line, *to = line;

	words->count = 0;
	for (;;) {
		while (is_space(*from))
			from++;
		if (!*from)
			return NULL;
		if (words->count == COMMAND_MAX_WORDS)
			return "there are more words than any command takes; text with spaces "
			       "needs \"quotes\"";
		words->word[words->count++] = to;
		if (!copy_word(&from, &to))
			return "a quote has no end; add a \"";
		if (*from)
			from++; /* before the 0 is written, which may be where it points */
		*to++ = '\0';
	}
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return 16;
}

/* Reads digits; *end is behind the last. False: there is none, or they are too many. */
static bool read_digits(const char *word, u64 *number, const char **end)
{
	bool is_hex = word[0] == '0' && (word[1] | 0x20) == 'x';
	u64 base = is_hex ? 16 : 10, value = 0;
	const char *at = is_hex ? word + 2 : word;
	const char *first = at;

	for (; (u64)digit_of(*at) < base; at++) {
		u64 digit = (u64)digit_of(*at);

		if (value > (UINT64_MAX - digit) / base)
			return false;
		value = value * base + digit;
	}
	*number = value;
	*end = at;
	return at > first;
}

bool command_number(const char *word, u64 *number)
{
	const char *end;
	u64 value;

	if (!read_digits(word, &value, &end) || *end)
		return false;
	*number = value;
	return true;
}

bool command_thousandths(const char *word, u64 *thousandths)
{
	u64 value = 0, places = 0;
	const char *at = word;

	for (; *at >= '0' && *at <= '9' && value <= 1000000; at++)
		value = value * 10 + (u64)(*at - '0');
	if (at == word || value > 1000000)
		return false;
	if (*at == '.' && at[1])
		for (at++; *at >= '0' && *at <= '9' && places < 3; at++, places++)
			value = value * 10 + (u64)(*at - '0');
	if (*at)
		return false;
	for (; places < 3; places++)
		value *= 10;
	*thousandths = value;
	return true;
}

bool command_size(const char *word, u64 *size)
{
	unsigned shift = 0;
	const char *end;
	u64 value;

	if (!read_digits(word, &value, &end))
		return false;
	switch (*end) {
	case 'K': shift = 10; break;
	case 'M': shift = 20; break;
	case 'G': shift = 30; break;
	}
	if (shift)
		end++;
	if (*end || value > UINT64_MAX >> shift)
		return false;
	*size = value << shift;
	return true;
}

bool command_vm_and_vcpu(char *word, u64 *vcpu)
{
	for (; *word; word++) {
		if (*word == '.') {
			*word = '\0';
			return command_number(word + 1, vcpu);
		}
	}
	return true;
}

static size_t alternative_length(const char *at)
{
	size_t length = 0;

	while (at[length] && at[length] != '|')
		length++;
	return length;
}

bool command_is_one_of(const char *word, const char *alternatives)
{
	const char *at = alternatives;

	for (;;) {
		size_t length = alternative_length(at);

		if (strlen(word) == length && memcmp(word, at, length) == 0)
			return true;
		if (!at[length])
			return false;
		at += length + 1;
	}
}

bool command_alternative(const char *alternatives, const char *prefix, unsigned n, char *out,
			 size_t size)
{
	const char *at = alternatives;

	for (;;) {
		size_t length = alternative_length(at);
		bool is_literal = *at >= 'a' && *at <= 'z';

		if (is_literal && strncmp(at, prefix, strlen(prefix)) == 0 && n-- == 0) {
			if (length >= size)
				return false;
			memcpy(out, at, length);
			out[length] = '\0';
			return true;
		}
		if (!at[length])
			return false;
		at += length + 1;
	}
}
