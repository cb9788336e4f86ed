/* SPDX-License-Identifier: BSD-2-Clause */
/* Access to guest virtual addresses: HLV and HLVX. */
#include "vcpu/guest_access.h"
#include "core/probe.h"
#include "riscv/csr.h"
#include "riscv/insn.h"

/*
 * A trap in the hypervisor has cleared hstatus.SPV, and the return from it sstatus.SPP: they no
 * longer say where the guest is to be resumed. SPVP has not changed: it is the guest's privilege.
 */
static void restore_return_mode(void)
{
	csr_set(CSR_HSTATUS, HSTATUS_SPV);
	if (csr_read(CSR_HSTATUS) & HSTATUS_SPVP)
		csr_set(CSR_SSTATUS, SSTATUS_SPP);
	else
		csr_clear(CSR_SSTATUS, SSTATUS_SPP);
}

/*
 * A guest page fault is reported as cause 21, but QEMU 10 raises 12 for HLVX; htval, which only a
 * guest page fault sets, tells them apart.
 */
static enum guest_access_result classify(u64 cause)
{
	restore_return_mode();
	if (cause == CAUSE_FETCH_PAGE_FAULT || cause == CAUSE_LOAD_PAGE_FAULT)
		return csr_read(CSR_HTVAL) ? ACCESS_HOST_FAULT : ACCESS_GUEST_FAULT;
	return ACCESS_HOST_FAULT;
}

#define NO_FAULT UINT64_MAX

/*
 * HLVX.HU: reads 16 bits that the guest may execute. Returns the cause of a fault, or NO_FAULT.
 * QEMU 7.2 asks for the right to read instead; MXR makes that one follow from the right to execute.
 */
static u64 hlvx_hu(u64 gva, u64 *value)
{
	u64 cause = NO_FAULT, result = 0;

	csr_set(CSR_SSTATUS, SSTATUS_MXR);
	__asm__ volatile("1: .insn r 0x73, 4, 0x32, %1, %2, x3\n"
			 "j 3f\n"
			 "2: csrr %0, scause\n"
			 "3:\n" EXCEPTION_ENTRY(1b, 2b)
			 : "+r"(cause), "=&r"(result)
			 : "r"(gva)
			 : "memory");
	csr_clear(CSR_SSTATUS, SSTATUS_MXR);
	*value = result;
	return cause;
}

/* HLV.D */
static u64 hlv_d(u64 gva, u64 *value)
{
	u64 cause = NO_FAULT, result = 0;

	__asm__ volatile("1: .insn r 0x73, 4, 0x36, %1, %2, x0\n"
			 "j 3f\n"
			 "2: csrr %0, scause\n"
			 "3:\n" EXCEPTION_ENTRY(1b, 2b)
			 : "+r"(cause), "=&r"(result)
			 : "r"(gva)
			 : "memory");
	*value = result;
	return cause;
}

enum guest_access_result guest_fetch(gva_t pc, u32 *insn)
{
	u64 low, high = 0, cause = hlvx_hu(pc.v, &low);

	/* The second half may lie in another page: it is fetched by itself. */
	if (cause == NO_FAULT && !insn_is_compressed((u32)low))
		cause = hlvx_hu(pc.v + 2, &high);
	if (unlikely(cause != NO_FAULT))
		return classify(cause);
	*insn = (u32)(high << 16 | low);
	return ACCESS_OK;
}

enum guest_access_result guest_load_u64(gva_t gva, u64 *value)
{
	u64 cause = hlv_d(gva.v, value);

	return likely(cause == NO_FAULT) ? ACCESS_OK : classify(cause);
}
