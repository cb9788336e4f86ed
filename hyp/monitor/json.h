/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes JSON (RFC 8259) on one line. Commas come by themselves. */
#ifndef DOPPEL_JSON_H
#define DOPPEL_JSON_H

#include "lib/format.h"
#include "lib/types.h"

struct json {
	format_sink *sink;
	void *ctx;
	bool needs_comma;
};

void json_init(struct json *json, format_sink *sink, void *ctx);

/* key NULL: an element of an array, or the whole text. */
void json_begin_object(struct json *json, const char *key);
void json_end_object(struct json *json);
void json_begin_array(struct json *json, const char *key);
void json_end_array(struct json *json);
void json_number(struct json *json, const char *key, u64 number);
void json_bool(struct json *json, const char *key, bool value);

/* NULL becomes null. Bytes that are no ASCII are written as U+FFFD: text of guests may be anything.
 */
void json_string(struct json *json, const char *key, const char *text);

#endif
