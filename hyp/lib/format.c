/* SPDX-License-Identifier: BSD-2-Clause */
/* printf-style formatting into a sink. */
#include "lib/format.h"
#include "lib/string.h"
#include "lib/types.h"

struct spec {
	bool left, zero, is_long;
	int width, precision; /* precision -1: none given */
};

struct out {
	format_sink *sink;
	void *ctx;
};

static void repeat(struct out *out, char c, int n)
{
	while (n-- > 0)
		out->sink(out->ctx, c);
}

static void put_padded(struct out *out, const struct spec *spec, const char *text, int len)
{
	int pad = spec->width - len;

	if (!spec->left)
		repeat(out, spec->zero ? '0' : ' ', pad);
	for (int i = 0; i < len; i++)
		out->sink(out->ctx, text[i]);
	if (spec->left)
		repeat(out, ' ', pad);
}

static void put_number(struct out *out, struct spec *spec, u64 value, unsigned base, bool negative)
{
	char digits[24];
	int at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (negative && spec->zero) {
		out->sink(out->ctx, '-');
		spec->width--;
	} else if (negative) {
		digits[--at] = '-';
	}
	put_padded(out, spec, digits + at, (int)sizeof(digits) - at);
}

static int parse_count(const char **fmt, va_list *args)
{
	int n = 0;

	if (**fmt == '*') {
		(*fmt)++;
		return va_arg(*args, int);
	}
	for (; **fmt >= '0' && **fmt <= '9'; (*fmt)++)
		n = n * 10 + (**fmt - '0');
	return n;
}

static struct spec parse_spec(const char **fmt, va_list *args)
{
	struct spec spec = { .precision = -1 };

	for (;; (*fmt)++) {
		if (**fmt == '-')
			spec.left = true;
		else if (**fmt == '0')
			spec.zero = true;
		else
			break;
	}
	spec.width = parse_count(fmt, args);
	if (**fmt == '.') {
		(*fmt)++;
		spec.precision = parse_count(fmt, args);
	}
	for (; **fmt == 'l' || **fmt == 'z'; (*fmt)++)
		spec.is_long = true;
	return spec;
}

static void put_string(struct out *out, struct spec *spec, const char *s)
{
	size_t max = spec->precision < 0 ? SIZE_MAX : (size_t)spec->precision;

	spec->zero = false;
	put_padded(out, spec, s, (int)strnlen(s, max));
}

static void put_char(struct out *out, struct spec *spec, char c)
{
	spec->zero = false;
	put_padded(out, spec, &c, 1);
}

void format(format_sink *sink, void *ctx, const char *fmt, va_list list)
{
	struct out out = { sink, ctx };
	va_list args;

	va_copy(args, list);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			sink(ctx, *fmt);
			continue;
		}
		fmt++;
		struct spec spec = parse_spec(&fmt, &args);
		s64 number;

		switch (*fmt) {
		case 'd':
			number = spec.is_long ? va_arg(args, long) : va_arg(args, int);
			put_number(&out, &spec, number < 0 ? 0 - (u64)number : (u64)number, 10,
				   number < 0);
			break;
		case 'u':
		case 'x':
			put_number(&out, &spec,
				   spec.is_long ? va_arg(args, unsigned long)
						: va_arg(args, unsigned int),
				   *fmt == 'x' ? 16 : 10, false);
			break;
		case 'c': put_char(&out, &spec, (char)va_arg(args, int)); break;
		case 's': put_string(&out, &spec, va_arg(args, const char *)); break;
		case '%': sink(ctx, '%'); break;
		default: va_end(args); return; /* not a format we know: stop, args are unknown */
		}
	}
	va_end(args);
}

struct buffer {
	char *at, *end;
	int wanted;
};

static void buffer_sink(void *ctx, char c)
{
	struct buffer *buffer = ctx;

	buffer->wanted++;
	if (buffer->at < buffer->end)
		*buffer->at++ = c;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	struct buffer buffer = { buf, buf + (size ? size - 1 : 0), 0 };

	format(buffer_sink, &buffer, fmt, args);
	if (size)
		*buffer.at = '\0';
	return buffer.wanted;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int wanted;

	va_start(args, fmt);
	wanted = vsnprintf(buf, size, fmt, args);
	va_end(args);
	return wanted;
}
