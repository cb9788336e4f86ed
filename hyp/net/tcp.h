/* SPDX-License-Identifier: BSD-2-Clause */
/* The TCP header (RFC 9293): offsets into it, and flags. */
#ifndef DOPPEL_NET_TCP_H
#define DOPPEL_NET_TCP_H

#define TCP_MIN_HEADER	20U
#define TCP_SEQUENCE	4U
#define TCP_ACK_NUMBER	8U
#define TCP_DATA_OFFSET 12U
#define TCP_FLAGS	13U
#define TCP_WINDOW	14U
#define TCP_CHECKSUM	16U
#define TCP_URGENT	18U

#define TCP_FIN 0x01U
#define TCP_PSH 0x08U
#define TCP_ACK 0x10U
#define TCP_CWR 0x80U

#endif
