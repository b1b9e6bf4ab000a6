"""A steering function of your own: it chooses the queue of every packet that no rule decides about.

Law.   The user's function chooses among queues that exist; an answer that names none leaves the choice to the indirection table.
Reads. House rules, section 5 (user hooks); spec section 11.1 for what it stands in for.
Omits. State from one packet to the next: a function sees one packet's headers.

::

    @dml.kernel
    def by_port(pkt, rss, queues):      # parsed headers, RSS hash, active queues -> queue index, or -1: the table's
        return pkt.dport % queues

    host = lab.host("trainer", ip="10.0.0.2", rx_queues=4, steering=by_port)

Compiled, the function becomes a C function whose address lies in the NIC's row, so another one never means compiling the
machine again; the call costs a few nanoseconds a packet, and a NIC without a function pays one comparison.
"""

import numpy as np
from llvmlite import ir
from numba import cfunc, config, from_dtype, types
from numba.extending import intrinsic, overload

from devmemlab.base.errno import EINVAL, error
from devmemlab.wire.rows import PKT

_RECORD = from_dtype(PKT)
_SIGNATURE = types.int64(types.CPointer(_RECORD), types.int64, types.int64)
_FUNCTIONS = {}


@intrinsic
def _call_address(typingctx, address, pkt, rss, queues):
    """Call a C function at an address with a pointer to the packet's row."""
    def codegen(context, builder, signature, args):
        i64 = ir.IntType(64)
        where, row, number, count = args
        pointer = builder.inttoptr(where, ir.FunctionType(i64, [i64.as_pointer(), i64, i64]).as_pointer())
        return builder.call(pointer, [builder.bitcast(row, i64.as_pointer()), number, count])

    return types.int64(types.int64, pkt, types.int64, types.int64), codegen


@intrinsic
def _row_at(typingctx, pointer):
    """Look at what a pointer points to as a row."""
    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], context.get_value_type(_RECORD))

    return _RECORD(pointer), codegen


def steer_user(address, pkt, rss, queues):
    """Ask a user's steering function.

    Parameters
    ----------
    address : int64
        From `steering_address`, not 0.
    pkt : PKT
        Parsed headers.
    rss : int64
        RSS hash.
    queues : int64
        Active queues of the NIC.

    Returns
    -------
    queue : int64
        Queue index, -1 when the answer names no active queue.
    """
    queue = np.int64(_FUNCTIONS[int(address)][0](pkt, rss, queues))
    return queue if 0 <= queue < queues else np.int64(-1)


@overload(steer_user)
def _steer_user(address, pkt, rss, queues):
    """The compiled form: an indirect call."""
    def call(address, pkt, rss, queues):
        queue = _call_address(address, pkt, rss, queues)
        return queue if 0 <= queue < queues else np.int64(-1)
    return call


def steering_name(address):
    """Name the function behind an address, for people.

    Parameters
    ----------
    address : int
        From `steering_address`.

    Returns
    -------
    name : str
        As the function was defined.
    """
    return _FUNCTIONS[int(address)][1]


def steering_address(function):
    """Make a steering function callable by number.

    Parameters
    ----------
    function : kernel or None
        ``function(pkt, rss, queues) -> queue``.

    Returns
    -------
    address : int
        Address of machine code, or a number of our own with the JIT off; 0 for None.

    Raises
    ------
    OSError
        EINVAL: it is no function.
    """
    if function is None:
        return 0
    if not callable(function):
        raise error(EINVAL, f"steering={function!r} is no function; pass a @dml.kernel function of (pkt, rss, queues)")
    name = getattr(function, "__name__", "steering")
    if config.DISABLE_JIT:
        address = len(_FUNCTIONS) + 1
        _FUNCTIONS[address] = function, name
        return address

    @cfunc(_SIGNATURE)
    def compiled(pointer, rss, queues):
        return np.int64(function(_row_at(pointer), rss, queues))

    # Whoever keeps the entry keeps the machine code.
    _FUNCTIONS[compiled.address] = getattr(function, "py_func", function), name, compiled
    return compiled.address
