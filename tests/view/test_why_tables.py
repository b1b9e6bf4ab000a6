"""Answers, questions, faults and errors as tables: all that the text says; a control runs nothing before it is answered."""

import xml.etree.ElementTree as ET

import pytest

import devmemlab as dml
from devmemlab.lab.faults.break_it import FAULTS
from devmemlab.lab.why.answer import Answer, Event, Finding
from devmemlab.view import displays
from devmemlab.view.fault_controls import BROKEN, MENDED, UNSAID

pytest.importorskip("ipywidgets")


@pytest.fixture(autouse=True)
def attached():
    displays.attach()


def words(html):
    """All text of a display, and its tables' rows."""
    root = ET.fromstring(f"<all>{html}</all>")
    rows = [["".join(cell.itertext()) for cell in line] for line in root.iter("tr")]
    return " ".join(root.itertext()), rows


def test_an_answer_shows_its_chain_its_fix_and_what_else():
    late = Finding("late", "it was <late>", "hurry", (Event(1_500_000, "it began", "trace"), Event(None, "it stands", "ss")))
    text, rows = words(Answer("x", [late, Finding("gone", "it was gone", "", (), True), late._replace(key="low")])._repr_html_())
    assert ["1.500 ms", "it began", "trace"] in rows and ["now", "it stands", "ss"] in rows
    for said in ("x: it was <late>", "Do: hurry", "Also: it was <late>", "Over: it was gone"):
        assert said in text
    text, _ = words(Answer("x", [], [Event(None, "fine", "ss")])._repr_html_())
    assert "nothing is wrong" in text and "Do:" not in text


def test_a_question_shows_no_answer_before_one_is_given():
    one = dml.break_it("small_control")
    text, rows = words(one._repr_html_())
    assert [row[0] for row in rows[1:]] == list("abcd") and {row[2] for row in rows[1:]} == {""}
    assert one.fault.told not in text and "font-weight" not in one._repr_html_()
    wrong = next(letter for letter in "abcd" if letter != one.fault.answer)
    text, rows = words(one.predict(wrong)._repr_html_())
    marks = {row[0]: row[2] for row in rows[1:]}
    assert marks[wrong] == "you said so" and marks[one.fault.answer] == "this happens"
    assert text.count("this happens") == 1 and one.fault.told in text and "recvmsg: errno 525 once" in text and "No." in text
    one.close()


def test_the_tables_have_every_fault_and_every_error():
    text, rows = words(dml.break_it()._repr_html_())
    assert [row[0] for row in rows[1:]] == list(FAULTS) and all(fault.fix in text for fault in FAULTS.values())
    found = dml.explain_errno(17)
    _, rows = words(found._repr_html_())
    assert [row[0] for row in rows[1:]] == ["17 EEXIST"] * len(found) and rows[1][1] == "bind-rx"


def test_the_control_asks_runs_remembers_and_mends():
    control = dml.FaultControl("no_flag")
    asked = control._page.value
    assert control.text == "MSG_SOCK_DEVMEM left out: What does it get?" and control.why is None and control.said == {}
    assert FAULTS["no_flag"].told not in asked and control._line.text == control.text
    control.answer.value = FAULTS["no_flag"].answer
    assert control.text == "MSG_SOCK_DEVMEM left out: right" and control.why.key == "flag-missing"
    assert FAULTS["no_flag"].told in control._page.value and control.said == {"no_flag": FAULTS["no_flag"].answer}
    runs = control._line.runs
    control.state.value = MENDED
    assert control.text.endswith("mended; the symptom is gone") and control.why.ok and control._line.runs == runs + 1
    control.fault.value = "xdp"
    assert control.answer.value == UNSAID and control.state.value == BROKEN and control.why is None
    control.fault.value = "no_flag"
    assert control.answer.value == FAULTS["no_flag"].answer and control.text.endswith("right"), "the answer is kept"
    bundle, _ = control._repr_mimebundle_()
    assert bundle["text/html"] == control._page.value and bundle["text/plain"] == repr(control)
    words(bundle["text/html"])
