"""The server's side of iperf3, so that an unmodified ``iperf3 -c`` measures a lab host.

Law.   What the client is told at the end is what the sockets here took and gave, octet for octet.
Reads. iperf3's states and messages as its documentation and its traffic show them (versions 3.1 and later).
Omits. UDP, SCTP, both directions at once, authentication, a second test at the same time; the rates of intervals.

One connection controls: the server says which state comes next, one octet each, and both exchange JSON texts, each behind its
length. Every connection begins with the 37 octets of the test's cookie, which tell a stream from a stranger::

    client  cookie          parameters          (streams, cookie each)          TEST_END          results           IPERF_DONE
    server          PARAM_EXCHANGE   CREATE_STREAMS       TEST_START TEST_RUNNING    EXCHANGE_RESULTS      results
                                                                                                     DISPLAY_RESULTS
"""

import json
import struct

from devmemlab.lab.traffic.actor import Actor
from devmemlab.lab.traffic.bulk import CHUNK_BYTES, octets_of

COOKIE_BYTES = 37
TEST_START, TEST_RUNNING, TEST_END = 1, 2, 4
PARAM_EXCHANGE, CREATE_STREAMS, EXCHANGE_RESULTS, DISPLAY_RESULTS = 9, 10, 13, 14
IPERF_DONE = 16
ACCESS_DENIED = 255
LENGTH = struct.Struct("!I")


class _Stream(Actor):
    """One data connection of a test.

    Parameters
    ----------
    sock : socket
        Accepted.

    Attributes
    ----------
    moved_bytes : int
        Octets of the test that it took, or gave.
    """

    def __init__(self, sock):
        super().__init__(sock)
        self.moved_bytes, self._block = 0, memoryview(octets_of(0, CHUNK_BYTES).tobytes())

    def take(self):
        """Receive and forget what is there.

        Returns
        -------
        moved : bool
            True when octets came.
        """
        before = self.moved_bytes
        while not self.done and (octets := self._recv(CHUNK_BYTES)) is not None:
            self.done = not octets
            self.moved_bytes += len(octets)
        return self.moved_bytes > before

    def give(self):
        """Send what the socket takes.

        Returns
        -------
        moved : bool
            True when it took octets.
        """
        before = self.moved_bytes
        while taken := self._send(self._block[self.moved_bytes % CHUNK_BYTES:]):
            self.moved_bytes += taken
        return self.moved_bytes > before


class Iperf3Server(Actor):
    """Serve one test of an iperf3 client: it sends, or with ``-R`` receives, with ``-P`` on several connections.

    Parameters
    ----------
    sock : socket
        Listening (iperf3's port is 5201).

    Attributes
    ----------
    parameters, client_results : dict
        What the client asked for, and what it said at the end.
    streams : list
        The data connections, in order.
    """

    def __init__(self, sock):
        super().__init__(sock)
        self.parameters, self.client_results, self.streams = {}, {}, []
        self._cookie, self._control, self._inbox, self._going = b"", None, bytearray(), bytearray()
        self._unnamed, self._state, self._begun_ns, self._ended_ns = [], 0, 0, 0

    @property
    def moved_bytes(self):
        """int: octets of all data connections."""
        return sum(stream.moved_bytes for stream in self.streams)

    @property
    def seconds(self):
        """float: how long data flowed."""
        return (self._ended_ns - self._begun_ns) / 1e9

    def step(self):
        """Do what can be done without waiting; see `Actor.step`.

        Returns
        -------
        moved : bool
            True when octets moved or a state was reached.
        """
        before = self._state, len(self._inbox), len(self._going), len(self._unnamed)
        self._take_connections()
        moved = False
        if self._state == TEST_RUNNING:
            for stream in self.streams:
                moved = (stream.give() if self.parameters.get("reverse") else stream.take()) or moved
        if self._control is not None:
            self._talk()
        return moved or self.done or before != (self._state, len(self._inbox), len(self._going), len(self._unnamed))

    def _take_connections(self):
        """Accept, and hear the cookie of each newcomer."""
        try:
            while True:
                self._unnamed.append((_Stream(self.sock.accept()[0]), bytearray()))
        except BlockingIOError:
            pass
        for newcomer in list(self._unnamed):
            stream, cookie = newcomer
            octets = stream._recv(COOKIE_BYTES - len(cookie))
            if octets is None:
                continue
            cookie += octets
            if octets and len(cookie) < COOKIE_BYTES:
                continue
            self._unnamed.remove(newcomer)
            if self._control is None and octets:
                self._cookie, self._control = bytes(cookie), stream
                self._say(PARAM_EXCHANGE)
            elif bytes(cookie) == self._cookie and self._state == CREATE_STREAMS:
                self.streams.append(stream)
            else:
                if octets:
                    stream._send(bytes([ACCESS_DENIED]))
                stream.sock.close()

    def _say(self, state, octets=b""):
        """Enter a state, and tell the client.

        Parameters
        ----------
        state : int
            ``TEST_...`` and its like.
        octets : bytes
            What goes before.
        """
        self._state = state
        self._going += octets + bytes([state])

    def _heard(self):
        """Cut one JSON text out of what has come.

        Returns
        -------
        told : dict or None
            None: it is not whole yet.
        """
        if len(self._inbox) < LENGTH.size:
            return None
        end = LENGTH.size + LENGTH.unpack_from(self._inbox)[0]
        if len(self._inbox) < end:
            return None
        told = json.loads(bytes(self._inbox[LENGTH.size:end]))
        del self._inbox[:end]
        return told

    def _talk(self):
        """Hear the client, answer, and go on to the next state when its time has come."""
        while not self._control.done and (octets := self._control._recv(CHUNK_BYTES)) is not None:
            self._control.done = not octets
            self._inbox += octets
        if self._state == PARAM_EXCHANGE and (told := self._heard()) is not None:
            self.parameters = told
            self._say(CREATE_STREAMS)
        elif self._state == CREATE_STREAMS and len(self.streams) == self.parameters.get("parallel", 1):
            self._say(TEST_START)
            self._say(TEST_RUNNING)
            self._begun_ns = self.now_ns
        elif self._state == TEST_RUNNING and self._inbox[:1] == bytes([TEST_END]):
            del self._inbox[:1]
            self._ended_ns = self.now_ns
            # A client that receives reads whole blocks: only the end of the stream lets it go on from within one.
            for stream in self.streams:
                stream.sock.close()
            self._say(EXCHANGE_RESULTS)
        elif self._state == EXCHANGE_RESULTS and (told := self._heard()) is not None:
            self.client_results = told
            text = json.dumps(self.results()).encode()
            self._say(DISPLAY_RESULTS, LENGTH.pack(len(text)) + text)
        while self._going and (taken := self._control._send(self._going)):
            del self._going[:taken]
        if self._control.done or self._state == DISPLAY_RESULTS and self._inbox[:1] == bytes([IPERF_DONE]):
            self.done = True
            for stream in [self._control, *self.streams]:
                stream.sock.close()

    def results(self):
        """Say what the client shows as the other side's account.

        Returns
        -------
        results : dict
            As iperf3 spells it; streams are numbered 1, 3, 4, 5 and so on there.
        """
        streams = [{"id": 1 if k == 0 else k + 2, "bytes": stream.moved_bytes, "retransmits": -1, "jitter": 0, "errors": 0,
                    "packets": 0, "start_time": 0, "end_time": self.seconds} for k, stream in enumerate(self.streams)]
        return {"cpu_util_total": 0, "cpu_util_user": 0, "cpu_util_system": 0, "sender_has_retransmits": 0, "streams": streams}

    def __repr__(self):
        return f"<Iperf3Server: state {self._state}, {len(self.streams)} streams, {self.moved_bytes} octets>"
