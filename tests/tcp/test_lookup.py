"""Finding a connection: chains stay short, whatever counts up from one peer to the next."""

import numpy as np
import pytest

from devmemlab.base.table import table
from devmemlab.tcp.lookup import tcp_hash, tcp_lookup, tcp_unhash
from devmemlab.tcp.tcb import make_tcbs
from devmemlab.wire.rows import PKT

PEERS = {
    "ports": lambda k: (0, 0x0A000001, 2000 + k),
    "even_ports": lambda k: (0, 0x0A000001, 32768 + 2 * k),
    "addresses": lambda k: (0, 0x0A000001 + k, 40000),
    "subnets": lambda k: (0, 0x0A000001 + (k << 8), 40000),
    "ports_of_some_hosts": lambda k: (0, 0x0A000001 + k % 7, 40000 + k // 7),
    "ipv6_addresses": lambda k: (0x20010DB8 << 32, k, 40000),
    "ipv6_subnets": lambda k: ((0x20010DB8 << 32) + k, 1, 40000),
    "ipv6_negative": lambda k: (-(1 << 61) + (k << 16), -(1 << 62) + (k << 40), 40000),
}
COUNT = 500


@pytest.mark.parametrize("kind", PEERS)
def test_chains_are_as_short_as_chance_makes_them(kind):
    tcbs, pkt = make_tcbs(COUNT + 1), table(PKT, 1)[0]
    for k in range(COUNT):
        row = tcbs.tcb[k + 1]
        row.raddr_hi, row.raddr_lo, row.rport = PEERS[kind](k)
        row.laddr_lo, row.lport, row.ip_version = 0x0A000002, 5201, 4
        tcp_hash(tcbs, k + 1)
    assert len(tcbs.bucket) == 512
    lengths = np.zeros(len(tcbs.bucket), int)
    for bucket, head in enumerate(tcbs.bucket.head):
        while head:
            lengths[bucket] += 1
            head = tcbs.tcb[head].hash_next
    # By chance a search looks at 1 + (500 - 1) / 2 / 512 = 1.49 rows, and the longest of 512 chains is about 6.
    assert lengths.sum() == COUNT and (lengths * (lengths + 1)).sum() / 2 / COUNT < 1.8 and lengths.max() <= 8
    pkt.daddr_lo, pkt.dport, pkt.ip_version = 0x0A000002, 5201, 4
    for k in range(0, COUNT, 50):
        pkt.saddr_hi, pkt.saddr_lo, pkt.sport = PEERS[kind](k)
        assert tcp_lookup(tcbs, pkt) == k + 1
        tcp_unhash(tcbs, k + 1)
        assert tcp_lookup(tcbs, pkt) == 0
