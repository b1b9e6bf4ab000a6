"""A restart as a picture: what the kernel called, what each queue runs on before and after, and what that cost.

Law.   Calls stand in the order in which they were made; a call that failed carries the name of its errno.
Reads. devmemlab.lab.restart_trial.
Omits. How long a call took: only the time that queues stand still is modelled.
"""

from devmemlab.base.errno import name_of
from devmemlab.lab.restart_trial import FAILS
from devmemlab.view import theme
from devmemlab.view.steering import marked
from devmemlab.view.still import WIDTH, Still
from devmemlab.view.svg import element, text_width

DESIGNS = {"queue": "one queue is restarted", "device": "the whole device is reset"}
ROLES = {"pages": ("host", "H"), "dead": ("dropped", "X")}
ROW = 26


def said(call):
    """Say a call in words.

    Parameters
    ----------
    call : Call
        From a trial.

    Returns
    -------
    words : str
        ``"start new 2"``, ``"stop 2: ENOMEM"``.
    """
    memory = call.memory if call.what in ("start", "mem_free") else ""
    failed = f": {name_of(call.errno)}" if call.errno else ""
    return " ".join(part for part in (call.what, memory, str(call.queue)) if part) + failed


class RestartPicture(Still):
    """What came of one bind.

    Parameters
    ----------
    trial : Trial
        From `devmemlab.lab.restart_trial.restart_trial`.
    """

    def __init__(self, trial):
        self.trial = trial
        self.title = f"Binding queue 2 when {DESIGNS[trial.design]}; fault: {FAILS[trial.fails]}"
        answer = f"{name_of(trial.errno)}: {trial.msg}" if trial.errno else "a binding"
        self.answer = f"The program gets {answer}."

    @property
    def cost(self):
        """The cost in a sentence."""
        cost = self.trial.cost
        if cost is None:
            return "No queue was stopped, no packet lost."
        stood = (cost.end_ns - cost.begin_ns) / 1e6
        return (f"In {stood:g} ms (modelled): queues stopped {cost.queues_stopped}, packets lost {cost.packets_lost}, "
                f"buffers taken out of rings {cost.buffers_returned}, posted anew {cost.buffers_posted} (counted).")

    @property
    def text(self):
        """The same in words: for screen readers, terminals and pages without pictures."""
        trial = self.trial
        lines = [self.title, "  calls: " + ", ".join(map(said, trial.calls)), f"  {self.answer}"]
        lines += [f"  queue {queue}: {was}, then {now}; took {got} of {trial.sent} packets"
                  for queue, (was, now, got) in enumerate(zip(trial.before, trial.after, trial.got))]
        return "\n".join([*lines, f"  {self.cost}", *(f"  log: {line}" for line in trial.log)])

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
                 element("text", "what the kernel called, and for which queue", x=8, y=44, class_="small strong")]
        y = self._calls(parts, prefix, 54)
        parts.append(element("text", self.answer, x=8, y=y + 18))
        y = self._queues(parts, prefix, y + 48)
        parts.append(element("text", self.cost, x=8, y=y + 12, class_="small"))
        for line in self.trial.log:
            y += 18
            parts.append(element("text", f"log: {line.partition('WARNING: ')[2]}", x=8, y=y + 12, class_="small"))
        return "".join(parts), y + 26

    def _calls(self, parts, prefix, y):
        """Draw a box for each call, in as many rows as it takes; gives where they end."""
        x = 8
        for call in self.trial.calls:
            words = said(call)
            width = text_width(words, 11) + (30 if call.errno else 12)
            if x + width > WIDTH - 8:
                x, y = 8, y + 24
            parts.append(element("rect", x=x, y=y, width=width, height=20, fill="none", rx=3,
                                 stroke=theme.colour("ink"), stroke_width=2 if call.errno else 0.8))
            if call.errno:
                parts.append(marked(prefix, "dropped", "X", x, y, height=20))
            parts.append(element("text", words, x=x + (24 if call.errno else 6), y=y + 14, class_="small"))
            x += width + 6
        return y + 24

    def _queues(self, parts, prefix, y):
        """Draw the queues before and after; gives where they end."""
        trial = self.trial
        for x, head in ((8, "queue"), (60, "before"), (200, "after"), (340, f"packets taken, of {trial.sent}")):
            parts.append(element("text", head, x=x, y=y - 6, class_="small strong"))
        room = 240
        for queue, (was, now, got) in enumerate(zip(trial.before, trial.after, trial.got)):
            parts.append(element("text", str(queue), x=20, y=y + 14, class_="strong"))
            for x, memory in ((60, was), (200, now)):
                role, letter = ROLES.get(memory, ("device", "D"))
                parts.append(marked(prefix, role, letter, x, y, height=20))
                parts.append(element("text", memory, x=x + 27, y=y + 14, class_="small"))
            parts.append(element("rect", x=340, y=y + 1, width=max(room * got / trial.sent, 1), height=17,
                                 fill=theme.texture(prefix, "wire"), stroke=theme.colour("ink"), stroke_width=0.8))
            lost = f"{got}" + (f", {trial.sent - got} lost" if got < trial.sent else "")
            parts.append(element("text", lost, x=348 + room * got / trial.sent, y=y + 14, class_="small"))
            y += ROW
        return y + 4
