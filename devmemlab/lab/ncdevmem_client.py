"""The client of ncdevmem: each line of input is copied to device memory and sent from there.

Law.   A line is sent whole by one sendmsg, and the next one waits until the memory is reported free again.
Reads. Spec sections 17.1 to 17.6 and 20.1 (client); Linux tools/testing/selftests/drivers/net/hw/ncdevmem.c (do_client).
Omits. Sending several lines at a time: they would lie at the same place in the memory.

Where it differs from the kernel's tool: a completion may take five seconds, not half of one, because the other end may be a busy
machine behind a TAP device.
"""

import contextlib
import time

from devmemlab.base.errno import EIO, EMSGSIZE, ENOPROTOOPT, error
from devmemlab.host.memory_fds import SYNC_END, SYNC_START, SYNC_WRITE
from devmemlab.lab.ncdevmem_setup import make_memory
from devmemlab.sock.uapi import (
    AF_INET6,
    SHUT_WR,
    SO_REUSEADDR,
    SO_REUSEPORT,
    SO_ZEROCOPY,
    SOCK_STREAM,
    SOL_SOCKET,
)

SO_BINDTODEVICE = 25
MAX_IOV = 1024
POLL_MS, WAIT_POLLS = 500, 10


def mapped(address):
    """Spell an address as an AF_INET6 socket wants it.

    Parameters
    ----------
    address : str
        IPv4 or IPv6.

    Returns
    -------
    text : str
        ``::ffff:10.0.0.1`` for IPv4.
    """
    return address if ":" in address else f"::ffff:{address}"


class Client:
    """A connection whose payload is sent from device memory. Use it in a ``with`` statement.

    Parameters
    ----------
    k : Host or Kernel
        The Linux face.
    wanted : Wanted
        See `devmemlab.lab.ncdevmem_reader`.
    say : callable
        Takes a message for people.

    Attributes
    ----------
    bytes, sends : int
        What was sent so far.
    completions : list of (int, int)
        Ranges that were reported.
    seconds : float
        Time in `send`.
    """

    def __init__(self, k, wanted, say):
        self.k, self.wanted, self.say = k, wanted, say
        self.bytes = self.sends = 0
        self.completions, self.seconds = [], 0.0

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            self._set_up(undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *exc_info):
        self._undo.close()

    def _set_up(self, undo):
        k, wanted = self.k, self.wanted
        ifindex = k.ifindex(wanted.ifname)
        self.fd = make_memory(k, wanted, undo)
        self.device = k.mmap(self.fd)
        netdev = undo.enter_context(contextlib.closing(k.netlink("netdev")))
        self.dmabuf_id = netdev.bind_tx({"ifindex": ifindex, "fd": self.fd})["id"]
        self.say(f"got tx dmabuf id={self.dmabuf_id}")
        self.conn = undo.enter_context(contextlib.closing(k.socket(AF_INET6, SOCK_STREAM)))
        for option in (SO_REUSEPORT, SO_REUSEADDR):
            self.conn.setsockopt(SOL_SOCKET, option, 1)
        try:
            self.conn.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, wanted.ifname.encode() + b"\0")
        except OSError as refusal:
            # A lab host has the option not, and one way to each peer.
            if refusal.errno != ENOPROTOOPT:
                raise
        if wanted.client:
            self.conn.bind((mapped(wanted.client), wanted.port))
        self.conn.setsockopt(SOL_SOCKET, SO_ZEROCOPY, 1)
        self._poll = k.poll()

    def connect(self):
        """Connect to the server."""
        self.say(f"Connect to {self.wanted.server} {self.wanted.port} (via {self.wanted.ifname})")
        self.conn.connect((mapped(self.wanted.server), self.wanted.port))
        self._poll.register(self.conn, 0)

    def send(self, line):
        """Send one line and wait until its memory is free.

        Parameters
        ----------
        line : bytes
            Not empty, its newline included.

        Raises
        ------
        OSError
            EMSGSIZE: it does not fit, or has more than 1024 pieces; EIO: less was sent, or no completion came; what sendmsg says.
        """
        size, chunk = len(line), self.wanted.chunk or len(line)
        if size > len(self.device):
            raise error(EMSGSIZE, f"a line of {size} octets does not fit into {len(self.device)} octets of device memory")
        pieces = [(at, min(chunk, size - at)) for at in range(0, size, chunk)]
        if len(pieces) > MAX_IOV:
            raise error(EMSGSIZE, f"a line of {size} octets makes {len(pieces)} pieces of {chunk}; {MAX_IOV} are possible, "
                                  f"with -z {-(-size // MAX_IOV)} or more")
        started = time.perf_counter()
        self.k.dmabuf_sync(self.fd, SYNC_WRITE | SYNC_START)
        self.device[:size] = memoryview(line)
        self.k.dmabuf_sync(self.fd, SYNC_WRITE | SYNC_END)
        sent = self.k.sendmsg_devmem(self.conn, pieces, self.dmabuf_id)
        if self.wanted.verbose:
            self.say(f"DEBUG: sendmsg_ret={sent}")
        if sent != size:
            raise OSError(EIO, f"sendmsg took {sent} of {size} octets")
        self._wait_completion(self.sends)
        self.sends += 1
        self.bytes += size
        self.seconds += time.perf_counter() - started

    def _wait_completion(self, number):
        """Wait until a send is reported."""
        for _ in range(WAIT_POLLS):
            if not self._poll.poll(POLL_MS):
                continue
            for done in self.k.completions(self.conn):
                self.completions.append((done.first, done.last))
                if self.wanted.verbose:
                    self.say(f"tx complete [{done.first},{done.last}]")
                if done.copied:
                    raise OSError(EIO, f"the kernel says that it has copied the send {done.first}")
                if done.first <= number <= done.last:
                    return
        raise OSError(EIO, f"did not receive the completion of send {number} within {WAIT_POLLS * POLL_MS / 1000:g} s")

    def finish(self):
        """Say that nothing more will be sent."""
        self.conn.shutdown(SHUT_WR)
        self.say("tx ok")
