"""The receiving half of TCP as a set of positions, written from the rule and not from the queues."""


class NaiveReassembly:
    """What has arrived is a set of octet positions; the stream is what reaches from 0 without a hole."""

    def __init__(self):
        self.here = set()

    def arrive(self, first, length):
        self.here |= set(range(first, first + length))

    def duplicate(self, first, length):
        """The first stretch of a piece that is here already, None when all of it is new."""
        twice = [at for at in range(first, first + length) if at in self.here]
        if not twice:
            return None
        end = twice[0]
        while end in self.here and end < first + length:
            end += 1
        return twice[0], end

    @property
    def reached(self):
        """Octets without a hole."""
        at = 0
        while at in self.here:
            at += 1
        return at

    def blocks(self):
        """Ranges beyond the first hole, lowest first."""
        found, reached = [], self.reached
        for at in sorted(position for position in self.here if position > reached):
            if found and found[-1][1] == at:
                found[-1][1] = at + 1
            else:
                found.append([at, at + 1])
        return [tuple(block) for block in found]
