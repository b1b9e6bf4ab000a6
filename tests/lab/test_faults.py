"""Faults: each shows its symptom, is called by its name by somebody who does not know it, and is mended by its fix."""

from collections import Counter

import pytest

import devmemlab as dml
from devmemlab.lab.faults.break_it import AREAS, FAULTS, BreakIt, catalogue, turned
from devmemlab.lab.faults.fault import LETTERS, healthy

BRIEF = {"split_off", "xdp", "leak", "sums_off", "no_rule", "unbound", "small_control", "loss"}
"""Those that every mode plays."""
EACH = [pytest.param(fault, id=name, marks=pytest.mark.every_mode if name in BRIEF else ()) for name, fault in FAULTS.items()]


@pytest.mark.parametrize("fault", EACH)
def test_each_fault_is_seen_explained_and_mended(fault):
    job = fault.broken()
    assert fault.shows(job), "the symptom is not there"
    answer = job.lab.why(fault.ask(job))
    assert not answer.ok and answer.key == fault.key, answer
    assert answer.cause and answer.fix and answer.chain and all(event.what and event.source for event in answer.chain)
    now_ns = job.lab.clock.now_ns
    assert all(event.at_ns is None or 0 <= event.at_ns <= now_ns for event in answer.chain)
    assert job.lab.why(fault.ask(job)).text == answer.text, "asking changes nothing"
    job = fault.mend(job)
    assert not fault.shows(job), job.seen()
    answer = job.lab.why(fault.ask(job))
    assert answer.ok, answer
    job.receiver.audit()
    job.close()


@pytest.mark.once
@pytest.mark.parametrize("run", sorted({fault.whole for fault in FAULTS.values()}, key=lambda run: run.__qualname__),
                         ids=lambda run: run.__name__)
def test_without_the_fault_there_is_neither_symptom_nor_complaint(run):
    job = run()
    for fault in FAULTS.values():
        if fault.whole is run:
            assert not fault.shows(job) and job.lab.why(fault.ask(job)).ok, (fault.name, job.lab.why(fault.ask(job)))
    assert job.received == job.stream and not job.errors
    job.close()


def test_there_are_many_and_each_is_a_question_with_one_answer():
    assert len(FAULTS) >= 20 and len(AREAS) == 4 and len({fault.title for fault in FAULTS.values()}) == len(FAULTS)
    for fault in FAULTS.values():
        assert 3 <= len(fault.choices) <= 4 == len(LETTERS) and len(set(fault.choices)) == len(fault.choices), fault.name
        assert fault.right and fault.told and fault.fix and fault.switch and fault.source and fault.question.endswith("?")
    letters = Counter(fault.answer for fault in FAULTS.values())
    assert set(letters) == set(LETTERS) and max(letters.values()) < len(FAULTS) / 2, "the letter gives the answer away"
    for fault in FAULTS.values():
        again = turned(fault)
        assert again.right == fault.right and sorted(again.choices) == sorted(fault.choices)


def test_a_prediction_is_kept_then_the_outcome_shown():
    one = dml.break_it("no_flag")
    assert one.right is None and one.job is None and "predict" in one.text and one.fault.told not in one.text
    wrong = next(letter for letter in LETTERS if letter != one.fault.answer)
    told = one.predict(f" {wrong.upper()} ")
    assert told is one and one.said == wrong and one.right is False and "<- you" in one.text
    assert f"no: {one.fault.answer})" in one.text and "recvmsg: errno 14 once" in one.text
    job = one.job
    one.predict(one.fault.answer)
    assert one.job is job and one.right and "right." in one.text, "it is run once"
    assert one.why().key == "flag-missing" and one.symptom
    seen = one.mend()
    assert seen["octets"] == "34,752 of 34,752" and not one.symptom and one.mend() == seen and one.why().ok
    assert one.seen["octets"] == "0 of 34,752", "what was seen stays as it was seen"
    one.close()
    BreakIt("leak").close()


def test_two_runs_are_the_same():
    first, second = (dml.break_it("damage") for _ in range(2))
    assert first.seen == second.seen and first.why().text == second.why().text
    first.close()
    second.close()


def test_wrong_names_and_letters_are_refused():
    with pytest.raises(ValueError, match="no_rule"):
        dml.break_it("no such thing")
    for letter in ("", "e", "ab", 1, None):
        with pytest.raises(ValueError, match="one of a"):
            dml.break_it("xdp").predict(letter)


def test_the_catalogue_has_all_of_them_without_running_any():
    rows = dml.break_it()
    assert rows == catalogue() and [row.name for row in rows] == list(FAULTS)
    text = str(rows)
    assert all(row.switch in text and row.happens in text and row.fix in text for row in rows)


@pytest.mark.once
def test_the_healthy_job_is_whole():
    job = healthy()
    assert job.whole and job.seen() == {"octets": "34,752 of 34,752", "ms": job.seen()["ms"]}
    job.close()
