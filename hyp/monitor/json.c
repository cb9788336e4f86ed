/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes JSON (RFC 8259) on one line. Commas come by themselves. */
#include "monitor/json.h"

void json_init(struct json *json, format_sink *sink, void *ctx)
{
	*json = (struct json){ .sink = sink, .ctx = ctx };
}

static void put(struct json *json, const char *text)
{
	while (*text)
		json->sink(json->ctx, *text++);
}

static void put_format(struct json *json, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	format(json->sink, json->ctx, fmt, args);
	va_end(args);
}

static void put_quoted(struct json *json, const char *text)
{
	json->sink(json->ctx, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			put_format(json, "\\%c", *text);
		else if ((u8)*text < ' ' || *text == 0x7f)
			put_format(json, "\\u%04x", (unsigned)*text);
		else if ((u8)*text > 0x7f)
			put(json, "\\ufffd");
		else
			json->sink(json->ctx, *text);
	}
	json->sink(json->ctx, '"');
}

/* What comes before a value. */
static void begin_value(struct json *json, const char *key)
{
	if (json->needs_comma)
		put(json, ",");
	json->needs_comma = true;
	if (!key)
		return;
	put_quoted(json, key);
	put(json, ":");
}

static void begin(struct json *json, const char *key, const char *bracket)
{
	begin_value(json, key);
	put(json, bracket);
	json->needs_comma = false;
}

static void end(struct json *json, const char *bracket)
{
	put(json, bracket);
	json->needs_comma = true;
}

void json_begin_object(struct json *json, const char *key)
{
	begin(json, key, "{");
}

void json_end_object(struct json *json)
{
	end(json, "}");
}

void json_begin_array(struct json *json, const char *key)
{
	begin(json, key, "[");
}

void json_end_array(struct json *json)
{
	end(json, "]");
}

void json_number(struct json *json, const char *key, u64 number)
{
	begin_value(json, key);
	put_format(json, "%lu", number);
}

void json_bool(struct json *json, const char *key, bool value)
{
	begin_value(json, key);
	put(json, value ? "true" : "false");
}

void json_string(struct json *json, const char *key, const char *text)
{
	begin_value(json, key);
	if (text)
		put_quoted(json, text);
	else
		put(json, "null");
}
