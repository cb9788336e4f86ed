/* SPDX-License-Identifier: BSD-2-Clause */
/* Moves the vector registers between a hart and memory. sstatus.VS is not Off here. */

/* The order of v_csrs in struct fp_state. */
#define VSTART 0
#define VCSR   8
#define VL     16
#define VTYPE  24

	.text
	/* vector_regs_save(a0 = void *v, a1 = u64 csrs[4]) */
	.globl	vector_regs_save
vector_regs_save:
	csrr	t0, vstart
	csrr	t1, vcsr
	csrr	t2, vl
	csrr	t3, vtype
	sd	t0, VSTART(a1)
	sd	t1, VCSR(a1)
	sd	t2, VL(a1)
	sd	t3, VTYPE(a1)
	csrr	t4, vlenb
	slli	t4, t4, 3
	csrw	vstart, zero
	vs8r.v	v0, (a0)
	add	a0, a0, t4
	vs8r.v	v8, (a0)
	add	a0, a0, t4
	vs8r.v	v16, (a0)
	add	a0, a0, t4
	vs8r.v	v24, (a0)
	ret

	/* vector_regs_load(a0 = const void *v, a1 = const u64 csrs[4]) */
	.globl	vector_regs_load
vector_regs_load:
	csrr	t4, vlenb
	slli	t4, t4, 3
	csrw	vstart, zero
	vl8re8.v v0, (a0)
	add	a0, a0, t4
	vl8re8.v v8, (a0)
	add	a0, a0, t4
	vl8re8.v v16, (a0)
	add	a0, a0, t4
	vl8re8.v v24, (a0)
	ld	t0, VSTART(a1)
	ld	t1, VCSR(a1)
	ld	t2, VL(a1)
	ld	t3, VTYPE(a1)
	vsetvl	zero, t2, t3	/* vtype may be illegal: it then reads back as vill, as it was */
	csrw	vcsr, t1
	csrw	vstart, t0
	ret

	/* u64 vector_read_vlenb(void) */
	.globl	vector_read_vlenb
vector_read_vlenb:
	csrr	a0, vlenb
	ret
