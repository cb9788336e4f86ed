# SPDX-License-Identifier: BSD-2-Clause
# Fuzzing: fuzz_NAME.c, and the sources that it is linked with beside those of all.
# build/tests/fuzz/NAME.t runs the corpus, and a fixed number of inputs made from it: part of
# `make test`. `make fuzz` runs libFuzzer, FUZZ_SECONDS on each target; what it finds new stays in
# build/fuzz. `make fuzz-corpus` adds that, as far as it reaches more code, to tests/fuzz/corpus.
FUZZ_virtq :=
FUZZ_balloon := hyp/virtio/balloon.c
FUZZ_blk := hyp/virtio/blk.c hyp/virtio/blk_request.c hyp/virtio/overlay.c hyp/core/rate_limit.c
FUZZ_console := hyp/virtio/console.c
FUZZ_rng := hyp/virtio/rng.c
FUZZ_net := $(wildcard hyp/virtio/net*.c) $(filter-out hyp/net/switch.c,$(wildcard hyp/net/*.c)) \
	hyp/core/rate_limit.c
FUZZ_offload := hyp/net/offload.c hyp/net/frame.c
FUZZ_coalesce := hyp/net/coalesce.c hyp/net/offload.c hyp/net/frame.c
FUZZ_dhcp := hyp/net/dhcp.c hyp/net/frame.c

FUZZ_COMMON := tests/fuzz/harness.c tests/fuzz/machine.c \
	hyp/virtio/device.c hyp/virtio/transport.c hyp/virtio/virtq.c \
	hyp/mem/guest_memory.c hyp/mem/guest_frames.c hyp/mem/ram_pool.c
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_PROGRAMS := $(FUZZ_NAMES:%=$(BUILD)/tests/fuzz/%.t)
FUZZERS := $(FUZZ_NAMES:%=$(BUILD)/fuzz/%)
FUZZ_WRAPPED := guest_pin guest_unpin virtq_enable virtq_pop virtq_copy_from \
	ram_pool_take ram_pool_give_back
FUZZ_CFLAGS := -std=gnu11 -Wall -Wextra -Werror -g -O2 -DWINDOW_BASE=0UL -DRAM_GRANULE=0x4000UL \
	-fno-sanitize-recover=all -Itests/fuzz/fake -Itests/fuzz -Itests/unit/fake -Ihyp -I. \
	$(FUZZ_WRAPPED:%=-Wl,--wrap=%)
# The inputs of these are frames. The others' are programs: what is compared says little of them,
# and takes two thirds of the time.
FUZZ_FOLLOWS_CMP := offload coalesce dhcp
FUZZ_SECONDS ?= 3600

$(FUZZ_PROGRAMS): $(BUILD)/tests/fuzz/%.t: tests/fuzz/fuzz_%.c tests/fuzz/standalone.c \
		$(FUZZ_COMMON) $$(FUZZ_$$*) $$(wildcard hyp/*/*.h) tests/fuzz/fuzz.mk
	$(call say,HOSTCC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)cc $(FUZZ_CFLAGS) -fsanitize=address,undefined -DCORPUS='"tests/fuzz/corpus/$*"' \
		-DCRASH='"$@.crash"' \
		-MMD -MP -MF $@.d -o $@ $< tests/fuzz/standalone.c \
		$(FUZZ_COMMON) $(FUZZ_$*)

$(FUZZERS): $(BUILD)/fuzz/%: tests/fuzz/fuzz_%.c $(FUZZ_COMMON) $$(FUZZ_$$*) \
		$$(wildcard hyp/*/*.h) tests/fuzz/fuzz.mk
	$(call say,CLANG,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined \
		$(if $(filter $*,$(FUZZ_FOLLOWS_CMP)),,-fno-sanitize-coverage=trace-cmp) \
		-o $@ $< $(FUZZ_COMMON) $(FUZZ_$*)

.PHONY: fuzz-programs fuzz fuzz-corpus
fuzz-programs: $(FUZZ_PROGRAMS)

FUZZ = $(foreach name,$(FUZZ_NAMES),fuzz-$(name))
.PHONY: $(FUZZ)
$(FUZZ): fuzz-%: $(BUILD)/fuzz/%
	$(Q)mkdir -p $(BUILD)/fuzz/corpus/$* tests/fuzz/corpus/$*
	$(Q)$(BUILD)/fuzz/$* -max_len=4096 -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
		-timeout=60 -artifact_prefix=$(BUILD)/fuzz/$*- $(BUILD)/fuzz/corpus/$* \
		tests/fuzz/corpus/$*

fuzz:
	@./doppel setup extra-packages
	@$(MAKE) --no-print-directory $(FUZZ)

fuzz-corpus: $(FUZZERS)
	$(Q)for name in $(FUZZ_NAMES); do \
		mkdir -p tests/fuzz/corpus/$$name $(BUILD)/fuzz/corpus/$$name; \
		$(BUILD)/fuzz/$$name -max_len=4096 -use_counters=0 -set_cover_merge=1 \
			tests/fuzz/corpus/$$name $(BUILD)/fuzz/corpus/$$name || exit; done
