/* SPDX-License-Identifier: BSD-2-Clause */
/* The few names that every file uses: integer types, address kinds, small macros. */
#ifndef DOPPEL_TYPES_H
#define DOPPEL_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

/* Three kinds of address. Each is a struct, so that mixing them does not compile. */
typedef struct {
	u64 v;
} gva_t; /* guest virtual: what the guest's instructions use */

typedef struct {
	u64 v;
} gpa_t; /* guest physical: after the guest's own translation (VS-stage) */

typedef struct {
	u64 v;
} hpa_t; /* host physical: after the hypervisor's translation (G-stage) */

#define GVA(x) ((gva_t){ (x) })
#define GPA(x) ((gpa_t){ (x) })
#define HPA(x) ((hpa_t){ (x) })

#define KIB(n) ((u64)(n) << 10)
#define MIB(n) ((u64)(n) << 20)
#define GIB(n) ((u64)(n) << 30)

#define BIT(n)		 (1UL << (n))
#define ARRAY_SIZE(a)	 (sizeof(a) / sizeof((a)[0]))
#define ALIGN_DOWN(x, a) ((x) & ~((u64)(a)-1))
#define ALIGN_UP(x, a)	 (((x) + (u64)(a)-1) & ~((u64)(a)-1))
#define IS_ALIGNED(x, a) (((x) & ((u64)(a)-1)) == 0)
/* Each argument is evaluated once: it may read a register that changes. */
#define MIN(a, b)                              \
	({                                     \
		__auto_type min_a = (a);       \
		__auto_type min_b = (b);       \
		min_a < min_b ? min_a : min_b; \
	})
#define MAX(a, b)                              \
	({                                     \
		__auto_type max_a = (a);       \
		__auto_type max_b = (b);       \
		max_a > max_b ? max_a : max_b; \
	})

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#endif
