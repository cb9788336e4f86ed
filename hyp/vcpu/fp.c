/* SPDX-License-Identifier: BSD-2-Clause */
/* Floating-point and vector state, switched lazily. */
#include "vcpu/fp.h"
#include "lib/string.h"
#include "mem/page.h"
#include "platform/qemu-virt/machine.h"
#include "riscv/csr.h"
#include "vcpu/vcpu.h"

/* vcpu/fp_regs.S and vcpu/vector_regs.S */
void fp_regs_save(u64 f[32], u64 *fcsr);
void fp_regs_load(const u64 f[32], const u64 *fcsr);
void vector_regs_save(void *v, u64 csrs[4]);
void vector_regs_load(const void *v, const u64 csrs[4]);
u64 vector_read_vlenb(void);

u64 fp_vlenb;

void fp_probe(void)
{
	if (!isa_has(machine.isa, "v") && !isa_has(machine.isa, "zve32x"))
		return;
	csr_set(CSR_SSTATUS, SSTATUS_VS);
	fp_vlenb = vector_read_vlenb();
	csr_clear(CSR_SSTATUS, SSTATUS_VS);
}

bool fp_init(struct fp_state *fp)
{
	memset(fp, 0, sizeof(*fp));
	if (!fp_vlenb)
		return true;
	fp->v = page_alloc(page_order(32 * fp_vlenb));
	return fp->v != NULL;
}

void fp_destroy(struct fp_state *fp)
{
	if (fp->v)
		page_free(fp->v, page_order(32 * fp_vlenb));
	fp->v = NULL;
}

void fp_reset(struct fp_state *fp)
{
	void *v = fp->v;

	memset(fp, 0, sizeof(*fp));
	fp->v = v;
	if (v)
		memset(v, 0, 32 * fp_vlenb);
	fp->v_csrs[3] = 1UL << 63; /* vtype: vill: no type has been set (V section 3.4) */
}

/* The state must be in place before the guest can see it. */
static void load_fp(struct fp_state *fp)
{
	csr_set(CSR_SSTATUS, SSTATUS_FS);
	fp_regs_load(fp->f, &fp->fcsr);
	fp->fp_is_loaded = true;
}

static void load_vector(struct fp_state *fp)
{
	csr_set(CSR_SSTATUS, SSTATUS_VS);
	vector_regs_load(fp->v, fp->v_csrs);
	fp->v_is_loaded = true;
}

bool fp_load_on_demand(struct vcpu *vcpu)
{
	struct fp_state *fp = &vcpu->fp;
	u64 guest = csr_read(CSR_VSSTATUS);
	bool loaded = false;

	if (vcpu->features->has_fp && !fp->fp_is_loaded && (guest & SSTATUS_FS)) {
		load_fp(fp);
		loaded = true;
	}
	if (fp->v && !fp->v_is_loaded && (guest & SSTATUS_VS)) {
		load_vector(fp);
		loaded = true;
	}
	vcpu->stats.fp_loads += loaded;
	return loaded;
}

/*
 * Saved whether sstatus says Dirty or not: neither QEMU 7.2 nor 10 makes it Dirty when a guest
 * writes fcsr, and nothing but the hart's own sstatus is ours to believe.
 */
void fp_unload(struct vcpu *vcpu)
{
	struct fp_state *fp = &vcpu->fp;

	if (fp->fp_is_loaded)
		fp_regs_save(fp->f, &fp->fcsr);
	if (fp->v_is_loaded)
		vector_regs_save(fp->v, fp->v_csrs);
	fp->fp_is_loaded = fp->v_is_loaded = false;
	csr_clear(CSR_SSTATUS, SSTATUS_FS | SSTATUS_VS);
}
