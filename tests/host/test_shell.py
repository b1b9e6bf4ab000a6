"""Command lines: effects as of the methods, words and exit status as of the real tools, and a configuration's round trip."""

import json
import os
import re
import subprocess

import pytest

import devmemlab as dml
from devmemlab.host import ports
from devmemlab.host.shell_rss import change_rss
from tests.scripts.kit import Script

pytestmark = pytest.mark.once


@pytest.fixture
def k():
    with Script(rx_queues=8, rx_ring=64, listen=False) as script:
        yield script.host


@pytest.fixture
def bound():
    with Script(rx_queues=4, rx_ring=64, listen=False, device=True, dmabuf="1MiB") as script:
        yield script.host


def done(k, text):
    """Run what must succeed; returns its output."""
    result = k.sh(text)
    assert (result.returncode, result.stderr, result.error) == (0, "", None), repr(result)
    return result.stdout


@pytest.mark.parametrize("short, long", [("-g", "--show-ring"), ("-l", "--show-channels"), ("-k", "--show-features"),
                                         ("-x", "--show-rxfh-indir"), ("-x", "--show-rxfh"), ("-n", "--show-ntuple"),
                                         ("-n", "-u"),
                                         ("-n", "--show-nfc"), ("-S", "--statistics"), ("-i", "--driver"),
                                         ("-c", "--show-coalesce"), ("-k", "--show-offload")])
def test_long_options(k, short, long):
    assert done(k, f"ethtool {short} eth0") == done(k, f"sudo /usr/sbin/ethtool {long} eth0") != ""


def test_the_recipe(k):
    """Spec 11.3, steps 1 to 3, as typed for ncdevmem."""
    done(k, "ethtool -G eth0 tcp-data-split on hds-thresh 0 && ethtool -X eth0 equal 7\nethtool -K eth0 ntuple on  # rules")
    said = done(k, "ethtool --config-ntuple eth0 flow-type tcp4 dst-ip 10.0.0.2 dst-port 5201 action 7")
    assert said == "Added rule with ID 0\n"
    face = k.ethtool("eth0")
    assert face.get_rings()["tcp_data_split"] == "on" and set(face.get_rxfh_indir()) == set(range(7))
    assert face.get_rules() == [{"location": 0, "flow_type": "tcp4", "dst_ip": "10.0.0.2", "dst_port": 5201, "queue": 7}]
    assert done(k, "ethtool -n eth0 rule 0") == (
        "Filter: 0\n\tRule Type: TCP over IPv4\n\tSrc IP addr: 0.0.0.0 mask: 255.255.255.255\n"
        "\tDest IP addr: 10.0.0.2 mask: 0.0.0.0\n\tTOS: 0x0 mask: 0xff\n\tSrc port: 0 mask: 0xffff\n\tDest port: 5201 mask: 0x0\n"
        "\tAction: Direct to queue 7\n\n")
    assert done(k, "ethtool -n eth0").startswith("8 RX rings available\nTotal 1 rules\n\nFilter: 0\n")
    done(k, "ethtool -N eth0 delete 0")
    assert done(k, "ethtool -n eth0") == "8 RX rings available\nTotal 0 rules\n\n"


def test_tables(k):
    done(k, "ethtool -G eth0 rx 32 tcp-data-split on hds-thresh 100")
    rings = done(k, "ethtool -g eth0")
    assert re.findall(r"^(?:RX|TCP data split|HDS thresh):\s+(\S+)$", rings, re.M) == ["64", "1023", "32", "on", "100"]
    done(k, "ethtool -L eth0 combined 5")
    assert re.findall(r"^Combined:\s+(\d+)$", done(k, "ethtool -l eth0"), re.M)[1] == "5"
    done(k, "ethtool -X eth0 weight 1 0 3")
    table = done(k, "ethtool -x eth0").splitlines()
    assert table[0] == "RX flow hash indirection table for eth0 with 5 RX ring(s):"
    assert table[1] == "    0:  " + "     ".join(["    0", *"0000000"]) and table[16].split() == ["120:"] + ["2"] * 8
    assert table[17:19] == ["RSS hash key:", k.ethtool("eth0").get_rxfh()["key"].hex(":")]
    assert table[19:] == ["RSS hash function:", "    toeplitz: on", "    xor: off", "    crc32: off", "RSS input transformation:",
                          "    symmetric-xor: off", "    symmetric-or-xor: off"]


def test_masks_are_the_other_way_round_on_the_command_line(k):
    done(k, "ethtool -N eth0 flow-type tcp4 src-ip 10.1.0.0 m 0.0.255.255 dst-port 0x1450 m 0xf action -1 loc 9")
    done(k, "ethtool -N eth0 flow-type tcp6 dst-ip fd00::1 dst-ip-mask ::ff src-port 7 queue 3 loc 11")
    assert k.ethtool("eth0").get_rules() == [
        {"location": 9, "flow_type": "tcp4", "src_ip": "10.1.0.0", "src_ip_mask": "255.255.0.0", "dst_port": 0x1450,
         "dst_port_mask": 0xFFF0, "queue": -1},
        {"location": 11, "flow_type": "tcp6", "dst_ip": "fd00::", "src_port": 7, "queue": 3,
         "dst_ip_mask": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00"}]
    shown = done(k, "ethtool -u eth0")
    assert "\tSrc IP addr: 10.1.0.0 mask: 0.0.255.255\n" in shown and "\tDest port: 5200 mask: 0xf\n" in shown
    assert "\tAction: Drop\n" in shown and "\tRule Type: TCP over IPv6\n" in shown
    assert "\tDest IP addr: fd00:: mask: ::ff\n" in shown


def test_contexts_and_hash_fields(k):
    key = ":".join(["aa"] * 40)
    assert done(k, f"ethtool -X eth0 context new start 6 equal 2 hkey {key}") == "New RSS context is 1\n"
    done(k, "ethtool -N eth0 rx-flow-hash tcp4 sd context 1; ethtool -N eth0 rx-flow-hash udp4 sdfn")
    assert done(k, "ethtool -n eth0 rx-flow-hash tcp4 context 1") == (
        "For RSS context 1:\nTCP over IPV4 flows use these fields for computing Hash flow key:\nIP SA\nIP DA\n\n")
    assert "L4 bytes 2 & 3 [TCP/UDP dst port]" in done(k, "ethtool -n eth0 rx-flow-hash udp4")
    assert done(k, "ethtool -N eth0 flow-type tcp4 context 1") == "Added rule with ID 0\n"
    assert "\tAction: Direct to RSS Context 1\n" in done(k, "ethtool -n eth0 rule 0")
    assert key in done(k, "ethtool -x eth0 context 1") and key not in done(k, "ethtool -x eth0")
    busy = k.sh("ethtool -X eth0 context 1 delete")
    assert (busy.returncode, busy.stderr) == (1, "Cannot set RX flow hash configuration: Device or resource busy\n")
    assert "rule 0" in str(busy.error)
    done(k, "ethtool -N eth0 delete 0 && ethtool -X eth0 context 1 delete")
    assert k.ethtool("eth0").get_contexts() == [0]
    done(k, "ethtool -X eth0 xfrm symmetric-or-xor")
    assert "    symmetric-or-xor: on\n" in done(k, "ethtool -x eth0")


def test_links(k):
    done(k, "ip link set dev eth0 mtu 9000 down")
    assert k.nics.ctl[0].mtu == 9000 and not k.netdev.running
    assert "eth0: <BROADCAST,MULTICAST> mtu 9000 qdisc noop state DOWN" in done(k, "ip link show eth0")
    done(k, "ip link set eth0 up")
    assert k.netdev.running and "state UP" in done(k, "ip link show dev eth0") and "1: lo:" in done(k, "ip link")


REFUSED = [
    ("ethtool -G eth0 rx 128", 81, "netlink error: requested ring size exceeds maximum\nnetlink error: Invalid argument\n"),
    ("ethtool -G eth0 foo 1", 1, "ethtool (-G): unknown parameter 'foo'\n"),
    ("ethtool -G eth0 rx", 1, "ethtool (-G): no value for parameter 'rx'\n"),
    ("ethtool -L eth0 combined 100", 1,
     "netlink error: requested channel count exceeds maximum\nnetlink error: Invalid argument\n"),
    ("ethtool -K eth0 nosuch on", 92, "netlink error: bit name not found\nnetlink error: Operation not supported\n"),
    ("ethtool -K eth0 rx maybe", 1, "ethtool (-K): flag 'maybe' for parameter 'rx' is not followed by 'on' or 'off'\n"),
    ("ethtool -K eth0 receive-hashing off", 1, "Could not change any device features\n"),
    ("ethtool -X eth0 equal 9", 1, "Cannot set RX flow hash configuration: Invalid argument\n"),
    ("ethtool -X eth0 hkey aa:bb", 1, "Cannot set RX flow hash configuration: Invalid argument\n"),
    ("ethtool -X eth0 hfunc xor", 1, "Cannot set RX flow hash configuration: Operation not supported\n"),
    ("ethtool -X eth0 equal 2 default", 1, "Equal, weight and default options are mutually exclusive\n"),
    ("ethtool -X eth0 weight 0 0", 1, "At least one weight must be non-zero\n"),
    ("ethtool -N eth0 flow-type tcp4 action 8", 1,
     "rmgr: Cannot insert RX class rule: Invalid argument\nCannot insert classification rule\n"),
    ("ethtool -N eth0 delete 3", 1,
     "rmgr: Cannot delete RX class rule: No such file or directory\nCannot delete classification rule\n"),
    ("ethtool -N eth0 rx-flow-hash tcp4 x", 1, "Cannot change RX network flow hashing options: Invalid argument\n"),
    ("ethtool -C eth0 tx-usecs 1", 1, "netlink error: Operation not supported\n"),
    ("ethtool -g eth9", 1, "netlink error: no device matches name (offset 24)\nnetlink error: No such device\n"),
    ("ip link set nosuch up", 1, 'Cannot find device "nosuch"\n'),
    ("ip link set eth0 mtu 10", 2, "Error: mtu less than device minimum.\n"),
    ("ip link set eth0 mtu 100000", 2, "Error: mtu greater than device maximum.\n"),
    ("ip link set eth0 bogus", 255, 'Error: either "dev" is duplicate, or "bogus" is a garbage.\n'),
    ("ethtool", 1, "ethtool: bad command line argument(s)\nFor more information run ethtool -h\n"),
    ("ls -l", 127, "ls: command not found; there are ethtool, ip, ynl\n"),
]


@pytest.mark.parametrize("text, code, words", REFUSED, ids=[row[0] for row in REFUSED])
def test_refusals_in_the_words_of_the_tools(k, text, code, words):
    before = k.as_commands()
    result = k.sh(text)
    assert (result.returncode, result.stderr) == (code, words) and k.as_commands() == before


def test_turning_the_split_off_while_bound(bound):
    """Golden record devmem-rig/bind-lifecycle on 7.3.4: exit status 81 and these words."""
    result = bound.sh("ethtool -G eth0 tcp-data-split off")
    assert result.returncode == 81 and result.stderr.rstrip("\n") == (
        "netlink error: can't disable tcp-data-split while device has memory provider enabled\nnetlink error: Invalid argument")
    assert "close the netlink socket" in str(result.error) and "exit status 81" in repr(result)


@pytest.mark.parametrize("text", ["ethtool -N eth0 flow-type tcp4 dst-port", "ethtool -N eth0 flow-type tcp4 dst-port xx",
                                  "ethtool -N eth0 flow-type tcp9", "ethtool -N eth0 flow-type tcp4 src-ip fd00::1",
                                  "ethtool -N eth0", "ethtool -x eth0 context", "ethtool -X eth0", "ethtool -X eth0 start 1",
                                  "ethtool -X eth0 hkey xx", "ethtool --nosuch eth0", "ip", "ip route", "ynl --do", "ynl",
                                  "ynl --do bind-rx --json {", "ethtool -g 'eth0", "ethtool -n eth0 bogus"])
def test_wrong_usage_raises_nothing_and_says_something(k, text):
    result = k.sh(text)
    assert result.returncode and result.stderr and result.error is None


def test_and_stops_at_the_first_failure(k):
    result = k.sh("ethtool -G eth0 rx 5 && ethtool -L eth0 combined 2; ethtool -L eth0 combined 3")
    assert result.returncode == 0 and k.ethtool("eth0").get_channels()["combined"] == 3 and result.error.errno == 22
    assert k.sh("ethtool -g eth9 && ethtool -L eth0 combined 2").returncode == 1
    assert k.ethtool("eth0").get_channels()["combined"] == 3


def test_a_binding_made_by_ynl_ends_with_ynl(bound):
    fd = bound.udmabuf("1MiB")
    text = """ynl --family netdev --do bind-rx --json '{"ifindex": 2, "fd": '$FD', "queues": [{"type": "rx", "id": 2}]}'"""
    assert re.fullmatch(r"\{'id': \d+\}\n", done_with(bound, text, FD=fd)) and 2 not in bound.netdev.providers
    failed = bound.sh(text.replace('"id": 2', '"id": 1'), FD=fd)
    assert failed.returncode == 1 and "designated queue already memory provider bound" in failed.stderr


def done_with(k, text, **variables):
    result = k.sh(text, **variables)
    assert result.returncode == 0, repr(result)
    return result.stdout


SETTINGS = """
ethtool -G eth0 rx 16 tcp-data-split on hds-thresh 77
ethtool -L eth0 rx 1 combined 5
ethtool -K eth0 rx off
ethtool -C eth0 rx-usecs 30 rx-frames 8
ip link set eth0 mtu 4096
ethtool -X eth0 start 1 equal 3
ethtool -X eth0 hkey {key} xfrm symmetric-xor
ethtool -N eth0 rx-flow-hash udp6 fn
ethtool -X eth0 context new weight 0 0 5 1
ethtool -X eth0 context new equal 1
ethtool -X eth0 context 2 xfrm none
ethtool -N eth0 rx-flow-hash tcp4 s context 2
ethtool -N eth0 flow-type tcp4 src-ip 10.1.0.0 m 0.0.255.255 dst-port 80 action -1 loc 5
ethtool -N eth0 flow-type udp6 dst-ip fd00::1 context 2 loc 9
ethtool -N eth0 flow-type ip4 action 5
""".format(key=":".join(f"{i:02x}" for i in range(40)))


def everything(k):
    face = k.ethtool("eth0")
    flows = ("tcp4", "udp4", "tcp6", "udp6")
    contexts = {c: (face.get_rxfh(context=c)["indir"], face.get_rxfh(context=c)["key"], face.get_rxfh(context=c)["transform"],
                    [face.get_flow_hash(flow, context=c) for flow in flows]) for c in face.get_contexts()}
    return (face.get_rings(), face.get_channels(), face.get_features(), face.get_coalesce(), contexts, face.get_rules(),
            int(k.nics.ctl[0].mtu), k.netdev.running)


@pytest.mark.parametrize("how", ["fresh", "settings", "any table", "down"])
def test_a_configuration_as_commands_makes_the_same_configuration(k, how):
    if how in ("settings", "down"):
        assert k.sh(SETTINGS).returncode == 0
        assert everything(k) != everything_of_a_fresh_host()
    if how == "any table":
        k.ethtool("eth0").set_rxfh_indir(table=[3, 1, 4, 1, 5, 2, 6, 5])
        k.ethtool("eth0").add_context(table=[7, 0])
    if how == "down":
        k.sh("ip link set eth0 down")
    text = k.as_commands()
    with Script(rx_queues=8, rx_ring=64, listen=False) as other:
        result = other.host.sh(text)
        assert (result.returncode, result.stderr) == (0, ""), repr(result)
        assert everything(other.host) == everything(k)
        assert other.host.as_commands() == text


def everything_of_a_fresh_host():
    with Script(rx_queues=8, rx_ring=64, listen=False) as other:
        return everything(other.host)


def test_a_bound_queue_as_commands(bound):
    text = bound.as_commands()
    assert text.splitlines()[-2].startswith("# A binding lives")
    assert text.splitlines()[-1] == ("""ynl --family netdev --do bind-rx --json '{"ifindex": 2, "fd": '"$DMABUF_FD"', """
                                     """"queues": [{"type": "rx", "id": 1}]}'""")


def test_large_buffers_and_sending_bindings_as_commands():
    """Sizes of buffers and both directions are told; the receiving line makes the same binding again."""
    with Script(rx_queues=4, rx_ring=8, listen=False, split=True, kernel="7.3") as script:
        k, netlink = script.host, script.host.netlink()
        fd = k.export(dml.DeviceMemory("1MiB"))
        queues = [{"type": "rx", "id": 2}, {"type": "rx", "id": 1}]
        netlink.bind_rx({"ifindex": 2, "fd": fd, "queues": queues, "rx-page-size": 16384})
        netlink.bind_tx({"ifindex": 2, "fd": fd})
        receiving, sending = k.as_commands().splitlines()[-2:]
        assert sending == """ynl --family netdev --do bind-tx --json '{"ifindex": 2, "fd": '"$DMABUF_FD"'}'"""
        assert '"rx-page-size": 16384' in receiving
        text = receiving.partition("--json ")[2].replace("""'"$DMABUF_FD"'""", str(fd)).strip("'")
        netlink.close()
        assert "ynl" not in k.as_commands()
        again = k.netlink()
        again.bind_rx(json.loads(text))
        assert k.as_commands().splitlines()[-1] == receiving
        k.audit()


def test_contexts_are_numbered_as_they_will_be(k):
    face = k.ethtool("eth0")
    assert [face.add_context(equal=1, start=i) for i in range(3)] == [1, 2, 3]
    face.add_rule("tcp4", context=3)
    face.delete_context(1)
    text = k.as_commands()
    assert text.count("context new") == 2 and "flow-type tcp4 context 2 loc 0" in text and "context 2 start 2 equal 1" in text


class Recorder:
    """A face that notes what it is asked."""

    def __init__(self):
        self.asked = []

    def __getattr__(self, name):
        return lambda *args, **options: self.asked.append((name, options))


def test_words_of_rss_become_arguments():
    face = Recorder()
    change_rss(face, "context 3 start 2 equal 4 hkey 01:ff".split())
    assert face.asked == [("set_rxfh", {"key": b"\x01\xff", "context": 3}),
                          ("set_rxfh_indir", {"start": 2, "equal": 4, "context": 3})]


# ---- beside the real tools, on devices that a private namespace has

@pytest.fixture
def real():
    """Runs a command in a fresh network namespace with a TAP and a veth pair."""
    reason = ports.why_not_live()
    if reason:
        pytest.skip(reason)
    if not any(os.access(f"{folder}/ethtool", os.X_OK) for folder in ("/usr/sbin", "/sbin", "/usr/bin")):
        pytest.skip("ethtool is not installed")
    make = "ip tuntap add t0 mode tap multi_queue && ip link add v0 type veth peer name v1 && "

    def run(command):
        return subprocess.run(["unshare", "-n", "sh", "-c", make + command], capture_output=True, text=True, timeout=20,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"})

    if run("true").returncode:
        pytest.skip("no network namespace of one's own")
    return run


def labels(text):
    """The skeleton of a table: its lines up to the colon, white space included."""
    return [re.sub(r":.*", ":", line) for line in text.splitlines()[1:]]


@pytest.mark.live
@pytest.mark.parametrize("command", ["ethtool -l {}", "ethtool -c {}", "ethtool -i {}"])
def test_tables_have_the_form_of_the_real_tool(k, real, command):
    theirs = real(command.format("t0"))
    assert theirs.returncode == 0
    assert labels(done(k, command.format("eth0"))) == labels(theirs.stdout)


@pytest.mark.live
def test_values_stand_where_the_real_tool_puts_them(k, real):
    def shape(text):
        return [re.sub(r"(n/a|\d+)$", "", line) for line in text.splitlines()[1:]]

    assert shape(done(k, "ethtool -l eth0")) == shape(real("ethtool -l v0").stdout) == shape(real("ethtool -l t0").stdout)


@pytest.mark.live
def test_features_have_the_names_and_the_order_of_the_real_tool(k, real):
    names = [line.partition(":")[0] for line in real("ethtool -k t0").stdout.splitlines()]
    ours = [line.partition(":")[0] for line in done(k, "ethtool -k eth0").splitlines()[1:]]
    assert [name for name in names if name in ours] == ours


@pytest.mark.live
@pytest.mark.parametrize("command", [
    "ethtool -G {} foo 10", "ethtool -N {} flow-type tcp9 dst-port 5 action 1",
    "ethtool -N {} flow-type tcp4 dst-port xx action 1",
    "ethtool -K {} nosuch on", "ethtool --nosuch {}", "ip link set nosuch up", "ip link set {} mtu x", "ip link set {} bogus",
    "ip link set {} mtu 40", "ethtool -g nosuch"])
def test_wrong_lines_get_the_answer_of_the_real_tool(k, real, command):
    theirs, ours = real(command.format("v0")), k.sh(command.format("eth0"))
    words = re.sub(r" \(offset \d+\)", "", theirs.stderr)
    assert ours.returncode == theirs.returncode
    assert re.sub(r" \(offset \d+\)", "", ours.stderr).splitlines()[:2] == words.splitlines()[:2]


def test_a_lab_as_commands(k):
    assert k.lab.as_commands() == f"# on dut\n{k.as_commands()}"
    assert done(k, k.lab.as_commands()) == ""


def test_the_commands_of_ncdevmem(k):
    """Spec 20.1: the narrow rule first, the wide one when the device knows no such combination; both say ``queue``."""
    k.ethtool("eth0").model_device(combinations=[("dst-ip", "dst-port")])
    done(k, "ethtool -K eth0 ntuple off; ethtool -K eth0 ntuple on; ethtool -X eth0 equal 7")
    narrow = k.sh("ethtool -N eth0 flow-type tcp6 src-ip fd00::1 dst-ip fd00::2 src-port 5201 dst-port 5201 queue 7")
    assert narrow.returncode == 1 and narrow.stderr.startswith("rmgr: Cannot insert RX class rule: Operation not supported\n")
    said = done(k, "ethtool -N eth0 flow-type tcp6 dst-ip fd00::2 dst-port 5201 queue 7")
    assert re.search(r"ID (\d+)", said)[1] == "0" and k.ethtool("eth0").get_rules()[0]["queue"] == 7
    done(k, "ethtool -N eth0 delete 0; ethtool -X eth0 default")
    assert k.ethtool("eth0").get_rules() == [] and not k.ethtool("eth0").get_rxfh()["configured"]


@pytest.mark.live
def test_a_link_is_shown_in_the_form_of_the_real_tool(k, real):
    def shape(text):
        return re.sub(r"[0-9a-f]{2}(:[0-9a-f]{2}){5} brd", "MAC brd", re.sub(r"^\d+: \w+:", "N: NAME:", text))

    done(k, "ip link set eth0 down")
    assert shape(done(k, "ip link show eth0")) == shape(real("ip link show t0").stdout)
