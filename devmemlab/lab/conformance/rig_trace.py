"""A devmem connection under observation: send, receive, return tokens, look at pools; each act is one step of a trace.

Law.   Every field of a step is what a call returned, or what the device memory really holds.
Reads. Recorded group devmem-rig for the fields of a step.
Omits. Notifications, and offsets inside a binding, which are the allocator's own.
"""

from devmemlab.lab.conformance.answers import attempt
from devmemlab.lab.conformance.messages import COMMANDS, attribute, named, read_answer, request
from devmemlab.lab.conformance.requests import FD, IFINDEX, queue
from devmemlab.lab.stream import stream_octets
from devmemlab.sock.uapi import MSG_SOCK_DEVMEM, MSG_TRUNC, SCM_DEVMEM_DMABUF, SO_DEVMEM_DONTNEED, SOL_SOCKET, frags

NIC, QUEUE = "dm0", 3
ROOM, CONTROL = 1 << 16, 4096
KINDS = {78: "LINEAR", 79: "DMABUF"}
STREAM_BYTES = 1 << 22


class Rig:
    """A lab host whose queue 3 is bound, and a connection that is steered there.

    Parameters
    ----------
    face : LabFace
        Of its own: the trace changes it.
    version : int
        4 or 6.
    dmabuf_bytes : int
        Size of the udmabuf.
    """

    def __init__(self, face, version=6, dmabuf_bytes=1 << 20):
        self.face, self.version = face, version
        self.host = face.host
        self.dmabuf = self.host.udmabuf(dmabuf_bytes)
        self.memory = self.host.mmap(self.dmabuf)
        self.payload = stream_octets(STREAM_BYTES).tobytes()
        self.conn = self.peer = None
        self.socks = []

    def bind(self, *queues, sock=None, fd=None):
        """Bind a dmabuf to queues.

        Parameters
        ----------
        *queues : int
            Indices.
        sock : LabSock, optional
            A new one without it.
        fd : int, optional
            Another dmabuf than the rig's own.

        Returns
        -------
        answer : Answer
            Its result is a list with the id.
        """
        sock = sock or self.open_netlink()
        octets = attribute(IFINDEX, self.face.ifindex(NIC)) + attribute(FD, self.dmabuf if fd is None else fd)
        octets += b"".join(queue(index) for index in queues)
        answer, bodies = read_answer(sock.ask(request(sock.family, COMMANDS["bind-rx"], octets)))
        return answer._replace(result=named(bodies) or [])

    def open_netlink(self):
        """Open a netlink socket that stays open.

        Returns
        -------
        sock : LabSock
            The last of ``socks``.
        """
        self.socks.append(self.face.netlink())
        return self.socks[-1]

    def close_netlink(self):
        """Close the first netlink socket that is open."""
        self.socks.pop(0).sock.close()
        self.face.lab.run(until_ns=self.face.lab.clock.now_ns)

    def connect(self):
        """Open a connection that reaches the bound queue."""
        listener, number = self.face.listener(self.version)
        self.host.ethtool(NIC).add_rule("tcp6" if self.version == 6 else "tcp4", dst_port=number, queue=QUEUE)
        self.conn, self.peer = self.face.stream_to(listener, number, self.version)
        self.sent = self.read = 0

    def send(self, nbytes):
        """Let the peer send the next octets of the stream.

        Parameters
        ----------
        nbytes : int
            How many.
        """
        self.peer.send(self.payload[self.sent:self.sent + nbytes])
        self.sent += nbytes

    def receive(self, op, length=ROOM, controllen=CONTROL, flags=MSG_SOCK_DEVMEM, peek=False):
        """Receive once.

        Parameters
        ----------
        op : str
            Name of the step.
        length, controllen, flags : int
            As for recvmsg.
        peek : bool
            True: what is received stays.

        Returns
        -------
        step : dict
            As records have them.
        """
        if flags & MSG_TRUNC:
            buffer = bytearray(length)
            dropped = attempt(self.conn.recv_into, buffer, length, flags)
            self.read += max(dropped.result, 0)
            return {"op": op, "errno": dropped.errno, "ret": dropped.result, "msg_flags": "0x0", "controllen_after": 0,
                    "cmsgs": [], "iov_untouched": not any(buffer)}
        answer = attempt(self.conn.recvmsg, length, controllen, flags)
        if answer.errno:
            return {"op": op, "errno": answer.errno, "ret": -1, "msg_flags": "0x0", "cmsgs": [], "iov_untouched": True}
        data, ancdata, msg_flags, _ = answer.result
        pieces = frags(ancdata)
        taken = int(pieces.frag_size.sum()) if len(pieces) else len(data)
        step = {"op": op, "errno": None, "ret": taken, "msg_flags": hex(msg_flags), "controllen_after": 40 * len(pieces),
                "cmsgs": [self._spell(piece) for piece in pieces], "iov_untouched": not data}
        if taken:
            step["content_ok"] = self._octets(pieces, data) == self.payload[self.read:self.read + taken]
        self.read += 0 if peek else taken
        return step

    @staticmethod
    def _spell(piece):
        return {"type": KINDS[int(piece.kind)], "frag_size": int(piece.frag_size), "frag_token": int(piece.frag_token),
                "dmabuf_id": int(piece.dmabuf_id), "frag_offset": int(piece.frag_offset), "flags": int(piece.frag_flags)}

    def _octets(self, pieces, data):
        got, host = bytearray(), 0
        for piece in pieces:
            start, nbytes = int(piece.frag_offset), int(piece.frag_size)
            if piece.kind == SCM_DEVMEM_DMABUF:
                got += bytes(self.memory[start:start + nbytes])
            else:
                got += data[host:host + nbytes]
                host += nbytes
        return bytes(got + data[host:])

    def dontneed(self, op, *ranges, conn=None):
        """Return tokens.

        Parameters
        ----------
        op : str
            Name of the step.
        *ranges : tuple of (int, int)
            First token and count.
        conn : Socket, optional
            Another than the rig's own.

        Returns
        -------
        step : dict
            With ``ret``.
        """
        optval = b"".join(start.to_bytes(4, "little") + count.to_bytes(4, "little") for start, count in ranges)
        answer = attempt((conn or self.conn).setsockopt, SOL_SOCKET, SO_DEVMEM_DONTNEED, optval)
        return {"op": op, "ret": answer.result, "errno": answer.errno}

    def _dump(self, command, octets=b""):
        with self.face.netlink() as sock:
            _, bodies = read_answer(sock.ask(request(sock.family, COMMANDS[command], octets, dump=True)))
            return named(bodies) or []

    def errno_of_dump(self, command):
        """Ask for everything of a kind, and keep only whether that is possible.

        Parameters
        ----------
        command : str
            Name of the command.

        Returns
        -------
        errno : str or None
            Name.
        """
        with self.face.netlink() as sock:
            return read_answer(sock.ask(request(sock.family, COMMANDS[command], dump=True)))[0].errno

    def pools(self, bound=True):
        """List page pools.

        Parameters
        ----------
        bound : bool
            Only those of a binding.

        Returns
        -------
        pools : list of dict
            Which NAPI a pool has is the driver's business and left out.
        """
        return [{name: value for name, value in pool.items() if name != "napi-id"}
                for pool in self._dump("page-pool-get") if not bound or "dmabuf" in pool]

    def state(self):
        """List RX queues and page pools.

        Returns
        -------
        state : dict
            ``queues`` and ``pools``.
        """
        found = self._dump("queue-get", attribute(2, self.face.ifindex(NIC)))
        queues = [{name: row[name] for name in ("id", "type", "dmabuf") if name in row} for row in found if row["type"] == 0]
        return {"queues": queues, "pools": self.pools(bound=False)}
