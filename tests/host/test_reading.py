"""How much a read takes, when it waits and what poll says: each story is told to the lab and to the kernel the tests run on."""

import contextlib
import select
import socket
import struct
import sys
import time

import pytest

import devmemlab as dml
from devmemlab.base.errno import NAMES
from devmemlab.host.readiness import POLLERR, POLLHUP, POLLIN, POLLPRI, POLLRDHUP
from devmemlab.lab.conformance.lab_face import LabFace
from devmemlab.lab.conformance.real_face import RealFace
from devmemlab.lab.conformance.records import lab_profile
from devmemlab.sock.uapi import (
    CMSG_SPACE,
    IPPROTO_TCP,
    MSG_CTRUNC,
    MSG_OOB,
    MSG_PEEK,
    MSG_TRUNC,
    MSG_WAITALL,
    SIOCATMARK,
    SIOCINQ,
    SIOCOUTQ,
    SO_OOBINLINE,
    SO_PEEK_OFF,
    SO_RCVBUF,
    SO_RCVLOWAT,
    SO_RCVTIMEO,
    SO_SNDLOWAT,
    SO_SNDTIMEO,
    SOL_SOCKET,
    TCP_INQ,
)

INQ_CONTROL = CMSG_SPACE(4)


class Stage:
    """A connection on one of the two, with what a story asks of it."""

    def __init__(self, face):
        self.real, self.face = not face.lab_side, face
        self.k = dml.linux.Kernel() if self.real else self.face.host
        self.conn, self.peer = self.face.stream(4)
        self.port = self.conn.getsockname()[1]

    def close(self):
        self.conn.close()
        if not self.real:
            self.face.host.audit()

    def arrives(self, octets, urgent=False):
        """The peer sends; it is there, whatever SO_RCVLOWAT says, when this returns."""
        wanted = self.ioctl(SIOCINQ) + len(octets)
        (self.peer.send_urgent if urgent else self.peer.send)(octets)
        if self.real:
            for _ in range(200):
                if urgent or self.ioctl(SIOCINQ) >= wanted:
                    break
                time.sleep(0.01)

    def ioctl(self, request):
        return self.k.ioctl(self.conn, request)

    def poll(self, asked=POLLIN | POLLPRI | POLLRDHUP):
        poll = select.poll() if self.real else self.k.poll()
        poll.register(self.conn, asked)
        return dict(poll.poll(0)).get(self.conn.fileno(), 0)

    def option(self, option, value, level=SOL_SOCKET):
        self.conn.setsockopt(level, option, value)

    def told(self, call, *args):
        """What a call gives, or the name of its error."""
        try:
            return call(*args)
        except OSError as problem:
            return NAMES.get(problem.errno, problem.errno)

    def recv(self, nbytes, flags=0):
        return self.told(self.conn.recv, nbytes, flags)

    def recvmsg(self, nbytes, control=0, flags=0):
        data, ancdata, msg_flags, _ = self.conn.recvmsg(nbytes, control, flags)
        return data, list(ancdata), msg_flags


@pytest.fixture(scope="module")
def faces():
    lab = LabFace(lab_profile("6.18.44"), sockets=64)
    yield lab, RealFace()
    lab.close()


@pytest.fixture(params=["lab", pytest.param("kernel", marks=[pytest.mark.once, pytest.mark.skipif(
    sys.platform != "linux", reason="needs a Linux kernel")])])
def stage(request, faces):
    made = Stage(faces[request.param == "kernel"])
    yield made
    made.close()


def test_urgent_data(stage):
    stage.arrives(b"one")
    stage.arrives(b"two!", urgent=True)
    assert (stage.ioctl(SIOCINQ), stage.ioctl(SIOCATMARK), stage.poll()) == (6, 0, POLLIN | POLLPRI)
    assert stage.recv(4) == b"onet" and stage.recv(100) == b"wo"
    assert (stage.ioctl(SIOCATMARK), stage.ioctl(SIOCINQ), stage.poll()) == (1, 0, POLLPRI)
    assert stage.recvmsg(10, 0, MSG_OOB | MSG_PEEK) == (b"!", [], MSG_OOB)
    assert stage.recvmsg(0, 0, MSG_OOB | MSG_PEEK) == (b"", [], MSG_OOB | MSG_TRUNC)
    assert stage.recvmsg(10, 0, MSG_OOB) == (b"!", [], MSG_OOB) and stage.recv(1, MSG_OOB) == "EINVAL"
    stage.arrives(b"more")
    assert (stage.ioctl(SIOCATMARK), stage.poll()) == (1, POLLIN)
    assert stage.recv(2) == b"mo" and stage.ioctl(SIOCATMARK) == 0 and stage.recv(9) == b"re"


def test_urgent_data_in_line(stage):
    stage.option(SO_OOBINLINE, 5)
    assert stage.conn.getsockopt(SOL_SOCKET, SO_OOBINLINE) == 1
    stage.arrives(b"two!", urgent=True)
    stage.arrives(b"more")
    assert stage.ioctl(SIOCINQ) == 8 and stage.recv(1, MSG_OOB) == "EINVAL"
    assert stage.recv(100) == b"two" and stage.ioctl(SIOCATMARK) == 1
    assert stage.recv(100) == b"!more" and stage.ioctl(SIOCATMARK) == 0


def test_the_low_water_mark(stage):
    assert stage.conn.getsockopt(SOL_SOCKET, SO_RCVLOWAT) == stage.conn.getsockopt(SOL_SOCKET, SO_SNDLOWAT) == 1
    stage.option(SO_RCVLOWAT, 0)
    assert stage.conn.getsockopt(SOL_SOCKET, SO_RCVLOWAT) == 1
    stage.option(SO_RCVLOWAT, 10)
    stage.arrives(b"12345")
    assert stage.poll() == 0 and stage.recv(3) == b"123"              # who does not wait gets what is there
    stage.arrives(b"67890abc")
    assert stage.poll() == POLLIN and stage.recv(100) == b"4567890abc"
    stage.arrives(b"x")
    stage.peer.finish()
    assert stage.poll() == POLLIN | POLLRDHUP                        # the end is always news


def test_the_low_water_mark_and_the_mark(stage):
    stage.option(SO_RCVLOWAT, 4)
    stage.arrives(b"ab!", urgent=True)
    assert stage.recv(9) == b"ab"
    stage.arrives(b"cde")
    assert stage.poll() == POLLPRI
    stage.arrives(b"f")
    assert stage.poll() == POLLPRI | POLLIN and stage.recv(9) == b"cdef"


def test_the_low_water_mark_has_limits(stage):
    stage.option(SO_RCVBUF, 20000)
    stage.option(SO_RCVLOWAT, -1)
    assert stage.conn.getsockopt(SOL_SOCKET, SO_RCVLOWAT) == 20000


def test_the_queue_length_as_a_message(stage):
    stage.option(TCP_INQ, 1, IPPROTO_TCP)
    assert stage.conn.getsockopt(IPPROTO_TCP, TCP_INQ) == 1
    assert stage.told(stage.option, TCP_INQ, 2, IPPROTO_TCP) == "EINVAL"
    stage.arrives(b"123456789")

    def message(waiting):
        return (IPPROTO_TCP, TCP_INQ, struct.pack("i", waiting))

    assert stage.recvmsg(1, INQ_CONTROL) == (b"1", [message(8)], 0)
    assert stage.recvmsg(1, INQ_CONTROL, MSG_PEEK) == (b"2", [message(8)], 0)
    for room, body in ((20, 4), (19, 3), (16, 0)):
        data, ancdata, flags = stage.recvmsg(1, room)
        assert [piece[2] for piece in ancdata] == [message(9 - int(data))[2][:body]]
        assert flags == (0 if body == 4 else MSG_CTRUNC)
    assert stage.recvmsg(1, 15) == (b"5", [], MSG_CTRUNC) and stage.recvmsg(1, 0) == (b"6", [], MSG_CTRUNC)
    stage.peer.finish()
    assert stage.recvmsg(9, INQ_CONTROL) == (b"789", [message(1)], 0)
    assert stage.recvmsg(9, INQ_CONTROL) == (b"", [message(1)], 0) and stage.ioctl(SIOCINQ) == 0


def test_peeking_further_every_time(stage):
    assert stage.conn.getsockopt(SOL_SOCKET, SO_PEEK_OFF) == -1
    stage.arrives(b"0123456789")
    assert stage.recv(4, MSG_PEEK) == stage.recv(4, MSG_PEEK) == b"0123"
    stage.option(SO_PEEK_OFF, 3)
    assert stage.recv(4, MSG_PEEK) == b"3456" and stage.conn.getsockopt(SOL_SOCKET, SO_PEEK_OFF) == 7
    assert stage.recv(2) == b"01" and stage.conn.getsockopt(SOL_SOCKET, SO_PEEK_OFF) == 5
    assert stage.recv(9, MSG_PEEK) == b"789" and stage.recv(9, MSG_PEEK) == "EAGAIN"
    assert stage.conn.recv_into(bytearray(4), 4, MSG_TRUNC) == 4 and stage.conn.getsockopt(SOL_SOCKET, SO_PEEK_OFF) == 4
    stage.option(SO_PEEK_OFF, -1)
    assert stage.recv(9, MSG_PEEK) == b"6789"


def test_msg_waitall_of_what_is_there(stage):
    stage.arrives(b"12345")
    assert stage.recv(9, MSG_WAITALL) == b"12345"                     # this socket does not wait
    stage.conn.setblocking(True)
    stage.arrives(b"67")
    stage.arrives(b"89")
    assert stage.recv(4, MSG_WAITALL) == b"6789"
    stage.arrives(b"ab")
    stage.peer.finish()
    assert stage.recv(9, MSG_WAITALL) == b"ab" and stage.recv(9, MSG_WAITALL) == b""


def test_timeouts_of_the_kernel(stage):
    stage.conn.setblocking(True)
    for option in (SO_RCVTIMEO, SO_SNDTIMEO):
        assert stage.conn.getsockopt(SOL_SOCKET, option, 16) == bytes(16)
        stage.option(option, struct.pack("qq", 0, 40_000))
        assert stage.conn.getsockopt(SOL_SOCKET, option, 16) == struct.pack("qq", 0, 40_000)
        assert stage.told(stage.option, option, 1) == "EINVAL"
        assert stage.told(stage.option, option, struct.pack("qq", 0, 1_000_000)) == "EDOM"
    assert stage.recv(5) == "EAGAIN"
    stage.arrives(b"12")
    assert stage.recv(5, MSG_WAITALL) == b"12" and stage.recv(5) == "EAGAIN"
    stage.option(SO_RCVLOWAT, 3)
    stage.arrives(b"34")
    assert stage.recv(5) == b"34"


def test_relatives_of_recv(stage):
    stage.arrives(b"0123456789abcdef")
    one, two = bytearray(3), bytearray(4)
    assert stage.conn.recvmsg_into([one, two])[:1] == (7,) and (one, two) == (b"012", b"3456")
    assert stage.conn.recvmsg_into([one], 0, MSG_PEEK)[2:] == (0, None) and one == b"789"
    assert stage.conn.recvfrom(2) == (b"78", None)
    assert stage.conn.recvfrom_into(two, 2) == (2, None) and two[:2] == b"9a" and stage.conn.recv(99) == b"bcdef"


def test_a_reset_and_what_poll_says(stage):
    stage.arrives(b"lost")
    stage.peer.reset()
    assert stage.poll() & (POLLERR | POLLHUP) == POLLERR | POLLHUP
    with contextlib.suppress(ConnectionResetError):
        stage.conn.recv(0)
    assert stage.ioctl(SIOCOUTQ) == 0 and stage.told(stage.ioctl, 0x5413) == "ENOTTY"


def test_a_listener_has_no_queue(stage):
    listener, _ = stage.face.listener(4)
    assert stage.told(stage.k.ioctl, listener, SIOCINQ) == "EINVAL"
    listener.close()
    assert stage.told(stage.k.ioctl, stage.k.socket(), SIOCINQ) == 0


def test_a_child_reads_as_its_listener_was_told(stage):
    listener, port = stage.face.listener(4)
    listener.setsockopt(SOL_SOCKET, SO_RCVLOWAT, 7)
    listener.setsockopt(SOL_SOCKET, SO_OOBINLINE, 1)
    listener.setsockopt(IPPROTO_TCP, TCP_INQ, 1)
    listener.setsockopt(SOL_SOCKET, SO_RCVTIMEO, struct.pack("qq", 3, 0))
    if stage.real:
        far = socket.create_connection(listener.getsockname())
        select.select([listener], [], [], 2)
        conn, _ = listener.accept()
        far.close()
        listener.close()
    else:
        conn, far = stage.face.stream_to(listener, port, 4)
    assert conn.getsockopt(SOL_SOCKET, SO_RCVLOWAT) == 7 and conn.getsockopt(SOL_SOCKET, SO_OOBINLINE) == 1
    assert conn.getsockopt(IPPROTO_TCP, TCP_INQ) == 1
    assert conn.getsockopt(SOL_SOCKET, SO_RCVTIMEO, 16) == struct.pack("qq", 3, 0)
    conn.close()
