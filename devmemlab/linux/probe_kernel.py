"""What kernel this is: its release, how it was built, what it offers as a dmabuf, its limits.

Law.   A build option is known only from a configuration file; without one it is unknown, never "off".
Reads. uname(2); /proc/config.gz, /boot/config-*; Linux net/Kconfig (NET_DEVMEM), drivers/dma-buf/Kconfig (UDMABUF).
Omits. Back-ports: a vendor's 5.14 may have what it does not say; the option and the family are asked for that.
"""

import gzip
import os
import re

from devmemlab.linux.probe import FOUND, MISSING, UNKNOWN, Finding, judged

FIRST, FIRST_TX, NEWEST_KNOWN = (6, 12), (6, 16), (7, 3)
OPTMEM_BYTES = 131072
NEEDED = ("NET_DEVMEM", "PAGE_POOL", "DMA_SHARED_BUFFER")
CONFIGS = ("/proc/config.gz", "/boot/config-{release}", "/lib/modules/{release}/config", "/usr/lib/modules/{release}/config")


def release_of(tree):
    """Read the release of the kernel.

    Parameters
    ----------
    tree : Tree
        Where to look.

    Returns
    -------
    release, numbers : str, tuple of int
        ``"6.18.44-x"`` and ``(6, 18)``; empty when there is none.
    """
    release = tree.text("/proc/sys/kernel/osrelease") or ""
    found = re.match(r"(\d+)\.(\d+)", release)
    return release, (int(found[1]), int(found[2])) if found else ()


def probe_release(tree):
    """Ask whether the kernel is new enough.

    Parameters
    ----------
    tree : Tree
        Where to look.

    Returns
    -------
    finding : Finding
        ``release``.
    """
    release, numbers = release_of(tree)
    return judged("release", numbers >= FIRST if numbers else None, release or "no /proc/sys/kernel/osrelease")


def read_config(tree):
    """Read the configuration that the kernel was built with.

    Parameters
    ----------
    tree : Tree
        Where to look.

    Returns
    -------
    options, where : dict of str to str or None, str
        Option without CONFIG_ -> ``"y"``, ``"m"`` or its value; None when no file can be read. And the file.
    """
    for name in CONFIGS:
        name = name.format(release=release_of(tree)[0])
        octets = tree.octets(name)
        if octets is None:
            continue
        try:
            text = (gzip.decompress(octets) if name.endswith(".gz") else octets).decode("utf-8", "replace")
        except (OSError, EOFError):
            continue
        return dict(re.findall(r"^CONFIG_(\w+)=(.*)$", text, re.M)), name
    return None, ""


def probe_config(tree):
    """Ask whether the kernel was built with device memory.

    Parameters
    ----------
    tree : Tree
        Where to look.

    Returns
    -------
    finding : Finding
        ``config``.
    """
    options, where = read_config(tree)
    if options is None:
        return Finding("config", UNKNOWN, "no configuration of this kernel can be read")
    lacking = [f"CONFIG_{name}" for name in NEEDED if options.get(name) != "y"]
    return judged("config", not lacking, f"{where}: {'not ' + ', '.join(lacking) if lacking else 'CONFIG_NET_DEVMEM=y'}")


def probe_exporter(tree):
    """Ask for something that makes a dmabuf.

    Parameters
    ----------
    tree : Tree
        Where to look.

    Returns
    -------
    finding : Finding
        ``exporter``.
    """
    have = ["/dev/udmabuf"] if tree.exists("/dev/udmabuf") else []
    have += [f"/dev/dma_heap/{name}" for name in tree.names("/dev/dma_heap")]
    have += [f"/dev/dri/{name}" for name in tree.names("/dev/dri") if name.startswith("render")]
    have += ["/dev/nvidia0"] if tree.exists("/dev/nvidia0") else []
    usable = [name for name in have if os.access(tree.path(name), os.R_OK)]
    if usable:
        most = tree.number("/sys/module/udmabuf/parameters/size_limit_mb")
        return Finding("exporter", FOUND, ", ".join(usable) + (f" (udmabuf: {most} MiB at most)" if most else ""))
    if have:
        return Finding("exporter", MISSING, f"{', '.join(have)}, which this process may not open")
    options, _ = read_config(tree)
    told = {"y": "CONFIG_UDMABUF=y, so the device is hidden here", "m": "CONFIG_UDMABUF=m: the module is not loaded",
            None: "CONFIG_UDMABUF is not set"}
    why = told.get(options.get("UDMABUF"), "") if options is not None else "the kernel's configuration is not known"
    return Finding("exporter", MISSING, f"no udmabuf, DMA heap or GPU; {why}")


def probe_optmem(tree):
    """Ask for the room that completions of sends may take.

    Parameters
    ----------
    tree : Tree
        Where to look.

    Returns
    -------
    finding : Finding
        ``optmem``.
    """
    octets = tree.number("/proc/sys/net/core/optmem_max")
    return judged("optmem", None if octets is None else octets >= OPTMEM_BYTES,
                  "net.core.optmem_max cannot be read here" if octets is None else f"net.core.optmem_max = {octets}")


def probe_memlock(tree):
    """Ask how much memory this process may pin.

    Parameters
    ----------
    tree : Tree
        Where to look.

    Returns
    -------
    finding : Finding
        ``memlock``.
    """
    found = re.search(r"^Max locked memory\s+(\S+)", tree.text("/proc/self/limits") or "", re.M)
    if found is None:
        return Finding("memlock", UNKNOWN, "/proc/self/limits cannot be read")
    enough = found[1] == "unlimited" or int(found[1]) >= 64 << 20
    return judged("memlock", enough, f"RLIMIT_MEMLOCK = {found[1]}")
