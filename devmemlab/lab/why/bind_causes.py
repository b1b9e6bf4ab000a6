"""Why a bind was refused: its errno, and what the tables say now of each condition that has this errno.

Law.   A refusal is wiped by the bind that succeeds, so what is found here still stands.
Reads. Spec sections 8.3, 9.3, 10.3 and 10.4; Linux net/core/netdev-genl.c for the order of the checks.
Omits. Conditions that have passed between the refusal and the question: then the kernel's own words are the cause.
"""

from devmemlab.base.errno import (
    EBADF,
    EBUSY,
    EEXIST,
    EINVAL,
    ENODEV,
    EOPNOTSUPP,
    EPERM,
    ERANGE,
    name_of,
)
from devmemlab.lab.why.answer import Event, Finding
from devmemlab.nic.hds import HDS_ENABLED


def _invalid(device, refusal, queue):
    """Tell apart what EINVAL can mean.

    Parameters
    ----------
    device : device
        The interface.
    refusal : Refusal
        With errno EINVAL.
    queue : int
        Which was asked for.

    Returns
    -------
    key, cause, fix, state : str, str, str, str
        The state as a person would read it.
    """
    nests = [nest for nest in refusal.told.get("queues", []) if isinstance(nest, dict)]
    if any(nest.get("type") not in ("rx", 0) for nest in nests):
        return "queue-type", "the request names a TX queue; bind-rx takes RX queues", "ask for {'type': 'rx', 'id': ...}", \
            f"queues of the request: {nests}"
    if queue >= device.real_num_rx_queues:
        return "no-such-queue", f"there is no queue {queue}: {device.name} has {device.real_num_rx_queues} RX queues", \
            f"bind a queue below {device.real_num_rx_queues}, or ethtool -L {device.name} combined {queue + 1}", \
            f"ethtool -l: {device.real_num_rx_queues} RX queues"
    if device.hds != HDS_ENABLED:
        return "split-off", "header split is off, so headers would land in memory that the kernel cannot read", \
            f"ethtool -G {device.name} tcp-data-split on, then bind again", "ethtool -g: tcp-data-split is not on"
    if device.hds_thresh:
        return "split-threshold", f"hds-thresh is {device.hds_thresh}: shorter payloads would stay with their headers", \
            f"ethtool -G {device.name} hds-thresh 0, then bind again", f"ethtool -g: hds-thresh {device.hds_thresh}"
    return "bad-request", f"the kernel refused the request: {refusal.words}", "see what the kernel said", "nothing else is wrong"


def _holder(host, binding):
    """Say who keeps a binding alive.

    Parameters
    ----------
    host : Host
        Where.
    binding : int
        Row.

    Returns
    -------
    words : str
        Processes that hold its netlink socket.
    """
    owners = [sock for sock in host.genl.socks if binding in sock.bindings]
    named = [("process 1", host.fds), *((f"process {process.pid} ({process.name})", process.fds)
                                        for process in host.processes.values())]
    held = [name for name, table in named if any(thing in owners for thing in table.things.values())]
    return ", ".join(held) or "nobody that is known"


def _taken(host, device, queue):
    """Tell apart what EEXIST can mean; see `_invalid`."""
    if device.xdp is not None:
        return "xdp", f"an XDP program is attached to {device.name}; it could read packets that nobody may read", \
            f"ip link set {device.name} xdp off, then bind again", f"ip link: a {device.xdp} program"
    binding = device.providers.get(queue)
    if binding is None:
        return "was-taken", f"queue {queue} was bound when it was asked for, and is free now", "bind again", \
            "queue-get: no binding"
    holder = _holder(host, binding)
    number = int(host.mem.providers.binding[binding].id)
    return "queue-taken", f"queue {queue} is bound already: binding {number} lives as long as its netlink socket, and that is " \
        f"held by {holder}", f"end {holder}, or bind another queue", f"queue-get: binding {number}"


def explain_refusal(host, device, queue, refusal):
    """Explain one refused bind.

    Parameters
    ----------
    host : Host
        Where.
    device : device
        The interface.
    queue : int
        Which was asked for.
    refusal : Refusal
        From the host's record.

    Returns
    -------
    finding : Finding
        Never over.
    """
    number = refusal.errno
    if number == EINVAL:
        key, cause, fix, state = _invalid(device, refusal, queue)
    elif number == EEXIST:
        key, cause, fix, state = _taken(host, device, queue)
    else:
        key, cause, fix, state = {
            EPERM: ("no-right", "bind-rx is for administrators: the process that opens the netlink socket and the one that uses "
                    "it need CAP_NET_ADMIN", "run it with CAP_NET_ADMIN", "the process is no administrator"),
            EBUSY: ("af-xdp", f"an AF_XDP socket has queue {queue}", "close that socket, or bind another queue",
                    f"queue-get: AF_XDP on queues {sorted(device.xsk_pools)}"),
            EOPNOTSUPP: ("no-queue-management", f"{device.name} cannot restart a single queue, which every bind does",
                         "bind a queue of a NIC whose driver has queue management",
                         f"{device.name}: {getattr(device, 'kind', 'driver without queue operations')}"),
            EBADF: ("fd-closed", f"file descriptor {refusal.told.get('fd')} is not open in this process",
                    "keep the dmabuf open until the bind has answered", "the process has no such descriptor"),
            ENODEV: ("no-such-interface", f"there is no interface {refusal.told.get('ifindex')}", "look its number up again",
                     "dev-get: not there"),
            ERANGE: ("no-such-queue", f"queue {queue} cannot be bound by itself", "bind another queue", "driver"),
        }.get(number, ("bind-refused", f"the kernel refused the bind: {refusal.words}", "see what the kernel said", "no other"))
    answer = f"{refusal.call} answers {number} {name_of(number)}: {refusal.words}"
    return Finding(key, cause, fix, (Event(None, state, "state"), Event(refusal.at_ns, answer, "errno and extack")))


def bind_findings(host, device, queue):
    """Explain the refused binds of a queue.

    Parameters
    ----------
    host : Host
        Where.
    device : device
        The interface.
    queue : int
        Index within it.

    Returns
    -------
    findings : list of Finding
        The latest first.
    """
    return [explain_refusal(host, device, queue, refusal) for refusal in reversed(host.genl.binds.about(device.ifindex, queue))]
