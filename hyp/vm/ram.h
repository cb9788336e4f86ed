/* SPDX-License-Identifier: BSD-2-Clause */
/* RAM that a guest gives back while it runs, and that comes back when it is touched. */
#ifndef DOPPEL_VM_RAM_H
#define DOPPEL_VM_RAM_H

#include "virtio/balloon.h"
#include "vm/vm.h"

/* Bytes that may come back for devices, and be cleared, before others may have the hart. */
#define VM_RAM_BACK_PER_TURN MIB(16)

/* Once, for a VM with a balloon, before it runs. False: no memory. */
bool vm_ram_allow_holes(struct vm *vm);

/*
 * The guest does not need these bytes (whole granules of 2 MiB) now: their RAM goes to the pool as
 * soon as no hart can reach it any more. What devices use, stays. Returns how many bytes will
 * leave.
 */
u64 vm_ram_release(struct vm *vm, gpa_t gpa, u64 size);

/* After a batch of those: harts are told. */
void vm_ram_flush(struct vm *vm);

/* Gives what nobody can reach any more to the pool. False: some is left; come again. */
bool vm_ram_collect(struct vm *vm);

enum vm_ram_fault {
	RAM_NOT_THERE, /* no RAM of this guest, or one that is no hole */
	RAM_IS_BACK,
	RAM_IS_SHORT, /* the machine has none left now */
};

/* The guest touched an address that is not mapped. On the vCPU's hart. */
enum vm_ram_fault vm_ram_fault(struct vm *vm, gpa_t gpa);

/*
 * The VM needs RAM that it gave back, and the machine has none: the vCPU tries again in a later
 * turn, in which others may have given some. False: it has for 10 s; the VM is killed, with a
 * reason. vm_ram_is_back(): it has got it.
 */
bool vm_ram_wait(struct vm *vm);
void vm_ram_is_back(struct vm *vm);

/* For the VM's balloon; its ctx is the struct vm. */
extern const struct virtio_balloon_ops vm_ram_balloon_ops;

#endif
