"""A real kernel at the other end: namespaces that come and go, frames that cross."""

import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from devmemlab.host import ports
from devmemlab.host.ports import held
from devmemlab.host.ports.base import monotonic_ns
from devmemlab.lab import record_capture
from devmemlab.lab.record_wire import insist
from devmemlab.lab.stream import stream_digest, stream_octets
from devmemlab.wire.frame import CSUM_UNKNOWN, CSUM_VERIFIED, make_packets, parse_frame, verify_tcp_csum
from devmemlab.wire.tcp import ACK, SYN
from tests.naive.dpkt_streams import streams
from tests.ports.kit import SYN_OPTIONS, ToyReceiver, burst_of, made

pytestmark = pytest.mark.live
KERNEL, LAB = ("10.0.0.1", 0, "02:00:00:00:00:01"), ("10.0.0.2", 5201, "02:00:00:00:00:02")
NEIGHBOURS = {LAB[0]: LAB[2]}
SEND_UDP = """
import socket
s = socket.socket(type=socket.SOCK_DGRAM)
for k in range({}):
    s.sendto(b'datagram %d' % k, ('10.0.0.2', 9))
"""
CLIENT = """
import socket
s = socket.create_connection(('10.0.0.2', 5201), 60)
s.sendall(bytes(range(256)) * 30)
print(s.recv(100).decode())
"""
ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def possible():
    reason = ports.why_not_live()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def ns():
    with ports.Namespace() as namespace:
        yield namespace


def wait_for(port, frames=1, seconds=10):
    """Every frame that arrives until there are so many: (row's csum, at_ns, octets)."""
    found, end = [], time.monotonic() + seconds
    while len(found) < frames:
        ready, _, _ = select.select([port], [], [], max(0, end - time.monotonic()))
        assert ready, f"{len(found)} of {frames} frames arrived in {seconds} s"
        burst = port.recv(monotonic_ns())
        found += [(int(r.csum), int(r.at_ns), burst.octets[r.offset:r.offset + r.length].tobytes()) for r in burst.frame]
    return found


def namespaces_of_processes():
    """Inode of every network namespace that some process is in."""
    found = set()
    for place in pathlib.Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(place.stat().st_ino)
        except OSError:
            continue
    return found


def outside():
    """What must not change: interfaces, named namespaces, namespaces in use."""
    named = pathlib.Path("/run/netns")
    return ({name for _, name in socket.if_nameindex()}, sorted(p.name for p in named.glob("*")) if named.is_dir() else [])


def gone(pid, seconds=5):
    """Tell whether a process ends soon."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_a_namespace_comes_and_goes_without_a_trace():
    before = outside()
    namespace = ports.Namespace()
    inode = os.stat(f"/proc/{namespace.pid}/ns/net").st_ino
    port = namespace.tap()
    sleeper = namespace.popen(["sleep", "1000"])
    assert os.stat(f"/proc/{namespace.pid}/ns/net").st_ino != os.stat("/proc/self/ns/net").st_ino
    assert outside() == before, "nothing appears outside"
    namespace.close()
    namespace.close()
    assert sleeper.wait(5) == -signal.SIGKILL and gone(namespace.pid)
    assert outside() == before and inode not in namespaces_of_processes()
    assert "closed" in repr(namespace)
    for late in (port.recv, port.fileno, namespace.tap, lambda: namespace.popen(["true"])):
        with pytest.raises(ValueError, match="is closed"):
            late()


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "raise SystemExit(3)", "os._exit(4)", "1 / 0"])
def test_it_goes_however_its_maker_ends(end):
    program = ("import os, sys\nfrom devmemlab.host import ports\nns = ports.Namespace(); port = ns.tap()\n"
               "print(ns.pid, ns.popen(['sleep', '1000']).pid, os.stat(f'/proc/{ns.pid}/ns/net').st_ino, flush=True)\n" + end)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=120)
    pid, sleeper, inode = map(int, done.stdout.split())
    assert done.returncode and gone(pid) and gone(sleeper) and inode not in namespaces_of_processes()


def test_datagrams_of_a_program_inside_arrive_as_frames(ns):
    port = ns.tap("lab0", "10.0.0.1/24", mac=KERNEL[2], neighbours=NEIGHBOURS)
    assert port.live and port.mac == KERNEL[2] and port.mtu == 1500 and port.recv() is None
    assert port.offloads["tso"] is False and port.offloads["tx-checksum"] is False and port.offloads["gso"] is True
    before = monotonic_ns()
    assert ns.run([sys.executable, "-c", SEND_UDP.format(300)]).returncode == 0
    frames = wait_for(port, 300)
    for k, (csum, at_ns, octets) in enumerate(frames):
        assert octets[:14].hex() == "020000000002" + "020000000001" + "0800" and octets[42:] == b"datagram %d" % k
        assert csum == CSUM_VERIFIED and before < at_ns <= monotonic_ns()
    assert port.received == 300 and port.recv(5) is None
    assert ns.statistics("lab0")["tx_packets"] == 300 and ns.statistics("lab0")["tx_dropped"] == 0


def test_a_burst_is_limited_and_stamped_with_the_time_of_the_poll(ns):
    port = ns.tap(neighbours=NEIGHBOURS, max_frames=4, csum=CSUM_UNKNOWN)
    ns.run([sys.executable, "-c", SEND_UDP.format(10)])
    sizes = []
    while (burst := port.recv(77)) is not None:
        sizes.append(len(burst.frame))
        assert (burst.frame.at_ns == 77).all() and (burst.frame.csum == CSUM_UNKNOWN).all()
        assert (burst.frame.offset % 64 == 0).all() and (burst.frame.wire_length == burst.frame.length).all()
    assert sizes == [4, 4, 2]


@pytest.mark.skipif(not shutil.which("ip"), reason="no ip command here: apt-get install iproute2")
def test_ipv6_is_there_at_once_and_the_wire_stays_quiet(ns):
    port = ns.tap("lab0", ["10.0.0.1/24", "fd00::1"], neighbours={**NEIGHBOURS, "fd00::2": LAB[2]})
    shown = ns.run(["ip", "addr", "show", "dev", "lab0"]).stdout
    assert "inet6 fd00::1/64 scope global" in shown and "tentative" not in shown and "fe80" not in shown
    assert f"fd00::2 lladdr {LAB[2]} PERMANENT" in ns.run(["ip", "-6", "neigh", "show", "dev", "lab0"]).stdout
    assert f"10.0.0.2 lladdr {LAB[2]} PERMANENT" in ns.run(["ip", "-4", "neigh", "show", "dev", "lab0"]).stdout
    # Reports, router and duplicate-address questions would come within a second.
    time.sleep(1.2)
    assert port.recv() is None and port.address == "10.0.0.1"
    for ip, kind in (("10.0.0.2", "0800"), ("fd00::2", "86dd")):
        ns.run([sys.executable, "-c", SEND_UDP.format(2).replace("10.0.0.2", ip).replace("socket(", "socket(family=" + (
            "10, " if ":" in ip else "2, "))], check=True)
        for _, _, octets in wait_for(port, 2):
            assert octets[:6].hex(":") == LAB[2] and octets[12:14].hex() == kind


def test_without_an_ipv6_address_there_is_no_ipv6(ns):
    port = ns.tap("lab0", "10.0.0.1/24")
    assert ns.sysctl("net.ipv6.conf.lab0.disable_ipv6") == "1" and port.recv() is None


PING = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
s.settimeout(60)
s.sendto(bytes.fromhex('0800f7ff00000000'), ('10.0.0.2', 0))
print(s.recv(100)[20:].hex())
"""


def test_a_ping_is_seen_and_its_answer_arrives(ns):
    port = ns.tap(neighbours=NEIGHBOURS)
    ping = ns.popen([sys.executable, "-c", PING], stdout=subprocess.PIPE, text=True)
    octets = bytearray(wait_for(port)[0][2])
    assert octets[23] == 1 and octets[34:].hex() == "0800f7ff00000000", "ICMP echo request"
    octets[0:12] = octets[6:12] + octets[0:6]
    octets[26:34] = octets[30:34] + octets[26:30]
    octets[34:38] = bytes.fromhex("0000ffff")
    port.send(0, burst_of(bytes(octets)))
    assert ping.communicate(timeout=60)[0] == "0000ffff00000000\n"


def test_a_handshake_with_the_real_kernel_and_a_whole_segment(ns):
    port = ns.tap("lab0", "10.0.0.1/24", mac=KERNEL[2], neighbours=NEIGHBOURS, mtu=9000)
    def parsed(octets):
        pkt = make_packets()[0]
        arena = burst_of(octets).octets
        assert parse_frame(arena, 0, len(octets), pkt) == 0 and verify_tcp_csum(arena, 0, pkt), "a real checksum"
        return pkt

    answer = {**SYN_OPTIONS, "opt_mss": 8960}
    parsed(made(LAB, KERNEL, seq=1, tcp_flags=SYN, **answer))      # compiled before the kernel's patience is tried
    client = ns.popen([sys.executable, "-c", CLIENT], stdout=subprocess.PIPE, text=True)
    syn = parsed(wait_for(port)[0][2])
    assert syn.tcp_flags & 0x17 == SYN and syn.opt_mss == 8960
    kernel = (KERNEL[0], int(syn.sport), KERNEL[2])
    port.send(0, burst_of(made(LAB, kernel, seq=1000, ack_seq=syn.seq + 1, tcp_flags=SYN | ACK, window=65535, **answer)))
    payload, nxt, longest = b"", (syn.seq + 1) & 0xFFFFFFFF, 0
    while len(payload) < 256 * 30:
        for _, _, octets in wait_for(port):
            pkt = parsed(octets)
            longest = max(longest, len(octets))
            if pkt.payload_bytes and pkt.seq == nxt:
                payload += octets[pkt.payload_at:]
                nxt = (nxt + pkt.payload_bytes) & 0xFFFFFFFF
    assert payload == bytes(range(256)) * 30 and longest > 1514
    port.send(0, burst_of(made(LAB, kernel, b"thank you", seq=1001, ack_seq=nxt, tcp_flags=ACK, window=1000)))
    assert client.communicate(timeout=10)[0] == "thank you\n"
    assert port.sent == 2 and port.refused == 0
    port.close()


def test_what_the_kernel_cannot_take_is_counted_and_a_lost_device_is_an_error(ns):
    port = ns.tap(neighbours=NEIGHBOURS)
    port.send(0, burst_of(b"", b"\1" * 60))
    assert (port.sent, port.refused) == (1, 1)
    with os.fdopen(os.dup(port.fileno()), "rb", buffering=0):
        if shutil.which("ip"):
            ns.run(["ip", "link", "delete", "lab0"], check=True)
            with pytest.raises(OSError, match="writing TAP device 'lab0'"):
                port.send(0, burst_of(b"\1" * 60))
            with pytest.raises(OSError, match="reading TAP device 'lab0'"):
                port.recv()


def test_programs_inside(ns):
    assert ns.run(["cat"], input="through").stdout == "through"
    assert ns.run(["no-such-program"]).returncode == 1 and "No such file" in ns.run(["no-such-program"]).stderr
    with pytest.raises(subprocess.TimeoutExpired):
        ns.run(["sleep", "1000"], timeout=0.2)
    with pytest.raises(subprocess.CalledProcessError):
        ns.run(["false"], check=True)
    assert ns.sysctl("net.ipv4.tcp_sack", 0) == "0" == ns.sysctl("net.ipv4.tcp_sack")
    with pytest.raises(OSError, match="tcp_nonsense"):
        ns.sysctl("net.ipv4.tcp_nonsense")
    assert ns.command("nc", "-l 1").startswith("nsenter ") and ns.command("nc", "-l 1").endswith(" nc '-l 1'")


def test_a_setting_inside_stays_inside(ns):
    here = pathlib.Path("/proc/sys/net/ipv4/tcp_sack").read_text().strip()
    ns.sysctl("net.ipv4.tcp_sack", 1 - int(here))
    assert pathlib.Path("/proc/sys/net/ipv4/tcp_sack").read_text().strip() == here


def test_two_devices_and_names_that_are_taken_or_too_long(ns):
    one, two = ns.tap("lab0", "10.0.0.1/24"), ns.tap("lab1", "10.0.1.1/24", mtu=9000)
    assert one.fileno() != two.fileno() and {"lab0", "lab1"} <= set(ns._ask("", op="statistics")["devices"])
    with pytest.raises(OSError, match="make TAP device 'lab0'"):
        ns.tap("lab0")
    with pytest.raises(OSError, match="lab2"):
        ns.tap("lab2", mtu=100_000)


BY_NAME = """
import sys
from devmemlab.host import ports
for name in sys.argv[1:]:
    try:
        with ports.Tap(name) as port:
            print(port)
    except OSError as problem:
        print(problem.errno, problem)
"""


@pytest.mark.skipif(not shutil.which("ip"), reason="no ip command here: apt-get install iproute2")
def test_a_device_that_is_there_is_opened_by_name(ns):
    ns.run(["ip", "tuntap", "add", "dev", "mine", "mode", "tap"], check=True)
    taken = ns.tap("taken")
    names = ["mine", "theirs", "lo", "a-name-beyond-sense", "taken"]
    done = ns.run([sys.executable, "-c", BY_NAME, *names], cwd=ROOT, timeout=120)
    mine, theirs, lo, nonsense, busy = done.stdout.splitlines()
    assert mine == "Tap('mine', received=0, sent=0)" and "mine" in ns.run(["ip", "link"]).stdout, "it is not ours to remove"
    assert theirs.startswith("19 ") and "sudo ip tuntap add dev theirs mode tap" in theirs
    assert lo.startswith("22 ") and "is not a TAP device" in lo
    assert nonsense.startswith("22 ") and "1 to 15 octets" in nonsense
    assert busy.startswith("16 ") and "in use by another program" in busy and taken.recv() is None


needs_setpriv = pytest.mark.skipif(not (shutil.which("setpriv") and shutil.which("unshare")),
                                   reason="no setpriv here: apt-get install util-linux")
WITHOUT = """
from devmemlab.host import ports
try:
    with ports.Namespace() as ns:
        port = ns.tap(neighbours={"10.0.0.2": "02:00:00:00:00:02"})
        ns.run(["true"], check=True)
        print("user" if ns.user else "root", "-U" in ns.command())
except PermissionError as problem:
    print(problem.errno, problem)
"""


@needs_setpriv
def test_without_root_a_user_namespace_does():
    if os.geteuid() == 0:
        prefix = ["setpriv", "--bounding-set=-sys_admin,-net_admin"]
    else:
        prefix = []
    done = subprocess.run([*prefix, sys.executable, "-c", WITHOUT], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.stdout == "user True\n", done.stderr


@needs_setpriv
def test_without_either_the_error_says_what_would_help():
    script = ("echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all "
              f"{sys.executable} -c '{WITHOUT}'")
    done = subprocess.run(["unshare", "--user", "--map-root-user", "sh", "-c", script], capture_output=True, text=True, cwd=ROOT,
                          timeout=120)
    assert done.stdout.startswith("1 ") and "sudo sysctl -w user.max_user_namespaces=15000" in done.stdout, done.stderr
    assert "CAP_NET_ADMIN" in done.stdout and "Traceback" not in done.stderr


def test_reasons_are_told_apart(monkeypatch):
    with pytest.raises(PermissionError, match="make it: a private network needs CAP_SYS_ADMIN"):
        held._fail(1, "unshare", "make it")
    with pytest.raises(FileNotFoundError, match="modprobe tun"):
        held._fail(2, "[Errno 2] No such file or directory: '/dev/net/tun'", "make it")
    monkeypatch.setattr(sys, "platform", "elsewhere")
    for make in (ports.Namespace, lambda: ports.Tap("lab0")):
        with pytest.raises(NotImplementedError, match="replaying a capture works everywhere"):
            make()
    assert "needs Linux" in ports.why_not_live()


@pytest.mark.parametrize("mtu, options", [(1500, {}), (9000, {}), (1500, {"ipv6": True})])
def test_a_real_transfer_is_recorded_and_replayed(mtu, options, tmp_path):
    recording = record_capture.record_clean(mtu=mtu, payload_bytes=100_003, **options)
    path = tmp_path / "transfer.pcap"
    recording.capture.save(path)
    assert recording.stream_sha256 == stream_digest(100_003) and recording.capture.frame.at_ns[0] == 0
    says = dict(record_capture.provenance(recording, path))
    assert says["MTU"] == str(mtu) and f"`{stream_digest(100_003)}`" == says["SHA-256 of the stream"]
    assert ("--ipv6 " in says["command"]) == bool(options) == (recording.capture.packets().ip_version == 6).all()
    if options:
        return                                                      # the toy knows IPv4 only
    toy = ToyReceiver(ports.Pcap(path), window=1000, wscale=7)
    toy.run()
    assert bytes(toy.got) == stream_octets(100_003).tobytes() and toy.port.done


@pytest.mark.once
def test_harm_is_recorded_where_it_is_asked_for(tmp_path):
    recording = record_capture.record_clean(payload_bytes=200_003, loss=0.04, reorder=0.05, delay_us=100, seed=3)
    path = tmp_path / "harmed.pcap"
    recording.capture.save(path)
    says = dict(record_capture.provenance(recording, path))
    assert "--loss 0.04 --reorder 0.05 --delay-us 100 --seed 3 data/harmed.pcap" in says["command"]
    lost, late = map(int, re.search(r"(\d+) lost, (\d+) twice", says["harm"]).groups())
    assert lost == recording.counters["lost"] > 0 and late == recording.counters["reordered"] > 0
    found = {key: connections for key, connections in streams(path).items() if connections[0][0]}
    assert list(found.values()) == [[(stream_octets(200_003).tobytes(), 0)]]
    with pytest.raises(record_capture.NotClean, match="octets too many"):
        insist(recording.capture, 200_000, [], [])


def test_the_recorder_says_what_was_wrong(monkeypatch, capsys):
    def fail(mtu, payload_bytes):
        raise record_capture.NotClean("the recording is not clean")

    monkeypatch.setattr(record_capture, "record", fail)
    with pytest.raises(SystemExit, match="record_capture: the recording is not clean"):
        record_capture.main(["nowhere.pcap", "--attempts", "2"])
