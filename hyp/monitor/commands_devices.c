/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands about the virtio devices of VMs: what driver and device have agreed on, and done. */
#include "lib/string.h"
#include "monitor/commands.h"
#include "virtio/balloon.h"
#include "vm/virtio.h"

/* --- Names of bits */

struct bit_name {
	u64 bit;
	const char *name;
};

static const struct bit_name status_names[] = {
	{ VIRTIO_ACKNOWLEDGE, "acknowledge" },
	{ VIRTIO_DRIVER, "driver" },
	{ VIRTIO_FEATURES_OK, "features-ok" },
	{ VIRTIO_DRIVER_OK, "driver-ok" },
	{ VIRTIO_NEEDS_RESET, "needs-reset" },
	{ VIRTIO_FAILED, "failed" },
	{ 0, NULL },
};

static const struct bit_name common_names[] = {
	{ VIRTIO_F_INDIRECT_DESC, "indirect" },
	{ VIRTIO_F_EVENT_IDX, "event-idx" },
	{ VIRTIO_F_VERSION_1, "version-1" },
	{ VIRTIO_F_RING_RESET, "ring-reset" },
	{ 0, NULL },
};

static const struct bit_name net_names[] = {
	{ VIRTIO_NET_F_CSUM, "csum" },
	{ VIRTIO_NET_F_GUEST_CSUM, "guest-csum" },
	{ VIRTIO_NET_F_MTU, "mtu" },
	{ VIRTIO_NET_F_MAC, "mac" },
	{ VIRTIO_NET_F_GUEST_TSO4, "guest-tso4" },
	{ VIRTIO_NET_F_GUEST_TSO6, "guest-tso6" },
	{ VIRTIO_NET_F_HOST_TSO4, "host-tso4" },
	{ VIRTIO_NET_F_HOST_TSO6, "host-tso6" },
	{ VIRTIO_NET_F_MRG_RXBUF, "mergeable" },
	{ VIRTIO_NET_F_STATUS, "status" },
	{ VIRTIO_NET_F_CTRL_VQ, "control" },
	{ VIRTIO_NET_F_CTRL_RX, "control-rx" },
	{ VIRTIO_NET_F_CTRL_MAC, "control-mac" },
	{ 0, NULL },
};

static const struct bit_name block_names[] = {
	{ VIRTIO_BLK_F_SEG_MAX, "seg-max" },
	{ VIRTIO_BLK_F_RO, "read-only" },
	{ VIRTIO_BLK_F_BLK_SIZE, "blk-size" },
	{ VIRTIO_BLK_F_FLUSH, "flush" },
	{ VIRTIO_BLK_F_MQ, "multiqueue" },
	{ VIRTIO_BLK_F_DISCARD, "discard" },
	{ VIRTIO_BLK_F_TOPOLOGY, "topology" },
	{ VIRTIO_BLK_F_WRITE_ZEROES, "write-zeroes" },
	{ 0, NULL },
};

static const struct bit_name console_names[] = {
	{ VIRTIO_CONSOLE_F_SIZE, "size" },
	{ VIRTIO_CONSOLE_F_MULTIPORT, "multiport" },
	{ 0, NULL },
};

static const struct bit_name balloon_names[] = {
	{ VIRTIO_BALLOON_F_MUST_TELL_HOST, "must-tell-host" },
	{ VIRTIO_BALLOON_F_REPORTING, "reporting" },
	{ 0, NULL },
};

static const struct bit_name *names_of(const struct virtio_device *device)
{
	static const struct bit_name none[] = { { 0, NULL } };

	switch (device->ops->id) {
	case VIRTIO_ID_NET: return net_names;
	case VIRTIO_ID_BLOCK: return block_names;
	case VIRTIO_ID_CONSOLE: return console_names;
	case VIRTIO_ID_BALLOON: return balloon_names;
	default: return none;
	}
}

/* In words; json NULL: printed. What has no name is shown as a number. */
static void show_bits(struct json *json, u64 bits, const struct bit_name *names)
{
	for (; names->name; names++) {
		if (!(bits & names->bit))
			continue;
		if (json)
			json_string(json, NULL, names->name);
		else
			command_print(" %s", names->name);
	}
}

/* --- devices */

static u64 accesses_of(const struct virtio_device *device, struct vm *vm)
{
	const struct mmio_region *region = mmio_bus_find(&vm->bus, device->base);

	return region ? region->accesses : 0;
}

static void print_value(void *ctx, const char *name, u64 value)
{
	(void)ctx;
	command_print("  %s %lu\n", name, value);
}

static u64 bytes_of(const struct virtio_device *device)
{
	u64 bytes = 0;

	for (unsigned i = 0; i < device->nr_queues; i++)
		bytes += device->queues[i].bytes;
	return bytes;
}

static void print_queue(const struct virtq *q, unsigned index)
{
	if (!q->s.is_ready && !q->chains)
		return;
	command_print("  queue %u   size %u, %s; next available %u, next used %u\n", index,
		      q->s.size,
		      q->broken	      ? q->broken
		      : q->s.is_ready ? "ready"
				      : "not in use",
		      q->s.next_avail, q->s.next_used);
	command_print("            chains %lu, bytes %lu, notifications %lu, interrupts %lu\n",
		      q->chains, q->bytes, q->notifications, q->interrupts);
}

static void print_device(struct vm *vm, struct virtio_device *device)
{
	u64 accesses = accesses_of(device, vm), bytes = bytes_of(device);

	command_print("%s: %s at 0x%lx, interrupt %u\n", device->name, device->ops->type,
		      device->base.v, device->irq);
	command_print("  status   ");
	show_bits(NULL, device->s.status, status_names);
	if (device->why[0])
		command_print(" (%s)", device->why);
	command_print("\n  features ");
	show_bits(NULL, device->s.driver_features, names_of(device));
	show_bits(NULL, device->s.driver_features, common_names);
	command_print("\n  exits     %lu", accesses);
	if (bytes >> 20)
		command_print(", %lu.%02lu a MiB", accesses / (bytes >> 20),
			      accesses % (bytes >> 20) * 100 / (bytes >> 20));
	command_print("\n");
	for (unsigned i = 0; i < device->nr_queues; i++)
		print_queue(&device->queues[i], i);
	if (device->ops->show)
		device->ops->show(device, print_value, NULL);
}

static void json_value(void *ctx, const char *name, u64 value)
{
	json_number(ctx, name, value);
}

static void json_queue(struct json *json, const struct virtq *q)
{
	json_begin_object(json, NULL);
	json_bool(json, "ready", q->s.is_ready);
	json_string(json, "broken", q->broken);
	json_number(json, "size", q->s.size);
	json_number(json, "next_available", q->s.next_avail);
	json_number(json, "next_used", q->s.next_used);
	json_number(json, "chains", q->chains);
	json_number(json, "bytes", q->bytes);
	json_number(json, "notifications", q->notifications);
	json_number(json, "interrupts", q->interrupts);
	json_end_object(json);
}

static void json_device(struct json *json, struct vm *vm, struct virtio_device *device)
{
	json_begin_object(json, NULL);
	json_string(json, "name", device->name);
	json_string(json, "type", device->ops->type);
	json_number(json, "address", device->base.v);
	json_number(json, "interrupt", device->irq);
	json_begin_array(json, "status");
	show_bits(json, device->s.status, status_names);
	json_end_array(json);
	json_string(json, "needs_reset", device->why[0] ? device->why : NULL);
	json_begin_array(json, "features");
	show_bits(json, device->s.driver_features, names_of(device));
	show_bits(json, device->s.driver_features, common_names);
	json_end_array(json);
	json_number(json, "exits", accesses_of(device, vm));
	json_begin_array(json, "queues");
	for (unsigned i = 0; i < device->nr_queues; i++)
		json_queue(json, &device->queues[i]);
	json_end_array(json);
	json_begin_object(json, "counters");
	if (device->ops->show)
		device->ops->show(device, json_value, json);
	json_end_object(json);
	json_end_object(json);
}

/* Takes no lock: while a VM runs, numbers may be of moments that are slightly apart. */
static enum command_result show_devices(struct vm *vm, struct virtio_device *only)
{
	struct json json = command_json();

	if (command_wants_json())
		json_begin_array(&json, NULL);
	for (unsigned i = 0; i < vm->nr_virtio; i++) {
		struct virtio_device *device = vm->virtio[i];

		if (only && device != only)
			continue;
		if (command_wants_json())
			json_device(&json, vm, device);
		else
			print_device(vm, device);
	}
	if (command_wants_json()) {
		json_end_array(&json);
		command_print("\n");
	} else if (!vm->nr_virtio) {
		command_print("%s has no virtio devices\n", vm->name);
	}
	return COMMAND_DONE;
}

enum command_result command_devices(const struct words *words)
{
	struct virtio_device *only = NULL;
	struct vm *vm;

	if (words->count == 1)
		return command_switches();
	vm = command_vm(words->word[1]);
	if (!vm)
		return COMMAND_FAILED;
	if (words->count > 2) {
		only = vm_virtio_find(vm, words->word[2]);
		if (!only)
			return command_fail("%s has no virtio device \"%s\"; devices %s lists them",
					    vm->name, words->word[2], vm->name);
	}
	return show_devices(vm, only);
}

/* --- balloon */

static struct virtio_device *find_balloon(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_virtio; i++) {
		if (vm->virtio[i]->ops->id == VIRTIO_ID_BALLOON)
			return vm->virtio[i];
	}
	return NULL;
}

enum command_result command_balloon(const struct words *words)
{
	struct vm *vm = command_vm(words->word[1]);
	struct virtio_device *balloon;
	u64 size;

	if (!vm)
		return COMMAND_FAILED;
	balloon = find_balloon(vm);
	if (!balloon)
		return command_fail("%s has no balloon; describe one (compatible = "
				    "\"doppel,balloon\")",
				    vm->name);
	if (!command_size(words->word[2], &size) || size > vm->memory.size)
		return command_fail("\"%s\" is no size up to that of its memory; 64M asks for 64 "
				    "MiB, 0 gives all back",
				    words->word[2]);
	virtio_balloon_set_target(balloon, size);
	command_print("%s: asked to give %lu MiB; devices %s %s shows what it gives\n", vm->name,
		      size >> 20, vm->name, balloon->name);
	return COMMAND_DONE;
}
