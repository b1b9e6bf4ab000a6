"""The program that receives into device memory: it checks what the device sees, and gives tokens back.

Law.   Every token that it was given goes back, at the latest at the end of the stream.
Reads. Linux Documentation/networking/devmem.rst.
Omits. Reading what falls into linear octets as something else than the stream: it is part of it.
"""

from devmemlab.lab.accelerator import token_ranges
from devmemlab.lab.traffic.bulk import Sink
from devmemlab.sock.uapi import CMSG_SPACE, MSG_SOCK_DEVMEM, SCM_DEVMEM_LINEAR, frags

ROOM_FRAGS, ROOM_BYTES = 256, 1 << 20


class DeviceSink(Sink):
    """Receive into device memory to the end of the stream, and check what comes.

    Parameters
    ----------
    sock : socket
        Connected; its data come to a bound queue.
    device : DeviceMemory
        What is bound.
    nbytes, seed : int
        As for `devmemlab.lab.traffic.bulk.Sink`.
    keep : int
        Tokens that the program keeps: the oldest goes back for each one more.

    Attributes
    ----------
    frags, linear_bytes : int
        Pieces in device memory, and octets that were not.
    held : list of int
        Tokens that were not given back yet.
    """

    def __init__(self, sock, device, nbytes=None, seed=0, keep=0):
        super().__init__(sock, nbytes, seed)
        self.device, self.keep = device, keep
        self.frags, self.linear_bytes, self.held = 0, 0, []

    def step(self):
        """Take what is there; see `Actor.step`.

        Returns
        -------
        moved : bool
            True when octets came, or the end.
        """
        moved = len(self.held) > self.keep      # it was told to keep fewer than it did
        self._give_back(self.keep)
        while not self.done:
            try:
                data, ancdata, _, _ = self.sock.recvmsg(ROOM_BYTES, CMSG_SPACE(24) * ROOM_FRAGS, MSG_SOCK_DEVMEM)
            except BlockingIOError:
                return moved
            moved = True
            pieces = frags(ancdata)
            if not len(pieces):
                # Octets without a control message came to a queue that is not bound; none at all are the end.
                self.linear_bytes += len(data)
                self._look(data)
                self.done = not data or self.received == self.nbytes
            self._take(data, pieces)
            self.done = self.done or self.received == self.nbytes
            self._give_back(0 if self.done else self.keep)
        return moved

    def _take(self, data, pieces):
        """Look at what the pieces of one read name."""
        at = 0
        for piece in pieces:
            size = int(piece.frag_size)
            if piece.kind == SCM_DEVMEM_LINEAR:
                self._look(data[at:at + size])
                self.linear_bytes += size
                at += size
                continue
            self.frags += 1
            self.held.append(int(piece.frag_token))
            self._look(self.device.read(int(piece.frag_offset), size))

    def _give_back(self, keep):
        """Return the oldest tokens, all but so many."""
        going, self.held = self.held[:max(len(self.held) - keep, 0)], self.held[max(len(self.held) - keep, 0):]
        for ranges in token_ranges(going) if going else ():
            self.sock.host.dontneed(self.sock, ranges)

    def __repr__(self):
        return f"<DeviceSink: {self.received} of {self.nbytes or 'all'} octets received, {len(self.held)} tokens held>"
