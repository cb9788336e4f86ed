/* SPDX-License-Identifier: BSD-2-Clause */
/* From power-on to the first guest instruction: a table of contents of the hypervisor. */
#include "core/hart.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/timer.h"
#include "dev/terminal.h"
#include "drivers/host_net.h"
#include "drivers/host_trace.h"
#include "drivers/host_virtio.h"
#include "lib/string.h"
#include "mem/canary.h"
#include "mem/hyp_map.h"
#include "mem/page.h"
#include "mem/ram_pool.h"
#include "monitor/monitor.h"
#include "net/switch.h"
#include "platform/qemu-virt/machine.h"
#include "platform/qemu-virt/plic.h"
#include "platform/qemu-virt/uart.h"
#include "riscv/firmware.h"
#include "riscv/io.h"
#include "riscv/sbi_abi.h"
#include "run/run.h"
#include "vcpu/interrupts.h"
#include "vcpu/sched.h"
#include "vm/catalog.h"
#include "vm/guest_dt.h"
#include "vm/vm.h"

#define MMIO_PAGE	   4096UL
#define MIN_RAM		   MIB(32)
#define POOL_DIVISOR	   32 /* of the RAM, the hypervisor keeps so much for itself, within bounds */
#define POOL_MIN	   MIB(8)
#define TEST_PANIC_NS	   500000000
#define TEST_PANIC_ADDRESS 0x2000000000 /* nothing is mapped there */
#define START_PATIENCE_NS  100000000	/* for a hart that does not start at once */
#define ONLINE_PATIENCE_NS 2000000000	/* for those that were started */

/* boot/start.S */
void start_secondary(void);
void continue_on_stack(u64 stack, void (*function)(void)) __attribute__((noreturn));

/* Set when struct harts can be found by their ids; read by boot/start.S. */
extern u32 harts_are_ready;
u32 harts_are_ready;

/* called by boot/start.S */
void boot_main(u64 hartid, hpa_t device_tree) __attribute__((noreturn));
void boot_secondary(void) __attribute__((noreturn));

extern char image_text_start[], image_rodata_end[], image_end[];

static void __attribute__((noreturn)) refuse(const char *why)
{
	uart_make_last_effort();
	log_error("cannot start: %s", why);
	machine_exit(EXIT_REFUSED);
}

/* The range of RAM that holds the image; the pool is behind the image in it. */
static const struct machine_range *image_range(void)
{
	u64 start = (u64)image_text_start;

	for (unsigned i = 0; i < machine.nr_ram; i++) {
		if (start - machine.ram[i].start.v < machine.ram[i].size)
			return &machine.ram[i];
	}
	refuse("the hypervisor's image is not in any RAM that the device tree tells of");
}

/* What does not belong to the image, the pool, the firmware or the boot loader can be guests'. */
static void init_memory(void)
{
	const struct machine_range *range = image_range();
	u64 pool = (u64)image_end, pool_size;

	pool_size = ALIGN_DOWN(range->size / POOL_DIVISOR, PAGE_SIZE);
	pool_size = MIN(MAX(pool_size, POOL_MIN), PAGE_POOL_MAX);
	if (range->size < MIN_RAM || pool + pool_size > range->start.v + range->size)
		refuse("the machine has too little memory; with QEMU, use -m 256M or more");
	pool_size = ALIGN_UP(pool + pool_size, RAM_GRANULE) - pool;
	page_pool_init((void *)pool, MIN(pool_size, PAGE_POOL_MAX));

	for (unsigned i = 0; i < machine.nr_ram; i++)
		ram_pool_add(machine.ram[i].start, machine.ram[i].size);
	ram_pool_reserve(HPA(WINDOW_SIZE),
			 UINT64_MAX - WINDOW_SIZE); /* out of the window's reach */
	for (unsigned i = 0; i < machine.nr_reserved; i++)
		ram_pool_reserve(machine.reserved[i].start, machine.reserved[i].size);
	/* The firmware below the image may not tell of all that it uses. */
	ram_pool_reserve(range->start, pool + pool_size - range->start.v);
	ram_pool_reserve(machine.device_tree.start, machine.device_tree.size);
	ram_pool_reserve(machine.payload.start, machine.payload.size);
	hyp_map_init((void *)pool, MIN(pool_size, PAGE_POOL_MAX));
}

static void map_one_to_one(hpa_t start, u64 size, u64 permissions)
{
	u64 first = ALIGN_DOWN(start.v, MMIO_PAGE), end = ALIGN_UP(start.v + size, MMIO_PAGE);

	if (size)
		hyp_map(first, HPA(first), end - first, permissions);
}

static void map_machine(void)
{
	struct ram_piece range;

	map_one_to_one(machine.uart, MMIO_PAGE, MAP_RW);
	map_one_to_one(machine.plic, machine.plic_size, MAP_RW);
	if (machine.test.v)
		map_one_to_one(machine.test, MMIO_PAGE, MAP_RW);
	if (machine.rtc.v)
		map_one_to_one(machine.rtc, MMIO_PAGE, MAP_RW);
	for (unsigned i = 0; i < machine.nr_virtio; i++)
		map_one_to_one(machine.virtio[i].base, MMIO_PAGE, MAP_RW);
	map_one_to_one(machine.device_tree.start, machine.device_tree.size, MAP_R);
	map_one_to_one(machine.payload.start, machine.payload.size, MAP_R);
	for (unsigned i = 0; ram_pool_range(i, &range); i++) {
		hyp_map(WINDOW_BASE + range.start.v, range.start, range.size, MAP_RW);
	}
}

static bool option_is(const char *name, const char *value)
{
	const char *word = machine_option(name);
	size_t length = strlen(value);

	return word && strncmp(word, value, length) == 0 && (word[length] | ' ') == ' ';
}

/* A stack with a page below it that is not mapped: what overflows it is caught. */
static u64 new_stack(u64 size)
{
	u8 *pages = page_alloc(page_order(size + PAGE_SIZE));

	if (!pages)
		refuse("the hypervisor's own memory is too small for so many harts");
	hyp_unmap_page((u64)pages);
	return (u64)pages + PAGE_SIZE + size;
}

static void init_harts(void)
{
	bool traces = !option_is("trace", "off");

	nr_harts = machine.nr_harts;
	for_each_hart (hart) {
		hart->index = (unsigned)(hart - harts);
		hart->id = machine.harts[hart->index].id;
		hart->plic_context = machine.harts[hart->index].plic_context;
		hart->stack = new_stack(HART_STACK_SIZE);
		hart->emergency_stack = new_stack(HART_EMERGENCY_STACK_SIZE);
		if (traces)
			hart->trace.memory = page_alloc(page_order(TRACE_RING_SIZE));
	}
}

/* What every hart does for itself. */
static void init_this_hart(void)
{
	struct hart *hart = this_hart();

	hyp_map_enable();
	timer_queue_init(&hart->timers);
	vcpu_init_hart();
	interrupts_init_hart();
	__atomic_store_n(&hart->online, true, __ATOMIC_RELEASE);
}

static bool is_online(const struct hart *hart)
{
	return __atomic_load_n(&hart->online, __ATOMIC_ACQUIRE);
}

/* Firmware may refuse a hart that is still on its way to where it waits: it is asked again. */
static void start_hart(struct hart *hart)
{
	u64 patience = time_now() + time_from_ns(START_PATIENCE_NS);
	struct sbi_ret ret;

	do {
		ret = firmware_hart_start(hart->id, HPA((u64)start_secondary), (u64)hart);
	} while (ret.error && !is_online(hart) && time_now() < patience);
	if (ret.error && !is_online(hart))
		log_warn("hart %lu does not start (SBI error %ld); going on without it", hart->id,
			 ret.error);
}

static void start_other_harts(void)
{
	u64 patience;

	__atomic_store_n(&harts_are_ready, 1, __ATOMIC_RELEASE);
	for_each_hart (hart) {
		if (hart != this_hart())
			start_hart(hart);
	}
	/* VMs may be limited to some of them. */
	patience = time_now() + time_from_ns(ONLINE_PATIENCE_NS);
	for_each_hart (hart) {
		while (!is_online(hart) && time_now() < patience)
			;
	}
}

static void show_machine(void)
{
	u64 ram = 0;

	for (unsigned i = 0; i < machine.nr_ram; i++)
		ram += machine.ram[i].size;
	log_info("Doppel on %s: %u harts, %lu MiB RAM, %lu MiB of it for guests", machine.model,
		 nr_harts, ram >> 20, ram_pool_free() >> 20);
	log_info("%s", machine.isa);
	if (machine.nr_harts_left_out)
		log_warn("%u more harts are left alone: Doppel uses %d at most",
			 machine.nr_harts_left_out, MACHINE_MAX_HARTS);
}

static void show_vm(const struct vm *vm)
{
	log_info("vm %s: %u vCPUs, %lu MiB RAM in %u pieces%s%s", vm->name, vm->nr_vcpus,
		 vm->memory.size >> 20, vm->memory.nr_pieces,
		 vm->description.bootargs[0] ? ", " : "", vm->description.bootargs);
}

/* All of the description is checked before anything is created. */
static void open_catalog(void)
{
	struct fdt fdt;
	char error[VM_ERROR_SIZE];

	if (!machine.payload.size)
		refuse("there is no description of VMs; start with ./doppel run, or give QEMU one "
		       "with -initrd (docs/vm-description.md)");
	if (fdt_open(&fdt, (const void *)machine.payload.start.v, machine.payload.size) != FDT_OK)
		refuse("the description of VMs is no device tree blob; compile it with dtc");
	catalog_open(&fdt);
	if (catalog_check(error))
		refuse(error);
}

static void create_vms(void)
{
	const char *name;
	int at = FDT_NONE;

	while ((name = catalog_next(&at)) != NULL) {
		struct vm_description description;
		char error[VM_ERROR_SIZE];
		const char *problem = catalog_read(name, &description, error);
		struct vm *vm;

		if (!problem && description.autostart)
			problem = vm_create(&description, name, &vm);
		if (problem) {
			log_error("VM %s: %s", name, problem);
			refuse("a VM cannot be created");
		}
	}
}

static void init_terminal(void)
{
	terminal_init(!option_is("consoles", "focus"), option_is("escape", "on"));
	monitor_init();
}

/* Who is in front of the terminal: the script, else the first VM, else the user of the monitor. */
static void choose_focus(void)
{
	const char *script = catalog_script();

	if (vms[0])
		terminal_focus(&vms[0]->console);
	if (script)
		monitor_set_script(script, strlen(script));
	else if (!vms[0] && option_is("escape", "on"))
		terminal_open_monitor();
	else if (!vms[0])
		refuse("no VM of the description has the property autostart");
}

static void start_vms(void)
{
	interrupts_enable(machine.uart_irq, terminal_interrupt, this_hart(), false);
	uart_enable_input_interrupt(true);
	for_each_vm (vm)
		show_vm(vm);
	for_each_vm (vm)
		vm_start(vm);
}

/* For the test of what a panic shows: a bug that no guest can have part in. */
static void test_panic(void)
{
	u64 later = time_now() + time_from_ns(TEST_PANIC_NS);

	while (time_now() < later)
		; /* the other harts run the guests meanwhile */
	*(volatile u32 *)TEST_PANIC_ADDRESS = 0;
}

/* Before any VM is: it begins with what the machine is, and has every exit of all of them. */
static void init_trace(void)
{
	const char *problem = NULL;

	if (option_is("trace", "host"))
		problem = host_trace_init();
	if (problem)
		refuse(problem);
}

static struct hart *next_online(struct hart *hart)
{
	do {
		hart = hart + 1 < harts + nr_harts ? hart + 1 : harts;
	} while (!is_online(hart));
	return hart;
}

/* The boot hart has the serial port: the interrupts of the other devices begin with its neighbour.
 */
static void init_devices(void)
{
	struct hart *hart = this_hart();

	host_virtio_init();
	if (host_net_get(0) && switch_get(SWITCH_NAT))
		switch_set_uplink(switch_get(SWITCH_NAT), 0);
	for (unsigned i = 0; i < machine.nr_virtio; i++) {
		if (!host_virtio_is_used(i))
			continue;
		hart = next_online(hart);
		interrupts_enable(machine.virtio[i].irq, host_virtio_interrupt, hart, true);
	}
}

static void boot_on_own_stack(void)
{
	init_this_hart();
	guest_dt_seed(machine.rng_seed, machine.rng_seed_size);
	start_other_harts();
	show_machine();
	init_devices();
	init_trace();
	open_catalog();
	init_terminal();
	create_vms();
	if (machine_option("canary"))
		canary_plant(image_text_start, (u64)(image_rodata_end - image_text_start));
	run_set_all_over(monitor_vms_over);
	choose_focus();
	start_vms();
	if (machine_option("test-panic"))
		test_panic();
	run_hart();
}

void boot_main(u64 hartid, hpa_t device_tree)
{
	const char *problem;

	harts[0].id = hartid;
	nr_harts = 1;
	problem = machine_probe(device_tree, hartid);
	uart_init(machine.uart);
	if (machine_option("log") && !log_set_level(machine_option("log")))
		log_warn("log=%s is none of error, warn, info, debug", machine_option("log"));
	if (problem)
		refuse(problem);
	if (!firmware_has(SBI_EXT_HSM) || !firmware_has(SBI_EXT_TIME) || !firmware_has(SBI_EXT_IPI))
		refuse("the firmware is too old: its SBI lacks HSM, TIME or IPI");
	init_memory();
	map_machine();
	hyp_map_enable();
	plic_init(machine.plic);
	init_harts();
	timer_probe();
	tlb_probe();
	vcpu_probe();
	sched_init();
	continue_on_stack(this_hart()->stack, boot_on_own_stack);
}

void boot_secondary(void)
{
	init_this_hart();
	run_hart();
}
