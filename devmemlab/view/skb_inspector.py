"""The skb inspector: the queues of a connection at any moment, and one skb of them in all its parts.

Law.   Whoever is picked stays picked while the film goes on; picking with a key does what a click does.
Reads. skb_film.py, skb_stage.py; static/skbs.js.
Omits. skbs that wait nowhere: between card and TCP they are looked at with ``host.inspect(skb)``.
"""

import traitlets

from devmemlab.view.player import Player, with_own
from devmemlab.view.skb_film import picked_version, skb_film
from devmemlab.view.skb_stage import drawn_versions, messages, skb_stage


class SkbInspector(Player):
    """The skbs of a connection, to be played and looked into.

    Parameters
    ----------
    moments : sequence of Moment, or SkbWatch
        From `devmemlab.lab.skb_watch`.
    title : str, optional
        Above.
    picked : int
        Whose life is looked at: the first skb that ever waited has 1; 0: whichever waits first.
    **options
        See `devmemlab.view.player.Player`.

    Attributes
    ----------
    picked : int
        As given; a click sets it, and so may a cell.
    """

    _esm = with_own("skbs.js")
    picked = traitlets.Int(0).tag(sync=True)

    def __init__(self, moments, title=None, picked=0, **options):
        film = skb_film(getattr(moments, "moments", moments), title)
        facts, bottom = drawn_versions(film)
        film.facts |= {**facts, **messages(), "bottom": bottom}
        self._now = picked
        super().__init__(film, lambda film, position: skb_stage(film, position, self._now), **options)
        self.picked = picked

    @traitlets.observe("picked")
    def _looked_at(self, change):
        self._now = change["new"]

    @property
    def skb(self):
        """Inspection or None: the skb that is looked at, as it is at this position."""
        version, _ = picked_version(self.film, self.position, self.picked)
        return self.film.versions[version - 1][1] if version else None

    @property
    def answers(self):
        """dict of int to str: rule -> what it would get from this skb."""
        version, _ = picked_version(self.film, self.position, self.picked)
        return dict(self.film.versions[version - 1][2]) if version else {}

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        version, _ = picked_version(self.film, self.position, self.picked)
        return self.film.words(self.position) + (f"\n  {self.film.facts['said'][version - 1]}" if version else "")
