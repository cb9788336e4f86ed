/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of device registers that a guest reads without an exit: mapped read-only where the device
 * is. A store to them is a guest page fault like any other, and comes to the device.
 *
 * Only whole pages can be mapped, so all registers of one must be free of side effects on reading,
 * and the device must write each new value there as it changes.
 */
#ifndef DOPPEL_VM_REGISTERS_H
#define DOPPEL_VM_REGISTERS_H

#include "vm/vm.h"

/*
 * Makes and maps `size` bytes of cleared registers at gpa, a power of two of pages. NULL: the
 * hypervisor's own memory is used up. Before the VM runs.
 */
u32 *registers_create(struct vm *vm, gpa_t gpa, u64 size);

/*
 * Shows the contexts of the VM's PLIC that are idle, as at first all are. False: no memory. Then
 * registers_set_idle() follows what becomes of them, with the lock of the VM held; before the
 * vCPU, if it is not idle any more, is told of its interrupt.
 *
 * A vCPU whose context is not idle is told at once, and fences before it goes on. Another vCPU of
 * the VM that reads that context, which is not its own, may find it idle until its own next fence.
 */
bool registers_show_idle(struct vm *vm);
void registers_set_idle(struct vm *vm, unsigned vcpu, bool is_idle);

/* Gives back what registers_create() returned; NULL is fine. The VM's vCPUs will not run again. */
void registers_destroy(u32 *registers, u64 size);

#endif
