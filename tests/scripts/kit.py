"""Packet scripts: a peer made by hand, one step a line, in sequence numbers that count from the two SYNs.

A failing step raises AssertionError with every step so far, so that a script reads as its own report.
"""

import contextlib

import numpy as np

from devmemlab.base.errno import error
from devmemlab.base.table import as_dict
from devmemlab.host.ports.manual import Manual
from devmemlab.lab.lab import Lab
from devmemlab.mem.region import DeviceMemory
from devmemlab.sock.uapi import AF_INET, AF_INET6, CMSG_SPACE, MSG_DONTWAIT, MSG_SOCK_DEVMEM, frags
from devmemlab.wire import frame as fr
from devmemlab.wire.tcp import FLAG_LETTERS, flags_text
from tests.ports.kit import made

PEER, DUT = ("10.0.0.1", 40000, "02:00:00:00:00:01"), ("10.0.0.2", 5201, "02:00:00:00:00:02")
PEER6, DUT6 = ("fd00::1", 40000, "02:00:00:00:00:01"), ("fd00::2", 5201, "02:00:00:00:00:02")
LINUX_SYN = {"opt_mss": 1460, "opt_sack_permitted": 1, "opt_wscale": 7}
MS = 1_000_000
U32 = 0xFFFFFFFF


def flag_bits(text):
    """Turn ``"SA"`` into bits."""
    return sum(1 << FLAG_LETTERS.index(letter) for letter in text.replace(".", ""))


class Script:
    """One host, one peer, one connection; the device variant binds queue 1 and steers the port there."""

    def __init__(self, device=False, isn=0xFFFF_F000, peer=PEER, dut=DUT, dmabuf="256KiB", listen=True, backlog=8, rcvbuf=None,
                 split=False, **options):
        self.steps, self.out = [], []
        self.isn, self.iss, self.peer, self.dut = isn, None, peer, dut
        self.next, self.ack, self.ts = 0, 0, None
        self.lab, self.port = Lab(seed=options.pop("lab_seed", 0)), Manual()
        v6 = ":" in dut[0]
        options = {"rx_queues": 2, "rx_ring": 16, "sockets": 16, **options}
        self.host = self.lab.host("dut", port=self.port, mac=dut[2], **{"ip6" if v6 else "ip": dut[0]}, **options)
        self.device = self.netlink = self.binding_id = self.conn = None
        self.ethtool = self.host.ethtool("eth0")
        if device:
            self.bind(dmabuf)
        elif split:
            self.ethtool.set_rings(tcp_data_split="on", hds_thresh=0)
        self.server = self.host.socket(AF_INET6 if v6 else AF_INET)
        self.server.settimeout(0)
        if rcvbuf:
            self.server._row.rcvbuf = rcvbuf
        if listen:
            self.server.bind(("", dut[1]))
            self.server.listen(backlog)

    def bind(self, dmabuf="256KiB"):
        """Put queue 1 on device memory and steer the port there."""
        self.device = DeviceMemory(dmabuf)
        self.ethtool.set_rings(tcp_data_split="on", hds_thresh=0)
        self.ethtool.set_rxfh_indir(equal=1)
        self.rule = self.ethtool.add_rule("tcp6" if ":" in self.dut[0] else "tcp4", queue=1, dst_port=self.dut[1])
        self.fd = self.host.export(self.device)
        self.netlink = self.host.netlink()
        self.binding_id = self.netlink.bind_rx({"ifindex": 2, "fd": self.fd, "queues": [{"type": "rx", "id": 1}]})["id"]

    def close(self):
        self.lab.close()
        if self.device is not None:
            self.device.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, problem, where):
        self.close()

    def fail(self, why):
        """Stop with every step so far."""
        raise AssertionError("\n".join([*self.steps, f">>> {why}"]))

    def step(self, text):
        self.steps.append(f"{self.lab.clock.now_ns / MS:12.3f} ms  {text}")

    def segment(self, flags, payload=b"", seq=None, ack=None, **fields):
        """Octets of one segment of the peer; sequence numbers count from the SYNs."""
        seq = self.next if seq is None else seq
        ack = self.ack if ack is None else ack
        if self.ts is not None and "opt_timestamp" not in fields:
            fields = {"opt_timestamp": 1, "ts_val": self.ts, "ts_ecr": 0, **fields}
        if "A" in flags:
            fields["ack_seq"] = (self.iss or 0) + ack & U32
        fields = {"seq": self.isn + seq & U32, "tcp_flags": flag_bits(flags), "window": 65535, **fields}
        return made(self.peer, self.dut, bytes(payload), **fields)

    def inject(self, flags, payload=b"", seq=None, ack=None, **fields):
        """Let one segment arrive now; without `seq` it is the next in order."""
        octets = self.segment(flags, payload, seq, ack, **fields)
        at = self.next if seq is None else seq
        self.step(f"inject {flags} seq {at} + {len(payload)}" + "".join(f" {k}={v}" for k, v in fields.items()))
        if seq is None:
            self.next += len(payload) + ("S" in flags) + ("F" in flags)
        self.arrive(octets)

    def arrive(self, octets, **options):
        """Let a whole frame, or a burst, arrive now."""
        self.port.inject(octets, at_ns=self.lab.clock.now_ns, **options)
        self.lab.run(until_ns=self.lab.clock.now_ns)
        self._collect()

    def at(self, ms):
        """Let virtual time pass until so many ms from the start."""
        self.lab.run(until_ns=int(ms * MS))
        self.step("the clock says so")
        self._collect()

    def wait(self, ms):
        """Let so many ms pass."""
        self.at(self.lab.clock.now_ns / MS + ms)

    def _collect(self):
        for sent in self.port.take():
            octets = np.frombuffer(bytearray(sent.octets), np.uint8)
            pkt = fr.make_packets(1)[0]
            if fr.parse_frame(octets, 0, len(octets), pkt) or not (
                    fr.verify_ipv4_csum(octets, 0, pkt) and fr.verify_tcp_csum(octets, 0, pkt)):
                self.fail(f"sent a frame that is not right: {sent.octets.hex()}")
            fields = as_dict(pkt)
            if "S" in flags_text(pkt.tcp_flags) and self.iss is None:
                self.iss = fields["seq"]
            fields.update(at_ms=sent.at_ns / MS, flags=flags_text(pkt.tcp_flags), seq=fields["seq"] - (self.iss or 0) & U32,
                          ack=fields["ack_seq"] - self.isn & U32, octets=sent.octets,
                          sack=[(fields[f"sack_{k}_start"] - self.isn & U32, fields[f"sack_{k}_end"] - self.isn & U32)
                                for k in range(fields["sack_count"])])
            self.step("  sent " + self.spell(fields))
            self.out.append(fields)

    @staticmethod
    def spell(fields):
        return (f"{fields['flags']} seq {fields['seq']} ack {fields['ack']} window {fields['window']}"
                + (f" sack {fields['sack']}" if fields["sack"] else ""))

    def expect(self, flags, **wanted):
        """The next segment that the host sent is this one."""
        if not self.out:
            self.fail(f"expected {flags} {wanted}, but nothing was sent")
        got = self.out.pop(0)
        wrong = {name: (value, got[name]) for name, value in {"flags": flags, **wanted}.items() if got[name] != value}
        if wrong:
            self.fail("wanted and sent differ: " + ", ".join(f"{k} {a!r} but {b!r}" for k, (a, b) in wrong.items()))
        return got

    def quiet(self):
        """The host sent nothing more."""
        if self.out:
            self.fail("nothing more was expected, but sent: " + "; ".join(map(self.spell, self.out)))

    def forget(self):
        """Drop what the host sent; the segments are returned."""
        sent, self.out = self.out, []
        return sent

    def call(self, name, what, *args, gives=None, raises=None):
        """A call of the program."""
        self.step(f"call {name}{args}")
        got = problem = None
        try:
            got = what(*args)
        except OSError as caught:
            problem = caught
        self.lab.run(until_ns=self.lab.clock.now_ns)
        self._collect()
        if raises is not None:
            if problem is None or problem.errno != raises:
                self.fail(f"{name} should raise {error(raises, '').errno}, but {problem or got!r}")
        elif problem is not None:
            self.fail(f"{name} raised {problem!r}")
        elif gives is not None and got != gives:
            self.fail(f"{name} gave {got!r}, not {gives!r}")
        return got

    def handshake(self, **options):
        """SYN, SYN-ACK, ACK, accept; the socket does not block."""
        options = {**LINUX_SYN, **options}
        if options.get("opt_timestamp"):
            self.ts = options.get("ts_val", 1)
        self.inject("S", **options)
        synack = self.expect("SA", seq=0, ack=1)
        self.ack = 1
        self.inject("A")
        self.quiet()
        self.conn, self.address = self.call("accept", self.server.accept)
        self.conn.settimeout(0)
        return synack

    def data(self, payload, seq=None, **fields):
        """One segment of payload."""
        self.inject("A", payload, seq, **fields)

    def recv(self, nbytes=1 << 16, flags=0):
        """What a plain recv returns now; empty when nothing is there."""
        got = bytearray()
        with contextlib.suppress(BlockingIOError):
            while len(got) < nbytes and (piece := self.conn.recv(nbytes - len(got), flags | MSG_DONTWAIT)):
                got += piece
        self.lab.run(until_ns=self.lab.clock.now_ns)
        self._collect()
        return bytes(got)

    def recvmsg(self, nbytes=1 << 16, control=CMSG_SPACE(24) * 64, flags=MSG_SOCK_DEVMEM):
        """Data and frags of one recvmsg."""
        data, ancdata, msg_flags, _ = self.conn.recvmsg(nbytes, control, flags)
        assert msg_flags == 0
        return data, frags(ancdata)

    def device_bytes(self, pieces):
        """What the frags describe."""
        return b"".join(self.device.read(int(f.frag_offset), int(f.frag_size)) for f in pieces if f.kind == 79)

    def drain(self):
        """Everything there is now, host bytes or device bytes, tokens returned."""
        if self.device is None:
            return self.recv()
        got = bytearray()
        with contextlib.suppress(BlockingIOError):
            while True:
                data, pieces = self.recvmsg()
                if not data and not len(pieces):
                    break
                got += data + self.device_bytes(pieces)
                for piece in pieces:
                    self.host.dontneed(self.conn, [(piece.frag_token, 1)])
        self.lab.run(until_ns=self.lab.clock.now_ns)
        self._collect()
        return bytes(got)

    @property
    def row(self):
        """Row of the connection."""
        return self.host.tcbs.tcb[self.conn.sock]
