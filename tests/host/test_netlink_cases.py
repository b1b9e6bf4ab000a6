"""The netlink cases of spec section 24, by number, with the offsets that real kernels report."""

import re

import pytest

import devmemlab as dml
from devmemlab.base.errno import EPERM
from devmemlab.base.profile import profile
from devmemlab.host.genl import sets
from devmemlab.host.genl.extack import read_outcome
from devmemlab.host.genl.wire import messages
from devmemlab.mem.netmem import PAGE_SIZE
from tests.host.netlink_kit import BIND_RX, BIND_TX, NAPI_GET, NAPI_SET, POOL_STATS, QUEUE_GET, REQUEST, answer, attr, raw

pytestmark = pytest.mark.once
DUMPING = REQUEST | 0x300


class Bench:
    """One host with a NIC of four queues, header split on, and a dmabuf."""

    def __init__(self, kernel="6.18", split=True, **options):
        self.lab = dml.Lab()
        self.host = self.lab.host("dut", ip="10.0.0.2", rx_queues=4, rx_ring=8, sockets=4, kernel=kernel, **options)
        if split:
            self.host.ethtool("eth0").set_rings(tcp_data_split="on")
        self.nl, self.fd = self.host.netlink(), self.host.udmabuf("64KiB")

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.lab.close()

    def bind(self, *queues, fd=None, ifindex=2, nl=None, extra=b"", kinds=()):
        """Send a bind-rx: errno and extack in the recorded form."""
        nests = b"".join(attr(2, attr(1, q) + attr(3, kind), nested=True) for q, kind in zip(queues, kinds or [0] * len(queues)))
        body = attr(1, ifindex) + attr(3, self.fd if fd is None else fd) + nests + extra
        return answer(nl or self.nl, raw(self.nl.number, BIND_RX, body))[:2]

    def bindings(self):
        return int((self.host.mem.providers.binding.live != 0).sum())

    def ids(self):
        return [q["dmabuf"] for q in self.nl.dump("queue-get") if "dmabuf" in q]


@pytest.fixture(scope="module")
def bench():
    with Bench() as bench:
        yield bench


def ask(bench, command, body=b"", **options):
    return answer(bench.nl, raw(bench.nl.number, command, body, **options))


def test_case_1_rights_come_before_everything(bench):
    user = bench.host.process(admin=False)
    nl = user.netlink()
    for body in (b"", attr(1, 0), attr(50, 1), attr(1, 2) + attr(3, bench.fd)):
        for command in (BIND_RX, NAPI_SET):
            assert answer(nl, raw(nl.number, command, body)) == ("EPERM", None, [])
    assert answer(nl, raw(nl.number, BIND_TX))[:2] == ("EINVAL", {"miss_type": 1})
    assert len(nl.dump("queue-get")) == 10
    with pytest.raises(dml.NetlinkError, match="CAP_NET_ADMIN"):
        nl.bind_rx({})
    # A socket that an administrator opened does not lend its rights to whoever gets it.
    handed = user.fds.get(bench.host.fds.give(bench.nl.fileno(), user.fds))
    (reply,) = messages(user.genl.answer(handed, user, raw(nl.number, BIND_RX)))
    assert read_outcome(reply)[0] == EPERM
    bench.host.kill(user)


def test_case_2_missing_attributes_in_their_order(bench):
    for body, number in ((b"", 1), (attr(3, 5), 1), (attr(1, 2), 3), (attr(1, 2) + attr(3, 5), 2)):
        assert ask(bench, BIND_RX, body)[:2] == ("EINVAL", {"miss_type": number})
    for body, number in ((b"", 1), (attr(1, 2), 3), (attr(3, 5), 1)):
        assert ask(bench, BIND_TX, body)[:2] == ("EINVAL", {"miss_type": number})


def test_case_3_interface_numbers(bench):
    assert bench.bind(0, ifindex=0) == ("ERANGE", {
        "msg": "integer out of range", "bad_attr_offset": 20,
        "policy": {"4": "0100000000000000", "5": "ffffffff00000000", "1": "04000000"}})
    assert bench.bind(0, ifindex=9999) == bench.bind(0, ifindex=0x80000000) == ("ENODEV", None)


def test_case_4_a_device_without_queue_operations(bench):
    assert bench.bind(0, ifindex=1) == ("EOPNOTSUPP", {"bad_attr_offset": 20})
    assert bench.bind(ifindex=1, extra=attr(2, b"", nested=True)) == ("EOPNOTSUPP", {"bad_attr_offset": 20})
    with pytest.raises(dml.NetlinkError, match="lo has no queue operations") as caught:
        bench.nl.bind_rx({"ifindex": 1, "fd": 99, "queues": [{"type": "rx", "id": 0}]})
    assert caught.value.extack.bad_attr == "ifindex"


def test_case_5_a_nest_without_id_or_type(bench):
    assert bench.bind(extra=attr(2, b"", nested=True)) == ("EINVAL", {"miss_type": 1, "miss_nest_offset": 36})
    assert bench.bind(extra=attr(2, attr(3, 0), nested=True)) == ("EINVAL", {"miss_type": 1, "miss_nest_offset": 36})
    assert bench.bind(0, extra=attr(2, attr(1, 0), nested=True)) == ("EINVAL", {"miss_type": 3, "miss_nest_offset": 56})
    assert bench.bindings() == 0 and bench.host.netdev.providers == {}
    with pytest.raises(dml.NetlinkError) as caught:
        bench.nl.bind_rx({"ifindex": 2, "fd": bench.fd, "queues": [{"type": "rx"}]})
    assert (caught.value.extack.miss_type, caught.value.extack.miss_nest) == (1, "queues")


def test_case_6_queue_type_and_number(bench):
    assert bench.bind(0, kinds=[1]) == ("EINVAL", {"bad_attr_offset": 48})
    assert bench.bind(4) == bench.bind(0xFFFFFFFF) == ("EINVAL", {"bad_attr_offset": 40})
    assert bench.bind(0, 4) == ("EINVAL", {"bad_attr_offset": 60})
    assert bench.bind(0, kinds=[2])[1]["bad_attr_offset"] == 48 and bench.bindings() == 0


def test_case_7_the_file_descriptor_comes_before_header_split():
    with Bench(split=False) as bench:
        assert bench.bind(0, fd=99) == bench.bind(0, fd=0xFFFFFFFF) == ("EBADF", None)
        assert bench.bind(0, fd=bench.nl.fileno()) == ("EINVAL", None)
        assert bench.bind(0) == ("EINVAL", {"msg": "tcp-data-split is disabled"})
        with pytest.raises(dml.NetlinkError) as caught:
            bench.nl.bind_rx({"ifindex": 2, "fd": bench.fd, "queues": [{"type": "rx", "id": 3}]})
        # The kernel's sentence once, then where and what to do.
        assert str(caught.value).count("tcp-data-split is disabled") == 1 and "queue 3 of eth0" in str(caught.value)


def test_cases_12_14_16_and_21():
    with Bench() as bench:
        assert bench.bind(3) == (None, None)
        first, = bench.ids()
        other = bench.host.netlink()
        for nl in (bench.nl, other):
            assert bench.bind(3, nl=nl) == ("EEXIST", {"msg": "designated queue already memory provider bound"})
        assert bench.bind(1, 3) == ("EEXIST", {"msg": "designated queue already memory provider bound"})
        assert bench.ids() == [first] and bench.bindings() == 1
        assert bench.bind(2, nl=other) == (None, None)
        second = bench.ids()[0]
        other.close()
        assert bench.ids() == [first] and bench.bind(2) == (None, None)
        assert bench.ids()[0] > second > first
        bench.nl.close()
        bench.nl = bench.host.netlink()
        assert bench.ids() == [] and bench.bindings() == 0


def test_case_15_a_queue_named_twice(bench):
    nl = bench.host.netlink()
    assert bench.bind(1, 1, nl=nl) == (None, None)
    nl.close()


def test_6_12_reads_the_queues_after_it_has_bound():
    with Bench("6.12") as bench:
        assert bench.bind(0, ifindex=1) == ("EINVAL", None) and bench.bind(0, ifindex=1, fd=99) == ("EBADF", None)
        assert bench.bind(4) == ("ERANGE", {"msg": "rx queue index out of range"})
        assert bench.bind(1, 1) == ("EEXIST", {"msg": "designated queue already memory provider bound"})
        assert bench.bind(2, kinds=[1]) == ("EINVAL", {"bad_attr_offset": 48})
        assert bench.ids() == [] and bench.bindings() == 0 and ask(bench, BIND_TX)[0] == ask(bench, NAPI_SET)[0] == "EOPNOTSUPP"
        assert bench.bind(1) == (None, None)


def test_v9_has_its_own_numbers():
    with Bench("v9") as bench:
        nests = attr(2, attr(2, 1) + attr(1, 0), nested=True)
        error, _, replies = ask(bench, 11, attr(1, 2) + attr(3, bench.fd) + nests)
        assert error is None and len(replies[0]) == 8 and bench.nl.bindings
        bound = bench.nl.bind_rx({"ifindex": 2, "fd": bench.fd, "queues": [{"type": "rx", "id": 2}]})["id"]
        assert bound > 0 and bench.ids() == []
        with pytest.raises(dml.NetlinkError) as caught:
            bench.nl.bind_rx({"ifindex": 2, "fd": 99, "queues": [{"type": "rx", "id": 2}]})
        assert caught.value.errno == 77 and bench.nl.dump("napi-get") and bench.nl.dump("qstats-get")


def test_7_3_takes_larger_net_iovs_and_says_what_does_not_fit():
    with Bench("7.3") as bench:
        page = attr(5, 2048)
        assert bench.bind(0, extra=page)[0] == "ERANGE" and bench.bind(0, extra=page)[1]["bad_attr_offset"] == 56
        assert bench.bind(0, extra=attr(5, 5000)) == ("EINVAL", {"bad_attr_offset": 56})
        assert bench.bind(0, extra=attr(4, 7)) == ("EINVAL", {"msg": "Unsupported attribute", "bad_attr_offset": 56})
        # The recorded sentence, cut where the kernel cuts it; a udmabuf has one segment a page.
        error, told = bench.bind(0, extra=attr(5, 65536))
        said = re.fullmatch(r"dmabuf sg entry \(addr=0x[0-9a-f]{16}, len=4096\) not aligned to niov size 65", told["msg"])
        assert error == "EINVAL" and said and bench.bindings() == 0
        assert bench.bind(1, extra=attr(5, PAGE_SIZE)) == (None, None)
        whole = bench.host.export(dml.DeviceMemory("1MiB"))
        assert bench.bind(2, fd=whole, extra=attr(5, 65536)) == (None, None) and len(bench.ids()) == 2


def test_bind_tx_needs_a_device_that_can(bench):
    nl = bench.host.netlink()
    both = attr(1, 1) + attr(3, 99)
    told = {"msg": "Driver does not support netmem TX"}
    assert ask(bench, BIND_TX, both)[:2] == ("EOPNOTSUPP", told)
    assert ask(bench, BIND_TX, attr(1, 2) + attr(3, 99))[0] == "EBADF"
    assert ask(bench, BIND_TX, attr(1, 9) + attr(3, 9))[0] == "ENODEV"
    queues = attr(1, 2) + attr(3, 9) + attr(2, b"", nested=True)
    assert ask(bench, BIND_TX, queues)[:2] == ("EINVAL", {"msg": "Unsupported attribute", "bad_attr_offset": 36})
    first, second = (nl.bind_tx({"ifindex": 2, "fd": bench.fd})["id"] for _ in range(2))
    assert second > first and bench.bindings() == 2 and bench.ids() == []
    nl.close()
    assert bench.bindings() == 0


def test_queue_get_by_number_type_and_device(bench):
    def queue(number, kind, ifindex):
        return ask(bench, QUEUE_GET, attr(1, number) + attr(3, kind) + attr(2, ifindex))
    assert queue(0, 0, 1)[2] == [attr(1, 0) + attr(3, 0) + attr(2, 1)]
    assert queue(3, 1, 2)[2] == [attr(1, 3) + attr(3, 1) + attr(2, 2)] and queue(4, 0, 2)[:2] == ("EINVAL", None)
    assert queue(0, 2, 2)[1]["bad_attr_offset"] == 28 and queue(0, 0, 7)[0] == "ENODEV"
    for body, number in ((b"", 1), (attr(1, 0), 3), (attr(1, 0) + attr(3, 0), 2)):
        assert ask(bench, QUEUE_GET, body)[:2] == ("EINVAL", {"miss_type": number})
    assert ask(bench, QUEUE_GET, attr(2, 9), flags=DUMPING)[:2] == ("ENODEV", None)
    assert len(bench.nl.dump("queue-get", {"ifindex": 1})) == 2
    bench.host.devices[1].real_num_tx_queues = 3
    assert [(q["type"], q["id"]) for q in bench.nl.dump("queue-get", {"ifindex": 1})] == [
        ("rx", 0), ("tx", 0), ("tx", 1), ("tx", 2)]
    assert queue(2, 1, 1)[0] is None and queue(3, 1, 1)[0] == queue(1, 0, 1)[0] == "EINVAL"
    bench.host.devices[1].real_num_tx_queues = 1
    bench.host.netdev.close()
    try:
        assert queue(0, 0, 2)[:2] == ("ENOENT", None) and len(bench.nl.dump("queue-get")) == 2
        assert bench.nl.dump("napi-get") == []
    finally:
        bench.host.netdev.open()


def test_napis_have_settings_that_stay(bench):
    napis = bench.nl.dump("napi-get", {"ifindex": 2})
    assert [napi["id"] for napi in napis] == sorted((napi["id"] for napi in napis), reverse=True) and len(napis) == 4
    chosen = napis[0]["id"]
    assert bench.nl.do("napi-set", {"id": chosen, "defer-hard-irqs": 100, "gro-flush-timeout": 20000}) == {}
    told = bench.nl.do("napi-get", {"id": chosen})
    assert (told["defer-hard-irqs"], told["gro-flush-timeout"], told["threaded"]) == (100, 20000, "disabled")
    assert ask(bench, NAPI_GET, attr(2, 1))[:2] == ask(bench, NAPI_SET, attr(2, 1))[:2] == ("ENOENT", {"bad_attr_offset": 20})
    assert ask(bench, NAPI_SET, attr(2, chosen) + attr(8, 2))[0] == "ERANGE"


def test_case_17_pools_are_listed_newest_first_with_their_binding(bench):
    nl = bench.host.netlink()
    number = nl.bind_rx({"ifindex": 2, "fd": bench.fd, "queues": [{"type": "rx", "id": 2}]})["id"]
    pools = nl.dump("page-pool-get")
    assert [pool["id"] for pool in pools] == sorted((pool["id"] for pool in pools), reverse=True)
    assert [pool.get("dmabuf") for pool in pools].count(number) == 1 and pools[0]["dmabuf"] == number
    for pool in pools:
        assert nl.do("page-pool-get", {"id": pool["id"]}) == pool
        told = nl.do("page-pool-stats-get", {"info": {"id": pool["id"]}})
        assert told["info"] == {"id": pool["id"], "ifindex": 2} and set(told) - {"info"} == set(sets.STATISTICS)
    assert len(nl.dump("page-pool-stats-get")) == len(pools)
    nl.close()


def test_statistics_are_asked_for_by_id_alone(bench):
    for info, told in ((b"", {"miss_type": 1}), (attr(1, b"", nested=True), {"miss_type": 1, "miss_nest_offset": 20}),
                       (attr(1, attr(1, 1) + attr(2, 2), nested=True),
                        {"msg": "selecting by ifindex not supported", "bad_attr_offset": 32})):
        assert ask(bench, POOL_STATS, info)[:2] == ("EINVAL", told)
    assert ask(bench, POOL_STATS, attr(1, attr(1, 99999), nested=True))[:2] == ("ENOENT", None)
    with Bench(profile("6.18", page_pool_stats=False)) as without:
        assert ask(without, POOL_STATS)[:2] == ask(without, POOL_STATS, flags=DUMPING)[:2] == ("EOPNOTSUPP", None)
        assert 9 not in {op["id"] for op in without.nl.getfamily()["ops"].values()}


def test_dumps_narrowed_by_device_on_7_3():
    with Bench("7.3") as bench:
        assert bench.nl.dump("page-pool-get", {"ifindex": 1}) == [] and len(bench.nl.dump("page-pool-get", {"ifindex": 2})) == 4
        assert bench.nl.dump("page-pool-stats-get", {"info": {"ifindex": 1}}) == []
        with pytest.raises(dml.NetlinkError) as caught:
            bench.nl.dump("page-pool-get", {"ifindex": 7})
        assert caught.value.errno == 19


def test_queue_counters_where_a_device_keeps_them(bench):
    (total,) = bench.nl.dump("qstats-get")
    assert total["ifindex"] == 2 and {"rx-packets", "tx-packets", "rx-alloc-fail"} <= set(total)
    each = bench.nl.dump("qstats-get", {"ifindex": 2, "scope": 1})
    assert [(q["queue-type"], q["queue-id"]) for q in each][:4] == [("rx", k) for k in range(4)]
    assert sum(q.get("rx-packets", 0) for q in each) == total["rx-packets"]
    assert ask(bench, 12, attr(1, 1), flags=DUMPING)[:2] == ("EOPNOTSUPP", {"bad_attr_offset": 20})
    assert ask(bench, 12, attr(1, 7), flags=DUMPING)[:2] == ("ENODEV", {"bad_attr_offset": 20})


def test_queue_create_refuses_in_its_order():
    with Bench("7.3") as bench:
        def create(ifindex=1, kind=0, lease=2, queue=0, inner=0):
            nest = attr(1, lease) + attr(2, attr(1, queue) + attr(3, inner), nested=True)
            return ask(bench, 16, attr(2, ifindex) + attr(3, kind) + attr(8, nest, nested=True))[:2]
        for body, told in ((b"", {"miss_type": 2}), (attr(2, 1), {"miss_type": 3}), (attr(2, 1) + attr(3, 0), {"miss_type": 8}),
                           (attr(2, 1) + attr(3, 0) + attr(8, b"", nested=True), {"miss_type": 1, "miss_nest_offset": 36})):
            assert ask(bench, 16, body)[:2] == ("EINVAL", told)
        assert create(kind=1) == ("EINVAL", {"bad_attr_offset": 28}) and create(inner=1)[0] == "EINVAL"
        assert create(lease=1)[0] == "EINVAL" and create(ifindex=9)[0] == "ENODEV" and create()[0] == "EINVAL"
        bench.host.devices[1].queue_create = True
        assert create(lease=9)[0] == "ENODEV" and create(queue=4)[0] == "ERANGE" and create()[0] == "EOPNOTSUPP"
        assert bench.bind(0) == (None, None) and create()[0] == "EBUSY"
    with Bench() as older:
        assert ask(older, 16)[0] == "EOPNOTSUPP"
