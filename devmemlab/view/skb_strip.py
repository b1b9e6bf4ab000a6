"""One skb of a picture: its linear part, a box for each frag, its frag list and the bar of what is charged.

Law.   A frame around the frags tells whether octets may be read, with a word beside it: no colour has to be told apart.
Reads. `devmemlab.host.inspect` for what is found; theme.py.
Omits. The picture around it, and its words: skb_picture.py.
"""

from devmemlab.view import theme
from devmemlab.view.svg import element, number, text_width

LEFT, CELL, HIGH = 78, 36.0, 32.0
RIGHT = LEFT + 17 * CELL
PAGE_BYTES = 4096
FILLS = {"page": ("H", "host"), "net_iov": ("D", "device")}
"""Kind of a frag -> letter and role."""


def place_of(frag):
    """Tell where a frag lies.

    Parameters
    ----------
    frag : devmemlab.host.inspect.FragView
        One frag.

    Returns
    -------
    buffer, offset : int, int
        Which page of the dmabuf, or of host memory, and the first octet in it.
    """
    if frag.kind == "net_iov":
        return divmod(frag.frag_offset, PAGE_BYTES)
    return frag.netmem >> 1, frag.offset


def ratio(found):
    """Spell how much is charged for each octet.

    Parameters
    ----------
    found : Inspection
        One skb.

    Returns
    -------
    text : str
        With one decimal.
    """
    return f"{found.truesize / max(found.length, 1):.1f}"


def _row(prefix, found, y, linear):
    """Draw the linear part and the frags.

    Parameters
    ----------
    prefix : str
        Of the textures.
    found : Inspection
        The skb.
    y : float
        Upper end.
    linear : str or None
        Octets of the linear part; None leaves it out.

    Returns
    -------
    drawn, bottom : str, float
        Elements, and where they end.
    """
    parts, empty = [], linear == "0"
    if linear is not None:
        parts.append(element("rect", x=8, y=y, width=56, height=HIGH, fill="none" if empty else theme.texture(prefix, "host"),
                             stroke=theme.colour("quiet" if empty else "ink"), stroke_dasharray="3 3" if empty else None))
        parts += [element("text", words, x=36, y=y + at, class_="mid tiny halo")
                  for words, at in (("linear", 13), (linear, 26))]
    rows = [("net_iov" if all(f.kind == "net_iov" for f in found.frags) else "buffer", lambda f: f"{place_of(f)[0]}")]
    if any(place_of(f)[1] for f in found.frags):
        rows.append(("offset", lambda f: f"+{place_of(f)[1]}"))
    rows.append(("refs", lambda f: f"{f.pp_ref_count}" + (" T" if f.tokens else "")))
    for k, frag in enumerate(found.frags):
        x, (letter, role) = LEFT + k * CELL, FILLS[frag.kind]
        parts.append(element("rect", x=x, y=y, width=CELL, height=HIGH, fill=theme.texture(prefix, role),
                             stroke=theme.colour("ink"), stroke_width=0.8))
        parts += [element("text", words, x=x + CELL / 2, y=y + at, class_="mid tiny halo")
                  for words, at in ((letter, 13), (f"{frag.length}", 26))]
        parts += [element("text", spell(frag), x=x + CELL / 2, y=y + HIGH + 14 + 12 * row, class_="mid tiny")
                  for row, (_, spell) in enumerate(rows)]
    if not found.frags:
        parts.append(element("text", "no frags", x=LEFT + 4, y=y + 20, class_="small quiet"))
        return "".join(parts), y + HIGH + 4
    parts += [element("text", name, x=LEFT - 8, y=y + HIGH + 14 + 12 * row, class_="end tiny quiet")
              for row, (name, _) in enumerate(rows)]
    thick = {"stroke_width": 1, "stroke_dasharray": "4 3"} if found.readable else {"stroke_width": 3}
    parts.append(element("rect", x=LEFT - 3, y=y - 3, width=len(found.frags) * CELL + 6, height=HIGH + 6, fill="none", rx=3,
                         stroke=theme.colour("ink"), **thick))
    return "".join(parts), y + HIGH + 8 + 12 * len(rows)


def _charge(prefix, found, y, most):
    """Draw what is charged, and how much of it is octets of the packet.

    Parameters
    ----------
    prefix : str
        Of the textures.
    found : Inspection
        The skb.
    y, most : float, int
        Upper end; octets of the longest bar.

    Returns
    -------
    drawn : str
        A bar.
    """
    scale = (RIGHT - LEFT) / max(most, 1)
    whole, used = max(found.truesize * scale, 2.0), max(found.length * scale, 1.0)
    return (element("text", "charged", x=LEFT - 8, y=y + 8, class_="end tiny quiet")
            + element("rect", x=LEFT, y=y, width=whole, height=9, fill="none", stroke=theme.colour("ink"), stroke_width=0.8)
            + element("rect", x=LEFT, y=y, width=min(used, whole), height=9, fill=theme.texture(prefix, "payload"),
                      stroke=theme.colour("ink"), stroke_width=0.8))


def skb_drawn(prefix, found, facts, y, most):
    """Draw an skb and its frag list.

    Parameters
    ----------
    prefix : str
        Of the textures.
    found : Inspection
        The skb.
    facts : str
        What to say of it.
    y, most : float, int
        Upper end; octets of the longest bar.

    Returns
    -------
    drawn, bottom : str, float
        Elements, and where they end.
    """
    parts = [element("text", f"skb {found.skb}", x=8, y=y + 12, class_="strong"),
             element("text", facts, x=LEFT, y=y + 12, class_="small"),
             element("text", f"{ratio(found)} charged for each octet", x=RIGHT, y=y + 12, class_="small end")]
    drawn, bottom = _row(prefix, found, y + 20, f"{found.headlen}")
    parts += [drawn, _charge(prefix, found, bottom + 4, most)]
    y = bottom + 30
    for one in found.linked:
        parts.append(element("path", d=f"M18 {number(y - 12)}V{number(y + 36)}H{LEFT - 8}", stroke=theme.colour("ink"),
                             stroke_width=1.5, fill="none"))
        parts.append(element("text", f"frag list: skb {one.skb}, {one.length:,} octets", x=LEFT, y=y + 12, class_="small"))
        drawn, bottom = _row(prefix, one, y + 20, None)
        parts.append(drawn)
        y = bottom + 16
    return "".join(parts), y


def legend(prefix, y):
    """Say what the looks mean.

    Parameters
    ----------
    prefix : str
        Of the textures.
    y : float
        Middle of the first row.

    Returns
    -------
    drawn : str
        Two rows.
    """
    drawn, right = theme.legend_row(prefix, ("host", "device"), 8, y)
    frames = "".join(
        element("rect", x=right + at, y=y - 7, width=20, height=14, fill="none", rx=3, stroke=theme.colour("ink"), **look)
        + element("text", words, x=right + at + 27, y=y + 4, class_="small")
        for at, words, look in ((6, "nobody may read the frags", {"stroke_width": 3}),
                                (24 + 30 + text_width("nobody may read the frags", 11), "they may be read",
                                 {"stroke_width": 1, "stroke_dasharray": "4 3"})))
    bar = (element("rect", x=8, y=y + 17, width=10, height=9, fill=theme.texture(prefix, "payload"), stroke=theme.colour("ink"),
                   stroke_width=0.8)
           + element("rect", x=18, y=y + 17, width=10, height=9, fill="none", stroke=theme.colour("ink"), stroke_width=0.8)
           + element("text", "octets of the packet, in all that is charged for it; refs: pp_ref_count, T: a token holds one",
                     x=36, y=y + 25, class_="small"))
    return drawn + frames + bar
