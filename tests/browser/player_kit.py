"""A page with a player and no Jupyter around it: the module as it is shipped, and a model that remembers what it is told."""

import http.server
import json
import threading

import numpy as np

from devmemlab.view.film import Film, changing, running
from devmemlab.view.marks import count, level, phased, route, slide
from devmemlab.view.player import Player
from devmemlab.view.svg import document

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><style>{css}</style><body data-jp-theme-light="{light}"
style="margin:8px;background:{paper};color:{ink};--jp-layout-color0:{paper};--jp-ui-font-color1:{ink};--jp-ui-font-color2:{ink}">
<div id="here"></div><script type="module">
import player from "{origin}/player.js";
const traits = await (await fetch("{origin}/traits.json")).json();
traits.octets = new DataView(await (await fetch("{origin}/octets")).arrayBuffer());
const heard = {{}};
const model = {{
  told: [],
  get: (name) => traits[name],
  set: (name, value) => {{ traits[name] = value; model.told.push([name, value]); }},
  save_changes: () => {{}},
  on: (name, f) => (heard[name] ??= new Set()).add(f),
  off: (name, f) => heard[name]?.delete(f),
}};
window.kernel = (name, value) => {{ traits[name] = value; heard[`change:${{name}}`]?.forEach((f) => f()); }};
window.listeners = () => Object.values(heard).reduce((n, fs) => n + fs.size, 0);
window.model = model;
window.longest = 0;
new PerformanceObserver((list) => list.getEntries().forEach((e) => {{ window.longest = Math.max(window.longest, e.duration); }}))
  .observe({{ type: "longtask", buffered: true }});
window.close_player = player.render({{ model, el: document.getElementById("here") }});
</script></body></html>"""
PAPERS = {"light": ("true", "#ffffff", "#1c1c1c"), "dark": ("false", "#161616", "#ededed")}


class Server(http.server.BaseHTTPRequestHandler):
    """Hands out the page and its octets: a route of Playwright's would take minutes for so many."""

    def do_GET(self):
        kind, body = self.server.served[self.path]
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *what):
        pass


class Stage:
    """A player in a page of its own."""

    def __init__(self, browser, player, paper="light", width=900, **options):
        self.complaints = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.page = browser.new_page(viewport={"width": width, "height": 900}, **options)
        self.page.set_default_timeout(30_000)
        self.page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        light, ground, ink = PAPERS[paper]
        traits = {name: value for name, value in player.get_state().items()
                  if name[0] != "_" and name not in ("octets", "layout")}
        served = {
            "/": ("text/html", PAGE.format(css=player._css, light=light, paper=ground, ink=ink, origin=self.origin).encode()),
            "/player.js": ("text/javascript", player._esm.encode()),
            "/traits.json": ("application/json", json.dumps(traits).encode()),
            "/octets": ("application/octet-stream", player.octets),
            "/favicon.ico": ("image/x-icon", b""),
        }

        self.server.served = served
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.page.goto(f"{self.origin}/")
        self.page.wait_for_selector(".dml-player[data-painted]")

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.page.close()
        self.server.shutdown()
        self.server.server_close()

    def data(self, name):
        return self.page.locator(".dml-player").get_attribute(f"data-{name}")

    @property
    def position(self):
        return int(self.data("position"))

    @property
    def told(self):
        """What the kernel was told last of each trait."""
        return dict(self.page.evaluate("window.model.told"))

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def focus(self):
        self.page.locator(".dml-player").focus()

    def click(self, words):
        self.page.locator(".dml-player button", has_text=words).click()

    def scrub(self, position):
        self.page.locator(".dml-player input").evaluate(
            """(slider, k) => {
                slider.value = k;
                for (const name of ['input', 'change']) slider.dispatchEvent(new Event(name));
            }""",
            position)

    def until(self, position):
        self.page.wait_for_function("k => Number(document.querySelector('.dml-player').dataset.position) >= k", arg=position)

    def dots(self):
        """Where the things are that travel."""
        return self.page.evaluate("""[...document.querySelectorAll('g[aria-hidden] > g[visibility=visible]')]
            .map(dot => dot.getAttribute('transform'))""")

    def marks(self):
        """Whatever the player moves, as it is now."""
        return self.page.evaluate(MARKS, "document")

    def marks_of(self, svg):
        """The same of a picture that Python drew."""
        return self.page.evaluate(MARKS, svg)


MARKS = """(svg) => {
    const page = svg === 'document' ? document : new DOMParser().parseFromString(svg, 'image/svg+xml');
    const tidy = (value) => value === null ? null : Math.round(Number(value) * 100) / 100;
    const all = (mark) => [...page.querySelectorAll(`svg [data-${mark}]`)];
    return {
        counts: all('count').map(node => node.textContent),
        levels: all('level').map(node => ['x', 'y', 'width', 'height'].map(name => tidy(node.getAttribute(name)))),
        cursors: all('cursor').map(node => tidy(node.getAttribute('x'))),
        cells: all('state').map(node => node.getAttribute('d')),
        letters: all('letter').map(node => node.textContent).join(''),
        slides: all('slide').map(node => [node.dataset.attr, tidy(node.getAttribute(node.dataset.attr))]),
        phases: all('phases').map(node => node.dataset.phase),
        own: all('own').map(group => [...group.querySelectorAll('*')].map(node => [node.tagName, node.children.length
            ? '' : node.textContent, ...['class', 'd', 'x', 'y', 'width', 'height', 'fill'].map(name =>
            (node.getAttribute(name) ?? '').replace(/v\\d+(-[a-z]+\\))/, '$1'))].join('|'))),
        words: page.querySelector('svg desc').textContent,
    };
}"""


def small_film(n=40):
    """A film of thin air: something moves with every event."""
    event = np.arange(n)
    tracks = {"all": running("all there was", event, np.ones(n)), "odd": running("odd ones", event[1::2], np.ones(n // 2)),
              "wave": changing("a level", event % 7)}
    lines = ["thing {item} of {amount} octets", "another, {item}"]
    return Film("A small film", event * 1.0, lines, event % 2, event * 1000, event, tracks,
                "{odd} odd, {k} of {n}, at {time}", 20.0, event * 1234, {"where": np.sqrt(np.arange(n + 1.0))})


def small_scene(film, position):
    body = (count(film, position, "all", "all: #", x=10, y=30) + count(film, position, "odd", x=10, y=50)
            + level(film, position, "wave", 6, (10, 60, 60, 20), fill="gray")
            + level(film, position, "wave", 6, (80, 40, 20, 60), "y", fill="gray")
            + slide(film, position, "where", "x", y=90, width=2, height=9)
            + phased(position, [(3, "on"), (9, "off"), (9, "gone")], x=200, y=90, width=9, height=9)
            + route([(120, 60), (300, 60)], "odd", "O", "payload"))
    return document(film.title, film.words(position), 320, 120, body, "", "dml")


def small_player(film=None, **options):
    return Player(film or small_film(), small_scene, **{"position": 0, **options})
