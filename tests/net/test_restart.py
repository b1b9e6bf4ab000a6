"""Restarts: what every failing step leaves behind, what a restart costs, and what is told aloud."""

import json
import pathlib

import pytest

from devmemlab.base.errno import EBUSY, EINVAL, EIO, ENETDOWN, ENODATA, ENODEV, ENOMEM, EOPNOTSUPP, ERANGE
from devmemlab.net.queue_ops import OPERATIONS, QueueOps, mem_alloc
from devmemlab.net.refusal import ProviderError
from devmemlab.nic.hds import HDS_DISABLED
from tests.net.rig import Rig, untouched

pytestmark = pytest.mark.once
STEPS = ("blob", "mem_alloc", "stop", "start")
GOLDEN = pathlib.Path(__file__).parents[2] / "data" / "kernel-golden.json"


def warnings(rig):
    return [line for line in rig.host.mem.log if "WARNING" in line]


def ignoring(netdev, queue, config):
    """A mem_alloc that builds a pool of pages whatever is stored."""
    return mem_alloc(netdev, queue, config._replace(hds=HDS_DISABLED))


@pytest.mark.parametrize(("step", "design"), [
    *((step, "queue") for step in ("validate_qcfg", *STEPS)),
    *((step, "device") for step in ("validate_qcfg", "blob", "mem_alloc", "start"))])
def test_a_bind_that_fails_at_a_step(step, design):
    with Rig(restart=design) as rig:
        lives = rig.lives()
        pool = rig.pools()[2]
        reset = design == "device" and step in ("mem_alloc", "start")
        rig.netdev.fail_next(step, errno=EIO, skip=2 if reset else 0)
        assert rig.refused(EIO, 2).startswith("injected fault")
        assert rig.lives() == lives and rig.netdev.providers == {} and rig.netdev.rx_page_sizes == {}
        assert rig.netdev.restarts == {} and rig.netdev.faults.plan == [] and not warnings(rig)
        assert reset or rig.pools()[2] == pool
        rig.host.audit()
        assert rig.knock(2)
        rig.settle()
        assert rig.bindings() == 0
        assert rig.bind_queues(2) == rig.live_on(2)


def test_the_old_memory_is_refused_too_and_the_queue_is_dead_until_the_next_restart():
    with Rig() as rig:
        rig.netdev.fail_next("start", times=2, errno=ENOMEM)
        rig.refused(ENOMEM, 2)
        assert rig.lives() == ["pages", "pages", "dead", "pages"] and rig.netdev.dead_queues() == [2]
        assert len(warnings(rig)) == 1 and "queue 2 is dead" in warnings(rig)[0] and "ENOMEM" in warnings(rig)[0]
        rig.host.audit()
        assert not rig.knock(2) and rig.knock(1)
        with untouched(rig):
            rig.netdev.fail_next("start")
            rig.refused(ENOMEM, 2)
        rig.netdev.restart(2)
        assert rig.lives() == ["pages"] * 4 and rig.knock(2)
        rig.settle()
        assert rig.bindings() == 0


def test_a_device_that_cannot_be_reset_back_stays_down():
    with Rig(restart="device") as rig:
        rig.netdev.fail_next("mem_alloc", times=2)
        rig.refused(ENOMEM, 2)
        assert not rig.netdev.running and len(warnings(rig)) == 1 and "stays down" in warnings(rig)[0]
        rig.host.audit()
        rig.netdev.open()
        assert rig.lives() == ["pages"] * 4 and rig.knock(2)


@pytest.mark.parametrize("step", STEPS)
def test_scenario_h_an_unbind_whose_restart_fails(step):
    """The provider is forgotten first; the queue runs on in the binding's memory, whose pool keeps the binding."""
    with Rig() as rig:
        number = rig.bind_queues(2)
        rig.netdev.fail_next(step)
        rig.unbind()
        assert rig.netdev.providers == {} and rig.live_on(2) == number
        assert len(warnings(rig)) == 1 and "could not leave its provider" in warnings(rig)[0]
        rig.settle()
        assert rig.bindings() == 1
        rig.host.audit()
        rig.netdev.restart(2)
        assert rig.live_on(2) == "pages"
        rig.settle()
        assert rig.bindings() == 0


def test_case_13_for_every_design_and_on_a_closed_interface():
    for design in ("queue", "device"):
        with Rig(restart=design) as rig:
            driver = rig.netdev.driver
            rig.netdev.driver = driver._replace(mem_alloc=ignoring)
            assert rig.refused(ENODATA, 2) == "the driver did not use the memory provider"
            assert rig.lives() == ["pages"] * 4 and rig.netdev.restarts == {}
            if design == "queue":
                rig.netdev.close()
                rig.refused(ENODATA, 2)
                rig.netdev.driver = driver
                rig.netdev.open()
            assert rig.knock(2)


def test_v9_believes_the_driver():
    """Spec section 8.2: no check B."""
    with Rig(split=False, kernel="v9") as rig:
        def pages(netdev, queue, config):
            stored, netdev.providers = netdev.providers, {}
            try:
                return mem_alloc(netdev, queue, config)
            finally:
                netdev.providers = stored

        rig.netdev.driver = rig.netdev.driver._replace(mem_alloc=pages)
        rig.bind_queues(2)
        assert rig.live_on(2) == "pages" and list(rig.netdev.providers) == [2]


@pytest.mark.parametrize("kernel", ["v9", "6.12", "6.18", "7.3"])
def test_case_18_a_bind_while_down_by_release(kernel):
    """Without the running check the driver is asked to stop a queue that is not live: ENETDOWN."""
    with Rig(kernel=kernel) as rig:
        rig.netdev.close()
        if kernel in ("v9", "6.12"):
            rig.refused(ENETDOWN, 2)
            number = "pages"
        else:
            number = rig.bind_queues(2)
            assert rig.netdev.restarts == {} and rig.host.mem.page_pool_dump() == []
        rig.netdev.open()
        assert rig.live_on(2) == number and rig.knock(1)


def test_records_of_binds_on_a_closed_interface():
    """The recorded answers of 6.12.107 and 7.3.4 to a bind while down."""
    cases = "devmem-rig/down/bind-rx", "devmem-rig/down/queue-get-rx3"
    records = [record for record in json.loads(GOLDEN.read_text()) if record["case"] in cases]
    assert len(records) >= 3
    for record in records:
        with Rig(kernel=record["kernel"][:record["kernel"].rindex(".")]) as rig:
            rig.netdev.close()
            seen = 0
            try:
                if record["case"].endswith("bind-rx"):
                    rig.bind_queues(3)
                else:
                    rig.nl.do("queue-get", {"ifindex": 2, "type": "rx", "id": 3})
            except OSError as err:
                seen = err.errno
            assert seen == record["errno_num"], record
            rig.netdev.open()


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_driver_that_lacks_an_operation(name):
    with Rig() as rig:
        rig.netdev.offers.discard(name)
        with untouched(rig):
            assert rig.netdev.ops_locked and "cannot restart" in rig.refused(EOPNOTSUPP, 2)
        rig.netdev.offers.clear()
        with untouched(rig), pytest.raises(ProviderError) as caught:
            rig.netdev.open_provider(2, 1)
        assert caught.value.errno == EOPNOTSUPP and not rig.netdev.ops_locked


@pytest.mark.parametrize("fault", [{"step": "mem_free"}, {"step": "stop", "times": 0}, {"step": "stop", "skip": -1}])
def test_faults_that_cannot_be(fault):
    with Rig() as rig, pytest.raises(OSError) as caught:
        rig.netdev.fail_next(**fault)
    assert caught.value.errno == EINVAL


def test_faults_of_one_queue_and_in_turn():
    with Rig() as rig:
        rig.netdev.fail_next("mem_alloc", queue=3, errno=EBUSY)
        rig.netdev.fail_next("mem_alloc", skip=1)
        rig.netdev.restart(1)
        for queue, number in ((3, EBUSY), (2, ENOMEM)):
            with pytest.raises(ProviderError) as caught:
                rig.netdev.restart(queue)
            assert caught.value.errno == number
        rig.netdev.restart(2)
        assert rig.netdev.faults.hits == 2 and rig.netdev.restarts == {1: 1, 2: 1}


SETTINGS = {
    "rings": lambda netdev: netdev.set_rings(rx=16),
    "split": lambda netdev: netdev.set_rings(tcp_data_split="off"),
    "more channels": lambda netdev: netdev.set_channels(combined=6),
    "fewer channels": lambda netdev: netdev.set_channels(combined=3),
}


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("step", ["mem_alloc", "stop", "start"])
@pytest.mark.parametrize("what", SETTINGS)
def test_settings_roll_back_at_every_step(what, step, at):
    with Rig(rx_ring=32) as rig:
        rig.netdev.set_rings(rx=8)
        if what != "split":
            number = rig.bind_queues(1)
        before = rig.netdev.get_rings(), rig.netdev.get_channels(), rig.lives(), rig.pools()
        table = rig.host.ethtool("eth0").get_rxfh_indir()
        rig.netdev.fail_next(step, skip=at, errno=EIO)
        with pytest.raises(ProviderError) as caught:
            SETTINGS[what](rig.netdev)
        assert caught.value.errno == EIO
        assert (rig.netdev.get_rings(), rig.netdev.get_channels(), rig.lives(), rig.pools()) == before
        assert rig.host.ethtool("eth0").get_rxfh_indir() == table
        rig.host.audit()
        assert all(rig.knock(queue) for queue in range(4)) and not warnings(rig)
        SETTINGS[what](rig.netdev)
        assert what == "split" or rig.live_on(1) == number
        assert not rig.netdev.dead_queues() and rig.knock(2)


def test_settings_whose_way_back_fails_too():
    with Rig() as rig:
        rig.netdev.fail_next("start", times=3, errno=EIO)
        with pytest.raises(ProviderError):
            rig.netdev.set_channels(combined=6)
        assert rig.lives() == ["dead", "dead", "pages", "pages"] and len(warnings(rig)) == 2
        rig.host.audit()
        rig.netdev.close()
        rig.netdev.open()
        assert rig.lives() == ["pages"] * 4


@pytest.mark.parametrize("step", ["mem_alloc", "start"])
def test_an_interface_that_does_not_come_up(step):
    with Rig() as rig:
        number = rig.bind_queues(1)
        rig.netdev.close()
        rig.netdev.fail_next(step, skip=2, errno=EIO)
        with pytest.raises(ProviderError):
            rig.netdev.open()
        assert not rig.netdev.running and rig.host.mem.page_pool_dump() == [] and rig.netdev.providers
        rig.host.audit()
        rig.netdev.open()
        assert rig.live_on(1) == number and rig.lives().count("pages") == 3


def schedule(rig, queue, ms):
    """Let packets for a queue arrive at these times."""
    rig.host.ethtool("eth0").add_rule("tcp4", queue=queue, dst_port=7000 + queue)
    for at in ms:
        dut, rig.dut = rig.dut, (rig.dut[0], 7000 + queue, rig.dut[2])
        rig.port.inject(rig.segment("A", b"scheduled", seq=0), at_ns=rig.lab.clock.now_ns + int(at * 1e6))
        rig.dut = dut


@pytest.mark.parametrize("design", ["queue", "device"])
def test_what_a_bind_costs_the_other_queues(design):
    """The first design stops everybody: the same traffic, the same modelled time, but all the packets are lost."""
    with Rig(queues=4, restart=design, restart_ns=5_000_000) as rig:
        for queue in range(4):
            schedule(rig, queue, (1, 2, 3, 7))
        begin = rig.lab.clock.now_ns
        number = rig.bind_queues(2)
        assert rig.lab.clock.now_ns == begin + 5_000_000
        cost = rig.netdev.costs[-1]
        assert (cost.what, cost.queue, cost.errno) == (design, 2, 0) and cost.end_ns - cost.begin_ns == 5_000_000
        rig.lab.run(until_ns=begin + 10_000_000)
        got = [int(q.rx_packets) for q in rig.host.rxqs.ctl[:4]]
        if design == "queue":
            assert got == [4, 4, 1, 4] and (cost.queues_stopped, cost.packets_lost) == (1, 3)
            assert (cost.buffers_returned, cost.buffers_posted) == (8, 8)
        else:
            assert got == [1, 1, 1, 1] and (cost.queues_stopped, cost.packets_lost) == (4, 12)
            assert (cost.buffers_returned, cost.buffers_posted) == (32, 32)
        assert rig.live_on(2) == number


def test_a_bind_of_several_queues_resets_a_device_of_the_first_design_as_often():
    with Rig(queues=4, restart="device") as rig:
        rig.bind_queues(1, 2, 3)
        assert [c.queue for c in rig.netdev.costs if c.what == "device"] == [1, 2, 3]
        rig.unbind()
        assert sum(c.queues_stopped for c in rig.netdev.costs if c.what == "device") == 6 * 4
        assert rig.lives() == ["pages"] * 4


def test_golden_scenario_g_which_pools_are_new():
    """devmem-rig/bind-lifecycle: a bind of q1 and q3 with q3 busy makes q1 a new pool and touches no other."""
    with Rig() as rig:
        rig.bind_queues(3)
        ids = [int(rig.host.mem.pools.ctl[p].id) for p in rig.pools()]
        rig.refused(17, 1, 3)
        now = [int(rig.host.mem.pools.ctl[p].id) for p in rig.pools()]
        assert now[0] == ids[0] and now[2:] == ids[2:] and now[1] > ids[1] + 1


def test_an_interrupt_during_a_restart_leaves_the_queue_as_it_was():
    for design in ("queue", "device"):
        with Rig(restart=design) as rig:
            def stop(duration_ns):
                raise KeyboardInterrupt

            rig.netdev.pause, rig.netdev.restart_ns = stop, 1
            with pytest.raises(KeyboardInterrupt):
                rig.netdev.restart(2)
            with pytest.raises(KeyboardInterrupt):
                rig.netdev.open_provider(2, rig.host.mem.bind(2, rig.host.dmabuf_of(rig.fd)))
            with pytest.raises(KeyboardInterrupt):
                rig.netdev.set_channels(combined=2)
            rig.netdev.restart_ns = 0
            assert rig.lives() == ["pages"] * 4 and rig.netdev.providers == {}
            rig.host.audit()
            assert rig.knock(2)


def test_closing_what_is_not_open():
    """Spec section 8.3: beyond the active queues and on another binding a warning; silence once the device is going."""
    with Rig() as rig:
        rig.bind_queues(1)
        with untouched(rig):
            rig.netdev.close_provider(9, 1)
            rig.netdev.close_provider(1, 77)
            rig.netdev.close_provider(2, 77)
        assert len(warnings(rig)) == 3
        rig.host.remove_device("eth0")
        rig.netdev.close_provider(1, 1)
        assert len(warnings(rig)) == 3
        with pytest.raises(OSError) as caught:
            rig.netdev.open()
        assert caught.value.errno == ENODEV


def test_an_enetdown_on_the_way_out_is_not_worth_a_line():
    with Rig() as rig:
        rig.bind_queues(1)
        rig.netdev.fail_next("stop", errno=ENETDOWN)
        rig.unbind()
        assert warnings(rig) == []


def test_a_driver_of_your_own():
    """Operations are values: one that counts its calls sees a restart in the kernel's order."""
    with Rig() as rig:
        calls, own = [], rig.netdev.driver

        def told(name):
            def call(netdev, *args):
                calls.append(name)
                return getattr(own, name)(netdev, *args)
            return call

        rig.netdev.driver = QueueOps(*(told(name) for name in OPERATIONS))
        rig.netdev.restart(1)
        assert calls == ["mem_alloc", "stop", "start", "mem_free"]
        calls.clear()
        rig.netdev.fail_next("start")
        with pytest.raises(ProviderError):
            rig.netdev.restart(1)
        assert calls == ["mem_alloc", "stop", "start", "mem_free"] and rig.netdev.faults.hits == 1


def test_queue_0_of_the_reference_driver_cannot_be_stopped_alone():
    """Spec section 12.2: gve answers ERANGE, so queue 0 cannot be bound there; other queues and a change of all of them can."""
    with Rig() as rig:
        rig.netdev.quirks["queue_0_stays"] = True
        with untouched(rig):
            assert "queue 0" in rig.refused(ERANGE, 0)
            assert "queue 0" in rig.refused(ERANGE, 0, 2)
        rig.settle()
        assert rig.bindings() == 0
        number = rig.bind_queues(1, 2)
        rig.netdev.set_rings(tx=4)
        assert rig.lives() == ["pages", number, number, "pages"]
        rig.unbind()
        rig.netdev.set_channels(combined=1)
        assert rig.bind_queues(0) and rig.live_on(0) != "pages"


@pytest.mark.parametrize("binding", [0, -1, 5, 1 << 20])
def test_a_binding_that_is_not_there_opens_no_queue(binding):
    with Rig() as rig, untouched(rig), pytest.raises(ProviderError) as caught:
        rig.netdev.open_provider(1, binding)
    assert caught.value.errno == EINVAL and str(binding) in str(caught.value)
