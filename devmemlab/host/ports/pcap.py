"""The port that plays a capture: real senders, met again whenever one likes.

Law.   The host may not notice: acknowledgements fit its own numbers, nothing comes before its cause.
Reads. House law 9.
Omits. Playing to a host of other addresses than the recorded ones; two connections of one pair of sockets at once.

>>> port = Pcap("linux-bulk-mtu1500.pcap")                               # doctest: +SKIP
>>> host = lab.host("dut", ip=port.flow.dst, mac=port.flow.dst_mac, gateway_mac=port.flow.src_mac, port=port)   # doctest: +SKIP
>>> s.bind(("", port.flow.dport)); s.listen(); conn, peer = s.accept()   # doctest: +SKIP
"""

import os

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.table import first_rows, table
from devmemlab.host.ports.base import Port
from devmemlab.host.ports.flow_table import index_flows, make_slots
from devmemlab.host.ports.flows import Flow, describe, sorted_flows
from devmemlab.host.ports.replay import replay_next, replay_play
from devmemlab.host.ports.replay_build import replay_build, replay_frames
from devmemlab.host.ports.replay_hear import replay_hear
from devmemlab.host.ports.replay_table import CONN, CTL, PLAY
from devmemlab.wire.address import address_text, parse_address
from devmemlab.wire.frame import make_packets, parse_frame
from devmemlab.wire.pcap import Capture, read_capture
from devmemlab.wire.rows import FRAME, Burst

RESEND_NS = 300_000_000


@kernel
def _frames_to(octets, frame, pkts, version, high, low, to):
    """Find the frames to one IP address, TCP or not.

    Parameters
    ----------
    octets : uint8[n]
        Arena.
    frame : FRAME[count]
        Frames.
    pkts : PKT[1]
        Scratch.
    version, high, low : int64
        See `devmemlab.wire.address.parse_address`.
    to : bool[count]
        Set for each frame.
    """
    pkt = pkts[0]
    for k in range(len(frame)):
        parse_frame(octets, frame[k].offset, frame[k].length, pkt)
        to[k] = pkt.ip_version == version and pkt.daddr_hi == high and pkt.daddr_lo == low


def _pick(capture, to):
    """Choose what to play.

    Parameters
    ----------
    capture : Capture
        Frames.
    to : None, Flow, str or tuple
        See `Pcap`.

    Returns
    -------
    chosen : int64[n]
        Numbers of the frames.
    flow : FLOW[m]
        Their flows.

    Raises
    ------
    ValueError
        Nothing fits; the text names what there is.
    """
    flow, of_frame = sorted_flows(capture)
    if len(flow) == 0:
        capture.require_tcp()
    wanted = np.zeros(len(flow), bool)
    also = np.zeros(len(capture.frame), bool)
    if to is None:
        wanted[np.argmax(flow.payload_bytes)] = True
    elif isinstance(to, Flow):
        wanted[:] = [describe(row)[:4] == to[:4] for row in flow]
        if (same := wanted & (flow.first == to.first)).any():
            wanted = same
    else:
        ip, port = (to, None) if isinstance(to, str) else to
        version, high, low = parse_address(ip)
        wanted[:] = (flow.ip_version == version) & (flow.daddr_hi == high) & (flow.daddr_lo == low)
        if port is None:
            _frames_to(capture.octets, capture.frame, make_packets(), version, high, low, also)
            also &= of_frame.entry == 0
        else:
            wanted &= flow.dport == port
    chosen = np.flatnonzero(wanted[of_frame.entry - 1] & (of_frame.entry > 0) | also)
    if len(chosen) == 0:
        there = sorted({f"{address_text(row.ip_version, row.daddr_hi, row.daddr_lo)} port {row.dport}" for row in flow})
        raise ValueError(f"nothing in this capture goes to {to!r}; TCP goes to {', '.join(there[:8])}{' ...' * (len(there) > 8)}")
    return chosen, flow[wanted]


class Pcap(Port):
    """A port that plays what one or more recorded senders sent to the host.

    Parameters
    ----------
    capture : str, os.PathLike, Capture or Burst
        Recorded frames, of both directions or one; never changed.
    to : optional
        None: the direction of one connection that carries most payload. A `Flow` of `flows_of`: that one. An address
        ``"10.0.0.2"``: every frame to it. ``("10.0.0.2", 5201)``: every connection to that port of it.
    speed : float or None
        2.0 plays twice as fast as recorded; None plays as fast as the host takes it.
    start_ns : int, optional
        When the first frame is due; None: when the host asks first.
    max_frames : int
        Most frames of one burst.
    resend_ns : int or None
        How long the host may leave something unacknowledged before it is played again; None: for ever.
    clamp : bool
        False: a frame waits until the host has sent what it acknowledges. True: it acknowledges what the host has sent
        instead; for receivers that were recorded speaking, played to a host that stays silent.
    csum : int, optional
        Who vouches for the frames' checksums (see `FRAME`); None: what the capture says.

    Attributes
    ----------
    flow : Flow
        What is played, or the first of it: its ``dst``, ``dport``, ``dst_mac`` are the host's, ``src_mac`` its gateway's.
    flows : list of Flow
        Everything that is played.

    Raises
    ------
    ValueError
        There is nothing to play, or `speed` is not above 0.
    """

    def __init__(self, capture, to=None, *, speed=1.0, start_ns=None, max_frames=64, resend_ns=RESEND_NS, clamp=False, csum=None):
        if isinstance(capture, (str, os.PathLike)):
            capture = read_capture(capture)
        elif isinstance(capture, Burst):
            capture = Capture(*capture)
        if speed is not None and not speed > 0:
            raise ValueError(f"speed {speed!r} is not above 0; None plays as fast as the host takes it")
        chosen, self._flow = _pick(capture, to)
        self._octets, self._frame = replay_frames(capture, chosen, self._flow)
        if csum is not None:
            self._frame.csum = csum
        self.flows = [describe(row) for row in self._flow]
        self.flow = self.flows[0] if self.flows else None
        self._slot = make_slots(len(self._flow))
        index_flows(self._flow, len(self._flow), self._slot)
        self._pkts = make_packets()
        self._out = table(FRAME, max_frames)
        since = self._frame.at_ns - self._frame.at_ns[0]
        self._settings = {"start_ns": -1 if start_ns is None else start_ns, "resend_ns": resend_ns or 0, "clamp": int(clamp)}
        self._recorded = table(PLAY, len(self._frame)), table(CONN, len(self._flow) + 1)
        replay_build(self._octets, self._frame, self._flow, self._slot, *self._recorded, self._pkts)
        self._recorded[0].at_ns = np.zeros_like(since) if speed is None else np.rint(since / speed).astype(np.int64)
        self.rewind()

    def rewind(self):
        """Start again from the first frame, knowing nothing of the host."""
        self._play, self._conns = (rows.copy() for rows in self._recorded)
        self._ctls = table(CTL, 1)
        for name, value in self._settings.items():
            self._ctls[0][name] = value
        self._ctls[0].live = np.count_nonzero(self._conns.left)

    def recv(self, now_ns):
        """Play what is due and allowed; see `Port.recv`.

        Parameters
        ----------
        now_ns : int
            Present time, ns.

        Returns
        -------
        burst : Burst or None
            Valid until the next call.
        """
        count = replay_play(self._octets, self._frame, self._play, self._conns, self._ctls, self._pkts, self._out, now_ns)
        return Burst(self._octets, first_rows(self._out, count)) if count else None

    def send(self, now_ns, burst):
        """Hear what the host sends; see `Port.send`.

        Parameters
        ----------
        now_ns : int
            Present time, ns.
        burst : Burst
            Frames.
        """
        replay_hear(burst.octets, burst.frame, self._flow, self._slot, self._play, self._conns, self._ctls, self._pkts, now_ns)

    def next_ns(self):
        """Tell when the next frame will be played; see `Port.next_ns`.

        Returns
        -------
        at_ns : int or None
            None when all has been played, or what is left waits for the host.
        """
        at_ns = int(replay_next(self._play, self._conns, self._ctls))
        return None if at_ns < 0 else at_ns

    @property
    def done(self):
        """True when every frame has been played (or belongs to a connection that has died)."""
        return int(self._ctls[0].live) == 0

    @property
    def counters(self):
        """dict: frames in all, played, played again, and left out because their connection had died."""
        ctl = self._ctls[0]
        return {"frames": len(self._frame), "played": int(ctl.played), "resent": int(ctl.resent), "skipped": int(ctl.skipped)}

    def __repr__(self):
        f = self.flow
        what = f"{f.src} port {f.sport} to {f.dst} port {f.dport}" if f else "no TCP"
        return f"Pcap({what}, {len(self._frame)} frames, {int(self._ctls[0].played)} played)"
