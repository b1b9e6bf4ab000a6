"""bench scale: a host that receives the same number of packets on few or many connections, queues and net_iovs.

Law.   After every run each connection has given its program every octet, and all tokens went back.
Reads. interfaces section 3.
Omits. Sender and program: frames are made before, connections are read between bursts, and neither is timed.

A run is some bursts of frames; what is timed takes a burst from the wire to the sockets, and the acknowledgements to the wire.
"""

import time

import numpy as np
from numba import config

from devmemlab.base.errno import EIO, error
from devmemlab.base.table import table
from devmemlab.host.ports.manual import Manual
from devmemlab.lab.accelerator import token_ranges
from devmemlab.lab.bench.measure import Case
from devmemlab.lab.lab import Lab
from devmemlab.lab.synthetic import CLIENT, HEADER_ROOM, SERVER, segment
from devmemlab.mem.region import DeviceMemory
from devmemlab.sock.uapi import CMSG_SPACE, MSG_SOCK_DEVMEM, frags
from devmemlab.wire.emit import emit_bulk_burst, emit_tcp_frame
from devmemlab.wire.rows import CSUM_VERIFIED, FRAME, Burst
from devmemlab.wire.tcp import ACK, SYN

PACKETS, BURST, PAYLOAD = (20, 8, 256) if config.DISABLE_JIT else (10_000, 512, 256)
FEW, FIRST_PORT = 64, 2000
ROOM = 1 << 20
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
    """

    def __init__(self, name, flows, queues, dmabuf_bytes, first):
        per_flow = max(1, PACKETS // flows)
        self.name, self.flows, self.per_flow, self.elements = name, flows, per_flow, flows * per_flow
        self.contrasts = (("ratio_to_first", first),)
        self.more = {"flows": flows, "queues": queues, "dmabuf_bytes": dmabuf_bytes}
        self.lab, self.port, self.device = Lab(), Manual(), DeviceMemory(dmabuf_bytes, "bench")
        ring = {"rx_ring": 32} if config.DISABLE_JIT else {"rx_ring": 256}
        host = self.host = self.lab.host("receiver", ip=SERVER[0], mac=SERVER[2], gateway_mac=CLIENT[2], port=self.port,
                                         rx_queues=queues + 1, ifname="eth1", sockets=flows + 8, **ring)
        host.sysctl("net.ipv4.tcp_rmem", RMEM)
        nic = host.ethtool("eth1")
        nic.set_rings(tcp_data_split="on", hds_thresh=0)
        nic.set_rxfh_indir(equal=queues, start=1)
        self.fd, self.netlink = host.export(self.device), host.netlink("netdev")
        self.netlink.bind_rx({"ifindex": host.netdev.ifindex, "fd": self.fd,
                              "queues": [{"type": "rx", "id": queue} for queue in range(1, queues + 1)]})
        self.wire = np.zeros(max(self.elements * (PAYLOAD + HEADER_ROOM), flows * 128), np.uint8)
        self.payload, self.frames, self.got, self.issued, self.returned = np.zeros(PAYLOAD, np.uint8), None, 0, 0, 0
        self.segments = [self._segment(k) for k in range(flows)]
        self.conns = self._connect()

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
        conns = [server.accept()[0] for _ in range(self.flows)]
        for conn in conns:
            conn.settimeout(0)
        server.close()
        return conns

    def prepare(self):
        """Make the frames of a run: the connections take turns."""
        frame, at = table(FRAME, self.flows, self.per_flow), 0
        for row, seg in zip(frame, self.segments):
            seg.tcp_flags = ACK
            for k in range(self.per_flow):
                _, at = emit_bulk_burst(self.wire, at, row[k:k + 1], seg, self.payload, 0, PAYLOAD, PAYLOAD)
        frame.wire_length, frame.csum = frame.length, CSUM_VERIFIED
        self.frames, self.got = np.ascontiguousarray(frame.T).reshape(-1).view(np.recarray), 0

    def run(self):
        """Take the bursts in, and have them read; gives the time of the first."""
        spent, host, now_ns = 0, self.host, self.lab.clock.now_ns
        for start in range(0, self.elements, BURST):
            burst = Burst(self.wire, self.frames[start:start + BURST])
            began = time.perf_counter_ns()
            host.receive(burst, now_ns)
            host.mem.settle()
            spent += time.perf_counter_ns() - began
            host.flush()
            if self.flows <= FEW:
                self._read()
        if self.flows > FEW:
            self._read()
        return spent

    def _read(self):
        """Read every connection and return the tokens."""
        for conn in self.conns:
            try:
                _, ancdata, _, _ = conn.recvmsg(ROOM, CMSG_SPACE(24) * 1024, MSG_SOCK_DEVMEM)
            except BlockingIOError:
                continue
            pieces = frags(ancdata)
            self.got += int(pieces.frag_size.sum())
            self.issued += len(pieces)
            for ranges in token_ranges(pieces.frag_token):
                self.returned += self.host.dontneed(conn, ranges)

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
