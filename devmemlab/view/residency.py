"""A histogram of how long tokens were held, and the table of the leak report.

Law.   Bins double, none is left out; what is still held stands on top of what was returned.
Reads. `devmemlab.host.token_report`.
Omits. Averages: a few tokens that are held for ever hide in them.
"""

from devmemlab.host.token_report import said_age, said_bin, said_ns, said_octets
from devmemlab.view import theme
from devmemlab.view.still import WIDTH, Still
from devmemlab.view.svg import element, text_width
from devmemlab.view.tables import html_table

LEFT, TOP, PLOT, WIDEST = 56, 74, 120, 64


class ResidencyPicture(Still):
    """How long tokens were held.

    Parameters
    ----------
    bins : list of Bin
        From `devmemlab.host.token_lives.residency`.
    title : str
        What was done.

    Attributes
    ----------
    bins : list of Bin
        The same.
    """

    def __init__(self, bins, title="How long tokens were held"):
        self.bins, self.title = list(bins), title

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        returned, held = (sum(getattr(one, name) for one in self.bins) for name in ("returned", "held"))
        lines = [f"{self.title}; {returned} tokens returned, {held} still held; bins double, times are modelled"]
        lines += [f"  {said_bin(one)}: {one.returned} returned, {one.held} still held"
                  for one in self.bins if one.returned or one.held]
        return "\n".join(lines if self.bins else [*lines, "  no token was handed out while the host recorded"])

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
        parts = [element("text", self.title, x=8, y=20, class_="strong big")]
        counts = [sum(getattr(one, name) for one in self.bins) for name in ("returned", "held")]
        at = 8
        for look, letter, label in (("ring", "", f"returned: {counts[0]}"), ("token", "T", f"still held: {counts[1]}")):
            parts += [element("rect", x=at, y=33, width=18, height=18, fill=f"url(#{prefix}-{look})", stroke=theme.colour("ink"),
                              stroke_width=0.8),
                      element("text", letter, x=at + 9, y=46, class_="mid small strong halo"),
                      element("text", label, x=at + 24, y=46, class_="small")]
            at += 24 + text_width(label, 11) + 16
        most = max((one.returned + one.held for one in self.bins), default=0)
        wide = min((WIDTH - LEFT - 16) / max(len(self.bins), 1), WIDEST)
        base = TOP + PLOT
        every = 1 if wide >= 44 else 2 if wide >= 22 else 4
        for number, one in enumerate(self.bins):
            x, y = LEFT + wide * number, base
            for count, look in ((one.returned, "ring"), (one.held, "token")):
                height = PLOT * count / max(most, 1)
                if count:
                    y -= height
                    parts.append(element("rect", x=x + 2, y=y, width=wide - 4, height=height, fill=f"url(#{prefix}-{look})",
                                         stroke=theme.colour("ink"), stroke_width=0.9))
            if one.returned or one.held:
                parts.append(element("text", f"{one.returned + one.held}", x=x + wide / 2, y=y - 4, class_="mid small strong"))
            if number % every == 0:
                parts.append(element("text", said_ns(one.low_ns), x=x, y=base + 15, class_="mid small"))
        parts += [element("path", d=f"M{LEFT} {base}H{LEFT + wide * len(self.bins):g}", stroke=theme.colour("ink"), fill="none"),
                  element("text", "tokens", x=8, y=TOP + 8, class_="small quiet"),
                  element("text", "held for so long or longer, up to twice as long (modelled time); tokens are counted", x=8,
                          y=base + 34, class_="small quiet")]
        return "".join(parts), base + 44


def residency_picture(report, title="How long tokens were held"):
    """Draw how long tokens were held.

    Parameters
    ----------
    report : TokenReport
        From ``host.token_report()``.
    title : str
        What was done.

    Returns
    -------
    picture : ResidencyPicture
        A picture in a notebook; ``print(picture)`` says it in words.
    """
    return ResidencyPicture(report.residency, title)


def report_html(report):
    """Write a leak report as a table.

    Parameters
    ----------
    report : TokenReport
        From ``host.token_report()``.

    Returns
    -------
    html : str
        One row a line of the program.
    """
    rows = [(str(group.line), str(group.sock), str(group.binding), f"{group.tokens:,}", said_octets(group.octets),
             f"{group.buffers:,}", said_age(group.oldest_ns).removeprefix("the oldest for ").removeprefix("of "))
            for group in report.groups]
    heads = ["received at", ("connection", ""), ("binding", ""), ("tokens held", "counted"), ("octets", "counted"),
             ("buffers", "counted"), ("the oldest for", "modelled")]
    caption = f"{report.held:,} tokens are held" if report.held else "No token is held."
    note = f"{len(report.lives):,} tokens were handed out as far as the trace goes" if len(report.lives) else ""
    return html_table(caption, heads, rows, note)
