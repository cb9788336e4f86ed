# SPDX-License-Identifier: BSD-2-Clause
# The unit tests: test_NAME.c, and the sources that it is linked with; UNIT_CFLAGS_NAME, if it needs
# more flags. Where a test has no sources, it includes them: their functions have libc's names.
# Headers with RISC-V assembly have a stand-in in tests/unit/fake, which is searched before hyp/.
# NAME_fixture.c is the world that several tests of one thing share.

# What a test of guest RAM is linked with; it needs -DWINDOW_BASE=0UL.
GUEST_MEMORY := hyp/mem/guest_memory.c hyp/mem/guest_frames.c hyp/mem/ram_pool.c \
	tests/unit/fake/pages.c

UNIT_fdt := hyp/lib/fdt.c
UNIT_fdt_writer := hyp/lib/fdt_writer.c hyp/lib/fdt.c
UNIT_vplic := hyp/vplic/vplic.c
UNIT_ns16550 := hyp/dev/ns16550.c
UNIT_console := hyp/dev/console.c
UNIT_terminal := hyp/dev/terminal.c hyp/dev/terminal_input.c hyp/dev/console.c hyp/dev/escape.c hyp/core/log.c
UNIT_goldfish_rtc := hyp/dev/goldfish_rtc.c
UNIT_syscon := hyp/dev/syscon.c
UNIT_power_button := hyp/dev/power_button.c

UNIT_rate_limit := hyp/core/rate_limit.c
UNIT_overlay := hyp/virtio/overlay.c
UNIT_blk := hyp/virtio/blk.c hyp/virtio/blk_request.c hyp/virtio/overlay.c hyp/virtio/virtq.c \
	hyp/core/rate_limit.c tests/unit/blk_fixture.c tests/unit/fake/pages.c
UNIT_blk_many := $(UNIT_blk)
UNIT_blk_overlay := $(UNIT_blk)
UNIT_stage2 := hyp/stage2/stage2.c tests/unit/fake/pages.c
UNIT_vmid := hyp/stage2/vmid.c
UNIT_tlb := hyp/stage2/tlb.c hyp/stage2/vmid.c
FAKE_VIRTIO := tests/unit/fake/virtio_mmio.c tests/unit/fake/pages.c \
	$(filter-out hyp/drivers/host_trace.c,$(wildcard hyp/drivers/*.c))
UNIT_virtqueue := $(FAKE_VIRTIO)
UNIT_host_blk := $(FAKE_VIRTIO)
UNIT_host_net := $(FAKE_VIRTIO)
UNIT_host_console := $(FAKE_VIRTIO)
UNIT_host_rng := $(FAKE_VIRTIO)
UNIT_host_trace := hyp/drivers/host_trace.c tests/unit/fake/pages.c
UNIT_trace := hyp/core/trace.c hyp/riscv/cause.c hyp/lib/format.c
UNIT_page := hyp/mem/page.c
UNIT_ram_pool := hyp/mem/ram_pool.c
UNIT_canary := hyp/mem/canary.c hyp/mem/ram_pool.c
UNIT_CFLAGS_canary := -DWINDOW_BASE=0UL
UNIT_guest_memory := $(GUEST_MEMORY)
UNIT_CFLAGS_guest_memory := -DWINDOW_BASE=0UL
UNIT_guest_frames := $(GUEST_MEMORY)
UNIT_CFLAGS_guest_frames := -DWINDOW_BASE=0UL
UNIT_insn := hyp/riscv/insn.c
UNIT_isa := hyp/riscv/isa.c
UNIT_random := hyp/lib/random.c
UNIT_guest_walk := hyp/vcpu/guest_walk.c $(GUEST_MEMORY)
UNIT_CFLAGS_guest_walk := -DWINDOW_BASE=0UL
UNIT_mailbox := hyp/vcpu/mailbox.c
UNIT_interrupts := hyp/vcpu/interrupts.c
UNIT_timer := hyp/core/timer.c hyp/riscv/isa.c
UNIT_pmu := hyp/vcpu/pmu.c
UNIT_sta := hyp/vcpu/sta.c $(GUEST_MEMORY)
UNIT_CFLAGS_sta := -DWINDOW_BASE=0UL
UNIT_sbi := hyp/sbi/sbi.c
UNIT_load := hyp/vm/load.c $(GUEST_MEMORY)
UNIT_CFLAGS_load := -DWINDOW_BASE=0UL
UNIT_description := hyp/vm/description.c hyp/vm/device_description.c hyp/lib/fdt_writer.c hyp/lib/fdt.c
UNIT_device_description := hyp/vm/description.c hyp/vm/device_description.c hyp/lib/fdt_writer.c hyp/lib/fdt.c
UNIT_catalog := hyp/vm/catalog.c hyp/vm/description.c hyp/vm/device_description.c hyp/lib/fdt_writer.c hyp/lib/fdt.c
UNIT_guest_dt := hyp/vm/guest_dt.c hyp/lib/fdt_writer.c hyp/lib/fdt.c hyp/lib/random.c hyp/riscv/isa.c
UNIT_command_line := hyp/monitor/command_line.c
UNIT_json_read := hyp/monitor/json_read.c
UNIT_line_edit := hyp/monitor/line_edit.c
UNIT_walk := hyp/stage2/stage2.c $(GUEST_MEMORY)
UNIT_CFLAGS_walk := -DWINDOW_BASE=0UL
UNIT_rates := hyp/monitor/rates.c
UNIT_sched_policy := hyp/vcpu/sched_policy.c
UNIT_vm_state := hyp/vm/vm_state.c
UNIT_virtq := hyp/virtio/virtq.c $(GUEST_MEMORY)
UNIT_CFLAGS_virtq := -DWINDOW_BASE=0UL \
	-Wl,--wrap=guest_memory_contains,--wrap=guest_pin,--wrap=guest_unpin
UNIT_virtio_device := hyp/virtio/device.c hyp/virtio/transport.c hyp/virtio/virtq.c $(GUEST_MEMORY)
UNIT_CFLAGS_virtio_device := -DWINDOW_BASE=0UL
UNIT_absent_ram := $(wildcard hyp/virtio/*.c) hyp/core/rate_limit.c $(GUEST_MEMORY)
UNIT_CFLAGS_absent_ram := -DWINDOW_BASE=0UL -Wl,--wrap=guest_bring_back
UNIT_offload := hyp/net/offload.c hyp/net/frame.c
UNIT_coalesce := hyp/net/coalesce.c hyp/net/offload.c hyp/net/frame.c
UNIT_dhcp := hyp/net/dhcp.c hyp/net/frame.c
UNIT_net := hyp/virtio/net.c hyp/virtio/net_send.c hyp/virtio/net_receive.c hyp/virtio/net_filter.c \
	hyp/virtio/device.c hyp/virtio/transport.c hyp/virtio/virtq.c hyp/core/rate_limit.c \
	tests/unit/net_fixture.c tests/unit/fake/pages.c
UNIT_net_send := $(UNIT_net)
UNIT_net_receive := $(UNIT_net)
UNIT_switch := $(wildcard hyp/net/*.c) tests/unit/fake/pages.c tests/unit/switch_fixture.c
UNIT_switch_uplink := $(UNIT_switch)
UNIT_switch_harts := $(UNIT_switch)
