/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's virtio console with several ports (virtio 1.2 section 5.3). Port 0 is a console, hvc0:
 * with the serial port it shares the VM's console: the output of both is shown, what is typed is
 * the serial port's, if the VM has one. The others are streams to ports of the real machine's
 * console, each named VM.PORT there.
 */
#ifndef DOPPEL_VIRTIO_CONSOLE_H
#define DOPPEL_VIRTIO_CONSOLE_H

#include "dev/console.h"
#include "virtio/device.h"

#define VIRTIO_CONSOLE_MAX_PORTS 9U /* port 0 and VM_MAX_PORTS others */

struct virtio_console_setup {
	struct console *console;
	bool reads_console; /* nobody else takes what is typed */
	const char *vm_name;
	const char *const *ports; /* their names */
	unsigned nr_ports;	  /* without port 0: less than VIRTIO_CONSOLE_MAX_PORTS */
};

/*
 * NULL, or a sentence for the user: the machine has no port for one of them, or there is no memory.
 * The console and the strings of the setup stay valid until the device is destroyed. The monitor's
 * hart.
 */
const char *virtio_console_create(const struct virtio_console_setup *setup,
				  struct virtio_device **device);

/* The console has input, or takes output again. No lock of a device held. */
void virtio_console_ready(struct virtio_device *device);

#endif
