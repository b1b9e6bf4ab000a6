"""The control of the lesson that breaks things: a bad wire, a program that keeps tokens, and what comes of the two together.

Law.   A control calls the same function that a cell would; a value set by a cell does what a click does.
Reads. memory_controls.py, for what every such control has.
Omits. Sizes of pool and ring: a cell has them.
"""

from devmemlab.lab import scenes_break
from devmemlab.view.cascade import cascade
from devmemlab.view.memory_controls import Turned, _buttons
from devmemlab.view.nic_controls import _choose

LOSSES = {"none": 0.0, "1 %": 0.01, "5 %": 0.05}
KEPT = (0, 16, 32, 48, 56, 64)
MESSAGES = (100, 1448)


class BreakControl(Turned):
    """Choose what is wrong, and see which link of the chain gives way.

    Parameters
    ----------
    give : str
        When tokens are given back, to begin with; one of `devmemlab.lab.scenes_break.POLICIES`.
    keep, message : int
        Tokens that the program keeps, and octets of a message.
    loss : str
        Frames that the wire loses, one of ``LOSSES``.

    Attributes
    ----------
    give, keep, message, loss : ipywidgets widgets
        What is chosen; their ``value`` may be set from a cell.
    verdict : str
        What came of it.
    """

    def __init__(self, give="oldest", keep=0, message=1448, loss="none"):
        tips = [f"the program gives back {words}" for words in scenes_break.POLICIES.values()]
        self.give = _buttons([(f"gives back: {name}", name) for name in scenes_break.POLICIES], give, tips, "13em")
        self.keep = _choose(KEPT, keep, "tokens kept", "11em")
        self.message = _choose(MESSAGES, message, "octets of a message", "15em")
        self.loss = _choose(tuple(LOSSES), loss, "frames lost", "12em")
        super().__init__([self.give, self.keep, self.message, self.loss])

    def _make(self):
        harm = {"loss": LOSSES[self.loss.value]}
        run = scenes_break.start(message=self.message.value, keep=self.keep.value, give=self.give.value, harm=harm).go()
        self.verdict = run.verdict
        title = (f"140 messages of {self.message.value:,} octets; {self.keep.value} tokens kept, gives back: {self.give.value}; "
                 f"lost: {self.loss.value}")
        picture = cascade(run, title)
        run.close()
        return picture

    @property
    def text(self):
        """What was chosen and what came of it, in a sentence."""
        return (f"gives back: {self.give.value}, tokens kept {self.keep.value}, messages of {self.message.value}, "
                f"lost: {self.loss.value}: {self.verdict}")
