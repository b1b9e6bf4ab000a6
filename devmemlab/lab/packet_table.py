"""Packets as a table: what tcpdump prints of a capture, with the story of each packet where there is one.

Law.   A line is data first; how tcpdump would print it comes from the data.
Reads. tcpdump(8); `devmemlab.lab.packet_story`.
Omits. Protocols other than TCP, by more than their names; names of hosts and ports.
"""

import os
from typing import NamedTuple

from devmemlab.base.seq import U32
from devmemlab.base.table import as_dict
from devmemlab.lab.packet_story import Places, recorded
from devmemlab.wire.address import address_text
from devmemlab.wire.capture import Capture
from devmemlab.wire.pcap import read_capture
from devmemlab.wire.rows import REASONS, TRUNCATED
from devmemlab.wire.tcp import SYN, flags_text

LETTERS = {"A": ".", "C": "W"}
"""Flags that tcpdump writes otherwise."""


class Packet(NamedTuple):
    """One line of tcpdump.

    number, at_ns : int
        From 1 on; time, ns.
    source, target : str
        Address and port, as tcpdump joins them.
    words : str
        Flags, sequence numbers (relative, as tcpdump's), window and options; why not, when it is no TCP.
    length : int
        Octets of payload.
    story : str
        Queue, netmem and token; empty where no trace tells.
    """

    number: int
    at_ns: int
    source: str
    target: str
    words: str
    length: int
    story: str

    def __str__(self):
        line = f"{self.at_ns / 1e9:.9f} IP{'6' if self.source.count(':') > 1 else ''} {self.source} > {self.target}: {self.words}"
        return line + (f"\n    {self.story}" if self.story else "")


class PacketTable(list):
    """Lines of tcpdump; prints as a table.

    Parameters
    ----------
    packets : iterable of Packet
        In order.
    title : str
        What they are of.
    """

    def __init__(self, packets=(), title="packets"):
        super().__init__(packets)
        self.title = title

    def __getitem__(self, which):
        found = super().__getitem__(which)
        return type(self)(found, self.title) if isinstance(which, slice) else found

    def where(self, word):
        """Keep the packets of which something says a word.

        Parameters
        ----------
        word : str
            For example ``"queue 1"``, ``"Flags [S"`` or ``"dropped"``.

        Returns
        -------
        table : PacketTable
            In the same order.
        """
        return type(self)((packet for packet in self if word in str(packet)), self.title)

    def __str__(self):
        return "\n".join(map(str, self)) or "no packets"

    __repr__ = __str__


def _options(fields):
    """Options of a segment, in tcpdump's words."""
    words = [f"mss {fields['opt_mss']}"] if fields["opt_mss"] >= 0 else []
    words += ["sackOK"] if fields["opt_sack_permitted"] else []
    words += [f"TS val {fields['ts_val']} ecr {fields['ts_ecr']}"] if fields["opt_timestamp"] else []
    words += [f"wscale {fields['opt_wscale']}"] if fields["opt_wscale"] >= 0 else []
    return words


def _segment(fields, base):
    """What tcpdump says of a segment; `base` remembers the first number of each direction."""
    ways = [(fields["saddr_hi"], fields["saddr_lo"], fields["sport"]), (fields["daddr_hi"], fields["daddr_lo"], fields["dport"])]
    way, back = tuple(ways), tuple(ways[::-1])
    syn, seq, length = fields["tcp_flags"] & SYN, fields["seq"], fields["payload_bytes"]
    if syn or way not in base:
        base[way] = seq
    letters = flags_text(fields["tcp_flags"])
    has_ack = "A" in letters
    if has_ack and back not in base:
        base[back] = (fields["ack_seq"] - 1) & U32
    flags = "".join(LETTERS.get(letter, letter) for letter in letters if letter != "A") + ("." if has_ack else "")
    start = seq if syn else (seq - base[way]) & U32
    words = [f"Flags [{flags or 'none'}]"]
    if length or syn or "F" in letters or "R" in letters:
        words.append(f"seq {start}:{start + length}" if length else f"seq {start}")
    if has_ack:
        words.append(f"ack {fields['ack_seq'] if syn else (fields['ack_seq'] - base[back]) & U32}")
    words.append(f"win {fields['window']}")
    blocks = [[(fields[f"sack_{k}_{edge}"] - base.get(back, 0)) & U32 for edge in ("start", "end")]
              for k in range(fields["sack_count"])]
    options = _options(fields)
    options += [f"sack {len(blocks)} {''.join(f'{{{start}:{end}}}' for start, end in blocks)}"] if blocks else []
    if options:
        words.append(f"options [{','.join(options)}]")
    return ", ".join([*words, f"length {length}"])


def _place(fields, side):
    """Address and port of one side."""
    text = address_text(fields["ip_version"] or 4, fields[f"{side}addr_hi"], fields[f"{side}addr_lo"])
    return f"{text}.{fields['sport' if side == 's' else 'dport']}"


def table_of(capture, told=None, title="packets"):
    """Read a capture as tcpdump does.

    Parameters
    ----------
    capture : Capture
        Frames.
    told : sequence of str, optional
        The story of each; the capture's own comments when left out.
    title : str
        What it is of.

    Returns
    -------
    table : PacketTable
        One line a frame.
    """
    base, lines = {}, []
    for k, pkt in enumerate(capture.packets() if len(capture) else ()):
        fields = as_dict(pkt)
        story = capture.comment(k) if told is None else told[k]
        if fields["err"] == TRUNCATED and fields["tcp_at"]:
            # Cut by whoever captured it, as an unreadable packet is: the headers tell how long it was.
            fields["payload_bytes"] = fields["ip_at"] + fields["ip_bytes"] - fields["tcp_at"] - fields["doff_bytes"]
            fields["err"] = 0
        words = REASONS[fields["err"]] if fields["err"] else _segment(fields, base)
        lines.append(Packet(k + 1, int(capture.frame[k].at_ns), _place(fields, "s"), _place(fields, "d"), words,
                            fields["payload_bytes"], story))
    return PacketTable(lines, title)


def packets(source, ifname=None):
    """Show packets as tcpdump does, each with its story where a trace tells it.

    Parameters
    ----------
    source : Host, Tap, Record, Capture, or path
        A lab host that was recorded (``dml.record(lab)``) and has a trace; ``host.tap()``; a recording port; a capture, or the
        name of a file.
    ifname : str, optional
        With a host: which interface; the first NIC when left out.

    Returns
    -------
    table : PacketTable
        A list of `Packet` that prints as a table.

    Raises
    ------
    ValueError
        Nothing was recorded; CaptureError: the file cannot be read.
    """
    if isinstance(source, (str, os.PathLike)):
        source = read_capture(source)
    if hasattr(source, "ports"):
        device = source.device(ifname) if ifname else source.netdev
        capture, told = recorded(source, device.nic)
        places = Places(source)
        return table_of(capture, [places.spell(story) for story in told], f"packets of {source.name}, {device.name}")
    if isinstance(source, Capture):
        return table_of(source, title=source.path or "packets")
    return table_of(source.capture(), title=repr(source))
