"""Steering as a picture: the indirection table, and on which queue each flow lands.

Law.   A flow is right where its program can use it; the two ways of being wrong look different, and each has a letter.
Reads. Spec section 11: the kernel does not check that steering is right.
Omits. Tables of other RSS contexts than 0; how much each flow carries.
"""

from typing import NamedTuple

from devmemlab.host.commands_of import table_words
from devmemlab.lab.scenes_control import DEVICE_PORT, frame
from devmemlab.view import theme
from devmemlab.view.still import WIDTH, Still
from devmemlab.view.svg import element

COLUMNS, CELL, TOP, BARS, ROW = 16, 16, 78, 300, 24
KINDS = {
    "device": ("D", "device memory wanted and had"),
    "host": ("H", "ordinary, in host memory"),
    "copied": ("C", "device memory wanted, in host memory: no tokens"),
    "dropped": ("X", "ordinary, in device memory: EFAULT"),
}
"""Role of the theme -> letter and meaning of a flow; the last two are mistakes."""


def marked(prefix, role, letter, x, y, width=20, height=18):
    """Draw a box in the texture of a role, with its letter on a plate of paper, so that it can be read on any texture.

    Parameters
    ----------
    prefix : str
        Of the textures.
    role : str
        Of the theme.
    letter : str
        Left out where there is no room for it.
    x, y, width, height : float
        Where.

    Returns
    -------
    drawn : str
        Elements.
    """
    box = element("rect", x=x, y=y, width=width, height=height, fill=theme.texture(prefix, role), stroke=theme.colour("ink"),
                  stroke_width=0.8)
    if width < 16:
        return box
    middle = x + width / 2
    return (box + element("rect", x=middle - 6, y=y + height / 2 - 6.5, width=12, height=13, rx=2, fill=theme.colour("paper"))
            + element("text", letter, x=middle, y=y + height / 2 + 4, class_="mid small strong"))


class Landed(NamedTuple):
    """Where one flow lands.

    device : bool
        Whether its program wants the payload in device memory.
    queue : int
        Queue, -1 when a rule drops it.
    """

    device: bool
    queue: int


class Steering(Still):
    """An indirection table and a histogram of flows.

    Parameters
    ----------
    name : str
        Of the interface.
    table : list of int
        Queue by entry.
    queues : int
        RX queues.
    bound : set of int
        Queues that run on device memory.
    landed : list of Landed
        One a flow; may be empty.

    Attributes
    ----------
    counts : list of dict
        For each queue how many flows of each of `KINDS`.
    wrong : int
        Flows that are where they should not be, or dropped.
    """

    def __init__(self, name, table, queues, bound, landed):
        self.name, self.table, self.queues, self.bound, self.landed = name, table, queues, bound, landed
        self.counts = [dict.fromkeys(KINDS, 0) for _ in range(queues)]
        for flow in landed:
            if flow.queue >= 0:
                right, wrong = ("device", "copied") if flow.device else ("host", "dropped")
                self.counts[flow.queue][right if flow.device == (flow.queue in bound) else wrong] += 1
        self.gone = sum(flow.queue < 0 for flow in landed)
        self.wrong = self.gone + sum(count["copied"] + count["dropped"] for count in self.counts)
        words = table_words(table, queues) or "of its own kind"
        self.title = f"Where {len(landed)} flows land on {name}" if landed else f"The indirection table of {name}"
        self.note = f"{len(table)} entries, {words}; {queues} queues; {'flows' if landed else 'entries'} counted"

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        lines = [f"{self.title} ({self.note})"]
        for queue, count in enumerate(self.counts):
            entries = self.table.count(queue)
            line = f"  queue {queue}, {self._runs_on(queue)}, {entries} entries of the table"
            kinds = "; ".join(f"{KINDS[kind][1]}: {number}" for kind, number in count.items() if number) or "no flow"
            lines.append(f"{line} - {kinds}" if self.landed else line)
        if self.gone:
            lines.append(f"  dropped by a rule: {self.gone} flows")
        return "\n".join(lines)

    def _runs_on(self, queue):
        """Say what memory a queue has."""
        return "device memory" if queue in self.bound else "host memory"

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
        counted = "flows" if self.landed else "entries of the table"
        parts = [theme.textures(prefix), element("text", self.title, x=8, y=22, class_="strong big"),
                 element("text", self.note, x=8, y=40, class_="quiet small"),
                 element("text", "table: queue by entry", x=8, y=TOP - 10, class_="small strong"),
                 element("text", "queue", x=BARS - 8, y=TOP - 10, class_="small strong"),
                 element("text", counted, x=BARS + 150, y=TOP - 10, class_="small strong")]
        for at, queue in enumerate(self.table):
            x, y = 8 + at % COLUMNS * CELL, TOP + at // COLUMNS * CELL
            role = "device" if queue in self.bound else "host"
            parts.append(element("rect", x=x, y=y, width=CELL, height=CELL, stroke=theme.colour("paper"),
                                 fill=theme.texture(prefix, role) if role == "device" else theme.colour("paper")))
            parts.append(element("text", str(queue), x=x + CELL / 2, y=y + 12, class_="mid small halo strong"))
        rows = -(-len(self.table) // COLUMNS)
        parts.append(element("rect", x=8, y=TOP, width=COLUMNS * CELL, height=rows * CELL, fill="none",
                             stroke=theme.colour("ink"), stroke_width=0.8))
        bottom = max(self._histogram(parts, prefix), TOP + rows * CELL) + 22
        bottom = self._legend(parts, prefix, bottom) if self.landed else bottom - 10
        return "".join(parts), bottom

    def _histogram(self, parts, prefix):
        """Draw a bar for each queue; gives where they end."""
        left, y = BARS + 150, TOP
        room = WIDTH - left - 46
        counts = self.counts if self.landed else [{"device" if queue in self.bound else "host": self.table.count(queue)}
                                                  for queue in range(self.queues)]
        most = max([sum(count.values()) for count in counts] + [self.gone, 1])
        rows = [(f"{queue}", self._runs_on(queue), count) for queue, count in enumerate(counts)]
        rows += [("-", "dropped by a rule", {"wire": self.gone})] if self.gone else []
        for number, words, count in rows:
            parts.append(element("text", number, x=BARS, y=y + 14, class_="strong"))
            parts.append(element("text", words, x=BARS + 22, y=y + 14, class_="small"))
            x = left
            for kind, flows in count.items():
                width = room * flows / most
                if not flows:
                    continue
                parts.append(marked(prefix, kind, KINDS.get(kind, ("-",))[0], x, y, width))
                x += width
            parts.append(element("text", str(sum(count.values())), x=x + 6, y=y + 14))
            y += ROW
        return y

    def _legend(self, parts, prefix, y):
        """Draw what the letters mean, two in a row; gives where it ends."""
        for at, (kind, (letter, meaning)) in enumerate(KINDS.items()):
            x, line = 8 + at % 2 * 340 if at < 2 else 8, y + 24 * (0 if at < 2 else at - 1)
            number = sum(count[kind] for count in self.counts)
            parts.append(marked(prefix, kind, letter, x, line - 10))
            parts.append(element("text", f"{meaning}: {number}", x=x + 28, y=line + 3, class_="small"))
        return y + 24 * 2 + 20


def steering(host, flows=()):
    """Draw the indirection table of a host's first NIC, and where flows land.

    Parameters
    ----------
    host : Host
        Asked, not changed.
    flows : sequence of Flow
        From `devmemlab.lab.scenes_control.flows`; those to port 5201 want device memory.

    Returns
    -------
    picture : Steering
        ``.counts`` and ``.wrong`` have the numbers, ``print(picture)`` says it in words.
    """
    netdev = host.netdev
    landed = [Landed(flow.dport == DEVICE_PORT, host.explain(frame(host, flow)).queue) for flow in flows]
    table = host.ethtool(netdev.name).get_rxfh_indir()
    return Steering(netdev.name, table, netdev.real_num_rx_queues, set(netdev.providers), landed)
