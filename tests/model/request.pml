/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to a vCPU that is about to block, or to run: vcpu_request() and sched_notify() against
 * sched_block(), sched_pick() and attend(), hyp/vcpu/sched.c and hyp/run/exit.c.
 *
 * Memory is weak where it matters: a store goes into a buffer of its hart first, and reaches memory
 * some time later, so that loads that follow it in the program may come before it. That is what
 * RVWMO allows and the fences forbid. The atomic OR of a request is buffered likewise: its order is
 * release, so later loads need not wait for it. Taking the lock is atomic; giving it back is a store
 * like any other, behind those of the critical section. Other reorderings are not modelled.
 *
 * Checked: when nothing moves any more, no request is left (lost wake-up); the vCPU is on one hart
 * at most. Each of these switches removes a protection, and makes the check fail:
 *
 *   NO_FENCE_NOTIFY  the fence between request and look at vcpu->hart
 *   NO_FENCE_BLOCK   the fence between vcpu->hart = NULL and the look at requests
 *   NO_FENCE_PICK    the fence between vcpu->hart = hart and the look at requests
 *   NO_FENCE_IPI     the fence between clearing the IPI and the look at requests
 *   NO_LOOK_BLOCK    sched_block() does not look at requests
 *   CLEAR_LATE       the IPI is cleared after requests were looked at
 */
#define NONE	2 /* no hart; else 0 or 1 */
#define HARTS	2
#define SENDERS 2

mtype = { RUNNABLE, RUNNING, BLOCKED };

/* In memory. */
bit requests[SENDERS];
byte on = NONE; /* vcpu->hart */
bit lock;
bit ipi[HARTS];

/* Only touched with the lock held. */
mtype state = RUNNABLE;

byte blocks; /* how often the guest went to sleep */
#define MAX_BLOCKS 3
#define REQUESTED (requests[0] || requests[1])

/* Store buffers: which variable gets which value. Harts 0, 1 run the vCPU, the others send. */
mtype = { REQUEST, ON, LOCK, IPI };
#define BUFFERS (HARTS + SENDERS)
chan buffer[BUFFERS] = [4] of { mtype, byte };

proctype memory(byte hart)
{
	mtype what;
	byte value;

end:
	do
	:: atomic {
		buffer[hart]?what(value) ->
		if
		:: what == REQUEST -> requests[hart - HARTS] = 1
		:: what == ON -> on = value
		:: what == LOCK -> lock = 0
		:: what == IPI -> ipi[hart] = 0
		fi;
		what = 0;
		value = 0
	}
	od
}

#define fence() empty(buffer[me])

inline spin_lock() { atomic { lock == 0 -> lock = 1 } }
inline spin_unlock() { buffer[me]!LOCK(0) }

/* vcpu_request(): twice, so that the second may meet the answer to the first. */
proctype sender(byte me)
{
	byte seen, times;

	do
	:: times < 2 ->
		times++;
		buffer[me]!REQUEST(1);
#ifndef NO_FENCE_NOTIFY
		fence();
#endif
		seen = on;
		if
		:: seen != NONE -> ipi[seen] = 1
		:: else
		fi;
		seen = on;
		if
		:: seen == NONE ->
			spin_lock();
			if
			:: state == BLOCKED -> state = RUNNABLE
			:: else
			fi;
			spin_unlock()
		:: else
		fi;
		seen = 0
	:: else -> break
	od
}

/* attend(): an atomic exchange. */
inline take_requests() { d_step { requests[0] = 0; requests[1] = 0 } }

inline handle_ipi()
{
#ifdef CLEAR_LATE
	take_requests();
	ipi[me] = 0;
#else
	buffer[me]!IPI(0);
#ifndef NO_FENCE_IPI
	fence();
#endif
	take_requests();
#endif
}


proctype run_hart(byte me)
{
end:
	do
	:: /* sched_pick() */
		atomic { lock == 0 && state == RUNNABLE -> lock = 1 };
		state = RUNNING;
		assert(on == NONE); /* the last hart's store is behind its unlock */
		buffer[me]!ON(me);
		spin_unlock();
#ifndef NO_FENCE_PICK
		fence();
#endif
		take_requests();
		/* The guest runs, until it waits for an interrupt, or its turn is over. */
end_guest:
		do
		:: ipi[me] -> handle_ipi()
		:: atomic { blocks < MAX_BLOCKS -> blocks++ };
			/* sched_block() */
			spin_lock();
			state = BLOCKED;
			buffer[me]!ON(NONE);
#ifndef NO_FENCE_BLOCK
			fence();
#endif
#ifndef NO_LOOK_BLOCK
			if
			:: REQUESTED -> state = RUNNABLE
			:: else
			fi;
#endif
			spin_unlock();
			break
		:: atomic { blocks < MAX_BLOCKS -> blocks++ };
			/* sched_yield() */
			spin_lock();
			state = RUNNABLE;
			buffer[me]!ON(NONE);
			spin_unlock();
			break
		od
	:: ipi[me] -> ipi[me] = 0 /* it came when the vCPU had gone: the idle loop takes it */
	od
}

init
{
	atomic {
		run memory(0);
		run memory(1);
		run memory(2);
		run memory(3);
		run run_hart(0);
		run run_hart(1);
		run sender(2);
		run sender(3)
	};
	timeout -> assert(!REQUESTED)
}
