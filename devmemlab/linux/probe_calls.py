"""What the running kernel answers when it is asked: the option, the family, a bind that cannot succeed.

Law.   Every question can change nothing: no token is held, and a bind of descriptor -1 ends before a queue is touched.
Reads. spec sections 9.3, 9.4, 15.1; `devmemlab.linux.kernel`, through which everything is asked.
Omits. Kernels of 6.12 to 6.15, which look at the descriptor before the device: there the driver's name decides.
"""

from devmemlab.base.errno import EBADF, ENODEV, ENOENT, ENOPROTOOPT, EOPNOTSUPP, EPERM, name_of
from devmemlab.linux.advice import DRIVERS
from devmemlab.linux.probe import FOUND, MISSING, UNKNOWN, Finding, judged
from devmemlab.linux.probe_kernel import NEWEST_KNOWN

NO_FD = 0xFFFFFFFF
LOCKED = (6, 16)
"""First release that refuses a device before it looks at the descriptor."""


def probe_option(kernel):
    """Ask whether sockets take tokens back.

    Parameters
    ----------
    kernel : Kernel
        Whom to ask.

    Returns
    -------
    finding : Finding
        ``option``.
    """
    try:
        with kernel.socket() as sock:
            freed = kernel.dontneed(sock, [(1, 1)])
    except OSError as problem:
        known = {ENOPROTOOPT: "ENOPROTOOPT: not before 6.12, or without CONFIG_PAGE_POOL"}
        return judged("option", False if problem.errno == ENOPROTOOPT else None,
                      known.get(problem.errno, f"cannot be asked: {problem}"))
    return Finding("option", FOUND, f"setsockopt(SO_DEVMEM_DONTNEED) returns {freed}")


def commands_of_netdev(kernel):
    """Ask which commands the family netdev has.

    Parameters
    ----------
    kernel : Kernel
        Whom to ask.

    Returns
    -------
    commands : set of int
        Numbers.

    Raises
    ------
    OSError
        ENOENT: there is no such family.
    """
    with kernel.netlink("netdev") as netdev:
        return {op["id"] for op in netdev.getfamily()["ops"].values()}


def probe_family(kernel):
    """Ask whether there is a request that binds for receiving.

    Parameters
    ----------
    kernel : Kernel
        Whom to ask.

    Returns
    -------
    finding : Finding
        ``family``.
    """
    try:
        commands = commands_of_netdev(kernel)
    except OSError as problem:
        return judged("family", False if problem.errno == ENOENT else None, f"{problem}")
    names = [name for name, number in (("bind-rx", 13), ("bind-tx", 15), ("queue-create", 16)) if number in commands]
    return judged("family", "bind-rx" in names, f"family netdev with {', '.join(names) or 'no bind-rx'}")


def probe_queues(kernel, ifname, driver, release):
    """Ask whether the queues of an interface can be given other memory.

    Parameters
    ----------
    kernel : Kernel
        Whom to ask.
    ifname, driver : str
        The interface, and the name of its driver; empty when it has none.
    release : tuple of int
        Of the kernel.

    Returns
    -------
    finding : Finding
        ``queues``.
    """
    by_name = f"driver {driver or 'unknown'}"
    try:
        with kernel.netlink("netdev") as netdev:
            netdev.bind_rx({"ifindex": kernel.ifindex(ifname), "fd": NO_FD, "queues": [{"type": "rx", "id": 0}]})
    except OSError as problem:
        number, said = problem.errno, getattr(getattr(problem, "extack", None), "msg", None)
    else:
        return Finding("queues", UNKNOWN, "a bind of no descriptor succeeded, which no kernel should allow")
    if number == EOPNOTSUPP and release >= LOCKED:
        return Finding("queues", MISSING, f"{by_name}: bind-rx answers EOPNOTSUPP{': ' + said if said else ''}", False)
    if driver in DRIVERS:
        asked = "and bind-rx gets as far as the descriptor" if number == EBADF and release >= LOCKED else "by its name"
        return Finding("queues", FOUND, f"{by_name} ({DRIVERS[driver]}), {asked}")
    if number == EBADF and release >= LOCKED:
        return Finding("queues", UNKNOWN, f"{by_name}: bind-rx gets as far as the descriptor; only a bind can tell")
    if number == ENODEV:
        return Finding("queues", MISSING, f"{by_name}: the interface went away")
    if release <= NEWEST_KNOWN:
        return Finding("queues", MISSING, f"{by_name}: not among {', '.join(DRIVERS)}", False)
    asked = "no right to ask" if number == EPERM else name_of(number)
    return Finding("queues", UNKNOWN, f"{by_name}, on a kernel newer than this list; {asked}")


def probe_transmit(kernel, ifname):
    """Ask whether an interface can send from device memory.

    Parameters
    ----------
    kernel : Kernel
        Whom to ask.
    ifname : str
        The interface.

    Returns
    -------
    finding : Finding
        ``transmit``.
    """
    try:
        with kernel.netlink("netdev") as netdev:
            netdev.bind_tx({"ifindex": kernel.ifindex(ifname), "fd": NO_FD})
    except OSError as problem:
        said = getattr(getattr(problem, "extack", None), "msg", None)
        if problem.errno == EBADF:
            return Finding("transmit", FOUND, "bind-tx gets as far as the descriptor")
        if problem.errno == EOPNOTSUPP:
            return Finding("transmit", MISSING, said or "this kernel has no bind-tx", False)
        return Finding("transmit", UNKNOWN, str(problem))
    return Finding("transmit", UNKNOWN, "a bind of no descriptor succeeded, which no kernel should allow")
