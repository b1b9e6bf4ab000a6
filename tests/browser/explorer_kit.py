"""A page with an explorer and no Jupyter around it, as player_kit.py has one for a player."""

import http.server
import json
import threading

from tests.browser.player_kit import PAGE, PAPERS, Server

MARKS = """(svg) => {
    const page = svg === 'document' ? document : new DOMParser().parseFromString(svg, 'image/svg+xml');
    const tidy = (value) => Math.round(Number(value) * 100) / 100;
    const all = (mark) => [...page.querySelectorAll(`svg [data-${mark}]`)];
    return {
        texts: all('text').map(node => [node.dataset.text, node.textContent]),
        parts: all('part').map(node => [node.dataset.part, tidy(node.getAttribute('x')), tidy(node.getAttribute('width'))]),
        moves: all('move').map(node => [node.dataset.move, ...node.getAttribute('transform').match(/[-\\d.]+/g).map(tidy)]),
        on: all('on').map(node => [node.dataset.on, node.getAttribute('visibility')]),
        words: page.querySelector('svg desc').textContent,
    };
}"""


class Bench:
    """An explorer in a page of its own."""

    def __init__(self, browser, explorer, paper="light", width=900, **options):
        self.complaints, self.explorer = [], explorer
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        origin = f"http://127.0.0.1:{self.server.server_port}"
        self.page = browser.new_page(viewport={"width": width, "height": 900}, **options)
        self.page.set_default_timeout(30_000)
        self.page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        light, ground, ink = PAPERS[paper]
        traits = {name: getattr(explorer, name) for name in explorer.traits(sync=True) if not name.startswith("_")}
        keep = {name: value for name, value in traits.items() if isinstance(value, (int, float, str, list, dict))}
        self.server.served = {
            "/": ("text/html", PAGE.format(css=explorer._css, light=light, paper=ground, ink=ink, origin=origin).encode()),
            "/player.js": ("text/javascript", explorer._esm.encode()),
            "/traits.json": ("application/json", json.dumps(keep).encode()),
            "/octets": ("application/octet-stream", b""),
            "/favicon.ico": ("image/x-icon", b""),
        }
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.page.goto(f"{origin}/")
        self.page.wait_for_selector(".dml-explorer[data-painted]")

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.page.close()
        self.server.shutdown()
        self.server.server_close()

    @property
    def root(self):
        return self.page.locator(".dml-explorer")

    @property
    def told(self):
        """What the kernel was told last of each trait."""
        return dict(self.page.evaluate("window.model.told"))

    @property
    def status(self):
        return self.page.locator(".dml-explorer-now").inner_text()

    def press(self, *keys):
        self.root.focus()
        for key in keys:
            self.page.keyboard.press(key)

    def click(self, words):
        self.page.locator(".dml-explorer button", has_text=words).first.click()

    def kernel(self, **state):
        """A cell sets something."""
        for name, value in state.items():
            self.page.evaluate("([name, value]) => window.kernel(name, value)", [name, value])

    def point(self, x, y):
        """Where in the page a place of the picture is."""
        return self.page.evaluate("""([x, y]) => {
            const svg = document.querySelector('.dml-explorer svg');
            const p = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
            return [p.x, p.y];
        }""", [x, y])

    def marks(self):
        return self.page.evaluate(MARKS, "document")

    def marks_of(self, svg):
        return self.page.evaluate(MARKS, svg)
