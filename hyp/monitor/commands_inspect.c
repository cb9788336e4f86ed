/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that look inside a guest. Its vCPUs are off their harts while they do. */
#include "lib/string.h"
#include "mem/page.h"
#include "monitor/commands.h"
#include "monitor/walk.h"
#include "riscv/cause.h"

static const char *const register_names[32] = {
	"zero", "ra", "sp", "gp", "tp",	 "t0",	"t1", "t2", "s0", "s1", "a0",
	"a1",	"a2", "a3", "a4", "a5",	 "a6",	"a7", "s2", "s3", "s4", "s5",
	"s6",	"s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"
};

/* --- regs */

static void print_registers(const struct vcpu *vcpu)
{
	command_print("pc   %016lx", vcpu->pc);
	for (unsigned i = 1; i < 32; i++)
		command_print("%s%-4s %016lx", i % 3 ? "  " : "\n", register_names[i],
			      vcpu_gpr(vcpu, i));
	command_print("\n");
}

/* The interrupts of a register, by their bits in the guest's numbering. */
static void print_interrupts(u64 bits)
{
	if (bits & BIT(IRQ_S_SOFT))
		command_print(" software");
	if (bits & BIT(IRQ_S_TIMER))
		command_print(" timer");
	if (bits & BIT(IRQ_S_EXT))
		command_print(" external");
	command_print("\n");
}

static void print_sstatus(u64 sstatus)
{
	static const char *const states[] = { "off", "initial", "clean", "dirty" };

	command_print("sstatus    %016lx %s, FS %s, VS %s%s%s%s%s\n", sstatus,
		      sstatus & SSTATUS_SIE ? "SIE" : "interrupts off",
		      states[(sstatus & SSTATUS_FS) >> SSTATUS_FS_SHIFT],
		      states[(sstatus & SSTATUS_VS) >> SSTATUS_VS_SHIFT],
		      sstatus & SSTATUS_SPP ? ", SPP" : "", sstatus & SSTATUS_SPIE ? ", SPIE" : "",
		      sstatus & SSTATUS_SUM ? ", SUM" : "", sstatus & SSTATUS_MXR ? ", MXR" : "");
}

static void print_scause(u64 scause)
{
	bool is_interrupt = scause >> CAUSE_INTERRUPT_BIT;

	command_print("scause     %016lx %s\n", scause,
		      cause_name(scause & ~BIT(CAUSE_INTERRUPT_BIT), is_interrupt));
}

static void print_satp(u64 satp)
{
	static const char *const modes[] = { [ATP_MODE_BARE] = "Bare",
					     [ATP_MODE_SV39] = "Sv39",
					     [ATP_MODE_SV48] = "Sv48",
					     [ATP_MODE_SV57] = "Sv57" };
	u64 mode = satp >> ATP_MODE_SHIFT;

	command_print("satp       %016lx %s\n", satp,
		      mode < ARRAY_SIZE(modes) && modes[mode] ? modes[mode] : "reserved mode");
}

static void print_csrs(const struct vcpu *vcpu)
{
	const struct vs_csrs *csrs = &vcpu->csrs;

	print_sstatus(csrs->sstatus);
	command_print("stvec      %016lx\nsscratch   %016lx\nsepc       %016lx\n", csrs->stvec,
		      csrs->sscratch, csrs->sepc);
	print_scause(csrs->scause);
	command_print("stval      %016lx\n", csrs->stval);
	print_satp(csrs->satp);
	command_print("sie        %016lx", csrs->sie);
	print_interrupts(csrs->sie);
	command_print("hvip       %016lx", csrs->hvip);
	print_interrupts(csrs->hvip >> 1); /* VS bits stand one above S bits */
	if (vcpu->features->has_sstc)
		command_print("stimecmp   %016lx\n", csrs->stimecmp);
	command_print("scounteren %016lx\nsenvcfg    %016lx\n", csrs->scounteren, csrs->senvcfg);
}

static const char *mode_name(const struct vcpu *vcpu)
{
	if (vcpu->state == VCPU_OFF)
		return "off";
	return vcpu->in_user_mode ? "VU-mode" : "VS-mode";
}

enum command_result command_regs(const struct words *words)
{
	struct vcpu *vcpu = command_vcpu(words->word[1]);

	if (!vcpu)
		return COMMAND_FAILED;
	vm_hold(vcpu->vm);
	command_print("%s.%u: %s%s\n", vcpu->vm->name, vcpu->index, mode_name(vcpu),
		      vcpu->is_waiting ? ", waits for an interrupt" : "");
	print_registers(vcpu);
	print_csrs(vcpu);
	vm_release(vcpu->vm);
	return COMMAND_DONE;
}

/* --- Addresses: numbers, or what a register holds */

static bool read_register(const struct vcpu *vcpu, const char *name, u64 *value)
{
	if (strcmp(name, "pc") == 0) {
		*value = vcpu->pc;
		return true;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(register_names); i++) {
		if (strcmp(name, register_names[i]) == 0) {
			*value = vcpu_gpr(vcpu, i);
			return true;
		}
	}
	return false;
}

/* The VM is held. */
static bool read_address(const struct vcpu *vcpu, const char *word, u64 *address)
{
	if (command_number(word, address) || read_register(vcpu, word, address))
		return true;
	command_fail("\"%s\" is no address; give a number such as 0x80200000, or a register such "
		     "as sp",
		     word);
	return false;
}

static struct walk walk_of(const struct vcpu *vcpu, format_sink *sink)
{
	return (struct walk){
		.memory = vcpu->memory, .s2 = &vcpu->mmu->s2, .vsatp = vcpu->csrs.satp, .sink = sink
	};
}

/* --- walk */

static enum command_result walk_held(const struct vcpu *vcpu, const char *word, bool every_entry)
{
	struct walk walk = walk_of(vcpu, command_sink);
	u64 address;
	gpa_t gpa;
	hpa_t hpa;

	walk.every_entry = every_entry;
	if (!read_address(vcpu, word, &address))
		return COMMAND_FAILED;
	/* That there is no translation is an answer as good as another. */
	if (walk_guest(&walk, GVA(address), &gpa) && walk_host(&walk, gpa, &hpa))
		command_print("gva 0x%lx = gpa 0x%lx = hpa 0x%lx\n", address, gpa.v, hpa.v);
	return COMMAND_DONE;
}

enum command_result command_walk(const struct words *words)
{
	struct vcpu *vcpu = command_vcpu(words->word[1]);
	enum command_result result;

	if (!vcpu)
		return COMMAND_FAILED;
	if (words->count > 3 && strcmp(words->word[3], "all") != 0)
		return command_fail("usage: walk VM[.vcpu] ADDRESS [all]");
	vm_hold(vcpu->vm);
	result = walk_held(vcpu, words->word[2], words->count > 3);
	vm_release(vcpu->vm);
	return result;
}

/* --- mem */

#define MEM_NORMALLY  64
#define MEM_MOST      4096
#define MEM_IN_A_LINE 16UL

static void print_line(u64 address, const u8 *bytes, u64 count)
{
	command_print("%016lx ", address);
	for (unsigned i = 0; i < MEM_IN_A_LINE; i++) {
		const char *gap = i == MEM_IN_A_LINE / 2 ? "  " : " ";

		if (i < count)
			command_print("%s%02x", gap, bytes[i]);
		else
			command_print("%s  ", gap);
	}
	command_print("  |");
	for (unsigned i = 0; i < count; i++)
		command_print("%c", bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '.');
	command_print("|\n");
}

/* Where an address is in the guest's physical space. False: it has said that it is nowhere. */
static bool locate(const struct walk *walk, u64 address, bool is_virtual, gpa_t *gpa)
{
	*gpa = GPA(address);
	if (!is_virtual || walk_guest(walk, GVA(address), gpa))
		return true;
	command_fail("0x%lx is not mapped by the guest's tables; walk shows why", address);
	return false;
}

static enum command_result not_ram(const struct vcpu *vcpu, gpa_t gpa)
{
	const struct guest_memory *memory = vcpu->memory;

	return command_fail("0x%lx is not in the guest's RAM, which is 0x%lx to 0x%lx", gpa.v,
			    memory->start.v, memory->start.v + memory->size - 1);
}

/* A line may cross a page that is elsewhere: each page is translated for itself. */
static enum command_result dump(const struct vcpu *vcpu, u64 address, bool is_virtual, u64 length)
{
	struct walk walk = walk_of(vcpu, NULL);
	u64 in_line;

	for (u64 done = 0; done < length; done += in_line) {
		u8 bytes[MEM_IN_A_LINE];

		in_line = MIN(MEM_IN_A_LINE, length - done);
		for (u64 at = 0, count; at < in_line; at += count) {
			u64 from = address + done + at;
			gpa_t gpa;

			count = MIN(in_line - at, PAGE_SIZE - from % PAGE_SIZE);
			if (!locate(&walk, from, is_virtual, &gpa))
				return COMMAND_FAILED;
			if (!guest_read(vcpu->memory, gpa, bytes + at, count))
				return not_ram(vcpu, gpa);
		}
		print_line(address + done, bytes, in_line);
	}
	return COMMAND_DONE;
}

static enum command_result mem_held(const struct vcpu *vcpu, const char *word, u64 length)
{
	bool is_virtual = strncmp(word, "v:", 2) == 0;
	u64 address;

	if (!read_address(vcpu, is_virtual ? word + 2 : word, &address))
		return COMMAND_FAILED;
	return dump(vcpu, address, is_virtual, length);
}

enum command_result command_mem(const struct words *words)
{
	struct vcpu *vcpu = command_vcpu(words->word[1]);
	u64 length = MEM_NORMALLY;
	enum command_result result;

	if (!vcpu)
		return COMMAND_FAILED;
	if (words->count > 3 &&
	    (!command_size(words->word[3], &length) || !length || length > MEM_MOST))
		return command_fail("\"%s\" is no length; give 1 to %d bytes", words->word[3],
				    MEM_MOST);
	vm_hold(vcpu->vm);
	result = mem_held(vcpu, words->word[2], length);
	vm_release(vcpu->vm);
	return result;
}
