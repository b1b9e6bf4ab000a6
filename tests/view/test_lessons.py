"""The lessons as files: thin, fresh, the same for everybody, and worth looking at without a kernel."""

import ast
import copy
import json
import statistics

import pytest

from devmemlab.base.paths import checkout, data_folder, notebooks_folder
from devmemlab.commands.notebooks import FIRST

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("jupytext")

from devmemlab.view import build_notebooks as building  # noqa: E402  (needs what is checked for above)

LESSONS = sorted(notebooks_folder().glob("*.py"))
NAMES = [path.stem for path in LESSONS]
lessons = pytest.mark.parametrize("source", LESSONS, ids=NAMES)


def stored(source):
    return nbformat.read(source.with_suffix(".ipynb"), 4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_is_a_first_lesson():
    assert NAMES and NAMES[0] == "00_the_problem" and FIRST == "quickstart.ipynb" and "quickstart" in NAMES


@lessons
def test_the_notebook_is_made_of_its_source(source):
    said = building.first_difference(
        building.comparable(stored(source), outputs=False), building.comparable(building.read_source(source), outputs=False)
    )
    assert said is None, f"{source.name} was edited: run python -m devmemlab.view.build_notebooks ({said})"


@pytest.mark.long
@pytest.mark.compiled_only
@lessons
def test_running_the_source_gives_the_notebook(source):
    said = building.first_difference(building.comparable(stored(source)), building.comparable(building.build(source)))
    assert said is None, said


@lessons
def test_cells_are_thin(source):
    lengths = [len(cell.source.splitlines()) for cell in code(stored(source))]
    assert max(lengths) <= 20 and statistics.median(lengths) <= 6


@lessons
def test_cells_define_nothing_but_policies_and_are_not_magic(source):
    for cell in code(stored(source)):
        if {"policy", "exercise"} & set(cell.metadata.get("tags", [])):
            continue
        defined = [
            node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda))
        ]
        assert not defined, cell.source


@lessons
def test_stored_outputs_are_scrubbed_and_whole(source):
    notebook = stored(source)
    assert set(notebook.metadata) == {"kernelspec", "language_info"} and "version" not in notebook.metadata.language_info
    assert [cell.id for cell in notebook.cells] == [f"c{i:03d}" for i in range(len(notebook.cells))]
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    text = json.dumps(notebook)
    assert building.WIDGET_VIEW not in text and "widget-state" not in text
    kinds = [output.output_type for cell in code(notebook) for output in cell.outputs]
    assert "error" not in kinds
    assert not [o for cell in code(notebook) for o in cell.outputs if o.get("name") == "stderr"]


@lessons
def test_pictures_have_words(source):
    outputs = [output for cell in code(stored(source)) for output in cell.outputs if "data" in output]
    pictures = [(output, kind) for output in outputs for kind in output.data if kind.startswith("image/")]
    assert pictures
    for output, kind in pictures:
        assert len(output.metadata[kind]["alt"]) > 100 and output.data["text/plain"]
        assert output.data["text/html"].startswith('<img alt="')


@lessons
def test_times_stand_only_in_cells_that_may_differ(source):
    for cell in code(stored(source)):
        if building.MAY_DIFFER not in cell.metadata.get("tags", []):
            said = json.dumps([output.get("text", "") or output.get("data", {}) for output in cell.outputs])
            assert "(measured)" not in said and "GB/s" not in said, cell.source


@lessons
def test_a_page_without_a_kernel_shows_everything(source):
    exporters = pytest.importorskip("nbconvert.exporters")
    html, _ = exporters.HTMLExporter().from_notebook_node(stored(source))
    assert html.count('src="data:image/svg+xml') >= 2 and "No description has been provided" not in html


def test_scrubbing_twice_changes_nothing_more():
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(
                "1",
                outputs=[nbformat.v4.new_output("display_data", {"text/plain": "x", building.WIDGET_VIEW: {"model_id": "17"}})],
                metadata={"execution": {"shell.execute_reply": "now"}, "tags": ["t"]},
            )
        ]
    )
    notebook.metadata["widgets"] = {"state": {}}
    once = copy.deepcopy(building.scrub(notebook))
    assert building.scrub(notebook) == once
    assert once.cells[0].outputs[0].data == {"text/plain": "x"} and once.cells[0].metadata == {"tags": ["t"]}
    assert "widgets" not in once.metadata


def test_what_was_printed_in_pieces_is_one_output():
    pieces = [("stdout", "a"), ("stdout", "b"), ("stderr", "c"), ("stdout", "d")]
    outputs = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in pieces]
    outputs.insert(2, nbformat.v4.new_output("display_data", {"text/plain": "x"}))
    notebook = building.scrub(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=outputs)]))
    assert [output.get("text") for output in notebook.cells[0].outputs] == ["ab", None, "c", "d"]


def cells(*sources, tags=(), outputs=()):
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}) for source in sources]
    )
    for cell in made.cells:
        cell.outputs = [nbformat.v4.new_output("stream", text=text) for text in outputs]
    return building.comparable(made)


def test_differences_are_found_and_named():
    assert building.first_difference(cells("1"), cells("1")) is None
    assert building.first_difference(cells("1"), cells("1", "2")) == "it has 1 cells instead of 2"
    assert building.first_difference(cells("1"), cells("2")) == "cell 0 has another source: '1' instead of '2'"
    assert "another tags" in building.first_difference(cells("1"), cells("1", tags=["x"]))
    assert "another outputs" in building.first_difference(cells("1", outputs=["a"]), cells("1", outputs=["b"]))
    tagged = {"tags": [building.MAY_DIFFER]}
    assert building.first_difference(cells("1", outputs=["a"], **tagged), cells("1", outputs=["b"], **tagged)) is None


@pytest.mark.compiled_only
def test_the_picture_of_the_readme_is_what_the_code_draws():
    assert (data_folder() / "flow.svg").read_text(encoding="utf-8") == building.readme_picture()


@pytest.mark.skipif(checkout() is None, reason="only a checkout has a README")
def test_the_readme_shows_it_and_says_what_it_shows():
    readme = (checkout() / "README.md").read_text(encoding="utf-8")
    alt, _, target = readme.partition("![")[2].partition(")")[0].partition("](")
    assert target == "data/flow.svg" and len(alt) > 60
