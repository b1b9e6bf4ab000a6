"""The explorer: a widget whose every state is known beforehand, so that it answers without a kernel.

Law.   What Python draws of a state is what JavaScript makes of the same scene when it goes there: both fill in one *look*.
Reads. player.py, whose sister this is: a film has a clock, an explorer has none.
Omits. What is looked at: a subclass has facts, a look and a scene.

A *look* is what a state fills into a scene: ``texts`` (name -> words), ``parts`` (name -> x and width of a rectangle), ``moves``
(name -> where a group is), ``on`` (name -> whether it is seen) and ``words``, the state in a few lines.
"""

import math
import pathlib

import anywidget
import traitlets

from devmemlab.view.player import STATIC, bundle
from devmemlab.view.svg import element, number, shown

STYLE = (STATIC / "player.css").read_text(encoding="utf-8").replace("dml-player", "dml-explorer")


def tidy(value):
    """Round as JavaScript does.

    Parameters
    ----------
    value : float
        Pixels.

    Returns
    -------
    value : float
        Two decimals; halves go up.
    """
    return math.floor(value * 100 + 0.5) / 100


def said(look, name, **attributes):
    """Write a text that a state fills in.

    Parameters
    ----------
    look : dict
        Of the state.
    name : str
        Which of its texts.
    **attributes
        See `devmemlab.view.svg.element`.

    Returns
    -------
    drawn : str
        A text.
    """
    return element("text", look["texts"][name], **attributes, data_text=name)


def part(look, name, y, height, **attributes):
    """Draw a rectangle as wide as a state says.

    Parameters
    ----------
    look : dict
        Of the state.
    name : str
        Which of its parts.
    y, height : float
        The rest of the rectangle.
    **attributes
        See `devmemlab.view.svg.element`.

    Returns
    -------
    drawn : str
        A rectangle.
    """
    x, width = map(tidy, look["parts"][name])
    return element("rect", x=x, y=y, width=width, height=height, **attributes, data_part=name)


def moved(look, name, body, **attributes):
    """Put a group where a state says.

    Parameters
    ----------
    look : dict
        Of the state.
    name : str
        Which of its moves.
    body : str
        Elements, drawn around (0, 0).
    **attributes
        See `devmemlab.view.svg.element`.

    Returns
    -------
    drawn : str
        A group.
    """
    x, y = map(tidy, look["moves"][name])
    return element("g", body, transform=f"translate({number(x)} {number(y)})", **attributes, data_move=name)


def seen(look, name, body):
    """Show a group in some states only.

    Parameters
    ----------
    look : dict
        Of the state.
    name : str
        Which of its switches.
    body : str
        Elements.

    Returns
    -------
    drawn : str
        A group.
    """
    return element("g", body, visibility="visible" if look["on"][name] else "hidden", data_on=name)


class Explorer(anywidget.AnyWidget):
    """Something to turn, and what becomes of it. A subclass has traits for its state, ``look`` and ``draw``.

    Parameters
    ----------
    facts : dict
        What the look is made of, JSON.
    **state
        Its own traits, to begin with.

    Attributes
    ----------
    facts : dict
        The same.
    scene : str
        The SVG that JavaScript fills in.
    """

    _css = STYLE
    scene = traitlets.Unicode("").tag(sync=True)
    facts = traitlets.Dict({}).tag(sync=True)

    def __init__(self, facts, **state):
        super().__init__(facts=facts, **state)

    def open(self):
        """Tell the page of it, the scene at once with everything else: a busy page draws before it hears a second message."""
        self.scene = self.svg()
        super().open()

    @property
    def look(self):
        """dict: what the state fills in."""
        raise NotImplementedError

    def draw(self, look):
        """Draw a scene.

        Parameters
        ----------
        look : dict
            What the state fills in.

        Returns
        -------
        svg : str
            With marks.
        """
        raise NotImplementedError

    @property
    def text(self):
        """The state in words: for screen readers, terminals and pages without pictures."""
        return self.look["words"]

    def svg(self):
        """Draw the state.

        Returns
        -------
        svg : str
            Stands alone as a file and inside a page.
        """
        return self.draw(self.look)

    def save(self, path):
        """Write the picture of the state to a file.

        Parameters
        ----------
        path : str or pathlib.Path
            Its name.

        Returns
        -------
        path : pathlib.Path
            The same.
        """
        path = pathlib.Path(path)
        path.write_text(self.svg() + "\n", encoding="utf-8")
        return path

    def _repr_mimebundle_(self, **options):
        made = super()._repr_mimebundle_(**options)
        made = dict(made[0] if isinstance(made, tuple) else made or {})
        data, metadata = shown(self.svg(), self.text)
        return made | data | {"text/plain": repr(self)}, metadata

    def __repr__(self):
        return self.text


def module(name):
    """Join the module of an explorer.

    Parameters
    ----------
    name : str
        Its file in ``static``.

    Returns
    -------
    text : str
        One module.
    """
    return bundle(("explorer.js", name))
