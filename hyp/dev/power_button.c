/* SPDX-License-Identifier: BSD-2-Clause */
/* A power button: a PS/2 port, and the keyboard with one key that is plugged into it. */
#include "dev/power_button.h"

/* Registers of the port (Intel FPGA University Program, PS/2 Core, section 3). */
#define DATA	0x0U /* read: the oldest byte, taken out; write: a byte for the keyboard */
#define CONTROL 0x4U

#define DATA_RVALID	  BIT(15)
#define DATA_RAVAIL_SHIFT 16	 /* how many bytes there were, this one included */
#define CONTROL_RE	  BIT(0) /* interrupt while there are bytes */
#define CONTROL_RI	  BIT(8) /* it is pending */

/* Commands to a keyboard (IBM PS/2 Hardware Technical Reference, Keyboards), and answers. */
#define SET_LEDS	 0xedU
#define ECHO		 0xeeU
#define SCAN_CODE_SET	 0xf0U
#define IDENTIFY	 0xf2U
#define SET_REPEAT	 0xf3U
#define ENABLE		 0xf4U
#define DISABLE		 0xf5U
#define SET_DEFAULTS	 0xf6U
#define RESET		 0xffU
#define ACKNOWLEDGE	 0xfaU
#define SELF_TEST_PASSED 0xaaU
#define RESEND		 0xfeU /* what was sent is no command */

#define OUR_SET 2U /* of scan codes */

static void update_irq(struct power_button *button)
{
	bool level = button->s.irq_enabled && button->s.count != 0;

	if (level == button->s.irq_level)
		return;
	button->s.irq_level = level;
	irq_line_set(&button->irq, level);
}

/* From the keyboard, all or nothing: half a scan code would be another key. */
static bool send(struct power_button *button, const u8 *bytes, size_t count)
{
	struct power_button_state *s = &button->s;

	if (count > POWER_BUTTON_FIFO_SIZE - (size_t)s->count)
		return false;
	for (size_t i = 0; i < count; i++)
		s->fifo[(s->head + s->count++) % POWER_BUTTON_FIFO_SIZE] = bytes[i];
	return true;
}

#define SEND(button, ...) \
	send(button, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

static void take_argument(struct power_button *button, u8 argument)
{
	if (button->s.command == SCAN_CODE_SET && argument == 0)
		SEND(button, ACKNOWLEDGE, OUR_SET);
	else
		SEND(button, ACKNOWLEDGE); /* there are no lights, and the key does not repeat */
	button->s.command = 0;
}

static void take_command(struct power_button *button, u8 command)
{
	struct power_button_state *s = &button->s;

	s->command = 0;
	switch (command) {
	case SET_LEDS:
	case SCAN_CODE_SET:
	case SET_REPEAT:
		s->command = command;
		SEND(button, ACKNOWLEDGE);
		break;
	case ENABLE:
	case SET_DEFAULTS:
	case DISABLE:
		s->is_scanning = command != DISABLE;
		SEND(button, ACKNOWLEDGE);
		break;
	case RESET:
		s->is_scanning = true;
		SEND(button, ACKNOWLEDGE, SELF_TEST_PASSED);
		break;
	case IDENTIFY: SEND(button, ACKNOWLEDGE, 0xab, 0x83); break;
	case ECHO: SEND(button, ECHO); break;
	default: SEND(button, RESEND); break;
	}
}

static void write_data(struct power_button *button, u8 byte)
{
	/* Commands have bit 7 set, arguments have not: a command in place of one is obeyed. */
	if (button->s.command && byte < 0x80)
		take_argument(button, byte);
	else
		take_command(button, byte);
}

static u32 read_data(struct power_button *button)
{
	struct power_button_state *s = &button->s;
	u32 value;

	if (!s->count)
		return 0;
	value = (u32)s->count << DATA_RAVAIL_SHIFT | (u32)DATA_RVALID | s->fifo[s->head];
	s->head = (u8)((s->head + 1) % POWER_BUTTON_FIFO_SIZE);
	s->count--;
	return value;
}

static u32 read_control(const struct power_button *button)
{
	u64 value = button->s.irq_enabled ? CONTROL_RE : 0;

	return (u32)(button->s.irq_level ? value | CONTROL_RI : value);
}

bool power_button_mmio(void *power_button, struct mmio_access *access)
{
	struct power_button *button = power_button;

	if (access->len != 4)
		return false;
	if (!access->is_write)
		access->value = access->offset == DATA	    ? read_data(button)
				: access->offset == CONTROL ? read_control(button)
							    : 0;
	else if (access->offset == DATA)
		write_data(button, (u8)access->value);
	else if (access->offset == CONTROL)
		button->s.irq_enabled = access->value & CONTROL_RE;
	update_irq(button);
	return true;
}

bool power_button_press(struct power_button *button)
{
	bool pressed = button->s.irq_enabled && button->s.is_scanning &&
		       SEND(button, 0xe0, 0x37, 0xe0, 0xf0, 0x37); /* Power, down and up */

	update_irq(button);
	return pressed;
}

void power_button_reset(struct power_button *button)
{
	button->s = (struct power_button_state){
		.is_scanning = true, .irq_level = button->s.irq_level, /* update_irq() lowers it */
	};
	update_irq(button);
}

void power_button_init(struct power_button *button, struct irq_line irq)
{
	button->irq = irq;
	button->s.irq_level = false;
	power_button_reset(button);
}
