"""Trace of sending from device memory: what may be named, what is refused, and what the error queue tells.

Law.   A story names its steps and acts; it knows no answer.
Reads. Recorded case devmem-rig/tx.
Omits. The loopback device as a way to the peer: a second NIC stands for "another device than the one that was bound".
"""

from devmemlab.host.ports.manual import Manual
from devmemlab.lab.conformance.answers import attempt
from devmemlab.lab.conformance.messages import COMMANDS, attribute, named, read_answer, request
from devmemlab.lab.conformance.peer import HOST_MAC, Peer
from devmemlab.lab.conformance.requests import FD, IFINDEX
from devmemlab.lab.conformance.rig_bind import extack
from devmemlab.lab.conformance.rig_trace import NIC, Rig
from devmemlab.sock.uapi import MSG_ERRQUEUE, MSG_ZEROCOPY, SCM_DEVMEM_DMABUF, SO_ZEROCOPY, SOL_SOCKET

LENGTH = 1 << 18
UNKNOWN = 0x7FFFFFF0
SECOND_PORT = 30001
ROOM = 512


class Sender:
    """One connection of the story, and both its ends.

    Parameters
    ----------
    rig : Rig
        Its host, and the memory that is sent from.
    zerocopy : bool
        Whether SO_ZEROCOPY is set.
    port : Port, optional
        Of the NIC that leads to the peer, when it is not the first one.
    """

    def __init__(self, rig, zerocopy=True, port=None):
        self.rig, listened = rig, rig.face.listener(6)
        if port is None:
            self.conn, self.peer = rig.face.stream_to(*listened, 6)
        else:
            self.peer = Peer(rig.face.lab, port, 6, SECOND_PORT, listened[1])
            self.peer.connect()
            self.conn = listened[0].accept()[0]
            self.conn.setblocking(False)
        if zerocopy:
            self.conn.setsockopt(SOL_SOCKET, SO_ZEROCOPY, 1)

    def put(self, iov, cmsgs, flags=MSG_ZEROCOPY):
        """Send pieces of the dmabuf.

        Parameters
        ----------
        iov : list of (int, int)
            Offset and length of each.
        cmsgs : list of bytes
            Bodies of control messages.
        flags : int
            ``MSG_*``.

        Returns
        -------
        answer : list
            What was returned, -1 for an error, and the name of the errno or None.
        """
        ancdata = [(SOL_SOCKET, SCM_DEVMEM_DMABUF, body) for body in cmsgs]
        answer = attempt(self.conn.sendmsg_offsets, iov, ancdata, flags)
        return [-1 if answer.errno else answer.result, answer.errno]

    def heard(self, expected=None):
        """Let the peer read and acknowledge.

        Parameters
        ----------
        expected : bytes, optional
            What should have come.

        Returns
        -------
        recv : dict
            How much came, and whether it was that.
        """
        known = -1
        while known < len(self.peer.got):
            known = len(self.peer.got)
            self.peer.acknowledge()
        got, self.peer.got = self.peer.got, b""
        return {"got": len(got), "content_ok": None if expected is None else got == expected}

    def errqueue(self):
        """Read the error queue until it is empty.

        Returns
        -------
        messages : list of list
            Control messages of each, with the octets in hex.
        """
        messages = []
        while (answer := attempt(self.conn.recvmsg, 0, ROOM, MSG_ERRQUEUE)).errno is None:
            messages.append([[level, kind, body.hex()] for level, kind, body in answer.result[1]])
        return messages


def tx(face, record):
    """Send from device memory in every way, and in wrong ones.

    Parameters
    ----------
    face, record : LabFace, Record
        As for `devmemlab.lab.conformance.rig_receive.rx_basic`.

    Yields
    ------
    step : dict
        One an act.
    """
    rig = Rig(face, dmabuf_bytes=LENGTH)
    rig.memory[:] = bytearray(rig.payload[:LENGTH])
    sock = rig.open_netlink()
    octets = attribute(IFINDEX, face.ifindex(NIC)) + attribute(FD, rig.dmabuf)
    answer, bodies = read_answer(sock.ask(request(sock.family, COMMANDS["bind-tx"], octets)))
    number = named(bodies)[0]["id"]
    mine = number.to_bytes(4, "little")
    yield {"op": "bind-tx", "errno": answer.errno, "ext": extack(answer), "id": number}

    def act(op, iov, cmsgs=(mine,), flags=MSG_ZEROCOPY, zerocopy=True):
        sender = Sender(rig, zerocopy)
        sent, errno = sender.put(iov, cmsgs, flags)
        expected = b"".join(rig.payload[at:at + length] for at, length in iov)
        return {"op": op, "iov": [list(piece) for piece in iov], "ret": sent, "errno": errno,
                "recv": sender.heard(expected) if errno is None else None, "errqueue": sender.errqueue()}

    piece = [(0, 100)]
    yield act("ok 1000@0", [(0, 1000)])
    yield act("ok two iovs", [(0, 100), (8192, 200)])
    yield act("ok 10000@100 crossing pages", [(100, 10000)])
    yield act("ok last byte", [(LENGTH - 1, 1)])
    yield act("offset=size", [(LENGTH, 1)])
    yield act("end beyond size", [(LENGTH - 10, 20)])
    yield act("offset huge", [(1 << 40, 10)])
    yield act("no MSG_ZEROCOPY", piece, flags=0)
    yield act("no SO_ZEROCOPY", piece, zerocopy=False)
    yield act("neither", piece, flags=0, zerocopy=False)
    yield act("bogus id", piece, [UNKNOWN.to_bytes(4, "little")])
    yield act("id 0", piece, [bytes(4)])
    yield act("zero-length iov", [(0, 0)])
    yield act("no iov", [])
    yield act("two cmsgs same id", piece, [mine, mine])
    yield act("8-byte cmsg", piece, [mine + bytes(4)])
    yield act("2-byte cmsg", piece, [mine[:2]])
    receiving = rig.bind(3).result[0]["id"].to_bytes(4, "little")
    yield {"op": "rx-binding id used for sendmsg", "res": Sender(rig).put(piece, [receiving])}
    rig.socks.pop().sock.close()
    other = Manual()
    face.host.add_nic("dm1", mac=HOST_MAC, port=other)
    yield {"op": "tx id over loopback", "res": Sender(rig, port=other).put(piece, [mine])}
    sender = Sender(rig)
    done = [sender.put([(0, 1000)], [mine]) for _ in range(3)]
    yield {"op": "three sends then errqueue", "res": done, "recv": sender.heard(), "errqueue": sender.errqueue()}
    answer = attempt(sender.conn.send, b"ordinary")
    yield {"op": "ordinary send() on same socket after", "ret": answer.result, "recv": sender.heard()}
    rig.close_netlink()
    yield {"op": "after unbind-tx", "res": sender.put(piece, [mine])}
