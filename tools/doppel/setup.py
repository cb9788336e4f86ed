# SPDX-License-Identifier: BSD-2-Clause
"""The verb "setup": host packages, guest images, and QEMU 10."""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

from . import BUILD, GUEST_INITRD, GUEST_KERNEL, ROOT, Refusal
from . import apt, cache, host, qemu

GUEST_SUITE = "trixie"
KERNEL_PACKAGE = "linux-image-riscv64"
BUSYBOX_PACKAGE = "busybox-static"
QEMU10_SUITES = ("bookworm", "bookworm-backports")
QEMU10_PACKAGES = ("qemu-system-riscv", "qemu-system-data", "opensbi")

# Names in the cache. The number changes with the layout.
IMAGES = "images-1"
QEMU10 = "qemu10"
QEMU10_BINARY = os.path.join("usr", "bin", qemu.NAME)


def run(options):
    if options.print_cache or options.print_qemu10:
        return print_paths(options)
    steps = {"packages": lambda: install(host.RUN), "test-packages": lambda: install(host.TEST),
             "extra-packages": lambda: install(host.EXTRA),
             "debian-packages": lambda: install(host.DEBIAN),
             "x86-packages": lambda: install(host.X86),
             "report-packages": lambda: install(host.REPORT),
             "images": lambda: make_images(options.refresh),
             "qemu10": lambda: get_qemu10(options.refresh)}
    wanted = options.what or ["packages", "images"]
    for what in wanted:
        if what not in steps:
            raise Refusal("setup knows no \"%s\": give any of %s" % (what, ", ".join(steps)))
    for what in wanted:
        steps[what]()
    return 0


def print_paths(options):
    if options.print_cache:
        print(cache.path())
    if options.print_qemu10:
        path = qemu10_path()
        if not path:
            raise Refusal("QEMU 10 is not there: run ./doppel setup qemu10")
        print(path)
    return 0


def install(group):
    packages = host.missing_packages(group)
    if not packages:
        return
    with cache.locked():
        packages = host.missing_packages(group)     # another setup may have been faster
        if packages:
            apt.install(packages)
    still = [need.name for need in host.missing(group)]
    if still:
        raise Refusal("still missing after the installation: %s: see ./doppel doctor"
                      % ", ".join(still))


# The guest's kernel and userland


def make_images(refresh=False):
    if refresh or not cache.has(IMAGES):
        with cache.locked():
            if refresh or not cache.has(IMAGES):
                get_images()
    images = cache.path(IMAGES)
    os.makedirs(os.path.dirname(GUEST_KERNEL), exist_ok=True)
    link(os.path.join(images, "Image"), GUEST_KERNEL)
    modules = glob.glob(os.path.join(images, "modules", "*"))[0]
    subprocess.run([sys.executable, os.path.join(ROOT, "tools", "mkinitramfs"),
                    "--busybox", os.path.join(images, "busybox"), "--modules", modules,
                    "--output", GUEST_INITRD], check=True)


def get_images():
    print("getting Debian's RISC-V kernel and busybox, once, into %s" % cache.path(), flush=True)
    with cache.filling(IMAGES) as images, tempfile.TemporaryDirectory(dir=cache.path(),
                                                                     prefix="tmp-") as work:
        apt_riscv = apt.PrivateApt(os.path.join(work, "apt"), [GUEST_SUITE], "riscv64")
        kernel = kernel_package(apt_riscv.ask("apt-cache", "depends", KERNEL_PACKAGE))
        tree = os.path.join(work, "tree")
        apt_riscv.unpack([kernel, BUSYBOX_PACKAGE], tree)
        version = kernel[len("linux-image-"):]
        # /lib and /bin of a package may or may not be merged into /usr.
        move_first(tree, ["boot/vmlinux-" + version, "boot/vmlinuz-" + version],
                   os.path.join(images, "Image"))
        move_first(tree, ["usr/bin/busybox", "bin/busybox"], os.path.join(images, "busybox"))
        os.mkdir(os.path.join(images, "modules"))
        move_first(tree, ["usr/lib/modules/" + version, "lib/modules/" + version],
                   os.path.join(images, "modules", version))
    print("the guest's kernel is %s" % version, flush=True)


def kernel_package(depends):
    match = re.search(r"Depends: (linux-image-[0-9]\S*)", depends)
    if not match:
        raise Refusal("%s of %s depends on no kernel: the mirror has an unexpected content"
                      % (KERNEL_PACKAGE, GUEST_SUITE))
    return match.group(1)


def move_first(tree, names, target):
    for name in names:
        if os.path.exists(os.path.join(tree, name)):
            os.rename(os.path.join(tree, name), target)
            return
    raise Refusal("the packages hold no %s: they are not what setup expects" % names[0])


def link(target, path):
    """Makes `path` a symbolic link in one step, and leaves a right one alone."""
    if os.path.islink(path) and os.readlink(path) == target:
        return
    temporary = "%s.%d" % (path, os.getpid())
    os.symlink(target, temporary)
    os.replace(temporary, path)


# QEMU 10


def qemu10_path():
    """The emulator of version 10 or later: this machine's own, or the one in the cache."""
    cached = os.path.join(cache.path(QEMU10), QEMU10_BINARY)
    if os.path.exists(cached):
        return cached
    own = shutil.which(qemu.NAME)
    if own and (qemu.Qemu(own).version() or (0, 0)) >= (10, 0):
        return own
    return None


def get_qemu10(refresh=False):
    if refresh or not qemu10_path():
        with cache.locked():
            if refresh or not qemu10_path():
                fetch_qemu10()
    print("QEMU 10 is %s" % qemu10_path(), flush=True)


def fetch_qemu10():
    print("getting QEMU 10, once, into %s" % cache.path(QEMU10), flush=True)
    with cache.filling(QEMU10) as tree, tempfile.TemporaryDirectory(dir=cache.path(),
                                                                   prefix="tmp-") as work:
        private = apt.PrivateApt(os.path.join(work, "apt"), QEMU10_SUITES)
        private.unpack(QEMU10_PACKAGES, tree, suite=QEMU10_SUITES[1])
        libraries = missing_libraries(private)
        if libraries:
            private.unpack(libraries, os.path.join(work, "libraries"), suite=QEMU10_SUITES[1])
            collect_libraries(os.path.join(work, "libraries"), tree)
        shutil.rmtree(os.path.join(tree, "usr", "share", "doc"), ignore_errors=True)
        wrap(tree)
        version = qemu.Qemu(os.path.join(tree, QEMU10_BINARY)).version()
        if not version or version < (10, 0):
            raise Refusal("the QEMU of %s does not run on this machine: use Debian 12 or later"
                          % QEMU10_SUITES[1])


def missing_libraries(private):
    """Packages that apt would install with QEMU on this machine: the libraries it lacks."""
    plan = private.ask("apt-get", "-s", "-t", QEMU10_SUITES[1], "--no-install-recommends",
                       "install", QEMU10_PACKAGES[0])
    new = re.findall(r"^Inst (lib\S+) \((?!.*\[\S+ => )", plan, re.MULTILINE)
    return [package for package in new if package not in QEMU10_PACKAGES]


def collect_libraries(unpacked, tree):
    """Moves the shared libraries of /lib and /usr/lib to usr/lib below `tree`."""
    for path in sorted(glob.glob(unpacked + "/lib/*-linux-gnu/lib*.so*") +
                       glob.glob(unpacked + "/usr/lib/*-linux-gnu/lib*.so*")):
        target = os.path.join(tree, "usr", "lib", os.path.basename(os.path.dirname(path)))
        os.makedirs(target, exist_ok=True)
        shutil.move(path, os.path.join(target, os.path.basename(path)))


def wrap(tree):
    """Puts a script before the binary that finds data and libraries beside itself.

    Debian's QEMU looks for its firmware in /usr/share, wherever it was unpacked.
    """
    binary = os.path.join(tree, QEMU10_BINARY)
    hidden = os.path.join(tree, "usr", "libexec", qemu.NAME)
    os.makedirs(os.path.dirname(hidden), exist_ok=True)
    os.rename(binary, hidden)
    with open(binary, "w") as file:
        file.write(WRAPPER)
    os.chmod(binary, 0o755)


WRAPPER = """\
#!/bin/sh
# Made by ./doppel setup qemu10.
usr=$(dirname "$(dirname "$(readlink -f "$0")")")
for lib in "$usr"/lib/*-linux-gnu; do
	LD_LIBRARY_PATH=$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
exec "$usr/libexec/%s" -L "$usr/share/qemu" "$@"
""" % qemu.NAME
