/* SPDX-License-Identifier: BSD-2-Clause */
/* What waits for an interrupt calls a function of the test; there are no device registers. */
#ifndef DOPPEL_FAKE_IO_H
#define DOPPEL_FAKE_IO_H

void wait_for_interrupt(void);

static inline void fence_full(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
