"""Fates: what became of the frames that one end of a wire sent, told from what the other end saw.

Law.   A frame and its arrival have the same octets; of equal ones the latest that can have arrived by then is meant.
Reads. Nothing of Linux.
Omits. Bent paths: a frame that arrives with more than one octet changed counts as lost.
"""

import numpy as np

FATES = ("arrived", "lost", "damaged", "copy", "seen", "under way")
"""What became of a segment; ``copy``: the network made it; ``seen``: recorded at one end only; ``under way``: the recording ends
before it could arrive."""


def _one_octet_differs(one, other):
    """Tell whether a frame is another one, damaged.

    Parameters
    ----------
    one, other : bytes
        Frames.

    Returns
    -------
    damaged : bool
        They are as long, and one octet is different.
    """
    if len(one) != len(other):
        return False
    return int((np.frombuffer(one, np.uint8) != np.frombuffer(other, np.uint8)).sum()) == 1


def match(sent, arrived, until_ns=None):
    """Find for each frame that was sent when it arrived.

    Parameters
    ----------
    sent, arrived : list of (int, bytes)
        Times and octets, in order of time.
    until_ns : int, optional
        When the recording ends.

    Returns
    -------
    fates : list of (int, int, str)
        Row in `sent`, time of arrival or None, fate; copies come in addition.
    """
    first = {}
    for at_ns, octets in sent:
        first.setdefault(octets, at_ns)
    delays = [at_ns - first[octets] for at_ns, octets in arrived if octets in first]
    least = min((delay for delay in delays if delay >= 0), default=0)
    found, copies, strays = {}, [], []
    for at_ns, octets in arrived:
        possible = [k for k, (then_ns, same) in enumerate(sent) if same == octets and then_ns + least <= at_ns]
        free = [k for k in possible if k not in found]
        if free:
            found[free[-1]] = (at_ns, "arrived")
        elif possible:
            copies.append((possible[-1], at_ns, "copy"))
        else:
            strays.append((at_ns, octets))
    for at_ns, octets in strays:
        for k, (then_ns, other) in enumerate(sent):
            if k not in found and then_ns <= at_ns and _one_octet_differs(octets, other):
                found[k] = (at_ns, "damaged")
                break
    still = [k for k, (then_ns, _) in enumerate(sent) if until_ns is not None and then_ns + least > until_ns]
    return [(k, *found.get(k, (None, "under way" if k in still else "lost"))) for k in range(len(sent))] + copies
