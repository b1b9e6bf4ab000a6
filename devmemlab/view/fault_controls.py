"""The control of faults: choose one, say what you expect, see what happened and why, and mend it.

Law.   A control calls the same functions that a cell would; nothing is run before an answer is given.
Reads. memory_controls.py, for what every such control has.
Omits. A picture: words wrap, and can be read aloud.
"""

import ipywidgets

from devmemlab.lab.faults.break_it import FAULTS, BreakIt
from devmemlab.lab.faults.fault import LETTERS
from devmemlab.view.controls import Announcer
from devmemlab.view.memory_controls import _buttons
from devmemlab.view.nic_controls import _choose
from devmemlab.view.why_tables import answer_html, question_html, wrapped

UNSAID, BROKEN, MENDED = "?", "broken", "mended"


class FaultControl(ipywidgets.VBox):
    """Predict the symptom of any fault.

    Parameters
    ----------
    fault : str
        To begin with; one of the names of ``dml.break_it()``.

    Attributes
    ----------
    fault, answer, state : ipywidgets widgets
        What is chosen; their ``value`` may be set from a cell.
    said : dict of str to str
        Your answers, by fault.
    why : devmemlab.lab.why.answer.Answer or None
        What the lab says of the present state; None before you have answered.
    """

    def __init__(self, fault="leak"):
        self.fault = _choose([(f"{one.title} ({name})", name) for name, one in FAULTS.items()], fault, "what is wrong", "30em")
        self.answer = _buttons([(letter, letter) for letter in (UNSAID, *LETTERS)], UNSAID,
                               ["not answered yet", *(f"answer {letter}" for letter in LETTERS)], "4em")
        self.state = _buttons([(word, word) for word in (BROKEN, MENDED)], BROKEN,
                              ["as it was broken", "after the fix, where it stands"], "7em")
        self._line, self._page, self.said, self._turning = Announcer(), ipywidgets.HTML(), {}, False
        row = ipywidgets.Box([self.fault, self.answer, self.state],
                             layout=ipywidgets.Layout(display="flex", flex_flow="row wrap", align_items="center",
                                                      grid_gap="4px 16px"))
        super().__init__([row, self._line, self._page])
        self.add_class("dml-quiz")
        self.fault.observe(self._another, "value")
        for chooser in (self.answer, self.state):
            chooser.observe(self._changed, "value")
        self.run()

    def _another(self, change):
        """Begin with another fault, and with the answer that was given before."""
        self._turning = True
        self.answer.value, self.state.value = self.said.get(self.fault.value, UNSAID), BROKEN
        self._turning = False
        self.run()

    def _changed(self, change):
        if not self._turning:
            self.run()

    def run(self):
        """Show the question, or what came of it.

        Returns
        -------
        text : str
            What is announced.
        """
        one, answer, self.why = BreakIt(self.fault.value), self.answer.value, None
        html, text = question_html(one), f"{one.fault.title}: {one.fault.question}"
        if answer != UNSAID:
            self.said[self.fault.value] = answer
            one.predict(answer)
            html, text = question_html(one), f"{one.fault.title}: {'right' if one.right else 'no, ' + one.fault.answer}"
            if self.state.value == MENDED:
                seen = one.mend()
                html += wrapped(f"Mended: {one.fault.fix}", ["what", "is seen"], list(seen.items()))
                text += ", mended" + ("; the symptom is still there" if one.symptom else "; the symptom is gone")
            self.why = one.why()
            html += answer_html(self.why)
            one.close()
        self._html, self.text = html, text
        self._page.value, self._line.text = html, text
        self._line.runs += 1
        return text

    def _repr_mimebundle_(self, **options):
        bundle = super()._repr_mimebundle_(**options)
        bundle = dict(bundle[0] if isinstance(bundle, tuple) else bundle or {})
        return bundle | {"text/html": self._html, "text/plain": repr(self)}, {}

    def __repr__(self):
        return f"{type(self).__name__}: {self.text}"
