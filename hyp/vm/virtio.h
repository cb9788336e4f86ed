/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio devices of a VM: which it has, and how they reach it. */
#ifndef DOPPEL_VM_VIRTIO_H
#define DOPPEL_VM_VIRTIO_H

#include "vm/vm.h"

/* Where the guest finds the device in a slot: the first eight as on QEMU's virt. */
#define VM_VIRTIO_BASE	     0x10001000UL
#define VM_VIRTIO_ADDR(slot) (VM_VIRTIO_BASE + VIRTIO_MMIO_SIZE * (slot))
#define VM_VIRTIO_IRQ(slot)  ((slot) < 8 ? 1U + (slot) : 5U + (slot)) /* 1 to 8, 13 to 28 */

/* Makes the devices of the description and puts them on the bus. NULL, or a sentence for the user.
 */
const char *vm_virtio_create(struct vm *vm);

/* Power-on state of all. False: requests are in flight, call again. No lock held. */
bool vm_virtio_reset(struct vm *vm);

/* The same, waiting as long as it takes; at most 10 s: false, then. The monitor's hart. */
bool vm_virtio_wait_until_reset(struct vm *vm);

/* The VM's console has input, or takes output again. No lock held. */
void vm_virtio_console_ready(struct vm *vm);

/* A vCPU is off: what devices have asked of it is another's to do. The VM's lock is held. */
void vm_virtio_pass_on(struct vm *vm);

/* Gives them back; they are reset. */
void vm_virtio_destroy(struct vm *vm);

/* The device of that name (its node's), or NULL. */
struct virtio_device *vm_virtio_find(struct vm *vm, const char *name);

#endif
