"""Controls of the control lessons: where flows land, and where a restart fails.

Law.   A control calls the same function that a cell would; a value set by a cell does what a click does.
Reads. controls.py, for how a control is made here and why.
Omits. A machine of its own that stays: each choice is played from the beginning.
"""

import ipywidgets

from devmemlab.lab import scenes_control as scenes
from devmemlab.lab.restart_trial import FAILS, restart_trial
from devmemlab.view.memory_controls import Turned
from devmemlab.view.restart_picture import DESIGNS, RestartPicture
from devmemlab.view.steering import steering

QUEUES = (2, 4, 8)
SPREADS = {"over all queues": 0, "all but the last": 1}
RULES = {"no rule": False, "a rule for port 5201": True}


def _choices(options, value, tooltips, width):
    """Make buttons of which one is down.

    Parameters
    ----------
    options : dict of str to object
        Words -> value.
    value : object
        The first one down.
    tooltips : sequence of str
        For each.
    width : str
        Of each.

    Returns
    -------
    buttons : ipywidgets.ToggleButtons
        Also turned by Tab and Enter.
    """
    return ipywidgets.ToggleButtons(options=list(options.items()), value=value, tooltips=tooltips, style={"button_width": width},
                                    layout=ipywidgets.Layout(width="auto", flex="0 0 auto"))


def _list(options, value, words, width):
    """Make a list to choose from, with its words in front."""
    return ipywidgets.Dropdown(options=options, value=value, description=words, style={"description_width": "initial"},
                               layout=ipywidgets.Layout(width=width))


class SteeringControl(Turned):
    """Choose how a card steers 64 flows, of which 8 want the device memory that its last queue runs on.

    Parameters
    ----------
    queues : int
        To begin with, one of ``QUEUES``.
    spare : int
        0: the table spreads over all queues; 1: it leaves the last one out.
    rule : bool
        Whether a rule takes port 5201 to the last queue.

    Attributes
    ----------
    queues, spare, rule : ipywidgets widgets
        What is chosen; their ``value`` may be set from a cell.
    commands : str
        What an administrator types for that.
    """

    def __init__(self, queues=8, spare=0, rule=False):
        self.queues = _list(QUEUES, queues, "queues", "9em")
        self.spare = _choices(SPREADS, spare, ["the table names every queue", "the table leaves the bound queue out"], "11em")
        self.rule = _choices(RULES, rule, ["the hash decides about every flow", "port 5201 goes to the last queue"], "12em")
        super().__init__([self.queues, self.spare, self.rule])

    def _make(self):
        count = self.queues.value
        lines = [f"ethtool -X eth1 equal {count - self.spare.value}"]
        lines += [f"ethtool -N eth1 flow-type tcp4 dst-port {scenes.DEVICE_PORT} action {count - 1}"] if self.rule.value else []
        self.commands = "\n".join(lines)
        made = scenes.card(count, trace=False)
        bound = scenes.bind(made.host, count - 1)
        made.host.sh(self.commands)
        picture = steering(made.host, scenes.flows())
        made.lab.close()
        bound.device.close()
        return picture

    @property
    def text(self):
        """What was typed, and how many flows are where they should be."""
        wrong = {kind: sum(count[kind] for count in self.picture.counts) for kind in ("device", "copied", "dropped")}
        ways = next(words for words, value in SPREADS.items() if value == self.spare.value)
        return (f"{self.queues.value} queues, {ways}, {'a rule' if self.rule.value else 'no rule'}: of 8 flows that want device "
                f"memory {wrong['device']} have it, {wrong['copied']} do not; of 56 others {wrong['dropped']} get EFAULT")


class RestartControl(Turned):
    """Choose where the restart of a queue fails, and see what the kernel calls and what is left.

    Parameters
    ----------
    fails : str
        To begin with, one of ``FAILS``.
    design : str
        ``"queue"``, or ``"device"``: the design before.

    Attributes
    ----------
    fails, design : ipywidgets widgets
        What is chosen; their ``value`` may be set from a cell.
    trial : Trial
        From `devmemlab.lab.restart_trial.restart_trial`.
    """

    def __init__(self, fails="nothing", design="queue"):
        self.fails = _list([(words, name) for name, words in FAILS.items()], fails, "what fails", "24em")
        self.design = _choices({"one queue": "queue", "the whole device": "device"}, design, list(DESIGNS.values()), "11em")
        super().__init__([self.fails, self.design])

    def _make(self):
        self.trial = restart_trial(self.fails.value, self.design.value)
        return RestartPicture(self.trial)

    @property
    def text(self):
        """The end of it in a sentence."""
        trial = self.trial
        lost = sum(trial.sent - got for got in trial.got)
        return (f"{FAILS[trial.fails]}, {DESIGNS[trial.design]}: queue 2 ends on {trial.after[2]}; "
                f"{lost} of {trial.sent * len(trial.got)} packets lost")
