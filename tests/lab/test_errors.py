"""The page of errors: every line is provoked by a real call on the lab, and said by the section that it names."""

import pathlib
import re

import pytest

import devmemlab as dml
from devmemlab.host.sockopt import setsockopt_fd
from devmemlab.lab.error_page import Errors, errors_page, explain_errno
from devmemlab.lab.error_words import BIND, GIVE, LINES, RECV, SEND
from devmemlab.lab.faults.job import IFNAME, QUEUE, Job
from devmemlab.lab.senders import SendPair
from devmemlab.mem.page_pool import page_pool_alloc_netmems

SPEC = pathlib.Path(dml.__file__).parents[2] / "shared" / "spec" / "kernel-semantics.md"


def binding(job=None, **options):
    """Bind on a fresh machine, and raise what is refused."""
    job = (job or Job()).prepare(**{k: options.pop(k) for k in ("split", "thresh") if k in options}).bind(**options)
    if job.refused:
        raise job.refused
    return job


def asked(name, attrs):
    """Ask netdev of a machine with one NIC."""
    return Job().receiver.netlink("netdev").do(name, attrs)


def received(**attributes):
    """Let some payload wait in device memory, then call recvmsg."""
    job = binding().call()
    job.reading = False
    job.go(1)
    change = attributes.pop("change", None)
    if change:
        change(job)
    return job.conn.recvmsg(100_000, attributes.get("control", 400), attributes.get("flags", dml.MSG_SOCK_DEVMEM))


def mixed(job):
    """Put a page where a net_iov was, as a card with two kinds of buffers in a queue would."""
    mem, pool = job.receiver.mem, job.receiver.rxqs.ctl[0].pool
    job.receiver.skbs.frag[job.conn._row.rcvq_head, 0].netmem = page_pool_alloc_netmems(
        mem.pools, mem.netmems, mem.providers, None, pool)


def no_tokens(job):
    pool = job.receiver.tokens.pool[0]
    pool.limit = pool.watermark


def reset(job):
    """End the sender without reading what it was sent, which is a reset."""
    job.conn.send(b"x" * 100)
    job.lab.run(until_ns=job.lab.clock.now_ns + 10**6)
    job.client.close()
    job.lab.run(until_ns=job.lab.clock.now_ns + 10**6)
    while True:
        job.conn.recvmsg(1 << 20, 4000, dml.MSG_SOCK_DEVMEM)


def listening():
    sock = Job().receiver.socket()
    sock.bind(("", 80))
    sock.listen()
    return sock


def gave(value, optlen=None, of=None):
    return (of or binding().call().conn).setsockopt(dml.SOL_SOCKET, dml.SO_DEVMEM_DONTNEED, value, optlen)


def gave_to_netlink():
    job = binding()
    return setsockopt_fd(job.process, job.netlink.fileno(), dml.SOL_SOCKET, dml.SO_DEVMEM_DONTNEED, bytes(8))


def sent(pieces=((0, 100),), change=None, dmabuf_id=None):
    pair = SendPair(mtu=1500)
    if change:
        change(pair)
    return pair.sender.sendmsg_devmem(pair.conn, list(pieces), dmabuf_id or pair.dmabuf_id)


def elsewhere(pair):
    pair.conn._row.nic = pair.sender.add_nic("eth1", ip="10.1.0.1").nic


def full(pair):
    pair.sender.sysctl("net.core.optmem_max", 1)


def many_rules():
    nic = Job().receiver.ethtool(IFNAME)
    for port in range(1, 5000):
        nic.add_rule(flow_type="tcp4", dst_port=port, queue=0)


def ignoring():
    from devmemlab.lab.restart_trial import _ignoring
    job = Job()
    job.receiver.netdev.driver = job.receiver.netdev.driver._replace(mem_alloc=_ignoring)
    return binding(job)


def failing():
    job = Job()
    job.receiver.netdev.fail_next("mem_alloc", queue=QUEUE)
    return binding(job)


def with_xdp():
    job = Job()
    job.receiver.netdev.attach_xdp(multi_buffer=True)
    return binding(job)


def with_xsk():
    job = Job()
    job.receiver.netdev.register_xsk_pool(QUEUE)
    return binding(job)


def mute():
    job = Job()
    job.receiver.sh(f"ip link set {IFNAME} down")
    job.sender.socket().connect((job.receiver.ip, 5201))


def no_netmem_tx():
    job = Job()
    job.receiver.netdev.ctl.netmem_tx = 0
    return job.receiver.netlink("netdev").bind_tx({"ifindex": 2, "fd": job.receiver.export(dml.DeviceMemory("64KiB"))})


def queue_get_of(what):
    job = Job()
    if what == "down":
        job.receiver.sh(f"ip link set {IFNAME} down")
    return job.receiver.netlink("netdev").do("queue-get", {"ifindex": 2, "type": "rx", "id": 0 if what == "down" else 99})


def not_a_memfd():
    kernel = Job().receiver
    return kernel.udmabuf_create([(kernel.socket().fileno(), 0, 4096)])


def not_a_dmabuf():
    job = Job()
    return job.receiver.netlink("netdev").bind_rx({"ifindex": 2, "fd": job.receiver.socket().fileno(),
                                                   "queues": [{"type": "rx", "id": 1}]})


def twice_bound():
    return binding(binding())


def bound_then(action):
    return action(binding().receiver)


def taken_port():
    sock = listening()
    again = sock.host.socket()
    again.bind(("", 80))


def opened():
    process = Job().receiver.process("small", fd_limit=4)
    return [process.socket() for _ in range(2)]


def shut(pair):
    pair.conn.shutdown(1)


CALLS = [
    (BIND, lambda: binding(admin=False)), (BIND, lambda: asked("bind-rx", {"ifindex": 2})),
    (BIND, lambda: asked("bind-rx", {"ifindex": 0, "fd": 3, "queues": [{"type": "rx", "id": 1}]})),
    (BIND, lambda: asked("bind-rx", {"ifindex": 99, "fd": 3, "queues": [{"type": "rx", "id": 1}]})),
    (BIND, lambda: binding(ifname="lo", queue=0)), (BIND, lambda: binding(queue=9)), (BIND, lambda: binding(fd=77)),
    (BIND, not_a_dmabuf), (BIND, lambda: binding(split="off")), (BIND, lambda: binding(thresh=64)), (BIND, with_xdp),
    (BIND, twice_bound), (BIND, with_xsk), (BIND, ignoring), (BIND, failing), ("bind-tx", no_netmem_tx),
    ("bind-tx", lambda: asked("bind-tx", {"ifindex": 2, "fd": 3, "queues": [{"type": "rx", "id": 1}]})),
    ("queue-get", lambda: queue_get_of("down")), ("queue-get", lambda: queue_get_of("99")),
    ("page-pool-get", lambda: asked("page-pool-get", {"id": 99})),
    (RECV, lambda: received(flags=0)), (RECV, lambda: received(control=39)), (RECV, lambda: received(change=mixed)),
    (RECV, lambda: listening().recvmsg(10, 0, dml.MSG_SOCK_DEVMEM)), (RECV, lambda: binding().call().conn.recvmsg(10, 400, 0)),
    (RECV, lambda: received(change=no_tokens)), (RECV, lambda: received(change=reset)),
    (GIVE, lambda: gave(bytes(12))), (GIVE, gave_to_netlink), (GIVE, lambda: gave(None, 8)),
    ("getsockopt(SO_DEVMEM_DONTNEED)", lambda: binding().call().conn.getsockopt(dml.SOL_SOCKET, dml.SO_DEVMEM_DONTNEED)),
    (SEND, lambda: sent(dmabuf_id=77)), (SEND, lambda: sent([(1 << 30, 1)])), (SEND, lambda: sent(change=elsewhere)),
    (SEND, lambda: sent(change=lambda pair: pair.sender.netdev.close())), (SEND, lambda: sent(change=full)),
    (SEND, lambda: sent([(0, 1)] * 1025)), (SEND, lambda: sent(change=shut)),
    ("ethtool", lambda: bound_then(lambda host: host.ethtool(IFNAME).set_rings(tcp_data_split="off"))),
    ("ethtool -L", lambda: bound_then(lambda host: host.ethtool(IFNAME).set_channels(combined=1))),
    ("ethtool", lambda: Job().receiver.ethtool(IFNAME).set_rings(rx_buf_len=8192)),
    ("attach XDP", lambda: bound_then(lambda host: host.netdev.attach_xdp(multi_buffer=True))), ("ethtool -N", many_rules),
    ("udmabuf", lambda: Job().receiver.udmabuf(1000)), ("udmabuf", not_a_memfd),
    ("connect", lambda: Job().sender.socket().connect(("192.0.2.1", 5201))), ("connect", mute),
    ("connect", lambda: Job().sender.socket().connect(("203.0.113.9", 1))), ("bind(2)", taken_port), ("any that opens", opened),
]
BRIEF = {0, 11, 20, 21, 31}
"""Lines that every mode provokes."""
EACH = [pytest.param(line, call, provoke, id=f"{at}-{line.name}", marks=pytest.mark.every_mode if at in BRIEF else ())
        for at, (line, (call, provoke)) in enumerate(zip(LINES, CALLS))]


@pytest.mark.parametrize("line, call, provoke", EACH)
def test_every_line_is_answered_by_a_real_call(line, call, provoke):
    assert line.call == call
    with pytest.raises(OSError) as caught:
        provoke()
    number = caught.value.errno
    assert number == line.number and line in explain_errno(caught.value)


def test_every_line_is_provoked_and_complete():
    assert len(CALLS) == len(LINES) and len({(line.call, line.means) for line in LINES}) == len(LINES)
    for line in LINES:
        assert line.name.startswith("E") and line.means and line.do and line.source
    assert {14, 525, 19, 17, 61, 22, 95, 105, 12, 110, 11, 1, 2, 16, 34, 28, 90, 107} <= set(errors_page().numbers)


@pytest.mark.once
@pytest.mark.skipif(not SPEC.exists(), reason="the specification is not beside this checkout")
@pytest.mark.parametrize("line", [line for line in LINES if line.source.startswith("spec")], ids=lambda one: one.name + one.call)
def test_the_specification_says_so(line):
    parts = re.split(r"^#{2,3} ", SPEC.read_text(encoding="utf-8"), flags=re.M)
    named = re.findall(r"\b(\d+\.\d+)\b", line.source)
    said = "".join(part for part in parts if part.split(" ", 1)[0].rstrip(".") in named)
    if "case" in line.source:
        said += "".join(part for part in parts if "case" in line.source and re.search(r"^\d+\. \*\*", part, re.M))
    if named:
        assert line.name in said or str(line.number) in said, named


def test_an_error_is_explained_by_number_by_name_and_by_itself():
    for spelled in (525, -525, "etoosmall", OSError(525, "x")):
        found = explain_errno(spelled)
        assert isinstance(found, Errors) and found.numbers == [525] and "40 octets" in str(found) and "do: " in repr(found)
    assert len(explain_errno(22)) > len(explain_errno(22, "bind-rx")) > 1
    assert all(line.call == BIND for line in errors_page("bind-rx")) and len(errors_page()) == len(LINES)
    table = errors_page().markdown.splitlines()
    assert len(table) == len(LINES) + 2 and all(row.count("|") == 6 for row in table)


def test_what_is_not_there_is_said():
    for number in (5, "ENOSUCH", 0):
        with pytest.raises(ValueError, match="525"):
            explain_errno(number)
    with pytest.raises(ValueError, match="from bind-rx"):
        explain_errno(525, "bind-rx")
    with pytest.raises(ValueError, match="recvmsg"):
        errors_page("nowhere")
