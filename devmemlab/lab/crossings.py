"""Crossings: how often each link is crossed, from what a ledger counted and who uses the data.

Law.   A stage crosses the same links every time; octets are counted, what a stage crosses is the model.
Reads. performance-anchors section 5.3; the ledger's stages.
Omits. Caches: with a cached store the CPU reads a line before it writes it, and what is read soon again may still be there.
"""

from devmemlab.mem.ledger import STAGES

LINKS = {
    "dram_written": "host memory, written",
    "dram_read": "host memory, read",
    "uplink": "PCIe switch's uplink",
    "device_written": "device memory, written",
    "device_read": "device memory, read",
}
"""Link -> its name for people."""

ORDERS = {
    "device": "the device alone",
    "cpu": "the CPU alone",
    "cpu, device": "the CPU, then the device",
}
"""Who uses the payload, in this order."""

CROSSED = {
    "DMA_HEADER": ("uplink", "dram_written"),
    "DMA_HOST": ("uplink", "dram_written"),
    "DMA_DEVICE": ("device_written",),
    "HEADER_COPY": ("dram_read", "dram_written"),
    "COPY_BREAK": ("dram_read", "dram_written"),
    "LINEAR_COPY": ("dram_read", "dram_written"),
    "RECV_COPY": ("dram_read", "dram_written"),
    "PAGEABLE_COPY": ("dram_read", "dram_written"),
    "HOST_TO_DEVICE": ("dram_read", "uplink", "device_written"),
    "GATHER": ("device_read", "device_written"),
    "DEVICE_READ": (),
    "MEMCPY": ("dram_read", "uplink", "device_written"),
    "SEND_COPY": ("dram_read", "dram_written"),
    "DMA_READ": ("dram_read", "uplink"),
    "COLLAPSE_COPY": ("dram_read", "dram_written"),
    "DMA_READ_DEVICE": ("device_read",),
    "DEVICE_TO_HOST": ("device_read", "uplink", "dram_written"),
    "GATHER_OUT": ("device_read", "uplink", "dram_written"),
    "GATHER_IN": ("dram_read", "uplink", "device_written"),
    "STAGED_DMA": ("dram_read", "uplink", "device_written"),
}
"""Stage -> the links that each of its octets crosses; card and device are under one PCIe switch."""

ONLY_FOR_DEVICE = ("PAGEABLE_COPY", "HOST_TO_DEVICE")


def crossings(stages, order="device"):
    """Work out how many octets cross each link.

    Parameters
    ----------
    stages : dict of str to (int, int)
        Octets and copies by stage, as ``dml.compare`` counts them.
    order : str
        One of `ORDERS`: who uses the payload.

    Returns
    -------
    octets : dict of str to int
        For each of `LINKS`.

    Raises
    ------
    ValueError
        An unknown order.
    """
    if order not in ORDERS:
        raise ValueError(f"{order!r} is none of {', '.join(map(repr, ORDERS))}")
    octets = dict.fromkeys(LINKS, 0)
    in_device = sum(stages.get(name, (0, 0))[0] for name in ("DMA_DEVICE", "MEMCPY"))
    in_host = stages.get("DMA_HOST", (0, 0))[0]
    for name, (length, _) in stages.items():
        if name not in STAGES:
            raise ValueError(f"no ledger has a stage {name!r}")
        if order != "cpu" or name not in ONLY_FOR_DEVICE:
            for link in CROSSED[name]:
                octets[link] += length
    if "cpu" in order:
        octets["dram_read"] += in_host
        octets["device_read"] += in_device
        octets["uplink"] += in_device
    if "device" in order:
        octets["device_read"] += in_host + in_device
    return octets
