/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pause, resume, a look inside, reset and kill by the operator, against a guest that blocks, yields
 * and reboots by itself: hyp/vm/life.c with sched_hold(), sched_hold_waiting(), sched_unhold(),
 * sched_stop_waiting() of hyp/vcpu/sched.c and the run loop of hyp/run/. A vCPU with a
 * sibling, the monitor's hart, another hart. What is done with the scheduler's lock held is one step; the lock
 * of the VM is explicit. Memory is sequentially consistent: request.pml is about its order.
 *
 * Checked: the vCPU is not loaded while the operator looks inside; no run is ended that nobody
 * asked to end; every verb returns; and at rest, state of the VM, vm->held and state of the vCPU
 * agree. Each of these switches removes a protection, and makes the check fail:
 *
 *   NO_RECHECK_HELD sched_hold() does not look at vm->held again
 *   NO_RECHECK_STOP sched_hold() does not look for REQUEST_STOP again
 *   NO_WAKE_HELD    REQUEST_STOP does not wake a vCPU that is held
 *   HOLD_BLINDLY    sched_hold_waiting() does not look at vm->held
 *   HOLD_STOPPED    sched_hold_waiting() does not look for REQUEST_STOP
 *   HELD_LATE       vm_pause() sets vm->held after it has given back the VM's lock
 *   ASK_LATE        end_now() asks to stop after it has given back the VM's lock
 *   TAKE_ANY_RUN    end_now() takes a vCPU out without looking whose run it is
 *   TAKE_ONCE       end_now() looks for a waiting vCPU only once
 */
mtype = { OFF, RUNNABLE, RUNNING, BLOCKED, HELD };   /* of the vCPU; OFF, RUNNING of the VM, too */
mtype = { PAUSED };
mtype = { GOES_ON, REBOOT, ENDED };		      /* vm->end */
mtype = { YIELDS, WAITS, IS_HELD, IS_OFF };	      /* enum fate */

mtype vm_state = RUNNING, end_of_run = GOES_ON;
mtype state = RUNNABLE;
bit vm_lock, held_paused, held_to_look;
bit on_hart, ipi, stop, look; /* vcpu->hart; requests */
bit loaded, is_looking, is_pinned; /* to the monitor's hart, which is busy here */
byte ends, live = 2;

#define IS_HELD_NOW (held_paused || held_to_look)
#if defined(HOLD_BLINDLY)
#define MAY_HOLD    !stop
#elif defined(HOLD_STOPPED)
#define MAY_HOLD    IS_HELD_NOW
#else
#define MAY_HOLD    (IS_HELD_NOW && !stop)
#endif
#define WAITING	    (state == RUNNABLE || state == BLOCKED || state == HELD)

byte verbs = 3, blocks = 1, yields = 1, reboots = 1, kills = 1;

inline lock_vm() { atomic { vm_lock == 0 -> vm_lock = 1 } }
inline unlock_vm() { vm_lock = 0 }

/* vcpu_request(): the bit is set before. */
inline notify()
{
	if
	:: on_hart -> ipi = 1
	:: else ->
		atomic {
			if
#ifdef NO_WAKE_HELD
			:: state == BLOCKED -> state = RUNNABLE
#else
			:: state == BLOCKED || (state == HELD && stop) -> state = RUNNABLE
#endif
			:: else
			fi
		}
	fi
}

/* Lock of the VM held. */
inline power_on()
{
	d_step { stop = 0; look = 0; end_of_run = GOES_ON; vm_state = RUNNING };
	held_paused = 0;
	live++;
	state = RUNNABLE
}

/* vm_vcpu_is_off() and vm_finish() */
inline is_off()
{
	lock_vm();
	live--;
	was_last = (live == 0);
	assert(!was_last || end_of_run != GOES_ON); /* else: "the guest stopped its last hart" */
	unlock_vm();
	if
	:: was_last ->
		lock_vm();
		if
		:: end_of_run == REBOOT -> power_on()
		:: else -> d_step { held_paused = 0; vm_state = OFF }
		fi;
		ends++;
		unlock_vm()
	:: else
	fi;
	was_last = 0
}

proctype run_hart()
{
	mtype fate;
	bit was_last;

end:
	do
	:: atomic { state == RUNNABLE && !is_pinned -> state = RUNNING; on_hart = 1 };
		fate = 0;
		if
		:: stop -> fate = IS_OFF
		:: else ->
			if
			:: IS_HELD_NOW -> fate = IS_HELD
			:: else -> assert(!is_looking); loaded = 1; ipi = 1 /* attend() */
			fi
		fi;
end_guest:
		do
		:: fate != 0 -> break
		:: atomic { fate == 0 && ipi -> ipi = 0 };
			atomic {
				look = 0;
				if
				:: stop -> stop = 0; fate = IS_OFF
				:: else
				fi
			};
			if
			:: fate == 0 && IS_HELD_NOW -> fate = IS_HELD
			:: fate == 0 && !IS_HELD_NOW && is_pinned -> fate = YIELDS
			:: else
			fi
		:: atomic { fate == 0 && blocks > 0 -> blocks--; fate = WAITS }
		:: atomic { fate == 0 && yields > 0 -> yields--; fate = YIELDS }
		:: atomic { fate == 0 && reboots > 0 -> reboots-- };
			lock_vm();
			if
			:: end_of_run == GOES_ON -> end_of_run = REBOOT
			:: else
			fi;
			unlock_vm();
			stop = 1;
			fate = IS_OFF
		od;
		loaded = 0;
		if
		:: fate == YIELDS -> atomic { state = RUNNABLE; on_hart = 0 }
		:: fate == WAITS ->
			atomic {
				state = BLOCKED;
				on_hart = 0;
				if
				:: stop || look -> state = RUNNABLE
				:: else
				fi
			}
		:: fate == IS_HELD ->
			atomic {
				state = HELD;
				on_hart = 0;
				if
#ifndef NO_RECHECK_STOP
				:: stop -> state = RUNNABLE
#endif
#ifndef NO_RECHECK_HELD
				:: !IS_HELD_NOW -> state = RUNNABLE
#endif
				:: else
				fi
			}
		:: fate == IS_OFF ->
			atomic { state = OFF; on_hart = 0 };
			is_off()
		fi
	od
}

inline wait_until_held()
{
	atomic {
		if
		:: WAITING && MAY_HOLD -> state = HELD; done = 1
		:: else -> done = 0
		fi
	};
	if
	:: !done ->
		look = 1;
		notify()
	:: else
	fi;
	!IS_HELD_NOW || !on_hart
}

inline unhold()
{
	atomic {
		if
		:: state == HELD && !IS_HELD_NOW -> state = RUNNABLE
		:: else
		fi
	}
}

inline pause()
{
	lock_vm();
	done = (vm_state == RUNNING);
	if
	:: done ->
		vm_state = PAUSED;
#ifndef HELD_LATE
		held_paused = 1;
#endif
		unlock_vm();
#ifdef HELD_LATE
		held_paused = 1;
#endif
		wait_until_held()
	:: else -> unlock_vm()
	fi
}

inline resume()
{
	lock_vm();
	done = (vm_state == PAUSED);
	if
	:: done -> vm_state = RUNNING
	:: else
	fi;
	unlock_vm();
	if
	:: done ->
		held_paused = 0;
		unhold()
	:: else
	fi
}

inline look_inside()
{
	held_to_look = 1;
	wait_until_held();
	is_looking = 1;
	assert(!loaded);
	is_looking = 0;
	held_to_look = 0;
	unhold()
}

inline ask_to_stop()
{
	stop = 1;
	notify()
}

inline take_out()
{
	lock_vm();
	atomic {
		done = 0;
		if
#ifdef TAKE_ANY_RUN
		:: WAITING -> state = OFF; done = 1
#else
		:: WAITING && ends == before -> state = OFF; done = 1
#endif
		:: else
		fi
	};
	unlock_vm();
	if
	:: done -> is_off()
	:: else
	fi
}

inline end_now(how)
{
	lock_vm();
	before = ends;
	done = (vm_state == RUNNING || vm_state == PAUSED);
	if
	:: done && (end_of_run == GOES_ON || end_of_run == REBOOT) -> end_of_run = how
	:: else
	fi;
#ifdef ASK_LATE
	unlock_vm();
#endif
	if
	:: done -> ask_to_stop()
	:: else
	fi;
#ifndef ASK_LATE
	unlock_vm();
#endif
	if
	:: done ->
#ifdef TAKE_ONCE
		take_out();
		ends != before
#else
		do
		:: ends != before -> break
		:: ends == before && WAITING -> take_out()
		od
#endif
	:: else
	fi
}

inline start()
{
	lock_vm();
	if
	:: vm_state == OFF -> power_on()
	:: else
	fi;
	unlock_vm()
}

/*
 * The other vCPU of the first run, which nobody holds any more: it is on its way out, and may be the
 * one whose fault ends the VM.
 */
proctype sibling()
{
	bit was_last;

end:
	if
	:: atomic { kills > 0 -> kills-- };
		lock_vm();
		if
		:: end_of_run == GOES_ON -> end_of_run = ENDED
		:: else
		fi;
		unlock_vm();
		ask_to_stop()
	:: end_of_run != GOES_ON
	fi;
	is_off()
}

proctype monitor()
{
	bit done, was_last;
	byte before;

	do
	:: verbs > 0 ->
		verbs--;
		if
		:: true -> pause()
		:: true -> resume()
		:: true -> look_inside()
		:: true -> end_now(REBOOT)
		:: true -> end_now(ENDED)
		:: true -> start()
		:: true -> is_pinned = 1; ipi = on_hart
		:: true -> skip
		fi;
		atomic { done = 0; before = 0 }
	:: else -> break
	od;
	is_pinned = 0 /* its hart runs vCPUs again */
}

init
{
	atomic {
		run run_hart();
		run sibling();
		run monitor()
	};
	timeout ->
	assert(!stop || vm_state == OFF);
	assert(!held_to_look);
	assert(held_paused == (vm_state == PAUSED));
	assert((state == OFF) == (vm_state == OFF));
	assert((state == HELD) == (vm_state == PAUSED));
	assert(state != RUNNABLE)
}
