"""Provider test kit: does a provider of your own keep the rules?

Law.   Every fault has a name and the step at which it showed.
Reads. Spec section 7 (the contract of each operation).
Omits. Speed; and races, since a provider is never called twice at once.

================ ===============================================================================
double hand-out  a buffer was handed out while it was out already
wrong owner      a buffer was handed out that is not one of the area's
leak             buffers came back, but cannot all be had again
refused          release or init answered with an error though nothing was wrong
broken pool      a page_pool on top of it lost count (what the audit says)
================ ===============================================================================
"""

import random
from typing import NamedTuple

from devmemlab.base.kernel import kernel
from devmemlab.base.table import table
from devmemlab.mem.dmabuf import FROM_DEVICE
from devmemlab.mem.pool_table import PROVIDER_USER, rx_pool_flags
from devmemlab.mem.provider_table import WORD
from devmemlab.mem.region import DeviceMemory
from devmemlab.mem.user_provider import call_user


@kernel
def call_here(address, state, words, argument):
    """Call one operation from Python.

    Parameters
    ----------
    address : int64
        From `UserProvider.addresses`.
    state : WORD[n]
        The provider's state.
    words : int64
        Its length.
    argument : int64
        Second argument.

    Returns
    -------
    value : int64
        What the operation returned.
    """
    return call_user(address, state, 0, words, argument)


class Finding(NamedTuple):
    """One broken rule.

    Attributes
    ----------
    name : str
        Which rule, see the module.
    step : int
        At which operation.
    detail : str
        What happened.
    """

    name: str
    step: int
    detail: str


class Report(list):
    """Findings, empty when all is well."""

    def __repr__(self):
        return "provider: clean" if not self else "\n".join(f"{f.name} at step {f.step}: {f.detail}" for f in self)

    def _repr_pretty_(self, printer, cycle):
        printer.text(repr(self))


def _drain(take, out, count):
    """Take until there is no more.

    Parameters
    ----------
    take : callable
        Returns an index or -1.
    out : set of int
        Indices that are out; grows.
    count : int
        Buffers of the area.

    Returns
    -------
    finding : tuple of str or None
        Name and detail of the first fault.
    """
    while True:
        index = take()
        if index < 0:
            break
        if index >= count:
            return "wrong owner", f"index {index} in an area of {count}"
        if index in out:
            return "double hand-out", f"index {index} is out already"
        out.add(index)
    if len(out) < count:
        return "leak", f"{len(out)} of {count} buffers can be had"
    return None


def check_operations(provider, count=40, steps=2000, seed=0):
    """Call the operations alone, in random order, and watch the answers.

    Parameters
    ----------
    provider : UserProvider
        The provider.
    count : int
        Buffers of the area.
    steps : int
        Operations.
    seed : int
        Of the random order.

    Returns
    -------
    report : Report
        Findings; at most one, because nothing can be trusted after the first.
    """
    words = provider.state_words or 2 * count + 64
    state = table(WORD, words)
    rng = random.Random(seed)

    def call(operation, argument=0):
        return int(call_here(provider.addresses[operation], state, words, argument))

    if call("init", count) < 0:
        return Report([Finding("refused", 0, f"init answered {call('init', count)}")])
    out = set()
    for step in range(1, steps + 1):
        if rng.random() < 0.5 + 0.4 * (step // 100 % 2 * 2 - 1):
            index = call("alloc")
            if index < 0 and len(out) < count:
                return Report([Finding("leak", step, f"nothing to be had while {count - len(out)} of {count} are home")])
            if index >= count:
                return Report([Finding("wrong owner", step, f"index {index} in an area of {count}")])
            if index in out:
                return Report([Finding("double hand-out", step, f"index {index} is out already")])
            if index >= 0:
                out.add(index)
        elif out:
            index = rng.choice(sorted(out))
            out.discard(index)
            answer = call("release", index)
            if answer < 0:
                return Report([Finding("refused", step, f"release({index}) answered {answer}")])
    found = _drain(lambda: call("alloc"), out, count)
    return Report([Finding(found[0], steps + 1, found[1])] if found else [])


def check_in_pool(mem, provider, count=200, steps=2000, seed=0):
    """Put a page_pool on top, run traffic through it, and audit.

    Parameters
    ----------
    mem : Mem
        A host to try it on.
    provider : UserProvider
        The provider.
    count : int
        Buffers of the area.
    steps : int
        Operations.
    seed : int
        Of the random order.

    Returns
    -------
    report : Report
        Findings.
    """
    memory = DeviceMemory(count * 4096, "provider kit")
    dmabuf = mem.export(memory)
    binding = mem.bind(0, dmabuf, provider=provider)
    try:
        findings = Report(_traffic(mem, binding, count, steps, random.Random(seed)))
    except OSError as err:
        findings = Report([Finding("refused", 0, str(err))])
    mem.unbind(binding)
    mem.run_work(0)
    mem.put_dmabuf(dmabuf)
    memory.close()
    return findings


def _pool(mem, binding):
    """Put a small pool on a binding.

    Parameters
    ----------
    mem : Mem
        The host.
    binding : int
        Row.

    Returns
    -------
    pool : int
        Row.
    """
    return mem.page_pool_create(pp_flags=rx_pool_flags(mem.profile), dma_dir=FROM_DEVICE, max_len=4096, pool_size=16,
                                provider=PROVIDER_USER, mp_priv=binding)


def _traffic(mem, binding, count, steps, rng):
    """Run traffic through one pool, hand over to a second one, and yield what is wrong.

    Parameters
    ----------
    mem : Mem
        The host.
    binding : int
        Row.
    count, steps : int
        As in `check_in_pool`.
    rng : random.Random
        Chooses.

    Yields
    ------
    finding : Finding
        A broken rule.
    """
    own = mem.providers.binding[binding]
    pool, held, step = _pool(mem, binding), [], 0
    while step < steps and not own.warnings:
        step += 1
        if rng.random() < 0.5 + 0.4 * (step // 200 % 2 * 2 - 1):
            held += filter(None, [mem.alloc(pool)])
        elif held:
            mem.put(pool, held.pop(rng.randrange(len(held))), direct=rng.random() < 0.5)
    first, heir = pool, _pool(mem, binding)         # the second pool finds only what the provider was given back
    for pool in (first, heir):
        if pool == heir and mem.destroy(first):
            yield Finding("broken pool", step, "the pool cannot be freed although everything was returned")
        while not own.warnings and (netmem := mem.alloc(pool)):
            held.append(netmem)
        if own.warnings:
            yield Finding("double hand-out or wrong owner", step, "an answer was not a free buffer of the area")
        elif len(held) < count:
            yield Finding("leak", step, f"{len(held)} of {count} buffers can be had")
        while held:
            mem.put(pool, held.pop())
        try:
            mem.audit()
        except AssertionError as err:
            yield Finding("broken pool", step, str(err))
        if own.warnings:
            break
    for pool in (first, heir):
        if mem.pools.ctl[pool].alive and not mem.pools.ctl[pool].detached:
            mem.destroy(pool)


def check_provider(mem, provider, count=40, steps=2000, seed=0):
    """Run both checks.

    Parameters
    ----------
    mem : Mem
        A host to try it on.
    provider : UserProvider
        The provider.
    count : int
        Buffers of the area.
    steps : int
        Operations of each.
    seed : int
        Of the random order.

    Returns
    -------
    report : Report
        Findings, empty when all is well.
    """
    report = check_operations(provider, count, steps, seed)
    return report or check_in_pool(mem, provider, count, steps, seed)
