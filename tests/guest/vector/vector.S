/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All of the vector state at once, for a vector length up to 256 bytes. The words are encoded here
 * because not every assembler in use knows the V extension.
 */

/* void vector_load(const u8 *registers, u64 vl, u64 vtype_e, u64 vcsr); 32 registers of vlenb bytes */
	.globl	vector_load
vector_load:
	csrr	t0, 0xc22		/* vlenb */
	slli	t0, t0, 3
	.4byte	0xe2850007		/* vl8re8.v v0, (a0) */
	add	a0, a0, t0
	.4byte	0xe2850407		/* vl8re8.v v8, (a0) */
	add	a0, a0, t0
	.4byte	0xe2850807		/* vl8re8.v v16, (a0) */
	add	a0, a0, t0
	.4byte	0xe2850c07		/* vl8re8.v v24, (a0) */
	csrw	0x00f, a3		/* vcsr */
	.4byte	0x80c5f057		/* vsetvl x0, a1, a2 */
	ret

/* void vector_store(u8 *registers, u64 csrs[3]); csrs = vl, vtype, vcsr */
	.globl	vector_store
vector_store:
	csrr	t0, 0xc20		/* vl */
	csrr	t1, 0xc21		/* vtype */
	csrr	t2, 0x00f		/* vcsr */
	sd	t0, 0(a1)
	sd	t1, 8(a1)
	sd	t2, 16(a1)
	csrr	t0, 0xc22
	slli	t0, t0, 3
	.4byte	0x02850027 | 7 << 29	/* vs8r.v v0, (a0) */
	add	a0, a0, t0
	.4byte	0x02850427 | 7 << 29	/* vs8r.v v8, (a0) */
	add	a0, a0, t0
	.4byte	0x02850827 | 7 << 29	/* vs8r.v v16, (a0) */
	add	a0, a0, t0
	.4byte	0x02850c27 | 7 << 29	/* vs8r.v v24, (a0) */
	ret
