"""What the steering tests share: a NIC without a host, its ethtool face, and frames from addresses and ports."""

import ipaddress
import struct

import numpy as np

from devmemlab.host.ethtool import Ethtool
from devmemlab.nic.context_life import reset_rss
from devmemlab.nic.device import make_nics
from devmemlab.nic.explain import explain_frame
from devmemlab.nic.steer import steer
from devmemlab.wire.frame import make_packets, parse_frame

MAC = 0x020000000001


class BareNic:
    """As much of a Netdev as steering asks for."""

    name, nic = "eth1", 0

    def __init__(self, queues=4):
        self.nics = make_nics(1)
        self.ctl = self.nics.ctl[0]
        self.ctl.queue_count, self.ctl.ntuple, self.ctl.up, self.ctl.mac = queues, 1, 1, MAC
        reset_rss(self.nics, 0, queues)
        self.ethtool = Ethtool(self, lambda: None)

    @property
    def real_num_rx_queues(self):
        return int(self.ctl.queue_count)

    def steer(self, octets):
        """Queue, rule, hash by the kernel."""
        pkt = make_packets(1)[0]
        parse_frame(np.frombuffer(bytearray(octets), np.uint8), 0, len(octets), pkt)
        return tuple(int(value) for value in steer(self.nics, 0, pkt))

    def explain(self, octets):
        return explain_frame(self.nics, 0, octets)


def frame(src, dst, sport=0, dport=0, proto=6, fragment=False, mac=MAC):
    """A frame with nothing but what steering looks at."""
    src, dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    body = struct.pack(">HH", sport, dport)
    body += struct.pack(">IIBBHHH", 1, 2, 5 << 4, 16, 100, 0, 0) if proto == 6 else struct.pack(">HH", 8, 0)
    if src.version == 4:
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0x2000 if fragment else 0, 64, proto, 0)
    else:
        extension = struct.pack(">BBHI", proto, 0, 1, 7) if fragment else b""
        head = struct.pack(">IHBB", 6 << 28, len(extension) + len(body), 44 if fragment else proto, 64)
        body = extension + body
    return (mac.to_bytes(6, "big") + bytes.fromhex("020000000002") + (b"\x08\x00" if src.version == 4 else b"\x86\xdd")
            + head + src.packed + dst.packed + body)
