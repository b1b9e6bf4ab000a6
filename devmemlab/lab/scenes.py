"""Scenes: machines set up to the point where a lesson begins.

Law.   A scene does what a program could do with public calls, and nothing else; it leaves no hidden state behind.
Reads. The recipe of Linux Documentation/networking/devmem.rst; spec sections 4.2 and 11.3.
Omits. Any check: lessons and tests do that in the open.
"""

from typing import NamedTuple

from devmemlab.base.paths import data_folder
from devmemlab.base.ring import SLOT, ring_count
from devmemlab.base.table import table
from devmemlab.host.ports.pcap import Pcap
from devmemlab.lab.lab import Lab
from devmemlab.mem import provider_kit
from devmemlab.mem.dmabuf import FROM_DEVICE
from devmemlab.mem.mem import Mem
from devmemlab.mem.page_pool import page_pool_put_netmem_bulk
from devmemlab.mem.pool_table import rx_pool_flags
from devmemlab.mem.provider_table import net_iov_virtual_offset
from devmemlab.mem.region import DeviceMemory
from devmemlab.sock.uapi import AF_INET, SOCK_STREAM

PAGE = 4096


class Bench(NamedTuple):
    """A page_pool on a binding, without a network card that takes buffers away.

    lab, host : Lab, Host
        Where it stands.
    dmabuf, binding, pool : int
        Rows: the memory, its binding, and a pool on top.
    """

    lab: object
    host: object
    dmabuf: int
    binding: int
    pool: int


class Connection(NamedTuple):
    """A program that is receiving into device memory.

    lab, host : Lab, Host
        Where it runs.
    device, fd : DeviceMemory, int
        Where payload goes, and its dmabuf.
    netlink, id : NetlinkSocket, int
        Owner of the binding, and its id.
    conn : Socket
        The accepted connection.
    """

    lab: object
    host: object
    device: object
    fd: int
    netlink: object
    id: int
    conn: object


def devmem_pool(host, binding, ring=1024):
    """Put a page_pool on a binding, with the flags that its release demands.

    Parameters
    ----------
    host : Host
        Whose memory.
    binding : int
        Row of the binding.
    ring : int
        Slots of the pool's ring.

    Returns
    -------
    pool : int
        Row.
    """
    mem = host.mem
    own = mem.providers.binding[binding]
    return mem.page_pool_create(pp_flags=rx_pool_flags(mem.profile), dma_dir=FROM_DEVICE, max_len=PAGE, pool_size=ring,
                                provider=int(own.kind), mp_priv=binding)


def bench(pages=16, scattered=False, ring=1024, kernel="6.18", trace=False):
    """Set up a pool that nobody but the caller takes buffers from.

    Parameters
    ----------
    pages : int
        Size of the memory in pages.
    scattered : bool
        True: a udmabuf, whose list has one entry for each page. False: device memory in one piece.
    ring : int
        Slots of the pool's ring.
    kernel : str
        Kernel profile.
    trace : bool
        Record what happens.

    Returns
    -------
    bench : Bench
        Close its ``lab`` when done.
    """
    lab = Lab()
    host = lab.host("bench", ip="192.0.2.1", ifname="eth1", kernel=kernel, rx_ring=64, sockets=1, trace=trace)
    dmabuf = host.mem.udmabuf(pages * PAGE) if scattered else host.mem.export(DeviceMemory(pages * PAGE, "bench"))
    binding = host.mem.bind(host.ifindex("eth1"), dmabuf)
    return Bench(lab, host, dmabuf, binding, devmem_pool(host, binding, ring))


def connection(dmabuf="16MiB", mtu=1500, kernel="6.18", rx_ring=1024, trace=False):
    """Set up a receiver by the recipe of the first lesson: split, steer, bind, accept.

    Parameters
    ----------
    dmabuf : int or str
        Device memory to bind.
    mtu : int
        1500 or 9000: which recording arrives.
    kernel : str
        Kernel profile.
    rx_ring : int
        Descriptors of each of the card's queues, a power of two.
    trace : bool
        Record what happens.

    Returns
    -------
    connection : Connection
        Close its ``lab`` when done.
    """
    port = Pcap(data_folder() / f"linux-bulk-mtu{mtu}.pcap", speed=None)
    flow, lab = port.flow, Lab()
    host = lab.host("receiver", ip=flow.dst, mac=flow.dst_mac, rx_queues=2, ifname="eth1", mtu=mtu, port=port, kernel=kernel,
                    rx_ring=rx_ring, trace=trace)
    device = DeviceMemory(dmabuf)
    fd, netlink, nic = host.export(device), host.netlink("netdev"), host.ethtool("eth1")
    nic.set_rings(tcp_data_split="on", hds_thresh=0)
    nic.set_rxfh_indir(equal=1)
    nic.add_rule(flow_type="tcp4", dst_port=flow.dport, queue=1)
    reply = netlink.bind_rx({"ifindex": host.ifindex("eth1"), "fd": fd, "queues": [{"type": "rx", "id": 1}]})
    server = host.socket(AF_INET, SOCK_STREAM)
    server.bind(("", flow.dport))
    server.listen()
    conn, _ = server.accept()
    server.close()
    return Connection(lab, host, device, fd, netlink, int(reply["id"]), conn)


def chunks(host, binding):
    """List the pieces that a dmabuf was cut into.

    Parameters
    ----------
    host : Host
        Whose memory.
    binding : int
        Row of the binding.

    Returns
    -------
    rows : list of dict
        One a segment: ``offset`` in the dmabuf, ``octets``, ``net_iovs``, and how many of those are ``free``.
    """
    own = host.mem.providers.binding[binding]
    rows = host.mem.providers.chunk[own.chunk_first:own.chunk_first + own.chunk_count]
    return [{"offset": int(row.base_virtual), "octets": int(row.length), "net_iovs": int(row.niov_count),
             "free": int(row.avail_bytes) >> int(own.niov_shift)} for row in rows]


def offset_of(host, netmem):
    """Tell where a net_iov lies in its dmabuf.

    Parameters
    ----------
    host : Host
        Whose memory.
    netmem : int
        Handle of a net_iov.

    Returns
    -------
    offset : int
        Octets from the start of the dmabuf: what a program is told.
    """
    return int(net_iov_virtual_offset(host.mem.netmems, host.mem.providers, netmem))


def pool_state(host, pool):
    """Look at a pool: what rests in it, what is out, and every statistic that is not 0.

    Parameters
    ----------
    host : Host
        Whose memory.
    pool : int
        Row.

    Returns
    -------
    state : dict of str to int
        ``in_cache``, ``in_ring``, ``hold``, ``release`` and ``inflight``; then the statistics.
    """
    mem = host.mem
    ctl = mem.pools.ctl[pool]
    state = {"in_cache": int(ctl.cache_count), "in_ring": int(ring_count(mem.pools.ring, pool)), "hold": int(ctl.hold_cnt),
             "release": int(ctl.release_cnt), "inflight": mem.inflight(pool)}
    return state | {name: count for name, count in mem.pool_stats(pool).items() if count}


def put_bulk(host, netmems, trace=None):
    """Drop one reference of each of many buffers, as freeing a packet with many frags does.

    Parameters
    ----------
    host : Host
        Whose memory.
    netmems : sequence of int
        Handles, of any pools.
    trace : Trace, optional
        Records where they went.

    Returns
    -------
    last : int
        How many had their last reference dropped.
    """
    mem, handles = host.mem, table(SLOT, max(len(netmems), 1))
    handles.entry[:len(netmems)] = netmems
    return int(page_pool_put_netmem_bulk(mem.pools, mem.netmems, mem.providers, trace, handles, len(netmems)))


def bursts(host, pool, burst, total=2048, direct=True):
    """Take and return buffers in bursts, as a driver's poll does.

    Parameters
    ----------
    host : Host
        Whose memory.
    pool : int
        Row.
    burst : int
        Buffers taken before any is returned.
    total : int
        Buffers taken in all, rounded down to whole bursts.
    direct : bool
        True: returned by the pool's own poll, which may use the cache; False: by anybody else, through the ring.

    Returns
    -------
    counts : dict of str to dict of str to int
        ``taken`` from and ``returned`` to: cache, ring, provider; ``taken`` also counts what was ``refused``.
    """
    mem, ctl = host.mem, host.mem.pools.ctl[pool]
    fields = ("alloc_fast", "alloc_refill", "hold_cnt", "recycle_cached", "recycle_ring", "release_cnt")
    before = [int(ctl[name]) for name in fields]
    refused = 0
    for _ in range(total // burst):
        held = [mem.alloc(pool) for _ in range(burst)]
        refused += held.count(0)
        for netmem in filter(None, held):
            mem.put(pool, netmem, direct)
    fast, refill, _, cached, ring, release = (int(ctl[name]) - was for name, was in zip(fields, before))
    trips = total // burst * burst - fast - refill - refused
    return {"taken": {"cache": fast, "ring": refill, "provider": trips, "refused": refused},
            "returned": {"cache": cached, "ring": ring, "provider": release}}


def check_provider(provider, count=40, steps=2000, seed=0):
    """Try a provider of your own: its operations alone, then under a page_pool.

    Parameters
    ----------
    provider : UserProvider
        The provider.
    count : int
        Buffers of the area.
    steps : int
        Operations of each part.
    seed : int
        Of the random order.

    Returns
    -------
    report : Report
        Findings with a name, a step and what happened; empty when all is well.
    """
    mem = Mem(netmem_rows=1 << 16, pages_bytes="16MiB")
    try:
        return provider_kit.check_provider(mem, provider, count, steps, seed)
    finally:
        mem.close()
