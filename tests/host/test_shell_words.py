"""Any words at all: the shell answers, raises nothing, and leaves a machine that is whole."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devmemlab.host.shell import run_shell
from tests.scripts.kit import Script

pytestmark = pytest.mark.once
OPTIONS = "-g -G -l -L -k -K -x -X -n -N -S -i -c -C --offload -q".split()
WORDS = """rx tx combined other tcp-data-split hds-thresh on off auto equal start weight default hkey hfunc toeplitz xor xfrm none
symmetric-xor context new delete flow-type tcp4 tcp6 udp4 ip4 ip6 src-ip dst-ip src-port dst-port m dst-ip-mask 10.0.0.1 fd00::1
0.0.0.255 action queue loc rule rx-flow-hash sdfn sd ntuple gro rx-checksumming rx-usecs rx-frames tx-usecs aa:bb -1 0 1 2 3 5 7
0x1f 99999999999999999999 18446744073709551615 -99 x 1.5 eth0""".split() + [":".join(["0f"] * 40), "''", '"', "&&", ";", "#"]
LINKS = "link set show dev up down mtu 68 1500 eth0 lo nosuch 99999999999999999999 addr".split()
YNL = ["--family", "netdev", "ethtool", "nosuch", "--do", "--dump", "bind-rx", "queue-get", "rss-set", "rss-get", "--json", "{}",
       "'[]'", "1", """'{"ifindex": 2, "fd": 99, "queues": [{"type": "rx", "id": 1}]}'""",
       """'{"header": {"dev-name": "eth0"}, "indir": [3, 2]}'""",
       """'{"header": {"dev-name": "eth0"}, "indir": [9], "context": 4}'"""]


@pytest.fixture(scope="module")
def k():
    with Script(rx_queues=4, rx_ring=16, listen=False) as script:
        yield script.host


def lines(head, words):
    return st.lists(st.sampled_from(words), max_size=8).map(lambda rest: " ".join([head, *rest]))


ethtool = st.sampled_from(OPTIONS).flatmap(lambda option: lines(f"ethtool {option} eth0", WORDS))


@settings(max_examples=400)
@given(st.one_of(ethtool, ethtool, ethtool, lines("ip link set eth0", LINKS), lines("ip", LINKS), lines("ynl", YNL),
                 st.text(max_size=30)))
def test_nothing_is_raised(k, text):
    result = run_shell(k, text)
    assert isinstance(result.returncode, int) and repr(result).startswith("$")
    assert result.returncode == 0 or result.stderr
    assert result.error is None or result.error.errno


def test_the_machine_is_whole_after_all_that(k):
    with Script(rx_queues=4, rx_ring=16, listen=False) as other:
        text = k.as_commands()
        assert other.host.sh(text).returncode == 0 and other.host.as_commands() == text
    k.audit()


HUGE = ["99999999999999999999", "18446744073709551615", "4294967296", "-1", "0x10000"]
PLACES = ["ethtool -G eth0 rx {}", "ethtool -G eth0 tx {}", "ethtool -G eth0 hds-thresh {}", "ethtool -G eth0 tx-push-buf-len {}",
          "ethtool -L eth0 combined {}", "ethtool -L eth0 rx {}", "ethtool -X eth0 equal {}", "ethtool -X eth0 start {} equal 1",
          "ethtool -X eth0 weight {}", "ethtool -X eth0 context {} delete", "ethtool -x eth0 context {}",
          "ethtool -N eth0 delete {}", "ethtool -n eth0 rule {}", "ethtool -N eth0 flow-type tcp4 dst-port {}",
          "ethtool -N eth0 flow-type tcp4 dst-port 1 m {}", "ethtool -N eth0 flow-type tcp4 action 1 loc {}",
          "ethtool -N eth0 flow-type tcp4 context {}", "ethtool -N eth0 rx-flow-hash tcp4 sd context {}",
          "ethtool -C eth0 rx-usecs {}", "ip link set eth0 mtu {}",
          """ynl --family netdev --do queue-get --json '{{"ifindex": {}, "type": "rx", "id": 0}}'"""]


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize("place", PLACES)
def test_numbers_out_of_any_range_are_refused(k, place, number):
    before = k.as_commands()
    result = k.sh(place.format(number))
    assert result.returncode and result.stderr and k.as_commands() == before, repr(result)


@pytest.mark.parametrize("attributes", ["[]", "1", "null", '{"header": 5}', '{"header": {"dev-name": 5}}', '{"ifindex": "x"}',
                                        '{"ifindex": 2, "fd": 1, "queues": 5}', '{"header": {"dev-name": "eth0"}, "indir": 5}',
                                        '{"header": {"dev-name": "eth0"}, "hkey": "zz"}'])
@pytest.mark.parametrize("request_", ["--family netdev --do bind-rx", "--family ethtool --do rss-set", "--do queue-get"])
def test_requests_of_a_wrong_form_are_refused(k, request_, attributes):
    before = k.as_commands()
    result = k.sh(f"ynl {request_} --json '{attributes}'")
    assert k.as_commands() == before and (result.returncode and result.stderr or "rss-set" in request_), repr(result)
