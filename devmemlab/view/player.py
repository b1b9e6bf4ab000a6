"""The player: a widget that shows a film, and what stands for it where no kernel runs.

Law.   JavaScript owns the clock; Python ships the film once and never draws a frame. Without a kernel the picture is there.
Reads. anywidget: ``_esm`` is a text, so modules are joined when this one is imported; there is nothing to build.
Omits. What is drawn: a subclass gives a film and a scene.

A scene is an SVG drawn by Python. JavaScript changes in it what carries a mark: ``data-count`` (a number), ``data-level``
(a bar), ``data-cursor`` (how far we are), ``data-dots`` (things that travel along a path), ``data-cells`` (a grid),
``data-lanes`` (lives that follow one another), ``data-slide`` (an attribute that a column has for every position) and
``data-phases`` (states, each from an event on; the style sheet says how ``data-phase`` looks). A view with a drawing of its own
brings a module that adds to ``painters`` of scene.js.
"""

import pathlib
import re

import anywidget
import traitlets

from devmemlab.view.svg import save_svg, shown

STATIC = pathlib.Path(__file__).parent / "static"
MODULES = ("film.js", "clock.js", "cells.js", "lanes.js", "scene.js", "player.js")
SPEEDS = (0.25, 1.0, 4.0, 16.0, 64.0)


def bundle(names=MODULES):
    """Join modules into one.

    Parameters
    ----------
    names : sequence of str
        Files in ``static``; each may import from those before it. All their names share one scope.

    Returns
    -------
    text : str
        One module: imports are dropped, the last file's exports stay.
    """
    texts = [(STATIC / name).read_text(encoding="utf-8") for name in names]
    texts = [re.sub(r"^import .*?;\n", "", text, flags=re.M | re.S) for text in texts]
    return "\n".join([re.sub(r"^export (?!default)", "", text, flags=re.M) for text in texts[:-1]] + texts[-1:])


def with_own(*names):
    """Join the player's modules and some of a view's own.

    Parameters
    ----------
    *names : str
        Files in ``static``.

    Returns
    -------
    text : str
        For the ``_esm`` of a `Player`.
    """
    return bundle((*MODULES[:-1], *names, MODULES[-1]))


class Player(anywidget.AnyWidget):
    """A film that can be played, stopped, stepped through and looked at.

    Parameters
    ----------
    film : Film
        What happened.
    draw : callable
        Draws the scene of a position: ``draw(film, position)`` gives an SVG.
    position : int
        To begin with; negative numbers count from the end.
    speed : float
        One of `SPEEDS`.

    Attributes
    ----------
    position : int
        How many events have happened. What a cell sets, the page shows; while it plays, it tells when it stops.
    playing : bool
        A cell may start and stop it too.
    speed : float
        As many times as fast as the film's own rate.
    """

    _esm = bundle()
    _css = (STATIC / "player.css").read_text(encoding="utf-8")
    position = traitlets.Int(0).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    speed = traitlets.Float(1.0).tag(sync=True)
    scene = traitlets.Unicode("").tag(sync=True)
    facts = traitlets.Dict({}).tag(sync=True)
    octets = traitlets.Bytes(b"").tag(sync=True)

    def __init__(self, film, draw, position=-1, speed=1.0):
        self.film, self._draw = film, draw
        facts, octets = film.packed()
        position = film.clamp(position)
        super().__init__(position=position, speed=speed, facts={**facts, "speeds": SPEEDS}, octets=octets,
                         scene=draw(film, position))

    @traitlets.validate("position")
    def _in_the_film(self, proposal):
        return self.film.clamp(proposal["value"])

    @traitlets.validate("speed")
    def _one_of_the_speeds(self, proposal):
        if proposal["value"] not in SPEEDS:
            raise traitlets.TraitError(f"speed {proposal['value']} is none of {', '.join(map(str, SPEEDS))}")
        return proposal["value"]

    def step(self, events=1):
        """Go on, or back.

        Parameters
        ----------
        events : int
            How many; negative: back.

        Returns
        -------
        lines : list of str
            What happened last, the newest first.
        """
        self.position = min(max(self.position + events, 0), len(self.film))
        return self.film.log(self.position)

    @property
    def values(self):
        """dict of str to int: every count at this position."""
        return self.film.values(self.position)

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        return self.film.words(self.position)

    def svg(self, position=None):
        """Draw a position.

        Parameters
        ----------
        position : int, optional
            This one when left out.

        Returns
        -------
        svg : str
            Stands alone as a file and inside a page.
        """
        return self._draw(self.film, self.position if position is None else self.film.clamp(position))

    def save(self, path, position=None):
        """Write the picture of a position to a file.

        Parameters
        ----------
        path : str or pathlib.Path
            Its name; ``.svg`` is added where there is no ending.
        position : int, optional
            This one when left out.

        Returns
        -------
        path : pathlib.Path
            What was written.
        """
        return save_svg(self.svg(position), path)

    def _repr_mimebundle_(self, **options):
        made = super()._repr_mimebundle_(**options)
        made = dict(made[0] if isinstance(made, tuple) else made or {})
        data, metadata = shown(self.svg(), self.text)
        return made | data | {"text/plain": repr(self)}, metadata

    def __repr__(self):
        return self.text
