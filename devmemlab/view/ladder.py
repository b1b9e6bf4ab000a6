"""A ladder: the segments of a connection between its two ends, time downwards.

Law.   What is drawn was recorded; a loss has a shape and a word, and appears only where both ends were recorded.
Reads. devmemlab.lab.segments.
Omits. A scale: rows keep apart so that words can be read, and long silences are cut and named.
"""

from devmemlab.lab.segments import Conversation, conversation
from devmemlab.view import theme
from devmemlab.view.still import WIDTH, Still
from devmemlab.view.svg import element, number, text_width

NEAR, FAR, TOP = 226, 474, 84
ROW, LINE, STEP, MOST_STEP = 17, 13, 3, 22
SILENCE_NS, SILENCE = 1_000_000, 34
LOOKS = {"data": ("payload", None, 2.0), "again": ("copied", "7 3", 2.0), "bare": ("ink", None, 1.0)}
"""Kind of segment -> role of its line, dashes, width."""
FLAGS = {"S": "SYN", "F": "FIN", "R": "RST", "U": "URG"}


def spell_ns(ns):
    """Spell a time.

    Parameters
    ----------
    ns : int
        Nanoseconds.

    Returns
    -------
    text : str
        With a unit.
    """
    for unit, size in (("s", 10**9), ("ms", 10**6), ("\u00b5s", 10**3)):
        if abs(ns) >= size:
            return f"{ns / size:.4g} {unit}"
    return f"{int(ns)} ns"


def kind_of(segment):
    """Tell how a segment is drawn.

    Parameters
    ----------
    segment : Segment
        One.

    Returns
    -------
    kind : str
        One of `LOOKS`.
    """
    return "again" if segment.again else "data" if segment.payload_bytes else "bare"


def words_of(segment):
    """Say what a segment is, in one or more short pieces.

    Parameters
    ----------
    segment : Segment
        One.

    Returns
    -------
    pieces : list of str
        Flags and numbers, then acknowledgement, then blocks.
    """
    flags = [FLAGS[letter] for letter in segment.flags if letter in FLAGS]
    numbers = f"{segment.seq}+{segment.payload_bytes}" if segment.payload_bytes else str(segment.seq) * bool(flags)
    pieces = [" ".join(filter(None, ["again" * segment.again, *flags, numbers]))]
    if segment.ack is not None:
        pieces.append(f"ack {segment.ack}")
    for k, (start, end) in enumerate(segment.sack):
        pieces.append(f"{'DSACK' if segment.duplicate and k == 0 else 'SACK'} {start}-{end}")
    return [piece for piece in pieces if piece]


def wrapped(pieces, room):
    """Put pieces on as few lines as they need.

    Parameters
    ----------
    pieces : list of str
        In order.
    room : float
        Width of a line, pixels.

    Returns
    -------
    lines : list of str
        At least one.
    """
    lines = [""]
    for piece in pieces:
        longer = f"{lines[-1]} {piece}".strip()
        if lines[-1] and text_width(longer, 11) > room:
            lines.append(piece)
        else:
            lines[-1] = longer
    return lines


class Ladder(Still):
    """Segments of one connection.

    Parameters
    ----------
    conversation : Conversation
        From `devmemlab.lab.segments.conversation`.
    first, most : int
        Which segment is drawn first, and how many.
    title : str, optional
        Above.

    Attributes
    ----------
    segments : list of Segment
        Those that are drawn.
    counts : dict of str to int
        All segments of the connection by fate, and ``again``.
    """

    def __init__(self, conversation, first=0, most=32, title=None):
        self.ends, self.both = conversation.ends, conversation.both
        every = conversation.segments
        self.segments, self.first, self.every = every[first:first + most], first, len(every)
        self.title = title or f"Segments between {self.ends[0]} and {self.ends[1]}"
        fates = [segment.fate for segment in every]
        self.counts = {fate: fates.count(fate) for fate in dict.fromkeys(fates)}
        self.counts["again"] = sum(one.again for one in every)
        self.begin_ns = every[0].sent_ns if every else 0

    @property
    def note(self):
        """What is drawn and how it is known, in a line."""
        left_out = self.every - len(self.segments)
        said = f"{self.every} segments (counted)" + (f", {left_out} not drawn" if left_out else "")
        lost = ", ".join(f"{count} {fate}" for fate, count in self.counts.items() if fate not in ("arrived", "seen", "again"))
        said += f"; {lost}" if lost else ""
        said += f"; {self.counts['again']} sent again" if self.counts["again"] else ""
        return said + ("; times modelled" if self.both else "; recorded at one end: what was lost before it is not seen")

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        lines = [f"{self.title}: {self.note}"]
        for one in self.segments:
            came = {"arrived": "", "seen": ""}.get(one.fate, f", {one.fate}")
            lines.append(f"  {spell_ns(one.sent_ns - self.begin_ns)} {self.ends[one.side]}: {' '.join(words_of(one))}{came}")
        return "\n".join(lines)

    def _places(self):
        """Find the height of every departure and arrival.

        Returns
        -------
        heights, silences, bottom : dict of (int, str) to float, list of (float, int), float
            Of row and ``"sent"`` or ``"arrived"``; where a silence is cut, and how long it is; where everything ends.
        """
        moments = []
        for k, one in enumerate(self.segments):
            moments.append((one.sent_ns, k, "sent"))
            if one.arrived_ns is not None and one.fate != "seen":
                moments.append((one.arrived_ns, k, "arrived"))
        heights, silences, y, before, free = {}, [], float(TOP), None, [TOP, TOP]
        # Of what happens at one moment, arrivals come first: they are what is answered.
        for at_ns, k, what in sorted(moments, key=lambda one: (one[0], one[2] == "sent", one[1])):
            passed = 0 if before is None else at_ns - before
            if passed > SILENCE_NS:
                y = max(y, *free) + 6
                silences.append((y + SILENCE / 2 - 6, passed))
                y += SILENCE
            else:
                y += min(STEP * (passed / 2000) ** 0.5, MOST_STEP)
            if what == "sent":
                one = self.segments[k]
                y = max(y, free[one.side])
                free[one.side] = y + ROW + LINE * (len(self._lines(one)) - 1)
            heights[k, what], before = y, at_ns
        return heights, silences, max([y, *free])

    def _lines(self, segment):
        """Break the words of a segment into lines that fit beside the ladder."""
        return wrapped(words_of(segment), NEAR - 72)

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
        heights, silences, bottom = self._places()
        parts = [element("text", self.title, x=8, y=22, class_="strong big"),
                 element("text", self.note, x=8, y=40, class_="quiet small")]
        for x, name in ((NEAR, self.ends[0]), (FAR, self.ends[1])):
            parts.append(element("text", name, x=x, y=TOP - 20, class_="mid strong"))
            parts.append(element("path", d=f"M{x} {TOP - 12}V{number(bottom + 8)}", stroke=theme.colour("ink"), stroke_width=1.5))
        for y, passed in silences:
            parts.append(element("rect", x=NEAR - 6, y=y - 11, width=FAR - NEAR + 12, height=17, fill=theme.colour("paper")))
            parts.append(element("text", f"nothing for {spell_ns(passed)} (modelled)", x=(NEAR + FAR) / 2, y=y + 2,
                                 class_="mid small strong"))
        lines, marks = [], []
        for k, one in enumerate(self.segments):
            y1 = heights[k, "sent"]
            y2 = heights.get((k, "arrived"), y1 if one.fate == "seen" else y1 + 20)
            lines.append(self._line(one, y1, y2))
            marks.append(self._fate(prefix, one, y1, y2) + self._words(one, y1))
        return "".join(parts + lines + marks) + self._legend(bottom + 30), bottom + 48

    def _line(self, one, y1, y2):
        """Draw the way of one segment."""
        role, dashes, width = LOOKS[kind_of(one)]
        x1, x2 = (NEAR, FAR) if one.side == 0 else (FAR, NEAR)
        if one.arrived_ns is None:
            x2, y2 = (x1 + x2) / 2, (y1 + y2) / 2
        look = {"stroke": theme.colour(role), "stroke_width": width, "stroke_dasharray": dashes}
        drawn = element("path", d=f"M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}", fill="none", **look)
        if one.arrived_ns is None:
            return drawn
        back = -8 if x2 > x1 else 8
        slope = (y2 - y1) / (x2 - x1)
        tip = "L".join(f"{number(x2 + dx)} {number(y2 + dy)}"
                       for dx, dy in ((0, 0), (back, back * slope - 4), (back, back * slope + 4)))
        return drawn + element("path", d=f"M{tip}Z", fill=theme.colour(role))

    def _fate(self, prefix, one, y1, y2):
        """Mark what became of a segment that did not just arrive."""
        if one.fate in ("arrived", "seen"):
            return ""
        x, y = (NEAR + FAR) / 2, (y1 + y2) / 2
        cross = element("path", d=f"M{x - 5} {number(y - 5)}l10 10m0 -10l-10 10", stroke=theme.colour("ink"), stroke_width=2.5,
                        fill="none") if one.fate in ("lost", "damaged") else ""
        return cross + element("text", one.fate, x=x + (-12 if one.side else 12), y=y + 4,
                               class_="small strong halo" + (" end" if one.side else ""))

    def _words(self, one, y):
        """Write what a segment is, beside the end that sent it, and when."""
        if one.fate == "copy":
            return ""
        x, side = (NEAR - 7, "end ") if one.side == 0 else (FAR + 7, "")
        strong = "strong " if one.again else ""
        parts = [element("text", line, x=x, y=y + 4 + LINE * i, class_=f"{side}{strong}small")
                 for i, line in enumerate(self._lines(one))]
        when = spell_ns(one.sent_ns - self.begin_ns)
        at = {"x": 4} if one.side == 0 else {"x": WIDTH - 4}
        return "".join(parts) + element("text", when, **at, y=y + 4, class_="quiet tiny" + (" end" if one.side else ""))

    def _legend(self, y):
        """Say what the lines mean."""
        parts, x = [], 8
        for kind, meaning in (("data", "payload"), ("again", "sent again"), ("bare", "no payload")):
            role, dashes, width = LOOKS[kind]
            parts.append(element("path", d=f"M{number(x)} {number(y - 4)}h30", stroke=theme.colour(role), stroke_width=width,
                                 stroke_dasharray=dashes, fill="none"))
            parts.append(element("text", meaning, x=x + 36, y=y, class_="small"))
            x += 54 + text_width(meaning, 11)
        how = "a+b: b octets from number a; times since the first segment"
        parts.append(element("text", how, x=x, y=y, class_="small quiet"))
        return "".join(parts)


def ladder(source, connection=0, first=0, most=32, title=None):
    """Draw the segments of a connection between its two ends.

    Parameters
    ----------
    source : Lab, Record, Capture, Burst, a pair of them, or Conversation
        See `devmemlab.lab.segments.conversation`.
    connection : int
        Which, in order of appearance.
    first, most : int
        Which segment is drawn first, and how many.
    title : str, optional
        Above.

    Returns
    -------
    picture : Ladder
        A picture in a notebook; ``.segments`` has what is drawn, ``print(picture)`` says it in words.
    """
    told = source if isinstance(source, Conversation) else conversation(source, connection)
    return Ladder(told, first, most, title)
