/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hart whose satp points where no memory is cannot fetch its trap handler either: it takes access
 * faults for ever. So does one that was started in a page of zeros. The first hart goes on.
 */
#include "console.h"
#include "fdt.h"
#include "sbi.h"

static volatile u64 arrived;

static void jump_into_the_void(u64 satp)
{
	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	csr_write(satp, satp);
	sfence_vma();
	print("BAD a root outside memory works\n");
}

static u8 zeros[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

void guest_main(void)
{
	u64 start, base, size;
	bool good = true;

	scenario_begin("satp-nowhere");
	fdt_memory(boot_fdt, &base, &size);
	check_equal("start with a bad root",
		    (u64)hart_start(hart_nth(1), jump_into_the_void,
				    SATP_MODE_SV39 << SATP_MODE_SHIFT | (base + size) >> 12),
		    0);
	check_equal("start in a page of zeros",
		    (u64)sbi_call3(SBI_EXT_HSM, SBI_HSM_START, hart_nth(2), (u64)zeros, 0).error,
		    0);
	check(wait_word(&arrived, 1), "the root was written");
	start = rdtime();
	while (rdtime() - start < 1000000)
		if (csr_read(sip) & SIP_SSIP)
			good = false;
	check(good, "100 ms later all is well here");
	check_equal("the first is still started", (u64)hart_status(hart_nth(1)), SBI_HSM_STARTED);
	check_equal("so is the second", (u64)hart_status(hart_nth(2)), SBI_HSM_STARTED);
	check_equal("IPIs reach them", (u64)sbi_call2(SBI_EXT_IPI, SBI_IPI_SEND, 0, -1UL).error, 0);
	check_equal("fences reach them",
		    (u64)sbi_call4(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 0, -1UL, 0, 0).error, 0);
	scenario_end();
}
