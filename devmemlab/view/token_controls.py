"""The control of the lesson on tokens: how a program returns them, and what its tokens' lives look like.

Law.   A control calls the same function that a cell would; a value set by a cell does what a click does.
Reads. memory_controls.py, for what every such control has.
Omits. Sizes of pool and ring: a cell has them.
"""

from devmemlab.lab import scenes_tokens
from devmemlab.view.memory_controls import Turned, _buttons
from devmemlab.view.nic_controls import _choose
from devmemlab.view.residency import residency_picture
from devmemlab.view.token_lines import token_lines

MESSAGES, PICTURES = (4, 8, 12, 16), ("time lines", "how long")


class TokenControl(Turned):
    """Choose how a program returns its tokens, and see what becomes of its buffers.

    Parameters
    ----------
    policy : str
        One of `devmemlab.lab.scenes_tokens.POLICIES`.
    messages : int
        How many it receives.
    picture : str
        ``"time lines"`` or ``"how long"``.

    Attributes
    ----------
    policy, messages, which : ipywidgets widgets
        What is chosen; their ``value`` may be set from a cell.
    held : int
        Tokens that are not returned at the end.
    """

    def __init__(self, policy="at once", messages=8, picture="time lines"):
        tips = [f"the program returns {words}" for words in scenes_tokens.POLICIES.values()]
        self.policy = _buttons([(f"returns: {name}", name) for name in scenes_tokens.POLICIES], policy, tips, "11em")
        self.messages = _choose(MESSAGES, messages, "messages", "10em")
        self.which = _choose(PICTURES, picture, "picture", "13em")
        super().__init__([self.policy, self.messages, self.which])

    def _make(self):
        scene = scenes_tokens.play(self.policy.value, self.messages.value)
        report = scene.host.token_report()
        self.held = report.held
        title = f"{self.messages.value} messages; the program returns {scenes_tokens.POLICIES[self.policy.value]}"
        picture = (token_lines(scene.host, title=title) if self.which.value == PICTURES[0]
                   else residency_picture(report, title))
        scenes_tokens.close(scene)
        return picture

    @property
    def text(self):
        """What was chosen and what came of it, in a sentence."""
        return f"{self.messages.value} messages, returned {self.policy.value}: {self.held} tokens are still held"
