"""Steering: rules before RSS, the indirection table, and what ethtool says of both."""

import pytest

from devmemlab.base.errno import EINVAL, ENOENT, ENOSPC
from devmemlab.base.trace import events
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
    s.ethtool.set_rxfh_indir(default=True)
    assert s.ethtool.get_rxfh_indir() == [i % 4 for i in range(128)]


@pytest.mark.parametrize("options", [{"equal": 0}, {"equal": 5}, {}, {"table": [0, 4]}, {"table": [0, 1, 2]}, {"table": []}])
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
    refused(EINVAL, s.ethtool.add_rule, "udp4", queue=0)
    refused(EINVAL, s.ethtool.add_rule, "tcp4", queue=4)
    refused(EINVAL, s.ethtool.add_rule, "tcp4", queue=1, src_ip="fd00::1")
    assert [s.ethtool.add_rule("tcp4", queue=0) for _ in range(64)] == list(range(64))
    refused(ENOSPC, s.ethtool.add_rule, "tcp4", queue=0)
    s.ethtool.add_rule("tcp4", queue=1, location=0)
    assert s.host.nics.ctl[0].rule_count == 64
