"""Steering: rules before RSS, the indirection table, and what ethtool says of both."""

import pytest

from devmemlab.base.errno import EINVAL, ENOENT, ENOSPC
from devmemlab.base.trace import events
from devmemlab.nic.device import DROP_REASONS
from tests.scripts.kit import DUT, PEER, Script


@pytest.fixture
def s():
    with Script(rx_queues=4, rx_ring=8, listen=False, trace=4096) as script:
        yield script


def refused(number, call, *args, **options):
    with pytest.raises(OSError) as caught:
        call(*args, **options)
    assert caught.value.errno == number


def steered(s, **fields):
    """Queue, rule and hash of one frame."""
    s.host.trace.ctl[0].count = 0
    s.arrive(s.segment("A", ack=0, **fields))
    (event,) = events(s.host.trace, "steer")
    return event["queue"], event["rule"], event["hash"]


def test_the_default_table_is_entry_modulo_queues(s):
    assert s.ethtool.get_rxfh_indir() == [i % 4 for i in range(128)]
    s.ethtool.set_rxfh_indir(equal=3)
    assert s.ethtool.get_rxfh_indir() == [i % 3 for i in range(128)]
    s.ethtool.set_rxfh_indir(table=[2, 3])
    assert s.ethtool.get_rxfh_indir() == [2, 3] * 64
    s.ethtool.set_rxfh_indir(table=[])
    assert s.ethtool.get_rxfh_indir() == [i % 4 for i in range(128)] and not s.ethtool.get_rxfh()["configured"]
    s.ethtool.set_rxfh_indir(weight=[1, 0, 3])
    assert s.ethtool.get_rxfh_indir() == [0] * 32 + [2] * 96
    s.ethtool.set_rxfh_indir(equal=2, start=2)
    assert s.ethtool.get_rxfh_indir() == [2, 3] * 64
    s.ethtool.set_rxfh_indir(default=True)
    assert s.ethtool.get_rxfh_indir() == [i % 4 for i in range(128)]


@pytest.mark.parametrize("options", [{"equal": 0}, {"equal": 5}, {}, {"table": [0, 4]}, {"table": [0, 1, 2]},
                                     {"start": 2, "equal": 3},
                                     {"weight": [0, 0]}, {"weight": [100, 29]}, {"weight": [1, 1, 1, 1, 1]}])
def test_impossible_tables_change_nothing(s, options):
    refused(EINVAL, s.ethtool.set_rxfh_indir, **options)
    assert s.ethtool.get_rxfh_indir() == [i % 4 for i in range(128)]


def test_without_rules_the_hash_decides(s):
    queues = set()
    for sport in range(40000, 40032):
        s.peer = (PEER[0], sport, PEER[2])
        queue, rule, rss = steered(s)
        assert rule == -1 and queue == s.ethtool.get_rxfh_indir()[rss % 128]
        queues.add(queue)
    assert queues == {0, 1, 2, 3}


def test_the_lowest_rule_that_matches_wins_over_the_hash(s):
    any_port = s.ethtool.add_rule("tcp4", queue=3, location=10)
    port = s.ethtool.add_rule("tcp4", queue=2, dst_port=DUT[1], location=5)
    assert steered(s) == (2, port, 0)
    s.ethtool.delete_rule(port)
    assert steered(s) == (3, any_port, 0)
    s.ethtool.delete_rule(any_port)
    assert steered(s)[1] == -1
    refused(ENOENT, s.ethtool.delete_rule, any_port)


@pytest.mark.parametrize("rule, matches", [
    ({"dst_port": 5201}, True), ({"dst_port": 5202}, False), ({"src_port": 40000}, True), ({"src_port": 1}, False),
    ({"src_ip": "10.0.0.1"}, True), ({"src_ip": "10.0.0.3"}, False), ({"dst_ip": "10.0.0.2"}, True),
    ({"dst_ip": "10.0.0.1"}, False), ({"src_ip": "10.0.0.1", "dst_port": 5202}, False),
    ({"src_ip": "10.0.0.1", "dst_ip": "10.0.0.2", "src_port": 40000, "dst_port": 5201}, True)])
def test_a_rule_matches_only_when_all_its_fields_do(s, rule, matches):
    location = s.ethtool.add_rule("tcp4", queue=1, **rule)
    assert (steered(s)[1] == location) == matches


def test_a_rule_of_the_other_family_does_not_match(s):
    s.ethtool.add_rule("tcp6", queue=1)
    assert steered(s)[1] == -1


def test_impossible_rules(s):
    refused(EINVAL, s.ethtool.add_rule, "sctp4", queue=0)
    refused(EINVAL, s.ethtool.add_rule, "tcp4", queue=4)
    refused(EINVAL, s.ethtool.add_rule, "tcp4", queue=1, src_ip="fd00::1")
    assert [s.ethtool.add_rule("tcp4", queue=0) for _ in range(64)] == list(range(64))
    refused(ENOSPC, s.ethtool.add_rule, "tcp4", queue=0)
    s.ethtool.add_rule("tcp4", queue=1, location=0)
    assert s.host.nics.ctl[0].rule_count == 64


def test_a_rule_that_drops_counts_the_frame_under_its_reason(s):
    s.ethtool.add_rule("tcp4", queue=-1, dst_port=DUT[1])
    before = s.host.nics.ctl[0].rx_packets
    s.arrive(s.segment("S"))
    reason = DROP_REASONS.index("a steering rule drops it")
    assert s.host.nics.drop[0, reason].packets == 1 and s.host.nics.ctl[0].rx_packets == before
    told = s.host.explain(s.segment("S"))
    assert (told.queue, told.rule) == (-1, 0) and "drop" in told.steps[-1].so
    s.ethtool.delete_rule(0)
    s.arrive(s.segment("S"))
    assert s.host.nics.drop[0, reason].packets == 1 and s.host.nics.ctl[0].rx_packets == before + 1


def test_the_trace_of_a_frame_says_what_its_explanation_says(s):
    context = s.ethtool.add_context(equal=1, start=2)
    s.ethtool.add_rule("tcp4", src_port=40001, context=context)
    for sport in (40000, 40001):
        s.peer = (PEER[0], sport, PEER[2])
        told = s.host.explain(s.segment("A", ack=0))
        assert steered(s) == (told.queue, told.rule, told.hash) and told.context == (context if sport == 40001 else 0)
    assert told.queue == 2 and told.hash != 0
