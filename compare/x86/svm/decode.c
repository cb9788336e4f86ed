// SPDX-License-Identifier: BSD-2-Clause
/*
 * The instruction at rip, as far as exits need it: its length, since an emulated processor may
 * leave nRIP at 0; registers and the memory operand of moves, invlpg and accesses to control
 * registers.
 */
#include "monitor.h"

#define MOST_BYTES 15
#define CODE_LONG  0x200 /* the L bit of CS, as the VMCB has it */

struct cursor {
	const u8 *byte;
	u32 at, rex;
};

#define REX_B 1u
#define REX_X 2u
#define REX_R 4u

static int in_long_mode(void)
{
	return guest.vmcb->efer & EFER_LMA && guest.vmcb->cs.attributes & CODE_LONG;
}

static u32 next_byte(struct cursor *code)
{
	u64 linear = guest.vmcb->cs.base + guest.vmcb->rip + code->at;

	/* Each page is looked up once: translations of neighbours may differ. */
	if (!code->byte || linear % PAGE == 0)
		code->byte = guest_code(code->at);
	if (!code->byte || code->at == MOST_BYTES)
		panic("an instruction that cannot be read");
	code->at++;
	return *code->byte++;
}

static u64 next(struct cursor *code, u32 bytes)
{
	u64 value = 0;

	for (u32 i = 0; i < bytes; i++)
		value |= (u64)next_byte(code) << (8 * i);
	return value;
}

static u64 displacement(struct cursor *code, u32 bytes)
{
	u64 value = next(code, bytes);

	return bytes == 1 ? (u64)(long long)(signed char)value : (u64)(long long)(int)value;
}

/* rax and rsp are in the VMCB, the others where enter.S has put them. */
static u64 *reg_place(u32 number)
{
	if (number == RAX)
		return &guest.vmcb->rax;
	if (number == RSP)
		return &guest.vmcb->rsp;
	return &guest.gpr[number];
}

u64 reg_read(u32 number)
{
	return *reg_place(number);
}

void reg_write(u32 number, u64 value)
{
	*reg_place(number) = value;
}

/* Base, index and scale (AMD64 manual 3, section 1.4.2). */
static u64 scaled(struct cursor *code, u32 mode)
{
	u32 sib = (u32)next(code, 1);
	u32 index = (sib >> 3 & 7) | (code->rex & REX_X ? 8 : 0);
	u32 base = (sib & 7) | (code->rex & REX_B ? 8 : 0);
	u64 address = index == 4 ? 0 : reg_read(index) << (sib >> 6);

	if ((sib & 7) == 5 && mode == 0)
		return address + displacement(code, 4);
	return address + reg_read(base);
}

static u64 operand(struct cursor *code, struct instruction *insn, u32 rm)
{
	u64 address;

	if (insn->mode == 3)
		return 0;
	if (rm == 4)
		address = scaled(code, insn->mode);
	else if (rm == 5 && insn->mode == 0)
		address = displacement(code,
				       4); /* in long mode, from the next instruction on: below */
	else
		address = reg_read(insn->rm);
	if (insn->mode == 1)
		address += displacement(code, 1);
	if (insn->mode == 2)
		address += displacement(code, 4);
	return address;
}

static void decode_modrm(struct cursor *code, struct instruction *insn)
{
	u32 modrm = (u32)next(code, 1);

	insn->mode = modrm >> 6;
	insn->reg = (modrm >> 3 & 7) | (code->rex & REX_R ? 8 : 0);
	insn->rm = (modrm & 7) | (code->rex & REX_B ? 8 : 0);
	/* Moves to and from control registers have no memory operand, whatever the mode bits say.
	 */
	if (insn->opcode == 0x0f20 || insn->opcode == 0x0f22)
		insn->mode = 3;
	insn->address = operand(code, insn, modrm & 7);
	if (insn->opcode == 0xc7)
		insn->immediate = next(code, 4);
	if (in_long_mode() && insn->mode == 0 && (modrm & 7) == 5)
		insn->address += guest.vmcb->rip + code->at;
	if (!in_long_mode())
		insn->address &= 0xffffffff;
}

static int has_modrm(u32 opcode)
{
	switch (opcode) {
	case 0x89:
	case 0x8b:
	case 0xc7:
	case 0x0f01:
	case 0x0f20:
	case 0x0f22: return 1;
	default: return 0;
	}
}

static int is_prefix(u32 byte)
{
	return byte == 0x66 || byte == 0x67 || byte == 0xf0 || byte == 0xf2 || byte == 0xf3 ||
	       byte == 0x26 || byte == 0x2e || byte == 0x36 || byte == 0x3e || byte == 0x64 ||
	       byte == 0x65;
}

struct instruction instruction_decode(void)
{
	struct cursor code = { 0 };
	struct instruction insn = { 0 };

	u32 byte = (u32)next(&code, 1);
	while (is_prefix(byte)) {
		insn.narrow |= byte == 0x66;
		byte = (u32)next(&code, 1);
	}
	if (in_long_mode() && (byte & 0xf0) == 0x40) {
		code.rex = byte & 0xf;
		byte = (u32)next(&code, 1);
	}
	insn.opcode = byte == 0x0f ? 0x0f00 | (u32)next(&code, 1) : byte;
	if (has_modrm(insn.opcode))
		decode_modrm(&code, &insn);
	if (insn.opcode == 0xa1 || insn.opcode == 0xa3)
		insn.address = next(&code, in_long_mode() ? 8 : 4);
	insn.length = code.at;
	return insn;
}
