/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads JSON (RFC 8259) in place: values are found in a text, nothing is built. */
#ifndef DOPPEL_JSON_READ_H
#define DOPPEL_JSON_READ_H

#include "lib/types.h"

enum json_type {
	JSON_NOTHING, /* it is not there */
	JSON_OBJECT,
	JSON_ARRAY,
	JSON_STRING,
	JSON_NUMBER,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
};

#define JSON_MAX_DEPTH 8

/* A value, as it stands in the text that was read. */
struct json_value {
	enum json_type type;
	const char *text;
	size_t length; /* bytes, quotes and brackets included */
};

/* The one value that the text is. False: it is no JSON, or nests deeper than JSON_MAX_DEPTH. */
bool json_read(const char *text, size_t length, struct json_value *value);

/* These take values of json_read(), and of themselves. JSON_NOTHING if it is not there. */
struct json_value json_member(const struct json_value *object, const char *name);
struct json_value json_element(const struct json_value *array, unsigned index);

/*
 * The text of a string, without its escapes, as UTF-8 and with a 0 behind. False: it is no string,
 * does not fit, or has a 0 in it.
 */
bool json_text(const struct json_value *string, char *text, size_t size);

#endif
