"""Exercises: every checker accepts answers of different style, and rejects wrong ones made by one small change."""

import importlib.util
import linecache
import pathlib

import pytest
from numba import config as numba_config

import devmemlab as dml
from devmemlab.base.paths import checkout
from devmemlab.lab import exercises
from devmemlab.lab.exercises import attempt as attempts
from devmemlab.lab.exercises.checking import NOT_YET, RIGHT, WRONG

SOLUTIONS = checkout() / "notebooks" / "solutions" if checkout() else None
ANSWERS = pathlib.Path(__file__).parent / "answers"
pytestmark = pytest.mark.skipif(SOLUTIONS is None, reason="only a checkout has the solutions")


def load(path):
    spec = importlib.util.spec_from_file_location(f"answers_{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def made_of(source, exercise):
    world = {"__name__": "attempt"}
    exec(compile(source, f"<attempt at {exercise.name}>", "exec"), world)
    return [world[name] for name in exercise.functions]


def several(answer):
    return answer if isinstance(answer, (list, tuple)) else [answer]


def solution(name):
    return (SOLUTIONS / f"{name}.py").read_text(encoding="utf-8")


RIGHTS = [(name, i) for name in exercises.ORDER for i in range(len(load(ANSWERS / f"{name}.py").RIGHT))]
WRONGS = [(name, i) for name in exercises.ORDER for i in range(len(load(ANSWERS / f"{name}.py").MUTANTS))]


@pytest.mark.parametrize("name", exercises.ORDER)
def test_the_solution_is_right_interpreted_and_compiled(name):
    exercise = dml.exercise(name)
    result = exercise.check(*made_of(solution(name), exercise))
    assert result and result.status == RIGHT and result.total >= 20, result


@pytest.mark.once
@pytest.mark.parametrize("name, i", RIGHTS, ids=[f"{name}-{i}" for name, i in RIGHTS])
def test_another_answer_is_right(name, i):
    exercise = dml.exercise(name)
    result = exercise.check(*several(load(ANSWERS / f"{name}.py").RIGHT[i]), machine_code=False)
    assert result.status == RIGHT, result


@pytest.mark.once
@pytest.mark.parametrize("name, i", WRONGS, ids=[f"{name}-{i}" for name, i in WRONGS])
def test_a_mutant_is_rejected(name, i):
    exercise, source = dml.exercise(name), solution(name)
    old, new = load(ANSWERS / f"{name}.py").MUTANTS[i]
    assert source.count(old) == 1, f"{old!r} is {source.count(old)} times in the solution"
    result = exercise.check(*made_of(source.replace(old, new), exercise), machine_code=False)
    assert result.status == WRONG and result.complaint, result


@pytest.mark.parametrize("name", exercises.ORDER)
def test_there_are_enough_answers_of_both_kinds(name):
    data = load(ANSWERS / f"{name}.py")
    assert len(data.RIGHT) >= 2 and len(data.MUTANTS) >= 10 and len(set(data.MUTANTS)) == len(data.MUTANTS)


@pytest.mark.parametrize("name", exercises.ORDER)
def test_the_blank_is_not_yet(name):
    exercise = dml.exercise(name)
    result = exercise.check(*made_of("import devmemlab as dml\n\n\n" + exercise.blank, exercise), machine_code=False)
    assert result.status == NOT_YET and not result and "not yet" in repr(result)
    html = result._repr_html_()
    assert html == exercise.check(*made_of("import devmemlab as dml\n" + exercise.blank, exercise),
                                  machine_code=False)._repr_html_()
    assert html.count("data:image/svg+xml") == 1


@pytest.mark.parametrize("name", exercises.ORDER)
def test_the_specification_says_everything_that_is_needed(name):
    exercise = dml.exercise(name)
    text = exercise.specification.text
    assert text == dml.exercise(name)._repr_markdown_()
    for takes in exercise.functions.values():
        assert set(takes) <= set(exercise.arguments)
    assert all(f"`{argument}`" in text for argument in exercise.arguments) and text.count("\n- ") >= 4
    assert [case.name for case in exercise.cases()] == [case.name for case in dml.exercise(name).cases()]
    assert exercise.cases() == dml.exercise(name).cases()
    names = [case.name for case in exercise.cases()]
    assert len(set(names)) == len(names)
    hints = [exercise.hint().text for _ in range(len(exercise.hints) + 1)]
    assert len(set(hints)) == len(exercise.hints) >= 2 and hints[-1] == hints[-2]
    assert dml.exercise(name).hint().text == hints[0]


@pytest.mark.parametrize("name", exercises.ORDER)
def test_every_case_can_be_drawn(name):
    exercise = dml.exercise(name)
    for case in exercise.cases():
        call, before = case.calls[0], case.arrays
        wanted = exercise.twin({key: list(values) for key, values in before.items()}, call)
        for returned in (wanted.returned, None, -1, 1 << 40, 3):
            lanes = (exercise.given(before, call) if exercise.given else []) + exercise.lanes(before, call, returned, before)
            assert lanes and all(cell.length >= 0 and isinstance(cell.label, str) for lane in lanes for cell in lane.cells)


@pytest.mark.parametrize("garbage", [0, 7, -1, -(1 << 62), 1 << 62])
@pytest.mark.parametrize("name", exercises.ORDER)
def test_garbage_is_answered_and_drawn(name, garbage):
    exercise = dml.exercise(name)
    lines = ["import numpy as np"]
    for function, takes in exercise.functions.items():
        lines.append(f"def {function}({', '.join(takes)}):")
        lines += [f"    if isinstance({argument}, np.ndarray): {argument}[...] = {garbage}" for argument in takes]
        lines.append(f"    return {garbage}")
    result = exercise.check(*made_of("\n".join(lines), exercise), machine_code=False)
    assert result.status == WRONG and result.complaint in repr(result) and "yours" in result.picture().text
    assert len(result._repr_html_()) > 1000 and result.rows()


def test_every_room_of_the_order_is_there():
    chapters = {path.stem for path in pathlib.Path(exercises.__file__).parent.glob("*.py")}
    assert chapters - {"__init__", "case", "attempt", "checking", "puzzle", "grading"} == set(exercises.ORDER)
    assert {path.stem for path in SOLUTIONS.glob("*.py")} == set(exercises.ORDER)
    with pytest.raises(ValueError, match="there is no exercise 'x'; there are header_split"):
        dml.exercise("x")


def cut(text):
    exercise = dml.exercise("header_split")
    return exercise.check(*made_of(f"def header_cut(frame):\n    {text}\n", exercise), machine_code=False)


@pytest.mark.parametrize("text, said", [
    ("while True: pass", "was stopped after 1,000,000 instructions: does its loop end?"),
    ("return header_cut(frame)", "RecursionError"),
    ("return frame[len(frame)]", "stopped in line 2 of the function: IndexError"),
    ("return 1 // 0", "ZeroDivisionError"),
    ("return nowhere", "NameError"),
    ("pass", "returned nothing"),
    ("return 54.0", "returned 54.0, which is no integer"),
    ("return frame", "which is no integer"),
    ("frame[:] = 0; return 54", "frame[0] is 0 instead of 2, though this call changes nothing there"),
])
def test_whatever_an_attempt_does_is_told_in_a_sentence(text, said):
    result = cut(text)
    assert result.status == WRONG and said in result.complaint and "Traceback" not in repr(result)


def test_an_attempt_cannot_harm_the_cases_of_the_next():
    before = dml.exercise("header_split").cases()
    assert not cut("frame[:] = 0; return 54")
    assert dml.exercise("header_split").cases() == before


def test_what_is_no_kernel_of_the_right_shape_is_told():
    exercise = dml.exercise("header_split")
    assert "check() wants 1 kernels: header_cut" in exercise.check().complaint
    assert "not a function but int" in exercise.check(54).complaint
    assert "takes (a, b); the exercise calls it with (frame)" in exercise.check(lambda a, b: 1).complaint


@pytest.mark.compiled_only
def test_what_numba_cannot_compile_is_told():
    source = solution("header_split").replace("size = len(frame)", "size = len([octet for octet in frame])")
    exercise = dml.exercise("header_split")
    assert exercise.check(*made_of(source, exercise), machine_code=False)
    result = exercise.check(*made_of(source, exercise))
    assert result.status == WRONG and "Numba cannot compile it" in result.complaint


def test_a_kernel_runs_interpreted_first_with_the_kernels_that_it_calls():
    exercise, world = dml.exercise("header_split"), {}
    exec("import devmemlab as dml\n@dml.kernel\ndef forever(n):\n    while n:\n        n = n + 1\n    return n\n"
         "@dml.kernel\ndef header_cut(frame):\n    return forever(len(frame))\n", world)
    assert "does its loop end" in exercise.check(world["header_cut"]).complaint
    assert attempts.plain(world["header_cut"]) is not world["header_cut"]


def test_a_line_is_shown_when_there_is_a_source():
    name = "<a cell>"
    source = "def header_cut(frame):\n    return frame[10_000]\n"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    world = {}
    exec(compile(source, name, "exec"), world)
    assert "(return frame[10_000])" in dml.exercise("header_split").check(world["header_cut"], machine_code=False).complaint
    del linecache.cache[name]


def test_the_tracer_of_others_is_given_back():
    import sys

    def tracer(frame, event, argument):
        return None

    old = sys.gettrace()
    sys.settrace(tracer)
    try:
        cut("while True: pass")
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(old)


def test_the_picture_shows_what_was_wanted_beside_what_came():
    result = cut("return 50")
    drawn = result.picture()
    assert "wanted: headers: 54 octets" in drawn.text and "yours: headers: 50 octets" in drawn.text
    assert drawn.svg("light") != drawn.svg("dark") and drawn.svg().startswith("<svg")
    assert result.as_dict()["case"] == "plain IPv4" and "-22" not in result.complaint
    assert "cut" in repr(result) and ("wanted", "54") in result.rows()
    if numba_config.DISABLE_JIT:
        assert cut("return 50").complaint == result.complaint


def graded(*arguments):
    from click.testing import CliRunner

    from devmemlab.cli import main

    done = CliRunner().invoke(main, ["grade", *map(str, arguments), "--interpreted"])
    return done.exit_code, done.output


def notebook(path, *cells):
    import json

    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "outputs": [], "execution_count": None,
         "source": cell.splitlines(True)}
        for i, cell in enumerate(cells)]}))
    return path


def test_grading_the_solutions_says_that_all_are_right():
    status, said = graded(*sorted(SOLUTIONS.glob("*.py")))
    assert status == 0 and f"{len(exercises.ORDER)} attempts: {len(exercises.ORDER)} right, 0 wrong, 0 not yet." in said


def test_grading_a_notebook_runs_its_definitions_and_not_its_lesson(tmp_path):
    lesson = notebook(tmp_path / "a.ipynb", "%load_ext x\nimport devmemlab as dml\nraise SystemExit('the lesson was run')",
                      solution("toeplitz"), dml.exercise("guard").blank + "\ncheck_it()", "def broken(:", "MINE = 22",
                      dml.exercise("rss_table").blank.replace("return -38", "return -MINE"))
    status, said = graded(lesson)
    assert status == 1 and "1 of 3 right" in said and "cell 4: SyntaxError" in said and "cell 2" not in said
    assert "guard                not yet" in said and "rss_table            wrong     four queues: rss_table returned -22" in said
    assert graded(lesson, "--only", "toeplitz")[0] == 0
    assert graded(lesson, "--only", "ptr_ring")[0] == 1, "a file without an attempt is not a success"


def test_grading_tells_a_function_that_is_missing_and_writes_json(tmp_path):
    import json

    half = tmp_path / "half.py"
    half.write_text("import devmemlab as dml\n" + dml.exercise("ptr_ring").blank.partition("\n\n\n")[0])
    status, _ = graded(half, "--json", tmp_path / "out.json")
    told = json.loads((tmp_path / "out.json").read_text())
    assert status == 1 and told["summary"] == {"right": 0, "wrong": 1, "not yet": 0}
    assert told["files"][0]["rows"][0]["complaint"] == "ring_consume is missing"


def test_grading_wants_files_that_it_can_read(tmp_path):
    assert graded()[0] == 2 and graded(tmp_path / "nowhere.py")[0] == 2
    for name, text in (("a.txt", ""), ("b.ipynb", "{}"), ("c.ipynb", "no JSON")):
        (tmp_path / name).write_text(text)
        status, said = graded(tmp_path / name)
        assert status == 1 and said.startswith(f"devmemlab: {name}: ") and "Traceback" not in said


def test_a_wheel_carries_no_solutions():
    import tomllib

    project = tomllib.loads((checkout() / "pyproject.toml").read_text(encoding="utf-8"))
    assert "/notebooks/solutions" in project["tool"]["hatch"]["build"]["targets"]["wheel"]["exclude"]
