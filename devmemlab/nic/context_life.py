"""RSS contexts come and go; channels and device abilities change what they may be.

Law.   Context 0 always exists; another one lives until it is deleted, and that is refused while a rule uses it.
Reads. Linux net/ethtool/ioctl.c (ethtool_set_rxfh), common.c (ethtool_check_max_channel); spec sections 10.2 and 11.1.
Omits. Contexts that survive a reset of the device.
"""

from devmemlab.base.errno import EBUSY, EINVAL, ENOSPC, EOPNOTSUPP, error
from devmemlab.nic.contexts import context_numbers, context_row, read_key, read_table, write_key, write_table
from devmemlab.nic.steer_tables import ANY_COMBINATION, CONTEXT_ROOM, INDIR_ROOM, KEY_BYTES, KEY_LONGEST, RULE_ROOM
from devmemlab.nic.toeplitz import REFERENCE_KEY

FIELD_BITS = {"src-ip": 1, "dst-ip": 2, "src-port": 4, "dst-port": 8}


def reset_rss(nics, nic, queues, key=REFERENCE_KEY):
    """Give context 0 its default table and a key.

    Parameters
    ----------
    nics : Nics
        Tables.
    nic : int
        Which NIC.
    queues : int
        RX queues to spread over.
    key : bytes
        RSS key; repeated or cut to the device's length.
    """
    row, length = nic * CONTEXT_ROOM, int(nics.ctl[nic].key_bytes)
    write_table(nics, row, range(queues), False)
    write_key(nics, nic, row, (key * 2)[:length])


def add_context(nics, nic):
    """Make an RSS context: default table, the key and the hashed fields of context 0.

    Parameters
    ----------
    nics : Nics
        Tables.
    nic : int
        Which NIC.

    Returns
    -------
    context : int
        Lowest number that is free, 1 or more.

    Raises
    ------
    OSError
        EOPNOTSUPP: the device has context 0 only; ENOSPC: all are in use.
    """
    room = int(nics.ctl[nic].context_max)
    if room < 2:
        raise error(EOPNOTSUPP, "this device has no RSS contexts besides its own")
    free = sorted(set(range(1, room)) - set(context_numbers(nics, nic)))
    if not free:
        raise error(ENOSPC, f"all {room - 1} extra RSS contexts are in use; delete one")
    main, row = nic * CONTEXT_ROOM, nic * CONTEXT_ROOM + free[0]
    nics.context[row] = nics.context[main]
    write_table(nics, row, range(int(nics.ctl[nic].queue_count)), False)
    write_key(nics, nic, row, read_key(nics, main))
    return free[0]


def delete_context(nics, nic, context):
    """Delete an RSS context.

    Parameters
    ----------
    nics : Nics
        Tables.
    nic : int
        Which NIC.
    context : int
        Its number.

    Raises
    ------
    OSError
        EINVAL for context 0, ENOENT when there is none, EBUSY while a rule uses it.
    """
    row = context_row(nics, nic, context)
    if context == 0:
        raise error(EINVAL, "RSS context 0 is the device's own and always exists")
    for location in range(int(nics.ctl[nic].rule_top)):
        rule = nics.rule[nic, location]
        if rule.active and rule.context == context:
            raise error(EBUSY, f"RSS context {context} is used by rule {location}; delete that rule first")
    nics.context[row].active = 0


def highest_queue(nics, nic):
    """Tell the highest queues that tables and rules name.

    Parameters
    ----------
    nics : Nics
        Tables.
    nic : int
        Which NIC.

    Returns
    -------
    table, rule : int
        Highest queue in an indirection table that a user configured, and in a rule; -1 when there is none.
    """
    first = nic * CONTEXT_ROOM
    rows = [first + context for context in context_numbers(nics, nic) if nics.context[first + context].configured]
    rules = nics.rule[nic, :int(nics.ctl[nic].rule_top)]
    named = rules.queue[(rules.active != 0) & (rules.context == 0)]
    return max((max(read_table(nics, row)) for row in rows), default=-1), max((int(queue) for queue in named), default=-1)


def follow_channels(nics, nic, queues):
    """Spread the tables that nobody configured over a new number of queues.

    Parameters
    ----------
    nics : Nics
        Tables.
    nic : int
        Which NIC.
    queues : int
        RX queues from now on.
    """
    for context in context_numbers(nics, nic):
        row = nic * CONTEXT_ROOM + context
        if not nics.context[row].configured:
            write_table(nics, row, range(queues), False)


def model_device(nics, nic, rules=64, table=128, contexts=CONTEXT_ROOM, key_bytes=KEY_BYTES, combinations=None, masks=True,
                 reversed_key=False, hash_init=0, symmetric=True):
    """Make the NIC another model: rules and extra contexts are gone, table and key are the default.

    Parameters
    ----------
    nics : Nics
        Tables.
    nic : int
        Which NIC.
    rules : int
        How many n-tuple rules fit, 0 to 1024.
    table : int
        Entries of an indirection table, 1 to 2048, a power of two or not.
    contexts : int
        RSS contexts, the device's own included, 1 to 16.
    key_bytes : int
        Length of the key, 40 to 60 octets.
    combinations : sequence of sequences of str, optional
        The sets of fields that a rule may name, of ``src-ip``, ``dst-ip``, ``src-port``, ``dst-port``; all when left out.
    masks : bool
        True when rules may compare a part of a field.
    reversed_key : bool
        True for hardware that reads the key from its last octet on.
    hash_init : int
        What the hash starts from, 0 to 2^32 - 1; 0 is the definition.
    symmetric : bool
        True when the device has symmetric transforms.

    Raises
    ------
    OSError
        EINVAL: a number that is out of its range.
    """
    for name, value, low, high in (("rules", rules, 0, RULE_ROOM), ("table", table, 1, INDIR_ROOM),
                                   ("contexts", contexts, 1, CONTEXT_ROOM), ("key_bytes", key_bytes, KEY_BYTES, KEY_LONGEST),
                                   ("hash_init", hash_init, 0, 0xFFFFFFFF)):
        if not low <= value <= high:
            raise error(EINVAL, f"{name}={value}: {low} to {high} is possible")
    chosen = ANY_COMBINATION
    if combinations is not None:
        chosen = 0
        for fields in combinations:
            if set(fields) - set(FIELD_BITS):
                raise error(EINVAL, f"combination {fields!r}: {', '.join(FIELD_BITS)} are possible")
            chosen |= 1 << sum(FIELD_BITS[field] for field in set(fields))
    ctl = nics.ctl[nic]
    nics.rule.active[nic] = 0
    ctl.rule_count = ctl.rule_top = 0
    nics.context.active[nic * CONTEXT_ROOM + 1:(nic + 1) * CONTEXT_ROOM] = 0
    ctl.rule_max, ctl.context_max, ctl.key_bytes, ctl.rule_masks = rules, contexts, key_bytes, int(masks)
    ctl.rule_combinations, ctl.key_reversed, ctl.hash_init, ctl.transforms = chosen, int(reversed_key), hash_init, int(symmetric)
    own = nics.context[nic * CONTEXT_ROOM]
    own.indir_count, own.indir_mask, own.transform = table, table - 1 if table & (table - 1) == 0 else -1, 0
    reset_rss(nics, nic, int(ctl.queue_count))
