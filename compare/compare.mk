# SPDX-License-Identifier: BSD-2-Clause
# The comparison with x86 (docs/compare-x86.md). Included by the Makefile; goals `compare-x86` and
# `compare-x86-programs`.

# Freestanding programs for x86, 32 and 64 bits. This machine's compiler, or Debian's cross compiler.
X86_HOST := $(filter x86_64,$(shell uname -m))
X86_CC ?= $(if $(X86_HOST),gcc,x86_64-linux-gnu-gcc)
X86_OBJCOPY ?= $(if $(X86_HOST),objcopy,x86_64-linux-gnu-objcopy)

X86 := compare/x86
X86_BUILD := $(BUILD)/$(X86)
X86_CFLAGS := -std=gnu11 $(WARNINGS) -O2 -g -ffreestanding -fno-builtin -fno-pic -fno-stack-protector \
	-fno-common -fno-strict-aliasing -fno-asynchronous-unwind-tables -fcf-protection=none
X86_KERNEL_CFLAGS := $(X86_CFLAGS) -mgeneral-regs-only -mno-red-zone
X86_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none,-z,max-page-size=4096,-z,noexecstack,--no-warn-rwx-segments

# Objects of a program: $(call x86-objects,BITS,SOURCES)
x86-objects = $(patsubst $(X86)/%,$(X86_BUILD)/$(1)/%.o,$(2))
X86_BARE := $(sort $(wildcard $(X86)/bare/*.[cS] $(X86)/probes_*.S $(X86)/string.c))
X86_SVM := $(sort $(wildcard $(X86)/svm/*.[cS] $(X86)/bare/start.S $(X86)/bare/console.c \
	$(X86)/string.c))
X86_RING3 := $(sort $(wildcard $(X86)/ring3/*.[cS] $(X86)/probes_*.S $(X86)/string.c))

X86_KERNELS := $(X86_BUILD)/bare-32 $(X86_BUILD)/bare-64 $(X86_BUILD)/svm-64
X86_PROGRAMS := $(X86_KERNELS) $(if $(X86_HOST),$(X86_BUILD)/ring3-32 $(X86_BUILD)/ring3-64)

define x86-rules
$(X86_BUILD)/$(1)/%.c.o: $(X86)/%.c compare/compare.mk
	$$(call say,X86CC,$$<)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(X86_CC) -m$(1) $$(X86_KERNEL_CFLAGS) -MMD -MP -c $$< -o $$@

$(X86_BUILD)/$(1)/%.S.o: $(X86)/%.S compare/compare.mk
	$$(call say,X86AS,$$<)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(X86_CC) -m$(1) -MMD -MP -c $$< -o $$@

$(X86_BUILD)/bare-$(1): $$(call x86-objects,$(1),$$(X86_BARE)) $(X86)/bare/kernel.ld
	$$(call say,X86LD,$$@)
	$$(Q)$$(X86_CC) -m$(1) $$(X86_LDFLAGS) -T $(X86)/bare/kernel.ld $$(filter %.o,$$^) -o $$@.elf
	$$(Q)$$(X86_OBJCOPY) -O elf32-i386 $$@.elf $$@

$(X86_BUILD)/ring3-$(1): $$(call x86-objects,$(1),$$(X86_RING3))
	$$(call say,X86LD,$$@)
	$$(Q)$$(X86_CC) -m$(1) $$(X86_LDFLAGS) $$^ -o $$@

-include $$(patsubst %.o,%.d,$$(call x86-objects,$(1),$$(X86_BARE) $$(X86_RING3)))
endef
$(foreach bits,32 64,$(eval $(call x86-rules,$(bits))))

# The monitor stands above its guest in memory.
$(X86_BUILD)/svm-64: $(call x86-objects,64,$(X86_SVM)) $(X86)/bare/kernel.ld
	$(call say,X86LD,$@)
	$(Q)$(X86_CC) -m64 $(X86_LDFLAGS) -Wl,--defsym=LOAD_ADDRESS=0x2000000 -T $(X86)/bare/kernel.ld \
		$(filter %.o,$^) -o $@.elf
	$(Q)$(X86_OBJCOPY) -O elf32-i386 $@.elf $@
-include $(patsubst %.o,%.d,$(call x86-objects,64,$(X86_SVM)))

.PHONY: compare-x86 compare-x86-programs
compare-x86-programs: $(X86_PROGRAMS)

compare-x86:
	@tools/need-python
	@./doppel setup x86-packages
	@$(MAKE) --no-print-directory compare-x86-programs
	@BUILD=$(BUILD) $(X86)/compare
