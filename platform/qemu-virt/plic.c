/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's own PLIC (RISC-V PLIC specification 1.0.0). Guests see hyp/vplic instead. */
#include "platform/qemu-virt/plic.h"
#include "riscv/io.h"

#define PRIORITY(source)	(base + 4UL * (source))
#define ENABLE(context, source) (base + 0x2000 + 0x80UL * (context) + (source) / 32 * 4)
#define THRESHOLD(context)	(base + 0x200000 + 0x1000UL * (context))
#define CLAIM_COMPLETE(context) (THRESHOLD(context) + 4)

static u64 base;

void plic_init(hpa_t controller)
{
	base = controller.v;
}

void plic_enable(unsigned context, unsigned source)
{
	u64 enable = ENABLE(context, source);

	io_write32(PRIORITY(source), 1);
	io_write32(enable, io_read32(enable) | (u32)BIT(source % 32));
	io_write32(THRESHOLD(context), 0);
}

void plic_disable(unsigned context, unsigned source)
{
	u64 enable = ENABLE(context, source);

	io_write32(enable, io_read32(enable) & ~(u32)BIT(source % 32));
}

unsigned plic_claim(unsigned context)
{
	return io_read32(CLAIM_COMPLETE(context));
}

void plic_complete(unsigned context, unsigned source)
{
	io_write32(CLAIM_COMPLETE(context), source);
}
