"""Every lesson says how deep each section goes and where to read on, predicts, and proves what it says."""

import ast
import re

import pytest

from devmemlab.base.paths import notebooks_folder

LEVELS = {"story", "mechanism", "ABI", "cost", "research"}
KERNEL = "https://elixir.bootlin.com/linux/v6.18/source/"
ROOT = notebooks_folder().parent
LESSONS = sorted(notebooks_folder().glob("[0-9]*.py"))

pytestmark = pytest.mark.once


def cells(text):
    """Kind and text of each cell of a percent source."""
    for part in text.split("\n# %%")[1:]:
        head, _, body = part.partition("\n")
        markdown = head.strip().startswith("[markdown]")
        yield ("markdown", re.sub(r"^# ?", "", body, flags=re.M)) if markdown else ("code", body)


def sections(text):
    """Title and first paragraph of each section with a number, or that asks why; a summary has no level of its own."""
    for kind, body in cells(text):
        if kind == "markdown":
            for title, rest in re.findall(r"^## (.+)\n((?:.|\n)*?)(?=^## |\Z)", body, re.M):
                if title != "What you saw":
                    yield title, rest.strip().split("\n\n")[0]


def mirrored(path):
    """The names of the files that a chapter says it mirrors."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return set(re.findall(r"[\w.-]+\.(?:c|h|rst)\b", said.split("Reads.")[1].split("Omits.")[0]))


def complaints(text):
    """What is wrong with the marks of a lesson."""
    for title, first in sections(text):
        mark = re.match(r"\*\*Level: (\w+)\.\*\* ", first)
        if not mark or mark[1] not in LEVELS:
            yield f"{title}: no level"
            continue
        here = re.findall(r"`(devmemlab/[\w/]+\.py)`", first)
        gone = [name for name in here if not (ROOT / name).is_file()]
        if not here or gone:
            yield f"{title}: no such chapter {gone}"
            continue
        known = set().union(*(mirrored(ROOT / name) for name in here))
        linked = re.findall(r"\[([^]]+)\]\(([^)]+)\)", first)
        for name, address in linked:
            if address != KERNEL + name:
                yield f"{title}: {name} leads to {address}"
            if name.rpartition("/")[2] not in known:
                yield f"{title}: {name} is not what {here} mirror"
        if ("In Linux:" in first) != bool(linked):
            yield f"{title}: a kernel's file without its address"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_marks_its_sections(lesson):
    text = lesson.read_text(encoding="utf-8")
    assert len(list(sections(text))) >= 4
    assert list(complaints(text)) == []


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_predicts_proves_and_sends_on(lesson):
    text = lesson.read_text(encoding="utf-8")
    words = "\n".join(body for kind, body in cells(text) if kind == "markdown")
    code = "\n".join(body for kind, body in cells(text) if kind == "code")
    assert re.search(r"\*\*Predict\*\*|^## \d+\. Predict", words, re.M)
    assert re.search(r"^assert ", code, re.M) and "## What you saw" in words
    sent = re.findall(r"\*\*Now read\*\* the room `(devmemlab/[\w/]+)`: `(\w+\.py)`", words)
    assert len(sent) == words.count("**Now read**") == 1
    room, chapter = sent[0]
    assert (ROOT / room / chapter).is_file() and (ROOT / room / "__init__.py").is_file()
    assert words.index("**Now read**") > words.rindex("\n## ")


def test_each_level_is_there_and_the_first_lesson_explains_them():
    seen = {level for path in LESSONS for level in re.findall(r"\*\*Level: (\w+)\.", path.read_text(encoding="utf-8"))}
    assert seen == LEVELS
    told = {word.lower() for word in re.findall(r"\*\*(\w+)\*\*:\s", LESSONS[0].read_text(encoding="utf-8"))}
    assert {level.lower() for level in LEVELS} <= told


@pytest.mark.parametrize("text, said", [
    ("# ## 1. A\n#\n# Words.\n", "no level"),
    ("# ## 1. A\n#\n# **Level: deep.** Here: `devmemlab/nic/hds.py`.\n", "no level"),
    ("# ## 1. A\n#\n# **Level: cost.** Here: `devmemlab/nic/none.py`.\n", "no such chapter"),
    (f"# ## 1. A\n#\n# **Level: cost.** In Linux: [net/core/sock.c]({KERNEL}net/core/sock.c).\n# Here: `devmemlab/nic/hds.py`.\n",
     "is not what"),
    ("# ## 1. A\n#\n# **Level: cost.** In Linux: [net/core/sock.c](x).\n# Here: `devmemlab/sock/tokens.py`.\n", "leads to x"),
])
def test_a_bad_mark_is_seen(text, said):
    assert any(said in one for one in complaints("\n# %% [markdown]\n" + text))
