/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver that breaks the rules of virtio, and the neighbour that must not notice: two VMs with
 * disks on one base and interfaces on one switch (tests/vms/hostile.t). The VM's bootargs say which
 * it is. The hostile one prints a line for each case, DEVICE: WHAT IT DID: WHAT CAME OF IT, which
 * are those of the file expect; and BAD, where the device is not as before afterwards.
 */
#include "fdt.h"
#include "hostile.h"
#include "sbi.h"

static struct nic nic, watch;

void require(bool good, const char *what)
{
	if (!good)
		check(good, what);
}

void outcome(const char *device, const char *what, const char *how)
{
	print("%s: %s: %s\n", device, what, how);
}

/* Says so until the neighbour answers. */
static bool tell_neighbour(u8 kind)
{
	u8 to[6];

	nic_address(to, NEIGHBOUR_A);
	for (unsigned tries = 0; tries < 1000; tries++) {
		u64 start = rdtime();
		const struct frame *frame;
		u32 size;

		nic_send(&nic, nic_frame(&nic, to, kind, tries, 64), 64);
		while (rdtime() - start < 100 * MS) {
			frame = nic_receive(&nic, &size);
			if (frame && frame->kind == kind && nic_is_whole(frame, size))
				return true;
		}
	}
	return false;
}

static void hostile(void)
{
	attack_by_reboot();
	check(nic_open(&nic, 0, 0) && nic_open(&watch, 1, 0), "two interfaces");
	check(disk_works(), "a disk");
	check(tell_neighbour(HELLO), "the neighbour is there");
	attack_queues();
	attack_descriptors();
	attack_status();
	attack_registers();
	attack_under_load();
	attack_disk();
	attack_net(&nic, &watch);
	attack_console();
	attack_rng();
	attack_balloon();
	attack_from_two_harts(&nic);
	check(disk_works() && nic_open(&nic, 0, 0), "the devices work");
	check(tell_neighbour(FAREWELL), "the neighbour still answers");
	disk_open(&disk, 0, 0);
	disk_load(&disk); /* the VM ends in the middle of it */
}

/* No other VM's turn gives the hart a chance to see that the disk is done. */
static void alone(void)
{
	attack_by_reboot();
	check(disk_works(), "a disk");
	attack_under_load();
}

void guest_main(void)
{
	struct fdt_property role;

	if (!fdt_find(boot_fdt, "/chosen", "bootargs", &role))
		print("BAD no role in the bootargs\n");
	else if (strcmp((const char *)role.data, "neighbour") == 0)
		neighbour();
	else if (strcmp((const char *)role.data, "alone") == 0)
		alone();
	else
		hostile();
	sbi_shutdown(SBI_SRST_NO_REASON);
}
