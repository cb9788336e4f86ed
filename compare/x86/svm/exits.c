// SPDX-License-Identifier: BSD-2-Clause
/*
 * What happens at an exit. What only touches the guest's own registers, which the processor
 * switches with the guest, is noted, and then let through: its intercept is off until an exit
 * elsewhere. What would touch this machine is emulated.
 */
#include "monitor.h"
#include "../calls.h"

#define MSR_APIC_BASE	0x1b
#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_SP 0x175
#define MSR_SYSENTER_IP 0x176
#define MSR_PAT		0x277
#define MSR_EFER	0xc0000080
#define MSR_STAR	0xc0000081
#define MSR_LSTAR	0xc0000082
#define MSR_CSTAR	0xc0000083
#define MSR_SFMASK	0xc0000084
#define MSR_FS_BASE	0xc0000100
#define MSR_GS_BASE	0xc0000101
#define MSR_KERNEL_GS	0xc0000102
#define APIC_ENABLED	0x900ull /* the boot processor's, on */

#define LEAF_EXTENDED 0x80000001
#define LEAF_SVM      0x8000000a
#define HAS_MONITOR   (1u << 31)

#define VECTORS_WITH_ERROR (1u << 8 | 0x1fu << 10 | 1u << 17 | 1u << 21)
#define NOT_EXCEPTIONS	   (1u << 2) /* the NMI has an intercept of its own */

#define SHADOWED_CRS (1u << 0 | 1u << 3 | 1u << 4)

static u32 bit_1(u32 code)
{
	return 1u << (code - EXIT_FIRST_BIT);
}

static u32 bit_2(u32 code)
{
	return 1u << (code - EXIT_SECOND_BIT);
}

/* Without these the guest would use this machine, or nothing would work. */
void intercept_needed(void)
{
	struct vmcb *vmcb = guest.vmcb;

	vmcb->intercept_1 = bit_1(EXIT_INTR) | bit_1(EXIT_CPUID) | bit_1(EXIT_INVD) |
			    bit_1(EXIT_HLT) | bit_1(EXIT_INVLPGA) | bit_1(EXIT_IOIO) |
			    bit_1(EXIT_MSR) | bit_1(EXIT_SHUTDOWN);
	vmcb->intercept_2 = bit_2(EXIT_VMRUN) | bit_2(EXIT_VMMCALL) | bit_2(EXIT_VMLOAD) |
			    bit_2(EXIT_VMSAVE) | bit_2(EXIT_STGI) | bit_2(EXIT_CLGI) |
			    bit_2(EXIT_SKINIT);
	vmcb->intercept_cr_read = guest.shadow ? SHADOWED_CRS : 0;
	vmcb->intercept_cr_write = guest.shadow ? SHADOWED_CRS : 0;
	vmcb->intercept_dr_read = vmcb->intercept_dr_write = 0;
	vmcb->intercept_exceptions = guest.shadow ? 1u << VECTOR_PF : 0;
	if (guest.shadow)
		vmcb->intercept_1 |= bit_1(EXIT_INVLPG);
}

/* All there is, for the probes. */
void intercept_all(void)
{
	struct vmcb *vmcb = guest.vmcb;

	intercept_needed();
	/* From reads of IDTR to shutdown, and to XSETBV; a conditional MWAIT would hide MWAIT. */
	vmcb->intercept_1 |= ~(bit_1(EXIT_IDTR_READ) - 1);
	vmcb->intercept_2 |= (bit_2(EXIT_XSETBV) * 2 - 1) & ~bit_2(EXIT_MWAIT_CONDITIONAL);
	if (guest.blind)
		vmcb->intercept_1 &= ~bit_1(EXIT_GDTR_READ);
	vmcb->intercept_cr_read = vmcb->intercept_cr_write = 0x1ff;
	vmcb->intercept_dr_read = vmcb->intercept_dr_write = 0xffff;
	vmcb->intercept_exceptions = 0xffffffff & ~NOT_EXCEPTIONS;
}

static u64 let_through_at;

/* Clears the intercept of this code, so that the instruction executes when the guest goes on. */
static void let_through(u32 code)
{
	struct vmcb *vmcb = guest.vmcb;

	let_through_at = vmcb->rip;
	if (code < EXIT_CR_WRITE)
		vmcb->intercept_cr_read &= (u16) ~(1u << code);
	else if (code < EXIT_DR_READ)
		vmcb->intercept_cr_write &= (u16) ~(1u << (code - EXIT_CR_WRITE));
	else if (code < EXIT_DR_WRITE)
		vmcb->intercept_dr_read &= (u16) ~(1u << (code - EXIT_DR_READ));
	else if (code < EXIT_EXCEPTION)
		vmcb->intercept_dr_write &= (u16) ~(1u << (code - EXIT_DR_WRITE));
	else if (code >= EXIT_SECOND_BIT)
		vmcb->intercept_2 &= ~bit_2(code);
	else
		vmcb->intercept_1 &= ~bit_1(code);
}

void inject(u32 vector, u32 error)
{
	if (guest.vmcb->event_injection & EVENT_VALID)
		panic("an exception on top of an event");
	guest.vmcb->event_injection = vector | EVENT_EXCEPTION << 8 | EVENT_VALID;
	if (VECTORS_WITH_ERROR >> vector & 1)
		guest.vmcb->event_injection |= EVENT_HAS_ERROR | (u64)error << 32;
}

static void skip(void)
{
	guest.vmcb->rip += instruction_decode().length;
}

/* --- Instructions that are emulated */

static void do_cpuid(void)
{
	u32 leaf = (u32)guest.vmcb->rax, a, b, c, d;

	__asm__ volatile("cpuid"
			 : "=a"(a), "=b"(b), "=c"(c), "=d"(d)
			 : "0"(leaf), "2"((u32)guest.gpr[RCX]));
	if (leaf == 1)
		c |= HAS_MONITOR;
	if (leaf == LEAF_EXTENDED)
		c &= ~HAS_SVM;
	if (leaf == LEAF_SVM)
		a = b = c = d = 0;
	if (leaf == LEAF_MONITOR)
		a = LEAF_MONITOR, b = MONITOR_NAME_B, c = MONITOR_NAME_C, d = MONITOR_NAME_D;
	guest.vmcb->rax = a;
	guest.gpr[RBX] = b;
	guest.gpr[RCX] = c;
	guest.gpr[RDX] = d;
	skip();
}

static u64 *msr_field(u32 number)
{
	struct vmcb *vmcb = guest.vmcb;

	switch (number) {
	case MSR_SYSENTER_CS: return &vmcb->sysenter_cs;
	case MSR_SYSENTER_SP: return &vmcb->sysenter_esp;
	case MSR_SYSENTER_IP: return &vmcb->sysenter_eip;
	case MSR_PAT: return &vmcb->pat;
	case MSR_STAR: return &vmcb->star;
	case MSR_LSTAR: return &vmcb->lstar;
	case MSR_CSTAR: return &vmcb->cstar;
	case MSR_SFMASK: return &vmcb->sfmask;
	case MSR_FS_BASE: return &vmcb->fs.base;
	case MSR_GS_BASE: return &vmcb->gs.base;
	case MSR_KERNEL_GS: return &vmcb->kernel_gs_base;
	default: return 0;
	}
}

/* The processor wants SVME set while a guest runs; the guest is not to know. */
static void set_efer(u64 value)
{
	guest.efer = value;
	guest.vmcb->efer = value | EFER_SVME;
	/* Shadow page tables are on while the guest's paging is off; long mode waits for it. */
	if (guest.shadow && !(guest.cr0 & CR0_PG))
		guest.vmcb->efer &= ~EFER_LME;
}

static u64 get_efer(void)
{
	return guest.shadow ? guest.efer : guest.vmcb->efer & ~EFER_SVME;
}

static void do_msr(void)
{
	u32 number = (u32)guest.gpr[RCX];
	u64 *field = msr_field(number);
	u64 fixed = APIC_GPA | APIC_ENABLED;
	u64 value = (u32)guest.vmcb->rax | guest.gpr[RDX] << 32;

	if (!field && number != MSR_EFER && number != MSR_APIC_BASE) {
		inject(VECTOR_GP, 0);
		return;
	}
	if (guest.vmcb->exit_info_1) {
		if (field)
			*field = value;
		else if (number == MSR_EFER)
			set_efer(value | (get_efer() & EFER_LMA));
	} else {
		value = field ? *field : number == MSR_EFER ? get_efer() : fixed;
		guest.vmcb->rax = (u32)value;
		guest.gpr[RDX] = value >> 32;
	}
	skip();
}

static void do_io(void)
{
	u32 info = (u32)guest.vmcb->exit_info_1;
	u16 port = (u16)(info >> 16);

	if (!(info & IOIO_BYTE) || info & (IOIO_STRING | IOIO_REPEATED))
		panic("an access to a port that is not by a byte");
	if (info & IOIO_IN)
		guest.vmcb->rax = (guest.vmcb->rax & ~0xffull) | in8(port);
	else
		out8(port, (u8)guest.vmcb->rax);
	guest.vmcb->rip = guest.vmcb->exit_info_2;
}

static void do_hlt(void)
{
	skip();
	while (!apic_pending())
		interrupts_take();
}

static void do_vmmcall(void)
{
	u32 number = (u32)guest.vmcb->rax;

	if (guest.vmcb->cpl) {
		inject(VECTOR_UD, 0);
		return;
	}
	guest.vmcb->rax = number == CALL_NULL || count_mark(number) ? 0 : CALL_UNKNOWN;
	skip();
}

/* --- Control registers, with shadow page tables: the guest's are not the processor's */

static void set_cr0(u64 value)
{
	int was = !!(guest.cr0 & CR0_PG), is = !!(value & CR0_PG);

	guest.cr0 = value;
	guest.vmcb->cr0 = value | CR0_PG;
	if (was == is)
		return;
	guest.efer &= ~EFER_LMA;
	if (is && guest.efer & EFER_LME)
		guest.efer |= EFER_LMA;
	set_efer(guest.efer);
	shadow_restart();
}

static u64 get_cr(u32 number)
{
	switch (number) {
	case 0: return guest.cr0;
	case 2: return guest.vmcb->cr2;
	case 3: return guest.cr3;
	case 4: return guest.cr4;
	case 8: return guest.vmcb->v_intr & V_TPR;
	default: panic("a control register that does not exist");
	}
}

static void set_cr(u32 number, u64 value)
{
	switch (number) {
	case 0: set_cr0(value); break;
	case 2: guest.vmcb->cr2 = value; break;
	case 3:
		guest.cr3 = value;
		shadow_restart();
		break;
	case 4:
		guest.cr4 = value;
		guest.vmcb->cr4 = value | CR4_PAE;
		break;
	case 8: guest.vmcb->v_intr = (guest.vmcb->v_intr & ~V_TPR) | (value & V_TPR); break;
	default: panic("a control register that does not exist");
	}
}

static void do_msw(const struct instruction *insn)
{
	u64 low = insn->narrow ? 0xffff : 0xffffffff;

	if (insn->mode != 3)
		panic("smsw or lmsw with an operand in memory");
	if (insn->reg == 4)
		reg_write(insn->rm, (reg_read(insn->rm) & ~low) | (guest.cr0 & low));
	else if (insn->reg == 6)
		set_cr0((guest.cr0 & ~0xeull) | (reg_read(insn->rm) & 0xf));
	else
		panic("an unknown access to CR0");
}

/*
 * What the instruction says decides, not the exit's number: some emulators report each read of a
 * control register as one of CR0.
 */
static void do_cr(void)
{
	struct instruction insn = instruction_decode();

	switch (insn.opcode) {
	case 0x0f01: do_msw(&insn); break;
	case 0x0f06: set_cr0(guest.cr0 & ~CR0_TS); break;
	case 0x0f20: reg_write(insn.rm, get_cr(insn.reg)); break;
	case 0x0f22: set_cr(insn.reg, reg_read(insn.rm)); break;
	default: panic("an unknown access to a control register");
	}
	guest.vmcb->rip += insn.length;
}

/* --- Exceptions and memory */

static void do_shadow_fault(void)
{
	struct vmcb *vmcb = guest.vmcb;
	u32 error = (u32)vmcb->exit_info_1;
	u64 address = vmcb->exit_info_2, gpa = 0;
	int made = shadow_fault(address, &error, &gpa);

	if (made > 0) {
		count_hidden();
		return;
	}
	if (made == 0) {
		count_exit(EXIT_DEVICE);
		if ((gpa & ~(PAGE - 1)) != APIC_GPA)
			panic("an access to nothing");
		apic_access(gpa);
		return;
	}
	count_exit("EXCP14");
	vmcb->cr2 = address;
	inject(VECTOR_PF, error);
}

/*
 * #GP at CPL 3 for an instruction of SVM: SVME is set, the guest does not know it, and its
 * processor has no such instructions.
 */
static int is_svm_instruction(void)
{
	static const u8 first[2] = { 0x0f, 0x01 };

	for (u32 i = 0; i < sizeof(first); i++) {
		const u8 *byte = guest_code(i);
		if (!byte || *byte != first[i])
			return 0;
	}
	const u8 *last = guest_code(sizeof(first));
	return last && *last >= 0xd8 && *last <= 0xdf;
}

static void do_exception(u32 vector)
{
	struct vmcb *vmcb = guest.vmcb;

	if (vector == VECTOR_PF && guest.shadow) {
		do_shadow_fault();
		return;
	}
	count_exit(exit_name(vmcb->exit_code));
	if (vector == VECTOR_PF)
		vmcb->cr2 = vmcb->exit_info_2;
	if (vector == VECTOR_GP && is_svm_instruction())
		inject(VECTOR_UD, 0);
	else
		inject(vector, (u32)vmcb->exit_info_1);
}

static void do_nested_fault(void)
{
	if ((guest.vmcb->exit_info_2 & ~(PAGE - 1)) != APIC_GPA)
		panic("an access to nothing");
	apic_access(guest.vmcb->exit_info_2);
}

static void do_invlpg(void)
{
	if (!guest.shadow) {
		let_through(EXIT_INVLPG);
		return;
	}
	struct instruction insn = instruction_decode();
	shadow_forget(insn.address);
	guest.vmcb->rip += insn.length;
}

static void do_instruction(u32 code)
{
	switch (code) {
	case EXIT_INTR: interrupts_take(); break;
	case EXIT_CPUID: do_cpuid(); break;
	case EXIT_HLT: do_hlt(); break;
	case EXIT_IOIO: do_io(); break;
	case EXIT_MSR: do_msr(); break;
	case EXIT_VMMCALL: do_vmmcall(); break;
	/* The guest's caches are this machine's too: nothing of it may be lost. */
	case EXIT_INVD:
		__asm__ volatile("wbinvd");
		skip();
		break;
	case EXIT_INVLPGA:
	case EXIT_VMRUN:
	case EXIT_VMLOAD:
	case EXIT_VMSAVE:
	case EXIT_STGI:
	case EXIT_CLGI:
	case EXIT_SKINIT: inject(VECTOR_UD, 0); break;
	case EXIT_SHUTDOWN: panic("the guest has shut down");
	case EXIT_INVLPG: do_invlpg(); break;
	default: let_through(code);
	}
}

/*
 * An event whose delivery the exit cut short comes again: an exception is injected anew, an INT
 * instruction is executed anew, and the virtual interrupt is still in V_IRQ (section 15.7.2).
 */
static void take_up_event(void)
{
	u64 event = guest.vmcb->exit_int_info;

	guest.vmcb->event_injection = 0;
	if (!(event & EVENT_VALID) || EVENT_TYPE(event) == EVENT_SOFTWARE)
		return;
	if (guest.vmcb->v_intr & V_IRQ && (event & 0xff) == guest.vmcb->v_vector)
		return;
	guest.vmcb->event_injection = event;
}

void exit_handle(void)
{
	u64 code = guest.vmcb->exit_code;

	take_up_event();
	/* The intercepts are back as soon as the guest is somewhere else. */
	if (count_listing() && guest.vmcb->rip != let_through_at)
		intercept_all();
	guest.vmcb->tlb_control = 0;
	if (code >= EXIT_EXCEPTION && code < EXIT_FIRST_BIT) {
		do_exception((u32)(code - EXIT_EXCEPTION));
		return;
	}
	if (code != EXIT_VMMCALL || guest.vmcb->cpl || (u32)guest.vmcb->rax == CALL_NULL ||
	    (u32)guest.vmcb->rax == CALL_UNKNOWN)
		count_exit(exit_name(code));
	if (code == EXIT_NPF)
		do_nested_fault();
	else if (code > EXIT_NPF)
		panic("the VMCB is not valid");
	else if (guest.shadow && code < EXIT_DR_READ)
		do_cr();
	else
		do_instruction((u32)code);
}
