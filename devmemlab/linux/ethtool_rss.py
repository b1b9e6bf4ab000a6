"""RSS of a real interface: tables, keys, contexts and hashed fields, through the ioctl that every kernel has.

Law.   A change leaves everything else of the context as it is.
Reads. Linux include/uapi/linux/ethtool.h (struct ethtool_rxfh), net/ethtool/ioctl.c; spec section 11.1.
Omits. Listing contexts: the ioctl cannot; get_contexts tells 0 and those that were added here.
"""

import struct

from devmemlab.base.errno import EINVAL, EOPNOTSUPP, error
from devmemlab.linux.ethtool_ioctl import (
    ETHTOOL_GRSSH,
    ETHTOOL_GRXFH,
    ETHTOOL_SRSSH,
    ETHTOOL_SRXFH,
    FLOW_RSS,
    ethtool_ioctl,
    rx_rings,
    rxnfc,
)

NO_CHANGE, CONTEXT_ALLOC = 0xFFFFFFFF, 0xFFFFFFFF
KEEP_TRANSFORM = 0xFF
FUNCTIONS = {1: "toeplitz", 2: "xor", 4: "crc32"}
TRANSFORMS = {0: "none", 1: "symmetric-xor", 2: "symmetric-or-xor"}
FLOW_TYPES = {"tcp4": 1, "udp4": 2, "tcp6": 5, "udp6": 6}
LETTERS = {"s": 0x10, "d": 0x20, "f": 0x40, "n": 0x80}
HEAD = struct.Struct("=IIIIBB2xI")
"""cmd, context, entries, key octets, function, transform."""


def spread(weights, count, start=0):
    """Share the entries of a table out by weight.

    Parameters
    ----------
    weights : sequence of int
        Weight of each queue.
    count : int
        Entries.
    start : int
        First queue.

    Returns
    -------
    table : list of int
        Queue by entry, ascending.
    """
    total = sum(weights)
    if not 0 < total <= count or min(weights) < 0:
        raise error(EINVAL, f"weights {list(weights)}: their sum must be 1 to {count}, the length of the table")
    ends = [sum(weights[:i + 1]) for i in range(len(weights))]
    return [start + next(queue for queue, end in enumerate(ends) if i < count * end // total) for i in range(count)]


class RssFace:
    """The part of `devmemlab.linux.ethtool.Ethtool` about RSS."""

    def _read(self, context=0):
        """Sizes first, then everything: (function, transform, table, key)."""
        sizes = HEAD.unpack_from(ethtool_ioctl(self.name, HEAD.pack(ETHTOOL_GRSSH, context, 0, 0, 0, 0, 0)))
        entries, key_bytes = sizes[2], sizes[3]
        answer = ethtool_ioctl(self.name, HEAD.pack(ETHTOOL_GRSSH, context, entries, key_bytes, 0, 0, 0)
                               + bytes(4 * entries + key_bytes))
        function, transform = HEAD.unpack_from(answer)[4:6]
        table = list(struct.unpack_from(f"={entries}I", answer, HEAD.size))
        return function, transform, table, answer[HEAD.size + 4 * entries:][:key_bytes]

    def _write(self, context, entries=NO_CHANGE, table=(), key=b"", function=0, transform=KEEP_TRANSFORM):
        """Change a context; gives its number."""
        body = struct.pack(f"={len(table)}I", *table) + key
        answer = ethtool_ioctl(self.name, HEAD.pack(ETHTOOL_SRSSH, context, entries, len(key), function, transform, 0) + body)
        return HEAD.unpack_from(answer)[1]

    def _table(self, equal, table, weight, start, context):
        """Spell a table as long as the device's."""
        count = len(self._read(context)[2])
        if not count:
            raise error(EOPNOTSUPP, f"{self.name} has no indirection table")
        if weight is not None:
            return spread(list(weight), count, start)
        if table is not None:
            if count % len(table):
                raise error(EINVAL, f"a table of {len(table)} entries: the device's has {count}, which it must divide")
            return [int(queue) for queue in table] * (count // len(table))
        queues = rx_rings(self.name)
        if equal is None or equal < 1 or start < 0 or start + equal > queues:
            raise error(EINVAL, f"equal {equal} from queue {start}: the queues must be among 0 to {queues - 1}")
        return [start + i % equal for i in range(count)]

    def set_rxfh_indir(self, equal=None, default=False, table=None, weight=None, start=0, context=0):
        """Change an indirection table (``ethtool -X``).

        Parameters
        ----------
        equal : int, optional
            Spread over this many queues.
        default : bool
            Spread over all queues, and forget that a user ever chose a table.
        table : sequence of int, optional
            Queue by entry; repeated until the table is full. An empty one is the default of context 0.
        weight : sequence of int, optional
            Share of each queue.
        start : int
            First queue for `equal` and `weight`.
        context : int
            Which RSS context.

        Raises
        ------
        OSError
            EINVAL for an impossible table, EOPNOTSUPP where there is none, ENOENT for an unknown context.
        """
        if default or (table is not None and not len(table) and context == 0):
            self._write(context, 0)
            return
        chosen = self._table(equal, table, weight, start, context)
        self._write(context, len(chosen), chosen)

    def get_rxfh_indir(self, context=0):
        """Read an indirection table.

        Parameters
        ----------
        context : int
            Which RSS context.

        Returns
        -------
        table : list of int
            Queue by entry.
        """
        return self._read(context)[2]

    def set_rxfh(self, key=None, function=None, transform=None, context=0):
        """Change how is hashed (``ethtool -X ... hkey, hfunc, xfrm``).

        Parameters
        ----------
        key : bytes, optional
            As long as the device's key.
        function : str, optional
            ``"toeplitz"``, ``"xor"``, ``"crc32"``.
        transform : {"none", "symmetric-xor", "symmetric-or-xor"}, optional
            What is done to the input first.
        context : int
            Which RSS context.
        """
        functions, transforms = ({name: number for number, name in names.items()} for names in (FUNCTIONS, TRANSFORMS))
        if function is not None and function not in functions:
            raise error(EOPNOTSUPP, f"hash function {function!r}: {', '.join(functions)} have names")
        if transform is not None and transform not in transforms:
            raise error(EOPNOTSUPP, f"transform {transform!r}: {', '.join(transforms)} have names")
        self._write(context, NO_CHANGE, (), key or b"", functions.get(function, 0), transforms.get(transform, KEEP_TRANSFORM))

    def get_rxfh(self, context=0):
        """Read everything about RSS (``ethtool -x``).

        Parameters
        ----------
        context : int
            Which RSS context.

        Returns
        -------
        rxfh : dict
            ``indir``, ``key``, ``function``, ``transform``, ``configured`` (None: the ioctl does not tell).
        """
        function, transform, table, key = self._read(context)
        return {"indir": table, "key": key, "function": FUNCTIONS.get(function, str(function)),
                "transform": TRANSFORMS.get(transform, str(transform)), "configured": None}

    def get_contexts(self):
        """List the RSS contexts that are known here.

        Returns
        -------
        contexts : list of int
            0 and those that were added through this object.
        """
        return [0, *sorted(self.contexts)]

    def add_context(self, equal=None, table=None, weight=None, start=0, key=None, transform=None):
        """Add an RSS context (``ethtool -X ... context new``).

        Parameters
        ----------
        equal, table, weight, start : int or sequence, optional
            As for `set_rxfh_indir`; the device's default when left out.
        key : bytes, optional
            As long as the device's key.
        transform : str, optional
            As for `set_rxfh`.

        Returns
        -------
        context : int
            Its number.
        """
        chosen = [] if equal is None and table is None and weight is None else self._table(equal, table, weight, start, 0)
        number = {name: number for number, name in TRANSFORMS.items()}.get(transform, KEEP_TRANSFORM)
        context = self._write(CONTEXT_ALLOC, len(chosen) or NO_CHANGE, chosen, key or b"", 0, number)
        self.contexts.add(context)
        return context

    def delete_context(self, context):
        """Delete an RSS context (``ethtool -X ... context N delete``).

        Parameters
        ----------
        context : int
            Its number.
        """
        if context == 0:
            raise error(EINVAL, "context 0 is always there")
        self._write(context, 0)
        self.contexts.discard(context)

    def set_flow_hash(self, flow_type, fields, context=0):
        """Choose the fields that are hashed (``ethtool -N ... rx-flow-hash``).

        Parameters
        ----------
        flow_type : {"tcp4", "udp4", "tcp6", "udp6"}
            Kind of flow.
        fields : str
            Some of ``s`` and ``d`` (addresses), ``f`` and ``n`` (source and destination port).
        context : int
            Which RSS context.
        """
        if flow_type not in FLOW_TYPES or set(fields) - set(LETTERS):
            raise error(EINVAL, f"{flow_type!r}, {fields!r}: {', '.join(FLOW_TYPES)} and some of {''.join(LETTERS)} are possible")
        bits = sum(LETTERS[letter] for letter in set(fields))
        ethtool_ioctl(self.name, rxnfc(ETHTOOL_SRXFH, FLOW_TYPES[flow_type] | (FLOW_RSS if context else 0), bits,
                                       rule_cnt=context))

    def get_flow_hash(self, flow_type, context=0):
        """Tell the fields that are hashed (``ethtool -n ... rx-flow-hash``).

        Parameters
        ----------
        flow_type : str
            Kind of flow.
        context : int
            Which RSS context.

        Returns
        -------
        fields : str
            In the order ``sdfn``.
        """
        if flow_type not in FLOW_TYPES:
            raise error(EINVAL, f"{flow_type!r}: {', '.join(FLOW_TYPES)} are possible")
        answer = ethtool_ioctl(self.name, rxnfc(ETHTOOL_GRXFH, FLOW_TYPES[flow_type] | (FLOW_RSS if context else 0),
                                                rule_cnt=context))
        bits = struct.unpack_from("=Q", answer, 8)[0]
        return "".join(letter for letter, bit in LETTERS.items() if bits & bit)
