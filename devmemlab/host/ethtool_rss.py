"""RSS of the ethtool face: tables, keys, contexts, hashed fields; ``ethtool -X``, ``-x`` and ``-N ... rx-flow-hash``.

Law.   What is refused here is refused for the kernel's reason, and nothing has changed.
Reads. ethtool(8), --rxfh; spec section 11.1.
Omits. Hash functions other than Toeplitz.
"""

from devmemlab.base.errno import EINVAL, EOPNOTSUPP, error
from devmemlab.nic.context_life import add_context, delete_context, model_device
from devmemlab.nic.contexts import check_table, context_numbers, context_row, read_key, read_table, write_key, write_table
from devmemlab.nic.hash_fields import get_fields, get_transform, set_fields, set_transform


def spread_by_weight(weights, count):
    """Share the entries of a table out by weight.

    Parameters
    ----------
    weights : sequence of int
        Weight of each queue.
    count : int
        Entries.

    Returns
    -------
    table : list of int
        Queue by entry, ascending.
    """
    total = sum(weights)
    if not 0 < total <= count or min(weights) < 0:
        raise error(EINVAL, f"weights {list(weights)}: their sum must be 1 to {count}, the length of the table")
    ends = [sum(weights[:i + 1]) for i in range(len(weights))]
    return [next(queue for queue, end in enumerate(ends) if i < count * end // total) for i in range(count)]


class RssFace:
    """The part of `devmemlab.host.ethtool.Ethtool` about RSS."""

    def _row(self, context):
        return context_row(self.netdev.nics, self.netdev.nic, context)

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
            EINVAL for an impossible table, ENOENT for an unknown context.
        """
        nics, nic, row = self.netdev.nics, self.netdev.nic, self._row(context)
        queues, count = self.netdev.real_num_rx_queues, int(nics.context[row].indir_count)
        if table is not None and not len(table) and context == 0:
            default = True
        if default:
            write_table(nics, row, range(queues), False)
            return
        if weight is not None:
            table = [start + queue for queue in spread_by_weight(list(weight), count)]
        if table is None:
            if equal is None or equal < 1 or start < 0 or start + equal > queues:
                raise error(EINVAL, f"equal {equal} from queue {start}: the queues must be among 0 to {queues - 1}")
            write_table(nics, row, [start + i % equal for i in range(count)], True)
            return
        table = [int(queue) for queue in table]
        check_table(nics, nic, row, table)
        write_table(nics, row, table, True)

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
        return read_table(self.netdev.nics, self._row(context))

    def set_rxfh(self, key=None, function=None, transform=None, context=0):
        """Change how is hashed (``ethtool -X ... hkey, hfunc, xfrm``).

        Parameters
        ----------
        key : bytes, optional
            As long as the device's key.
        function : str, optional
            ``"toeplitz"``.
        transform : {"none", "symmetric-xor", "symmetric-or-xor"}, optional
            What is done to the input first.
        context : int
            Which RSS context.

        Raises
        ------
        OSError
            EINVAL for an impossible key or transform, EOPNOTSUPP for a function or transform that the device lacks.
        """
        nics, nic, row = self.netdev.nics, self.netdev.nic, self._row(context)
        if function not in (None, "toeplitz"):
            raise error(EOPNOTSUPP, f"hash function {function!r}: this device has toeplitz")
        if key is not None and len(key) != nics.ctl[nic].key_bytes:
            raise error(EINVAL, f"a key of {len(key)} octets: this device's key has {nics.ctl[nic].key_bytes}")
        if transform is not None:
            set_transform(nics, nic, row, transform)
        if key is not None:
            write_key(nics, nic, row, key)

    def get_rxfh(self, context=0):
        """Read everything about RSS (``ethtool -x``).

        Parameters
        ----------
        context : int
            Which RSS context.

        Returns
        -------
        rxfh : dict
            ``indir`` (queue by entry), ``key``, ``function``, ``transform``, ``configured`` (the table was set by a user).
        """
        nics, row = self.netdev.nics, self._row(context)
        return {"indir": read_table(nics, row), "key": read_key(nics, row), "function": "toeplitz",
                "transform": get_transform(nics, row), "configured": bool(nics.context[row].configured)}

    def get_contexts(self):
        """List the RSS contexts.

        Returns
        -------
        contexts : list of int
            0 and those that were added.
        """
        return context_numbers(self.netdev.nics, self.netdev.nic)

    def add_context(self, equal=None, table=None, weight=None, start=0, key=None, transform=None):
        """Add an RSS context (``ethtool -X ... context new``).

        Parameters
        ----------
        equal, table, weight, start : int or sequence, optional
            As for `set_rxfh_indir`; all queues when left out.
        key : bytes, optional
            As long as the device's key; that of context 0 when left out.
        transform : str, optional
            As for `set_rxfh`; that of context 0 when left out.

        Returns
        -------
        context : int
            Its number, 1 or more.

        Raises
        ------
        OSError
            EOPNOTSUPP when the device has none, ENOSPC when all are in use, EINVAL for an impossible table or key.
        """
        nics, nic = self.netdev.nics, self.netdev.nic
        context = add_context(nics, nic)
        try:
            if not (equal is None and table is None and weight is None):
                self.set_rxfh_indir(equal, False, table, weight, start, context)
            self.set_rxfh(key, None, transform, context)
        except OSError:
            delete_context(nics, nic, context)
            raise
        return context

    def delete_context(self, context):
        """Delete an RSS context (``ethtool -X ... context N delete``).

        Parameters
        ----------
        context : int
            Its number.

        Raises
        ------
        OSError
            EINVAL for context 0, ENOENT when there is none, EBUSY while a rule uses it.
        """
        delete_context(self.netdev.nics, self.netdev.nic, context)

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
        set_fields(self.netdev.nics, self._row(context), flow_type, fields)

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
        return get_fields(self.netdev.nics, self._row(context), flow_type)

    def model_device(self, **abilities):
        """Make the NIC another model: what it can, and how its hash deviates.

        Parameters
        ----------
        **abilities
            See `devmemlab.nic.context_life.model_device`: rules, table, contexts, key_bytes, combinations, masks,
            reversed_key, hash_init, symmetric.
        """
        model_device(self.netdev.nics, self.netdev.nic, **abilities)
