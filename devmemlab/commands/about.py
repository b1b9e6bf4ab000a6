"""``dml.about()``: what runs here, on what, and what this machine can do.

Law.   Every line is found out now, on this machine; nothing is remembered or guessed.
Reads. /proc/cpuinfo, /proc/self/status, /dev/net/tun.
Omits. The network card and the kernel's readiness for devmem: that is another command's question.
"""

import functools
import html
import importlib.metadata
import os
import pathlib
import platform
import shutil
import subprocess
from typing import NamedTuple

import click

from devmemlab import __version__
from devmemlab.base.kernel import cache_directory
from devmemlab.base.units import format_size
from devmemlab.commands.output import json_option, show, write_json

CAP_NET_ADMIN = 12
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class About(NamedTuple):
    """Facts about this process and machine.

    facts : tuple of (str, object)
        Name and value, in a fixed order; sizes in bytes.
    """

    facts: tuple

    def as_dict(self):
        """Spell the facts as the ``machine`` object of the JSON results.

        Returns
        -------
        facts : dict
            Strings and numbers.
        """
        return dict(self.facts)

    def __repr__(self):
        width = max(len(name) for name, _ in self.facts)
        return "\n".join(f"{name:{width}}  {_spell(name, value)}" for name, value in self.facts)

    def _repr_html_(self):
        rows = "".join(f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
                       f"<td style='text-align:left'>{html.escape(_spell(name, value))}</td></tr>" for name, value in self.facts)
        return f"<table>{rows}</table>"


def _spell(name, value):
    """Spell one value for a person.

    Parameters
    ----------
    name : str
        Fact name.
    value : object
        Its value.

    Returns
    -------
    text : str
        Sizes in binary units, the rest as it is.
    """
    if name.endswith("_bytes") and value:
        return format_size(value)
    return str(value)


def processor():
    """Name the processor.

    Returns
    -------
    name : str
        As the system calls it.
    """
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cores():
    """Count the cores that this process may use.

    Returns
    -------
    count : int
        At least 1.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def tap_possible():
    """Tell whether a TAP device could be made here, without making one.

    Returns
    -------
    possible : bool
        True as ourselves, or inside a user namespace of our own.
    why : str
        The reason, either way.
    """
    if platform.system() != "Linux":
        return False, "TAP devices are Linux's"
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        return False, f"/dev/net/tun: {error.strerror}"
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:") and int(line.split()[1], 16) >> CAP_NET_ADMIN & 1:
            return True, "this process has CAP_NET_ADMIN"
    if shutil.which("unshare") is None:
        return False, "no CAP_NET_ADMIN, and no unshare command to make a user namespace with"
    tried = subprocess.run(["unshare", "--user", "--map-root-user", "--net", "true"], capture_output=True, text=True)
    if tried.returncode == 0:
        return True, "in a user namespace"
    return False, "no CAP_NET_ADMIN, and user namespaces are refused"


def chromium():
    """Find a Chromium to test the notebooks with.

    Returns
    -------
    path : str or None
        ``DEVMEMLAB_CHROMIUM`` when it is set, else the first that the path knows.
    """
    chosen = os.environ.get("DEVMEMLAB_CHROMIUM")
    if chosen:
        return chosen if pathlib.Path(chosen).is_file() else None
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def _version(distribution):
    """Look a version up.

    Parameters
    ----------
    distribution : str
        A distribution's name.

    Returns
    -------
    version : str
        ``"not installed"`` when it is not.
    """
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def about():
    """Describe this process and machine.

    Returns
    -------
    about : About
        Prints as a table; ``about().as_dict()`` for programs.
    """
    from numba import config

    try:
        from devmemlab.mem.region import memory
        address_space = int(memory().nbytes)
    except ImportError:
        address_space = 0
    possible, why = tap_possible()
    return About((
        ("devmemlab", __version__),
        ("python", platform.python_version()),
        *((name, _version(name)) for name in ("numba", "llvmlite", "numpy", "jupyterlab")),
        ("jit", "off (NUMBA_DISABLE_JIT)" if config.DISABLE_JIT else "on, bounds checked" if config.BOUNDSCHECK else "on"),
        ("kernel_cache", str(cache_directory() or "none: kernels are compiled for this process only")),
        ("processor", processor()),
        ("cores", cores()),
        ("platform", f"{platform.system()} {platform.machine()}"),
        ("kernel_release", platform.release()),
        ("address_space_bytes", address_space),
        ("tap", f"{'yes' if possible else 'no'}: {why}"),
        ("chromium", chromium() or "not found"),
    ))


@click.command()
@json_option
def command(json_path):
    """Versions, processor, cache and what this machine can do."""
    found = about()
    show(repr(found), json_path)
    write_json(json_path, found.as_dict())
