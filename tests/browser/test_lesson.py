"""The first lesson, opened in JupyterLab as a learner opens it: run, turned, and looked at in light and dark."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

NOTEBOOK = "00_the_problem.ipynb"
RUN_ALL = "async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
READY = """() => {
    const shown = window.jupyterapp?.shell.currentWidget;
    const kernel = shown?.sessionContext?.session?.kernel;
    return shown?.content?.widgets?.length > 1 && shown.context.isReady && kernel?.status === 'idle';
}"""
FLOW, PLOT = 'img[alt^="Where every byte went"]', 'img[alt*="(measured)"]'
STATUS = ".dml-control [role=status]"
PATIENCE_MS = 300_000


class Lesson:
    """The open notebook, and what its page complained about."""

    def __init__(self, page, folder):
        self.page, self.folder, self.complaints = page, folder, []
        page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def count(self, selector):
        return self.page.locator(selector).count()

    def command(self, name, **arguments):
        self.page.evaluate("([name, args]) => window.jupyterapp.commands.execute(name, args)", [name, arguments])

    def status_becomes(self, words):
        try:
            self.page.wait_for_function(
                "([where, words]) => document.querySelector(where)?.textContent.startsWith(words)",
                arg=[STATUS, words],
                timeout=60_000,
            )
        except Exception:
            self.page.screenshot(path=self.folder / "stuck.png")
            focus = self.page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
            pytest.fail(
                f"the control says {self.page.locator(STATUS).inner_text()!r} and not {words!r}; the focus is on {focus}"
            )

    def shot(self, name, selector, number=0):
        where = self.page.locator(selector).nth(number)
        where.scroll_into_view_if_needed()
        self.page.wait_for_timeout(200)
        self.page.screenshot(path=self.folder / f"{name}.png")


@pytest.fixture(scope="module")
def lesson(browser, jupyterlab, tmp_path_factory):
    address, token = jupyterlab
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(60_000)
    opened = Lesson(page, tmp_path_factory.mktemp("screenshots"))
    page.goto(f"{address}/lab/tree/{NOTEBOOK}?token={token}&reset")
    page.wait_for_function(READY, timeout=PATIENCE_MS)
    opened.before = {what: opened.count(f".jp-OutputArea {what}") for what in (FLOW, PLOT, "table caption")}
    page.evaluate(RUN_ALL)
    yield opened
    page.close()


def test_it_shows_its_pictures_before_anything_is_run_or_trusted(lesson):
    assert lesson.before == {FLOW: 2, PLOT: 1, "table caption": 5}


def test_every_cell_runs_without_an_error(lesson):
    prompts = lesson.page.locator(".jp-CodeCell .jp-InputArea-prompt").all_inner_texts()
    assert prompts and all(text.strip("[]: \n").isdigit() for text in prompts), prompts
    assert lesson.count('[data-mime-type="application/vnd.jupyter.error"]') == 0
    assert lesson.count('[data-mime-type="application/vnd.jupyter.stderr"]') == 0


def test_the_picture_the_table_and_the_plot_are_shown(lesson):
    page = lesson.page
    for picture in (FLOW, PLOT):
        assert page.locator(picture).first.evaluate("image => image.naturalWidth") >= 800
    assert lesson.count(".jp-RenderedHTMLCommon table caption") >= 2
    too_wide = page.evaluate("""() => [...document.querySelectorAll('.jp-OutputArea-output')]
        .filter(area => area.scrollWidth > area.clientWidth + 1)
        .map(area => `${area.scrollWidth} in ${area.clientWidth}: ${area.dataset.mimeType} ${area.innerText.slice(0, 60)}`)""")
    assert too_wide == [], "an output is wider than its place"


def test_the_control_shows_what_the_cells_have_set(lesson):
    lesson.status_becomes("MTU 9000, buffer 64KiB")
    assert lesson.count(".dml-control svg[role=img]") == 1
    assert lesson.count(".dml-control svg title") == 1
    lesson.page.wait_for_selector(".dml-control [data-guarded=true]", state="attached")


def test_the_keyboard_turns_the_control_and_nothing_else(lesson):
    page, cells = lesson.page, lesson.count(".jp-Cell")
    page.locator(".dml-control button", has_text="1500").focus()
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    lesson.status_becomes("MTU 1500, buffer 64KiB")
    while page.evaluate("document.activeElement.tagName") != "SELECT":
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    lesson.status_becomes("MTU 1500, buffer 1MiB")
    page.keyboard.press("ArrowDown")
    lesson.status_becomes("MTU 1500, buffer 8MiB")
    page.keyboard.press("Tab")
    before = int(page.locator(".dml-control [data-runs]").get_attribute("data-runs"))
    page.keyboard.press("Space")
    page.wait_for_selector(f'.dml-control [data-runs="{before + 1}"]', timeout=PATIENCE_MS)
    assert lesson.count(".jp-Cell") == cells, "a key went past the control and changed the notebook"


def test_the_mouse_turns_the_control(lesson):
    lesson.page.locator(".dml-control button", has_text="9000").click()
    lesson.status_becomes("MTU 9000, buffer 8MiB")
    lesson.page.locator(".dml-control select").select_option("64MiB")
    lesson.status_becomes("MTU 9000, buffer 64MiB")


def test_it_can_be_read_in_light_and_in_dark(lesson):
    page = lesson.page
    paper = {}
    for theme in ("Light", "Dark"):
        lesson.command("apputils:change-theme", theme=f"JupyterLab {theme}")
        page.wait_for_selector(f'body[data-jp-theme-name="JupyterLab {theme}"]', state="attached")
        page.wait_for_timeout(500)
        for name, selector, number in (
            ("story", ".jp-MarkdownCell", 1),
            ("result", ".jp-RenderedHTMLCommon caption", 0),
            ("flow", FLOW, 0),
            ("plot", PLOT, 0),
            ("host", ".dml-table", 4),
            ("control", ".jp-CodeCell:has(.dml-control) .jp-InputArea", 0),
            ("picture", ".dml-control svg", 0),
        ):
            lesson.shot(f"{theme.lower()}-{name}", selector, number)
        paper[theme] = page.locator(".dml-control svg > rect").first.evaluate("paper => getComputedStyle(paper).fill")
        ink = page.locator(".dml-control svg text").first.evaluate("text => getComputedStyle(text).fill")
        assert contrast(paper[theme], ink) >= 7, (theme, paper[theme], ink)
    assert paper["Light"] != paper["Dark"]


def contrast(one, other):
    """Contrast ratio of two CSS colours, as WCAG 2 computes it."""

    def light(colour):
        parts = [float(part) for part in colour[colour.index("(") + 1 : -1].replace(",", " ").replace("/", " ").split()][:3]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in parts)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_page_had_nothing_to_complain_about(lesson):
    assert lesson.complaints == []
