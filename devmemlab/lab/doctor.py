"""The doctor: is this real machine ready for devmem TCP, and what stops you here first?

Law.   Nothing is changed, nothing is guessed; the first missing step is the first that a program would run into.
Reads. interfaces section 1; the probes of `devmemlab.linux`.
Omits. A real bind and a real transfer: `devmemlab ncdevmem --backend linux` is for those.
"""

import sys

from devmemlab.lab.doctor_report import Report, Row
from devmemlab.linux.probe import FOUND, MISSING, UNKNOWN, Finding, Tree, judged
from devmemlab.linux.probe_kernel import (
    probe_config,
    probe_exporter,
    probe_memlock,
    probe_optmem,
    probe_release,
    release_of,
)
from devmemlab.linux.probe_process import probe_container, probe_rights, probe_tools


def examine_machine(kernel, tree):
    """Ask everything that has nothing to do with an interface.

    Parameters
    ----------
    kernel : Kernel
        Whom to ask.
    tree : Tree
        Where to look.

    Returns
    -------
    findings : list of Finding
        In the order in which a program would meet them.
    """
    from devmemlab.linux.probe_calls import probe_family, probe_option

    release, option, family = probe_release(tree), probe_option(kernel), probe_family(kernel)
    if release.state == MISSING and {option.state, family.state} == {FOUND}:
        release = release._replace(state=FOUND, value=f"{release.value}, with devmem TCP ported back")
    return [judged("system", True, f"Linux {release_of(tree)[0]}"), release, probe_config(tree), option, family,
            probe_rights(tree), probe_container(tree), probe_exporter(tree), probe_optmem(tree), probe_memlock(tree),
            probe_tools(tree)]


def examine_interface(kernel, tree, ifname):
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
        In the order in which a program would meet them; one UNKNOWN when the interface went away meanwhile.
    """
    from devmemlab.linux.probe_device import probe_interface, shown
    from devmemlab.linux.probe_pci import probe_acs, probe_distance, probe_iommu

    try:
        findings = probe_interface(kernel, tree, ifname)
    except OSError as problem:
        return [Finding("interface", UNKNOWN, str(problem))]
    if not shown(kernel, tree, ifname):
        elsewhere = "/sys shows another network namespace"
        return [*findings, *(Finding(key, UNKNOWN, elsewhere) for key in ("distance", "iommu", "acs"))]
    return [*findings, probe_distance(tree, ifname), probe_iommu(tree, ifname), probe_acs(tree, ifname)]


def examine(ifname=None, root="/", kernel=None):
    """Examine this machine.

    Parameters
    ----------
    ifname : str, optional
        One interface; all with hardware behind them when left out.
    root : str or path
        Where /proc, /sys and /dev are.
    kernel : Kernel, optional
        Whom to ask; the running one when left out.

    Returns
    -------
    report : Report
        Prints as a table.

    Raises
    ------
    OSError
        ENODEV: there is no such interface.
    """
    if kernel is None:
        if sys.platform != "linux":
            return Report([Row.of(Finding("system", MISSING, sys.platform))])
        from devmemlab.linux.kernel import Kernel
        kernel = Kernel()
    from devmemlab.linux.probe_device import interfaces

    tree = Tree(root)
    if ifname is not None:
        kernel.ifindex(ifname)
    rows = [Row.of(finding) for finding in examine_machine(kernel, tree)]
    names = [ifname] if ifname is not None else interfaces(kernel, tree)
    if not names:
        rows.append(Row.of(Finding("interface", MISSING, "no interface with hardware behind it in this network namespace")))
    for name in names:
        rows += [Row.of(finding, name) for finding in examine_interface(kernel, tree, name)]
    return Report(rows)
