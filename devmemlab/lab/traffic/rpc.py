"""Requests and responses: a caller that keeps some calls open, and an answerer.

Law.   A response carries the number of its request; both carry octets that follow from that number.
Reads. netperf's TCP_RR and the framing of most remote procedure calls (a header with a length).
Omits. Responses out of order; calls in both directions of one connection.

A message is a header of 16 octets (number, octets of the body, octets of the answer wanted; little-endian) and its body.
"""

import collections
import struct

from devmemlab.lab.traffic.actor import Actor
from devmemlab.lab.traffic.bulk import CHUNK_BYTES, SEED_STEP, octets_of

HEADER = struct.Struct("<QII")
BODY_STEP = 1 << 20
"""Octets of the stream between two bodies: their longest length."""


def message(number, nbytes, answer_bytes, seed):
    """Make a message.

    Parameters
    ----------
    number : int
        Of the call.
    nbytes, answer_bytes : int
        Octets of its body, and of the body that shall come back.
    seed : int
        Decides the body.

    Returns
    -------
    octets : bytes
        Header and body.
    """
    return HEADER.pack(number, nbytes, answer_bytes) + body(number, nbytes, seed)


def body(number, nbytes, seed):
    """Make the body of a message.

    Parameters
    ----------
    number, nbytes, seed : int
        See `message`.

    Returns
    -------
    octets : bytes
        The same for ever.
    """
    return octets_of(seed, nbytes, number * BODY_STEP % SEED_STEP).tobytes()


class _Messenger(Actor):
    """What caller and answerer share: octets that wait to go, and messages cut out of the stream.

    Parameters
    ----------
    sock : socket
        Connected.
    seed : int
        Decides the bodies; the same on both sides.

    Attributes
    ----------
    mismatches : int
        Bodies that are not what their number says.
    """

    def __init__(self, sock, seed=0):
        super().__init__(sock)
        self.seed, self.mismatches, self.ended = seed, 0, False
        self._going, self._coming = bytearray(), bytearray()

    def _go(self):
        """Send what waits.

        Returns
        -------
        moved : bool
            True when the socket took octets.
        """
        moved = False
        while self._going and (taken := self._send(self._going[:CHUNK_BYTES])):
            del self._going[:taken]
            moved = True
        return moved

    def _come(self):
        """Receive what is there, and check the body of each whole message.

        Yields
        ------
        number, answer_bytes : int
            Of each message.
        """
        while not self.ended and (octets := self._recv(CHUNK_BYTES)) is not None:
            self.ended = not octets
            self._coming += octets
            while len(self._coming) >= HEADER.size:
                number, nbytes, answer_bytes = HEADER.unpack_from(self._coming)
                if len(self._coming) < HEADER.size + nbytes:
                    break
                self.mismatches += self._coming[HEADER.size:HEADER.size + nbytes] != body(number, nbytes, self.seed)
                del self._coming[:HEADER.size + nbytes]
                yield number, answer_bytes


class Caller(_Messenger):
    """Call, and wait for the answer.

    Parameters
    ----------
    sock : socket
        Connected to an `Answerer`.
    calls : int
        How many; afterwards it says that nothing more will be sent.
    request_bytes, response_bytes : int
        Bodies.
    window : int
        Calls that may be open at once.
    seed : int
        The answerer's too.

    Attributes
    ----------
    answered : int
        Calls whose answer has come.
    latencies_ns : list of int
        From each call to its answer, in the order of the answers.
    """

    def __init__(self, sock, calls, request_bytes=64, response_bytes=1024, window=1, seed=0):
        if not 0 <= max(request_bytes, response_bytes) <= BODY_STEP:
            raise ValueError(f"bodies of {request_bytes} and {response_bytes} octets: at most {BODY_STEP} are possible")
        super().__init__(sock, seed)
        self.calls, self.request_bytes, self.response_bytes, self.window = calls, request_bytes, response_bytes, window
        self.asked, self.answered, self.latencies_ns, self._open = 0, 0, [], collections.deque()

    def step(self):
        """Take answers and make the next calls; see `Actor.step`.

        Returns
        -------
        moved : bool
            True when octets moved.
        """
        moved = False
        for number, _ in self._come():
            expected, asked_ns = self._open.popleft()
            self.mismatches += number != expected
            self.latencies_ns.append(self.now_ns - asked_ns)
            self.answered += 1
            moved = True
        while self.asked < self.calls and len(self._open) < self.window:
            self._going += message(self.asked, self.request_bytes, self.response_bytes, self.seed)
            self._open.append((self.asked, self.now_ns))
            self.asked += 1
        if self.ended and self.answered < self.calls:
            raise ConnectionError(f"the answerer ended after {self.answered} of {self.calls} answers")
        if self.answered == self.calls and not self.done:
            self.done = moved = True
            self.sock.shutdown(1)
        return self._go() or moved

    def __repr__(self):
        return f"<Caller: {self.answered} of {self.calls} calls answered>"


class Answerer(_Messenger):
    """Answer every call until the caller says that there are no more.

    Parameters
    ----------
    sock : socket
        Connected to a `Caller`.
    seed : int
        The caller's too.

    Attributes
    ----------
    answered : int
        Calls that it has answered.
    """

    def __init__(self, sock, seed=0):
        super().__init__(sock, seed)
        self.answered = 0

    def step(self):
        """Take calls and answer them; see `Actor.step`.

        Returns
        -------
        moved : bool
            True when octets moved.
        """
        moved = False
        for number, answer_bytes in self._come():
            self._going += message(number, answer_bytes, 0, self.seed)
            self.answered += 1
            moved = True
        moved = self._go() or moved
        if self.ended and not self._going and not self.done:
            self.done = moved = True
        return moved

    def __repr__(self):
        return f"<Answerer: {self.answered} calls answered>"
