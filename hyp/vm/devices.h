/* SPDX-License-Identifier: BSD-2-Clause */
/* The devices of a VM, and what connects them with it. */
#ifndef DOPPEL_VM_DEVICES_H
#define DOPPEL_VM_DEVICES_H

#include "vm/vm.h"

/* Makes those that the description names, and puts them onto the bus. NULL, or a sentence for the
 * user. */
const char *devices_create(struct vm *vm);

/* To their reset state. Lock of the VM held. */
void devices_reset(struct vm *vm);

/* Stops what they have started outside of the VM, and shows its last output: its guest has ended.
 */
void devices_stop(struct vm *vm);

/* Gives back what they hold. */
void devices_destroy(struct vm *vm);

#endif
