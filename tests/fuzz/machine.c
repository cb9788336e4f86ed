/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine that a device under test lives in. */
#include "machine.h"
#include "core/log.h"
#include "core/timer.h"
#include "harness.h"
#include "mem/page.h"
#include "mem/ram_pool.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * --- The machine's RAM
 *
 * Pieces of a few granules, between which there is nothing. The sanitizer watches what nobody has
 * taken: what uses RAM that has left, or more of it than is there, is seen.
 */

#define POOL_START  0x10000000UL /* granules have numbers of 32 bits */
#define POOL_PIECE  (3 * RAM_GRANULE)
#define POOL_STEP   (4 * RAM_GRANULE)
#define POOL_PIECES 12U
#define NR_GRANULES (FUZZ_RAM_SIZE / RAM_GRANULE)
#define MAX_HOGGED  (POOL_PIECES * POOL_PIECE / RAM_GRANULE)

static struct ram_piece hogged[MAX_HOGGED]; /* RAM that the machine has not got */
static unsigned nr_hogged;

unsigned __real_ram_pool_take(u64 size, struct ram_piece pieces[RAM_MAX_PIECES]);
unsigned __wrap_ram_pool_take(u64 size, struct ram_piece pieces[RAM_MAX_PIECES]);
void __real_ram_pool_give_back(const struct ram_piece *pieces, unsigned count);
void __wrap_ram_pool_give_back(const struct ram_piece *pieces, unsigned count);

unsigned __wrap_ram_pool_take(u64 size, struct ram_piece pieces[RAM_MAX_PIECES])
{
	unsigned count = __real_ram_pool_take(size, pieces);

	for (unsigned i = 0; i < count; i++)
		ASAN_UNPOISON_MEMORY_REGION((void *)pieces[i].start.v, pieces[i].size);
	return count;
}

void __wrap_ram_pool_give_back(const struct ram_piece *pieces, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		ASAN_POISON_MEMORY_REGION((void *)pieces[i].start.v, pieces[i].size);
	__real_ram_pool_give_back(pieces, count);
}

static void make_pool(void)
{
	void *pool = mmap((void *)POOL_START, POOL_PIECES * POOL_STEP, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	fuzz_check(pool == (void *)POOL_START, "the machine's RAM has its place");
	ASAN_POISON_MEMORY_REGION(pool, POOL_PIECES * POOL_STEP);
	for (unsigned i = 0; i < POOL_PIECES; i++)
		ram_pool_add(HPA(POOL_START + i * POOL_STEP), POOL_PIECE);
}

void machine_take_all(void)
{
	struct ram_piece pieces[RAM_MAX_PIECES];

	while (ram_pool_take(RAM_GRANULE, pieces))
		hogged[nr_hogged++] = pieces[0];
}

void machine_give_all_back(void)
{
	ram_pool_give_back(hogged, nr_hogged);
	nr_hogged = 0;
}

/* --- The guest's RAM */

struct guest_memory machine_ram;

static struct {
	u64 gpa, size;
} pins[20000];
static unsigned nr_pins;

u64 __real_guest_pin(struct guest_memory *m, gpa_t gpa, u64 size, hpa_t *hpa);
u64 __wrap_guest_pin(struct guest_memory *m, gpa_t gpa, u64 size, hpa_t *hpa);
void __real_guest_unpin(struct guest_memory *m, gpa_t gpa, u64 size);
void __wrap_guest_unpin(struct guest_memory *m, gpa_t gpa, u64 size);

u64 __wrap_guest_pin(struct guest_memory *m, gpa_t gpa, u64 size, hpa_t *hpa)
{
	u64 count = __real_guest_pin(m, gpa, size, hpa);

	fuzz_count_work(1);
	if (!count)
		return 0;
	fuzz_check(nr_pins < ARRAY_SIZE(pins), "not too much is pinned");
	pins[nr_pins].gpa = gpa.v;
	pins[nr_pins++].size = count;
	return count;
}

/* The last that were pinned are often the first to be unpinned. */
void __wrap_guest_unpin(struct guest_memory *m, gpa_t gpa, u64 size)
{
	unsigned i = nr_pins;

	while (i && (pins[i - 1].gpa != gpa.v || pins[i - 1].size != size))
		i--;
	fuzz_check(i, "what is unpinned was pinned");
	pins[i - 1] = pins[--nr_pins];
	__real_guest_unpin(m, gpa, size);
}

static bool is_pinned(u64 gpa, u64 size)
{
	for (unsigned i = nr_pins; i-- > 0;) {
		if (gpa >= pins[i].gpa && gpa + size <= pins[i].gpa + pins[i].size)
			return true;
	}
	return false;
}

/* False: it is no RAM of the guest. */
static bool find_gpa(hpa_t hpa, u64 *gpa)
{
	u64 at = FUZZ_RAM_START;

	for (unsigned i = 0; machine_ram.frames && i < NR_GRANULES; i++, at += RAM_GRANULE) {
		*gpa = at + hpa.v % RAM_GRANULE;
		if (machine_ram.frames->granules[i].frame == hpa.v / RAM_GRANULE)
			return true;
	}
	for (unsigned i = 0; !machine_ram.frames && i < machine_ram.nr_pieces; i++) {
		u64 offset = hpa.v - machine_ram.pieces[i].start.v;

		*gpa = at + offset;
		if (offset < machine_ram.pieces[i].size)
			return true;
		at += machine_ram.pieces[i].size;
	}
	return false;
}

bool machine_is_pinned(hpa_t hpa, u64 size)
{
	u64 gpa;

	return find_gpa(hpa, &gpa) && is_pinned(gpa, size);
}

void machine_leave(unsigned which)
{
	for (unsigned i = 0; machine_ram.frames && i < NR_GRANULES; i++)
		frames_let_go(machine_ram.frames, i * RAM_GRANULE);
	for (unsigned i = 0; machine_ram.frames && i < NR_GRANULES; i++) {
		if (which >> i & 1)
			frames_take_out(machine_ram.frames, i * RAM_GRANULE);
	}
}

void machine_poke(u64 gpa, const void *bytes, u64 size)
{
	guest_write(&machine_ram, GPA(gpa), bytes, size);
}

/*
 * --- The hypervisor's pages
 *
 * Those that are free are watched, too, and are taken again in the order in which they were freed:
 * the sanitizer's own allocator would map large ones anew each time.
 */

struct pages {
	void *start;
	unsigned order;
};

static struct pages taken[256], vacant[256];
static unsigned nr_taken, nr_vacant;

static struct pages take_out(struct pages *list, unsigned *nr, unsigned index)
{
	struct pages pages = list[index];

	--*nr;
	memmove(&list[index], &list[index + 1], (*nr - index) * sizeof(*list));
	return pages;
}

void *page_alloc(unsigned order)
{
	struct pages pages;
	unsigned i = 0;

	while (i < nr_vacant && vacant[i].order != order)
		i++;
	if (i < nr_vacant)
		pages = take_out(vacant, &nr_vacant, i);
	else
		pages = (struct pages){ aligned_alloc(PAGE_SIZE, PAGE_SIZE << order), order };
	fuzz_check(pages.start != NULL && nr_taken < ARRAY_SIZE(taken), "there is memory");
	taken[nr_taken++] = pages;
	ASAN_UNPOISON_MEMORY_REGION(pages.start, PAGE_SIZE << order);
	return memset(pages.start, 0, PAGE_SIZE << order);
}

static void free_taken(unsigned index)
{
	struct pages pages = take_out(taken, &nr_taken, index);

	ASAN_POISON_MEMORY_REGION(pages.start, PAGE_SIZE << pages.order);
	if (nr_vacant < ARRAY_SIZE(vacant)) {
		vacant[nr_vacant++] = pages;
	} else {
		ASAN_UNPOISON_MEMORY_REGION(pages.start, PAGE_SIZE << pages.order);
		free(pages.start);
	}
}

void page_free(void *pages, unsigned order)
{
	unsigned i = 0;

	if (!pages)
		return;
	while (i < nr_taken && taken[i].start != pages)
		i++;
	fuzz_check(i < nr_taken && taken[i].order == order, "what is freed was allocated");
	free_taken(i);
}

unsigned page_order(u64 size)
{
	unsigned order = 0;

	while (PAGE_SIZE << order < size)
		order++;
	return order;
}

/* --- Time: in ticks of 100 ns, as on QEMU */

static u64 now;
static struct timer *timers[16];

u64 fake_csr_read(unsigned csr)
{
	fuzz_check(csr == CSR_TIME, "time is all that is read");
	return now;
}

void fake_csr_write(unsigned csr, u64 value)
{
	(void)csr;
	(void)value;
	fuzz_check(false, "no CSR is written");
}

u64 time_from_ns(u64 ns)
{
	return ns / 100;
}

u64 time_to_ns(u64 ticks)
{
	return ticks * 100;
}

void timer_stop(struct timer *timer)
{
	for (unsigned i = 0; i < ARRAY_SIZE(timers); i++) {
		if (timers[i] == timer)
			timers[i] = NULL;
	}
}

void timer_stop_and_wait(struct timer *timer)
{
	timer_stop(timer);
}

void timer_start(struct timer *timer, u64 deadline)
{
	unsigned i = 0;

	timer_stop(timer);
	while (i < ARRAY_SIZE(timers) && timers[i])
		i++;
	fuzz_check(i < ARRAY_SIZE(timers), "there are not too many timers");
	timer->deadline = deadline;
	timers[i] = timer;
}

void machine_pass_time(u64 ticks)
{
	now += ticks;
	for (unsigned i = 0; i < ARRAY_SIZE(timers); i++) {
		struct timer *timer = timers[i];

		if (timer && timer->deadline <= now) {
			timers[i] = NULL;
			timer->expired(timer);
		}
	}
}

static unsigned count_timers(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(timers); i++)
		count += timers[i] != NULL;
	return count;
}

/* --- Messages, which nobody reads */

void log_warn(const char *format, ...)
{
	(void)format;
}

void log_error(const char *format, ...)
{
	(void)format;
}

/* --- One input */

void machine_begin(bool has_holes)
{
	static bool is_pool_made;

	if (!is_pool_made)
		make_pool();
	is_pool_made = true;
	now = 1000000;
	fuzz_check(guest_memory_take(&machine_ram, GPA(FUZZ_RAM_START), FUZZ_RAM_SIZE),
		   "there is RAM");
	for (unsigned i = 0; i < machine_ram.nr_pieces; i++)
		memset((void *)machine_ram.pieces[i].start.v, 0, machine_ram.pieces[i].size);
	if (has_holes)
		fuzz_check(guest_memory_allow_holes(&machine_ram), "there is memory");
}

unsigned machine_pages(void)
{
	return nr_taken;
}

/* Pages that are left are of what the target has made in the machine. */
void machine_end(void)
{
	fuzz_check(count_timers() == 0, "all timers are stopped");
	fuzz_check(nr_pins == 0, "nothing stays pinned");
	for (unsigned i = 0; machine_ram.frames && i < NR_GRANULES; i++)
		fuzz_check(!machine_ram.frames->granules[i].pins, "no granule stays pinned");
	guest_memory_give_back(&machine_ram);
	fuzz_check(ram_pool_free() == POOL_PIECES * POOL_PIECE, "all RAM is given back");
	while (nr_taken)
		free_taken(0);
}
