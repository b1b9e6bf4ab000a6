"""The exercises of ``devmemlab warm``: one short run of each room, with the types that the lab really uses.

Law.   Together they reach every kernel of the package; ``devmemlab warm`` names those they do not.
Reads. devmemlab/commands/warm.py, which runs them.
Omits. Any check of results: that is what tests are for.
"""

import pathlib
import struct
import tempfile
from functools import partial

import numpy as np

from devmemlab.base import bits, octets, ring, seq, trace, xarray
from devmemlab.base.kernel import kernel
from devmemlab.base.ring import SLOT
from devmemlab.base.table import table
from devmemlab.host.arrivals import pump_nothing
from devmemlab.host.ports.exercise import wires
from devmemlab.host.ports.pcap import Pcap
from devmemlab.host.tcp_options import IPPROTO_TCP, TCP_NODELAY
from devmemlab.lab import scenes_tokens
from devmemlab.lab.bench import WITH_KERNELS
from devmemlab.lab.bench.report import run_benches
from devmemlab.lab.bench.scale_flows import FlowCase
from devmemlab.lab.bench.scale_loops import compute
from devmemlab.lab.compare import compare
from devmemlab.lab.gather import MODES, gather
from devmemlab.lab.lab import Lab
from devmemlab.lab.mode_readers import make_reader
from devmemlab.lab.ncdevmem_check import Validator, pattern_octets
from devmemlab.lab.receivers import make_receiver
from devmemlab.lab.synthetic import bulk_capture
from devmemlab.lab.warm_guards import guards
from devmemlab.lab.warm_send import lending
from devmemlab.mem.area import zcrx_scrub
from devmemlab.mem.binding import net_devmem_get_niov_at, net_devmem_lookup_dmabuf
from devmemlab.mem.dmabuf import FROM_DEVICE, dma_check, sg_fill
from devmemlab.mem.gen_pool import gen_pool_avail
from devmemlab.mem.iouring import zcrx_get_user_ref, zcrx_offset, zcrx_post_rqe
from devmemlab.mem.mem import Mem
from devmemlab.mem.netmem import net_iov_netmem, netmem_address, netmem_is_pfmemalloc, netmem_ref_count, page_netmem
from devmemlab.mem.page_pool import (
    PROVIDER_DMABUF,
    PROVIDER_IOURING,
    page_pool_alloc_netmem,
    page_pool_put_netmem_bulk,
    page_pool_unreg_netdev,
    page_pool_use_xdp_mem,
)
from devmemlab.mem.pages import get_page, page_alloc
from devmemlab.mem.provider_kit import call_here
from devmemlab.mem.provider_table import net_iov_binding
from devmemlab.nic.toeplitz import toeplitz_bitwise
from devmemlab.sock.token_batch import token_ranges
from devmemlab.sock.uapi import CMSG_SPACE, SHUT_WR, SIOCINQ, SO_RCVLOWAT, SOL_SOCKET, TCP_INQ, frags
from devmemlab.wire.frame import finish_tcp_csum, make_packets, parse_frame
from devmemlab.wire.pcap import read_capture
from devmemlab.wire.survey import sum_frames


@kernel
def _copy(dst, dst_at, src, src_at, nbytes):
    """Copy, as kernels do: the primitive is no kernel itself.

    Parameters
    ----------
    dst, dst_at, src, src_at, nbytes : uint8[n], int64, uint8[n], int64, int64
        As `octets.copy_octets` has them.
    """
    octets.copy_octets(dst, dst_at, src, src_at, nbytes)


def words():
    """Floor 0: octets, sequence numbers, rings, id trees, tracepoints."""
    memory = np.zeros(64, np.uint8)
    _copy(memory, 0, memory, 32, 16)
    octets.load8(memory, 0)
    octets.load_be16(memory, 0)
    octets.load_be32(memory, 0)
    octets.load_le32(memory, 0)
    octets.store8(memory, 0, 1)
    octets.store_be16(memory, 0, 1)
    octets.store_be32(memory, 0, 1)
    octets.store_le32(memory, 0, 1)
    octets.store_le64(memory, 0, 1)
    octets.csum_fold(octets.csum_partial(memory, 0, 5, 0))
    seq.seq_add(1, 2)
    seq.seq_diff(1, 2)
    seq.seq_before(1, 2)
    seq.seq_after(1, 2)
    seq.seq_between(1, 0, 2)
    rings = ring.make_rings(1, 8)
    ring.ring_init(rings, 0, 8)
    ring.ring_produce(rings, 0, 5)
    ring.ring_count(rings, 0)
    ring.ring_peek(rings, 0)
    ring.ring_consume(rings, 0)
    trees = xarray.make_xarrays(1, 16)
    bits.lowest_bit(8)
    token = xarray.xa_alloc(trees, 0, 9)
    xarray.xa_load(trees, 0, token)
    xarray.xa_erase(trees, 0, token)
    recorded = trace.make_trace(16)
    for which in (recorded, None):
        trace.trace_clock(which, 1)
        trace.emit(which, 0, 1, 2, 3, 4)


def captures():
    """Floor 1: capture files of every form, written and read back."""
    capture = bulk_capture(3000)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.pcap", "a.pcapng"):
            path = str(pathlib.Path(folder, name))
            capture.save(path)
            again = read_capture(path)
            again.repair()
            sum_frames(again.octets, again.frame, make_packets())
        raw = pathlib.Path(folder, "raw.pcap")
        body = capture.frame_bytes(0)[14:]
        raw.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
                        + struct.pack("<IIII", 0, 0, len(body), len(body)) + body)
        read_capture(str(raw)).verify()
    frame = np.frombuffer(bytearray(capture.frame_bytes(3)), np.uint8)
    pkt = make_packets(1)[0]
    parse_frame(frame, 0, len(frame), pkt)
    finish_tcp_csum(frame, 0, pkt)


def memory_rooms():
    """Floor 1: what bindings, areas and pools do when no packet flows."""
    mem = Mem()
    dmabuf = mem.udmabuf("1MiB")
    binding = mem.bind(2, dmabuf)
    area = mem.bind(2, mem.udmabuf("64KiB"), provider=PROVIDER_IOURING)
    pool = mem.page_pool_create(pp_flags=11, max_len=4096, dma_dir=FROM_DEVICE, provider=PROVIDER_DMABUF, mp_priv=binding)
    tables = mem.pools, mem.netmems, mem.providers
    handles = table(SLOT, 4)
    handles[0].entry = mem.alloc(pool)
    netmem = int(handles[0].entry)
    net_iov_binding(mem.netmems, mem.providers, netmem)
    netmem_address(mem.netmems, netmem)
    netmem_ref_count(mem.netmems, netmem)
    netmem_is_pfmemalloc(mem.netmems, netmem)
    net_iov_netmem(netmem >> 1), page_netmem(1)
    page_pool_put_netmem_bulk(*tables, None, handles, 1)
    page_pool_alloc_netmem(*tables, None, pool, 512)
    mem.alloc_part(pool, 512)
    mem.pool_stats(pool)
    page_pool_use_xdp_mem(mem.pools, pool)
    page_pool_unreg_netdev(mem.pools, 9)
    gen_pool_avail(mem.providers, binding)
    net_devmem_lookup_dmabuf(mem.providers, int(mem.providers.binding[binding].id))
    net_devmem_get_niov_at(mem.netmems, mem.providers, binding, 0)
    dma_check(mem.dmabufs, 2, 0, 1, 1)
    sg_fill(mem.dmabufs, 0, 0, 0, 0)
    zcrx_offset(mem.netmems, mem.providers, netmem)
    zcrx_get_user_ref(mem.netmems, mem.providers, int(mem.providers.binding[area].niov_first) << 1 | 1)
    zcrx_post_rqe(mem.providers, area, 0)
    zcrx_scrub(*tables, None, area)
    get_page(mem.netmems, page_alloc(mem.netmems, mem.providers, 0))
    mem.unbind(area)
    mem.run_work(0)
    call_here(0, mem.providers.words[:1], 1, 0)
    mem.close()


def pattern():
    """Floor 7: the validation of ncdevmem."""
    Validator(7).look(pattern_octets(7, 64), b"", frags([]))


def transfer():
    """Floors 1 to 7: a small transfer in every mode, without a trace."""
    compare("64KiB", 2000, repeats=1)


def through_ring():
    """Floors 1 to 7: the same through an io_uring, in place and copied, with and without a trace."""
    for trace, queue in ((0, 1), (1 << 12, 0)):
        with Lab() as lab:
            port = Pcap(bulk_capture(1 << 13), speed=None)
            host = lab.host("ring", ip=port.flow.dst, mac=port.flow.dst_mac, rx_queues=2, port=port, trace=trace, rx_ring=64)
            reader = make_reader("zcrx", host, port.flow, 4096, "1MiB")
            host.ethtool("eth0").add_rule(flow_type="tcp4", dst_port=port.flow.dport, queue=queue, location=0)
            server = host.socket()
            server.bind(("", port.flow.dport))
            server.listen()
            reader.drain(server.accept()[0])
            host.audit()
            reader.close()


def traced():
    """Floors 2 to 6 once more with a trace, and what only audits, listeners and configuration call."""
    with Lab() as lab:
        port = Pcap(bulk_capture(1 << 14), speed=None)
        host = lab.host("traced", ip=port.flow.dst, mac=port.flow.dst_mac, rx_queues=2, port=port, trace=1 << 14)
        receiver = make_receiver("devmem", host, port.flow, "16MiB", "1MiB", check=True)
        server = host.socket()
        server.bind(("", port.flow.dport))
        server.listen()
        conn, _ = server.accept()
        receiver.drain(conn)
        conn.shutdown(SHUT_WR)
        conn.close()
        lab.run(until_ns=lab.clock.now_ns + 120_000_000_000)
        host.audit()
        server.close()
        receiver.close()
    toeplitz_bitwise(np.zeros(40, np.uint8), np.zeros(12, np.uint8), 12)


def reading(host, conn):
    """Read in every way that has a kernel of its own.

    Parameters
    ----------
    host : Host
        Whose connection it is.
    conn : Socket
        Four octets arrive.
    """
    conn.setsockopt(IPPROTO_TCP, TCP_INQ, 1)
    conn.setsockopt(SOL_SOCKET, SO_RCVLOWAT, 4)
    conn.recvmsg(3, CMSG_SPACE(4))
    host.select([conn], [], [], 0)
    host.ioctl(conn, SIOCINQ)
    conn.zerocopy_receive(1).release()
    conn.recv(1)


def sending():
    """Floors 2 to 7: two hosts and a wire, with and without a trace."""
    for trace in (False, 1 << 12):
        with Lab() as lab:
            a, b = (lab.host(f"host {k}", ip=f"10.0.0.{k}", trace=trace, page_aware_window=True) for k in (1, 2))
            lab.connect(a, b, gbps=1, delay_us=10)
            server = b.socket()
            server.bind(("", 5201))
            server.listen()
            client = a.socket()
            client.connect(("10.0.0.2", 5201))
            client.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            client.send(b"data")
            reading(b, server.accept()[0])
            a.netdev.pause_tx(True)
            client.send(b"more")
            a.netdev.pause_tx(False)
            pump_nothing(a)


def scale():
    """Floor 7: of scale, which takes long, one small case."""
    case = FlowCase("warm", 2, 1, 64 << 20, "")
    case.prepare()
    case.check(case.run())
    case.close()
    compute(8)


def many_tokens():
    """Floors 1 to 7: tokens returned in bulk, watched, and their octets gathered; with and without a trace."""
    for trace in (False, 1 << 12):
        scene = scenes_tokens.start(pages=24, ring=8, trace=trace)
        with scene.host.watch_tokens():
            scene.arrive(b"x" * 100, b"y" * 100)
            pieces = scenes_tokens.take(scene.conn)
            for mode in MODES:
                gather(scene.device, pieces, 64 << 10, mode)
            scene.host.dontneed(scene.conn, [(int(pieces.frag_token[0]), 1)])
            scene.host.dontneed_tokens(scene.conn, pieces[1:])
            token_ranges([5, 3, 1])
        scenes_tokens.close(scene)


EXERCISES = [("words", words), ("guards", guards), ("wires", wires), ("captures", captures), ("memory", memory_rooms),
             ("pattern", pattern), *[(f"bench {name}", partial(run_benches, [name], quick=True, repeats=1))
                                    for name in WITH_KERNELS],
             ("scale", scale), ("transfer", transfer), ("ring", through_ring),
             ("sending", sending), ("lending", lending), ("trace", traced), ("tokens", many_tokens)]
"""Title and callable, lowest floor first."""
