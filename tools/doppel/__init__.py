# SPDX-License-Identifier: BSD-2-Clause
"""The launcher of the Doppel hypervisor: python standard library only."""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.path.join(ROOT, "build")
HYPERVISOR = os.path.join(BUILD, "doppel.elf")
GUEST_KERNEL = os.path.join(BUILD, "guest", "Image")
GUEST_INITRD = os.path.join(BUILD, "guest", "initramfs.cpio.gz")


class Refusal(Exception):
    """Wrong input or a missing piece: one sentence for the user, exit status 2, nothing started."""
