"""What is hashed: the fields of each kind of flow, and the transform that makes both directions one.

Law.   Under a symmetric transform both directions of a field are hashed, or neither.
Reads. Linux net/ethtool/common.c and ioctl.c (ethtool_check_flow_types, rxfh fields); spec section 11.1.
Omits. MAC address, VLAN tag and protocol as hash input; discarding a kind of flow by its hash fields.
"""

from devmemlab.base.errno import EINVAL, EOPNOTSUPP, error
from devmemlab.nic.steer_tables import (
    RXH_ADDRESSES,
    RXH_IP_DST,
    RXH_IP_SRC,
    RXH_L4_DST,
    RXH_L4_SRC,
    RXH_PORTS,
    TRANSFORMS,
)

LETTERS = {"s": RXH_IP_SRC, "d": RXH_IP_DST, "f": RXH_L4_SRC, "n": RXH_L4_DST}
FLOWS = ("tcp4", "udp4", "tcp6", "udp6")


def set_fields(nics, row, flow, letters):
    """Choose the fields that a kind of flow is hashed by.

    Parameters
    ----------
    nics : Nics
        Tables.
    row : int
        Row of the context.
    flow : {"tcp4", "udp4", "tcp6", "udp6"}
        Kind of flow.
    letters : str
        Some of ``s`` and ``d`` (addresses), ``f`` and ``n`` (ports).

    Raises
    ------
    OSError
        EINVAL: unknown flow or field, or one direction only under a symmetric transform.
    """
    if flow not in FLOWS:
        raise error(EINVAL, f"flow type {flow!r}: the hash of {', '.join(FLOWS)} can be configured")
    unknown = set(letters) - set(LETTERS)
    if unknown or not letters:
        raise error(EINVAL, f"hash fields {letters!r}: some of {''.join(LETTERS)} are possible")
    fields = sum(LETTERS[letter] for letter in set(letters))
    if nics.context[row].transform and not symmetric(fields):
        raise error(EINVAL, f"hash fields {letters!r} under a symmetric transform: name both directions, or neither")
    nics.context[row][flow] = fields


def get_fields(nics, row, flow):
    """Tell the fields that a kind of flow is hashed by.

    Parameters
    ----------
    nics : Nics
        Tables.
    row : int
        Row of the context.
    flow : str
        See `set_fields`.

    Returns
    -------
    letters : str
        In the order ``sdfn``.
    """
    if flow not in FLOWS:
        raise error(EINVAL, f"flow type {flow!r}: the hash of {', '.join(FLOWS)} is known")
    return "".join(letter for letter, bit in LETTERS.items() if nics.context[row][flow] & bit)


def symmetric(fields):
    """Tell whether fields come in pairs.

    Parameters
    ----------
    fields : int
        RXH_* bits.

    Returns
    -------
    paired : bool
        True when both directions are hashed, or neither.
    """
    return fields & RXH_ADDRESSES in (0, RXH_ADDRESSES) and fields & RXH_PORTS in (0, RXH_PORTS)


def set_transform(nics, nic, row, name):
    """Choose the input transform of a context.

    Parameters
    ----------
    nics : Nics
        Tables.
    nic : int
        Which NIC.
    row : int
        Row of the context.
    name : {"none", "symmetric-xor", "symmetric-or-xor"}
        ethtool's name.

    Raises
    ------
    OSError
        EINVAL: unknown, or some flow hashes one direction only; EOPNOTSUPP: the device has none.
    """
    if name not in TRANSFORMS:
        raise error(EINVAL, f"input transform {name!r}: {', '.join(TRANSFORMS)} are possible")
    if TRANSFORMS[name] and not nics.ctl[nic].transforms:
        raise error(EOPNOTSUPP, f"input transform {name!r}: this device has no symmetric hash")
    lopsided = [flow for flow in FLOWS if not symmetric(int(nics.context[row][flow]))]
    if TRANSFORMS[name] and lopsided:
        raise error(EINVAL, f"input transform {name!r}: {lopsided[0]} hashes one direction only; set its rx-flow-hash first")
    nics.context[row].transform = TRANSFORMS[name]


def get_transform(nics, row):
    """Tell the input transform of a context.

    Parameters
    ----------
    nics : Nics
        Tables.
    row : int
        Row of the context.

    Returns
    -------
    name : str
        See `set_transform`.
    """
    return next(name for name, number in TRANSFORMS.items() if number == nics.context[row].transform)
