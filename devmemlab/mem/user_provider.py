"""A provider of your own: four small functions over one array of integers.

Law.   The user's functions decide which buffer; the machine checks that it exists and is free.
Reads. House rules, section 5 (user hooks for slow-path operations through function addresses).
Omits. Hooks on the fast path: a cache hit never asks a provider.

::

    @dml.kernel
    def alloc(state):            # the next free buffer's index, -1 when there is none
        ...
    @dml.kernel
    def release(state, index):   # this buffer is free again
        ...
    provider = UserProvider(alloc, release, init=init)     # init(state, count) before the first buffer

`state` is the provider's own int64 array. Compiled, each function becomes a C function whose address lies
in the binding's row, so another provider never means compiling the machine again.
"""

import numpy as np
from llvmlite import ir
from numba import carray, cfunc, config, types
from numba.extending import intrinsic, overload

from devmemlab.base.kernel import kernel

_SIGNATURE = types.int64(types.CPointer(types.int64), types.int64, types.int64)
_FUNCTIONS = [None]


@intrinsic
def _call_address(typingctx, address, words, first, count, argument):
    """Call a C function at an address with a pointer into the words."""
    def codegen(context, builder, signature, args):
        i64 = ir.IntType(64)
        where, array, at, n, arg = args
        base = context.make_array(signature.args[1])(context, builder, array).data
        state = builder.gep(builder.bitcast(base, i64.as_pointer()), [at])
        pointer = builder.inttoptr(where, ir.FunctionType(i64, [i64.as_pointer(), i64, i64]).as_pointer())
        return builder.call(pointer, [state, n, arg])

    return types.int64(types.int64, words, types.int64, types.int64, types.int64), codegen


def call_user(address, words, first, count, argument):
    """Call a user's function.

    Parameters
    ----------
    address : int64
        From `UserProvider`; 0 means "not given" and answers 0.
    words : WORD[n]
        The words of all allocators.
    first, count : int64
        Which of them are the provider's state.
    argument : int64
        Second argument.

    Returns
    -------
    value : int64
        What the function returned.
    """
    if address == 0:
        return np.int64(0)
    return np.int64(_FUNCTIONS[address](words.entry[first:first + count], argument))


@overload(call_user)
def _call_user(address, words, first, count, argument):
    """The compiled form: an indirect call."""
    def call(address, words, first, count, argument):
        if address == 0:
            return np.int64(0)
        return _call_address(address, words, first, count, argument)
    return call


def _number(answer):
    """Read a user function's answer; one that returns nothing means 0.

    Parameters
    ----------
    answer : int64 or None
        What it returned.

    Returns
    -------
    number : int64
        The number.
    """
    return np.int64(0) if answer is None else np.int64(answer)


@overload(_number)
def _compiled_number(answer):
    """The compiled form, chosen by type."""
    if isinstance(answer, types.NoneType):
        return lambda answer: np.int64(0)
    return lambda answer: np.int64(answer)


class UserProvider:
    """The operations of a provider, ready to be bound.

    Parameters
    ----------
    alloc : kernel
        ``alloc(state) -> index`` or -1.
    release : kernel
        ``release(state, index)``.
    init : kernel, optional
        ``init(state, count)``, called before the first pool that adopts the provider; a negative errno refuses that pool.
    destroy : kernel, optional
        ``destroy(state)``, called when the last such pool is gone.
    state_words : int, optional
        Length of `state`; two words a buffer and 64 more when left out.
    name : str
        For people.
    """

    def __init__(self, alloc, release, init=None, destroy=None, state_words=None, name="user"):
        self.name = name
        self.state_words = state_words
        self.functions = {"alloc": alloc, "release": release, "init": init, "destroy": destroy}
        self.addresses = {
            "alloc": _entry(alloc, False), "release": _entry(release, True),
            "init": _entry(init, True), "destroy": _entry(destroy, False),
        }


def _entry(function, takes_argument):
    """Make a function callable by number.

    Parameters
    ----------
    function : kernel or None
        The user's function.
    takes_argument : bool
        Whether it has a second parameter.

    Returns
    -------
    address : int
        Address of machine code, or a row of `_FUNCTIONS` with the JIT off; 0 for None.
    """
    if function is None:
        return 0
    if config.DISABLE_JIT:
        def plain(state, argument):
            return _number(function(state, argument) if takes_argument else function(state))
        _FUNCTIONS.append(plain)
        return len(_FUNCTIONS) - 1
    if takes_argument:
        @cfunc(_SIGNATURE)
        def compiled(pointer, count, argument):
            return _number(function(carray(pointer, count), argument))
    else:
        @cfunc(_SIGNATURE)
        def compiled(pointer, count, argument):
            return _number(function(carray(pointer, count)))
    _FUNCTIONS.append(compiled)
    return compiled.address


@kernel
def user_take(netmems, providers, binding):
    """Ask the user's provider for a buffer.

    Parameters
    ----------
    netmems : NETMEM[n]
        Not changed.
    providers : Providers
        The provider's state changes; an impossible answer is counted as a warning.
    binding : int64
        Binding row.

    Returns
    -------
    index : int64
        -1 when there is none, or the answer was not a free buffer of this area.
    """
    own = providers.binding[binding]
    index = call_user(own.user_alloc, providers.words, own.state_first, own.state_count, np.int64(0))
    if index < 0:
        return np.int64(-1)
    if index >= own.niov_count or netmems[own.niov_first + index].pp != 0:
        own.warnings += 1
        return np.int64(-1)
    own.free_count -= 1
    return index


@kernel
def user_give(providers, binding, index):
    """Give a buffer back to the user's provider.

    Parameters
    ----------
    providers : Providers
        The provider's state changes.
    binding : int64
        Binding row.
    index : int64
        Net_iov index.

    Returns
    -------
    answer : int64
        What the user's function said; negative counts as a warning.
    """
    own = providers.binding[binding]
    own.free_count += 1
    return call_user(own.user_release, providers.words, own.state_first, own.state_count, index)


@kernel
def user_init(providers, binding):
    """Tell the user's provider that the first pool adopts it.

    Parameters
    ----------
    providers : Providers
        The provider's state changes.
    binding : int64
        Binding row.

    Returns
    -------
    err : int64
        Negative to refuse the pool.
    """
    own = providers.binding[binding]
    return call_user(own.user_init, providers.words, own.state_first, own.state_count, own.niov_count)


@kernel
def user_destroy(providers, binding):
    """Tell the user's provider that the last pool is gone.

    Parameters
    ----------
    providers : Providers
        The provider's state changes.
    binding : int64
        Binding row.
    """
    own = providers.binding[binding]
    call_user(own.user_destroy, providers.words, own.state_first, own.state_count, np.int64(0))
