"""One-way traffic: bulk and bursts, and the sink that checks every octet by its position.

Law.   What is sent depends on the seed and the position and nothing else, so a receiver needs no copy to compare with.
Reads. `devmemlab.lab.stream` for the octets.
Omits. Pacing within a burst.
"""

import hashlib
import random

import numpy as np

from devmemlab.lab.stream import stream_octets
from devmemlab.lab.traffic.actor import Actor
from devmemlab.sock.uapi import SHUT_WR

CHUNK_BYTES = 1 << 16
SEED_STEP = 1 << 40
"""Octets of the stream between the beginnings of two seeds: no two of them ever meet."""


def octets_of(seed, nbytes, start=0):
    """Make what an actor with a seed sends.

    Parameters
    ----------
    seed : int
        0 to 2^20 - 1; seed 0 is `devmemlab.lab.stream` from its beginning.
    nbytes : int
        How many octets.
    start : int
        Position of the first one.

    Returns
    -------
    octets : uint8[nbytes]
        The same for ever.
    """
    if not 0 <= seed < 1 << 20:
        raise ValueError(f"seed {seed}: 0 to {(1 << 20) - 1} is possible")
    return stream_octets(nbytes, seed * SEED_STEP + start)


class Bulk(Actor):
    """Send octets as fast as the socket takes them.

    Parameters
    ----------
    sock : socket
        Connected.
    nbytes : int
        How many.
    seed : int
        Decides what they are.
    finish : bool
        Whether to say afterwards that nothing more will be sent.

    Attributes
    ----------
    sent : int
        Octets that the socket has taken.
    """

    def __init__(self, sock, nbytes, seed=0, finish=True):
        super().__init__(sock)
        self.nbytes, self.seed, self.finish, self.sent = nbytes, seed, finish, 0
        self._digest, self._ready = hashlib.sha256(), b""

    @property
    def allowed(self):
        """int: octets that may have been sent by now."""
        return self.nbytes

    @property
    def sha256(self):
        """str: digest of what the socket has taken."""
        return self._digest.hexdigest()

    def step(self):
        """Send what goes; see `Actor.step`.

        Returns
        -------
        moved : bool
            True when the socket took octets.
        """
        moved = False
        while self.sent < self.allowed:
            if not self._ready:
                self._ready = octets_of(self.seed, min(CHUNK_BYTES, self.nbytes - self.sent), self.sent).tobytes()
            taken = self._send(self._ready[:self.allowed - self.sent])
            if not taken:
                return moved
            self._digest.update(self._ready[:taken])
            self._ready = self._ready[taken:]
            self.sent += taken
            moved = True
        if self.sent == self.nbytes and not self.done:
            self.done = moved = True
            if self.finish:
                self.sock.shutdown(SHUT_WR)
        return moved

    def __repr__(self):
        return f"<{type(self).__name__}: {self.sent} of {self.nbytes} octets sent>"


class Bursty(Bulk):
    """Send bursts with silence between them: an on/off source.

    Parameters
    ----------
    sock : socket
        Connected.
    bursts, burst_bytes : int
        How many, and how long each is.
    idle_ns : int
        Mean silence between the beginnings of two bursts, drawn from an exponential distribution.
    seed : int
        Decides the octets and the silences.
    finish : bool
        As for `Bulk`.

    Attributes
    ----------
    begun_ns : list of int
        When each burst began.
    """

    def __init__(self, sock, bursts, burst_bytes, idle_ns, seed=0, finish=True):
        super().__init__(sock, bursts * burst_bytes, seed, finish)
        self.burst_bytes, self.idle_ns = burst_bytes, idle_ns
        self.begun_ns, self._random, self._at_ns = [], random.Random(seed), self.now_ns

    @property
    def allowed(self):
        """int: octets of the bursts that have begun."""
        return len(self.begun_ns) * self.burst_bytes

    def step(self):
        """Begin a burst when it is time, and send what goes; see `Actor.step`.

        Returns
        -------
        moved : bool
            True when a burst began or the socket took octets.
        """
        begin = self.next_ns() is not None and self.now_ns >= self._at_ns
        if begin:
            self.begun_ns.append(self.now_ns)
            self._at_ns = self.now_ns + round(self._random.expovariate(1) * self.idle_ns)
        return super().step() or begin

    def next_ns(self):
        """Tell when the next burst begins; see `Actor.next_ns`.

        Returns
        -------
        at_ns : int or None
            None when the last one has begun.
        """
        return self._at_ns if self.allowed < self.nbytes else None


class Sink(Actor):
    """Receive to the end of the stream and check what comes.

    Parameters
    ----------
    sock : socket
        Connected.
    nbytes : int, optional
        Be done after so many octets; None: at the end of the stream.
    seed : int or None
        Of the sender; None: what comes is only digested.

    Attributes
    ----------
    received, mismatches : int
        Octets that came, and those that are not what the sender's seed says.
    first_mismatch : int or None
        Position of the first wrong octet.
    """

    def __init__(self, sock, nbytes=None, seed=0):
        super().__init__(sock)
        self.nbytes, self.seed = nbytes, seed
        self.received, self.mismatches, self.first_mismatch = 0, 0, None
        self._digest = hashlib.sha256()

    @property
    def sha256(self):
        """str: digest of what came."""
        return self._digest.hexdigest()

    def step(self):
        """Take what is there; see `Actor.step`.

        Returns
        -------
        moved : bool
            True when octets came, or the end.
        """
        moved = False
        while not self.done:
            octets = self._recv(CHUNK_BYTES if self.nbytes is None else min(CHUNK_BYTES, self.nbytes - self.received))
            if octets is None:
                return moved
            moved = True
            self._look(octets)
            self.done = not octets or self.received == self.nbytes
        return moved

    def _look(self, octets):
        """Check and count what came.

        Parameters
        ----------
        octets : bytes
            The next of the stream.
        """
        if self.seed is not None and octets:
            wrong = np.flatnonzero(np.frombuffer(octets, np.uint8) != octets_of(self.seed, len(octets), self.received))
            if len(wrong) and self.first_mismatch is None:
                self.first_mismatch = self.received + int(wrong[0])
            self.mismatches += len(wrong)
        self._digest.update(octets)
        self.received += len(octets)

    def __repr__(self):
        return f"<Sink: {self.received} of {self.nbytes or 'all'} octets received, {self.mismatches} wrong>"
