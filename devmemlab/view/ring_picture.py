"""A ring of descriptors: which slots the card may use, which wait for the driver, and where the pointers stand.

Law.   Every slot is in exactly one state, decided by the five pointers alone.
Reads. RXQ of `devmemlab.nic.rxq`; still.py.
Omits. Which net_iov is in a slot: the heat map tells where those are.
"""

from devmemlab.view import theme
from devmemlab.view.still import STATES, Still, state_legend
from devmemlab.view.svg import element, number, text_width

COLUMNS, CELL, LEFT, TOP, PITCH = 32, 19.0, 60, 56.0, 52.0
WAYS = {"posted": "posted", "completed": "cached", "empty": "free"}
"""State of a slot -> the look of buffers that are there."""
POINTERS = ("clean", "complete", "used", "tail", "post")


class RingPicture(Still):
    """The slots of a ring.

    Parameters
    ----------
    pointers : dict of str to int
        ``clean``, ``complete``, ``used``, ``tail``, ``post``.
    slots : int
        Length of the ring.
    name : str
        Which ring it is.

    Attributes
    ----------
    slots : list of str
        State of each slot: ``"posted"``, ``"completed"`` or ``"empty"``.
    counts : dict of str to int
        How many of each.
    """

    def __init__(self, pointers, slots, name):
        self.pointers = {key: int(pointers[key]) for key in POINTERS}
        at = self.pointers
        self.slots = ["empty"] * slots
        for first, end, state in ((at["clean"], at["complete"], "completed"), (at["used"], at["tail"], "posted")):
            for pointer in range(first, end):
                self.slots[pointer % slots] = state
        self.counts = {state: self.slots.count(state) for state in WAYS}
        self.title = f"The ring of {name}: {slots} descriptors"

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        said = ", ".join(f"{name} {value:,} (slot {value % len(self.slots)})" for name, value in self.pointers.items())
        counts = ", ".join(f"{state} {count}" for state, count in self.counts.items())
        return f"{self.title}: {counts}\n  pointers: {said}"

    def _body(self, prefix):
        """Draw it.

        Parameters
        ----------
        prefix : str
            Of the textures.

        Returns
        -------
        drawn, bottom : str, float
            Elements, and where they end.
        """
        parts = [element("text", self.title, x=8, y=22, class_="strong big"),
                 element("text", "pointers only grow; a slot is the pointer modulo the length of the ring", x=8, y=40,
                         class_="quiet small")]
        for slot, state in enumerate(self.slots):
            x, y = LEFT + slot % COLUMNS * CELL, TOP + slot // COLUMNS * PITCH
            look = WAYS[state]
            parts.append(element("rect", x=x, y=y, width=CELL, height=CELL, fill=f"url(#{prefix}-{look})",
                                 stroke=theme.colour("line"), stroke_width=0.8))
            if look != "free":
                parts.append(element("text", STATES[look].letter, x=x + CELL / 2, y=y + 13.5, class_="mid tiny halo"))
            if slot % COLUMNS == 0:
                parts.append(element("text", f"{slot}", x=LEFT - 8, y=y + 13.5, class_="end small quiet"))
        parts += self._marks()
        bottom = TOP + -(-len(self.slots) // COLUMNS) * PITCH
        labels = {WAYS[state]: f"{count}" for state, count in self.counts.items()}
        drawn, bottom = self._legend(prefix, labels, bottom + 14)
        return "".join(parts) + drawn, bottom

    def _marks(self):
        """Mark the slots that pointers stand at.

        Returns
        -------
        drawn : list of str
            A tick below each such slot, and the names; those that would touch are written lower.
        """
        here, parts, taken = {}, [], {}
        for name, value in self.pointers.items():
            here.setdefault(value % len(self.slots), []).append(name)
        for slot in sorted(here):
            words, row = ", ".join(here[slot]), slot // COLUMNS
            x, y, wide = LEFT + slot % COLUMNS * CELL + 2, TOP + row * PITCH + CELL, text_width(", ".join(here[slot]), 11)
            left = x - 5 - wide if x + 6 + wide > LEFT + COLUMNS * CELL else x + 5
            low = 13 if left < taken.get(row, 0.0) else 0
            taken[row] = max(left + wide, x) + 4
            parts.append(element("path", d=f"M{number(x)} {number(y)}v{13 + low}", stroke=theme.colour("ink"), stroke_width=2,
                                 fill="none"))
            parts.append(element("text", words, x=left, y=y + 12 + low, class_="small"))
        return parts

    def _legend(self, prefix, labels, y):
        """Draw the legend with the words of this picture.

        Parameters
        ----------
        prefix : str
            Of the textures.
        labels : dict of str to str
            State of a buffer -> count.
        y : float
            Where.

        Returns
        -------
        drawn, bottom : str, float
            Elements, and where they end.
        """
        drawn, bottom = state_legend(prefix, labels, 8, y)
        for state in ("completed", "empty"):
            meaning = STATES[WAYS[state]].meaning
            drawn = drawn.replace(f">{meaning}: ", f">{state}: ")
        return drawn, bottom


def ring_picture(host, queue=1):
    """Draw the ring of a queue.

    Parameters
    ----------
    host : Host
        Whose tables to read.
    queue : int
        Row of the queue.

    Returns
    -------
    picture : RingPicture
        A picture in a notebook; ``.counts`` has the numbers, ``print(picture)`` says it in words.

    Raises
    ------
    ValueError
        The queue has no ring.
    """
    q = host.rxqs.ctl[queue]
    if not q.active:
        raise ValueError(f"queue {queue} is not active, so it has no ring")
    return RingPicture({name: q[name] for name in POINTERS}, int(q.desc_count), f"queue {queue}")
