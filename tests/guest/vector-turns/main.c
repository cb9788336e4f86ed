/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vector CSRs over another hart's turn, when nothing but them has been written since the last
 * one: an emulator need not call that Dirty.
 */
#include "console.h"
#include "fdt.h"
#include "sbi.h"

#define HARTS  2
#define ROUNDS 20

#define VTYPE_E8_M1  0x000UL
#define VTYPE_E16_M2 0x009UL

static volatile u64 turns[HARTS], rounds[HARTS], stop;
static volatile u64 bad_vxrm[HARTS], bad_vxsat[HARTS], bad_vstart[HARTS], bad_vl[HARTS];

/* Comes back after the other hart has had a turn. */
static void let_other(u64 n)
{
	u64 before = turns[1 - n];

	while (turns[1 - n] == before && !stop)
		turns[n]++;
}

static void set_vl(u64 vl, u64 vtype)
{
	register u64 a1 asm("a1") = vl;
	register u64 a2 asm("a2") = vtype;

	asm volatile(".4byte 0x80c5f057" ::"r"(a1), "r"(a2)); /* vsetvl x0, a1, a2 */
}

/* By number: the assemblers in use do not all know the names. */
#define read_vl()	csr_read(0xc20)
#define read_vtype()	csr_read(0xc21)
#define read_vxrm()	csr_read(0x00a)
#define read_vxsat()	csr_read(0x009)
#define read_vstart()	csr_read(0x008)
#define write_vxrm(v)	csr_write(0x00a, v)
#define write_vxsat(v)	csr_write(0x009, v)
#define write_vstart(v) csr_write(0x008, v)

static void one_round(u64 n)
{
	u64 i = rounds[n] + n, vl = 1 + i % 7, vtype = i & 1 ? VTYPE_E8_M1 : VTYPE_E16_M2;

	(void)read_vl();
	let_other(n);
	set_vl(vl, vtype);
	let_other(n);
	bad_vl[n] += read_vl() != vl || read_vtype() != vtype;
	write_vxrm(i & 3);
	let_other(n);
	bad_vxrm[n] += read_vxrm() != (i & 3);
	write_vxsat(i & 1);
	let_other(n);
	bad_vxsat[n] += read_vxsat() != (i & 1);
	write_vstart(i % 7);
	let_other(n);
	bad_vstart[n] += read_vstart() != i % 7;
	rounds[n]++;
}

static void play(u64 n)
{
	csr_write(sie, 0);
	csr_set(sstatus, FS_INITIAL << VS_SHIFT);
	while (n ? !stop : rounds[n] < ROUNDS)
		one_round(n);
}

void guest_main(void)
{
	scenario_begin("vector-turns");
	check(fdt_has_isa(boot_fdt, "v"), "the ISA string has v");
	check_equal("start of the other", (u64)hart_start(hart_nth(1), play, 1), 0);
	play(0);
	stop = 1;
	check(hart_wait_stopped(hart_nth(1)) && rounds[1] > 1, "both have played");
	for (unsigned n = 0; n < HARTS; n++) {
		check_equal("vl and vtype lost", bad_vl[n], 0);
		check_equal("vxrm lost", bad_vxrm[n], 0);
		check_equal("vxsat lost", bad_vxsat[n], 0);
		check_equal("vstart lost", bad_vstart[n], 0);
	}
	scenario_end();
}
