"""What an attempt did, as a picture: what was there, what was wanted, what came, one above the other.

Law.   The lanes share one axis, so that what differs does not line up; colours stand beside letters and textures.
Reads. Lanes of devmemlab.lab.exercises: numbers and words.
Omits. Cases after the first wrong one.
"""

import base64
from html import escape

from devmemlab.view import theme
from devmemlab.view.still import WIDTH, Still, css
from devmemlab.view.svg import document, element, prefix_of, text_width
from devmemlab.view.tables import html_table

NAMES_WIDTH, LANE, HIGH = 176, 34, 24
YOURS = {"right": "yours", "wrong": "yours", "not yet": "the blank"}


def _fitting(text, room, size=11):
    """Shorten a text to a width."""
    if text_width(text, size) <= room:
        return text
    while text and text_width(text + "…", size) > room:
        text = text[:-1]
    return text + "…" if len(text) > 1 else ""


def lanes_of(result):
    """Collect the lanes of a result.

    Parameters
    ----------
    result : devmemlab.lab.exercises.checking.Result
        From ``exercise.check()``.

    Returns
    -------
    lanes : list of (str, list of Cell)
        What stands to the left, and the boxes.
    """
    exercise, step = result.exercise, result.step
    if step is None:
        return []
    there = exercise.given(step.before, step.call) if exercise.given else []
    meant = {name: step.wanted.arrays.get(name, []) + values[len(step.wanted.arrays.get(name, [])):]
             for name, values in step.before.items()}
    wanted = exercise.lanes(step.before, step.call, step.wanted.returned, meant)
    came = exercise.lanes(step.before, step.call, step.returned, step.after)
    named = [(lane.name, lane.cells) for lane in there]
    for title, drawn in (("wanted", wanted), (YOURS[result.status], came)):
        named += [(f"{title}: {lane.name}" if lane.name else title, lane.cells) for lane in drawn]
    return named


class ExercisePicture(Still):
    """What an attempt did.

    Parameters
    ----------
    result : devmemlab.lab.exercises.checking.Result
        From ``exercise.check()``.
    """

    def __init__(self, result):
        self.title = result.title
        self.lanes = lanes_of(result)
        self.unit = result.exercise.unit
        self.case = result.step.case if result.step else ""
        told = ["; ".join(cell.label or f"{cell.length}" for cell in cells) or "nothing" for _, cells in self.lanes]
        self.text = f"{self.title}\nCase: {self.case}\n" + "\n".join(
            f"{name}: {words}" for (name, _), words in zip(self.lanes, told))

    def _lane(self, prefix, name, cells, scale, y):
        """Draw one lane."""
        parts = [element("text", _fitting(name, NAMES_WIDTH - 14), x=8, y=y + 16, class_="small strong")]
        x = float(NAMES_WIDTH)
        for cell in cells:
            if cell.length <= 0:
                continue
            width = max(cell.length * scale, 1.5)
            fill = theme.texture(prefix, cell.role) if cell.role else "none"
            parts.append(element("rect", x=x, y=y, width=width, height=HIGH, fill=fill, stroke=theme.colour("ink"),
                                 stroke_width=0.8))
            label = _fitting(cell.label, width - 4, 10)
            if label:
                parts.append(element("text", label, x=x + width / 2, y=y + 16, class_="mid tiny halo"))
            x += width
        return "".join(parts)

    def _body(self, prefix):
        longest = max((sum(cell.length for cell in cells) for _, cells in self.lanes), default=1) or 1
        scale = (WIDTH - NAMES_WIDTH - 12) / longest
        parts = [element("text", _fitting(self.title, WIDTH - 16, 14), x=8, y=22, class_="strong big"),
                 element("text", _fitting(f"case: {self.case}", WIDTH / 2), x=8, y=42, class_="quiet small"),
                 element("text", _fitting(self.unit, WIDTH / 2 - 20), x=WIDTH - 12, y=42, class_="end quiet small")]
        y = 56
        for name, cells in self.lanes:
            parts.append(self._lane(prefix, name, cells, scale, y))
            y += LANE
        return "".join(parts), y + 6

    def svg(self, paper="page"):
        """Draw it.

        Parameters
        ----------
        paper : str
            As for every still.

        Returns
        -------
        svg : str
            Stands alone.
        """
        prefix = prefix_of(type(self).__name__, self.text)
        body, bottom = self._body(prefix)
        return document(self.title, self.text, WIDTH, bottom, theme.textures(prefix) + body, css(paper), theme.SCOPE)


def picture(result):
    """Draw what an attempt did.

    Parameters
    ----------
    result : devmemlab.lab.exercises.checking.Result
        From ``exercise.check()``.

    Returns
    -------
    picture : ExercisePicture
        Of the first wrong case; of the first case where all are right.
    """
    return ExercisePicture(result)


def result_html(result):
    """Show a result: the verdict, the numbers of the first wrong case, the picture.

    Parameters
    ----------
    result : devmemlab.lab.exercises.checking.Result
        From ``exercise.check()``.

    Returns
    -------
    html : str
        One element.
    """
    parts = [f"<p><b>{escape(result.title)}</b>" + (f"<br>{escape(result.complaint)}" if result.complaint else "") + "</p>"]
    if result.rows():
        parts.append(html_table("The call that went wrong", ["what", "numbers"], [list(row) for row in result.rows()]))
    if result.step is not None:
        drawn = ExercisePicture(result)
        octets = base64.b64encode(drawn.svg().encode()).decode()
        parts.append(f'<img alt="{escape(drawn.text)}" src="data:image/svg+xml;base64,{octets}" style="max-width:100%">')
    return f'<div class="dml-exercise">{"".join(parts)}</div>'
