"""Hooks of a host: provider, allocator and steering function passed to lab.host, on the whole path and on every release."""

import numpy as np
import pytest

import devmemlab as dml
from devmemlab.base.errno import EINVAL, ENOMEM
from devmemlab.base.trace import events
from devmemlab.mem.page_pool import PROVIDER_DMABUF, PROVIDER_USER
from devmemlab.nic.user_steer import steering_address
from tests.scripts.kit import PEER, Script


@dml.kernel
def init(state, count):
    state[0] = count


@dml.kernel
def alloc(state):
    for i in range(state[0] - 1, -1, -1):
        if state[1 + i] == 0:
            state[1 + i] = 1
            return i
    return -1


@dml.kernel
def release(state, index):
    state[1 + index] = 0


@dml.kernel
def refuse(state, count):
    return -12


@dml.kernel
def by_port(pkt, rss, queues):
    return pkt.sport % queues


@dml.kernel
def nowhere(pkt, rss, queues):
    return queues if pkt.sport & 1 else -7


@dml.kernel
def by_hash(pkt, rss, queues):
    return (rss >> 8) % queues


def from_above(**replaced):
    return dml.UserProvider(**{"alloc": alloc, "release": release, "init": init, **replaced})


def steered(script, sport):
    """Queue, rule and hash of one frame from a port; what `explain` says must be the same."""
    script.peer = (PEER[0], sport, PEER[2])
    script.host.trace.ctl[0].count = 0
    frame = script.segment("A", ack=0)
    told = script.ethtool.explain(bytes(frame))
    script.arrive(frame)
    (event,) = events(script.host.trace, "steer")
    queue = event["queue"] - int(script.host.nics.ctl[0].first_queue)
    assert (told.queue, told.rule, told.hash) == (queue, event["rule"], event["hash"])
    return queue, event["rule"], event["hash"]


@pytest.mark.parametrize("release_", ["v9", "6.12", "6.18", "7.3", "next"])
@pytest.mark.parametrize("hook, kind", [("provider", PROVIDER_USER), ("allocator", PROVIDER_DMABUF)])
def test_a_stream_arrives_in_the_buffers_that_the_hook_chose(hook, kind, release_):
    """The function gives the highest free net_iov; the two frames of the handshake use the first two."""
    with Script(device=True, dmabuf="128KiB", rx_ring=8, kernel=release_, **{hook: from_above()}) as script:
        own = script.host.mem.providers.binding[1]
        assert (own.kind, own.allocator, own.id) == (kind, 2, script.binding_id)
        netlink, told = script.host.netlink(), release_ != "v9"
        pools = netlink.dump("page-pool-get", {"ifindex": 2} if release_ in ("7.3", "next") else None) if told else []
        queue = netlink.do("queue-get", {"ifindex": 2, "type": "rx", "id": 1})
        assert [pool["dmabuf"] for pool in pools if "dmabuf" in pool] == [script.binding_id] * told
        assert queue.get("dmabuf") == (script.binding_id if told else None)
        script.handshake()
        payload, pages = bytes(range(256)) * 4, []
        for k in range(3):
            script.data(payload, 1 + 1024 * k)
            _, pieces = script.recvmsg()
            assert [(int(p.frag_size), int(p.dmabuf_id)) for p in pieces] == [(1024, script.binding_id)]
            assert script.device_bytes(pieces) == payload
            pages += [int(piece.frag_offset) // 4096 for piece in pieces]
        # Where a trip to the provider brings a batch, the pool's cache is used from its end.
        assert pages == ([2, 3, 4] if own.batch > 1 else [29, 28, 27])
        script.host.audit()


def test_a_provider_that_refuses_its_pool_refuses_the_bind():
    with Script(rx_queues=2, rx_ring=8, listen=False, split=True, provider=from_above(init=refuse)) as script:
        fd = script.host.export(dml.DeviceMemory("64KiB"))
        with pytest.raises(dml.NetlinkError) as caught:
            script.host.netlink().bind_rx({"ifindex": 2, "fd": fd, "queues": [{"type": "rx", "id": 1}]})
        assert caught.value.errno == ENOMEM
        assert not script.host.netdev.providers and script.host.rxqs.ctl[1].unreadable == 0
        script.host.audit()


def test_a_steering_function_stands_in_for_the_table():
    with Script(rx_queues=3, rx_ring=8, listen=False, trace=4096, steering=by_port) as script:
        assert [steered(script, sport)[0] for sport in range(40000, 40006)] == [sport % 3 for sport in range(40000, 40006)]
        rule = script.ethtool.add_rule("tcp4", queue=0, src_port=40001)
        assert steered(script, 40001)[:2] == (0, rule)
        script.ethtool.delete_rule(rule)
        script.host.netdev.set_channels(combined=2)
        assert steered(script, 40001)[0] == 1
        assert "by_port" in str(script.ethtool.explain(bytes(script.segment("A", ack=0))))


def test_an_answer_that_names_no_queue_leaves_the_choice_to_the_table():
    with Script(rx_queues=4, rx_ring=8, listen=False, trace=4096, steering=nowhere) as script:
        for sport in range(40000, 40008):
            queue, _, rss = steered(script, sport)
            assert queue == script.ethtool.get_rxfh_indir()[rss % 128]


def test_a_steering_function_sees_the_hash():
    with Script(rx_queues=4, rx_ring=8, listen=False, trace=4096, steering=by_hash) as script:
        for sport in range(40000, 40008):
            queue, _, rss = steered(script, sport)
            assert queue == (rss >> 8) % 4


def test_two_cards_have_functions_of_their_own():
    host = dml.Lab().host("a", ip="10.0.0.1", rx_queues=2, rx_ring=8, steering=by_port)
    host.add_nic("eth2", rx_queues=2)
    host.add_nic("eth3", rx_queues=2, steering=by_hash)
    addresses = host.nics.ctl.steering[:3]
    assert addresses[0] and addresses[1] == 0 and addresses[2] and len(np.unique(addresses)) == 3


@pytest.mark.parametrize("hooks", [
    {"provider": alloc}, {"provider": "dmabuf"}, {"allocator": "buddy"}, {"allocator": 3}, {"steering": "rss"},
    {"provider": from_above(), "allocator": "lifo"}])
def test_what_is_no_hook_is_refused_with_a_remedy(hooks):
    with pytest.raises(OSError) as caught:
        dml.Lab().host("a", ip="10.0.0.1", rx_ring=8, **hooks)
    assert caught.value.errno == EINVAL
    assert any(name in str(caught.value) for name in hooks) and len(str(caught.value)) > 40


def test_an_allocator_by_name():
    host = dml.Lab().host("a", ip="10.0.0.1", rx_ring=8, rx_queues=2, kernel="6.18", allocator="lifo")
    host.ethtool("eth0").set_rings(tcp_data_split="on")
    host.netlink().bind_rx({"ifindex": 2, "fd": host.udmabuf("64KiB"), "queues": [{"type": "rx", "id": 1}]})
    assert host.mem.providers.binding[1].allocator == 1
    assert steering_address(None) == 0
    host.audit()


@pytest.mark.once
@pytest.mark.parametrize("options", [
    {"rx_ring": 10}, {"rx_ring": 0}, {"mtu": 10}, {"mtu": -1}, {"rx_queues": 0}, {"rx_queues": 257}])
def test_a_host_of_impossible_numbers_is_refused_with_the_number(options):
    with pytest.raises(OSError) as caught:
        dml.Lab().host("a", ip="10.0.0.1", **{"rx_ring": 8, **options})
    assert caught.value.errno == EINVAL and all(f"{name} {value}" in str(caught.value) for name, value in options.items())
