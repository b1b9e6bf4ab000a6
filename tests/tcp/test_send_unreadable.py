"""TCP and device memory to be sent (case 39 and spec 17.7): retransmission, probe, cut and reset, straight from the device."""

import pytest

from devmemlab.mem.ledger import DMA_READ, DMA_READ_DEVICE
from devmemlab.tcp.states import CLOSE
from tests.host.send_kit import Pair

NODELAY, IPPROTO_TCP = 1, 6


@pytest.mark.parametrize("lose, how", [((3,), "TcpExtTCPFastRetrans"), ((10,), "TcpExtTCPLossProbes"),
                                       (tuple(range(1, 12)), "TcpExtTCPTimeouts")])
def test_what_is_lost_is_read_again(lose, how):
    with Pair(mtu=1500, lose=lose) as pair:
        pieces = [(7, 10 * 1448)]
        assert pair.put(pieces) == 14480
        assert pair.hear(14480, ms=20_000) == pair.octets(pieces) and pair.k.nstat()[how] >= 1
        pair.run(1000)
        again = pair.k.nstat()["TcpRetransSegs"]
        moved = pair.k.ledger.length
        assert moved[DMA_READ_DEVICE] >= 14480 + 1448 * len(lose) and moved[DMA_READ] == 0 and again >= len(lose)
        assert pair.done() == [(0, 0, False)] and pair.binding.ref == 1
        pair.k.audit()


@pytest.mark.parametrize("way", ["device", "pages"])
@pytest.mark.parametrize("collapse", [0, 1])
def test_case_39_small_segments_are_not_joined(way, collapse):
    """Copied octets are joined when they are sent again; octets that were lent are not."""
    with Pair(mtu=1500, lose=range(1, 30)) as pair:
        pair.k.sysctl("net.ipv4.tcp_retrans_collapse", collapse)
        pair.conn.setsockopt(IPPROTO_TCP, NODELAY, 1)
        for k in range(6):
            assert (pair.put([(100 * k, 100)]) if way == "device" else pair.conn.send(pair.octets([(100 * k, 100)]))) == 100
        skbs = len(pair.queue())
        pair.run(250)
        joined = skbs - len(pair.queue())
        assert (joined > 0) == (way == "pages" and bool(collapse))
        pair.k.ports[0].numbers = frozenset()
        assert pair.hear(600, ms=60_000) == pair.octets([(0, 600)])
        pair.run(1000)
        pair.k.audit()


def test_a_window_cuts_what_is_to_be_sent():
    """The peer's window ends inside of a segment: both halves count in the binding and are charged by the page."""
    with Pair(mtu=1500) as pair:
        far = pair.far.tcbs.tcb[pair.peer.sock]
        pair.peer.setsockopt(1, 8, 4000)
        assert pair.put([(100, 30_000)]) == 30_000
        pair.run(20)
        assert far.rcvq_head
        pair.k.audit()
        charged = sum(768 + 4096 * len(frags) for frags in pair.queue())
        assert pair.row.wmem_queued == charged
        assert pair.hear(30_000, ms=200_000) == pair.octets([(100, 30_000)])
        pair.run(2000)
        assert pair.row.wmem_queued == 0 and pair.binding.ref == 1 and pair.done() == [(0, 0, False)]


def test_a_reset_gives_device_memory_back():
    """The send queue is purged: frags go, the send counts as complete, and the binding can end."""
    with Pair(mtu=1500) as pair:
        pair.put([(0, 60_000)])
        pair.netlink.close()
        pair.peer.close()               # with data unread: a reset
        pair.run(1000)
        assert pair.row.state == CLOSE and pair.k.audit().tx_frags == 0
        assert not any(row.kind for row in pair.k.mem.providers.binding) and pair.done() == [(0, 0, False)]


def test_the_send_buffer_is_charged_by_the_page():
    """Spec 17.4: 4096 for each frag, however short; small pieces fill the buffer long before their octets would."""
    with Pair(mtu=9000, gbps=1) as pair:
        pair.k.netdev.pause_tx(True)
        pair.conn.setsockopt(1, 7, 100_000)
        sent = 0
        for k in range(200):
            try:
                sent += pair.put([(2 * j, 1) for j in range(17)])
            except BlockingIOError:
                break
        assert 200_000 <= pair.row.wmem_queued <= 200_000 + 17 * 4096 + 768 and sent == 17 * k
        pair.k.netdev.pause_tx(False)
        assert len(pair.hear(sent)) == sent
