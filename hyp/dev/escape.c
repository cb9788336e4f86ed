/* SPDX-License-Identifier: BSD-2-Clause */
/* Ctrl-] and what follows it: what the user says to the terminal and not to a guest. */
#include "dev/escape.h"
#include "core/log.h"
#include "dev/terminal.h"

#define ESCAPE	      0x1d
#define ESC	      0x1b
#define BACKSPACE     0x08
#define DELETE	      0x7f
#define NAME_SIZE     32 /* of a VM, with the 0 at its end */
#define FIRST_VISIBLE '!'
#define LAST_VISIBLE  '~'

static enum { PLAIN, ESCAPED, NAME } state;
static char name[NAME_SIZE];
static unsigned length;

void escape_init(void)
{
	state = PLAIN;
}

static void add_to_name(u8 byte)
{
	if (length + 1 == NAME_SIZE)
		return;
	name[length++] = (char)byte;
	log_raw("%c", byte);
}

static void begin_name(u8 byte)
{
	state = NAME;
	length = 0;
	log_raw("doppel: console of ");
	if (byte != ' ')
		add_to_name(byte);
}

static void end_name(bool is_wanted)
{
	state = PLAIN;
	name[length] = '\0';
	log_raw("\n");
	if (is_wanted && length > 0)
		terminal_focus_named(name);
}

static void name_typed(u8 byte)
{
	switch (byte) {
	case '\r':
	case '\n': end_name(true); break;
	case ESC:
	case ESCAPE: end_name(false); break;
	case BACKSPACE:
	case DELETE:
		if (length > 0) {
			length--;
			log_raw("\b \b");
		}
		break;
	default:
		if (byte >= FIRST_VISIBLE && byte <= LAST_VISIBLE)
			add_to_name(byte);
	}
}

static bool begins_name(u8 byte)
{
	return byte == ' ' || byte == '0' || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= 'a' && byte <= 'z');
}

static void command(u8 byte)
{
	state = PLAIN;
	if (byte == ESCAPE)
		terminal_accept(byte);
	else if (byte >= '1' && byte <= '9')
		terminal_focus_named((const char[]){ (char)byte, '\0' });
	else if (byte == 'm')
		terminal_open_monitor();
	else if (byte == 'a')
		terminal_set_show_all(!terminal_shows_all());
	else if (begins_name(byte))
		begin_name(byte);
	else
		log_notice("after Ctrl-]: 1 to 9, or a name and Enter: that VM's console; m: "
			   "monitor; a: one or all; q: leave; Ctrl-]: itself");
}

void escape_typed(u8 byte)
{
	if (state == ESCAPED)
		command(byte);
	else if (state == NAME)
		name_typed(byte);
	else if (byte == ESCAPE)
		state = ESCAPED;
	else
		terminal_accept(byte);
}
