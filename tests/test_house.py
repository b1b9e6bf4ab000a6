"""The house rules, applied to the house, and each shown to be able to fail."""

import pathlib
import re

import click
import pytest

from devmemlab import cli
from tests import house_rules as rules

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = sorted((ROOT / "devmemlab").rglob("*.py"))
PYTHON = PACKAGE + sorted((ROOT / "tests").rglob("*.py"))
TEXT_ENDINGS = {".py", ".md", ".toml", ".txt", ".cff", ".ipynb", ".js", ".css", ".json", ".cfg", ".sh", ".svg", ""}
OURS = ["devmemlab", "tests", "notebooks", "data", "binder", ".ci", "Makefile", "setup.sh", "README.md", "CONTRIBUTING.md",
        "CHANGELOG.md", "CITATION.cff", "pyproject.toml", "constraints.txt"]


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def all_texts():
    for top in map(ROOT.joinpath, OURS):
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and path.suffix in TEXT_ENDINGS and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts):
                yield path


@pytest.mark.parametrize("rule", rules.SOURCE_RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps(rule):
    complaints = [c for path in PACKAGE for c in rule(name_of(path), path.read_text(encoding="utf-8"))]
    assert not complaints, "\n" + "\n".join(complaints)


@pytest.mark.parametrize("rule", rules.TEXT_RULES, ids=lambda rule: rule.__name__)
def test_every_python_file_keeps(rule):
    complaints = [c for path in PYTHON for c in rule(name_of(path), path.read_text(encoding="utf-8"))]
    assert not complaints, "\n" + "\n".join(complaints)


def test_no_text_names_the_machine_it_was_written_on():
    complaints = [c for path in all_texts() for c in rules.no_machine_paths(name_of(path), path.read_text(encoding="utf-8"))]
    assert not complaints, "\n" + "\n".join(complaints)


def test_every_room_has_a_floor():
    rooms = {path.relative_to(ROOT / "devmemlab").parts[0] for path in PACKAGE if path.parent != ROOT / "devmemlab"}
    assert rooms <= set(rules.FLOORS)


GOOD = '''"""A chapter.

Law.   It holds.
Reads. Something,
       and more.
Omits. The rest.
"""
'''

BAD = [
    (rules.floors, "devmemlab/base/x.py", "from devmemlab.mem.region import memory", "floor 0 and imports devmemlab.mem"),
    (rules.floors, "devmemlab/tcp/x.py", "def f():\n    import devmemlab.sock.uapi", "floor 4 and imports devmemlab.sock"),
    (rules.floors, "devmemlab/lab/x.py", "from devmemlab import view", "floor 7 and imports devmemlab.view"),
    (rules.floors, "devmemlab/host/x.py", "import_module('devmemlab.view.svg')", "floor 6 and imports devmemlab.view"),
    (rules.kernels_stay_below_pictures, "devmemlab/view/x.py", "@kernel\ndef f():\n    return 1", "above the lab"),
    (rules.no_relative_imports, "devmemlab/tcp/x.py", "from ..sock import uapi", "imports relatively"),
    (rules.opening_lines, "devmemlab/tcp/x.py", '"""Only a sentence."""', "must open with"),
    (rules.opening_lines, "devmemlab/tcp/x.py", GOOD.replace("Reads.", "Sees. "), "must open with"),
    (rules.opening_lines, "devmemlab/tcp/__init__.py", "", "must open with"),
    (rules.chapter_length, "devmemlab/tcp/x.py", "x = 1\n" * 301, "has 301 lines"),
    (rules.line_length, "tests/x.py", "x = 1\n" + "y" * 131, ":2 has 131 columns"),
    (rules.floors, "devmemlab/mem/x.py", "from devmemlab.cuda.memory import DeviceMemory", "floor 1 and imports devmemlab.cuda"),
    (rules.one_way_to_compile, "devmemlab/host/x.py", "cuda.jit(device=True)(f)", "uses jit instead of @kernel"),
    (rules.numpydoc, "devmemlab/tcp/x.py", "def f(a):\n    pass", "f has no docstring"),
    (rules.numpydoc, "devmemlab/tcp/x.py", "@kernel\ndef _f(a):\n    pass", "_f has no docstring"),
    (rules.numpydoc, "devmemlab/tcp/x.py",
     'def f(a, b):\n    """F.\n\n    Parameters\n    ----------\n    b, a : int\n        X.\n    """',
     "takes (a, b) and documents (b, a)"),
    (rules.numpydoc, "devmemlab/tcp/x.py", 'class C:\n    def f(self, a):\n        """F."""', "takes (a) and documents ()"),
    (rules.numpydoc, "devmemlab/tcp/x.py", '@kernel(inline="never")\ndef f():\n    """F."""\n    return 1', "does not say what"),
    (rules.payload_arguments, "devmemlab/tcp/x.py", "def f(tcbs, memory):\n    pass", "takes memory: tcp may not see payload"),
    (rules.payload_arguments, "devmemlab/net/gro.py", "def f(*, octets):\n    pass", "takes octets: net may not see payload"),
    (rules.no_clock, "devmemlab/sock/x.py", "from time import monotonic_ns", "time is an argument"),
    (rules.no_clock, "devmemlab/nic/x.py", "def f():\n    import time as t", "time is an argument"),
    (rules.no_slice_copies, "devmemlab/nic/x.py", "dst[a:a + n] = src[b:b + n]", "copies slice to slice"),
    (rules.no_slice_copies, "devmemlab/nic/x.py", "dst[0, a:b] = src[c:d, 1]", "copies slice to slice"),
    (rules.one_way_to_compile, "devmemlab/nic/x.py", "@numba.njit\ndef f(): pass", "uses njit instead of @kernel"),
    (rules.one_way_to_compile, "devmemlab/nic/x.py", "@kernel(parallel=True)\ndef f(): pass", "asks for parallel="),
    (rules.one_way_to_compile, "devmemlab/nic/x.py", "from numba.experimental import jitclass\njitclass([])(C)", "uses jitclass"),
    (rules.kernels_return_errno, "devmemlab/nic/x.py", "@kernel\ndef f(a):\n    if a:\n        raise ValueError",
     "raises inside kernel f"),
    (rules.kernels_return_errno, "devmemlab/nic/x.py", "@kernel\ndef f(a):\n    assert a", "raises inside kernel f"),
    (rules.schema_names, "devmemlab/nic/x.py", "X = schema('fine', 'data')", "names a field 'data'"),
    (rules.schema_names, "devmemlab/nic/x.py", "X = table.schema('size')", "names a field 'size'"),
    (rules.no_machine_paths, "README.md", "see /ho" + "me/somebody/lab", "names /ho" + "me/somebody"),
    (rules.no_machine_paths, "Makefile", "cp /wo" + "rk/main/x .", "names /wo" + "rk/"),
    (rules.no_leftovers, "tests/x.py", "# TO" + "DO later", "says TO" + "DO"),
]


@pytest.mark.parametrize("rule, path, text, complaint", BAD, ids=[f"{i}-{case[0].__name__}" for i, case in enumerate(BAD)])
def test_a_rule_complains_about(rule, path, text, complaint):
    assert any(complaint in said for said in rule(path, text)), rule(path, text)


FINE = [
    (rules.floors, "devmemlab/sock/x.py",
     "from devmemlab.tcp import states\nfrom devmemlab.base.kernel import kernel\nimport numpy"),
    (rules.floors, "devmemlab/cli.py", "import devmemlab.view.svg"),
    (rules.floors, "devmemlab/commands/x.py", "from devmemlab import __version__"),
    (rules.opening_lines, "devmemlab/tcp/x.py", GOOD),
    (rules.chapter_length, "devmemlab/tcp/x.py", "x = 1\n" * 300),
    (rules.numpydoc, "devmemlab/tcp/x.py",
     'def f(a, b, *c, d=1, **e):\n    """F.\n\n    Parameters\n    ----------\n    a, b : int\n'
     '        X: y.\n\n        More.\n    *c : int\n        Z.\n    d : int, optional\n        D.\n    **e\n        E.\n\n'
     '    Returns\n    -------\n    x : int\n        X.\n    """\n    return 1'),
    (rules.numpydoc, "devmemlab/tcp/x.py", "def _f(a):\n    def g(b):\n        pass"),
    (rules.payload_arguments, "devmemlab/net/linear.py", "def f(memory):\n    pass"),
    (rules.payload_arguments, "devmemlab/nic/dma.py", "def f(memory):\n    pass"),
    (rules.payload_arguments, "devmemlab/cuda/x.py", "def f(octets):\n    pass"),
    (rules.one_way_to_compile, "devmemlab/cuda/x.py", "cuda.jit(device=True)(f)"),
    (rules.no_clock, "devmemlab/host/ports/tap.py", "import time"),
    (rules.no_clock, "devmemlab/base/cache.py", "import time"),
    (rules.no_slice_copies, "devmemlab/nic/x.py", "x = src[a:b]\nnew[:3] = old\nrow[2] = src[1:2]"),
    (rules.one_way_to_compile, "devmemlab/base/kernel.py", "njit(nogil=True)(f)"),
    (rules.kernels_return_errno, "devmemlab/nic/x.py", "def f():\n    raise ValueError\n@kernel\ndef g():\n    return -1"),
    (rules.schema_names, "devmemlab/nic/x.py", "X = schema('nbytes_left', 'seq')"),
    (rules.no_machine_paths, "README.md", "see /proc/self, ./work/x, framework/, network/root.md and /dev/net/tun"),
]


@pytest.mark.parametrize("rule, path, text", FINE, ids=[f"{i}-{case[0].__name__}" for i, case in enumerate(FINE)])
def test_a_rule_lets_pass(rule, path, text):
    assert rule(path, text) == []


def promised(readme):
    """The make targets and devmemlab commands that a text names as code."""
    code = "\n".join(re.findall(r"```sh\n(.*?)```", readme, re.S) + re.findall(r"`([^`\n]+)`", readme))
    return set(re.findall(r"\bmake ([a-z][a-z-]*)", code)), set(re.findall(r"\bdevmemlab ([a-z]+)\b", code))


def test_promises_are_found():
    assert promised("```sh\nmake lab   # x\n```\nand `devmemlab warm`, but we make nothing up") == ({"lab"}, {"warm"})


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_what_a_page_promises_exists(name):
    targets, commands = promised((ROOT / name).read_text(encoding="utf-8"))
    made = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert targets - made == set(), "no such make target"
    assert commands - set(cli.main.list_commands(click.Context(cli.main))) == set(), "no such command"


def test_every_environment_variable_of_ours_is_documented_in_one_place():
    used = {name for path in [*PACKAGE, ROOT / "setup.sh", ROOT / "Makefile", *(ROOT / "tests").rglob("*.py")]
            for name in re.findall(r"\bDEVMEMLAB_[A-Z]+(?:_[A-Z]+)*", path.read_text(encoding="utf-8"))}
    documented = set(re.findall(r"^\| `(DEVMEMLAB_[A-Z_]+)", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.M))
    assert used == documented


def test_readme_is_short_and_names_files_that_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") <= 80
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    assert linked and [path for path in linked if not (ROOT / path).exists()] == []


def test_the_version_is_the_same_everywhere():
    from devmemlab import __version__
    assert re.search(rf"^version: {re.escape(__version__)}$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_constraints_are_names_and_versions_only():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    bad = [line for line in lines if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*==[0-9][^\s;@/]*( ; [a-z_]+ .+)?", line)]
    assert lines and not bad and not any("://" in line for line in lines)
