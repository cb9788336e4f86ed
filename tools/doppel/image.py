# SPDX-License-Identifier: BSD-2-Clause
"""Guest payloads: what a file is, whether it is whole, and how much guest memory it takes."""

import os
import struct
import zlib

from . import BUILD, Refusal
from .sizes import GIB, MIB, round_up, text

RAM_BASE = 0x80000000           # of every guest, as on QEMU virt
FLAT_OFFSET = 2 * MIB           # where a flat binary is loaded, from the start of RAM
MAX_UNPACKED = 2 * GIB          # a compressed kernel that yields more is no kernel
MAX_NEED = 512 * GIB            # more than any VM can have

GZIP_MAGIC = b"\x1f\x8b"
ELF_MAGIC = b"\x7fELF"
LINUX_RISCV_MAGIC = b"RSC\x05"  # at 0x38: Documentation/arch/riscv/boot-image-header.rst
LINUX_ARM64_MAGIC = b"ARM\x64"  # at the same place
EM_RISCV = 243
ET_EXEC, ET_DYN = 2, 3
PT_LOAD = 1

# Magic bytes of what is not what it should be, and what to do instead: of any file, of a kernel.
COMPRESSED = (
    (b"\xfd7zXZ\0", "is compressed with xz", "decompress it with \"xz -d\""),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd", "decompress it with \"zstd -d\""),
    (b"BZh", "is compressed with bzip2", "decompress it with \"bzip2 -d\""),
    (b"\x02\x21\x4c\x18", "is compressed with lz4", "decompress it with \"lz4 -d\""),
    (b"\x04\x22\x4d\x18", "is compressed with lz4", "decompress it with \"lz4 -d\""),
)
STRANGERS = COMPRESSED + (
    (b"\x27\x05\x19\x56", "is a U-Boot uImage", "give the kernel it was made from"),
    (b"\xd0\x0d\xfe\xed", "is a device tree blob or FIT image", "give a kernel"),
    (b"!<arch>\n", "is an archive or a Debian package", "unpack it and give the kernel in it"),
    (b"#!", "is a script", "give a kernel"),
    (b"070701", "is a cpio archive", "give a kernel here, and this file as the initrd"),
)


class Image:
    """A checked payload. `end` is the first guest RAM offset after it once loaded."""

    def __init__(self, kind, data, end):
        self.kind = kind
        self.data = data
        self.end = end


def check_readable(path, what):
    """Refuses a payload file that does not exist, holds nothing or cannot be read."""
    if not os.path.exists(path):
        raise Refusal("%s: %s does not exist: %s" % (what, path, how_to_get(path)))
    if os.path.isdir(path):
        raise Refusal("%s: %s is a directory: give a file" % (what, path))
    if not os.path.isfile(path):
        raise Refusal("%s: %s is a device or a pipe: give a file" % (what, path))
    if not os.path.getsize(path):
        raise Refusal("%s: %s is empty: get or build it again" % (what, path))
    if not os.access(path, os.R_OK):
        raise Refusal("%s: %s cannot be read: check its permissions" % (what, path))


def how_to_get(path):
    """What to do about a file that does not exist."""
    debian = os.path.join(BUILD, "guest", "debian")
    return "run make debian" if os.path.realpath(path).startswith(debian) else "check the path"


def read_file(path, what):
    """The bytes of a payload file."""
    check_readable(path, what)
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise Refusal("%s: %s cannot be read (%s): check its permissions"
                      % (what, path, error.strerror))


def _inflate(data, keep):
    """Unpacks the first gzip member. Returns what it held, or the reason why it cannot."""
    engine = zlib.decompressobj(16 + zlib.MAX_WBITS)
    pieces, size = [], 0
    try:
        while data and not engine.eof:
            piece = engine.decompress(data, 16 * MIB)
            data = engine.unconsumed_tail
            size += len(piece)
            if size > MAX_UNPACKED:
                return None, "holds more than %s" % text(MAX_UNPACKED)
            if keep:
                pieces.append(piece)
    except zlib.error:
        return None, "is corrupt"
    if not engine.eof:
        return None, "is truncated"
    return b"".join(pieces), None


def unpack_kernel(data, where):
    """The kernel inside a gzip file, or `data` itself when it is not compressed."""
    if data[:2] != GZIP_MAGIC:
        return data
    unpacked, problem = _inflate(data, keep=True)
    if problem:
        raise Refusal("%s: the gzip file %s: get or build it again" % (where, problem))
    if not unpacked:
        raise Refusal("%s: the gzip file holds nothing: get or build it again" % where)
    return unpacked


def check_initrd(data, where):
    """An initrd is the guest's own affair; only a damaged gzip file is refused."""
    if data[:2] == GZIP_MAGIC:
        _, problem = _inflate(data, keep=False)
        if problem:
            raise Refusal("%s: the gzip file %s: get or build it again" % (where, problem))


def refuse_strangers(data, strangers, subject):
    for magic, is_what, remedy in strangers:
        if data.startswith(magic):
            raise Refusal("%s %s: %s" % (subject, is_what, remedy))


def parse_kernel(data, where):
    """What kind of kernel the (unpacked) bytes are; refuses what cannot run. `where` names it."""
    refuse_strangers(data, STRANGERS, "%s: it" % where)
    if data.startswith(ELF_MAGIC):
        return _parse_elf(data, where)
    if data[:2] == b"MZ" and data[4:8] == b"zimg":
        raise Refusal("%s: it is an EFI zboot image, which only EFI firmware can unpack: "
                      "give the uncompressed Image" % where)
    if data[0x38:0x3C] == LINUX_ARM64_MAGIC:
        raise Refusal("%s: it is a Linux Image for arm64: give one for riscv64" % where)
    if data[0x202:0x206] == b"HdrS":
        raise Refusal("%s: it is a Linux bzImage for x86: give an Image for riscv64" % where)
    if data[0x38:0x3C] == LINUX_RISCV_MAGIC:
        return _parse_linux(data, where)
    return Image("flat binary", data, FLAT_OFFSET + len(data))


def _parse_linux(data, where):
    if len(data) < 0x40:
        raise Refusal("%s: the Linux Image is truncated: get or build it again" % where)
    text_offset, image_size = struct.unpack_from("<QQ", data, 8)
    if text_offset % (2 * MIB):
        raise Refusal("%s: the Linux Image has text_offset %#x, which is no multiple of 2 MiB: "
                      "give an Image for riscv64" % (where, text_offset))
    if _pe_end(data) > len(data):
        raise Refusal("%s: the Linux Image is truncated (%d of %d bytes): get or build it again"
                      % (where, len(data), _pe_end(data)))
    return Image("Linux Image", data, text_offset + max(image_size, len(data)))


def _pe_end(data):
    """Where the file must end at least, as the sections of its EFI stub (PE/COFF) say."""
    pe_at = struct.unpack_from("<I", data, 0x3C)[0]
    if data[:2] != b"MZ" or not pe_at:
        return 0
    if pe_at + 24 > len(data):
        return pe_at + 24
    if data[pe_at:pe_at + 4] != b"PE\0\0":
        return 0
    count, optional_size = (struct.unpack_from("<H", data, pe_at + at)[0] for at in (6, 20))
    table = pe_at + 24 + optional_size
    end = table + 40 * count
    if end > len(data):
        return end
    for at in range(table, end, 40):
        raw_size, raw_at = struct.unpack_from("<II", data, at + 16)
        end = max(end, raw_at + raw_size)
    return end


def _parse_elf(data, where):
    if len(data) < 64:
        raise Refusal("%s: the ELF file is truncated: get or build it again" % where)
    if data[4] != 2 or data[5] != 1:
        raise Refusal("%s: it is not a 64-bit little-endian ELF file: build it for riscv64" % where)
    kind, machine = struct.unpack_from("<HH", data, 16)
    if machine != EM_RISCV:
        raise Refusal("%s: it is an ELF file for machine %d, not RISC-V (%d): build it for riscv64"
                      % (where, machine, EM_RISCV))
    if kind not in (ET_EXEC, ET_DYN):
        raise Refusal("%s: it is not an executable ELF file: link it" % where)
    return Image("ELF", data, _elf_end(data, where))


def _elf_end(data, where):
    """The highest RAM offset that the loadable segments reach; each must lie in file and RAM."""
    entry, table = struct.unpack_from("<QQ", data, 24)
    entry_size, count = struct.unpack_from("<HH", data, 54)
    if entry_size != 56 or count == 0:
        raise Refusal("%s: the ELF file has no usable program headers: link it as an executable"
                      % where)
    if table + 56 * count > len(data):
        raise Refusal("%s: the ELF file is truncated in its program headers: "
                      "get or build it again" % where)
    end, entered = 0, False
    for at in range(table, table + 56 * count, 56):
        kind, _, offset, vaddr, paddr, in_file, in_memory = struct.unpack_from("<IIQQQQQ", data, at)
        if kind != PT_LOAD or in_memory == 0:
            continue
        if in_file > in_memory:
            raise Refusal("%s: the ELF file has a segment larger in the file than in memory: "
                          "build it again" % where)
        if offset + in_file > len(data):
            raise Refusal("%s: the ELF file is truncated: a segment ends at %d of %d bytes: "
                          "get or build it again" % (where, offset + in_file, len(data)))
        if paddr < RAM_BASE:
            raise Refusal("%s: the ELF file is linked to load at %#x, below the guest's RAM: "
                          "link it at %#x or above" % (where, paddr, RAM_BASE))
        end = max(end, paddr - RAM_BASE + in_memory)
        entered = entered or any(base <= entry < base + in_memory for base in (vaddr, paddr))
    if not end:
        raise Refusal("%s: the ELF file has nothing to load: link it as an executable" % where)
    if not entered:
        raise Refusal("%s: the ELF file's entry point %#x is in none of its segments: "
                      "link it again" % (where, entry))
    return end


def check_fit(image, initrd, memory, where):
    """Kernel, initrd and 2 MiB for the device tree, each at a 2 MiB boundary, within `memory`."""
    need = round_up(image.end, 2 * MIB) + round_up(len(initrd), 2 * MIB) + 2 * MIB
    if need > MAX_NEED:
        raise Refusal("%s: it would need memory up to offset %#x: it is damaged or for another "
                      "machine" % (where, image.end))
    if need > memory:
        raise Refusal("%s: memory of %s is too small for kernel, initrd and device tree: "
                      "give at least %s" % (where, text(memory), text(need)))
