"""Streams out of a capture file as somebody would write it who has dpkt and no thought for speed."""

import dpkt

ETHERTYPES = {4: dpkt.ip.IP, 6: dpkt.ip6.IP6}


def packets(path):
    """IP packets of a pcap or pcapng file, as octets; Ethernet, cooked and raw links."""
    with open(path, "rb") as file:
        first = file.read(4)
        file.seek(0)
        reader = (dpkt.pcapng if first == b"\n\r\r\n" else dpkt.pcap).Reader(file)
        for _, octets in reader:
            link = reader.datalink()
            if link == 1:
                at = 14
                while octets[at - 2:at] in (b"\x81\x00", b"\x88\xa8"):
                    at += 4
            else:
                at = {113: 16, 276: 20}.get(link, 0)
            if len(octets) > at and octets[at] >> 4 in ETHERTYPES:
                yield octets[at:]


def streams(path):
    """(source, sport, destination, dport) -> list of (stream up to the first hole, holes), one for each connection."""
    found = {}
    for octets in packets(path):
        version = octets[0] >> 4
        if version == 4:
            at, length, proto, addresses = (octets[0] & 15) * 4, int.from_bytes(octets[2:4], "big"), octets[9], octets[12:20]
        else:
            at, length, proto, addresses = 40, 40 + int.from_bytes(octets[4:6], "big"), octets[6], octets[8:40]
            while proto in (0, 60):
                proto, at = octets[at], at + 8 + octets[at + 1] * 8
        if proto != 6 or len(octets) < at + 20:
            continue
        tcp = octets[at:length]
        doff = (tcp[12] >> 4) * 4
        payload, seq, syn = tcp[doff:], int.from_bytes(tcp[4:8], "big"), tcp[13] & 2
        half = len(addresses) // 2
        key = (addresses[:half], int.from_bytes(tcp[:2], "big"), addresses[half:], int.from_bytes(tcp[2:4], "big"))
        connections = found.setdefault(key, [])
        if not connections or (syn and connections[-1]["isn"] != seq):
            connections.append({"isn": seq if syn else None, "pieces": []})
        if payload and not syn:
            connections[-1]["pieces"].append((seq, payload))
    return {key: [_stream(**connection) for connection in connections] for key, connections in found.items()}


def _stream(isn, pieces):
    """Lay the pieces out by place, the first copy of an octet counting."""
    if not pieces:
        return b"", 0
    origin = isn + 1 if isn is not None else pieces[0][0]
    places = {}
    for seq, payload in pieces:
        first = (seq - origin + (1 << 31)) % (1 << 32) - (1 << 31)
        for k, octet in enumerate(payload):
            places.setdefault(first + k, octet)
    at = 0 if isn is not None else min(places)
    stream = bytearray()
    while at in places:
        stream.append(places[at])
        at += 1
    there = sorted(place for place in places if place >= at)
    holes = sum(1 for k, place in enumerate(there) if k == 0 or there[k - 1] != place - 1)
    return bytes(stream), holes
