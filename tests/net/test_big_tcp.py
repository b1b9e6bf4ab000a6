"""BIG TCP: packets above 64 KiB inside the stack; frags, frag lists and tokens are those of the wire, and so are the frames.

The answers to settings were recorded on Linux 6.18.44, from rtnetlink on a veth whose hardware takes 524280 octets.
"""

import re
import shutil
import subprocess

import pytest

from devmemlab.net.max_sizes import GRO_MAX_SIZE
from tests.net.test_gro import Burst, run, whole
from tests.nic.tx_kit import Sender, sums_are_right
from tests.scripts.kit import DUT6, PEER6, Script


class Big(Burst):
    """A script with room for a burst of 9000-octet packets; GRO may make packets of so many octets."""

    def __init__(self, gro_max_size, version=6, **options):
        v6 = {"peer": PEER6, "dut": DUT6} if version == 6 else {}
        super().__init__(True, **{**v6, "rx_ring": 256, "dmabuf": "4MiB", "rcvbuf": 4 << 20, **options})
        self.row.rcv_wnd = self.row.rcvbuf = 4 << 20
        name = "gro_max_size" if version == 6 else "gro_ipv4_max_size"
        assert self.host.sh(f"ip link set dev eth0 {name} {gro_max_size}").returncode == 0


@pytest.mark.parametrize("version", [6, 4])
@pytest.mark.parametrize("size, packets, chained", [(65536, 4, 0), (131072, 2, 2), (GRO_MAX_SIZE, 1, 3)])
def test_the_larger_packets_may_be_the_fewer_reach_tcp_and_the_longer_frag_lists_get(version, size, packets, chained):
    """28 segments of 8192 octets, each in two net_iovs: 8 of them are 16 frags, so that the ninth begins a frag list."""
    segments = run(28, 8192)
    with Big(size, version) as s:
        s.burst(segments)
        ctl = s.host.gro.ctl[0]
        assert (ctl.packets, ctl.segments, ctl.chained) == (packets, 28, chained)
        assert s.stream() == whole(segments)
        assert s.sizes == [4096] * 56 and s.tokens == 56, "whatever it was part of, a net_iov is one frag and one token"
        s.host.audit()


@pytest.mark.parametrize("version, other", [(6, "gro_ipv4_max_size"), (4, "gro_max_size")])
def test_each_version_has_its_own_size(version, other):
    with Big(65536, version) as s:
        assert s.host.sh(f"ip link set eth0 {other} 131072").returncode == 0
        s.burst(run(16, 8192))
        assert s.host.gro.ctl[0].packets == 3


@pytest.mark.parametrize("size, joined", [(52 + 4 * 1000, 3), (52 + 4 * 1000 + 1, 4), (0, 0)])
def test_a_packet_is_shorter_than_the_size_and_has_its_ip_header_in_it(size, joined):
    with Big(size, 4) as s:
        s.burst(run(4, 1000))
        assert s.host.gro.ctl[0].segments == joined


SETTINGS = [
    ("gro_max_size 140000", None, {"gro_max_size": 140000}),
    ("gro_max_size 60000", None, {"gro_max_size": 60000, "gro_ipv4_max_size": 60000}),
    ("gro_ipv4_max_size 140000", None, {"gro_ipv4_max_size": 140000}),
    ("gro_ipv4_max_size 524281", "too big gro_ipv4_max_size", {}),
    ("gso_max_size 140000", None, {"gso_max_size": 140000}),
    ("gso_max_size 60000", None, {"gso_max_size": 60000, "gso_ipv4_max_size": 60000}),
    ("gso_ipv4_max_size 140000", None, {"gso_ipv4_max_size": 140000}),
    ("gso_ipv4_max_size 524281", "too big gso_ipv4_max_size", {}),
    ("gso_ipv4_max_size 10", "integer out of range", {}),
    ("gro_max_size 140000 gro_ipv4_max_size 150000", None, {"gro_max_size": 140000, "gro_ipv4_max_size": 150000}),
    ("gro_max_size 65536", None, {"gro_max_size": 65536, "gro_ipv4_max_size": 65536}),
    ("gso_max_size 999999", "too big gso_max_size", {}),
    ("gro_max_size 524281", "too big gro_max_size", {}),
    ("gro_max_size 524280", None, {"gro_max_size": 524280}),
    ("gro_max_size 0", None, {"gro_max_size": 0, "gro_ipv4_max_size": 0}),
    ("gro_max_size 140000 gso_max_size 10", "integer out of range", {}),
]


def test_settings_as_recorded():
    with Script(listen=False) as s:
        here = s.host.netdev.get_max_sizes()
        assert set(here.values()) - {here["tso_max_size"], here["tso_max_segs"]} == {65536}
        for words, refusal, changed in SETTINGS:
            answer = s.host.sh(f"ip link set dev eth0 {words}")
            assert (answer.returncode, answer.stderr) == ((2, f"Error: {refusal}.\n") if refusal else (0, "")), words
            here |= changed
            assert s.host.netdev.get_max_sizes() == here, words
        shown = s.host.sh("ip -d link show eth0").stdout
        assert {name: int(re.search(rf" {name} (\d+) ", shown)[1]) for name in here} == here
        assert "gso" not in s.host.sh("ip link show eth0").stdout
        assert s.host.sh("ip link set eth0 mtu 9000 gso_max_size 2000").returncode == 0 and s.host.nics.ctl[0].mtu == 9000
        assert s.host.sh("ip link set lo gro_max_size 70000").returncode == 2


@pytest.mark.live
@pytest.mark.parametrize("words", ["gro_max_size 999999999", "gso_max_size 10", "gso_max_size 999999", "gso_max_size x",
                                   "gso_max_size", "gso_max_segs 70000", "gso_max_segs -5", "gro_max_size 140000"])
def test_answers_of_the_real_tool(words):
    if not shutil.which("ip"):
        pytest.skip("iproute2 is not installed")
    real = subprocess.run(["unshare", "-n", "sh", "-c", f"ip link add v0 type veth peer name v1; ip link set v0 {words}"],
                          capture_output=True, text=True, timeout=20, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"})
    if "Operation not permitted" in real.stderr or "garbage" in real.stderr:
        pytest.skip(f"not here: {real.stderr}")
    with Script(listen=False) as s:
        ours = s.host.sh(f"ip link set eth0 {words}")
        assert (ours.returncode, ours.stderr.strip()) == (real.returncode, real.stderr.strip())


def test_a_configuration_is_taken_along():
    with Script(listen=False) as s, Script(listen=False) as fresh:
        assert "max_size" not in s.host.as_commands()
        s.host.sh("ip link set eth0 gro_max_size 200000 gso_ipv4_max_size 70000 gso_max_segs 7")
        assert fresh.host.sh(s.host.as_commands()).returncode == 0
        assert fresh.host.netdev.get_max_sizes() == s.host.netdev.get_max_sizes()


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size, segs, packets", [(65536, 1024, 5), (131072, 1024, 3), (0x3FFFF, 1024, 2), (0x3FFFF, 10, 20)])
def test_larger_packets_to_the_nic_and_the_same_frames(version, size, segs, packets):
    """200 segments of 1440 octets are 288000 octets: 45, 90 or 181 of them in a packet."""
    with Sender(version, rx_ring=256) as s:
        name = "gso_max_size" if version == 6 else "gso_ipv4_max_size"
        assert s.host.sh(f"ip link set eth0 {name} {size} gso_max_segs {segs}").returncode == 0
        data = s.run([1440] * 200)
        frames = s.sent()
        head = 54 if version == 4 else 74
        assert b"".join(frame[head:] for frame in frames) == data and all(map(sums_are_right, frames[::40]))
        assert {len(frame) for frame in frames} == {1440 + head} and s.ring().post == packets
