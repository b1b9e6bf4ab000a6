"""bench scale: a host that receives the same number of packets on few or many connections, queues and net_iovs.

Law.   After every run the connections have given their program every octet, and all tokens went back.
Reads. interfaces section 3.
Omits. Sender and program: frames are made before, connections are read between bursts, and neither is timed. The copy of the
       payload (see `devmemlab.lab.bench.control`): its memory would grow and shrink with nothing that is measured here.

A run is some bursts of frames; what is timed takes a burst from the wire to the sockets. However many connections and queues
there are, a burst has as many frames, rings have as many descriptors together, and all is read before the next burst: what is
in flight stays the same. So does what GRO makes of it: the connections take turns with trains, what one send() of the peer's
puts on the wire when its NIC cuts it; the last frame of a train has PSH, with which GRO lets go. Otherwise one connection would
have all its packets merged and a thousand none, and that is the size of what is sent at a time, not of the set-up. In trains of
1 nothing merges anywhere, and each packet meets a connection that the caches have not seen for as long as possible. A run goes on
with the connection at which the last one ended.
"""

import numpy as np
from numba import config

from devmemlab.base.errno import EIO, error
from devmemlab.base.table import table
from devmemlab.host.ports.manual import Manual
from devmemlab.lab.bench.measure import Case
from devmemlab.lab.bench.scale_loops import emit_trains, read_flows
from devmemlab.lab.lab import Lab
from devmemlab.lab.stopwatch import processor_ns
from devmemlab.lab.synthetic import CLIENT, HEADER_ROOM, SERVER, segment
from devmemlab.mem.netmem import PAGE_SIZE
from devmemlab.mem.region import DeviceMemory, memory
from devmemlab.nic.dma import UNMOVED
from devmemlab.sock.deliver import CMSG_BYTES, MSGHDR
from devmemlab.sock.token_batch import OPTVAL_BYTES
from devmemlab.wire.emit import emit_tcp_frame
from devmemlab.wire.rows import CSUM_VERIFIED, FRAME, SEG, Burst
from devmemlab.wire.tcp import ACK, SYN

PACKETS, BURST, PAYLOAD = (20, 8, 256) if config.DISABLE_JIT else (10_240, 2048, 256)
TRAIN = 4 if config.DISABLE_JIT else 16
DESCRIPTORS, FEWEST = (64, 16) if config.DISABLE_JIT else (4096, 64)
FIRST_PORT = 2000
CMSGS = 1024
RMEM = "4096 67108864 67108864"
SEQ_AT = 14 + 20


class FlowCase(Case):
    """A host with connections, queues and device memory.

    Parameters
    ----------
    name : str
        Of the case.
    flows, queues, dmabuf_bytes : int
        Connections; bound queues, over which they are spread; device memory.
    first : str
        Case that this one is compared with.
    train : int, optional
        Frames that a connection gets in a row; `TRAIN` when left out.
    """

    def __init__(self, name, flows, queues, dmabuf_bytes, first, train=None):
        self.name, self.flows, self.train, self.elements = name, flows, train or TRAIN, PACKETS
        self.contrasts = (("ratio_to_first", first),)
        self.more = {"flows": flows, "queues": queues, "dmabuf_bytes": dmabuf_bytes, "burst": BURST, "train": self.train,
                     "footprint_bytes": BURST * PAGE_SIZE}
        self.lab, self.port, self.device = Lab(), Manual(), DeviceMemory(dmabuf_bytes, "bench")
        ring = {"rx_ring": max(FEWEST, 1 << (DESCRIPTORS // queues).bit_length() - 1)}
        host = self.host = self.lab.host("receiver", ip=SERVER[0], mac=SERVER[2], gateway_mac=CLIENT[2], port=self.port,
                                         rx_queues=queues + 1, ifname="eth1", sockets=flows + 8, **ring)
        host.sysctl("net.ipv4.tcp_rmem", RMEM)
        nic = host.ethtool("eth1")
        nic.set_rings(tcp_data_split="on", hds_thresh=0)
        nic.set_rxfh_indir(equal=queues, start=1)
        self.fd, self.netlink = host.export(self.device), host.netlink("netdev")
        self.netlink.bind_rx({"ifindex": host.netdev.ifindex, "fd": self.fd,
                              "queues": [{"type": "rx", "id": queue} for queue in range(1, queues + 1)]})
        bound = host.rxqs.ctl
        bound.unmoved[bound.unreadable == 1] = UNMOVED
        self.wire = np.zeros(max(self.elements * (PAYLOAD + HEADER_ROOM), flows * 128), np.uint8)
        self.payload, self.frames = np.zeros(self.train * PAYLOAD, np.uint8), table(FRAME, self.elements)
        self.got = self.issued = self.returned = self.turn = self.next_turn = 0
        self.segments = table(SEG, flows)
        for flow in range(flows):
            self.segments[flow] = self._segment(flow)
        self.control, self.ids, self.msg = np.zeros(CMSGS * CMSG_BYTES, np.uint8), np.zeros(CMSGS, np.int64), table(MSGHDR, 1)
        self.optval = np.zeros(OPTVAL_BYTES, np.uint8)
        self.conns = self._connect()
        self.socks = np.array([conn.sock for conn in self.conns])

    def _segment(self, flow):
        """Begin a connection's stream."""
        seg = segment((CLIENT[0], FIRST_PORT + flow, CLIENT[2]), SERVER, 1000 + flow, 0, SYN)
        seg.opt_mss, seg.opt_wscale = 1460, 7
        return seg

    def _send(self):
        """Let one frame of every connection arrive."""
        frame, at = table(FRAME, self.flows), 0
        for row, seg in zip(frame, self.segments):
            row.offset, row.length = at, emit_tcp_frame(self.wire, at, seg)
            at += int(row.length)
        frame.wire_length, frame.csum = frame.length, CSUM_VERIFIED
        for start in range(0, self.flows, BURST):
            self.host.receive(Burst(self.wire, frame[start:start + BURST]), self.lab.clock.now_ns)
            self.host.flush()

    def _connect(self):
        """Shake hands on every connection; gives them."""
        server = self.host.socket()
        server.bind(("", SERVER[1]))
        server.listen(self.flows + 1)
        self._send()
        answers = {}
        for sent in self.port.take():
            words = np.frombuffer(sent.octets, ">u4", 1, SEQ_AT + 4)
            answers[int.from_bytes(sent.octets[SEQ_AT + 2:SEQ_AT + 4], "big")] = int(words[0])
        for seg in self.segments:
            seg.seq, seg.ack_seq, seg.tcp_flags = seg.seq + 1, (answers[int(seg.sport)] + 1) & 0xFFFFFFFF, ACK
            seg.opt_mss, seg.opt_wscale = 0, -1
        self._send()
        # Handshakes end queue by queue, not in the order in which they began.
        conns = [conn for conn, _ in sorted((server.accept() for _ in range(self.flows)), key=lambda made: made[1][1])]
        server.close()
        return conns

    def prepare(self):
        """Make the frames of a run: the connections take turns."""
        self.turn, self.got = self.next_turn, 0
        self.next_turn = int(emit_trains(self.wire, self.frames, self.segments, self.turn, self.payload, PAYLOAD))

    def run(self):
        """Take the bursts in, and have them read; gives the time of the first."""
        spent, host, now_ns = 0, self.host, self.lab.clock.now_ns
        for start in range(0, self.elements, BURST):
            burst = Burst(self.wire, self.frames[start:start + BURST])
            began = processor_ns()
            host.receive(burst, now_ns)
            host.mem.settle()
            spent += processor_ns() - began
            host.flush()
            self.read(start, len(burst.frame))
        return spent

    def read(self, start=0, count=None):
        """Read the connections that frames were for, and return the tokens.

        Parameters
        ----------
        start : int
            The first of the frames.
        count : int, optional
            How many; all when left out.
        """
        count = self.elements if count is None else count
        trains = np.arange(start // self.train, (start + count - 1) // self.train + 1)[:self.flows]
        host, socks = self.host, self.socks[(self.turn + trains) % self.flows]
        mem = host.mem
        octets, issued, returned = read_flows(memory(), host.tcbs, host.txq, host.skbs, mem.pools, mem.netmems, mem.providers,
                                              host.tokens, host.ledger, socks, self.control, self.msg[0], self.ids, self.optval)
        self.got, self.issued, self.returned = self.got + int(octets), self.issued + int(issued), self.returned + int(returned)

    def spent(self, result):
        """Leave the program out.

        Parameters
        ----------
        result : int
            Of `run`.

        Returns
        -------
        ns : int
            From the wire to the sockets.
        """
        return result

    def check(self, result):
        """See that everything arrived and every token went back.

        Parameters
        ----------
        result : int
            Not looked at.

        Raises
        ------
        OSError
            EIO: something is missing.
        """
        self.port.take()
        if self.got != self.elements * PAYLOAD or self.issued != self.returned:
            raise error(EIO, f"{self.name}: {self.got} of {self.elements * PAYLOAD} octets arrived, "
                             f"{self.returned} of {self.issued} tokens went back")

    def close(self):
        """Audit and end the host."""
        self.host.audit()
        self.netlink.close()
        self.host.close(self.fd)
        self.lab.close()
        self.device.close()
