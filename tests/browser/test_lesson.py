"""Lessons with a control, opened in JupyterLab as a learner opens them: run, turned, and looked at in light and dark."""

import re
from typing import NamedTuple

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

RUN_ALL = "async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
READY = """() => {
    const shown = window.jupyterapp?.shell.currentWidget;
    const kernel = shown?.sessionContext?.session?.kernel;
    return shown?.content?.widgets?.length > 1 && shown.context.isReady && kernel?.status === 'idle';
}"""
FLOW, PLOT = 'img[alt^="Where every byte went"]', 'img[alt*="(measured)"]'
HEAT, HELD = 'img[alt^="Where the net_iovs"]', 'img[alt^="Who holds what"]'
BARS, POOLS = 'img[alt^="What crosses each link"]', 'img[alt^="Where the buffers of each page_pool"]'
FRAME, BURST = 'img[alt*=" octets from 0: "]', 'img[alt^="96 frames at a ring"]'
RING = 'img[alt^="The ring of queue"]'
POOL_BARS, CAPTION = 'img[alt^="Bursts of"]', "table caption"
LANDED, TABLE, RESTART = 'img[alt^="Where 64 flows"]', 'img[alt^="The indirection table"]', 'img[alt^="Binding queue 2"]'
SKBS, QUEUED, TRIED = 'img[alt^="skb"]', 'img[alt^="The receive queue"]', 'img[alt^="Tried: "]'
LADDER, MACHINE = 'img[alt*="; times modelled"]', 'img[alt^="The states of a TCP"]'
SEQUENCE = 'img[alt*="one lost segment: numbers"]'
CASCADE = 'img[alt*=" of virtual time"]'
BUSES = 'img[alt^="Which link every octet crosses"]'
FLOW_FILM, POOL_FILM = 'img[alt^="The same frames, received"]', 'img[alt^="What moved in"]'
TCP_FILM, SKB_FILM, RESTART_FILM = 'img[alt*="  acknowledged by "]', 'img[alt^="Two holes"]', 'img[alt^="A bind of queue 2"]'
FILMS = {"00_the_problem": 1, "02_two_memories_and_a_ledger": 1, "04_page_pool_and_providers": 2,
         "05_rings_refill_header_split": 1, "07_skbs_nobody_may_read": 1, "08_tcp_on_headers_alone": 2,
         "09_tokens_recvmsg_dontneed": 1,
         "10_netlink_restart_unbind": 1, "14_ncdevmem_and_doctor": 1}
EXPLORERS = {"01_frames_and_where_to_cut": 1, "06_steering": 1}
TOKENS, USED = 'img[alt^="Tokens of connection"]', 'img[alt*="a token holds a whole buffer"]'
LIVES, HOW_LONG = 'img[alt^="Nine messages"]', 'img[alt^="How long tokens"]'
SENT, LATE = 'img[alt^="The way of the payload to"]', 'img[alt^="Written over after"]'
CONTROL = ".dml-control"
QUIZ, QUIZZES = ".dml-quiz", {"11_break_it": 1}
STATUS = ".dml-control [role=status]"
PATIENCE_MS = 300_000


class Lesson:
    """The open notebook, and what its page complained about."""

    def __init__(self, page, folder, shots):
        self.page, self.folder, self.shots, self.complaints = page, folder, shots, []
        self.shown_in = ("Light", "Dark") if shots else ()
        page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def count(self, selector):
        return self.page.locator(selector).count()

    def command(self, name, **arguments):
        self.page.evaluate("([name, args]) => window.jupyterapp.commands.execute(name, args)", [name, arguments])

    def status_becomes(self, words, where=STATUS):
        try:
            self.page.wait_for_function(
                "([where, words]) => document.querySelector(where)?.textContent.startsWith(words)",
                arg=[where, words],
                timeout=60_000,
            )
        except Exception:
            self.page.screenshot(path=self.folder / "stuck.png")
            focus = self.page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
            pytest.fail(
                f"the control says {self.page.locator(where).first.inner_text()!r} and not {words!r}; the focus is on {focus}"
            )

    def shot(self, name, selector, number=0):
        """For somebody's eyes: no test reads it."""
        if not self.shots:
            return
        where = self.page.locator(selector).nth(number)
        where.scroll_into_view_if_needed()
        self.page.wait_for_timeout(200)
        self.page.screenshot(path=self.folder / f"{name}.png")


def tab_to(lesson, tag, key="Tab"):
    for _ in range(20):
        if lesson.page.evaluate("document.activeElement.tagName") == tag:
            return
        lesson.page.keyboard.press(key)
    pytest.fail(f"{key} does not reach any {tag}")


def push(lesson, words):
    """Focus a button and press it, after a key that would insert a cell if it went past the control."""
    lesson.page.locator(f"{CONTROL} button", has_text=words).focus()
    lesson.page.keyboard.press("a")
    lesson.page.keyboard.press("Enter")


def press(lesson, key, says, where=STATUS):
    lesson.page.keyboard.press(key)
    lesson.status_becomes(says, where)


def keys_of_the_problem(lesson):
    push(lesson, "1500")
    lesson.status_becomes("MTU 1500, buffer 64KiB")
    tab_to(lesson, "SELECT")
    press(lesson, "ArrowDown", "MTU 1500, buffer 1MiB")
    press(lesson, "ArrowDown", "MTU 1500, buffer 8MiB")
    lesson.page.keyboard.press("Tab")
    before = int(lesson.page.locator(f"{CONTROL} [data-runs]").get_attribute("data-runs"))
    lesson.page.keyboard.press("Space")
    lesson.page.wait_for_selector(f'{CONTROL} [data-runs="{before + 1}"]', timeout=PATIENCE_MS)


def keys_of_two_memories(lesson):
    push(lesson, "the device alone")
    lesson.status_becomes("for the device alone")
    lesson.page.keyboard.press("Tab")
    press(lesson, "Enter", "for the CPU alone")


def keys_of_the_binding(lesson):
    push(lesson, "page by page")
    lesson.status_becomes("step 1: took offset 0. cached 15")
    tab_to(lesson, "SELECT")
    press(lesson, "ArrowUp", "step 1: took offset 61440")
    tab_to(lesson, "INPUT")
    press(lesson, "ArrowUp", "step 2: took offset 57344")
    press(lesson, "ArrowUp", "step 3: took offset 53248")
    press(lesson, "ArrowDown", "step 2: took offset 57344")


def keys_of_the_pool(lesson):
    push(lesson, "returned by the poll")
    lesson.status_becomes("bursts of 200, returned by the poll")
    tab_to(lesson, "SELECT", "Shift+Tab")
    press(lesson, "ArrowUp", "bursts of 100, returned by the poll")
    press(lesson, "ArrowDown", "bursts of 200, returned by the poll")


def keys_of_the_frame(lesson):
    push(lesson, "IPv4")
    lesson.status_becomes("IPv4, VLAN tags: 2, more in IP: 24 octets")
    tab_to(lesson, "SELECT")
    press(lesson, "ArrowUp", "IPv4, VLAN tags: 1")
    press(lesson, "ArrowUp", "IPv4, VLAN tags: 0")
    lesson.page.keyboard.press("Tab")
    press(lesson, "ArrowDown", "IPv4, VLAN tags: 0, more in IP: 40 octets")
    press(lesson, "ArrowUp",
          "IPv4, VLAN tags: 0, more in IP: 24 octets, TCP options: timestamps, 3 SACK blocks: cut behind octet 118")


def keys_of_the_ring(lesson):
    push(lesson, "device memory")
    lesson.status_becomes("device memory, ring 64, header buffer 64, hds-thresh 512: split 24, unsplit 64")
    tab_to(lesson, "SELECT")
    press(lesson, "ArrowUp", "device memory, ring 32")
    press(lesson, "ArrowDown", "device memory, ring 64")
    lesson.page.keyboard.press("Tab")
    press(lesson, "ArrowDown", "device memory, ring 64, header buffer 128")


def keys_of_steering(lesson):
    push(lesson, "over all queues")
    lesson.status_becomes("8 queues, over all queues, a rule: of 8 flows that want device memory 8 have it")
    tab_to(lesson, "SELECT", "Shift+Tab")
    press(lesson, "ArrowUp", "4 queues, over all queues, a rule")


def keys_of_the_skbs(lesson):
    push(lesson, "device memory")
    lesson.status_becomes("device memory, GRO off, 20 segments of 100, splice to a pipe: 0 octets, the end")
    tab_to(lesson, "SELECT")
    press(lesson, "ArrowDown", "device memory, GRO off, 20 segments of 536")
    press(lesson, "ArrowUp", "device memory, GRO off, 20 segments of 100")
    lesson.page.keyboard.press("Tab")
    press(lesson, "ArrowDown", "device memory, GRO off, 20 segments of 100, copy the whole skb: NULL")


def keys_of_the_restart(lesson):
    push(lesson, "one queue")
    lesson.status_becomes("the driver ignores the provider, one queue is restarted: queue 2 ends on pages; 0 of 32")
    tab_to(lesson, "SELECT", "Shift+Tab")
    press(lesson, "ArrowDown", "stop of the old queue, one queue")


def keys_of_tcp(lesson):
    push(lesson, "20 % late")
    lesson.status_becomes("loss 20 %, reordering 20 %, MTU 1500, 128 pages")
    tab_to(lesson, "SELECT")
    press(lesson, "ArrowUp", "loss 5 %, reordering 20 %, MTU 1500")
    press(lesson, "ArrowDown", "loss 20 %, reordering 20 %, MTU 1500")
    lesson.page.keyboard.press("Tab")
    press(lesson, "ArrowDown", "loss 20 %, reordering 20 %, MTU 9000")


def keys_of_breaking(lesson):
    push(lesson, "gives back: oldest")
    lesson.status_becomes("gives back: oldest, tokens kept 64, messages of 1448, lost: none: stuck")
    tab_to(lesson, "SELECT")
    press(lesson, "ArrowUp", "gives back: oldest, tokens kept 56, messages of 1448, lost: none: stuck")
    press(lesson, "ArrowUp", "gives back: oldest, tokens kept 48, messages of 1448, lost: none: whole after 1.8 ms")


def keys_of_tokens(lesson):
    push(lesson, "returns: peeks")
    lesson.status_becomes("12 messages, returned peeks: 12 tokens are still held")
    tab_to(lesson, "SELECT")
    press(lesson, "ArrowUp", "8 messages, returned peeks: 8 tokens are still held")


def keys_of_sending(lesson):
    push(lesson, "after a round trip")
    lesson.status_becomes("lost: the third frame; zerocopy, written over after a round trip")
    tab_to(lesson, "SELECT")
    press(lesson, "ArrowUp", "lost: the third frame; devmem, written over after a round trip")


def keys_of_ncdevmem(lesson):
    push(lesson, "MTU 1500")
    lesson.status_becomes("65536 octets, MTU 1500, buffers of 16384: exit status 0, 46 frags")
    tab_to(lesson, "SELECT")
    press(lesson, "ArrowUp", "8192 octets, MTU 1500, buffers of 16384")
    lesson.page.keyboard.press("Tab")
    press(lesson, "ArrowUp", "8192 octets, MTU 1500, buffers of 4096: exit status 0, 6 frags")


class Plan(NamedTuple):
    """What a lesson shows and how its control is turned: selectors with counts, words, keys, then (button, option, words)."""

    before: dict
    says: str
    keys: object
    button: str
    option: str
    becomes: tuple


PLANS = {
    "00_the_problem": Plan({FLOW: 2, PLOT: 1, CAPTION: 8, FLOW_FILM: 1}, "MTU 9000, buffer 64KiB", keys_of_the_problem,
                           "9000", "64MiB", ("MTU 9000, buffer 8MiB", "MTU 9000, buffer 64MiB")),
    "01_frames_and_where_to_cut": Plan({FRAME: 4}, "IPv6, VLAN tags: 2, more in IP: 24 octets, TCP options: timestamps, 3 SACK",
                                       keys_of_the_frame, "IPv6", None, ("IPv6, VLAN tags: 0",)),
    "02_two_memories_and_a_ledger": Plan({FLOW: 1, BARS: 2, BUSES: 1}, "for the CPU alone", keys_of_two_memories,
                                         "the CPU, then the device", None, ("for the CPU, then the device",)),
    "03_dmabuf_net_iov_binding": Plan({HEAT: 4, HELD: 2}, "step 1: took offset 0. cached 15", keys_of_the_binding,
                                      "one piece", "next", ("step 2: took offset 4096", "step 2: took offset 4096. cached 14")),
    "04_page_pool_and_providers": Plan({HEAT: 2, POOLS: 1, POOL_BARS: 1, POOL_FILM: 1}, "bursts of 200, returned by others",
                                       keys_of_the_pool, "returned by others", "64",
                                       ("bursts of 200, returned by others", "bursts of 64,")),
    "05_rings_refill_header_split": Plan({HEAT: 3, BURST: 1, RING: 2}, "pages, ring 64, header buffer 64, hds-thresh 512",
                                         keys_of_the_ring, "pages", None, ("pages, ring 64, header buffer 128",)),
    "06_steering": Plan({LANDED: 3, TABLE: 1}, "8 queues, all but the last, a rule", keys_of_steering,
                        "no rule", "2", ("4 queues, over all queues, no rule", "2 queues, over all queues, no rule")),
    "07_skbs_nobody_may_read": Plan({SKBS: 4, QUEUED: 3, TRIED: 1, CAPTION: 2, SKB_FILM: 1},
                                    "pages, GRO off, 20 segments of 100, splice",
                                    keys_of_the_skbs, "GRO on", None, ("device memory, GRO on, 20 segments of 100",)),
    "08_tcp_on_headers_alone": Plan({LADDER: 4, MACHINE: 1, SEQUENCE: 1, TCP_FILM: 2},
                                    "loss 20 %, reordering none, MTU 1500, 128 pages",
                                    keys_of_tcp, "in order", None, ("loss 20 %, reordering none, MTU 9000",)),
    "09_tokens_recvmsg_dontneed": Plan({LIVES: 1, HOW_LONG: 1, CAPTION: 1}, "12 messages, returned together: 0 tokens",
                                       keys_of_tokens, "returns: late", "4",
                                       ("8 messages, returned late", "4 messages, returned late")),
    "10_netlink_restart_unbind": Plan({RESTART: 3, RESTART_FILM: 1, HELD: 1},
                                      "the driver ignores the provider, the whole device is reset",
                                      keys_of_the_restart, "the whole device", "nothing fails",
                                      ("stop of the old queue, the whole device", "nothing fails, the whole device is reset")),
    "11_break_it": Plan({CASCADE: 4, HEAT: 2, HELD: 1}, "gives back: together, tokens kept 64", keys_of_breaking,
                        "gives back: never", None, ("gives back: never, tokens kept 48, messages of 1448, lost: none: stuck",)),
    "13_sending_from_device_memory": Plan({SENT: 1, LATE: 1}, "lost: the third frame; zerocopy, written over at once",
                                          keys_of_sending, "at once", "copy",
                                          ("lost: the third frame; devmem, written over at once",
                                           "lost: the third frame; copy, written over at once")),
    "14_ncdevmem_and_doctor": Plan({TOKENS: 1, USED: 1, CAPTION: 3},
                                   "65536 octets, MTU 9000, buffers of 16384: exit status 0, 8 frags", keys_of_ncdevmem,
                                   "MTU 9000", "1024", ("8192 octets, MTU 9000, buffers of 4096",
                                                        "1024 octets, MTU 9000, buffers of 4096")),
}


@pytest.fixture(scope="module", params=PLANS, ids=[name[:2] for name in PLANS])
def lesson(request, browser, jupyterlab, tmp_path_factory, shots):
    address, token = jupyterlab
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(60_000)
    opened = Lesson(page, tmp_path_factory.mktemp(f"screenshots-{request.param[:2]}-"), shots)
    opened.plan = PLANS[request.param]
    page.goto(f"{address}/lab/tree/{request.param}.ipynb?token={token}&reset")
    page.wait_for_function(READY, timeout=PATIENCE_MS)
    opened.before = {what: opened.count(f".jp-OutputArea {what}") for what in opened.plan.before}
    page.evaluate(RUN_ALL)
    yield opened
    page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
    page.close()


def test_it_shows_its_pictures_before_anything_is_run_or_trusted(lesson):
    assert lesson.before == lesson.plan.before


def test_every_cell_runs_without_an_error(lesson):
    prompts = lesson.page.locator(".jp-CodeCell .jp-InputArea-prompt").all_inner_texts()
    assert prompts and all(text.strip("[]: \n").isdigit() for text in prompts), prompts
    assert lesson.count('[data-mime-type="application/vnd.jupyter.error"]') == 0
    assert lesson.count('[data-mime-type="application/vnd.jupyter.stderr"]') == 0


def test_pictures_and_tables_fit_into_the_page(lesson):
    page = lesson.page
    for picture in lesson.plan.before:
        # The control's own picture is no image once it is alive.
        if picture.startswith("img") and lesson.count(f".jp-OutputArea {picture}"):
            assert page.locator(picture).first.evaluate("image => image.naturalWidth") >= 700
    too_wide = page.evaluate("""() => [...document.querySelectorAll('.jp-OutputArea-output')]
        .filter(area => area.scrollWidth > area.clientWidth + 1)
        .map(area => `${area.scrollWidth} in ${area.clientWidth}: ${area.dataset.mimeType} ${area.innerText.slice(0, 60)}`)""")
    assert too_wide == [], "an output is wider than its place"


def test_the_control_shows_what_the_cells_have_set(lesson):
    lesson.status_becomes(lesson.plan.says)
    assert lesson.count(".dml-control svg[role=img]") == 1
    assert lesson.count(".dml-control svg title") == 1
    lesson.page.wait_for_selector(".dml-control [data-guarded=true]", state="attached")


def test_the_keyboard_turns_the_control_and_nothing_else(lesson):
    cells = lesson.count(".jp-Cell")
    lesson.plan.keys(lesson)
    assert lesson.count(".jp-Cell") == cells, "a key went past the control and changed the notebook"


def test_the_mouse_turns_the_control(lesson):
    lesson.page.locator(f"{CONTROL} button", has_text=lesson.plan.button).click()
    lesson.status_becomes(lesson.plan.becomes[0])
    if lesson.plan.option:
        lesson.page.locator(f"{CONTROL} select").first.select_option(lesson.plan.option)
        lesson.status_becomes(lesson.plan.becomes[1])


def test_a_quiz_is_answered_and_mended_with_the_keyboard(lesson, request):
    page, wanted = lesson.page, QUIZZES.get(request.node.callspec.params["lesson"], 0)
    assert lesson.count(QUIZ) == wanted
    cells, status = lesson.count(".jp-Cell"), f"{QUIZ} [role=status]"
    for number in range(wanted):
        lesson.status_becomes("token_count left 0: no, c", status)
        page.locator(f"{QUIZ} button", has_text=re.compile("^c$")).focus()
        page.keyboard.press("a")
        press(lesson, "Enter", "token_count left 0: right", status)
        page.locator(f"{QUIZ} button", has_text="mended").focus()
        press(lesson, "Space", "token_count left 0: right, mended; the symptom is gone", status)
        tab_to(lesson, "SELECT", "Shift+Tab")
        press(lesson, "ArrowUp", "page numbers instead of tokens: Who notices?", status)
        press(lesson, "ArrowDown", "token_count left 0: right", status)
        for theme in lesson.shown_in:
            lesson.command("apputils:change-theme", theme=f"JupyterLab {theme}")
            page.wait_for_selector(f'body[data-jp-theme-name="JupyterLab {theme}"]', state="attached")
            lesson.shot(f"{theme.lower()}-quiz-{number}", QUIZ, number)
    assert lesson.count(".jp-Cell") == cells, "a key went past the quiz and changed the notebook"


def test_it_can_be_read_in_light_and_in_dark(lesson):
    page = lesson.page
    paper = {}
    for theme in ("Light", "Dark"):
        lesson.command("apputils:change-theme", theme=f"JupyterLab {theme}")
        page.wait_for_selector(f'body[data-jp-theme-name="JupyterLab {theme}"]', state="attached")
        page.wait_for_timeout(500)
        lesson.shot(f"{theme.lower()}-story", ".jp-MarkdownCell", 1)
        for number in range(lesson.count(".jp-OutputArea img[alt]")):
            lesson.shot(f"{theme.lower()}-picture-{number}", ".jp-OutputArea img[alt]", number)
        for number in range(lesson.count(".dml-table")):
            lesson.shot(f"{theme.lower()}-table-{number}", ".dml-table", number)
        lesson.shot(f"{theme.lower()}-control", ".jp-CodeCell:has(.dml-control) .jp-InputArea")
        lesson.shot(f"{theme.lower()}-drawn", ".dml-control svg")
        paper[theme] = page.locator(".dml-control svg > rect").first.evaluate("paper => getComputedStyle(paper).fill")
        ink = page.locator(".dml-control svg text").first.evaluate("text => getComputedStyle(text).fill")
        assert contrast(paper[theme], ink) >= 7, (theme, paper[theme], ink)
    assert paper["Light"] != paper["Dark"]


def test_films_are_played_where_they_are_and_keys_stay_in_them(lesson, request):
    page, wanted = lesson.page, FILMS.get(request.node.callspec.params["lesson"], 0)
    assert lesson.count(".dml-player[data-painted]") == wanted
    cells = lesson.count(".jp-Cell")
    for number in range(wanted):
        player = page.locator(".dml-player").nth(number)
        player.scroll_into_view_if_needed()
        player.focus()
        for key in ("a", "Home", "ArrowRight", "ArrowRight", "ArrowLeft", "d", "d"):
            page.keyboard.press(key)
        assert player.get_attribute("data-position") == "1"
        page.keyboard.press("Space")
        page.wait_for_function("n => document.querySelectorAll('.dml-player')[n].dataset.position > 5", arg=number)
        page.keyboard.press("Space")
        assert player.get_attribute("data-playing") == "false"
        for theme in lesson.shown_in:
            lesson.command("apputils:change-theme", theme=f"JupyterLab {theme}")
            page.wait_for_selector(f'body[data-jp-theme-name="JupyterLab {theme}"]', state="attached")
            lesson.shot(f"{theme.lower()}-film-{number}", ".dml-player", number)
    assert lesson.count(".jp-Cell") == cells, "a key went past a film and changed the notebook"


def test_explorers_are_turned_where_they_are_and_keys_stay_in_them(lesson, request):
    page, wanted = lesson.page, EXPLORERS.get(request.node.callspec.params["lesson"], 0)
    assert lesson.count(".dml-explorer[data-painted]") == wanted
    cells = lesson.count(".jp-Cell")
    for number in range(wanted):
        explorer = page.locator(".dml-explorer").nth(number)
        explorer.scroll_into_view_if_needed()
        explorer.focus()
        said = explorer.locator("[role=status]").inner_text()
        for key in ("a", "d", "d", "Home", "ArrowRight", "ArrowRight", " "):
            page.keyboard.press(key)
        assert explorer.locator("[role=status]").inner_text() != said
        for theme in lesson.shown_in:
            lesson.command("apputils:change-theme", theme=f"JupyterLab {theme}")
            page.wait_for_selector(f'body[data-jp-theme-name="JupyterLab {theme}"]', state="attached")
            lesson.shot(f"{theme.lower()}-explorer-{number}", ".dml-explorer", number)
    assert lesson.count(".jp-Cell") == cells, "a key went past an explorer and changed the notebook"


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
