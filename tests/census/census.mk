# SPDX-License-Identifier: BSD-2-Clause
# The census of sensitive instructions (docs/census.md): its programs, and `make census`.
# Included by the Makefile.

CENSUS_BUILD := $(GUEST_BUILD)/tests/census
CENSUS_ELFS := $(patsubst %,$(GUEST_BUILD)/census-%.elf,program gates workload classic-program classic-workload)

$(CENSUS_BUILD)/items.h: tests/census/mkitems tests/census/table.py tests/census/csrs.csv tests/census/instructions.csv
	$(call guest-q,GEN)mkdir -p $(@D) && tests/census/mkitems > $@.new && mv $@.new $@

$(CENSUS_BUILD)/%.o: CFLAGS_GUEST += -Itests/census/shared -I$(CENSUS_BUILD)
$(call guest-objs,tests/census/shared): $(CENSUS_BUILD)/items.h

# $(1): name, $(2): directory; with what the programs share.
define census-link
$(GUEST_BUILD)/census-$(1).elf: $(call guest-objs,tests/census/$(2)) $(call guest-objs,tests/census/shared) \
		$(GUEST_LIB_OBJS) guest/lib/guest.ld
	$$(call guest-q,LD)$(GUEST_LD) $(LDFLAGS_GUEST) -o $$@ $$(filter %.o,$$^)
endef
$(eval $(call census-link,program,program))
$(eval $(call census-link,gates,gates))
$(eval $(call census-link,workload,workload))

# The monitor, with a guest in it. $(1): the guest's name
MONITOR_OBJS := $(filter-out %/blob.o,$(call guest-objs,tests/census/monitor))
define census-classic
$(CENSUS_BUILD)/monitor/blob-$(1).o: tests/census/monitor/blob.S $(GUEST_BUILD)/census-$(1).elf tests/census/census.mk
	$$(call guest-q,AS)mkdir -p $$(@D) && $(GUEST_CC) $(CFLAGS_GUEST) \
		-DGUEST_ELF='"$(GUEST_BUILD)/census-$(1).elf"' -c $$< -o $$@

$(GUEST_BUILD)/census-classic-$(1).elf: $(MONITOR_OBJS) $(CENSUS_BUILD)/monitor/blob-$(1).o $(GUEST_LIB_OBJS) guest/lib/guest.ld
	$$(call guest-q,LD)$(GUEST_LD) $(LDFLAGS_GUEST) -o $$@ $$(filter %.o,$$^)
endef
$(eval $(call census-classic,program))
$(eval $(call census-classic,workload))

guests: $(CENSUS_ELFS)

.PHONY: census
census: test-setup
	@$(MAKE) --no-print-directory all guests
	@tests/census/run
