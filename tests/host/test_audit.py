"""The audit catches what is seeded: every kind of corruption is named."""

import pytest

from devmemlab.base.xarray import xa_alloc, xa_erase
from devmemlab.mem.ledger import DMA_DEVICE
from tests.scripts.kit import Script


@pytest.fixture
def s():
    with Script(device=True, rx_ring=8) as script:
        script.handshake()
        script.data(b"held")
        script.recvmsg(4)
        script.data(b"queued")
        report = script.host.audit()
        assert (report.skb_frags, report.tokens, report.skbs, report.descriptors) == (1, 1, 1, 16)
        assert report.netmems_in_flight == 2 and report.payload_octets == 10
        yield script


def broken(s, pattern):
    with pytest.raises(AssertionError, match=pattern):
        s.host.audit()


def queued(s):
    return s.host.mem.netmems[s.host.skbs.frag[s.row.rcvq_head, 0].netmem >> 1]


def test_a_reference_too_few_and_too_many(s):
    queued(s).pp_ref_count += 1
    broken(s, "pp_ref_count 2, but 1 holders")
    queued(s).pp_ref_count -= 1
    s.host.audit()


def test_a_token_that_was_forgotten(s):
    netmem = xa_erase(s.host.tokens, s.conn.sock, 1)
    broken(s, "nobody holds it: a leak|holders")
    assert xa_alloc(s.host.tokens, s.conn.sock, netmem) == 1
    s.host.audit()


def test_a_token_without_a_reference(s):
    token = xa_alloc(s.host.tokens, s.conn.sock, s.host.skbs.frag[s.row.rcvq_head, 0].netmem)
    broken(s, "1, but 2 holders")
    xa_erase(s.host.tokens, s.conn.sock, token)
    s.host.audit()


def test_a_descriptor_that_was_lost(s):
    s.host.rxqs.ctl[1].used += 1
    broken(s, "a leak|holders")
    s.host.rxqs.ctl[1].used -= 1


def test_octets_that_the_ledger_does_not_know(s):
    s.host.ledger[DMA_DEVICE].length += 1
    broken(s, "DMA wrote 11 payload octets")
    s.host.ledger[DMA_DEVICE].length -= 1


def test_an_skb_count_that_is_wrong(s):
    s.host.skbs.ctl[0].live += 1
    broken(s, "skbs are active")
    s.host.skbs.ctl[0].live -= 1


def test_octets_that_an_skb_lost(s):
    s.host.skbs.skb[s.row.rcvq_head].data_len -= 1
    broken(s, "payload octets")
    s.host.skbs.skb[s.row.rcvq_head].data_len += 1
