# SPDX-License-Identifier: BSD-2-Clause
# make             builds the hypervisor: build/doppel.elf
# make run         installs and obtains what is missing, builds, and boots Debian to a shell
# make test        all tests, on both emulators, set-up included
# make test-fast   those that boot no Linux
# make test-slow   models of the concurrency, whether the tests of isolation can fail, power loss
# make test-debian the installed Debian of make debian
# make fuzz        libFuzzer on the devices of guests, FUZZ_SECONDS (an hour) on each
# make census      executes every sensitive instruction, and judges: docs/census.md
# make bench       the benchmark report; makes the disk of make debian first
# make debian      a disk image with an installed Debian: build/guest/debian.img (docs/debian.md)
# make compare-x86 what trap and emulate makes of x86: docs/compare-x86.md
# make trace-boot  traces of a boot, and pictures, for the report (docs/trace.md)
# make report      the evidence as one HTML page: build/report/index.html (docs/report.md)
# make qemu10      obtains QEMU 10
# make lint        formatting, warnings with both compilers, headers, include directions, docs
# make clean       removes build/
#
# CROSS_COMPILE=riscv64-unknown-elf- chooses a compiler, LLVM=1 clang and lld; V=1 shows commands.

BUILD := build

ifeq ($(LLVM),1)
CC := clang --target=riscv64-unknown-elf
LD := ld.lld
SIZE := size
else
ifeq ($(origin CROSS_COMPILE),undefined)
CROSS_COMPILE := $(shell for p in riscv64-linux-gnu- riscv64-unknown-elf-; do \
	command -v $${p}gcc >/dev/null && echo $$p && break; done)
endif
CC := $(CROSS_COMPILE)gcc
LD := $(CROSS_COMPILE)ld
SIZE := $(CROSS_COMPILE)size
endif

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wimplicit-fallthrough -Wmissing-prototypes \
	-Wstrict-prototypes -Wvla
# Integer code only: floating-point and vector registers are always the guest's.
MARCH := rv64imac_zicsr_zifencei
ifeq ($(LLVM),1)
MARCH := rv64imac
NO_RELAX := -mno-relax
endif
CFLAGS = -std=gnu11 $(WARNINGS) -O2 -g -march=$(MARCH) -mabi=lp64 -mcmodel=medany $(NO_RELAX) \
	-ffreestanding -fno-builtin -fno-jump-tables -fno-pic -fno-stack-protector -fno-common -fno-strict-aliasing \
	-fomit-frame-pointer -Ihyp -I. -I$(BUILD)
# Guest values enter in these folders: no silent narrowing.
$(BUILD)/hyp/dev/% $(BUILD)/hyp/vplic/% $(BUILD)/hyp/sbi/% $(BUILD)/hyp/run/% \
	$(BUILD)/hyp/vm/% $(BUILD)/hyp/net/% $(BUILD)/hyp/virtio/%: CFLAGS += -Wconversion

SOURCES := $(sort $(wildcard boot/*.c boot/*.S platform/qemu-virt/*.c hyp/*/*.c hyp/*/*.S))
SOURCES := $(filter-out hyp/vcpu/asm_offsets.c,$(SOURCES))
OBJECTS := $(SOURCES:%=$(BUILD)/%.o)

.PHONY: all
all: $(BUILD)/doppel.elf

$(BUILD)/doppel.elf: $(OBJECTS) linker.ld
	$(call say,LD,$@)
	$(Q)$(LD) -nostdlib -static --fatal-warnings -z max-page-size=4096 \
		-T linker.ld $(OBJECTS) -o $@

$(BUILD)/%.c.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/%.S.o: %.S $(BUILD)/asm_offsets.h
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

# The two files that touch floating-point and vector registers need their instructions.
$(BUILD)/hyp/vcpu/fp_regs.S.o: MARCH := rv64imafdc$(if $(LLVM),,_zicsr)
$(BUILD)/hyp/vcpu/vector_regs.S.o: MARCH := rv64imafdcv$(if $(LLVM),,_zicsr)

# Field offsets for assembly: the compiler knows them, its output is searched for the markers.
$(BUILD)/asm_offsets.h: hyp/vcpu/asm_offsets.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -MMD -MP -MT $@ -MF $(BUILD)/asm_offsets.d -S $< -o $(BUILD)/asm_offsets.s
	$(Q)sed -n 's/.*\.ascii[ \t]*"->\([A-Z_]*\) \([0-9]*\)".*/#define \1 \2/p' \
		$(BUILD)/asm_offsets.s > $@

include guest/guest.mk
include tests/census/census.mk

# --- What a user does

.PHONY: run setup qemu10 debian
# The compiler may be among what is installed here: make looks for it anew.
setup:
	@tools/need-python
	@./doppel setup packages
	@$(MAKE) --no-print-directory all
	@./doppel setup images

run: setup
	@./doppel run

qemu10:
	@tools/need-python
	@./doppel setup qemu10

# Does nothing when the image is there and nothing it is made from has changed.
debian:
	@tools/need-python
	@./doppel setup debian-packages images
	@tools/mkdebian

# --- Tests

include tests/unit/unit.mk
UNIT_NAMES := $(patsubst tests/unit/test_%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_PROGRAMS := $(UNIT_NAMES:%=$(BUILD)/tests/unit/%.t)
UNIT_CFLAGS := -std=gnu11 -Wall -Wextra -Werror -g -O1 -fsanitize=address,undefined \
	-fno-sanitize-recover=all -Itests/unit/fake -Ihyp -I.

.SECONDEXPANSION:
$(UNIT_PROGRAMS): $(BUILD)/tests/unit/%.t: tests/unit/test_%.c $$(UNIT_$$*) tests/unit/unit.h \
		$$(wildcard hyp/*/*.h) tests/unit/unit.mk Makefile
	$(call say,HOSTCC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)cc $(UNIT_CFLAGS) $(UNIT_CFLAGS_$*) -MMD -MP -MF $@.d -o $@ $< $(UNIT_$*) -lcmocka

.PHONY: test test-fast test-slow prove-fast prove-all prove-slow test-setup unit
unit: $(UNIT_PROGRAMS)

include tests/fuzz/fuzz.mk

include compare/compare.mk
include tools/report/report.mk

# Quick ones first: a mistake shows early.
FAST_TESTS = $(sort $(UNIT_PROGRAMS) $(FUZZ_PROGRAMS)) $(sort $(wildcard tests/launcher/*.t \
	tests/guest/*/*.t tests/vms/*.t tests/trace/*.t tests/compare/*.t) tests/monitor/script.t \
	tests/monitor/ctl.t tests/census/census.t tests/report/report.t)
LINUX_TESTS = $(sort $(wildcard tests/linux/*.t tests/isolation/*.t) tests/monitor/session.t)
SLOW_TESTS := tests/model/models.t tests/isolation/defences tests/linux/net.t \
	tests/linux/power-loss.t
PROVE = DOPPEL_QEMUS="$$(tools/emulators)" prove -j$$(nproc) --timer

test-setup:
	@tools/need-python
	@./doppel setup test-packages debian-packages qemu10
	@$(MAKE) --no-print-directory all
	@./doppel setup images

test: test-setup
	@$(MAKE) --no-print-directory prove-all

test-fast: test-setup
	@$(MAKE) --no-print-directory prove-fast

test-slow: test-setup
	@./doppel setup extra-packages
	@$(MAKE) --no-print-directory prove-slow

.PHONY: test-debian
test-debian: test-setup debian
	@$(PROVE) -j1 $(sort $(wildcard tests/debian/*.t))

prove-fast: all guests unit fuzz-programs compare-x86-programs
	@$(PROVE) $(FAST_TESTS)

prove-all: all guests unit fuzz-programs compare-x86-programs
	@$(PROVE) $(FAST_TESTS) $(LINUX_TESTS)

prove-slow: all guests unit
	@DOPPEL_NET_MIB=64 DOPPEL_KILLS=20 $(PROVE) -j1 $(SLOW_TESTS)

.PHONY: bench
bench: test-setup debian
	@./doppel setup extra-packages
	@$(MAKE) --no-print-directory all guests
	@tests/bench/run

include tools/trace.mk

# --- Lint

.PHONY: lint
lint:
	@tools/lint

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(OBJECTS:.o=.d) $(BUILD)/asm_offsets.d
