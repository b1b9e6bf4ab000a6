"""Segments: a connection read back from what was recorded at one end of its wire, or at both.

Law.   Everything comes from the octets that passed; a fate is told only where both ends were recorded.
Reads. RFC 9293, RFC 7323 (window scale), RFC 2018 and RFC 2883 (SACK blocks); Wireshark's relative numbers.
Omits. How frames and arrivals are matched: fates.py.

Numbers are relative, as in Wireshark: a SYN has 0, the first octet of a stream 1.
"""

from typing import NamedTuple

from devmemlab.base.seq import seq_diff
from devmemlab.base.table import as_dict
from devmemlab.host.ports.record import Record
from devmemlab.lab.fates import match
from devmemlab.wire.address import address_text
from devmemlab.wire.frame import make_packets, parse_frame
from devmemlab.wire.tcp import ACK, FIN, SYN, flags_text


class Segment(NamedTuple):
    """One segment on its way.

    side : int
        Who sent it: 0 the end that began, 1 the other.
    sent_ns, arrived_ns : int
        When; a lost one has ``arrived_ns`` None.
    fate : str
        One of `devmemlab.lab.fates.FATES`.
    flags : str
        Letters, as ``"SA"``.
    seq, end, ack : int
        Relative; `end` lies behind the payload and a SYN or FIN; `ack` is None without that flag.
    payload_bytes, window : int
        Octets; the window is scaled.
    sack : tuple of (int, int)
        Blocks, relative.
    duplicate : bool
        The first block tells what came twice.
    again : bool
        It carries numbers that were seen before.
    """

    side: int
    sent_ns: int
    arrived_ns: object
    fate: str
    flags: str
    seq: int
    end: int
    ack: object
    payload_bytes: int
    window: int
    sack: tuple
    duplicate: bool
    again: bool


class Conversation(NamedTuple):
    """A connection.

    ends : tuple of str
        Both, as ``"192.0.2.2:40000"``, or names of hosts; the first one began.
    segments : list of Segment
        In the order in which they were sent.
    both : bool
        Recorded at both ends.
    """

    ends: tuple
    segments: list
    both: bool


def record(lab):
    """Record what passes every host of a lab from now on.

    Parameters
    ----------
    lab : Lab
        Its hosts are connected; their ports are wrapped.

    Returns
    -------
    records : list of Record
        One for each port, in the order of the hosts.
    """
    for host in lab.hosts:
        host.ports[:] = [Record(port) if port and not isinstance(port, Record) else port for port in host.ports]
    return [port for host in lab.hosts for port in host.ports if port]


def _parsed(source):
    """Read the frames of one recording.

    Parameters
    ----------
    source : Record, Capture or Burst
        Frames.

    Returns
    -------
    frames : list of (int, bytes, dict)
        Time, octets, fields of the headers (None for what is not TCP), in order of time.
    """
    burst = source.capture() if hasattr(source, "capture") else source
    found, pkt = [], make_packets()[0]
    for row in burst.frame:
        fine = parse_frame(burst.octets, row.offset, row.length, pkt) == 0
        octets = burst.octets[row.offset:row.offset + row.length].tobytes()
        found.append((int(row.at_ns), octets, as_dict(pkt) if fine else None))
    return sorted(found, key=lambda one: one[0])


def _key(fields):
    """Both ends of a segment.

    Parameters
    ----------
    fields : dict
        Of its headers.

    Returns
    -------
    key : tuple
        Source, target.
    """
    return tuple((fields["ip_version"], fields[f"{side}addr_hi"], fields[f"{side}addr_lo"], fields[port])
                 for side, port in (("s", "sport"), ("d", "dport")))


def _recordings(source):
    """Find the recordings that something stands for.

    Parameters
    ----------
    source : Lab, Record, Capture, Burst, or a pair of them
        See `conversation`.

    Returns
    -------
    recordings, names : list, dict
        One or two; address of a host -> its name.
    """
    if not hasattr(source, "hosts"):
        return (list(source) if isinstance(source, (list, tuple)) and not hasattr(source, "frame") else [source]), {}
    recordings = [port for host in source.hosts for port in host.ports if isinstance(port, Record)]
    if not recordings:
        raise ValueError("nothing was recorded; call devmemlab.lab.segments.record(lab) when its hosts are connected")
    addresses = {address: host.name for host in source.hosts for address in (host.ip, host.ip6) if address}
    return recordings[:2], addresses


def _place(end, names):
    """Spell one end.

    Parameters
    ----------
    end : tuple
        From `_key`.
    names : dict of str to str
        Address -> name.

    Returns
    -------
    text : str
        The name where there is one.
    """
    text = address_text(*end[:3])
    return names.get(text, f"{text}:{end[3]}")


def conversation(source, connection=0):
    """Read a connection back.

    Parameters
    ----------
    source : Lab, Record, Capture, Burst, or a pair of them
        A lab whose hosts were recorded (see `record`); what one port saw; or what the two ends of one wire saw.
    connection : int
        Which, in order of appearance.

    Returns
    -------
    conversation : Conversation
        Of that connection.

    Raises
    ------
    ValueError
        Nothing was recorded, or not so many connections.
    """
    recordings, names = _recordings(source)
    frames = [_parsed(recording) for recording in recordings]
    seen = {}
    spoken = [(at_ns, end, _key(fields)) for end, rows in enumerate(frames) for at_ns, _, fields in rows if fields]
    for _, end, key in sorted(spoken, key=lambda one: one[0]):
        if key not in seen and key[::-1] not in seen:
            seen[key] = end
    if connection >= len(seen):
        raise ValueError(f"connection {connection}: {len(seen)} were recorded")
    key, here = list(seen.items())[connection]
    both, rows, until_ns = len(frames) == 2, [], max(one[0] for rows in frames for one in rows)
    for side, way in enumerate((key, key[::-1])):
        mine, other = frames[here ^ side if both else 0], frames[1 - here ^ side if both else 0]
        of_way = [(number, *one) for number, one in enumerate(mine) if one[2] and _key(one[2]) == way]
        numbers, sent = [one[0] for one in of_way], [one[1:] for one in of_way]
        if both:
            back = [(at_ns, octets) for at_ns, octets, fields in other if not fields or _key(fields) != way[::-1]]
            fates = match([one[:2] for one in sent], back, until_ns)
        else:
            fates = [(k, one[0], "seen") for k, one in enumerate(sent)]
        rows += [(sent[k][0], side, numbers[k], arrived_ns, fate, sent[k][2]) for k, arrived_ns, fate in fates]
    # One recording has the order itself; of two, only their clocks can be compared.
    rows.sort(key=lambda row: (row[0], row[1] if both else 0, row[2], row[4] == "copy"))
    return Conversation(tuple(_place(end, names) for end in key), _spelled(rows), both)


def _spelled(rows):
    """Make numbers relative and windows whole.

    Parameters
    ----------
    rows : list of (int, int, int, int, str, dict)
        When it was sent, side, row, when it arrived, fate, fields.

    Returns
    -------
    segments : list of Segment
        In the same order.
    """
    base, scale, before, spelled = [None, None], [None, None], ([], []), []
    for _, side, *_, fields in rows:
        if fields["tcp_flags"] & SYN:
            base[side], scale[side] = fields["seq"], fields["opt_wscale"]
    for _, side, *_, fields in rows:
        base[side] = fields["seq"] if base[side] is None else base[side]
        if base[1 - side] is None and fields["tcp_flags"] & ACK:
            base[1 - side] = fields["ack_seq"]
    scaled = all(shift is not None and shift >= 0 for shift in scale)
    for sent_ns, side, _, arrived_ns, fate, fields in rows:
        bits, payload = fields["tcp_flags"], fields["payload_bytes"]
        seq = seq_diff(fields["seq"], base[side])
        end = seq + payload + bool(bits & SYN) + bool(bits & FIN)
        ack = seq_diff(fields["ack_seq"], base[1 - side]) if bits & ACK else None
        sack = tuple(tuple(seq_diff(fields[f"sack_{k}_{edge}"], base[1 - side]) for edge in ("start", "end"))
                     for k in range(fields["sack_count"]))
        duplicate = bool(sack) and (sack[0][1] <= ack or any(o[0] <= sack[0][0] and sack[0][1] <= o[1] for o in sack[1:2]))
        # At one end a late segment looks like a repeated one, unless its numbers were seen before.
        again = end > seq and fate != "copy" and any(first <= seq < last for first, last in before[side])
        before[side].append((seq, end))
        window = fields["window"] << (scale[side] if scaled and not bits & SYN else 0)
        ack = ack if ack is None else int(ack)
        spelled.append(Segment(side, sent_ns, arrived_ns, fate, flags_text(bits), int(seq), int(end), ack, payload, window, sack,
                               duplicate, again))
    return spelled
