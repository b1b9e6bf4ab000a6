"""The guard table: what every consumer does with an unreadable skb, one numbered rule each.

Law.   A rule names the function that enforces it and the test that would fail without it, or says why the lab needs neither.
Reads. Spec section 13.3; Linux net/core/skbuff.c and the consumers it names.
Omits. Nothing of that table; a rule without ``where`` has no consumer in the lab.
"""

from typing import NamedTuple

_TESTS = "tests/net/test_guards.py:"


class Rule(NamedTuple):
    """One row of the guard table.

    number : int
        Its place; the numbers do not change.
    consumer : str
        Who wants octets.
    does : str
        What happens past the head of an unreadable skb.
    where : str
        ``module:function`` below ``devmemlab`` that enforces it; empty when the consumer does not exist here.
    test : str
        ``file:function``; empty likewise.
    omitted : str
        Why there is no such consumer; empty when there is.
    """

    number: int
    consumer: str
    does: str
    where: str = ""
    test: str = ""
    omitted: str = ""


_ENFORCED = (
    ("copy bits out, read a header, load bytes for BPF", "EFAULT", "net.linear:skb_copy_bits", "copying_bits_out"),
    ("store bits", "EFAULT", "net.linear_ops:skb_store_bits", "storing_bits"),
    ("pull into the head", "fails; the caller drops the packet", "net.linear_ops:pskb_may_pull", "pulling"),
    ("linearize", "ENOMEM, through the failed pull", "net.linear_ops:skb_linearize", "linearizing"),
    ("full copy, copy and expand", "nothing (NULL), whatever the range", "net.linear_ops:skb_copy", "copying_the_whole"),
    ("replace frags by copies (orphaning)", "EFAULT, after the check for sharing", "net.refuse:skb_copy_ubufs", "orphaning"),
    ("checksum over payload", "one warning, 0", "net.linear_ops:skb_checksum", "summing"),
    ("copy and checksum", "0 without a warning", "net.linear_ops:skb_copy_and_csum_bits", "copying_and_summing"),
    ("sequential reader", "ends after the head", "net.linear_ops:skb_seq_read", "reading_in_sequence"),
    ("splice to a pipe", "the head, then it stops without an error", "net.linear_ops:skb_seq_read", "reading_in_sequence"),
    ("dump for debugging", "says that the frag is not readable", "host.inspect:inspect_skb", "inspecting"),
    ("copy to a program's buffer", "short, which the caller makes EFAULT", "net.linear:skb_copy_bits", "copying_bits_out"),
    ("append a program's pages (MSG_ZEROCOPY)", "EFAULT", "net.refuse:skb_may_append_pages", "appending_pages"),
    ("condense: move frags into the head", "skipped", "net.refuse:skb_may_condense", "condensing"),
    ("coalesce two queued skbs", "refused where readability differs; frags are concatenated, never copied",
     "net.skb_merge:skb_may_coalesce", "coalescing"),
    ("software checksum on transmit", "EFAULT, after the test for segmentation", "net.refuse:skb_checksum_help",
     "the_checksum_on_transmit"),
    ("recvmsg without MSG_SOCK_DEVMEM", "EFAULT when nothing was copied yet, else a short return",
     "sock.recvmsg:tcp_recvmsg", "recvmsg_without_the_flag"),
    ("packet taps", "captured length is the linear length", "host.tap:Tap", "taps"),
    ("GRO's shortcut to headers in the first frag", "not used: the address is NULL", "net.refuse:skb_frag_address",
     "addresses_of_frags"),
    ("headers in a frag", "the packet is dropped: nothing can be pulled", "net.linear:skb_headers_in_frag",
     "headers_in_a_frag"),
    ("frag address and page helpers", "NULL", "net.refuse:skb_frag_address", "addresses_of_frags"),
    ("DMA map of a frag", "the stored address", "net.refuse:skb_frag_dma_map", "addresses_of_frags"),
    ("transmit through a device", "dropped unless the device sends net_iovs and is the binding's",
     "net.refuse:skb_may_xmit", "transmitting"),
    ("loopback", "dropped: lo declares no netmem TX, and orphaning would fail", "net.refuse:skb_may_xmit", "looping_back"),
    ("software check of a received sum", "the segment is discarded as a checksum error", "net.linear_rx:skb_csum_ok",
     "a_sum_that_nobody_verified"),
    ("TCP receive queue under memory pressure", "skipped by collapsing, and a run ends before it; early data are pruned",
     "tcp.collapse:tcp_collapse_find",
     "memory_pressure"),
    ("GRO", "no guard in Linux; here neighbours that differ do not join, and are counted", "net.gro:gro_joins", "joining"),
    ("TCP zero-copy receive", "stops at it; the copy that follows gives EFAULT",
     "sock.zerocopy_receive:tcp_zerocopy_receive", "zero_copy_receive"),
)
_ABSENT = (
    ("CRC32c over payload", "one warning, 0", "it serves SCTP and the like; the lab speaks TCP"),
    ("TCP retransmit collapse", "refused; both sides must agree in readability", ""),
    ("IPsec ESP frag release", "releases net_iovs as such", "no IPsec"),
    ("MTU probe, segmentation, shift of SACKed data", "no guard in Linux 6.18", "none of them is built here"),
)
_RETRANSMIT = "devmemlab.tcp.split:tcp_retrans_try_collapse", _TESTS + "test_retransmit_collapse"

RULES = tuple(Rule(k, consumer, does, f"devmemlab.{where}", f"{_TESTS}test_{test}")
              for k, (consumer, does, where, test) in enumerate(_ENFORCED, 1)) + tuple(
    Rule(k, consumer, does, omitted=why) if why else Rule(k, consumer, does, *_RETRANSMIT)
    for k, (consumer, does, why) in enumerate(_ABSENT, len(_ENFORCED) + 1))
"""Every rule, by number from 1."""


def guard_table():
    """Write the rules as text, one line each.

    Returns
    -------
    text : str
        Number, consumer, what happens, where.
    """
    return "\n".join(f"{r.number:2}  {r.consumer}: {r.does}  [{r.where or 'not here: ' + r.omitted}]" for r in RULES)
