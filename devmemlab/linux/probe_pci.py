"""How far the NIC is from the accelerators, and what stands between them: switches, host bridges, IOMMU, ACS.

Law.   Distance is read from the tree of devices; a register that only root may read is unknown to everybody else.
Reads. /sys/devices/pci*, /sys/class/iommu; PCI Express base specification, access control services (capability 0x0D).
Omits. Links that are not PCI Express (NVLink, CXL fabrics); bandwidth.

::

    PIX  below one switch        PXB  below several switches       PHB  through the host bridge of the CPU
    NODE through two host bridges of one NUMA node                 SYS  between NUMA nodes
"""

import re
import struct

from devmemlab.linux.probe import FOUND, MISSING, UNKNOWN, Finding

FUNCTION = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
CLASSES = {0x03: "GPU", 0x12: "accelerator"}
"""PCI base class -> what it is."""
VENDORS = {0x10DE: "NVIDIA", 0x1002: "AMD", 0x8086: "Intel", 0x1D0F: "Amazon", 0x1AE0: "Google", 0x1DA3: "Habana"}
EXTENDED_AT, ACS, ACS_REDIRECTS = 0x100, 0x0D, 0x04 | 0x08
NEAR = ("PIX", "PXB")


def chain_of(tree, name):
    """Follow a device up to its host bridge.

    Parameters
    ----------
    tree : Tree
        Where to look.
    name : str
        A folder in /sys that leads to the device.

    Returns
    -------
    chain : tuple of str
        Host bridge, then each function down to the device; empty when it is on no PCI bus.
    """
    real = tree.real(name) or ""
    parts = real.strip("/").split("/")
    bridge = next((part for part in parts if part.startswith("pci")), None)
    functions = [part for part in parts if FUNCTION.fullmatch(part)]
    return (bridge, *functions) if bridge and functions else ()


def accelerators(tree):
    """List GPUs and other accelerators.

    Parameters
    ----------
    tree : Tree
        Where to look.

    Returns
    -------
    found : dict of str to str
        PCI address -> what it is.
    """
    found = {}
    for address in tree.names("/sys/bus/pci/devices"):
        kind = CLASSES.get((tree.number(f"/sys/bus/pci/devices/{address}/class") or 0) >> 16)
        if kind:
            vendor = tree.number(f"/sys/bus/pci/devices/{address}/vendor") or 0
            found[address] = f"{VENDORS.get(vendor, f'{vendor:04x}')} {kind}"
    return found


def distance(nic, other, nodes=(None, None)):
    """Tell how far two devices are from each other.

    Parameters
    ----------
    nic, other : tuple of str
        From `chain_of`.
    nodes : tuple of (int or None)
        Their NUMA nodes.

    Returns
    -------
    distance : str
        PIX, PXB, PHB, NODE or SYS.
    """
    if nic[0] != other[0]:
        return "SYS" if None in nodes or nodes[0] != nodes[1] else "NODE"
    shared = 0
    while shared < min(len(nic), len(other)) and nic[shared] == other[shared]:
        shared += 1
    if shared < 2:
        return "PHB"
    bridges = len(nic) + len(other) - 2 * shared - 2
    return "PIX" if bridges <= 2 else "PXB"


def probe_distance(tree, ifname):
    """Ask how far an interface is from the accelerators.

    Parameters
    ----------
    tree : Tree
        Where to look.
    ifname : str
        The interface.

    Returns
    -------
    finding : Finding
        ``distance``; FOUND when one is below the same switches.
    """
    nic, others = chain_of(tree, f"/sys/class/net/{ifname}/device"), accelerators(tree)
    if not nic:
        return Finding("distance", UNKNOWN, "no PCI device behind this interface")
    if not others:
        return Finding("distance", UNKNOWN, "no GPU or accelerator on the PCI buses: payload can go to host memory (udmabuf)")
    told, best = [], False
    for address, kind in others.items():
        other = chain_of(tree, f"/sys/bus/pci/devices/{address}")
        if not other:
            continue
        nodes = tuple(tree.number(f"/sys/bus/pci/devices/{one}/numa_node") for one in (nic[-1], address))
        how = distance(nic, other, nodes)
        best |= how in NEAR
        told.append(f"{kind} {address} {how}")
    if not told:
        return Finding("distance", UNKNOWN, "the tree of PCI devices is hidden here")
    return Finding("distance", FOUND if best else MISSING, "; ".join(told))


def acs_control(config):
    """Read the ACS control register out of a configuration space.

    Parameters
    ----------
    config : bytes
        Of a PCI function.

    Returns
    -------
    control : int or None
        None when the function has no ACS, or so little can be read that it cannot be known.
    """
    at, seen = EXTENDED_AT, set()
    while len(config) >= at + 8 and at >= EXTENDED_AT and at not in seen:
        seen.add(at)
        header = struct.unpack_from("<I", config, at)[0]
        if header & 0xFFFF == ACS:
            return struct.unpack_from("<H", config, at + 6)[0]
        at = header >> 20 & 0xFFC
    return None


def probe_iommu(tree, ifname):
    """Ask whether an IOMMU translates what an interface does.

    Parameters
    ----------
    tree : Tree
        Where to look.
    ifname : str
        The interface.

    Returns
    -------
    finding : Finding
        ``iommu``; FOUND when it does not translate.
    """
    group = f"/sys/class/net/{ifname}/device/iommu_group"
    if not tree.exists("/sys/class/iommu") and not tree.exists("/sys/kernel/iommu_groups"):
        return Finding("iommu", UNKNOWN, "/sys tells nothing about an IOMMU")
    if not tree.names("/sys/class/iommu") and not tree.names("/sys/kernel/iommu_groups"):
        return Finding("iommu", FOUND, "no IOMMU is in use")
    kind = tree.text(f"{group}/type") or (tree.text(f"/sys/class/net/{ifname}/device/../iommu_group/type"))
    if kind is None:
        return Finding("iommu", UNKNOWN, "an IOMMU is in use; of which kind for this interface is not told")
    return Finding("iommu", FOUND if kind == "identity" else MISSING, f"the IOMMU maps this interface as {kind}")


def probe_acs(tree, ifname):
    """Ask whether the switches above an interface send peer traffic up to the CPU.

    Parameters
    ----------
    tree : Tree
        Where to look.
    ifname : str
        The interface.

    Returns
    -------
    finding : Finding
        ``acs``; FOUND when none does.
    """
    chain = chain_of(tree, f"/sys/class/net/{ifname}/device")
    if len(chain) < 3:
        return Finding("acs", UNKNOWN if not chain else FOUND, "no switch above this interface" if chain else "no PCI device")
    redirecting, hidden = [], []
    for address in chain[1:-1]:
        config = tree.octets(f"/sys/bus/pci/devices/{address}/config") or b""
        if len(config) <= EXTENDED_AT:
            hidden.append(address)
        elif (acs_control(config) or 0) & ACS_REDIRECTS:
            redirecting.append(address)
    if redirecting:
        return Finding("acs", MISSING, f"redirected by {', '.join(redirecting)}")
    if hidden:
        return Finding("acs", UNKNOWN, f"only root may read the registers of {', '.join(hidden)}")
    return Finding("acs", FOUND, f"no bridge of {len(chain) - 2} redirects")
