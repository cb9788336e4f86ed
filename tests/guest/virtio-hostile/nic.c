/* SPDX-License-Identifier: BSD-2-Clause */
/* Network interfaces: frames, one at a time, of a form that says whether they are whole. */
#include "hostile.h"

enum { RX, TX };

void nic_address(u8 mac[6], u8 last)
{
	const u8 address[6] = { 0x52, 0x54, 0, 0, 0, last };

	memcpy(mac, address, sizeof(address));
}

static void offer_buffer(struct nic *nic, u16 number)
{
	virtq_set(&nic->rx, number, nic->received[number], NIC_BUFFER, VIRTQ_WRITE, 0);
	virtq_offer(&nic->rx, number);
}

bool nic_open(struct nic *nic, unsigned number, u64 features)
{
	if (!virtio_find(VIRTIO_NET, number, &nic->device) ||
	    !virtio_negotiate(&nic->device, VIRTIO_F_VERSION_1 | features))
		return false;
	for (unsigned i = 0; i < sizeof(nic->mac); i++)
		nic->mac[i] = *(volatile u8 *)(nic->device.base + VIRTIO_CONFIG + i);
	virtq_start(&nic->rx, &nic->device, RX, NIC_BUFFERS);
	virtq_start(&nic->tx, &nic->device, TX, NIC_BUFFERS);
	for (u16 i = 0; i < NIC_BUFFERS; i++)
		offer_buffer(nic, i);
	nic->is_held = false;
	virtio_go(&nic->device);
	virtio_notify(&nic->device, RX);
	return true;
}

static u8 fill_byte(u64 number, u32 at)
{
	return (u8)((number + at) * 0x9e3779b97f4a7c15UL >> 56);
}

struct frame *nic_frame(struct nic *nic, const u8 to[6], u8 kind, u64 number, u32 size)
{
	struct frame *frame = (struct frame *)(nic->sent + NIC_HEADER);

	memset(nic->sent, 0, NIC_HEADER);
	memcpy(frame->to, to, sizeof(frame->to));
	memcpy(frame->from, nic->mac, sizeof(frame->from));
	frame->type = ETHERTYPE;
	frame->kind = kind;
	frame->number = number;
	for (u32 i = 0; i < size - sizeof(*frame); i++)
		frame->fill[i] = fill_byte(number, i);
	return frame;
}

bool nic_is_whole(const struct frame *frame, u32 size)
{
	if (size < sizeof(*frame) || frame->type != ETHERTYPE)
		return false;
	for (u32 i = 0; i < size - sizeof(*frame); i++) {
		if (frame->fill[i] != fill_byte(frame->number, i))
			return false;
	}
	return true;
}

bool nic_send(struct nic *nic, const struct frame *frame, u32 size)
{
	static const u8 header[NIC_HEADER];
	struct virtq_used used;

	virtq_set(&nic->tx, 0, header, NIC_HEADER, VIRTQ_NEXT, 1);
	virtq_set(&nic->tx, 1, frame, size, 0, 0);
	virtq_offer(&nic->tx, 0);
	virtio_notify(&nic->device, TX);
	return virtq_wait(&nic->tx, &used);
}

const struct frame *nic_receive(struct nic *nic, u32 *size)
{
	struct virtq_used used;

	if (nic->is_held) {
		offer_buffer(nic, nic->held);
		virtio_notify(&nic->device, RX);
	}
	nic->is_held = virtq_take(&nic->rx, &used);
	if (!nic->is_held)
		return NULL;
	nic->held = (u16)used.head;
	*size = used.written - NIC_HEADER;
	return (const struct frame *)(nic->received[used.head] + NIC_HEADER);
}
