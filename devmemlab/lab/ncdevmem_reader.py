"""The reading half of ncdevmem: one connection from its first octet to its end.

Law.   Every token that a read hands out goes back before the next read, and the kernel's count of them is believed.
Reads. Spec sections 14, 15 and 20.1 (server loop); Linux tools/testing/selftests/drivers/net/hw/ncdevmem.c.
Omits. Copying a frag out of the device before looking at it: the dmabuf is mapped.

The kernel's tool goes on after every error of recvmsg but EFAULT. Here the same error twice in a row ends the run, because
it would come for ever.
"""

import time
from typing import NamedTuple

import numpy as np

from devmemlab.base.errno import EFAULT, EIO
from devmemlab.base.profile import DEFAULT
from devmemlab.host.memory_fds import SYNC_END, SYNC_READ, SYNC_START
from devmemlab.lab.accelerator import token_ranges
from devmemlab.lab.ncdevmem_check import Validator
from devmemlab.lab.ncdevmem_setup import UDMABUF_BYTES
from devmemlab.mem.region import PAGE_SIZE
from devmemlab.sock.uapi import MSG_SOCK_DEVMEM, SCM_DEVMEM_LINEAR, frags

IOV_BYTES, CONTROL_BYTES = 819200, 80000


class Wanted(NamedTuple):
    """What the command line asked for.

    ifname, server, client, port : str, str, str or None, int
        Interface; addresses; TCP port.
    modulus : int
        Of the pattern; 0: hand the octets on instead.
    first, count : int or None
        Queues to bind; None: the last one.
    dmabuf : int
        Octets of device memory.
    configure : bool
        May the NIC's configuration be changed?
    no_linear, one_by_one, verbose : bool
        Fail on linear octets; return each token by a call of its own; a line for each frag.
    mode : str
        ``"server"``, ``"client"`` or ``"self-test"``.
    chunk, page_size : int or None
        Octets of one piece that the client sends; rx-page-size.
    kernel : str
        Profile of lab hosts.
    """

    ifname: str
    server: str
    client: str | None
    port: int
    modulus: int = 0
    first: int | None = None
    count: int | None = None
    dmabuf: int = UDMABUF_BYTES
    configure: bool = True
    no_linear: bool = False
    one_by_one: bool = False
    verbose: bool = False
    mode: str = "server"
    chunk: int | None = None
    page_size: int | None = None
    kernel: str = DEFAULT


class Tally:
    """What a run has counted so far; its fields are those of ``--json``."""

    def __init__(self):
        self.bytes = self.frags = self.linear_bytes = self.mismatches = self.tokens_issued = self.tokens_returned = 0
        self.page_aligned_frags = self.non_page_aligned_frags = 0
        self.seconds = 0.0

    def as_dict(self):
        """Return the fields by name."""
        return dict(vars(self))


class Reader:
    """A bound dmabuf, and what to do with what arrives in it.

    Parameters
    ----------
    k : Host
        The Linux face.
    fd, dmabuf_id : int
        The dmabuf and its binding.
    wanted : Wanted
        See there.
    say : callable
        Takes a message for people.
    pay : callable, optional
        Takes payload octets, without a modulus.

    Attributes
    ----------
    tally : Tally
        All connections together.
    """

    def __init__(self, k, fd, dmabuf_id, wanted, say, pay=None):
        self.k, self.wanted, self.say, self.pay = k, wanted, say, pay
        self.fd, self.dmabuf_id, self.device = fd, dmabuf_id, k.mmap(fd)
        self.tally, self._validator = Tally(), None
        if wanted.modulus:
            # Compiled now: in the middle of a stream the sender would take the time for a loss.
            Validator(wanted.modulus).look(self.device, b"", frags([]))

    def receive(self, conn, progress=None):
        """Receive a connection to its end; the pattern begins anew with it.

        Parameters
        ----------
        conn : Socket
            Accepted; it stays open.
        progress : callable, optional
            Takes the number of octets of each read.

        Raises
        ------
        OSError
            EIO: the stream is not what was asked for; or what recvmsg said.
        """
        last, started = None, time.perf_counter()
        if self.wanted.modulus:
            self._validator = Validator(self.wanted.modulus)
        try:
            while True:
                try:
                    data, ancdata, _, _ = conn.recvmsg(IOV_BYTES, CONTROL_BYTES, MSG_SOCK_DEVMEM)
                except TimeoutError:
                    raise
                except OSError as problem:
                    if problem.errno in (EFAULT, last):
                        raise
                    last = problem.errno
                    self.say(f"recvmsg: {problem.strerror}")
                    continue
                last = None
                pieces = frags(ancdata)
                if len(pieces) == 0:
                    if not data:
                        self.say("client exited")
                        return
                    raise OSError(EIO, f"{len(data)} octets came without a devmem cmsg: flow steering missed the bound queues")
                took = self._take(conn, data, pieces)
                if progress:
                    progress(took)
        finally:
            self.tally.seconds += time.perf_counter() - started

    def _take(self, conn, data, pieces):
        """Count, look at and give back what one read delivered."""
        tally, wanted = self.tally, self.wanted
        # Fields of a plain array cost a tenth of a recarray's, and this runs for every burst.
        rows = pieces.view(np.ndarray)
        mine = rows[rows["kind"] != SCM_DEVMEM_LINEAR]
        sizes = mine["frag_size"]
        took = int(rows["frag_size"].sum())
        unaligned = int(np.count_nonzero(sizes % PAGE_SIZE))
        if wanted.verbose:
            self._print(pieces)
        tally.frags += len(mine)
        tally.page_aligned_frags += len(mine) - unaligned
        tally.non_page_aligned_frags += unaligned
        tally.linear_bytes += took - int(sizes.sum())
        tally.bytes += took
        tally.tokens_issued += len(mine)
        if wanted.no_linear and tally.linear_bytes:
            raise OSError(EIO, f"{tally.linear_bytes} linear octets came; -L forbids them")
        strange = mine["dmabuf_id"] != self.dmabuf_id
        if strange.any():
            raise OSError(EIO, f"a frag of dmabuf id {mine['dmabuf_id'][strange][0]} came; {self.dmabuf_id} was bound")
        self.k.dmabuf_sync(self.fd, SYNC_READ | SYNC_START)
        if self._validator:
            self._validate(data, pieces)
        elif self.pay:
            self._hand_on(data, pieces)
        self.k.dmabuf_sync(self.fd, SYNC_READ | SYNC_END)
        self._give_back(conn, mine["frag_token"])
        return took

    def _validate(self, data, pieces):
        before = self._validator.mismatches
        for complaint in self._validator.look(self.device, data, pieces):
            self.say(complaint)
        self.tally.mismatches += self._validator.mismatches - before
        if self._validator.failed:
            raise OSError(EIO, f"validation failed: {self.tally.mismatches} octets are not the pattern of {self.wanted.modulus}")

    def _hand_on(self, data, pieces):
        at = 0
        for piece in pieces:
            size = int(piece.frag_size)
            if piece.kind == SCM_DEVMEM_LINEAR:
                self.pay(data[at:at + size])
                at += size
            else:
                offset = int(piece.frag_offset)
                self.pay(self.device[offset:offset + size].tobytes())

    def _give_back(self, conn, tokens):
        calls = [[(int(token), 1)] for token in tokens] if self.wanted.one_by_one else token_ranges(tokens)
        for ranges in calls:
            owed = sum(int(count) for _, count in ranges)
            freed = self.k.dontneed(conn, ranges)
            self.tally.tokens_returned += freed
            if freed != owed:
                raise OSError(EIO, f"SO_DEVMEM_DONTNEED returned {freed} for {owed} tokens")

    def _print(self, pieces):
        total = self.tally.bytes
        for piece in pieces:
            total += int(piece.frag_size)
            if piece.kind == SCM_DEVMEM_LINEAR:
                self.say(f"SCM_DEVMEM_LINEAR. dmabuf_cmsg->frag_size={piece.frag_size}")
                continue
            page, inside = divmod(int(piece.frag_offset), PAGE_SIZE)
            self.say(f"received frag_page={page}, in_page_offset={inside}, frag_offset={piece.frag_offset}, "
                     f"frag_size={piece.frag_size}, token={piece.frag_token}, total_received={total}, "
                     f"dmabuf_id={piece.dmabuf_id}")
