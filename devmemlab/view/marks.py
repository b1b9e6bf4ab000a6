"""Marks: the elements of a scene that the player moves, drawn as they are at one position.

Law.   What Python draws at a position is what JavaScript makes of the same scene when it goes there.
Reads. film.py; static/scene.js, which finds these marks.
Omits. Grids of cells: heat_film.py has the only one.
"""

from devmemlab.view import theme
from devmemlab.view.svg import element, number

HEAD = 8.0


def count(film, position, name, form="#", **attributes):
    """Draw a number.

    Parameters
    ----------
    film : Film
        Which has the track.
    position : int
        How many events have happened.
    name : str
        A track.
    form : str
        ``#`` stands for the number.
    **attributes
        See `devmemlab.view.svg.element`.

    Returns
    -------
    drawn : str
        A text.
    """
    return element("text", form.replace("#", f"{film.value(name, position):,}"), **attributes, data_count=name, data_form=form)


def level(film, position, name, full, box, axis="x", **attributes):
    """Draw a bar.

    Parameters
    ----------
    film : Film
        Which has the track.
    position : int
        How many events have happened.
    name : str
        A track.
    full : int
        The value at which the bar is full.
    box : tuple of float
        x, y, width and height of the full bar.
    axis : str
        ``"x"`` grows to the right, ``"y"`` upwards.
    **attributes
        See `devmemlab.view.svg.element`.

    Returns
    -------
    drawn : str
        A rectangle.
    """
    x, y, width, height = box
    full = max(int(full), 1)
    part = min(film.value(name, position) / full, 1.0)
    if axis == "y":
        return element("rect", x=x, y=y + height - part * height, width=width, height=part * height, **attributes,
                       data_level=name, data_full=full, data_axis="y", data_base=y + height, data_length=height)
    return element("rect", x=x, y=y, width=part * width, height=height, **attributes, data_level=name, data_full=full,
                   data_axis="x", data_base=x, data_length=width)


def route(points, name, mark, role, dashed=False):
    """Draw an arrow along which something travels.

    Parameters
    ----------
    points : sequence of (float, float)
        Its corners; the tip is the last.
    name : str
        The track whose events travel.
    mark : str
        A letter on each of them.
    role : str
        Their colour, a name of the theme.
    dashed : bool
        For what carries no octets.

    Returns
    -------
    drawn : str
        A line and its head.
    """
    (x1, y1), (x2, y2) = points[-2:]
    length = max(abs(x2 - x1) + abs(y2 - y1), 1.0)
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    corners = [*points[:-1], (x2 - ux * HEAD, y2 - uy * HEAD)]
    line = "L".join(f"{number(x)} {number(y)}" for x, y in corners)
    head = "L".join(f"{number(x)} {number(y)}" for x, y in (
        (x2, y2), (x2 - ux * HEAD - uy * 5, y2 - uy * HEAD + ux * 5), (x2 - ux * HEAD + uy * 5, y2 - uy * HEAD - ux * 5)))
    return (element("path", d=f"M{line}", fill="none", stroke=theme.colour("ink"), stroke_width=1.5,
                    stroke_dasharray="4 3" if dashed else None, data_dots=name, data_mark=mark, data_fill=theme.colour(role))
            + element("path", d=f"M{head}Z", fill=theme.colour("ink")))


def slide(film, position, name, attribute, tag="rect", content=None, **attributes):
    """Draw an element, one attribute of which a column has for every position.

    Parameters
    ----------
    film : Film
        Which has the column, one number longer than the film.
    position : int
        How many events have happened.
    name, attribute : str
        The column; and the attribute it is.
    tag, content : str, str or None
        See `devmemlab.view.svg.element`.
    **attributes
        The others.

    Returns
    -------
    drawn : str
        An element.
    """
    return element(tag, content, **{attribute: float(film.columns[name][position])}, **attributes, data_slide=name,
                   data_attr=attribute)


def phased(position, steps, tag="rect", content=None, **attributes):
    """Draw an element that has another look from certain events on.

    Parameters
    ----------
    position : int
        How many events have happened.
    steps : sequence of (int, str)
        Event and the name of a phase, in order; before the first the phase is an empty text, and the element is not seen.
    tag, content : str, str or None
        See `devmemlab.view.svg.element`.
    **attributes
        The others.

    Returns
    -------
    drawn : str
        An element; the style sheet says how its phases look.
    """
    now = ([""] + [name for event, name in steps if event < position])[-1]
    return element(tag, content, **attributes, data_phase=now, data_phases=" ".join(f"{event}:{name}" for event, name in steps))
