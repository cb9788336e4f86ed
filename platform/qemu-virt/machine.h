/* SPDX-License-Identifier: BSD-2-Clause */
/* What machine this is: everything Doppel knows of the hardware, read once from its device tree. */
#ifndef DOPPEL_MACHINE_H
#define DOPPEL_MACHINE_H

#include "lib/types.h"
#include "riscv/isa.h"

#define MACHINE_MAX_HARTS  32
#define MACHINE_MAX_RANGES 32
#define MACHINE_MAX_VIRTIO 32

struct machine_range {
	hpa_t start;
	u64 size; /* bytes */
};

struct machine_hart {
	u64 id;		       /* mhartid */
	unsigned plic_context; /* the one that drives this hart's S-mode external interrupt */
	bool has_plic_context;
};

struct machine_virtio {
	hpa_t base;
	unsigned irq; /* PLIC source */
};

struct machine {
	const char *model;
	u64 timebase_hz;
	char isa[ISA_STRING_MAX]; /* what all harts have in common: those that differ are left out
				   */
	bool has_isa_list;	  /* the tree also tells it as riscv,isa-extensions */
	const char *mmu_type;	  /* NULL: the tree does not tell */
	u32 cbom_block_size, cboz_block_size, cbop_block_size; /* bytes; 0: not told */

	struct machine_hart harts[MACHINE_MAX_HARTS]; /* the hart that booted comes first */
	unsigned nr_harts;
	unsigned nr_harts_left_out; /* beyond MACHINE_MAX_HARTS */

	struct machine_range ram[MACHINE_MAX_RANGES];
	unsigned nr_ram;
	struct machine_range reserved[MACHINE_MAX_RANGES]; /* RAM that is the firmware's */
	unsigned nr_reserved;

	struct machine_range device_tree;
	struct machine_range payload; /* QEMU's -initrd: the VMs; size 0: none given */
	bool has_too_many_ranges;     /* of RAM or reserved RAM: not all are known */
	const char *bootargs;	      /* "" when none */
	const u8 *rng_seed;
	u32 rng_seed_size; /* bytes */

	hpa_t uart, plic, test, rtc; /* register blocks; 0: the machine has none */
	u64 plic_size;
	unsigned uart_irq;				  /* PLIC source */
	struct machine_virtio virtio[MACHINE_MAX_VIRTIO]; /* virtio-mmio transports, lowest first */
	unsigned nr_virtio;
};

extern struct machine machine;

/*
 * Reads the device tree into machine. boot_hartid is the hart that runs this.
 * Returns NULL, or a sentence saying what the machine lacks that Doppel cannot run without.
 */
const char *machine_probe(hpa_t device_tree, u64 boot_hartid);

/* The rest of the word behind "name=" in the boot arguments, or NULL; "name" alone gives "". */
const char *machine_option(const char *name);

/* Ends the emulator or powers the machine off; the code becomes QEMU's exit status. */
void machine_exit(u16 code) __attribute__((noreturn));

/* Exit codes, which ./doppel turns into its exit statuses. */
#define EXIT_POWEROFF	    0
#define EXIT_PANIC	    101
#define EXIT_REFUSED	    102 /* unsuitable machine or bad VM description */
#define EXIT_KILLED	    103 /* a VM was killed */
#define EXIT_SYSTEM_FAILURE 104 /* a guest asked for shutdown, reason: system failure */
#define EXIT_SCRIPT	    105 /* a command of the user's script failed */

#endif
