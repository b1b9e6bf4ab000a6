"""Frags described in runs: a run ends where the tokens of a leaf do, and goes on in the next."""

from devmemlab.sock.uapi import CMSG_SPACE
from tests.net.test_gro import Burst, run, whole


def test_a_leaf_that_fills_within_an_skb_is_followed_by_the_next():
    """Skbs of 17 frags and leaves of 64 tokens do not end together."""
    segments = run(85, 100)
    with Burst(True) as s:
        s.burst(segments)
        pieces = []
        while s.row.rcvq_head:
            pieces += list(s.recvmsg(1 << 20, CMSG_SPACE(24) * 100)[1])
        assert [int(p.frag_token) for p in pieces] == list(range(1, 86)), "each frag has a token, the lowest that is free"
        assert s.device_bytes(pieces) == whole(segments)
        assert s.host.audit().netmems_in_flight == 85
        assert s.host.dontneed_tokens(s.conn, [int(p.frag_token) for p in pieces]) == 85
        assert s.host.audit().netmems_in_flight == 0
