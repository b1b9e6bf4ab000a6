"""RSS contexts: the indirection table and the key of each.

Law.   A table names queues that exist; the hash table of a row always belongs to the key of that row.
Reads. Linux net/ethtool/rss.c, ioctl.c (ethtool_set_rxfh); spec section 11.1.
Omits. Contexts that the driver numbers or stores itself.
"""

import numpy as np

from devmemlab.base.errno import EINVAL, ENOENT, error
from devmemlab.nic.steer_tables import CONTEXT_ROOM, KEY_ROOM, KEY_WORDS
from devmemlab.nic.toeplitz import toeplitz_fill


def context_row(nics, nic, context):
    """Find the row of a context.

    Parameters
    ----------
    nics : Nics
        Tables.
    nic : int
        Which NIC.
    context : int
        Its number.

    Returns
    -------
    row : int
        Row of `context`, `indir` and `hash_table`.

    Raises
    ------
    OSError
        ENOENT when there is none.
    """
    if not 0 <= context < CONTEXT_ROOM or not nics.context[nic * CONTEXT_ROOM + context].active:
        raise error(ENOENT, f"there is no RSS context {context}; there are {context_numbers(nics, nic)}")
    return nic * CONTEXT_ROOM + context


def context_numbers(nics, nic):
    """List the contexts of a NIC.

    Parameters
    ----------
    nics : Nics
        Tables.
    nic : int
        Which NIC.

    Returns
    -------
    numbers : list of int
        0 and those that were added.
    """
    return [i for i in range(CONTEXT_ROOM) if nics.context[nic * CONTEXT_ROOM + i].active]


def read_table(nics, row):
    """Read an indirection table.

    Parameters
    ----------
    nics : Nics
        Tables.
    row : int
        Row of the context.

    Returns
    -------
    table : list of int
        Queue by entry.
    """
    return [int(entry) for entry in nics.indir[row].entry[:nics.context[row].indir_count]]


def write_table(nics, row, table, configured):
    """Fill an indirection table.

    Parameters
    ----------
    nics : Nics
        Tables.
    row : int
        Row of the context.
    table : sequence of int
        Queues; repeated until the table is full.
    configured : bool
        True when a user chose it: it then survives a change of channels, or forbids it.
    """
    count = int(nics.context[row].indir_count)
    nics.indir.entry[row, :count] = np.resize(np.array(table, np.int64), count)
    nics.context[row].configured = int(configured)


def check_table(nics, nic, row, table):
    """Refuse an impossible indirection table.

    Parameters
    ----------
    nics : Nics
        Tables.
    nic : int
        Which NIC.
    row : int
        Row of the context.
    table : sequence of int
        Queue by entry.

    Raises
    ------
    OSError
        EINVAL: the length does not divide that of the device's table, or a queue does not exist.
    """
    count, queues = int(nics.context[row].indir_count), int(nics.ctl[nic].queue_count)
    if not table or count % len(table):
        raise error(EINVAL, f"a table of {len(table)} entries: the length must divide the device's, {count}")
    wrong = next((queue for queue in table if not 0 <= queue < queues), None)
    if wrong is not None:
        raise error(EINVAL, f"a table with queue {wrong}: its queues must be below {queues}")


def read_key(nics, row):
    """Read a key.

    Parameters
    ----------
    nics : Nics
        Tables.
    row : int
        Row of the context.

    Returns
    -------
    key : bytes
        As it was set.
    """
    context = nics.context[row]
    whole = b"".join((int(context[name]) % (1 << 64)).to_bytes(8, "big") for name in KEY_WORDS)
    return whole[:int(context.key_length)]


def effective_key(nics, nic, row):
    """Tell the key as the hardware uses it.

    Parameters
    ----------
    nics : Nics
        Tables.
    nic : int
        Which NIC; one whose ``key_reversed`` is set reads keys from their end.
    row : int
        Row of the context.

    Returns
    -------
    key : bytes
        At least 40 octets.
    """
    key = read_key(nics, row)
    return key[::-1] if nics.ctl[nic].key_reversed else key


def write_key(nics, nic, row, key):
    """Set a key and tabulate its hashes.

    Parameters
    ----------
    nics : Nics
        Tables.
    nic : int
        Which NIC.
    row : int
        Row of the context.
    key : bytes
        Exactly as long as the device's key.

    Raises
    ------
    OSError
        EINVAL for another length.
    """
    wanted = int(nics.ctl[nic].key_bytes)
    if len(key) != wanted:
        raise error(EINVAL, f"a key of {len(key)} octets: this device's key has {wanted}")
    padded = bytes(key).ljust(KEY_ROOM, b"\0")
    for i, name in enumerate(KEY_WORDS):
        nics.context[row][name] = int.from_bytes(padded[8 * i:8 * i + 8], "big", signed=True)
    nics.context[row].key_length = wanted
    toeplitz_fill(nics.hash_table, row, np.frombuffer(bytearray(effective_key(nics, nic, row)), np.uint8))
