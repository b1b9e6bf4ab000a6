"""The site: what is gathered for it, and, where Sphinx is installed, that it builds, holds together and asks no network."""

import html.parser
import importlib.util
import json
import re
import urllib.parse

import pytest

from devmemlab.base.paths import notebooks_folder

ROOT = notebooks_folder().parent
pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def site():
    spec = importlib.util.spec_from_file_location("build_site", notebooks_folder() / "site" / "build_site.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_chapters_and_rooms_become_links(site):
    said = site.linked("see `devmemlab/nic/hds.py`, `devmemlab/sock`, `devmemlab/none.py`, "
                       "[`devmemlab/mem`](x)\n```\n`devmemlab/mem`\n```")
    assert said.startswith("see [`devmemlab/nic/hds.py`](#source-nic-hds), "
                           "[`devmemlab/sock`](#source-sock), `devmemlab/none.py`, ")
    assert said.endswith("[`devmemlab/mem`](x)\n```\n`devmemlab/mem`\n```")


def test_lessons_are_copied_with_their_outputs_and_levels(site, tmp_path):
    found = site.lessons(tmp_path / "lessons")
    assert len(found) >= 15
    for stem, (title, sections) in found.items():
        stored = json.loads((notebooks_folder() / f"{stem}.ipynb").read_text(encoding="utf-8"))
        copied = json.loads((tmp_path / "lessons" / f"{stem}.ipynb").read_text(encoding="utf-8"))
        outputs = [[cell.get("outputs") for cell in book["cells"]] for book in (stored, copied)]
        assert title and outputs[0] == outputs[1] and any(outputs[0])
    page = site.levels_page(found)
    assert all(f"## {level[0].upper()}{level[1:]}\n" in page for level in site.LEVELS)
    assert "[3. By hand](lessons/00_the_problem.ipynb#3-by-hand)" in page


def test_the_errors_are_all_there(site):
    from devmemlab.lab.error_page import errors_page
    page = site.errors_text()
    assert page.count("\n| ") == len(errors_page()) + page.count("\n| errno |")


def test_signs_in_docstrings_stand_for_themselves(site):
    said = site.referenced("net/ethtool/*.c and CONFIG_ but `a_` and *so*, `devmemlab.mem.region`")
    assert said == r"net/ethtool/\*.c and CONFIG\_ but `a_` and *so*, :py:obj:`devmemlab.mem.region`"
    assert site.spaced("A.\n\na : int\nb, c : int\n    D.\n") == "A.\n\na : int\n\nb, c : int\n    D.\n"


class Addresses(html.parser.HTMLParser):
    """Anchors of a page, where it leads, and what it loads."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.leads, self.loads = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors.add(attrs.get("id"))
        if tag == "a" and attrs.get("href"):
            self.leads.append(attrs["href"])
        if attrs.get("src") or (tag == "link" and attrs.get("href")):
            self.loads.append(attrs.get("src") or attrs["href"])


def troubles(folder):
    """Links that lead nowhere, and whatever would be fetched from elsewhere."""
    pages = {path.resolve(): Addresses(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")
             if "_static" not in path.parts}
    assert len(pages) > 40
    for path, page in pages.items():
        for address in page.loads:
            if urllib.parse.urlsplit(address).netloc:
                yield f"{path.name} fetches {address}"
            elif not address.startswith(("data:", "#")) and not (path.parent / address.split("?")[0]).is_file():
                yield f"{path.name} lacks {address}"
        for address in page.leads:
            parts = urllib.parse.urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / parts.path).resolve() if parts.path else path
            anchor = urllib.parse.unquote(parts.fragment)
            if not target.is_file():
                yield f"{path.name} leads to {address}, which is not there"
            elif anchor and target in pages and anchor not in pages[target].anchors:
                yield f"{path.name} leads to {address}, an anchor that is not there"


@pytest.mark.long
def test_the_site_builds_without_a_warning_and_without_a_network(site, tmp_path):
    for name in ("sphinx", "myst_nb", "pydata_sphinx_theme"):
        pytest.importorskip(name, reason=f"{name} is not installed: make docs installs it")
    assert site.main([str(tmp_path)]) == 0
    assert list(troubles(tmp_path / "html")) == []
    styles = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "html" / "_static").rglob("*.css"))
    assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", styles)


def test_trouble_is_seen(tmp_path):
    for i in range(41):
        (tmp_path / f"{i}.html").write_text("<p id=a>")
    (tmp_path / "bad.html").write_text('<script src="https://x/y.js"></script><img src="none.png"><a href="1.html#a">.</a>'
                                       '<a href="1.html#b">.</a><a href="none.html">.</a><a href="https://x/">.</a>')
    assert [said.split(" ", 1)[1].split(",")[0] for said in troubles(tmp_path)] == [
        "fetches https://x/y.js", "lacks none.png", "leads to 1.html#b", "leads to none.html"]
