/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What driver and device agree on: numbers and layouts of virtio 1.2 (OASIS), by its sections. All
 * fields are little-endian, as the harts are.
 */
#ifndef DOPPEL_VIRTIO_ABI_H
#define DOPPEL_VIRTIO_ABI_H

#include "lib/types.h"

/* Device status (2.1). */
#define VIRTIO_ACKNOWLEDGE 1U
#define VIRTIO_DRIVER	   2U
#define VIRTIO_DRIVER_OK   4U
#define VIRTIO_FEATURES_OK 8U
#define VIRTIO_NEEDS_RESET 64U
#define VIRTIO_FAILED	   128U

/* Device ids (5). */
#define VIRTIO_ID_NET	  1U
#define VIRTIO_ID_BLOCK	  2U
#define VIRTIO_ID_CONSOLE 3U
#define VIRTIO_ID_RNG	  4U
#define VIRTIO_ID_BALLOON 5U

/* Features of all devices (6). */
#define VIRTIO_F_INDIRECT_DESC BIT(28)
#define VIRTIO_F_EVENT_IDX     BIT(29)
#define VIRTIO_F_VERSION_1     BIT(32)
#define VIRTIO_F_RING_RESET    BIT(40)

/* Split virtqueues (2.7). */
#define VIRTQ_DESC_NEXT	    1U
#define VIRTQ_DESC_WRITE    2U
#define VIRTQ_DESC_INDIRECT 4U

#define VIRTQ_AVAIL_NO_INTERRUPT 1U
#define VIRTQ_USED_NO_NOTIFY	 1U

struct virtq_desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};

struct virtq_used_elem {
	u32 id;
	u32 len;
};

/*
 * Available ring: u16 flags, u16 idx, u16 ring[size], u16 used_event. Used ring: u16 flags, u16
 * idx, struct virtq_used_elem ring[size], u16 avail_event.
 */
#define VIRTQ_RING_FLAGS 0U
#define VIRTQ_RING_IDX	 2U
#define VIRTQ_RING	 4U

#define VIRTQ_DESC_SIZE(size)  (16UL * (size))
#define VIRTQ_AVAIL_SIZE(size) (6UL + 2UL * (size))
#define VIRTQ_USED_SIZE(size)  (6UL + 8UL * (size))

/* Whether the other side wants to hear of the step from old to new (2.7.10). */
static inline bool virtq_need_event(u16 event, u16 new, u16 old)
{
	return (u16)(new - event - 1) < (u16)(new - old);
}

/* virtio-mmio registers (4.2.2). */
#define VIRTIO_MMIO_MAGIC		0x000U
#define VIRTIO_MMIO_VERSION		0x004U
#define VIRTIO_MMIO_DEVICE_ID		0x008U
#define VIRTIO_MMIO_VENDOR_ID		0x00cU
#define VIRTIO_MMIO_DEVICE_FEATURES	0x010U
#define VIRTIO_MMIO_DEVICE_FEATURES_SEL 0x014U
#define VIRTIO_MMIO_DRIVER_FEATURES	0x020U
#define VIRTIO_MMIO_DRIVER_FEATURES_SEL 0x024U
#define VIRTIO_MMIO_QUEUE_SEL		0x030U
#define VIRTIO_MMIO_QUEUE_NUM_MAX	0x034U
#define VIRTIO_MMIO_QUEUE_NUM		0x038U
#define VIRTIO_MMIO_QUEUE_READY		0x044U
#define VIRTIO_MMIO_QUEUE_NOTIFY	0x050U
#define VIRTIO_MMIO_INTERRUPT_STATUS	0x060U
#define VIRTIO_MMIO_INTERRUPT_ACK	0x064U
#define VIRTIO_MMIO_STATUS		0x070U
#define VIRTIO_MMIO_QUEUE_DESC_LOW	0x080U
#define VIRTIO_MMIO_QUEUE_DESC_HIGH	0x084U
#define VIRTIO_MMIO_QUEUE_DRIVER_LOW	0x090U
#define VIRTIO_MMIO_QUEUE_DRIVER_HIGH	0x094U
#define VIRTIO_MMIO_QUEUE_DEVICE_LOW	0x0a0U
#define VIRTIO_MMIO_QUEUE_DEVICE_HIGH	0x0a4U
#define VIRTIO_MMIO_SHM_SEL		0x0acU
#define VIRTIO_MMIO_SHM_LEN_LOW		0x0b0U
#define VIRTIO_MMIO_SHM_LEN_HIGH	0x0b4U
#define VIRTIO_MMIO_SHM_BASE_LOW	0x0b8U
#define VIRTIO_MMIO_SHM_BASE_HIGH	0x0bcU
#define VIRTIO_MMIO_QUEUE_RESET		0x0c0U
#define VIRTIO_MMIO_CONFIG_GENERATION	0x0fcU
#define VIRTIO_MMIO_CONFIG		0x100U

#define VIRTIO_MMIO_MAGIC_VALUE 0x74726976U /* "virt" */
#define VIRTIO_MMIO_MODERN	2U

#define VIRTIO_INTERRUPT_USED	1U
#define VIRTIO_INTERRUPT_CONFIG 2U

/* Block device (5.2). */
#define VIRTIO_BLK_F_SIZE_MAX	  BIT(1)
#define VIRTIO_BLK_F_SEG_MAX	  BIT(2)
#define VIRTIO_BLK_F_RO		  BIT(5)
#define VIRTIO_BLK_F_BLK_SIZE	  BIT(6)
#define VIRTIO_BLK_F_FLUSH	  BIT(9)
#define VIRTIO_BLK_F_TOPOLOGY	  BIT(10)
#define VIRTIO_BLK_F_CONFIG_WCE	  BIT(11)
#define VIRTIO_BLK_F_MQ		  BIT(12)
#define VIRTIO_BLK_F_DISCARD	  BIT(13)
#define VIRTIO_BLK_F_WRITE_ZEROES BIT(14)

#define VIRTIO_BLK_SECTOR 512U

struct virtio_blk_config {
	u64 capacity; /* sectors of 512 bytes */
	u32 size_max, seg_max;
	u16 cylinders;
	u8 heads, sectors;
	u32 blk_size;
	u8 physical_block_exp, alignment_offset;
	u16 min_io_size;
	u32 opt_io_size;
	u8 writeback, unused0;
	u16 num_queues;
	u32 max_discard_sectors, max_discard_seg, discard_sector_alignment;
	u32 max_write_zeroes_sectors, max_write_zeroes_seg;
	u8 write_zeroes_may_unmap, unused1[3];
};
_Static_assert(sizeof(struct virtio_blk_config) == 64, "as in 5.2.4, padded to its alignment");

#define VIRTIO_BLK_T_IN		  0U
#define VIRTIO_BLK_T_OUT	  1U
#define VIRTIO_BLK_T_FLUSH	  4U
#define VIRTIO_BLK_T_GET_ID	  8U
#define VIRTIO_BLK_T_DISCARD	  11U
#define VIRTIO_BLK_T_WRITE_ZEROES 13U

#define VIRTIO_BLK_ID_SIZE 20U

struct virtio_blk_header {
	u32 type, reserved;
	u64 sector;
};

struct virtio_blk_range {
	u64 sector;
	u32 num_sectors, flags;
};

#define VIRTIO_BLK_RANGE_UNMAP 1U

#define VIRTIO_BLK_S_OK	    0U
#define VIRTIO_BLK_S_IOERR  1U
#define VIRTIO_BLK_S_UNSUPP 2U

/* Network device (5.1). */
#define VIRTIO_NET_F_CSUM	BIT(0)
#define VIRTIO_NET_F_GUEST_CSUM BIT(1)
#define VIRTIO_NET_F_MTU	BIT(3)
#define VIRTIO_NET_F_MAC	BIT(5)
#define VIRTIO_NET_F_GUEST_TSO4 BIT(7)
#define VIRTIO_NET_F_GUEST_TSO6 BIT(8)
#define VIRTIO_NET_F_HOST_TSO4	BIT(11)
#define VIRTIO_NET_F_HOST_TSO6	BIT(12)
#define VIRTIO_NET_F_MRG_RXBUF	BIT(15)
#define VIRTIO_NET_F_STATUS	BIT(16)
#define VIRTIO_NET_F_CTRL_VQ	BIT(17)
#define VIRTIO_NET_F_CTRL_RX	BIT(18)
#define VIRTIO_NET_F_CTRL_VLAN	BIT(19)
#define VIRTIO_NET_F_MQ		BIT(22)
#define VIRTIO_NET_F_CTRL_MAC	BIT(23)

struct virtio_net_config {
	u8 mac[6];
	u16 status;
	u16 max_virtqueue_pairs;
	u16 mtu;
};

#define VIRTIO_NET_S_LINK_UP 1U

struct virtio_net_header {
	u8 flags, gso_type;
	u16 hdr_len, gso_size, csum_start, csum_offset;
	u16 num_buffers;
};
_Static_assert(sizeof(struct virtio_net_header) == 12, "5.1.6");

#define VIRTIO_NET_HDR_NEEDS_CSUM 1U
#define VIRTIO_NET_HDR_DATA_VALID 2U

#define VIRTIO_NET_GSO_NONE  0U
#define VIRTIO_NET_GSO_TCPV4 1U
#define VIRTIO_NET_GSO_TCPV6 4U
#define VIRTIO_NET_GSO_ECN   0x80U

#define VIRTIO_NET_OK  0U
#define VIRTIO_NET_ERR 1U

/* Console device (5.3). */
#define VIRTIO_CONSOLE_F_SIZE	     BIT(0)
#define VIRTIO_CONSOLE_F_MULTIPORT   BIT(1)
#define VIRTIO_CONSOLE_F_EMERG_WRITE BIT(2)

struct virtio_console_config {
	u16 cols, rows;
	u32 max_nr_ports, emerg_wr;
};

struct virtio_console_control {
	u32 id;
	u16 event, value;
};

#define VIRTIO_CONSOLE_DEVICE_READY  0U
#define VIRTIO_CONSOLE_DEVICE_ADD    1U
#define VIRTIO_CONSOLE_DEVICE_REMOVE 2U
#define VIRTIO_CONSOLE_PORT_READY    3U
#define VIRTIO_CONSOLE_CONSOLE_PORT  4U
#define VIRTIO_CONSOLE_RESIZE	     5U
#define VIRTIO_CONSOLE_PORT_OPEN     6U
#define VIRTIO_CONSOLE_PORT_NAME     7U

/* Memory balloon (5.5). */
#define VIRTIO_BALLOON_F_MUST_TELL_HOST BIT(0)
#define VIRTIO_BALLOON_F_STATS_VQ	BIT(1)
#define VIRTIO_BALLOON_F_DEFLATE_ON_OOM BIT(2)
#define VIRTIO_BALLOON_F_FREE_PAGE_HINT BIT(3)
#define VIRTIO_BALLOON_F_PAGE_POISON	BIT(4)
#define VIRTIO_BALLOON_F_REPORTING	BIT(5)

struct virtio_balloon_config {
	u32 num_pages, actual; /* of 4 KiB */
	u32 free_page_hint_cmd_id, poison_val;
};

#endif
