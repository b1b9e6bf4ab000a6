"""The same notebooks elsewhere: Notebook 7, Voila, and a page that no kernel stands behind."""

import importlib.util
import json
import re

import pytest

from devmemlab.base.paths import notebooks_folder

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

PATIENCE_MS = 600_000
LESSONS = [path.stem for path in sorted(notebooks_folder().glob("*.ipynb"))]
SOON = {"quickstart"}
"""The others are looked at with make test-long."""
RUN = [name if name in SOON else pytest.param(name, marks=pytest.mark.long) for name in LESSONS]
LOOKED = SOON | {"00_the_problem", "11_break_it"}
STATIC = [pytest.param(name, False, id=name, marks=[] if name in LOOKED else pytest.mark.long) for name in LESSONS]
STATIC += [pytest.param(name, True, id=f"{name}-dark") for name in sorted(SOON)]
DONE = """() => {
    const shown = window.jupyterapp?.shell.currentWidget;
    const kernel = shown?.sessionContext?.session?.kernel;
    return shown?.content?.widgets?.length > 1 && shown.context.isReady && kernel?.status === 'idle';
}"""
RUN_ALL = "async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
ALIVE = ".dml-control [role=status], .dml-quiz [role=status]"
STOP = "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }"


def stored(name):
    return json.loads((notebooks_folder() / f"{name}.ipynb").read_text(encoding="utf-8"))


def controls(name):
    """How many controls a lesson shows: each says so in words where no kernel is."""
    text = ["".join(output["data"].get("text/plain", "")) for cell in stored(name)["cells"]
            for output in cell.get("outputs", []) if "data" in output]
    return sum(bool(re.match(r"[A-Z]\w*Control: ", words)) for words in text)


def package(name):
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed: pip install 'devmemlab[lab]'")


def heard(message):
    """Whether it is a complaint: not that a font of somebody else's server cannot be had here."""
    return message.type == "error" and (message.location["url"].startswith("http://127.0.0.1")
                                        or "Failed to load resource" not in message.text)


@pytest.fixture
def opened(browser):
    pages = []

    def open_at(address, **options):
        page = browser.new_page(viewport={"width": 1280, "height": 900}, **options)
        page.set_default_timeout(120_000)
        complaints = []
        page.on("console", lambda message: heard(message) and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(f"{error} {error.stack}"))
        page.goto(address)
        pages.append(page)
        return page, complaints

    yield open_at
    for page in pages:
        page.close()


@pytest.mark.parametrize("name", RUN)
def test_notebook_7_runs_it(name, opened, jupyterlab, tmp_path, shots):
    package("notebook")
    address, token = jupyterlab
    page, complaints = opened(f"{address}/notebooks/{name}.ipynb?token={token}")
    page.wait_for_function(DONE, timeout=PATIENCE_MS)
    page.wait_for_timeout(1000)
    complaints.clear()  # Notebook 7.6 complains of a settings schema of its own whenever it starts, about an empty page too.
    page.evaluate(RUN_ALL)
    page.wait_for_function(DONE, timeout=PATIENCE_MS)
    page.wait_for_timeout(500)
    if shots:
        page.screenshot(path=tmp_path / f"notebook-{name}.png")
    prompts = page.locator(".jp-CodeCell .jp-InputArea-prompt").all_inner_texts()
    errors = page.locator('[data-mime-type="application/vnd.jupyter.error"]').count()
    alive = page.locator(ALIVE).count()
    page.evaluate(STOP)
    assert prompts and all(text.strip("[]: \n").isdigit() for text in prompts) and errors == 0
    assert alive == controls(name)
    assert complaints == []


@pytest.mark.parametrize("name", RUN)
def test_voila_renders_it(name, opened, jupyterlab, tmp_path, shots):
    """An application without code: what a class may look at and turn, but not edit."""
    package("voila")
    address, token = jupyterlab
    page, complaints = opened(f"{address}/voila/render/{name}.ipynb?token={token}")
    page.wait_for_function("() => document.body.dataset.voila === 'voila' && !document.querySelector('#loading')?.offsetParent",
                           timeout=PATIENCE_MS)
    if controls(name):
        page.wait_for_selector(ALIVE, timeout=PATIENCE_MS)
    if shots:
        page.screenshot(path=tmp_path / f"voila-{name}.png")
    said = page.locator("body").inner_text()
    assert "Traceback (most recent call last)" not in said
    assert page.locator(ALIVE).count() == controls(name)
    assert page.locator("h1").count() == 1 and page.locator(".jp-InputArea-editor").count() == 0
    assert complaints == []


@pytest.mark.parametrize("name, dark", STATIC)
def test_without_a_kernel_every_output_has_its_static_form(name, dark, opened, tmp_path, shots):
    exporters = pytest.importorskip("nbconvert.exporters")
    html, _ = exporters.HTMLExporter(theme="dark" if dark else "light").from_filename(str(notebooks_folder() / f"{name}.ipynb"))
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    page, _ = opened("about:blank", color_scheme="dark" if dark else "light")
    page.route(re.compile("^https?:"), lambda route: route.abort())
    page.goto((tmp_path / "page.html").as_uri(), wait_until="load")
    if shots:
        page.screenshot(path=tmp_path / f"static-{name}-{'dark' if dark else 'light'}.png")
    wanted = sum("".join(output.get("data", {}).get("text/html", "")).count("<img ") for cell in stored(name)["cells"]
                 for output in cell.get("outputs", []))
    shown = page.locator(".jp-OutputArea-output img").evaluate_all(
        "all => all.map(image => [image.naturalWidth, image.getBoundingClientRect().width, image.alt.length])")
    assert len(shown) >= max(wanted, 2)
    assert all(natural >= 300 and width >= 300 and words > 50 for natural, width, words in shown), shown
    said = page.locator("body").inner_text()
    assert "Error displaying widget" not in said and "Loading widget" not in said
    empty = [number for number, cell in enumerate(stored(name)["cells"]) for output in cell.get("outputs", [])
             if "data" in output and not {"text/html", "text/plain"} & set(output["data"])]
    assert empty == []
