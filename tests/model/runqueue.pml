/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The run queue: sched_pick(), offer(), sched_yield() and work besides vCPUs, hyp/vcpu/sched.c and
 * hyp/run/run.c. What is done with the scheduler's lock held is one step here: atomic { }. Which of
 * several vCPUs is the best is left open, and so is the hart that an offer goes to: any choice must
 * be right. Interrupts wait until their hart looks (ipi); WFI ends when one waits.
 *
 * Vcpu 2 is pinned to hart 0, which also has the work. Work may last for ever.
 *
 * Checked: a vCPU is on one hart at most. When nothing moves any more but slices, each vCPU that
 * waits may run on a hart that will look for others at the end of a slice (contended), unless all
 * of its harts are at work: none waits for ever beside a hart that sleeps. Work that was asked for
 * has been begun. Each of these switches removes a protection, and makes the
 * check fail:
 *
 *   NO_LOCK         finding the best vCPU and taking it are two steps
 *   IDLE_LATE       the hart notes that it idles after it has given back the lock
 *   WFI_FORGETS     an interrupt that comes before the WFI does not end it
 *   NO_ANNOUNCE     harts are not told that others wait
 *   NO_PASS_ON      who turns to work keeps what it was offered
 *   WORK_AFTER_KICK the kick comes before the flag has_work
 */
#define HARTS 2
#define VCPUS 3
#define NONE  9

#define MAY_RUN(v, h) ((v) != 2 || (h) == 0)

mtype = { RUNNABLE, RUNNING, BLOCKED };
mtype state[VCPUS];

byte running[HARTS]; /* hart->running */
bit idle[HARTS], contended[HARTS], ipi[HARTS];
bit has_work, at_work, work_may_end;

/* What may still happen; small, so that everything comes to rest. */
byte wakes = 2, works = 1, sleeps = 1, turns = 1;

#define IDLE_FOR(v, h) (idle[h] && MAY_RUN(v, h))
#define WAITS(v)       (state[v] == RUNNABLE)
#define ANY_IDLE_FOR(v) (IDLE_FOR(v, 0) || IDLE_FOR(v, 1))
#define WAITS_FOR(v, h) (WAITS(v) && MAY_RUN(v, h))
#define ANY_WAITS_FOR(h) (WAITS_FOR(0, h) || WAITS_FOR(1, h) || WAITS_FOR(2, h))

inline tell(v, h)
{
	if
	:: MAY_RUN(v, h) && !contended[h] ->
		contended[h] = 1;
		ipi[h] = 1
	:: else
	fi
}

/* me: the hart that does it, NONE for one that is not modelled. */
inline wake_idle(h, me)
{
	idle[h] = 0;
	if
	:: h != me -> ipi[h] = 1
	:: else
	fi
}

inline offer(v, me)
{
	if
	:: IDLE_FOR(v, 0) -> wake_idle(0, me)
	:: IDLE_FOR(v, 1) -> wake_idle(1, me)
	:: !ANY_IDLE_FOR(v) ->
#ifndef NO_ANNOUNCE
		tell(v, 0);
		tell(v, 1);
#endif
		skip
	fi
}

inline offer_if_waiting(v, me)
{
	if
	:: WAITS(v) -> offer(v, me)
	:: else
	fi
}

inline wake(v, me)
{
	if
	:: state[v] == BLOCKED ->
		state[v] = RUNNABLE;
		offer(v, me)
	:: else
	fi
}

inline wake_any(me)
{
	wakes--;
	if
	:: true -> wake(0, me)
	:: true -> wake(1, me)
	:: true -> wake(2, me)
	fi
}

/* The timer and the IPIs of harts that are not modelled; and guests need not sleep. */
proctype wakers()
{
end:
	do
	:: atomic { wakes > 0 -> wake_any(NONE) }
	:: atomic { sleeps > 0 -> sleeps-- }
	od
}

/* run_request_work(), on another hart than the one that has the work. */
proctype work_requests()
{
	bit had_work;

end:
	do
	:: works > 0 ->
		works--;
#ifdef WORK_AFTER_KICK
		ipi[0] = 1;
		has_work = 1
#else
		atomic { had_work = has_work; has_work = 1 };
		if
		:: !had_work -> ipi[0] = 1
		:: else
		fi;
		had_work = 0
#endif
	od
}

inline take(v, me)
{
	assert(state[v] == RUNNABLE);
	state[v] = RUNNING;
	mine = v;
	running[me] = v;
	contended[me] = ANY_WAITS_FOR(me)
}

inline pick(me)
{
#ifdef NO_LOCK
	if
	:: WAITS_FOR(0, me) -> mine = 0
	:: WAITS_FOR(1, me) -> mine = 1
	:: WAITS_FOR(2, me) -> mine = 2
	:: !ANY_WAITS_FOR(me) -> idle[me] = 1
	fi;
	if
	:: mine != NONE -> atomic { take(mine, me) }
	:: else
	fi
#else
	atomic {
		if
		:: WAITS_FOR(0, me) -> take(0, me)
		:: WAITS_FOR(1, me) -> take(1, me)
		:: WAITS_FOR(2, me) -> take(2, me)
		:: !ANY_WAITS_FOR(me)
		fi;
#ifndef IDLE_LATE
		idle[me] = (mine == NONE)
#endif
	};
#ifdef IDLE_LATE
	idle[me] = (mine == NONE)
#endif
#endif
}

/* WFI, then interrupts_handle_pending(): a timer may wake a vCPU, the terminal may have work. */
inline sleep(me)
{
#ifdef WFI_FORGETS
	ipi[me] = 0;
#else
	skip;
#endif
end_wfi:
	atomic { ipi[me] -> ipi[me] = 0 };
	if
	:: atomic { wakes > 0 -> wake_any(me) }
	:: atomic { me == 0 && works > 0 -> works--; has_work = 1 }
	:: skip
	fi
}

inline stop_idling(me)
{
	atomic {
		idle[me] = 0;
#ifndef NO_PASS_ON
		offer_if_waiting(0, me);
		offer_if_waiting(1, me);
		offer_if_waiting(2, me)
#endif
	}
}

#define HAS_WORK(me) ((me) == 0 && has_work)

inline leave(me, new_state)
{
	running[me] = NONE;
	state[mine] = new_state;
	if
	:: new_state == RUNNABLE -> offer(mine, me)
	:: else
	fi;
	mine = NONE
}

proctype run_hart(byte me)
{
	byte mine = NONE; /* the vCPU on this hart */

end:
	do
	/* The guest runs, until it waits, its turn is over, or an interrupt takes it out. */
	:: atomic { mine != NONE && sleeps > 0 -> sleeps--; leave(me, BLOCKED) }
	:: atomic { mine != NONE && contended[me] && turns > 0 -> turns--; leave(me, RUNNABLE) }
	:: atomic { mine != NONE && ipi[me] -> ipi[me] = 0 };
		if
		:: atomic { HAS_WORK(me) -> leave(me, RUNNABLE) }
		:: else
		fi
	/* do_work() */
	:: mine == NONE && HAS_WORK(me) ->
		stop_idling(me);
		atomic { has_work = 0; at_work = 1 };
end_work:
		atomic { work_may_end -> work_may_end = 0; at_work = 0 }
	/* sched_pick() */
	:: mine == NONE && !HAS_WORK(me) ->
		pick(me);
		if
		:: mine == NONE && !HAS_WORK(me) -> sleep(me)
		:: else
		fi
	od
}

#define LOOKS(v, h)   (MAY_RUN(v, h) && running[h] != NONE && contended[h])
#define IN_WORK(v, h) (!MAY_RUN(v, h) || ((h) == 0 && at_work))
#define SERVED(v) \
	(!WAITS(v) || LOOKS(v, 0) || LOOKS(v, 1) || (IN_WORK(v, 0) && IN_WORK(v, 1)))

init
{
	byte i;

	atomic {
		for (i : 0 .. VCPUS - 1) {
			state[i] = BLOCKED
		}
		state[0] = RUNNABLE;
		for (i : 0 .. HARTS - 1) {
			running[i] = NONE;
			run run_hart(i)
		}
		i = 0;
		run wakers();
		run work_requests()
	};
	do
	:: timeout ->
		assert(SERVED(0));
		assert(SERVED(1));
		assert(SERVED(2));
		if
		:: at_work -> work_may_end = 1
		:: else ->
			assert(!has_work);
			break
		fi
	od
}
