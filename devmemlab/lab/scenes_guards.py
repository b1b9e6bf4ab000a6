"""Questions to skbs: every consumer of the guard table that can be asked by hand, and the answer it gets.

Law.   A question calls the kernel that the rule names, with an skb of its own; a rule's answer is never written down here.
Reads. devmemlab.net.guards, the rules; spec section 13.3.
Omits. Rules that whole machines answer (recvmsg, taps, the sum of a received segment, memory pressure, GRO).
"""

import errno
from typing import NamedTuple

import numpy as np

from devmemlab.lab.frames import make_frame
from devmemlab.lab.scenes_held import free, hold
from devmemlab.lab.scenes_nic import QUEUES, card
from devmemlab.mem.region import memory
from devmemlab.net import linear_ops, refuse
from devmemlab.net.guards import RULES
from devmemlab.net.linear import skb_copy_bits
from devmemlab.net.skb import skb_alloc, skb_free
from devmemlab.net.skb_merge import skb_may_coalesce

PAYLOAD = 150
"""Octets: with its headers a packet of the questions fits into one head, so that what pages allow can be done."""


class Answer(NamedTuple):
    """What one consumer got.

    number, consumer : int, str
        The rule of `devmemlab.net.guards`.
    head, pages, device : str
        For octets of the linear part; and past it, with payload in pages and in device memory. ``"-"``: the question
        names no octets.
    """

    number: int
    consumer: str
    head: str
    pages: str
    device: str

    @property
    def refused(self):
        """Whether device memory gets another answer than pages."""
        return self.pages != self.device


class Answers(tuple):
    """Answers, in the order of the rules."""

    def __getitem__(self, number):
        """Find the answer of a rule.

        Parameters
        ----------
        number : int
            Of the rule.

        Returns
        -------
        answer : Answer
            KeyError when there is none.
        """
        found = {answer.number: answer for answer in self}
        return found[number]

    def __str__(self):
        return "\n".join(f"{a.number:2}  {a.consumer}: head {a.head}; past it, pages {a.pages}; device memory {a.device}"
                         for a in self)

    __repr__ = __str__


def name_of(code, good="yes"):
    """Spell what a kernel returned.

    Parameters
    ----------
    code : int
        0 or more, or ``-errno``.
    good : str
        For 0 and more.

    Returns
    -------
    text : str
        ``good``, or the errno's name.
    """
    return good if code >= 0 else errno.errorcode.get(-int(code), str(-int(code)))


class _Asked:
    """An skb that is asked, with all that the kernels want; each method is one question about its first `length` octets."""

    def __init__(self, host, skb):
        self.host, self.skb, self.row = host, skb, host.skbs.skb[skb]
        self.args = memory(), host.skbs, skb, host.mem.netmems
        self.octets = np.zeros(max(int(self.row.length), 1), np.uint8)

    def copy(self, length, offset=0):
        return name_of(skb_copy_bits(*self.args, offset, self.octets, 0, length), f"{length} octets")

    def store(self, length):
        return name_of(linear_ops.skb_store_bits(*self.args, 0, self.octets, 0, length), f"{length} octets")

    def pull(self, length):
        return "pulled" if linear_ops.pskb_may_pull(*self.args, length, self.host.ledger) else "fails"

    def linearize(self, length):
        return name_of(linear_ops.skb_linearize(*self.args, self.host.ledger), "done") if length == self.row.length else "-"

    def copy_whole(self, length):
        copied = int(linear_ops.skb_copy(*self.args, self.octets)) if length == self.row.length else -1
        return "-" if copied < 0 else f"{copied} octets" if copied else "NULL"

    def checksum(self, length):
        total, warned = linear_ops.skb_checksum(*self.args, 0, length, self.octets)
        return f"0x{total:04x}" if not warned else f"{total}, and a warning"

    def copy_and_sum(self, length):
        total = linear_ops.skb_copy_and_csum_bits(*self.args, 0, self.octets, 0, length)
        return f"0x{total:04x}" if total else "0"

    def read_on(self, length):
        at = 0
        while at < length and (step := int(linear_ops.skb_seq_read(self.host.skbs, self.skb, at))):
            at += step
        return f"{at} octets" + ("" if at == length else ", the end")

    def coalesce(self):
        host, other = self.host, int(skb_alloc(self.host.skbs))
        may = skb_may_coalesce(host.skbs, self.skb, other)
        mem = host.mem
        skb_free(host.skbs, other, mem.pools, mem.netmems, mem.providers, host.trace, 1)
        return "joins" if may else "refused"

    def transmit(self, ifindex, netmem_tx):
        host = self.host
        may = refuse.skb_may_xmit(host.skbs, self.skb, int(netmem_tx), ifindex, host.mem.netmems, host.mem.providers)
        return "sent" if may else "dropped"

    def loop_back(self):
        lo = self.host.device("lo")
        return self.transmit(lo.ifindex, lo.netmem_tx)

    def address(self, helper):
        return "an address" if helper(self.host.skbs, self.skb, 0, self.host.mem.netmems) else "NULL"

    def refusal(self, helper):
        return name_of(helper(self.host.skbs, self.skb), "done")


_ABOUT_OCTETS = {1: _Asked.copy, 2: _Asked.store, 3: _Asked.pull, 4: _Asked.linearize, 5: _Asked.copy_whole, 7: _Asked.checksum,
                 8: _Asked.copy_and_sum, 9: _Asked.read_on, 10: _Asked.read_on}
_ABOUT_THE_SKB = {
    6: lambda asked: asked.refusal(refuse.skb_copy_ubufs),
    13: lambda asked: asked.refusal(refuse.skb_may_append_pages),
    14: lambda asked: "done" if refuse.skb_may_condense(asked.host.skbs, asked.skb) else "skipped",
    15: _Asked.coalesce,
    16: lambda asked: asked.refusal(refuse.skb_checksum_help),
    21: lambda asked: asked.address(refuse.skb_frag_address),
    22: lambda asked: asked.address(refuse.skb_frag_dma_map),
    23: lambda asked: asked.transmit(asked.host.netdev.ifindex + 1, 1),
    24: _Asked.loop_back,
}
_SAID = {15: "coalesce with a neighbour in pages", 23: "transmit through another card than the binding's"}
"""Rule -> which case of it is asked."""


def ask_one(host, skb, number, length=None, offset=0):
    """Ask an skb one question.

    Parameters
    ----------
    host : Host
        Whose.
    skb : int
        Row; pull and store change what they may.
    number : int
        Of the rule.
    length : int, optional
        For questions about octets: how many, from the first one; all of them when left out.
    offset : int
        Of the first octet, for rule 1.

    Returns
    -------
    answer : str
        A few words, or an errno's name.
    """
    asked = _Asked(host, skb)
    if number in _ABOUT_THE_SKB:
        return _ABOUT_THE_SKB[number](asked)
    length = int(asked.row.length) - offset if length is None else length
    return asked.copy(length, offset) if number == 1 else _ABOUT_OCTETS[number](asked, length)


def ask():
    """Ask two packets that differ in nothing but where their payload lies, each question a fresh one.

    Returns
    -------
    answers : Answers
        A table in a notebook.
    """
    cards, frame = [card(queue) for queue in QUEUES], make_frame(tcp_options="timestamps", payload=bytes(range(PAYLOAD)))
    answers = []
    for number in sorted(_ABOUT_OCTETS | _ABOUT_THE_SKB):
        said = []
        for one in cards:
            for headers_only in (True, False):
                skb = hold(one, frame)
                if headers_only and number in _ABOUT_THE_SKB:
                    said.append("-")
                else:
                    said.append(ask_one(one.host, skb, number, int(one.host.skbs.skb[skb].headlen) if headers_only else None))
                free(one, skb)
        in_head = said[0] if said[0] == said[2] else f"{said[2]}; {said[0]}"
        answers.append(Answer(number, _SAID.get(number, RULES[number - 1].consumer), in_head, said[3], said[1]))
    for one in cards:
        one.lab.close()
        if one.device is not None:
            one.device.close()
    return Answers(answers)
