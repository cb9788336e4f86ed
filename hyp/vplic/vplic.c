/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's PLIC: gateways, pending bits, and the choice of an interrupt for each vCPU. */
#include "vplic/vplic.h"
#include "lib/string.h"

/* Register map. Chapters named below are those of the RISC-V PLIC Specification 1.0.0. */
#define PRIORITY	  0x0U
#define PENDING		  0x1000U
#define ENABLE		  0x2000U
#define ENABLE_STRIDE	  0x80U
#define CONTEXT		  0x200000U
#define CONTEXT_STRIDE	  0x1000U
#define CONTEXT_THRESHOLD 0x0U
#define CONTEXT_CLAIM	  0x4U /* write: complete */

#define NO_SOURCE 0U

static bool has_bit(const u32 *bitmap, unsigned source)
{
	return bitmap[source / 32] >> source % 32 & 1;
}

static void assign_bit(u32 *bitmap, unsigned source, bool value)
{
	u32 mask = 1U << source % 32;

	if (value)
		bitmap[source / 32] |= mask;
	else
		bitmap[source / 32] &= ~mask;
}

/* Index of the lowest bit set, of a word that is not 0. The base ISA has no instruction for it. */
static unsigned lowest_bit(u32 word)
{
	unsigned index = 0;

	for (unsigned half = 16; half > 0; half /= 2) {
		if ((word & ((1U << half) - 1)) == 0) {
			word >>= half;
			index += half;
		}
	}
	return index;
}

/*
 * The pending and enabled source with the highest priority, the lowest of equals; one with priority
 * 0 never interrupts ("Interrupt Priorities").
 */
static unsigned best_source(const struct vplic_state *s, unsigned vcpu)
{
	unsigned best = NO_SOURCE;
	unsigned best_priority = 0;

	for (unsigned i = 0; i < VPLIC_WORDS; i++) {
		for (u32 word = s->pending[i] & s->enable[vcpu][i]; word; word &= word - 1) {
			unsigned source = i * 32 + lowest_bit(word);

			if (s->priority[source] > best_priority) {
				best = source;
				best_priority = s->priority[source];
			}
		}
	}
	return best;
}

/* Whether that bit of a set is to change; then it has. */
static bool changes(u32 *set, unsigned vcpu, bool value)
{
	bool differs = value != (*set >> vcpu & 1);

	*set ^= (u32)differs << vcpu;
	return differs;
}

/* Tells a vCPU whether there is an interrupt for it, if that has changed. */
static void update_vcpu(struct vplic *plic, unsigned vcpu)
{
	struct vplic_state *s = &plic->s;
	unsigned best = best_source(s, vcpu);
	bool level = s->priority[best] > s->threshold[vcpu];
	bool is_idle = best == NO_SOURCE && s->threshold[vcpu] == 0;
	bool tell = changes(&s->external, vcpu, level);

	if (changes(&s->idle, vcpu, is_idle) && plic->ops->set_idle) {
		plic->ops->set_idle(plic->ctx, vcpu, is_idle);
		tell |= !is_idle;
	}
	if (tell)
		plic->ops->set_external(plic->ctx, vcpu, level);
}

/* A source's pending bit or priority has changed. */
static void update_source(struct vplic *plic, unsigned source)
{
	for (unsigned vcpu = 0; vcpu < plic->nr_vcpus; vcpu++) {
		if (has_bit(plic->s.enable[vcpu], source))
			update_vcpu(plic, vcpu);
	}
}

/*
 * The gateway of a level-triggered source: while the wire is high, it makes one request, which
 * cannot be taken back, and no other before the completion of that one ("Interrupt Gateways").
 */
static void run_gateway(struct vplic *plic, unsigned source)
{
	struct vplic_state *s = &plic->s;

	if (!has_bit(s->level, source) || has_bit(s->pending, source) ||
	    has_bit(s->claimed, source))
		return;
	assign_bit(s->pending, source, true);
	update_source(plic, source);
}

void vplic_set_level(void *vplic, unsigned source, bool level)
{
	struct vplic *plic = vplic;

	if (source == NO_SOURCE || source >= VPLIC_NR_SOURCES)
		return;
	assign_bit(plic->s.level, source, level);
	run_gateway(plic, source);
}

/* The threshold has no say in a claim, only in the notification ("Interrupt Claim Process"). */
static u32 claim(struct vplic *plic, unsigned vcpu)
{
	unsigned source = best_source(&plic->s, vcpu);

	if (source == NO_SOURCE)
		return 0;
	assign_bit(plic->s.pending, source, false);
	assign_bit(plic->s.claimed, source, true);
	update_source(plic, source);
	return source;
}

/* Ignored for a source that this context has not enabled ("Interrupt Completion"). */
static void complete(struct vplic *plic, unsigned vcpu, u32 source)
{
	if (source >= VPLIC_NR_SOURCES || !has_bit(plic->s.enable[vcpu], source))
		return;
	assign_bit(plic->s.claimed, source, false);
	run_gateway(plic, source);
}

static void set_priority(struct vplic *plic, u32 source, u32 value)
{
	if (source == NO_SOURCE || source >= VPLIC_NR_SOURCES)
		return;
	plic->s.priority[source] = value & VPLIC_PRIORITY_MAX;
	if (has_bit(plic->s.pending, source))
		update_source(plic, source);
}

/* Finds the vCPU whose S-mode context this is. */
static bool find_vcpu(const struct vplic *plic, u32 context, unsigned *vcpu)
{
	*vcpu = context / 2;
	return context % 2 == 1 && *vcpu < plic->nr_vcpus;
}

/* The word of enable bits at an offset; NULL: no such register. */
static u32 *enable_word(struct vplic *plic, u32 offset, unsigned *vcpu)
{
	u32 word = (offset - ENABLE) % ENABLE_STRIDE / 4;

	if (!find_vcpu(plic, (offset - ENABLE) / ENABLE_STRIDE, vcpu) || word >= VPLIC_WORDS)
		return NULL;
	return &plic->s.enable[*vcpu][word];
}

static u32 read_context(struct vplic *plic, u32 offset)
{
	unsigned vcpu;

	if (!find_vcpu(plic, (offset - CONTEXT) / CONTEXT_STRIDE, &vcpu))
		return 0;
	switch (offset % CONTEXT_STRIDE) {
	case CONTEXT_THRESHOLD: return plic->s.threshold[vcpu];
	case CONTEXT_CLAIM: return claim(plic, vcpu);
	default: return 0;
	}
}

static void write_context(struct vplic *plic, u32 offset, u32 value)
{
	unsigned vcpu;

	if (!find_vcpu(plic, (offset - CONTEXT) / CONTEXT_STRIDE, &vcpu))
		return;
	switch (offset % CONTEXT_STRIDE) {
	case CONTEXT_THRESHOLD:
		plic->s.threshold[vcpu] = value & VPLIC_PRIORITY_MAX;
		update_vcpu(plic, vcpu);
		break;
	case CONTEXT_CLAIM: complete(plic, vcpu, value); break;
	default: break;
	}
}

_Static_assert(VPLIC_SHOWN == ENABLE && VPLIC_SHOWN_SIZE(16) == 2 * 16 * ENABLE_STRIDE &&
		       VPLIC_SHOWN_SIZE(VPLIC_MAX_VCPUS) == 2 * VPLIC_MAX_VCPUS * ENABLE_STRIDE,
	       "all contexts are shown");

static void set_enable(struct vplic *plic, u32 offset, u32 value)
{
	unsigned vcpu;
	u32 *word = enable_word(plic, offset, &vcpu);

	if (!word)
		return;
	*word = word == plic->s.enable[vcpu] ? value & ~1U : value; /* no source 0 */
	if (plic->shown)
		__atomic_store_n(&plic->shown[(offset - ENABLE) / 4], *word, __ATOMIC_RELAXED);
	update_vcpu(plic, vcpu);
}

void vplic_show(struct vplic *plic, u32 *pages)
{
	plic->shown = pages;
}

static u32 read_enable(struct vplic *plic, u32 offset)
{
	unsigned vcpu;
	u32 *word = enable_word(plic, offset, &vcpu);

	return word ? *word : 0;
}

static void write_register(struct vplic *plic, u32 offset, u32 value)
{
	if (offset < PENDING) {
		set_priority(plic, (offset - PRIORITY) / 4, value);
	} else if (offset < ENABLE) {
		return; /* pending bits are read-only */
	} else if (offset < CONTEXT) {
		set_enable(plic, offset, value);
	} else {
		write_context(plic, offset, value);
	}
}

/* Functions of their own, so that most reads need no stack frame. */
static __attribute__((noinline)) bool write_access(struct vplic *plic,
						   const struct mmio_access *access)
{
	write_register(plic, access->offset, (u32)access->value);
	return true;
}

static __attribute__((noinline)) bool read_context_access(struct vplic *plic,
							  struct mmio_access *access)
{
	access->value = read_context(plic, access->offset);
	return true;
}

static bool read_access(struct vplic *plic, struct mmio_access *access)
{
	u32 offset = access->offset, index;

	if (offset < PENDING) {
		index = (offset - PRIORITY) / 4;
		access->value = index < VPLIC_NR_SOURCES ? plic->s.priority[index] : 0;
	} else if (offset < ENABLE) {
		index = (offset - PENDING) / 4;
		access->value = index < VPLIC_WORDS ? plic->s.pending[index] : 0;
	} else if (offset < CONTEXT) {
		access->value = read_enable(plic, offset);
	} else {
		return read_context_access(plic, access);
	}
	return true;
}

bool vplic_mmio(void *vplic, struct mmio_access *access)
{
	if (access->len != 4)
		return false;
	return access->is_write ? write_access(vplic, access) : read_access(vplic, access);
}

void vplic_init(struct vplic *plic, unsigned nr_vcpus, const struct vplic_ops *ops, void *ctx)
{
	memset(plic, 0, sizeof(*plic));
	plic->nr_vcpus = nr_vcpus;
	plic->s.idle = UINT32_MAX;
	plic->ops = ops;
	plic->ctx = ctx;
}

void vplic_reset(struct vplic *plic)
{
	struct vplic_state *s = &plic->s;

	memset(s->claimed, 0, sizeof(s->claimed));
	memset(s->enable, 0, sizeof(s->enable));
	if (plic->shown)
		memset(plic->shown, 0, VPLIC_SHOWN_SIZE(plic->nr_vcpus));
	memset(s->priority, 0, sizeof(s->priority));
	memset(s->threshold, 0, sizeof(s->threshold));
	memcpy(s->pending, s->level, sizeof(s->pending));
	for (unsigned vcpu = 0; vcpu < plic->nr_vcpus; vcpu++)
		update_vcpu(plic, vcpu);
}
