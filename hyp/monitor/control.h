/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control channel: programs on the host ask what the monitor's commands do, and get JSON
 * (docs/monitor.md). It is a port of the machine's virtio console, behind which QEMU has a socket.
 *
 *     {"execute": "pause", "arguments": {"words": ["web"]}, "id": 7}
 *     {"return": "", "id": 7}
 */
#ifndef DOPPEL_CONTROL_H
#define DOPPEL_CONTROL_H

#define CONTROL_PORT "org.doppel.ctl.0"

/* Boot hart, once. Without such a port there is no control channel. */
void control_init(void);

/* Answers the next request, if there is one. The monitor's work; nothing in it waits. */
void control_work(void);

#endif
