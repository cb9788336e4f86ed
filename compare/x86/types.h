/* SPDX-License-Identifier: BSD-2-Clause */
/* Integer types; uptr is as wide as an address. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned long uptr;
