/* SPDX-License-Identifier: BSD-2-Clause */
/* SiFive's test device: one register that ends or restarts the machine. */
#include "dev/syscon.h"

static void write_register(const struct syscon *syscon, u32 value)
{
	switch (value & 0xffff) {
	case SYSCON_PASS: syscon->ops->poweroff(syscon->ctx, false, 0); break;
	case SYSCON_FAIL: syscon->ops->poweroff(syscon->ctx, true, (u16)(value >> 16)); break;
	case SYSCON_RESET: syscon->ops->reset(syscon->ctx); break;
	default: break;
	}
}

bool syscon_mmio(void *syscon, struct mmio_access *access)
{
	if (access->len != 2 && access->len != 4)
		return false;
	if (!access->is_write)
		access->value = 0;
	else if (access->offset == 0)
		write_register(syscon, (u32)access->value);
	return true;
}

void syscon_init(struct syscon *syscon, const struct syscon_ops *ops, void *ctx)
{
	syscon->ops = ops;
	syscon->ctx = ctx;
}
