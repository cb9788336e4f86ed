/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest RAM with holes: which frame of the machine's RAM is behind each granule of 2 MiB. */
#include "mem/guest_frames.h"
#include "lib/string.h"
#include "mem/hyp_map.h"
#include "mem/page.h"

static struct ram_granule *granule_at(struct guest_frames *frames, u64 offset)
{
	return &frames->granules[offset / RAM_GRANULE];
}

static hpa_t frame_hpa(const struct ram_granule *granule)
{
	return HPA((u64)granule->frame * RAM_GRANULE);
}

struct guest_frames *frames_create(const struct ram_piece *pieces, unsigned count, u64 size)
{
	u64 nr = size / RAM_GRANULE;
	unsigned order = page_order(sizeof(struct guest_frames) + nr * sizeof(struct ram_granule));
	struct guest_frames *frames = page_alloc(order);
	u64 at = 0;

	if (!frames)
		return NULL;
	frames->order = order;
	frames->nr = frames->nr_present = nr;
	for (unsigned i = 0; i < count; i++) {
		u64 first = pieces[i].start.v / RAM_GRANULE;

		for (u64 n = 0; n < pieces[i].size / RAM_GRANULE; n++)
			frames->granules[at++].frame = (u32)(first + n);
	}
	return frames;
}

static void give_back(const struct ram_granule *granule)
{
	struct ram_piece piece = { frame_hpa(granule), RAM_GRANULE };

	ram_pool_give_back(&piece, 1);
}

void frames_destroy(struct guest_frames *frames)
{
	for (u64 i = 0; i < frames->nr; i++) {
		if (frames->granules[i].frame)
			give_back(&frames->granules[i]);
	}
	page_free(frames, frames->order);
}

/* Whether a frame is there; then it stays. Lock held. */
static bool keep(struct guest_frames *frames, struct ram_granule *granule)
{
	if (!granule->frame)
		return false;
	frames->nr_present += granule->is_leaving;
	__atomic_store_n(&granule->is_leaving, false, __ATOMIC_RELAXED);
	return true;
}

/* What was somebody else's is cleared: a guest sees nothing of others. 0: there is none left. */
static u32 new_frame(void)
{
	struct ram_piece pieces[RAM_MAX_PIECES];

	if (!ram_pool_take(RAM_GRANULE, pieces))
		return 0;
	memset((void *)(WINDOW_BASE + pieces[0].start.v), 0, RAM_GRANULE);
	return (u32)(pieces[0].start.v / RAM_GRANULE);
}

/* Clearing takes long, and others pin what is there: not with the lock held. */
bool frames_populate(struct guest_frames *frames, u64 offset, hpa_t *hpa)
{
	struct ram_granule *granule = granule_at(frames, offset), spare = { 0 };
	bool done;

	spin_lock(&frames->lock);
	done = keep(frames, granule);
	*hpa = frame_hpa(granule);
	spin_unlock(&frames->lock);
	if (!done) {
		spare.frame = new_frame();
		if (!spare.frame)
			return false;
		spin_lock(&frames->lock);
		/* Another vCPU may have been first. */
		if (!keep(frames, granule)) {
			__atomic_store_n(&granule->frame, spare.frame, __ATOMIC_RELAXED);
			spare.frame = 0;
			frames->nr_present++;
			frames->nr_came++;
		}
		*hpa = frame_hpa(granule);
		spin_unlock(&frames->lock);
	}
	if (spare.frame)
		give_back(&spare);
	return true;
}

/* Goes on as long as what follows in guest RAM follows in the machine's, too. */
u64 frames_pin(struct guest_frames *frames, u64 offset, u64 size, hpa_t *hpa)
{
	struct ram_granule *granule = granule_at(frames, offset);
	u64 done = 0;

	spin_lock(&frames->lock);
	while (done < size && granule->pins < UINT16_MAX && keep(frames, granule)) {
		u64 left = RAM_GRANULE - (offset + done) % RAM_GRANULE;
		u64 start = frame_hpa(granule).v + RAM_GRANULE - left;

		if (done == 0)
			*hpa = HPA(start);
		else if (start != hpa->v + done)
			break;
		granule->pins++;
		granule++;
		done += MIN(left, size - done);
	}
	spin_unlock(&frames->lock);
	return done;
}

void frames_unpin(struct guest_frames *frames, u64 offset, u64 size)
{
	u64 first = offset / RAM_GRANULE, last = (offset + size - 1) / RAM_GRANULE;

	spin_lock(&frames->lock);
	for (u64 i = first; i <= last; i++)
		frames->granules[i].pins--;
	spin_unlock(&frames->lock);
}

bool frames_give_page(struct guest_frames *frames, u64 offset)
{
	struct ram_granule *granule = granule_at(frames, offset);
	u64 page = offset % RAM_GRANULE / 4096, bit = BIT(page % 64);
	bool is_whole;

	spin_lock(&frames->lock);
	if (!(granule->given[page / 64] & bit)) {
		granule->given[page / 64] |= bit;
		granule->nr_given++;
	}
	is_whole = granule->nr_given == FRAMES_PAGES_PER_GRANULE;
	spin_unlock(&frames->lock);
	return is_whole;
}

void frames_want_page(struct guest_frames *frames, u64 offset)
{
	struct ram_granule *granule = granule_at(frames, offset);
	u64 page = offset % RAM_GRANULE / 4096, bit = BIT(page % 64);

	spin_lock(&frames->lock);
	if (granule->given[page / 64] & bit) {
		granule->given[page / 64] &= ~bit;
		granule->nr_given--;
	}
	spin_unlock(&frames->lock);
}

void frames_want_all(struct guest_frames *frames)
{
	spin_lock(&frames->lock);
	for (u64 i = 0; i < frames->nr; i++) {
		memset(frames->granules[i].given, 0, sizeof(frames->granules[i].given));
		frames->granules[i].nr_given = 0;
	}
	spin_unlock(&frames->lock);
}

bool frames_take_out(struct guest_frames *frames, u64 offset)
{
	struct ram_granule *granule = granule_at(frames, offset);
	bool may_leave;

	spin_lock(&frames->lock);
	may_leave = granule->frame && !granule->is_leaving && !granule->pins;
	if (may_leave) {
		__atomic_store_n(&granule->is_leaving, true, __ATOMIC_RELAXED);
		frames->nr_present--;
	}
	spin_unlock(&frames->lock);
	return may_leave;
}

void frames_let_go(struct guest_frames *frames, u64 offset)
{
	struct ram_granule *granule = granule_at(frames, offset);

	spin_lock(&frames->lock);
	if (granule->is_leaving) {
		give_back(granule);
		__atomic_store_n(&granule->frame, 0, __ATOMIC_RELAXED);
		/* Behind it, for frames_is_present(). */
		__atomic_store_n(&granule->is_leaving, false, __ATOMIC_RELEASE);
		frames->nr_left++;
	}
	spin_unlock(&frames->lock);
}
