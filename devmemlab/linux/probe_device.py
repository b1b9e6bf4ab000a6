"""What an interface is set to: everything that must be right before, or next to, a bind.

Law.   Only requests that read are sent; a setting that cannot be read is unknown, one that the driver lacks is missing.
Reads. spec sections 10 and 11: header split, steering, RSS, channels, XDP.
Omits. Switches between us and the peer; firmware settings that no request tells.
"""

import os

from devmemlab.base.errno import EINVAL, EOPNOTSUPP, EPERM
from devmemlab.linux.probe import FOUND, MISSING, UNKNOWN, Finding, judged
from devmemlab.linux.probe_calls import probe_queues, probe_transmit
from devmemlab.linux.probe_kernel import release_of
from devmemlab.linux.rtnetlink import link_of

PAGE_MTU = 4096 + 20 + 20 + 12
"""A segment of one page over IPv4, with time stamps."""
LACKING = (EOPNOTSUPP, EINVAL)


def shown(kernel, tree, ifname):
    """Tell whether /sys shows the interface that the kernel knows by this name here.

    Parameters
    ----------
    kernel : Kernel
        Whom to ask.
    tree : Tree
        Where to look.
    ifname : str
        The interface.

    Returns
    -------
    same : bool
        False where /sys is that of another network namespace.
    """
    try:
        return tree.number(f"/sys/class/net/{ifname}/ifindex") == kernel.ifindex(ifname)
    except OSError:
        return False


def interfaces(kernel, tree):
    """List the interfaces with hardware behind them.

    Parameters
    ----------
    kernel : Kernel
        Whom to ask.
    tree : Tree
        Where to look.

    Returns
    -------
    names : list of str
        Sorted.
    """
    return [name for name in tree.names("/sys/class/net")
            if tree.exists(f"/sys/class/net/{name}/device") and shown(kernel, tree, name)]


def driver_of(tree, ethtool, ifname):
    """Name the driver of an interface.

    Parameters
    ----------
    tree : Tree
        Where to look.
    ethtool : Ethtool
        Whom to ask first.
    ifname : str
        The interface.

    Returns
    -------
    driver : str
        Empty when nobody tells.
    """
    try:
        return ethtool.get_driver()["driver"]
    except OSError:
        return os.path.basename(tree.real(f"/sys/class/net/{ifname}/device/driver") or "")


def failed(key, problem, lacking="the driver has no such setting"):
    """Make a finding of a refusal.

    Parameters
    ----------
    key : str
        Which question.
    problem : OSError
        The refusal.
    lacking : str
        What it means when the driver does not know the question.

    Returns
    -------
    finding : Finding
        MISSING when the driver does not know the question, else UNKNOWN.
    """
    if problem.errno in LACKING:
        return Finding(key, MISSING, lacking, False)
    return Finding(key, UNKNOWN, "no right to ask" if problem.errno == EPERM else str(problem))


def probe_link(link):
    """Ask whether an interface is up, how long its packets may be, and whether an XDP program is in the way.

    Parameters
    ----------
    link : dict
        From `devmemlab.linux.rtnetlink.link_of`.

    Returns
    -------
    link, mtu, xdp : Finding
        FOUND for ``xdp`` means that there is none.
    """
    program = link["xdp"]
    return (judged("link", link["up"], f"{'up' if link['up'] else 'down'}, link {link['operstate']}"),
            judged("mtu", None if link["mtu"] is None else link["mtu"] >= PAGE_MTU, f"MTU {link['mtu'] or 'unknown'}"),
            judged("xdp", program is None, f"program {program['id']} ({program['mode']})" if program else "no program"))


def probe_channels(ethtool):
    """Ask how many RX queues an interface has.

    Parameters
    ----------
    ethtool : Ethtool
        Of the interface.

    Returns
    -------
    finding, queues : Finding, int
        ``channels``; 0 when it is not known.
    """
    try:
        told = ethtool.get_channels()
    except OSError as problem:
        return failed("channels", problem, "the driver tells no channels: a single queue"), 0
    queues, most = told["rx"] + told["combined"], told["rx_max"] + told["combined_max"]
    return judged("channels", queues > 1, f"{queues} RX queue{'s' * (queues != 1)} of {most}", most > 1), queues


def probe_rings(ethtool):
    """Ask for header split and its threshold.

    Parameters
    ----------
    ethtool : Ethtool
        Of the interface.

    Returns
    -------
    findings : list of Finding
        ``split``, ``thresh``.
    """
    try:
        rings = ethtool.get_rings()
    except OSError as problem:
        return [failed("split", problem, "the driver tells no rings"), failed("thresh", problem, "the driver tells no rings")]
    split, thresh = rings["tcp_data_split"], rings["hds_thresh"]
    if split is None:
        return [Finding("split", MISSING, "the driver cannot split headers", False),
                Finding("thresh", MISSING, "the driver has none", False)]
    told = "tcp-data-split is " + {"on": "on", "off": "off"}.get(split, f"{split}, which a bind does not accept")
    return [judged("split", split == "on", told),
            Finding("thresh", FOUND, "not told: split at 0") if thresh is None else judged("thresh", thresh == 0,
                                                                                           f"hds-thresh is {thresh}")]


def probe_rules(ethtool):
    """Ask for n-tuple rules.

    Parameters
    ----------
    ethtool : Ethtool
        Of the interface.

    Returns
    -------
    finding : Finding
        ``rules``.
    """
    from devmemlab.linux.ethtool_ioctl import rule_places

    try:
        on = ethtool.get_features().get("ntuple-filters")
        if not on:
            fixed = on is None or "ntuple-filters" in ethtool.fixed_features()
            return Finding("rules", MISSING, f"ntuple-filters are off{', and the driver has none' if fixed else ''}", not fixed)
        # A stand-in has its rules at hand; a real interface tells how many it can have by an ioctl only.
        netdev = getattr(ethtool, "netdev", None)
        taken, most = (ethtool.get_rules(), netdev.nics.rule.shape[1]) if netdev else rule_places(ethtool.name)
    except OSError as problem:
        return failed("rules", problem, "the driver has no n-tuple rules")
    return judged("rules", len(taken) < most or not most, f"ntuple-filters are on, {len(taken)} rules of {most or 'some'}")


def probe_rss(ethtool, queues):
    """Ask whether RSS leaves a queue alone.

    Parameters
    ----------
    ethtool : Ethtool
        Of the interface.
    queues : int
        How many RX queues there are.

    Returns
    -------
    finding : Finding
        ``rss``.
    """
    try:
        table = ethtool.get_rxfh_indir()
    except OSError as problem:
        return failed("rss", problem, "the driver has no indirection table")
    if not table:
        return Finding("rss", MISSING, "the driver has no indirection table", False)
    used = set(table)
    free = sorted(set(range(queues)) - used)
    told = f"free: {', '.join(map(str, free))}" if free else "none is free"
    return judged("rss", bool(free), f"{len(table)} entries over {len(used)} of {queues} queues; {told}", queues > 1)


def probe_bindings(kernel, ifname):
    """Ask which queues have a memory provider or an AF_XDP socket.

    Parameters
    ----------
    kernel : Kernel
        Whom to ask.
    ifname : str
        The interface.

    Returns
    -------
    finding : Finding
        ``bindings``; FOUND means that every queue is free.
    """
    try:
        with kernel.netlink("netdev") as netdev:
            rows = netdev.dump("queue-get", {"ifindex": kernel.ifindex(ifname)})
    except OSError as problem:
        return Finding("bindings", UNKNOWN, str(problem))
    kinds = {"dmabuf": "dmabuf {}", "io-uring": "io_uring", "xsk": "AF_XDP"}
    taken = [f"{row['type']} {row['id']}: {text.format(row[kind])}" for row in rows
             for kind, text in kinds.items() if kind in row]
    return judged("bindings", not taken, "; ".join(taken) or f"none on {len(rows)} queues")


def probe_interface(kernel, tree, ifname):
    """Ask everything about an interface.

    Parameters
    ----------
    kernel : Kernel
        Whom to ask.
    tree : Tree
        Where to look.
    ifname : str
        The interface.

    Returns
    -------
    findings : list of Finding
        In the order in which a bind would meet them.
    """
    ethtool = kernel.ethtool(ifname)
    # Who stands in for a kernel has no rtnetlink; a real one is asked by it.
    told = getattr(kernel, "link_facts", None)
    link, mtu, xdp = probe_link(told(ifname) if told else link_of(kernel.ifindex(ifname)))
    channels, queues = probe_channels(ethtool)
    driver = driver_of(tree, ethtool, ifname)
    return [probe_queues(kernel, ifname, driver, release_of(tree)[1]), link, channels, *probe_rings(ethtool), xdp,
            probe_rss(ethtool, queues), probe_rules(ethtool), probe_bindings(kernel, ifname), mtu,
            probe_transmit(kernel, ifname)]
