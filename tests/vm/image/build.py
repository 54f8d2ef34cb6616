#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the guest image of the VM lab, `vmlinuz` and `initrd`, into a cache directory.
Kernel: Debian's cloud kernel, downloaded and unpacked, not installed; user space: busybox.

Usage: build.py [CACHE_DIRECTORY]      (default: build/vm-image; made anew when its recipe changes)
"""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
DEFAULT_CACHE = REPOSITORY / "build" / "vm-image"

KERNEL_PACKAGE = "linux-image-cloud-amd64"
# insmod order: each needs those before it.
MODULES = ("failover net_failover virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev "
           "virtio_pci virtio_net").split()
# Programs from this machine, with their shared libraries; (program, Debian package).
PROGRAMS = (("iperf3", "iperf3"), ("ethtool", "ethtool"))
TOOLS = (("busybox", "busybox-static"), ("cpio", "cpio"), ("dpkg", "dpkg"), ("apt-get", "apt")) + PROGRAMS


class ImageError(Exception):
    """What is missing, and what to do about it."""


def find_program(name):
    return shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")


def check_tools():
    missing = [package for program, package in TOOLS if not find_program(program)]
    if missing:
        raise ImageError(f"guest image: missing programs; run: apt-get install {' '.join(missing)}")
    if "statically linked" not in run(["ldd", find_program("busybox")], check=False) and \
            "not a dynamic executable" not in run(["ldd", find_program("busybox")], check=False):
        raise ImageError("guest image: busybox is not static; run: apt-get install busybox-static")


def run(command, check=True, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if check and done.returncode != 0:
        raise ImageError(f"guest image: {' '.join(map(str, command))} failed:\n{done.stdout.strip()}")
    return done.stdout


def recipe_digest():
    """What the image depends on: our files, and the programs that are copied in."""
    digest = hashlib.sha256()
    for path in (HERE / "build.py", HERE / "init", HERE / "agent"):
        digest.update(path.read_bytes())
    for program in ("busybox", *(name for name, _ in PROGRAMS)):
        digest.update(pathlib.Path(find_program(program)).read_bytes())
    return digest.hexdigest()


def kernel_package_name():
    """The package that the meta package stands for, e.g. linux-image-6.1.0-30-cloud-amd64."""
    def ask():
        text = run(["apt-cache", "depends", KERNEL_PACKAGE], check=False)
        match = re.search(r"Depends: (linux-image-\S+-cloud-amd64)", text)
        return match and match.group(1)

    name = ask()
    if not name:  # a bare machine may have no package lists yet
        run(["apt-get", "-qq", "update"])
        name = ask()
    if not name:
        raise ImageError(f"guest image: apt knows no {KERNEL_PACKAGE}; this needs Debian's main archive on amd64")
    return name


def download_kernel(work):
    """Unpacks the kernel package below `work`; returns (vmlinuz, {module name: path})."""
    name = kernel_package_name()
    command = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", name]
    if subprocess.run(command, cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        run(["apt-get", "-qq", "update"])  # lists older than the archive name files that are gone
        run(command, cwd=work)
    package = next(pathlib.Path(work).glob(f"{name}_*.deb"))
    tree = pathlib.Path(work) / "kernel"
    run(["dpkg", "-x", package, tree])
    vmlinuz = next((tree / "boot").glob("vmlinuz-*"))
    modules = {path.stem: path for path in (tree / "lib" / "modules").rglob("*.ko")}
    missing = [module for module in MODULES if module not in modules]
    if missing:
        raise ImageError(f"guest image: {name} lacks the modules {' '.join(missing)}")
    return vmlinuz, modules


def libraries_of(program):
    return re.findall(r"(/\S+) \(0x", run(["ldd", program]))


def copy_into(root, source, target):
    destination = root / str(target).lstrip("/")
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(os.path.realpath(source), destination)
    return destination


def make_root(root, modules):
    for name in ("init", "agent"):
        copy_into(root, HERE / name, name).chmod(0o755)
    copy_into(root, find_program("busybox"), "/bin/busybox")
    for name, _ in PROGRAMS:
        program = find_program(name)
        copy_into(root, program, f"/bin/{name}")
        for library in libraries_of(program):
            copy_into(root, library, library)
    for module in MODULES:
        copy_into(root, modules[module], f"/modules/{module}.ko")
    (root / "modules" / "order").write_text(" ".join(MODULES) + "\n")
    (root / "etc").mkdir()
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc" / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")


def pack(root, target):
    """Uncompressed on purpose: unpacking under emulation costs more than the bytes."""
    names = "\0".join(sorted(str(path.relative_to(root)) for path in root.rglob("*")))
    with open(target, "wb") as out:
        done = subprocess.run(["cpio", "--null", "-o", "-H", "newc", "--quiet", "-R", "0:0"], cwd=root,
                              input=names.encode(), stdout=out, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise ImageError(f"guest image: cpio failed: {done.stderr.decode().strip()}")


def build_image(cache=DEFAULT_CACHE, say=print):
    """Returns (vmlinuz, initrd) below `cache`, built first when missing or older than the recipe."""
    cache = pathlib.Path(cache).resolve()
    vmlinuz, initrd, stamp = cache / "vmlinuz", cache / "initrd", cache / "recipe"
    check_tools()
    digest = recipe_digest()
    if vmlinuz.exists() and initrd.exists() and stamp.exists() and stamp.read_text() == digest:
        return vmlinuz, initrd
    cache.mkdir(parents=True, exist_ok=True)
    say(f"building the guest image in {cache} (downloads a kernel package, once)")
    with tempfile.TemporaryDirectory(dir=cache, prefix="work.") as work:
        kernel, modules = download_kernel(work)
        root = pathlib.Path(work) / "root"
        root.mkdir()
        make_root(root, modules)
        pack(root, pathlib.Path(work) / "initrd")
        # Renames last and the stamp at the very end, so that a killed build leaves no half image.
        stamp.unlink(missing_ok=True)
        os.replace(kernel, vmlinuz)
        os.replace(pathlib.Path(work) / "initrd", initrd)
        stamp.write_text(digest)
    return vmlinuz, initrd


if __name__ == "__main__":
    try:
        for path in build_image(*sys.argv[1:2]):
            print(path)
    except ImageError as error:
        sys.exit(str(error))
