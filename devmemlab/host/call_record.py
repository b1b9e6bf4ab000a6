"""What calls answered: the last refusal of a socket, what DONTNEED gave back, and binds that were refused.

Law.   A record only listens: no call answers differently because somebody keeps one, and a success wipes the refusal before it.
Reads. strace(1), which shows a program's calls on Linux; `devmemlab.lab.why` reads what is kept here.
Omits. A history: of each kind only the latest is kept. Linux keeps none of this.
"""

import struct
from typing import NamedTuple

from devmemlab.base.errno import EAGAIN
from devmemlab.host.genl.sets import decode
from devmemlab.host.genl.wire import HEADERS
from devmemlab.sock.uapi import MSG_ERRQUEUE, MSG_PEEK, MSG_SOCK_DEVMEM, MSG_TRUNC

BINDS = ("bind-rx", "bind-tx")
MOST_BINDS = 64


class Refusal(NamedTuple):
    """A call that was refused.

    at_ns : int
        When.
    call : str
        ``"recvmsg"``, ``"sendmsg"``, ``"bind-rx"``, ...
    errno : int
        Its answer.
    words : str
        What the kernel and the lab said.
    told : dict
        What the call was told: ``flags`` and ``control`` of recvmsg, the attributes of a bind.
    """

    at_ns: int
    call: str
    errno: int
    words: str
    told: dict


class Calls:
    """What the calls on one socket answered.

    Attributes
    ----------
    refused : dict of str to Refusal
        The last answer of each kind of call, where it was a refusal.
    devmem, host_octets, discarded : int
        Calls with MSG_SOCK_DEVMEM; octets that such calls got from host memory since one last got device memory; octets that
        MSG_TRUNC threw away since a call last delivered any.
    peeked : int
        Calls with MSG_PEEK that gave device memory.
    asked, released : int
        Tokens that DONTNEED named, and references that it released, of all calls.
    last_asked, last_released, returned_ns : int
        The same of the last call, and when it was; -1: never.
    """

    __slots__ = ("refused", "devmem", "host_octets", "discarded", "peeked", "asked", "released", "last_asked", "last_released",
                 "returned_ns")

    def __init__(self):
        self.refused = {}
        self.devmem = self.host_octets = self.discarded = self.peeked = 0
        self.asked = self.released = self.last_asked = self.last_released = 0
        self.returned_ns = -1

    def refuse(self, at_ns, call, errno, words="", **told):
        """Note a refusal.

        Parameters
        ----------
        at_ns : int
            Time.
        call : str
            Which call.
        errno : int
            Its answer; EAGAIN is none.
        words : str
            What was said.
        **told
            What the call was told.
        """
        if abs(errno) != EAGAIN:
            self.refused[call] = Refusal(int(at_ns), call, abs(int(errno)), words, told)

    def received(self, at_ns, flags, control_room, copied, host_octets, control):
        """Note the answer of a receiving call.

        Parameters
        ----------
        at_ns : int
            Time.
        flags : int
            MSG_*.
        control_room : int
            Room for control messages.
        copied : int
            Octets, or ``-errno``.
        host_octets : int
            Of them, those that were copied to the program.
        control : int
            Octets of control messages.
        """
        if flags & MSG_ERRQUEUE:
            return
        self.devmem += bool(flags & MSG_SOCK_DEVMEM)
        if copied < 0:
            self.refuse(at_ns, "recvmsg", copied, flags=int(flags), control=int(control_room))
        elif copied > 0:
            self.refused.pop("recvmsg", None)
            self.discarded = self.discarded + int(copied) if flags & MSG_TRUNC else 0
            if flags & MSG_SOCK_DEVMEM and not flags & MSG_TRUNC:
                self.host_octets = 0 if control else self.host_octets + int(host_octets)
            self.peeked += bool(flags & MSG_PEEK and control)

    def returned(self, at_ns, asked, released):
        """Note the answer of SO_DEVMEM_DONTNEED.

        Parameters
        ----------
        at_ns : int
            Time.
        asked, released : int
            Tokens that were named, and references that were released.
        """
        self.last_asked, self.last_released, self.returned_ns = int(asked), int(released), int(at_ns)
        self.asked += int(asked)
        self.released += int(released)


class Binds(dict):
    """Binds that were refused: (interface number, queues) -> Refusal. A bind that succeeds wipes what it does better."""

    def note(self, at_ns, op, octets, refused=None):
        """Note the answer of a bind.

        Parameters
        ----------
        at_ns : int
            Time.
        op : Operation
            What was asked; only binds are noted.
        octets : bytes
            The request.
        refused : Refused, optional
            None when it was granted.
        """
        if op is None or op.name not in BINDS:
            return
        try:
            told = decode(op.set, octets, HEADERS)
        except (KeyError, IndexError, ValueError, struct.error):
            return
        nests = [nest for nest in told.get("queues", []) if isinstance(nest, dict)]
        key = told.get("ifindex", 0), tuple((nest.get("type"), nest.get("id")) for nest in nests)
        self.pop(key, None)
        if refused is None:
            for other in [k for k in self if k[0] == key[0] and set(k[1]) & set(key[1])]:
                del self[other]
            return
        words = "; ".join(filter(None, (refused.msg, refused.advice)))
        self[key] = Refusal(int(at_ns), op.name, int(refused.number), words, told)
        while len(self) > MOST_BINDS:
            del self[next(iter(self))]

    def about(self, ifindex, queue):
        """Find the refusals that concern a queue.

        Parameters
        ----------
        ifindex, queue : int
            Which.

        Returns
        -------
        refusals : list of Refusal
            The latest last.
        """
        found = [refusal for (number, queues), refusal in self.items()
                 if number == ifindex and (queue in [one for _, one in queues] or not queues)]
        return sorted(found, key=lambda refusal: refusal.at_ns)
