"""The leak report: tokens that are held, by the line of the program that received them; and how long tokens were held.

Law.   What is held is read from the tables; the watch adds lines and the trace adds times, each where it was on.
Reads. Spec section 19: Linux counts no tokens anywhere, so a program can only count its own.
Omits. Any verdict: a token that is held long may be wanted.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.units import format_size
from devmemlab.host.inspect import tokens_of
from devmemlab.host.token_lives import LIFE_DTYPE, residency, token_lives
from devmemlab.host.user_line import NOT_RECORDED
from devmemlab.mem.provider_table import net_iov_binding_id


class LineGroup(NamedTuple):
    """Tokens that are held and were received at one line, over one connection, of one binding.

    ``octets`` and ``oldest_ns`` (age of the oldest) are None where neither watch nor trace saw all of them; ``numbers`` are the
    tokens in order.
    """

    line: NamedTuple
    sock: int
    binding: int
    tokens: int
    octets: int | None
    buffers: int
    oldest_ns: int | None
    numbers: tuple


class TokenReport(NamedTuple):
    """What ``host.token_report()`` found: ``groups``, most tokens first; all ``lives`` of the trace; ``residency`` in bins."""

    now_ns: int
    groups: tuple
    lives: np.ndarray
    residency: list

    @property
    def held(self):
        """int: tokens that are held."""
        return sum(group.tokens for group in self.groups)

    def __str__(self):
        lines = [f"{self.held} tokens held, {len(self.lives)} handed out as far as the trace goes"]
        for group in self.groups:
            lines.append(f"  {group.tokens:5} received at {group.line}: connection {group.sock}, binding {group.binding}, "
                         f"{said_octets(group.octets)} in {group.buffers} buffers, {said_age(group.oldest_ns)}")
        for one in self.residency:
            if one.returned or one.held:
                lines.append(f"  held for {said_bin(one)}: {one.returned} returned, {one.held} still held")
        return "\n".join(lines)

    __repr__ = __str__


def said_ns(span):
    """Spell a time.

    Parameters
    ----------
    span : int
        Nanoseconds.

    Returns
    -------
    text : str
        With at most three digits and a unit.
    """
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 1000)):
        if span >= size:
            return f"{span / size:.3g} {unit}"
    return f"{span} ns"


def said_bin(one):
    """Spell the range of a bin.

    Parameters
    ----------
    one : Bin
        From `devmemlab.host.token_lives.residency`.

    Returns
    -------
    text : str
        Two times.
    """
    return f"{said_ns(one.low_ns)} to {said_ns(one.high_ns)}" if one.low_ns else "no time"


def said_octets(octets):
    """Spell how much is held.

    Parameters
    ----------
    octets : int or None
        None: not known.

    Returns
    -------
    text : str
        With a unit.
    """
    return "an unknown number of octets" if octets is None else format_size(octets)


def said_age(oldest_ns):
    """Spell an age.

    Parameters
    ----------
    oldest_ns : int or None
        None: not known.

    Returns
    -------
    text : str
        With a unit.
    """
    return "of unknown age" if oldest_ns is None else f"the oldest for {said_ns(oldest_ns)}"


def token_report(host):
    """Look at the tokens of a host.

    Parameters
    ----------
    host : Host
        Not changed.

    Returns
    -------
    report : TokenReport
        See there.
    """
    now_ns = int(host.clock.now_ns)
    lives = np.zeros(0, LIFE_DTYPE).view(np.recarray) if host.trace is None else token_lives(host.trace)
    # A later life of a number stands for it.
    seen = {(int(life.sock), int(life.token)): life for life in lives[lives.returned_ns < 0]}
    watched = host.token_watch.live if host.token_watch is not None else {}
    groups = {}
    for netmem, holders in tokens_of(host.tokens).items():
        binding = int(net_iov_binding_id(host.mem.netmems, host.mem.providers, netmem))
        for key in holders:
            held, life = watched.get(key), seen.get(key)
            held = held if held is not None and held.netmem == netmem else None
            life = life if life is not None and life.netmem == netmem else None
            line = held.received if held else NOT_RECORDED
            octets = held.size if held else None if life is None else int(life.octets)
            born_ns = held.born_ns if held else None if life is None else int(life.born_ns)
            groups.setdefault((line, key[0], binding), []).append((key[1], octets, born_ns, netmem))
    found = []
    for (line, sock, binding), tokens in groups.items():
        numbers, octets, births, netmems = zip(*sorted(tokens))
        found.append(LineGroup(line, sock, binding, len(tokens), None if None in octets else sum(octets), len(set(netmems)),
                               None if None in births else now_ns - min(births), numbers))
    found.sort(key=lambda group: (-group.tokens, group.line, group.sock, group.binding))
    return TokenReport(now_ns, tuple(found), lives, residency(lives, now_ns))
