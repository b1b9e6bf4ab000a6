"""A control to scrub through a recorded run: the heat map plays in the page, and where it stops the lab itself is rebuilt.

Law.   The grid is what the trace says, event by event; the tables are the lab's own, as they were between two moves.
Reads. player.py and heat_film.py for the film; devmemlab.lab.journey for the lab.
Omits. Tables while it plays: the kernel hears where it is when it stops. Without a kernel they stay as they were.
"""

import ipywidgets

from devmemlab.view.controls import Announcer
from devmemlab.view.film import spell_time
from devmemlab.view.heat_film import heat_film
from devmemlab.view.heat_map import heat_map
from devmemlab.view.network_tables import sockets_html
from devmemlab.view.still import STATES
from devmemlab.view.svg import shown
from devmemlab.view.tables import COUNTED, html_table

MANY = 8
"""Events of the move that is going on that are listed."""


def event_words(one):
    """Spell an event of a journey.

    Parameters
    ----------
    one : dict
        Of ``journey.happened(...)``.

    Returns
    -------
    text : str
        Host, name, arguments.
    """
    rest = " ".join(f"{name}={value}" for name, value in one.items() if name not in ("host", "at_ns", "name"))
    return f"{one['host']}: {one['name']} {rest}".rstrip()


class TimeControl(ipywidgets.VBox):
    """Scrub through a journey: the film above, the lab's tables at that moment below.

    Parameters
    ----------
    journey : Journey
        It is taken along: ``journey.lab`` is what is shown.
    host : str, optional
        Whose device memory; the first host that has a binding when left out.
    event : int, optional
        To begin with, a number for ``journey.at``; the end when left out.
    over : str
        ``"event"`` plays one event after another, ``"time"`` at the pace of virtual time.

    Attributes
    ----------
    player : HeatFilm
        The film; its ``position`` may be set from a cell.
    journey : Journey
        As given.

    Raises
    ------
    ValueError
        No host has device memory.
    """

    def __init__(self, journey, host=None, event=None, over="event"):
        self.journey = journey
        journey.at(-1 if event is None else event)
        wanted = journey.event
        journey.at(-1)
        self._host = host or next((name for name, one in journey.hosts.items() if one.mem.backing), None)
        if self._host is None:
            raise ValueError("no host of this run has device memory, so there is no heat map; look at journey.at(...) itself")
        self.player = heat_film(journey.hosts[self._host], over=over)
        # The film leaves out what moves no buffer; an event of the journey belongs to the last one of the film before it.
        numbers = journey.numbers(self._host)
        self._events = numbers[self.player.film.number.clip(0)]
        self._line, self._page = Announcer(), ipywidgets.HTML()
        super().__init__([self.player, self._line, self._page])
        self.add_class("dml-time")
        self.player.observe(self._moved, "position")
        self.show(wanted)

    def _moved(self, change):
        self._look(int(self._events[self.player.position - 1]) if self.player.position else self.journey.first)

    def show(self, event):
        """Go to an event.

        Parameters
        ----------
        event : int
            For ``journey.at``; the film shows the last buffer that had moved by then.
        """
        event = self.journey.clamp(event)
        with self.hold_trait_notifications():
            self.player.unobserve(self._moved, "position")
            self.player.position = int((self._events <= event).sum())
            self.player.observe(self._moved, "position")
        self._look(event)

    def _look(self, event):
        """Rebuild the lab there, and show it."""
        self.journey.at(event)
        self._page.value = self.html
        self._line.text = self.text.partition("\n")[0]
        self._line.runs += 1

    @property
    def rows(self):
        """list of tuple of str: what is shown of the tables, name and value."""
        journey, host = self.journey, self.journey.hosts[self._host]
        heat = heat_map(host)
        rows = [("virtual time", spell_time(journey.lab.clock.now_ns)), ("event", f"{journey.event:,} of {journey.events:,}")]
        rows += [(f"{host.name}: net_iovs, {STATES[name].meaning}", f"{count:,}") for name, count in heat.counts.items()
                 if count or name != "out"]
        active = [ctl for ctl in host.rxqs.ctl[:len(host.rxqs.ctl)] if ctl.active]
        rows += [(f"{host.name}: queue {int(ctl.index)}, buffers that the card has", f"{int(ctl.tail - ctl.used)}")
                 for ctl in active]
        rows += [(f"{host.name}: frames without a descriptor", f"{sum(int(ctl.rx_hw_drop_overruns) for ctl in active):,}")]
        return rows

    @property
    def html(self):
        """str: the tables at this moment."""
        journey = self.journey
        inside = journey.inside
        tables = [html_table("The lab at this moment", ["what", ("value", COUNTED)], self.rows)]
        if inside:
            lines = [(f"{journey.event - len(inside) + k + 1:,}", event_words(one)) for k, one in enumerate(inside)]
            tables.append(html_table("And the move that is going on; the tables above do not show it yet", ["event", "what"],
                                     lines[-MANY:], f"{len(lines) - MANY} more before these." if len(lines) > MANY else ""))
        tables += [sockets_html(host.ss()).replace("Sockets (ss -tai)", f"{name}: sockets (ss -tai)")
                   for name, host in journey.hosts.items()]
        return "".join(tables)

    @property
    def text(self):
        """The moment in words: one line, then the tables."""
        journey = self.journey
        last = journey.happened(journey.event - 1, journey.event)
        head = f"event {journey.event:,} of {journey.events:,}, {spell_time(journey.lab.clock.now_ns)}: {event_words(last[0])}"
        return "\n".join([head, *(f"  {name}: {value}" for name, value in self.rows)])

    def _repr_mimebundle_(self, **options):
        bundle = super()._repr_mimebundle_(**options)
        bundle = dict(bundle[0] if isinstance(bundle, tuple) else bundle or {})
        data, metadata = shown(self.player.svg(), self.player.text)
        data["text/html"] = data.get("text/html", "") + self.html
        return bundle | data | {"text/plain": repr(self)}, metadata

    def __repr__(self):
        return f"TimeControl: {self.text}"
