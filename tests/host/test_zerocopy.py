"""Sending from device memory: spec section 17 and cases 60 to 69, through the face that programs use."""

import errno
import selectors
import struct

import pytest

import devmemlab as dml
from devmemlab.host.readiness import POLLERR
from devmemlab.mem.ledger import DMA_READ, DMA_READ_DEVICE, SEND_COPY
from devmemlab.net.zerocopy import UBUF_TRUESIZE
from devmemlab.sock.errqueue import completions_in
from devmemlab.sock.send_cmsg import dmabuf_message
from devmemlab.sock.uapi import MSG_DONTWAIT, MSG_ERRQUEUE, MSG_ZEROCOPY, SCM_DEVMEM_DMABUF, SO_ZEROCOPY, SOL_SOCKET
from tests.host.send_kit import Pair

SIZE = 1 << 16


@pytest.fixture
def pair():
    with Pair() as made:
        yield made
        made.k.audit()


def refused(call, *args, **options):
    """Name of the errno that a call raises."""
    with pytest.raises(OSError) as caught:
        call(*args, **options)
    return errno.errorcode[caught.value.errno]


def test_case_60_two_pieces_of_one_page(pair):
    pieces = [(100, 1024), (2000, 2048)]
    pair.k.netdev.pause_tx(True)
    assert pair.put(pieces) == 3072 and pair.queue() == [[(100, 1024), (2000, 2048)]]
    skb = pair.k.skbs.skb[pair.row.sndq_head]
    assert skb.unreadable and skb.truesize - 768 == 2 * 4096 == pair.row.wmem_queued - 768      # by the page, whatever is used
    assert pair.binding.ref == 1 + 2 and pair.k.audit().tx_frags == 2
    pair.k.netdev.pause_tx(False)
    assert pair.hear(3072) == pair.octets(pieces) and pair.binding.ref == 1
    moved = pair.k.ledger.length
    assert moved[DMA_READ_DEVICE] == 3072 and moved[DMA_READ] == moved[SEND_COPY] == 0


def test_case_61_a_piece_across_pages_is_two_frags(pair):
    assert pair.put([(4090, 20)]) == 20 and pair.queue() == [[(4090, 6), (0, 14)]]


def test_neighbours_are_never_joined(pair):
    assert pair.put([(0, 10), (10, 10), (20, 10)]) == 30 and pair.queue() == [[(0, 10), (10, 10), (20, 10)]]


@pytest.mark.parametrize("pieces", [[(SIZE, 1)], [(SIZE - 1, 2)], [(0, 100), (SIZE, 1)], [(1 << 40, 10)],
                                    [(SIZE - 3000, 3001)]])
@pytest.mark.parametrize("mtu", [1500, 9000])
def test_case_62_beyond_the_end_nothing_is_queued(pieces, mtu):
    with Pair(mtu=mtu) as pair:
        assert refused(pair.put, pieces) == "EFAULT"
        assert pair.queue() == [] and pair.row.wmem_queued == 0 and pair.binding.ref == 1 and pair.k.audit().tx_frags == 0
        assert pair.put([(0, 10)]) == 10 and pair.hear(10) and pair.done() == [(0, 0, False)]


def test_case_62_what_another_skb_had_is_counted(pair):
    """17 frags fill an skb; the piece that is nowhere belongs to the next one."""
    pieces = [(k, 1) for k in range(17)] + [(SIZE, 1)]
    assert pair.put(pieces) == 17 and len(pair.queue()[0]) == 17
    assert pair.hear(17) == pair.octets(pieces[:17]) and pair.done() == [(0, 0, False)]


def test_case_63_eighteen_pieces_are_two_skbs(pair):
    pieces = [(k, 1) for k in range(18)]
    assert pair.put(pieces) == 18 and [len(frags) for frags in pair.queue()] == [17, 1]
    assert pair.hear(18) == pair.octets(pieces)


def cmsg(body, kind=SCM_DEVMEM_DMABUF):
    return SOL_SOCKET, kind, body


def test_case_64_what_is_refused(pair):
    conn, mine, piece = pair.conn, pair.id.to_bytes(4, "little"), [(0, 100)]
    fd = pair.k.udmabuf("64KiB")
    pair.k.ethtool("eth0").set_rings(tcp_data_split="on")
    bind = {"ifindex": pair.k.netdev.ifindex, "fd": fd, "queues": [{"type": "rx", "id": 0}]}
    receiving = pair.k.netlink("netdev").bind_rx(bind)["id"]
    assert refused(conn.sendmsg_offsets, piece, [cmsg(mine)], 0) == "EINVAL"
    assert refused(pair.put, piece, receiving) == refused(pair.put, piece, 999) == "EINVAL"
    for body in (b"", mine[:2], mine + bytes(4)):
        assert refused(conn.sendmsg, [b"x"], [cmsg(body)], MSG_ZEROCOPY) == "EINVAL"
    assert refused(conn.sendmsg, [b"x"], [cmsg(mine, 78)]) == refused(conn.sendmsg, [b"x"], [cmsg(mine, 80)]) == "EINVAL"
    conn.setsockopt(SOL_SOCKET, SO_ZEROCOPY, 0)
    assert refused(pair.put, piece) == "EINVAL"
    assert conn.sendmsg([b"plain"], [cmsg(bytes(4))]) == 5                       # id 0: none
    assert conn.sendmsg([b"plain"], [cmsg(mine), cmsg(bytes(4))]) == 5           # the last one counts
    assert conn.sendmsg([b"other"], [(41, 50, b"not ours")]) == 5
    assert pair.hear(15) == b"plainplainother" and pair.done() == [] and pair.k.ledger.length[DMA_READ_DEVICE] == 0


def test_case_64_the_last_of_several_ids_is_used(pair):
    ids = [dmabuf_message(999), dmabuf_message(pair.id)]
    assert pair.conn.sendmsg_offsets([(0, 5)], ids, MSG_ZEROCOPY) == 5
    assert refused(pair.conn.sendmsg_offsets, [(0, 5)], ids[::-1], MSG_ZEROCOPY) == "EINVAL"


def test_case_65_another_device_and_no_route(pair):
    pair.k.add_nic("eth1", ip="10.1.0.1")
    pair.row.nic = 1
    assert refused(pair.put, [(0, 1)]) == "ENODEV"
    pair.row.nic = 0
    pair.k.netdev.close()
    assert refused(pair.put, [(0, 1)]) == "EHOSTUNREACH"
    assert refused(pair.put, [(0, 1)], 999) == "EINVAL"         # the id is looked up first
    pair.k.netdev.open()
    assert pair.put([(0, 1)]) == 1


def test_case_66_a_device_that_cannot(pair):
    pair.k.netdev.netmem_tx = False
    with pytest.raises(dml.NetlinkError) as caught:
        pair.netlink.bind_tx({"ifindex": pair.k.netdev.ifindex, "fd": pair.fd})
    assert caught.value.errno == errno.EOPNOTSUPP and "netmem TX" in str(caught.value.extack)
    assert pair.put([(0, 100)]) == 100 and pair.k.nics.ctl[0].tx_dropped == 1 and pair.k.ledger.length[DMA_READ_DEVICE] == 0
    pair.k.netdev.netmem_tx = True
    assert pair.hear(100) == pair.octets([(0, 100)])             # the sender was told nothing; TCP sends it again


@pytest.mark.parametrize("lacks", ["tx_checksum", "scatter_gather"])
def test_what_would_need_the_octets_is_dropped(lacks):
    """Spec 17.5: a software checksum, or linearizing, of what is queued already."""
    with Pair(lose=(1,)) as pair:
        assert pair.put([(0, 100)]) == 100
        setattr(pair.k.netdev, lacks, False)
        pair.run(1000)
        assert pair.k.nics.ctl[0].tx_dropped >= 1 and refused(pair.peer.recv, 100) == "EAGAIN"
        assert pair.conn.send(b"readable") == 8
        setattr(pair.k.netdev, lacks, True)
        assert pair.hear(108) == pair.octets([(0, 100)]) + b"readable"


def test_quirk_17_without_scatter_gather_an_offset_is_a_pointer(pair):
    pair.k.netdev.scatter_gather = False
    assert refused(pair.put, [(0, 100)]) == "EFAULT" and pair.done() == []
    host = dml.host_memory(4096)
    host.octets[:] = 7
    assert pair.put([(host.start, 50)]) == 50 and pair.hear(50) == bytes([7] * 50) and pair.done() == [(0, 0, True)]
    host.close()


def test_quirk_18_only_the_first_frag_is_looked_at(pair):
    """A frag of another device's memory leaves behind octets that were copied; alone it does not."""
    binding, own = pair.binding, pair.k.netdev.ifindex
    pair.conn.setsockopt(6, 3, 1)       # TCP_CORK: the octets wait
    assert pair.conn.send(b"copied") == 6 and pair.put([(0, 100)]) == 100
    assert len(pair.queue()) == 1 and pair.queue()[0][1] == (0, 100)
    binding.ifindex = own + 1
    pair.conn.setsockopt(6, 3, 0)
    assert pair.hear(106) == b"copied" + pair.octets([(0, 100)]) and pair.k.nics.ctl[0].tx_dropped == 0
    assert refused(pair.put, [(0, 100)]) == "ENODEV"
    binding.ifindex = own


def test_the_wrong_device_drops():
    """The route changes while octets are out: what is sent again meets a device that is not the binding's."""
    with Pair(lose=(1,)) as pair:
        binding, own = pair.binding, pair.k.netdev.ifindex
        assert pair.put([(0, 100)]) == 100
        binding.ifindex = own + 1
        pair.run(1000)
        assert pair.k.nics.ctl[0].tx_dropped >= 1
        binding.ifindex = own
        assert pair.hear(100, ms=5000) == pair.octets([(0, 100)])


def test_case_67_two_sends_one_message(pair):
    for at in (0, 100):
        assert pair.put([(at, 100)]) == 100
    assert pair.hear(200) == pair.octets([(0, 200)])
    data, ancdata, msg_flags, address = pair.conn.recvmsg(0, 512, MSG_ERRQUEUE)
    assert (data, msg_flags, address) == (b"", MSG_ERRQUEUE, None)
    assert ancdata == [(0, 11, struct.pack("=IBBBBII", 0, 5, 0, 0, 0, 0, 1) + bytes(16))]
    assert completions_in(ancdata) == [(0, 1, False)] and refused(pair.conn.recvmsg, 0, 512, MSG_ERRQUEUE) == "EAGAIN"


def test_case_68_a_failed_send_has_no_number(pair):
    assert refused(pair.put, [(SIZE, 1)]) == "EFAULT" and refused(pair.put, [(0, 1)], 999) == "EINVAL"
    assert pair.conn.send(b"plain", MSG_ZEROCOPY) == 5 and pair.done() == [(0, 0, True)]


def test_case_69_unbound_while_octets_are_out():
    with Pair(lose=(1, 2)) as pair:
        assert pair.put([(5, 4000)]) == 4000
        pair.netlink.close()
        assert refused(pair.put, [(0, 1)]) == "EINVAL" and pair.binding.ref == 1 and pair.k.audit().tx_frags == 1
        assert pair.k.mem.dmabufs.mapping[int(pair.binding.attachment)].mapped
        assert pair.hear(4000, ms=5000) == pair.octets([(5, 4000)]) and pair.k.nstat()["TcpRetransSegs"] >= 2
        pair.run()
        assert not any(b.kind for b in pair.k.mem.providers.binding) and pair.done() == [(0, 0, False)]
        pair.k.audit()


def test_the_golden_control_message():
    """Spec 25.2, as the octets stand in a control buffer."""
    level, kind, body = dmabuf_message(2)
    octets = struct.pack("=Qii", 16 + len(body), level, kind) + body
    assert octets == bytes.fromhex("1400000000000000 01000000 4f000000 02000000".replace(" ", ""))


@pytest.mark.parametrize("kernel, answer", [("6.18", 0), ("7.3", "EINVAL")])
def test_quirk_16_a_send_of_no_octets(kernel, answer):
    with Pair(kernel=kernel) as pair:
        for pieces, number in (([], 999), ([(0, 0)], pair.id)):
            got = pair.put(pieces, number) if answer == 0 else refused(pair.put, pieces, number)
            assert got == answer
        assert pair.put([(0, 0), (5, 3), (9, 0)]) == 3 and pair.hear(3) == pair.octets([(5, 3)])


def test_a_kernel_before_bind_tx_knows_no_such_message():
    with Pair(kernel="6.12") as pair:
        assert refused(pair.put, [(0, 1)], 1) == refused(pair.put, [(0, 1)], 0) == "EINVAL"
        assert pair.conn.send(b"plain", MSG_ZEROCOPY) == 5 and pair.done() == [(0, 0, True)]


def test_the_option_takes_0_and_1(pair):
    for value in (2, -1, 256):
        assert refused(pair.conn.setsockopt, SOL_SOCKET, SO_ZEROCOPY, value) == "EINVAL"
    assert pair.conn.getsockopt(SOL_SOCKET, SO_ZEROCOPY) == 1
    pair.server.setsockopt(SOL_SOCKET, SO_ZEROCOPY, 1)
    assert pair.connect()[1].getsockopt(SOL_SOCKET, SO_ZEROCOPY) == 1           # what a listener has, its children inherit
    assert pair.k.socket().getsockopt(SOL_SOCKET, SO_ZEROCOPY) == 0


def test_unconnected(pair):
    sock = pair.k.socket()
    sock.setsockopt(SOL_SOCKET, SO_ZEROCOPY, 1)
    assert refused(pair.k.sendmsg_devmem, sock, [(0, 1)], 999) == "EINVAL"
    assert refused(sock.send, b"x", MSG_ZEROCOPY) == "EPIPE" == refused(sock.sendmsg, [b"x"])


def test_an_error_queue_is_no_error(pair):
    """POLLERR says that a message waits; data, room and SO_ERROR are as before."""
    assert pair.put([(0, 10)]) == 10
    poll, waiting = pair.k.poll(), pair.k.selector()
    poll.register(pair.conn, 0)
    waiting.register(pair.conn, selectors.EVENT_READ)
    assert poll.poll(0) == [] and waiting.select(0) == []
    pair.hear(10)
    assert poll.poll(0) == [(pair.conn.fileno(), POLLERR)] and len(waiting.select(0)) == 1
    assert pair.conn.getsockopt(SOL_SOCKET, 4) == 0 and refused(pair.conn.recv, 1, MSG_DONTWAIT) == "EAGAIN"
    assert pair.done() == [(0, 0, False)] and poll.poll(0) == []


def test_messages_merge_only_with_their_neighbour():
    """The second send waits for a lost frame; the error queue was read in between."""
    with Pair(lose=(2,)) as pair:
        other, heard = pair.connect()
        assert pair.put([(0, 10)]) == 10 and pair.hear(10) and pair.done() == [(0, 0, False)]
        assert pair.put([(0, 20)]) == 20
        pair.run()
        assert pair.done() == []
        assert pair.k.sendmsg_devmem(other, [(0, 30)], pair.id) == 30 and pair.hear(30, peer=heard) == pair.octets([(0, 30)])
        assert pair.done() == [] and [tuple(c) for c in pair.k.completions(other)] == [(0, 0, False)]
        assert pair.hear(20) == pair.octets([(0, 20)]) and pair.done() == [(1, 1, False)]


def test_sends_that_wait_together_share_an_object(pair):
    pair.conn.setsockopt(6, 3, 1)
    for at in range(3):
        assert pair.put([(at, 1)]) == 1
    assert pair.k.skbs.errq[pair.conn.sock].charged == UBUF_TRUESIZE and pair.queue() == [[(0, 1), (1, 1), (2, 1)]]
    pair.conn.setsockopt(6, 3, 0)
    assert pair.hear(3) and pair.done() == [(0, 2, False)]


def test_unread_messages_cost_room(pair):
    """net.core.optmem_max: messages and objects count until they are read; merged ones count once."""
    pair.k.sysctl("net.core.optmem_max", 2 * UBUF_TRUESIZE)
    pair.k.netdev.pause_tx(True)
    assert pair.put([(0, 60000)]) == pair.put([(0, 60000)]) == 60000
    assert pair.k.skbs.errq[pair.conn.sock].charged == 2 * UBUF_TRUESIZE and refused(pair.put, [(0, SIZE)] * 8) == "ENOBUFS"
    pair.k.netdev.pause_tx(False)
    assert len(pair.hear(120000)) == 120000 and pair.k.skbs.errq[pair.conn.sock].charged == UBUF_TRUESIZE
    assert pair.put([(0, 1)]) == 1 and pair.hear(1) and pair.done() == [(0, 2, False)]
    assert pair.k.skbs.errq[pair.conn.sock].charged == 0


def test_a_small_cut_control_buffer(pair):
    assert pair.put([(0, 10)]) == 10 and pair.hear(10)
    _, ancdata, msg_flags, _ = pair.conn.recvmsg(0, 24, MSG_ERRQUEUE)
    assert len(ancdata[0][2]) == 8 and msg_flags == MSG_ERRQUEUE | 8


def test_ipv6_messages_have_their_own_layout():
    with Pair(ip6=True) as pair:
        assert pair.put([(0, 10)]) == 10 and pair.hear(10) == pair.octets([(0, 10)])
        (level, kind, body), = pair.conn.recvmsg(0, 512, MSG_ERRQUEUE)[1]
        assert (level, kind, len(body)) == (41, 25, 44)


def test_an_accepted_connection_sends_too(pair):
    """The other direction: whoever listens may bind as well."""
    device = dml.DeviceMemory(4096)
    device.octets[:] = 3
    number = pair.far.netlink("netdev").bind_tx({"ifindex": pair.far.netdev.ifindex, "fd": pair.far.export(device)})["id"]
    pair.peer.setsockopt(SOL_SOCKET, SO_ZEROCOPY, 1)
    assert pair.far.sendmsg_devmem(pair.peer, [(0, 4096)], number) == 4096
    assert pair.hear(4096, peer=pair.conn) == bytes([3] * 4096)
    pair.far.audit()
    device.close()


def test_a_closed_connection_gives_everything_back(pair):
    """With octets that nobody will ever acknowledge: close is a reset, or the end of patience."""
    pair.k.netdev.pause_tx(True)
    assert pair.put([(0, 5000)]) == 5000 and pair.binding.ref > 1
    pair.far.netdev.close()
    pair.conn.close()
    pair.k.netdev.pause_tx(False)
    pair.lab.run(until_ns=pair.lab.clock.now_ns + 2 * 10**12)
    assert pair.binding.ref == 1 and pair.k.audit().skbs == 0
    pair.netlink.close()
    pair.run()
    assert not any(b.kind for b in pair.k.mem.providers.binding)
