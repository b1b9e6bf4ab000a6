"""The hash of a state: two labs with the same hash go on alike.

Law.   Every table, every octet of a host's memory and every frame on a wire counts; where memory lies does not, nor does `id`.
Reads. House law 2.
Omits. Programs, which are no part of a lab; what a recording keeps; numbers of regions.

An address is counted from the start of its region. Fields that hold addresses are in `ADDRESSES`: a lab that was built again
lies elsewhere, so one that was forgotten shows at once.
"""

import hashlib

import numpy as np

from devmemlab.base.trace import DMA_HEADER
from devmemlab.lab.blocks import BLOCK_BYTES, octets_of_array, touched_blocks
from devmemlab.mem.region import Region, memory, regions

ADDRESSES = {
    "machine.skbs.skb": ("head",), "machine.skbs.ctl": ("head_start",), "machine.rxqs.ctl": ("header_start",),
    "machine.rxqs.cqe": ("header_at",), "machine.netmems": ("dma_addr",), "machine.providers.chunk": ("dma_addr",),
    "machine.providers.pages": ("next_addr", "end_addr"), "mem.dmabufs.sg": ("dma_addr",),
}
"""Table -> its fields that are addresses; 0 is none."""
ENDS = {"end_addr": "next_addr"}
"""Field with the address behind the last octet -> field that runs towards it. Another region may begin where one ends."""
NUMBERS = {"mem.dmabufs.buf": ("region",)}
"""Table -> its fields that are rows of the region table, which all labs of a process share."""


def leaves(tables, path):
    """Walk a tuple of tables.

    Parameters
    ----------
    tables : NamedTuple or ndarray
        Nested as deep as it likes.
    path : str
        Its name.

    Yields
    ------
    path, table : str, ndarray
        One for each table.
    """
    if isinstance(tables, np.ndarray):
        yield path, tables
    elif isinstance(tables, tuple):
        for name, one in zip(getattr(tables, "_fields", range(len(tables))), tables):
            yield from leaves(one, f"{path}.{name}")


def relative(address):
    """Count addresses from the starts of their regions.

    Parameters
    ----------
    address : int64[n]
        Changed in place.
    """
    rows = regions()
    rows = rows[rows.alive == 1]
    rows = rows[np.argsort(rows.start)]
    if not len(rows):
        return
    inside = np.clip(np.searchsorted(rows.start, address, side="right") - 1, 0, len(rows) - 1)
    offset = address - rows.start[inside]
    good = (address != 0) & (offset >= 0) & (offset < rows.length[inside])
    address[good] = (offset + (rows.length[inside] << 20))[good]


def _feed(digest, path, octets, fd=None):
    """Digest octets, zeros left out.

    Parameters
    ----------
    digest : hashlib object
        Goes on.
    path : str
        Whose octets.
    octets : uint8[n]
        All of them.
    fd : int, optional
        The file that is mapped there.
    """
    digest.update(f"{path}:{len(octets)};".encode())
    for block in touched_blocks(octets, fd).tolist():
        piece = octets[block * BLOCK_BYTES:(block + 1) * BLOCK_BYTES]
        if piece.any():
            digest.update(block.to_bytes(8, "little"))
            digest.update(piece)


def _feed_table(digest, path, table):
    """Digest a table, its addresses made relative."""
    octets, names = octets_of_array(table), (*ADDRESSES.get(path, ()), *NUMBERS.get(path, ()))
    if not names:
        return _feed(digest, path, octets)
    rows, size = table.reshape(-1), table.dtype.itemsize
    blocks = touched_blocks(octets)
    near = np.unique((blocks[:, None] * BLOCK_BYTES // size + np.arange(BLOCK_BYTES // size + 2)).ravel())
    near = near[near < len(rows)]
    some = rows[near].view(np.ndarray)
    used = some.view(np.int64).reshape(len(some), size // 8).any(axis=1)
    near, some = near[used], some[used].copy()
    for name in names:
        if name in NUMBERS.get(path, ()):
            some[name] = some[name] != 0
        elif name in ENDS:
            some[ENDS[name]] -= some[name]
            column = some[name] - (some[name] != 0)
            relative(column)
            some[name] = column
        elif name not in ENDS.values():
            column = some[name].copy()
            relative(column)
            some[name] = column
    digest.update(f"{path}:{len(rows)};".encode())
    digest.update(near.astype("<i8").tobytes())
    digest.update(some.tobytes())


def _feed_trace(digest, trace):
    """Digest a trace, but for the addresses of headers."""
    event = trace.event[:trace.ctl[0].count].copy()
    event.b[event.kind == DMA_HEADER] = 0
    digest.update(trace.ctl.tobytes() + event.tobytes())


def _regions_of(host):
    """List the memory of a host, each region once, in an order that does not depend on where they lie."""
    mem = host.mem
    found = [host._heads, *host._regions, *mem._page_regions, *(mem.backing[row] for row in sorted(mem.backing))]
    return [one for k, one in enumerate(found) if isinstance(one, Region) and one.alive and one not in found[:k]]


def parts_of(lab):
    """Digest a lab part by part.

    Parameters
    ----------
    lab : Lab
        Not changed.

    Yields
    ------
    path, sha256 : str, str
        One for each table, region and wire, in an order that does not change.
    """
    yield "clock", hashlib.sha256(str(lab.clock.now_ns).encode()).hexdigest()
    for host in lab.hosts:
        tables = [*leaves(host.tables, "machine"), *leaves(host.mem.dmabufs, "mem.dmabufs")]
        for path, table in tables:
            digest = hashlib.sha256()
            _feed_table(digest, path, table)
            yield f"{host.name}.{path}", digest.hexdigest()
        for number, region in enumerate(_regions_of(host)):
            digest = hashlib.sha256()
            _feed(digest, region.name, memory()[region.start:region.start + region.length], region.fd)
            yield f"{host.name}.memory[{number}] {region.name}", digest.hexdigest()
        digest = hashlib.sha256()
        if host.trace is not None:
            _feed_trace(digest, host.trace)
        yield f"{host.name}.trace", digest.hexdigest()
        held = [(process.pid, sorted((fd, type(thing).__name__) for fd, thing in process.fds.things.items()))
                for process in (host, *host.processes.values())]
        yield f"{host.name}.fds", hashlib.sha256(repr((held, host._work_ns, host._put_off)).encode()).hexdigest()
        for number, port in enumerate(host.ports):
            yield f"{host.name}.ports[{number}]", _port(port)


def _port(port):
    """Digest what a port holds back, and what its wire does."""
    digest, port = hashlib.sha256(), getattr(port, "port", port)
    if hasattr(port, "link"):
        digest.update(np.asarray(port.link).tobytes())
    if hasattr(port, "all_waiting"):
        port.next_ns()                  # puts what was injected in order
        octets, frame = port.all_waiting()
        for row in frame[port._order]:
            digest.update(f"{int(row.at_ns)}:{int(row.csum)}:{int(row.wire_length)};".encode())
            digest.update(octets[row.offset:row.offset + row.length].tobytes())
    for name in ("_play", "_conns", "_ctls"):
        if hasattr(port, name):
            digest.update(getattr(port, name).tobytes())
    return digest.hexdigest()


def state_hash(lab):
    """Digest the state of a lab; see ``Lab.state_hash``.

    Parameters
    ----------
    lab : Lab
        Not changed.

    Returns
    -------
    sha256 : str
        Of every part.
    """
    digest = hashlib.sha256()
    for path, part in parts_of(lab):
        digest.update(f"{path}={part}\n".encode())
    return digest.hexdigest()
