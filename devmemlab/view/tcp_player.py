"""The player of a connection: its ladder, its sequence numbers and its pages, moved together.

Law.   What is played is what was recorded at the two ends; without a recording nothing is made up.
Reads. tcp_film.py, tcp_stage.py, page_ranges.py; devmemlab.lab.segments.
Omits. Several connections at once: one is chosen.
"""

from devmemlab.lab.segments import Conversation, conversation
from devmemlab.view.ladder_rows import SHAPES, colour
from devmemlab.view.page_ranges import page_ranges
from devmemlab.view.player import Player, with_own
from devmemlab.view.tcp_film import LOOKS, main_side, tcp_film
from devmemlab.view.tcp_plot import Plot
from devmemlab.view.tcp_stage import make_stage
from devmemlab.view.time_sequence import TimeSequence


class TcpPlayer(Player):
    """One connection, to be played.

    Parameters
    ----------
    conversation : Conversation
        From `devmemlab.lab.segments.conversation`.
    pieces, calls : sequence of Piece, sequence of Call
        From `devmemlab.view.page_ranges.page_ranges`.
    title : str, optional
        Above.
    **options
        See `devmemlab.view.player.Player`.

    Attributes
    ----------
    conversation, pieces : Conversation, list of Piece
        The same.
    """

    _esm = with_own("ladder.js")

    def __init__(self, conversation, pieces=(), calls=(), title=None, **options):
        self.conversation, self.pieces = conversation, list(pieces)
        film = tcp_film(conversation, pieces, calls, title)
        film.facts |= {"shapes": SHAPES, "styles": {look: colour(look) for look in LOOKS}}
        sequence = TimeSequence(conversation)
        film.columns |= Plot(sequence, film).columns
        super().__init__(film, make_stage(sequence), **options)

    def page_of(self, octet):
        """Tell in which page an octet of the stream lies at this position.

        Parameters
        ----------
        octet : int
            Relative number; the first one of the stream is 1.

        Returns
        -------
        page, phase : int, str
            The page that was filled last with it, and ``"socket"``, ``"token"`` or ``"ring"`` (it was given back); -1 and an
            empty text when the octet has not come yet.
        """
        found = (-1, "")
        for piece, steps in zip(self.film.pieces, self.film.phases):
            phases = [name for event, name in steps if event < self.position]
            if piece.seq <= octet < piece.end and phases and (found[1] in ("", "ring") or phases[-1] != "ring"):
                found = (piece.page, phases[-1])
        return found


def tcp_player(source, connection=0, pages=None, title=None, **options):
    """Play the segments of a connection, its sequence numbers, and the pages in which they lie.

    Parameters
    ----------
    source : Lab, Record, Capture, Burst, a pair of them, or Conversation
        See `devmemlab.lab.segments.conversation`.
    connection : int
        Which, in order of appearance.
    pages : Host, optional
        Whose pages are shown; of a Lab it is the receiver, when it has a trace.
    title : str, optional
        Above.
    **options
        ``position`` and ``speed`` to begin with.

    Returns
    -------
    player : TcpPlayer
        An animation in a notebook, a picture where no kernel runs.
    """
    told = source if isinstance(source, Conversation) else conversation(source, connection)
    side = main_side(told.segments)
    if pages is None and hasattr(source, "hosts"):
        pages = next((host for host in source.hosts if host.name == told.ends[1 - side] and host.trace is not None), None)
    pieces, calls = page_ranges(told, side, pages) if pages is not None else ((), ())
    return TcpPlayer(told, pieces, calls, title, **options)
