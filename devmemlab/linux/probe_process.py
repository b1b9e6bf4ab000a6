"""Who we are: rights, user namespace, container, tools.

Law.   Rights are those of this process now; what sudo would change is not assumed.
Reads. capabilities(7), user_namespaces(7); /proc/self/{status,uid_map}; how container engines mark theirs.
Omits. Security modules and seccomp filters, which can forbid more.
"""

import os
import re

from devmemlab.linux.probe import FOUND, MISSING, UNKNOWN, Finding, Tree, judged

CAPABILITIES = {"net_admin": 12, "sys_admin": 21}
WHOLE_MAP = [0, 0, 4294967295]
MARKS = {"/.dockerenv": "Docker", "/run/.containerenv": "Podman"}


def has_capability(name, tree=None):
    """Tell whether this process has a capability in its user namespace.

    Parameters
    ----------
    name : str
        A key of `CAPABILITIES`.
    tree : Tree, optional
        Where to look.

    Returns
    -------
    has : bool or None
        None when /proc does not tell.
    """
    found = re.search(r"^CapEff:\s*([0-9a-fA-F]+)", (tree or Tree()).text("/proc/self/status") or "", re.M)
    return None if found is None else bool(int(found[1], 16) >> CAPABILITIES[name] & 1)


def in_first_user_namespace(tree):
    """Tell whether this process is in the machine's own user namespace.

    Parameters
    ----------
    tree : Tree
        Where to look.

    Returns
    -------
    first : bool or None
        None when /proc does not tell. A namespace that maps every user to itself cannot be told apart.
    """
    text = tree.text("/proc/self/uid_map")
    return None if not text else [int(word) for word in text.split()] == WHOLE_MAP


def probe_rights(tree):
    """Ask whether this process may bind.

    Parameters
    ----------
    tree : Tree
        Where to look.

    Returns
    -------
    finding : Finding
        ``rights``.
    """
    has, first = has_capability("net_admin", tree), in_first_user_namespace(tree)
    if has is None:
        return Finding("rights", UNKNOWN, "/proc/self/status cannot be read")
    where = {True: "", False: ", but only in a user namespace", None: ", in which user namespace is not told"}[first]
    return judged("rights", has and first is not False, f"{'CAP_NET_ADMIN' if has else 'no CAP_NET_ADMIN'}{where if has else ''}")


def container_of(tree):
    """Name the container that this process is in.

    Parameters
    ----------
    tree : Tree
        Where to look.

    Returns
    -------
    name : str
        Empty when nothing says that it is in one.
    """
    for mark, name in MARKS.items():
        if tree.exists(mark):
            return name
    if tree.exists("/var/run/secrets/kubernetes.io"):
        return "Kubernetes"
    environment = tree.octets("/proc/1/environ") or b""
    found = re.search(rb"(?:^|\0)container=([^\0]*)", environment)
    return found[1].decode("utf-8", "replace") if found else ""


def probe_container(tree):
    """Ask whether a container stands between this process and the machine.

    Parameters
    ----------
    tree : Tree
        Where to look.

    Returns
    -------
    finding : Finding
        ``container``; FOUND means that nothing is in the way.
    """
    name = container_of(tree)
    return judged("container", not name, f"in a container ({name})" if name else "no container is marked here")


def probe_tools(tree, path=None):
    """Ask for the tools that the fixes need.

    Parameters
    ----------
    tree : Tree
        Where to look.
    path : str, optional
        Folders, as in PATH.

    Returns
    -------
    finding : Finding
        ``tools``.
    """
    folders = (os.environ.get("PATH", "") + ":/usr/sbin:/sbin" if path is None else path).split(":")
    lacking = [tool for tool in ("ethtool", "ip") if not any(folder and tree.exists(f"{folder}/{tool}") for folder in folders)]
    return Finding("tools", MISSING if lacking else FOUND, f"no {' and no '.join(lacking)}" if lacking else "ethtool, ip")
