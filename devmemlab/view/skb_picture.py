"""skbs as a picture: the linear part, each frag with its memory and its references, the frag list, and what is charged.

Law.   Every frag is one box, in its place; whether octets may be read is said of the whole skb, as its bit says it.
Reads. `devmemlab.host.inspect`, whose findings are all that is drawn; still.py and theme.py.
Omits. Octets: the inspector's table shows them where they may be read. Beyond `SHOWN` skbs: they are counted, not drawn.
"""

from itertools import groupby

from devmemlab.view import theme
from devmemlab.view.still import Still
from devmemlab.view.skb_strip import legend, place_of, ratio, skb_drawn
from devmemlab.view.svg import element

SHOWN, TOP, CLAUSES = 4, 54, 4


def _ranges(numbers):
    """Spell numbers with neighbours drawn together.

    Parameters
    ----------
    numbers : sequence of int
        In order of the frags.

    Returns
    -------
    text : str
        ``"2 to 18, 40"``.
    """
    runs = []
    for value in numbers:
        first, last = runs[-1] if runs else (value, value)
        step = value - last
        if runs and abs(step) == 1 and (first == last or (last > first) == (step > 0)):
            runs[-1][1] = value
        else:
            runs.append([value, value])
    return ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in runs)


def _frags_in_words(frags):
    """Spell frags, those that are alike together.

    Parameters
    ----------
    frags : sequence of FragView
        Of one skb.

    Returns
    -------
    text : str
        One clause for each stretch.
    """
    said = []
    for alike, run in groupby(frags, lambda f: (f.length, f.kind, f.binding, place_of(f)[1], f.pp_ref_count, len(f.tokens))):
        run, (length, kind, binding, offset, refs, tokens) = list(run), alike
        many = len(run) > 1
        where = f"{kind}{'s' if many else ''} {_ranges([place_of(f)[0] for f in run])}"
        where += f" of binding {binding}" if binding else ""
        at = f" at {offset}" if offset else ""
        held = ", held by a token too" if tokens else ""
        said.append(f"{_many(len(run), 'frag')} of {length:,} octets in {where}{at}, pp_ref_count {refs}{held}")
    if len(said) > CLAUSES:
        said[CLAUSES:] = [f"and so on, {len(frags)} frags in all"]
    return "; ".join(said) or "no frags"


def _many(count, word):
    """Spell a count.

    Parameters
    ----------
    count : int
        How many.
    word : str
        Of what.

    Returns
    -------
    text : str
        With an s where it belongs.
    """
    return f"{count:,} {word}{'s' if count != 1 else ''}"


class SkbPicture(Still):
    """Some skbs, drawn from what the inspector found.

    Parameters
    ----------
    groups : sequence of (str, sequence of Inspection)
        Headings, empty for none, and skbs.
    title, note : str
        Above.

    Attributes
    ----------
    counts : dict of str to int
        ``skbs``, those of frag lists included; ``frags``, ``octets``, ``charged``, ``tokens``, ``unreadable`` skbs.
    """

    def __init__(self, groups, title, note):
        self.groups, self.title, self.note = [(heading, tuple(skbs)) for heading, skbs in groups if skbs], title, note
        first = [found for _, skbs in self.groups for found in skbs]
        every = [one for found in first for one in (found, *found.linked)]
        frags = [f for one in every for f in one.frags]
        self.counts = {"skbs": len(every), "frags": len(frags), "octets": sum(f.length for f in first),
                       "charged": sum(f.truesize for f in first), "tokens": sum(len(f.tokens) for f in frags),
                       "unreadable": sum(not one.readable for one in every)}

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        lines = [f"{self.title}: {self.note}"]
        for heading, skbs in self.groups:
            lines += [f"  {heading}"] if heading else []
            for found in skbs[:SHOWN]:
                lines.append(f"  skb {found.skb}, {self._facts(found)}, {ratio(found)} for each octet: {found.headlen} linear; "
                             + _frags_in_words(found.frags))
                lines += [f"    in its frag list skb {one.skb}, {one.length:,} octets: {_frags_in_words(one.frags)}"
                          for one in found.linked]
            lines += self._rest(skbs)
        return "\n".join(lines if self.groups else [*lines, "  nothing waits"])

    @staticmethod
    def _facts(found):
        """Say what an skb is.

        Parameters
        ----------
        found : Inspection
            One skb.

        Returns
        -------
        text : str
            Readable or not, octets, users, charge.
        """
        users = f", {found.users} users" if found.users > 1 else ""
        return (f"{'readable' if found.readable else 'unreadable'}, {found.length:,} octets{users}, "
                f"truesize {found.truesize:,}")

    @staticmethod
    def _rest(skbs):
        """Say what is not drawn.

        Parameters
        ----------
        skbs : sequence of Inspection
            Of a group.

        Returns
        -------
        lines : list of str
            One, or none.
        """
        rest = skbs[SHOWN:]
        if not rest:
            return []
        octets, charged = sum(f.length for f in rest), sum(f.truesize for f in rest)
        return [f"  and {len(rest)} more: {octets:,} octets, {charged:,} charged"]

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
        parts = [theme.textures(prefix), element("text", self.title, x=8, y=22, class_="strong big"),
                 element("text", self.note, x=8, y=40, class_="quiet small")]
        y, most = TOP, max([found.truesize for _, skbs in self.groups for found in skbs], default=1)
        for heading, skbs in self.groups:
            if heading:
                parts.append(element("text", heading, x=8, y=y + 12, class_="strong"))
                y += 20
            for found in skbs[:SHOWN]:
                drawn, y = skb_drawn(prefix, found, self._facts(found), y, most)
                parts.append(drawn)
            for line in self._rest(skbs):
                parts.append(element("text", line.strip(), x=8, y=y + 10, class_="small"))
                y += 20
        if not self.groups:
            parts.append(element("text", "nothing waits", x=8, y=y + 12))
            y += 24
        return "".join(parts) + legend(prefix, y + 8), y + 48


def skb_picture(*found):
    """Draw skbs.

    Parameters
    ----------
    *found : Inspection or Queue
        From ``host.inspect``: one or more skbs, or a connection's.

    Returns
    -------
    picture : SkbPicture
        A picture in a notebook; ``.counts`` has the numbers, ``print(picture)`` says it in words.
    """
    queue = found[0] if len(found) == 1 and hasattr(found[0], "charged") else None
    groups = [("", queue.skbs), ("too early", queue.early)] if queue is not None else [("", found)]
    counts = SkbPicture(groups, "", "").counts
    note = f"{_many(counts['skbs'], 'skb')}, {_many(counts['frags'], 'frag')}, {counts['octets']:,} octets, "
    if queue is None:
        *first, last = [str(one.skb) for one in found]
        name = f"skbs {', '.join(first)} and {last}" if first else f"skb {last}"
        return SkbPicture(groups, name, f"{note}{counts['charged']:,} charged (counted)")
    title = f"The receive queue of connection {queue.sock}"
    return SkbPicture(groups, title, f"{note}{queue.charged:,} charged of {queue.rcvbuf:,} (counted)")


def queue_shown(queue, include=None, exclude=None):
    """Show the skbs of a connection in a notebook.

    Parameters
    ----------
    queue : Queue
        From ``host.inspect(conn)``.
    include, exclude : optional
        Of IPython; not looked at.

    Returns
    -------
    data, metadata : dict
        Its picture.
    """
    return skb_picture(queue)._repr_mimebundle_(include, exclude)
