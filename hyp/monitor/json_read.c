/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads JSON (RFC 8259) in place: values are found in a text, nothing is built. */
#include "monitor/json_read.h"
#include "lib/string.h"

struct cursor {
	const char *at, *end;
};

static void skip_space(struct cursor *c)
{
	while (c->at < c->end &&
	       (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
		c->at++;
}

/* Takes the next byte if it is this one. */
static bool take(struct cursor *c, char byte)
{
	if (c->at == c->end || *c->at != byte)
		return false;
	c->at++;
	return true;
}

static bool take_word(struct cursor *c, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0)
		return false;
	c->at += length;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits behind \u. */
static bool take_hex(struct cursor *c, u32 *value)
{
	*value = 0;
	for (unsigned i = 0; i < 4; i++, c->at++) {
		if (c->at == c->end || hex_digit(*c->at) < 0)
			return false;
		*value = *value << 4 | (u32)hex_digit(*c->at);
	}
	return true;
}

/* One character of a string, its escapes resolved; half of a surrogate pair becomes U+FFFD. */
static bool take_character(struct cursor *c, u32 *code)
{
	static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	u32 low;

	if (c->at == c->end || (u8)*c->at < 0x20)
		return false;
	*code = (u8)*c->at++;
	if (*code != '\\')
		return true;
	if (c->at == c->end)
		return false;
	for (unsigned i = 0; escapes[i]; i++) {
		if (take(c, escapes[i])) {
			*code = (u8)meanings[i];
			return true;
		}
	}
	if (!take(c, 'u') || !take_hex(c, code))
		return false;
	if (*code >> 10 == 0x36 && take_word(c, "\\u")) {
		if (!take_hex(c, &low))
			return false;
		*code = low >> 10 == 0x37 ? 0x10000 + ((*code & 0x3ff) << 10 | (low & 0x3ff))
					  : 0xfffd;
	} else if (*code >> 11 == 0x1b) {
		*code = 0xfffd;
	}
	*code |= BIT(31); /* it is a code point, not a byte of UTF-8 */
	return true;
}

static bool skip_string(struct cursor *c)
{
	u32 code;

	if (!take(c, '"'))
		return false;
	while (c->at < c->end && *c->at != '"') {
		if (!take_character(c, &code))
			return false;
	}
	return take(c, '"');
}

static bool skip_digits(struct cursor *c)
{
	const char *start = c->at;

	while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
		c->at++;
	return c->at > start;
}

static bool skip_number(struct cursor *c)
{
	(void)take(c, '-');
	if (!take(c, '0') && !skip_digits(c))
		return false;
	if (take(c, '.') && !skip_digits(c))
		return false;
	if (take(c, 'e') || take(c, 'E')) {
		if (!take(c, '+'))
			(void)take(c, '-');
		return skip_digits(c);
	}
	return true;
}

static enum json_type skip_value(struct cursor *c, unsigned depth);

/* What is between the brackets of an object or an array. */
static bool skip_members(struct cursor *c, char end, unsigned depth)
{
	skip_space(c);
	if (take(c, end))
		return true;
	for (;;) {
		skip_space(c);
		if (end == '}') {
			if (!skip_string(c))
				return false;
			skip_space(c);
			if (!take(c, ':'))
				return false;
		}
		if (skip_value(c, depth + 1) == JSON_NOTHING)
			return false;
		skip_space(c);
		if (take(c, end))
			return true;
		if (!take(c, ','))
			return false;
	}
}

static enum json_type skip_value(struct cursor *c, unsigned depth)
{
	skip_space(c);
	if (c->at == c->end || depth > JSON_MAX_DEPTH)
		return JSON_NOTHING;
	switch (*c->at) {
	case '{': c->at++; return skip_members(c, '}', depth) ? JSON_OBJECT : JSON_NOTHING;
	case '[': c->at++; return skip_members(c, ']', depth) ? JSON_ARRAY : JSON_NOTHING;
	case '"': return skip_string(c) ? JSON_STRING : JSON_NOTHING;
	case 't': return take_word(c, "true") ? JSON_TRUE : JSON_NOTHING;
	case 'f': return take_word(c, "false") ? JSON_FALSE : JSON_NOTHING;
	case 'n': return take_word(c, "null") ? JSON_NULL : JSON_NOTHING;
	default: return skip_number(c) ? JSON_NUMBER : JSON_NOTHING;
	}
}

static struct json_value next_value(struct cursor *c)
{
	struct json_value value;

	skip_space(c);
	value.text = c->at;
	value.type = skip_value(c, 0);
	value.length = (size_t)(c->at - value.text);
	return value;
}

bool json_read(const char *text, size_t length, struct json_value *value)
{
	struct cursor c = { text, text + length };

	*value = next_value(&c);
	skip_space(&c);
	return value->type != JSON_NOTHING && c.at == c.end;
}

static const struct json_value nothing = { JSON_NOTHING, "", 0 };

struct json_value json_member(const struct json_value *object, const char *name)
{
	struct cursor c = { object->text + 1, object->text + object->length };

	if (object->type != JSON_OBJECT)
		return nothing;
	for (;;) {
		struct json_value key = next_value(&c), value;
		char text[32];

		if (key.type != JSON_STRING)
			return nothing;
		skip_space(&c);
		(void)take(&c, ':');
		value = next_value(&c);
		if (json_text(&key, text, sizeof(text)) && strcmp(text, name) == 0)
			return value;
		skip_space(&c);
		if (!take(&c, ','))
			return nothing;
	}
}

struct json_value json_element(const struct json_value *array, unsigned index)
{
	struct cursor c = { array->text + 1, array->text + array->length };

	if (array->type != JSON_ARRAY)
		return nothing;
	for (;; index--) {
		struct json_value value = next_value(&c);

		if (value.type == JSON_NOTHING || index == 0)
			return value.type == JSON_NOTHING ? nothing : value;
		skip_space(&c);
		if (!take(&c, ','))
			return nothing;
	}
}

/* UTF-8 (RFC 3629); returns the number of bytes. */
static unsigned encode(u32 code, char bytes[4])
{
	unsigned count = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	if (count == 1) {
		bytes[0] = (char)code;
		return 1;
	}
	for (unsigned i = count - 1; i > 0; i--, code >>= 6)
		bytes[i] = (char)(0x80 | (code & 0x3f));
	bytes[0] = (char)(0xf00 >> count | code);
	return count;
}

bool json_text(const struct json_value *string, char *text, size_t size)
{
	struct cursor c = { string->text + 1, string->text + string->length - 1 };
	size_t at = 0;
	u32 code;

	if (string->type != JSON_STRING)
		return false;
	while (c.at < c.end && take_character(&c, &code)) {
		bool is_byte = !(code >> 31);
		unsigned count = 1;
		char bytes[4] = { (char)code };

		if (!is_byte)
			count = encode(code & ~(u32)BIT(31), bytes);
		if (!code || code == BIT(31) || at + count >= size)
			return false;
		memcpy(text + at, bytes, count);
		at += count;
	}
	if (at >= size)
		return false;
	text[at] = '\0';
	return true;
}
