# SPDX-License-Identifier: BSD-2-Clause
# Guest programs: every tests/guest/NAME/*.c becomes build/guest/NAME.elf, tests/bench/*.c build/guest/bench.elf.
# Linux programs: tests/bench/linux/micro.c becomes build/guest/linux-micro, tests/isolation/selfcheck.c
# build/guest/selfcheck, tests/linux/net/send-frame.c build/guest/send-frame.
# The guests of examples/ are build/guest/busy.elf and build/guest/hello.elf.
# Included by the Makefile; goal `guests`. CROSS_COMPILE=prefix or LLVM=1 choose the toolchain.

CROSS_COMPILE ?= riscv64-unknown-elf-
ifeq ($(LLVM),1)
GUEST_CC := clang --target=riscv64-unknown-elf
GUEST_LD := $(if $(shell command -v ld.lld),ld.lld,$(CROSS_COMPILE)ld)
else
GUEST_CC := $(CROSS_COMPILE)gcc
GUEST_LD := $(CROSS_COMPILE)ld
endif

# lp64: the compiler never touches an FP register, so that the FP tests own all of them.
CFLAGS_GUEST := -march=rv64gc -mabi=lp64 -mcmodel=medany -mno-relax -ffreestanding -fno-builtin -fno-pic \
	-fno-stack-protector -fno-common -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wshadow \
	-Wimplicit-fallthrough -Wmissing-prototypes -Wstrict-prototypes -Wvla -Iguest/lib -MMD -MP
LDFLAGS_GUEST := -nostdlib -static -no-pie -z noexecstack --no-relax -T guest/lib/guest.ld

GUEST_BUILD := build/guest
GUEST_LIB_OBJS := $(patsubst %,$(GUEST_BUILD)/%.o,$(basename $(wildcard guest/lib/*.c guest/lib/*.S)))
GUEST_NAMES := $(sort $(patsubst tests/guest/%/,%,$(dir $(wildcard tests/guest/*/*.c))))
GUEST_ELFS := $(GUEST_NAMES:%=$(GUEST_BUILD)/%.elf) $(if $(wildcard tests/bench/*.c),$(GUEST_BUILD)/bench.elf)

guest-objs = $(patsubst %,$(GUEST_BUILD)/%.o,$(basename $(wildcard $(1)/*.c $(1)/*.S)))
guest-q = $(if $(V),,@echo "  $(1)	$@";)

.PHONY: guests
guests: $(GUEST_ELFS) $(GUEST_BUILD)/busy.elf $(GUEST_BUILD)/hello.elf $(GUEST_BUILD)/linux-micro \
	$(GUEST_BUILD)/selfcheck $(GUEST_BUILD)/send-frame

$(GUEST_BUILD)/%.o: %.c guest/guest.mk
	$(call guest-q,CC)mkdir -p $(@D) && $(GUEST_CC) $(CFLAGS_GUEST) -c $< -o $@

$(GUEST_BUILD)/%.o: %.S guest/guest.mk
	$(call guest-q,AS)mkdir -p $(@D) && $(GUEST_CC) $(CFLAGS_GUEST) -c $< -o $@

define guest-link
$(GUEST_BUILD)/$(1).elf: $(call guest-objs,$(2)) $(GUEST_LIB_OBJS) guest/lib/guest.ld
	$$(call guest-q,LD)$(GUEST_LD) $(LDFLAGS_GUEST) -o $$@ $$(filter %.o,$$^)
endef
$(foreach name,$(GUEST_NAMES),$(eval $(call guest-link,$(name),tests/guest/$(name))))
$(if $(wildcard tests/bench/*.c),$(eval $(call guest-link,bench,tests/bench)))

# The guests of examples/: one with the library, and one that needs nothing else.
$(eval $(call guest-link,busy,guest/busy))

$(GUEST_BUILD)/hello.elf: $(call guest-objs,guest/hello) guest/lib/guest.ld
	$(call guest-q,LD)$(GUEST_LD) $(LDFLAGS_GUEST) -o $@ $(filter %.o,$^)

# Programs for a Linux guest: static, without a C library.
define linux-link
$(GUEST_BUILD)/$(1): $(GUEST_BUILD)/$(2).o tests/bench/linux/linux.ld
	$$(call guest-q,LD)$(GUEST_LD) -nostdlib -static --no-relax -z noexecstack \
		-T tests/bench/linux/linux.ld -o $$@ $$<
endef
$(eval $(call linux-link,linux-micro,tests/bench/linux/micro))
$(eval $(call linux-link,selfcheck,tests/isolation/selfcheck))
$(eval $(call linux-link,send-frame,tests/linux/net/send-frame))

-include $(shell find $(GUEST_BUILD) -name '*.d' 2>/dev/null)
