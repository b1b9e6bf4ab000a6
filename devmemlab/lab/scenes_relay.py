"""A relay: octets come into device memory and leave it again, and no processor of the host ever sees them.

Law.   A piece is given back with DONTNEED only when the error queue has told that it need not be sent again.
Reads. Linux Documentation/networking/devmem.rst, both halves; spec section 9.4 (a dmabuf bound for both directions).
Omits. A device that works on the octets in between.
"""

from typing import NamedTuple

from devmemlab.lab.accelerator import token_ranges
from devmemlab.lab.lab import Lab
from devmemlab.lab.scenes_tcp import Losing
from devmemlab.lab.stream import stream_octets
from devmemlab.mem.ledger import NAMES, STAGES
from devmemlab.mem.region import DeviceMemory
from devmemlab.sock.uapi import AF_INET, CMSG_SPACE, MSG_SOCK_DEVMEM, SO_ZEROCOPY, SOL_SOCKET, frags

RELAYS = ("ordinary answer", "from device memory")
"""What the relay sends back: a line of its own from ordinary memory, or the octets themselves, from where they lie."""
PORT, QUEUE, PAGE, CMSGS = 5201, 1, 4096, 64
MS, STEP_NS = 1_000_000, 100_000


class Relay(NamedTuple):
    """What a relay did.

    kind : str
        One of `RELAYS`.
    octets : int
        Octets that came to it.
    answer : bytes
        What its peer has read.
    whole : bool
        Whether that is what it should be.
    stages : dict of str to int
        Payload octets by stage of the relay's ledger.
    tokens, completions : int
        Pieces given back, and sends told complete.
    most_held : int
        The most tokens held at a time.
    audit : Audit
        Of the relay at the end, when every connection is closed.
    bindings : int
        Bindings left when the netlink socket was closed.
    """

    kind: str
    octets: int
    answer: bytes
    whole: bool
    stages: dict
    tokens: int
    completions: int
    most_held: int
    audit: object
    bindings: int


class _Program:
    """The relay's program: a connection, its tokens, and sends that are not told complete."""

    def __init__(self, host, conn, dmabuf_id):
        self.host, self.conn, self.dmabuf_id = host, conn, dmabuf_id
        self.held, self.waiting, self.sent, self.freed, self.told, self.most, self.octets = {}, [], 0, 0, 0, 0, 0

    def receive(self):
        """Take what has come; gives its pieces (offset, length, token)."""
        try:
            ancdata = self.conn.recvmsg(1 << 20, CMSG_SPACE(24) * CMSGS, MSG_SOCK_DEVMEM)[1]
        except BlockingIOError:
            return []
        pieces = [(int(p.frag_offset), int(p.frag_size), int(p.frag_token)) for p in frags(ancdata)]
        self.octets += sum(length for _, length, _ in pieces)
        return pieces

    def forward(self):
        """Send what waits, from where it lies; the tokens are kept under the number of the send."""
        while self.waiting:
            pieces = self.waiting[:CMSGS]
            try:
                sent = self.host.sendmsg_devmem(self.conn, [piece[:2] for piece in pieces], self.dmabuf_id)
            except BlockingIOError:
                return
            going = []
            while sent:
                offset, length, token = self.waiting[0]
                part = min(sent, length)
                sent -= part
                if part < length:
                    self.waiting[0] = offset + part, length - part, token
                else:
                    self.waiting.pop(0)
                    going.append(token)
            self.held[self.sent] = going
            self.sent += 1

    def free(self):
        """Give back the tokens of what the error queue reports."""
        for one in self.host.completions(self.conn):
            for number in range(one.first, one.last + 1):
                self.give(self.held.pop(number))
                self.told += 1

    def give(self, tokens):
        """Return tokens."""
        for ranges in token_ranges(sorted(tokens)):
            self.freed += self.host.dontneed(self.conn, ranges)

    def turn(self, kind):
        """Do what a program does when it is woken."""
        pieces = self.receive()
        if kind == RELAYS[0]:
            if pieces:
                self.give([token for *_, token in pieces])
                self.conn.send(f"{sum(length for _, length, _ in pieces)};".encode())
            return
        self.waiting += pieces
        self.forward()
        self.free()
        self.most = max(self.most, len(self.waiting) + sum(map(len, self.held.values())))


def relay(kind=RELAYS[1], octets=60_000, pages=64, mtu=1500, lose=(), lose_back=(), limit_ms=20_000):
    """Send a stream to a relay that receives into device memory, and read what it sends back.

    Parameters
    ----------
    kind : str
        One of `RELAYS`.
    octets : int
        Length of the stream.
    pages : int
        Net_iovs of its binding.
    mtu : int
        Largest IP packet.
    lose, lose_back : collection of int
        Data frames that the wire loses on the way there, and on the way back.
    limit_ms : int
        Virtual time after which it is given up.

    Returns
    -------
    outcome : Relay
        The same for the same arguments, always.
    """
    lab, device = Lab(), DeviceMemory(pages * PAGE, "of the relay")
    far = lab.host("peer", ip="10.0.0.1", mtu=mtu, rx_ring=64, sockets=4)
    host = lab.host("relay", ip="10.0.0.2", mtu=mtu, rx_queues=2, rx_ring=32, sockets=4)
    lab.connect(far, host, gbps=1, delay_us=20)
    nic, fd, netdev = host.ethtool(host.netdev.name), host.export(device), host.netlink("netdev")
    nic.set_rings(tcp_data_split="on")
    nic.set_rxfh_indir(equal=1)
    nic.add_rule(flow_type="tcp4", dst_port=PORT, queue=QUEUE)
    netdev.bind_rx({"ifindex": host.netdev.ifindex, "fd": fd, "queues": [{"type": "rx", "id": QUEUE}]})
    number = netdev.bind_tx({"ifindex": host.netdev.ifindex, "fd": fd})["id"]
    server, client = host.socket(AF_INET), far.socket(AF_INET)
    server.bind(("", PORT))
    server.listen()
    client.connect((host.ip, PORT))
    conn = server.accept()[0]
    server.close()
    conn.setsockopt(SOL_SOCKET, SO_ZEROCOPY, 1)
    for end in (client, conn):
        end.settimeout(0)
    far.ports[0], host.ports[0] = Losing(far.ports[0], lose), Losing(host.ports[0], lose_back)
    stream, program, answer, sent = stream_octets(octets).tobytes(), _Program(host, conn, number), b"", 0
    limit_ns = lab.clock.now_ns + limit_ms * MS
    while lab.clock.now_ns < limit_ns:
        sent += client.send(stream[sent:]) if sent < octets else 0
        program.turn(kind)
        try:
            answer += client.recv(1 << 20)
        except BlockingIOError:
            pass
        now_ns, back = lab.clock.now_ns, sum(map(int, answer.decode().split(";")[:-1])) if kind == RELAYS[0] else len(answer)
        if back == octets and not program.held:
            break
        lab.run(until_ns=max(now_ns, min(lab.next_ns() or now_ns, limit_ns)) + STEP_NS)
    whole = answer == stream if kind == RELAYS[1] else back == octets
    for end in (client, conn):
        end.close()
        lab.run(until_ns=lab.clock.now_ns + MS)
    lab.run()
    found, ledger = host.audit(), host.ledger
    netdev.close()
    lab.run(until_ns=lab.clock.now_ns + 2000 * MS)
    stages = {name: int(ledger[k].length) for k, name in enumerate(NAMES) if ledger[k].copies and STAGES[name][1] == "payload"}
    left = sum(bool(row.kind) for row in host.mem.providers.binding)
    host.audit()
    lab.close()
    device.close()
    return Relay(kind, program.octets, answer, whole, stages, program.freed, program.told, program.most, found, left)
