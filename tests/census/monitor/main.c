/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads the guest, which is a part of this program, and runs it. */
#include "console.h"
#include "fdt.h"
#include "guest.h"
#include "hart.h"
#include "paging.h"
#include "sbi.h"
#include "string.h"

_Static_assert(offsetof(struct frame, satp) == FRAME_SATP, "enter.S");
_Static_assert(offsetof(struct frame, sp) == FRAME_SP, "enter.S");
_Static_assert(offsetof(struct frame, return_to) == FRAME_RETURN, "enter.S");

#define ENVCFG_CBO_ALL 0xf0UL
#define FDT_TOTALSIZE  4 /* offset in the header */
#define ELF_ENTRY      24
#define ELF_PHOFF      32
#define ELF_PHENTSIZE  54
#define ELF_PHNUM      56
#define PT_LOAD	       1

struct elf_segment {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

struct frame frame __attribute__((aligned(4096)));
struct guest guest;

extern const u8 trampoline[], trampoline_trap[], guest_elf[]; /* enter.S, blob.S */

static void load_segment(const struct elf_segment *segment)
{
	u8 *to = guest_memory(segment->paddr, segment->memsz);

	if (!to) {
		print("BAD the guest does not fit into its RAM\n");
		sbi_shutdown(SBI_SRST_SYSTEM_FAILURE);
	}
	memcpy(to, guest_elf + segment->offset, segment->filesz);
}

static u64 load(void)
{
	u64 phoff = *(const u64 *)(guest_elf + ELF_PHOFF);
	u64 size = *(const u16 *)(guest_elf + ELF_PHENTSIZE);

	for (unsigned i = 0; i < *(const u16 *)(guest_elf + ELF_PHNUM); i++) {
		const struct elf_segment *segment = (const void *)(guest_elf + phoff + i * size);

		if (segment->type == PT_LOAD)
			load_segment(segment);
	}
	memcpy(guest_memory(RAM_START + FDT_OFFSET, GUEST_SIZE - FDT_OFFSET), boot_fdt,
	       fdt_u32((const u8 *)boot_fdt + FDT_TOTALSIZE));
	return *(const u64 *)(guest_elf + ELF_ENTRY);
}

/* RAM and devices where they are, and the two pages that are in every address space. */
static void map_self(void)
{
	u64 *root = paging_new();

	paging_map(root, TRAMPOLINE_VA, (u64)trampoline, PTE_V | PTE_R | PTE_X | PTE_A | PTE_D, 0);
	paging_map(root, FRAME_VA, (u64)&frame, PTE_V | PTE_R | PTE_W | PTE_A | PTE_D, 0);
	frame.satp = paging_satp(root);
	shadow_init(frame.satp);
	paging_use(frame.satp);
	csr_write(stvec, TRAMPOLINE_VA + (trampoline_trap - trampoline));
}

/* The real gates: the guest's own while its user runs; all open for its supervisor. */
static void set_gates(void)
{
	u64 status = csr_read(sstatus) & ~(SSTATUS_FS | SSTATUS_VS | SSTATUS_SPP);

	csr_write(sstatus, status | (guest.sstatus & (SSTATUS_FS | SSTATUS_VS)));
	csr_write(scounteren, guest.user ? guest.scounteren : ~0UL);
	csr_write(senvcfg, guest.user ? guest.senvcfg : ENVCFG_CBO_ALL);
}

/* Floating-point and vector state have become dirty behind the monitor's back. */
static void read_back_status(void)
{
	guest.sstatus &= ~(SSTATUS_FS | SSTATUS_VS);
	guest.sstatus |= csr_read(sstatus) & (SSTATUS_FS | SSTATUS_VS);
}

void guest_main(void)
{
	csr_write(sie, 0);
	frame.gpr[0] = load();
	frame.gpr[10] = boot_hart_id;
	frame.gpr[11] = RAM_START + FDT_OFFSET;
	map_self();
	for (;;) {
		set_gates();
		guest_run(shadow_satp());
		read_back_status();
		exit_handle();
	}
}
