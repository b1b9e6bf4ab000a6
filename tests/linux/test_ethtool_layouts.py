"""The ethtool messages of the real side: against C's own layouts, and against pyroute2."""

import pathlib
import shutil
import struct
import subprocess

import pytest

from devmemlab.host.genl.sets import decode, encode
from devmemlab.host.genl.wire import HEADERS, generic
from devmemlab.linux import dmabuf_calls, ethtool_ioctl, ethtool_rss, ethtool_rules, memory
from devmemlab.linux.ethtool import Ethtool
from devmemlab.linux.ethtool_sets import ETHTOOL_COMMANDS, ETHTOOL_SETS

pytestmark = pytest.mark.once

C = r"""
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/udmabuf.h>
#include <linux/dma-buf.h>
static void dump(const void *at, int n) { for (int i = 0; i < n; i++) printf("%02x", ((unsigned char *)at)[i]); printf("\n"); }
int main(void) {
    struct ethtool_rxnfc rule = {.cmd = ETHTOOL_SRXCLSRLINS};
    struct ethtool_tcpip4_spec *h = &rule.fs.h_u.tcp_ip4_spec, *m = &rule.fs.m_u.tcp_ip4_spec;
    rule.fs.flow_type = TCP_V4_FLOW;
    inet_pton(AF_INET, "10.1.0.0", &h->ip4src); inet_pton(AF_INET, "255.255.0.0", &m->ip4src);
    h->pdst = htons(5201); m->pdst = 0xffff;
    rule.fs.ring_cookie = 15; rule.fs.location = 7;
    dump(&rule, sizeof rule);
    memset(&rule, 0, sizeof rule);
    rule.cmd = ETHTOOL_SRXCLSRLINS; rule.rss_context = 3;
    rule.fs.flow_type = UDP_V6_FLOW | FLOW_RSS;
    inet_pton(AF_INET6, "fd00::1", rule.fs.h_u.udp_ip6_spec.ip6dst); memset(rule.fs.m_u.udp_ip6_spec.ip6dst, 255, 16);
    rule.fs.h_u.udp_ip6_spec.psrc = htons(53); rule.fs.m_u.udp_ip6_spec.psrc = 0xffff;
    rule.fs.location = RX_CLS_LOC_ANY;
    dump(&rule, sizeof rule);
    memset(&rule, 0, sizeof rule);
    rule.cmd = ETHTOOL_SRXCLSRLINS;
    rule.fs.flow_type = IPV4_USER_FLOW; rule.fs.ring_cookie = RX_CLS_FLOW_DISC;
    rule.fs.h_u.usr_ip4_spec.ip_ver = ETH_RX_NFC_IP4;
    inet_pton(AF_INET, "10.0.0.9", &rule.fs.h_u.usr_ip4_spec.ip4dst); rule.fs.m_u.usr_ip4_spec.ip4dst = 0xffffffff;
    dump(&rule, sizeof rule);
    struct { struct ethtool_rxfh head; __u32 table[4]; unsigned char key[5]; } __attribute__((packed)) rss;
    memset(&rss, 0, sizeof rss);
    rss.head.cmd = ETHTOOL_SRSSH; rss.head.rss_context = ETH_RXFH_CONTEXT_ALLOC; rss.head.indir_size = 4; rss.head.key_size = 5;
    rss.head.hfunc = 1; *(&rss.head.hfunc + 1) = 0xff;
    rss.table[1] = 1; rss.table[3] = 1; memcpy(rss.key, "abcde", 5);
    dump(&rss, sizeof rss);
    printf("%lx %lx %lx\n", (long)UDMABUF_CREATE, (long)UDMABUF_CREATE_LIST, (long)DMA_BUF_IOCTL_SYNC);
}
"""


@pytest.fixture(scope="module")
def in_c(tmp_path_factory):
    """What a C program makes of the same requests."""
    folder = tmp_path_factory.mktemp("layouts")
    if not shutil.which("cc") or not pathlib.Path("/usr/include/linux/udmabuf.h").exists():
        pytest.skip("no C compiler with Linux's headers here: apt-get install gcc linux-libc-dev")
    (folder / "layouts.c").write_text(C)
    subprocess.run(["cc", "-w", "-o", folder / "layouts", folder / "layouts.c"], check=True)
    return subprocess.run([folder / "layouts"], check=True, capture_output=True, text=True).stdout.split()


@pytest.fixture
def asked(monkeypatch):
    """An interface whose ioctl only writes down what it is asked, and answers from a table by command."""
    requests, answers = [], {}

    def ioctl(name, octets):
        requests.append(bytes(octets))
        return answers.get(struct.unpack_from("=I", octets)[0], bytes(octets)).ljust(len(octets), b"\0")

    for module in (ethtool_ioctl, ethtool_rss, ethtool_rules):
        monkeypatch.setattr(module, "ethtool_ioctl", ioctl)
    return Ethtool("eth1"), requests, answers


RULES = [{"flow_type": "tcp4", "queue": 15, "src_ip": "10.1.0.0", "src_ip_mask": "255.255.0.0", "dst_port": 5201, "location": 7},
         {"flow_type": "udp6", "dst_ip": "fd00::1", "src_port": 53, "location": 0xFFFFFFFF, "context": 3},
         {"flow_type": "ip4", "queue": -1, "dst_ip": "10.0.0.9", "location": 0}]


@pytest.mark.parametrize("number", range(3))
def test_a_rule_lies_as_c_lays_it(in_c, asked, number):
    nic, requests, _ = asked
    assert nic.add_rule(**RULES[number]) == RULES[number]["location"]
    assert requests[-1].hex() == in_c[number]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_read_in_the_words_that_made_it(asked, rule):
    nic, requests, answers = asked
    nic.add_rule(**rule)
    answers[ethtool_ioctl.ETHTOOL_GRXCLSRULE] = requests[-1]
    assert nic.get_rule(rule["location"]) == rule


def test_a_prefix_is_a_mask_and_values_outside_it_are_dropped(asked):
    nic, requests, _ = asked
    nic.add_rule("tcp4", 1, dst_ip="10.1.2.3/16", location=0)
    assert requests[-1][16 + 4 + 4:16 + 4 + 8] == b"\x0a\1\0\0" and requests[-1][16 + 76 + 4:16 + 76 + 8] == b"\xff\xff\0\0"


def test_the_first_free_place_is_taken_where_the_driver_does_not_choose(asked):
    nic, requests, answers = asked
    count = ethtool_ioctl.rxnfc(ethtool_ioctl.ETHTOOL_GRXCLSRLCNT, rule_cnt=2)
    answers[ethtool_ioctl.ETHTOOL_GRXCLSRLCNT] = count
    listed = ethtool_ioctl.rxnfc(ethtool_ioctl.ETHTOOL_GRXCLSRLALL, data=8, rule_cnt=2)
    answers[ethtool_ioctl.ETHTOOL_GRXCLSRLALL] = listed[:188] + struct.pack("=II", 1, 0)
    assert nic.add_rule("tcp4", 1, dst_port=80) == 2
    answers[ethtool_ioctl.ETHTOOL_GRXCLSRLCNT] = ethtool_ioctl.rxnfc(ethtool_ioctl.ETHTOOL_GRXCLSRLCNT, data=0x80000000)
    nic.add_rule("tcp4", 1, dst_port=80)
    assert struct.unpack_from("=I", requests[-1], 16 + 160)[0] == 0xFFFFFFFF


@pytest.mark.parametrize("rule", [{"flow_type": "sctp4"}, {"flow_type": "ip6", "dst_port": 1},
                                  {"flow_type": "tcp4", "dst_ip": "::1"}, {"flow_type": "tcp6", "src_ip": "here"}])
def test_impossible_rules_never_reach_the_kernel(asked, rule):
    nic, requests, _ = asked
    with pytest.raises(OSError, match="EINVAL"):
        nic.add_rule(**rule, location=0)
    assert requests == []


def a_table(entries, key, function=1, transform=0):
    return ethtool_rss.HEAD.pack(ethtool_ioctl.ETHTOOL_GRSSH, 0, len(entries), len(key), function, transform, 0) + struct.pack(
        f"={len(entries)}I", *entries) + key


def test_a_new_context_lies_as_c_lays_it(in_c, asked):
    nic, requests, answers = asked
    nic._write(0xFFFFFFFF, 4, [0, 1, 0, 1], b"abcde", 1)
    assert requests[-1].hex() == in_c[3]
    numbers = [memory.UDMABUF_CREATE, memory.UDMABUF_CREATE_LIST, dmabuf_calls.DMA_BUF_IOCTL_SYNC]
    assert numbers == [int(word, 16) for word in in_c[4:]]


def test_an_indirection_table_is_spread_as_on_a_lab_host(asked):
    nic, requests, answers = asked
    answers[ethtool_ioctl.ETHTOOL_GRSSH] = a_table([0, 1, 2, 3] * 2, b"k" * 40)
    answers[ethtool_ioctl.ETHTOOL_GRXRINGS] = ethtool_ioctl.rxnfc(ethtool_ioctl.ETHTOOL_GRXRINGS, data=4)
    told = nic.get_rxfh()
    assert (told["indir"], told["key"], told["function"], told["transform"]) == ([0, 1, 2, 3] * 2, b"k" * 40, "toeplitz", "none")

    def written():
        return list(struct.unpack_from("=8I", requests[-1], 24))

    nic.set_rxfh_indir(equal=3)
    assert written() == [0, 1, 2, 0, 1, 2, 0, 1] and struct.unpack_from("=IIII", requests[-1]) == (0x47, 0, 8, 0)
    nic.set_rxfh_indir(equal=2, start=2)
    assert written() == [2, 3] * 4
    nic.set_rxfh_indir(weight=[1, 3])
    assert written() == [0, 0, 1, 1, 1, 1, 1, 1]
    nic.set_rxfh_indir(table=[3, 0])
    assert written() == [3, 0] * 4
    nic.set_rxfh_indir(default=True)
    assert struct.unpack_from("=IIII", requests[-1]) == (0x47, 0, 0, 0)
    for bad in ({"equal": 5}, {"equal": 0}, {"equal": 2, "start": 3}, {"table": [0, 1, 2]}, {"weight": [0, 0]}):
        with pytest.raises(OSError, match="EINVAL"):
            nic.set_rxfh_indir(**bad)


def test_contexts_that_were_added_are_listed_until_they_are_deleted(asked):
    nic, requests, answers = asked
    answers[ethtool_ioctl.ETHTOOL_GRSSH] = a_table([0, 1], b"k" * 40)
    answers[ethtool_ioctl.ETHTOOL_SRSSH] = ethtool_rss.HEAD.pack(ethtool_ioctl.ETHTOOL_SRSSH, 5, 0, 0, 0, 0, 0)
    assert nic.add_context(table=[1]) == 5 and nic.get_contexts() == [0, 5]
    nic.delete_context(5)
    assert nic.get_contexts() == [0] and struct.unpack_from("=III", requests[-1]) == (0x47, 5, 0)
    with pytest.raises(OSError, match="always there"):
        nic.delete_context(0)


def test_ring_messages_are_read_by_pyroute2():
    pyroute2 = pytest.importorskip("pyroute2.netlink.generic.ethtool")
    values = {"header": {"dev-name": "eth1"}, "rx-max": 4096, "tx-max": 2048, "rx": 1024, "tx": 512, "rx-buf-len": 4096}
    octets = generic(32, 0, 1, 0, ETHTOOL_COMMANDS["rings-get"].number, encode("rings", values, ETHTOOL_SETS))
    read = pyroute2.ethtool_rings_msg(octets)
    read.decode()
    seen = dict(read["attrs"])
    assert dict(seen["ETHTOOL_A_RINGS_HEADER"]["attrs"])["ETHTOOL_A_HEADER_DEV_NAME"] == "eth1"
    for word, name in (("rx-max", "RX_MAX"), ("tx-max", "TX_MAX"), ("rx", "RX"), ("tx", "TX"), ("rx-buf-len", "RX_BUF_LEN")):
        assert seen[f"ETHTOOL_A_RINGS_{name}"] == values[word]
    assert ETHTOOL_COMMANDS["rings-get"].number == pyroute2.ETHTOOL_MSG_RINGS_GET


def test_split_and_threshold_have_the_kernels_numbers():
    """Numbers of include/uapi/linux/ethtool_netlink_generated.h, which older headers lack."""
    octets = encode("rings", {"tcp-data-split": "on", "hds-thresh": 0}, ETHTOOL_SETS)
    assert octets == struct.pack("=HHB3xHHI", 5, 11, 2, 8, 17, 0)
    told = decode("rings", struct.pack("=HHB3xHHI", 5, 11, 1, 8, 18, 1023), sets=ETHTOOL_SETS)
    assert told == {"tcp-data-split": "off", "hds-thresh-max": 1023}


def test_a_feature_is_fixed_when_it_is_not_the_hardwares_or_may_not_change(monkeypatch):
    def bitset(**bits):
        return {"bits": {"bit": [{"name": name.replace("_", "-"), **({"value": True} if on else {})}
                                 for name, on in bits.items()]}}

    told = {"hw": bitset(rx_gro=True, rx_lro=False, highdma=True, tx_checksum_ipv4=True, **{"": False}),
            "active": bitset(rx_gro=True, highdma=True, tx_checksum_ipv4=True), "nochange": bitset(highdma=True)}
    nic = Ethtool("eth1")
    monkeypatch.setattr(nic, "ask", lambda command, attrs=None: told)
    assert nic.get_features() == {"generic-receive-offload": True, "large-receive-offload": False, "highdma": True,
                                  "tx-checksum-ipv4": True, "tx-checksumming": True}
    assert set(nic.fixed_features()) == {"highdma", "large-receive-offload"}
    with pytest.raises(OSError, match="fixed"):
        nic.set_feature("lro", True)


def test_a_flag_and_a_nest_of_many_go_there_and_back():
    values = {"wanted": {"bits": {"bit": [{"name": "rx-gro", "value": True}, {"name": "rx-lro"}]}}}
    octets = generic(32, 0, 1, 0, 12, encode("features", values, ETHTOOL_SETS))
    assert decode("features", octets, HEADERS, sets=ETHTOOL_SETS) == values
    assert encode("bit", {"value": True}, ETHTOOL_SETS) == struct.pack("=HH", 4, 3)
