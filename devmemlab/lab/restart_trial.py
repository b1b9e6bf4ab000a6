"""A bind that may fail, in traffic: which state it leaves, and what it cost.

Law.   The same fault and the same design give the same trial; every count is read from the machine afterwards.
Reads. Spec section 8.2 (the state machine); devmemlab.net.restart and faults.
Omits. Time that a real card needs to stop a queue: it is chosen.
"""

from typing import NamedTuple

from devmemlab.base.trace import FRAME_IN, NIC_DROP
from devmemlab.host.netlink import NetlinkError
from devmemlab.lab.scenes_control import OURS, Flow, bind, card, frame, queue_memory
from devmemlab.net.faults import Faults
from devmemlab.net.queue_ops import mem_alloc
from devmemlab.net.restart import Restart
from devmemlab.nic.hds import HDS_DISABLED

QUEUES, QUEUE, RING, RESTART_NS = 4, 2, 64, 5_000_000
EACH, EVERY_NS = 8, 1_000_000
FAILS = {
    "nothing": "nothing fails",
    "blob": "memory for the restart itself",
    "mem_alloc": "mem_alloc: rings and pool",
    "check": "the driver ignores the provider",
    "stop": "stop of the old queue",
    "start": "start of the new queue",
    "start twice": "start of the new, then of the old",
}
"""What can be chosen to fail, and in words."""


class Call(NamedTuple):
    """One thing that the kernel did.

    what, queue : str, int
        A driver operation, or ``"check"`` and ``"blob"``, which are the core's own; and for which queue.
    memory : str
        ``"new"`` or ``"old"``: which memory it was about; an empty text where that is clear or nothing was had.
    errno : int
        How it ended; 0 is well.
    at_ns : int
        When, since the bind was asked for.
    """

    what: str
    queue: int
    memory: str
    errno: int
    at_ns: int = 0


class Arrival(NamedTuple):
    """A packet that came to the card.

    at_ns, queue : int
        When, since the bind was asked for; and for which queue.
    taken : bool
        False: nobody took it.
    """

    at_ns: int
    queue: int
    taken: bool


class Trial(NamedTuple):
    """What came of one bind.

    fails, design : str
        What was chosen.
    errno : int
        0, or what the program was told.
    msg : str
        The kernel's sentence, or an empty text.
    calls : list of Call
        What the kernel did, in order.
    before, after : list of str
        From `devmemlab.lab.scenes_control.queue_memory`.
    got : list of int
        Packets that each queue took.
    sent : int
        Packets that came for each queue.
    cost : RestartCost or None
        None when no queue was stopped.
    log : list of str
        What the kernel wrote to its log.
    arrivals : tuple of Arrival
        Every packet, in order.
    begin_ns, until_ns : int
        When the bind was asked for, and how much later the trial ended.
    """

    fails: str
    design: str
    errno: int
    msg: str
    calls: list
    before: list
    after: list
    got: list
    sent: int
    cost: object
    log: list
    arrivals: tuple = ()
    begin_ns: int = 0
    until_ns: int = 0


def _ignoring(netdev, queue, config):
    """Build a pool of pages whatever provider is stored: a driver that has not been taught."""
    return mem_alloc(netdev, queue, config._replace(hds=HDS_DISABLED))


def _listen(netdev):
    """Write down what the kernel calls from now on; gives the list, which grows."""
    calls, made, own, begin_ns = [], set(), netdev.driver, netdev.clock.now_ns

    def tell(what, queue, blob=None, number=0):
        calls.append(Call(what, queue, "" if blob is None else "new" if blob.pool in made else "old", number,
                          netdev.clock.now_ns - begin_ns))

    def alloc(netdev, queue, config):
        blob = own.mem_alloc(netdev, queue, config)
        made.add(blob.pool)
        tell("mem_alloc", queue, blob)
        return blob

    def free(netdev, blob):
        tell("mem_free", int(netdev.mem.pools.ctl[blob.pool].queue), blob)
        own.mem_free(netdev, blob)

    def stop(netdev, queue):
        blob = own.stop(netdev, queue)
        tell("stop", queue, blob)
        return blob

    def start(netdev, queue, blob):
        own.start(netdev, queue, blob)
        tell("start", queue, blob)

    def operate(step, queue, *args):
        try:
            return Restart.operate(netdev, step, queue, *args)
        except OSError as no:
            tell(step, queue, args[0] if step == "start" else None, no.errno)
            raise

    def fault(step, queue):
        try:
            Faults.check(netdev.faults, step, queue)
        except OSError as no:
            if step == "blob":
                tell(step, queue, number=no.errno)
            raise

    def check(queue):
        number = 0
        try:
            Restart.check_provider(netdev, queue)
        except OSError as no:
            number = no.errno
            raise
        finally:
            tell("check", queue, number=number)

    netdev.driver = own._replace(mem_alloc=alloc, mem_free=free, stop=stop, start=start)
    netdev.operate, netdev.faults.check, netdev.check_provider = operate, fault, check
    return calls


def _order(netdev, fails):
    """Order what shall fail."""
    if fails == "check":
        netdev.driver = netdev.driver._replace(mem_alloc=_ignoring)
    elif fails != "nothing":
        netdev.fail_next(fails.split()[0], times=2 if fails == "start twice" else 1, queue=QUEUE)


def _arrivals(trace, start_ns):
    """Tell of every packet whether it was taken.

    Parameters
    ----------
    trace : Trace
        Of the card.
    start_ns : int
        When the bind was asked for.

    Returns
    -------
    arrivals : tuple of Arrival
        They were put on the wire queue by queue, so that is their order within each millisecond.
    """
    found = []
    for row in trace.event[: int(trace.ctl[0].count)]:
        if row.kind == FRAME_IN:
            found.append(Arrival(int(row.at_ns) - start_ns, len(found) % QUEUES, True))
        elif row.kind == NIC_DROP:
            found[-1] = found[-1]._replace(taken=False)
    return tuple(found)


def restart_trial(fails="nothing", design="queue", restart_ns=RESTART_NS):
    """Bind queue 2 of 4 while a packet comes for every queue each millisecond.

    Parameters
    ----------
    fails : str
        One of `FAILS`.
    design : {"queue", "device"}
        What a bind restarts.
    restart_ns : int
        Modelled time for which queues stand still.

    Returns
    -------
    trial : Trial
        The machine is gone.

    Raises
    ------
    ValueError
        Nothing of that name can fail.
    """
    if fails not in FAILS:
        raise ValueError(f"{fails!r} cannot fail; choose one of {', '.join(map(repr, FAILS))}")
    made = card(QUEUES, restart=design, restart_ns=restart_ns, rx_ring=RING)
    host, netdev, face = made.host, made.host.netdev, made.host.ethtool("eth1")
    face.set_rings(tcp_data_split="on", hds_thresh=0)
    start_ns, rows = made.lab.clock.now_ns, [netdev.row_of(queue) for queue in range(QUEUES)]
    for queue in range(QUEUES):
        face.add_rule("tcp4", queue=queue, dst_port=7000 + queue)
        for turn in range(EACH):
            octets = frame(host, Flow("198.51.100.1", 40000, OURS, 7000 + queue))
            made.port.inject(octets, at_ns=start_ns + EVERY_NS // 2 + turn * EVERY_NS)
    before, had = queue_memory(host), [int(host.rxqs.ctl[row].rx_packets) for row in rows]
    netdev.costs.clear()
    _order(netdev, fails)
    calls, number, msg = _listen(netdev), 0, ""
    try:
        bind(host, QUEUE)
    except NetlinkError as no:
        number, msg = no.errno, no.extack.msg or ""
    made.lab.run(until_ns=start_ns + (EACH + 2) * EVERY_NS)
    got = [int(host.rxqs.ctl[row].rx_packets) - was for row, was in zip(rows, had)]
    trial = Trial(fails, design, number, msg, list(calls), before, queue_memory(host), got, EACH,
                  netdev.costs[-1] if netdev.costs else None, [line for line in host.mem.log if "WARNING" in line],
                  _arrivals(host.trace, start_ns), start_ns, (EACH + 2) * EVERY_NS)
    made.lab.close()
    return trial
