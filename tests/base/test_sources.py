"""What a kernel is made of, compared with what Python itself says about imports."""

import ast
import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

from devmemlab.base.kernel import PACKAGE
from devmemlab.base.sources import Sources

KERNEL_FILES = sorted(path for path in PACKAGE.rglob("*.py") if "@kernel" in path.read_text())


def imported(path):
    """The package's modules that a file imports outside its functions, read by Python's own parser."""
    names, ahead = set(), [ast.parse(path.read_text())]
    while ahead:
        for node in ast.iter_child_nodes(ahead.pop()):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path} has a relative import"
                names.update({node.module} | {f"{node.module}.{alias.name}" for alias in node.names})
            elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                ahead.append(node)
    return {name for name in names if name.split(".")[0] == "devmemlab"}


def files(names):
    places = [PACKAGE.joinpath(*name.split(".")[1:]).with_suffix(".py") for name in names]
    return {str(place) for place in places if place.is_file()}


@pytest.mark.once
def test_every_import_that_a_kernel_can_see_is_in_its_closure():
    sources = Sources(PACKAGE)
    assert len(KERNEL_FILES) > 100
    for path in KERNEL_FILES:
        closure = set(sources.closure(str(path)))
        for member in closure:
            assert files(imported(pathlib.Path(member))) <= closure, (path, member)


@pytest.mark.once
@pytest.mark.parametrize("module", ["mem/pool_put", "sock/recvmsg"])
def test_a_closure_is_what_importing_the_file_loads(module):
    """Python's own answer, from a process in which the package above all does not import the rest."""
    program = """
        import importlib, sys, types
        package = types.ModuleType("devmemlab")
        package.__path__ = [sys.argv[1]]
        sys.modules["devmemlab"] = package
        importlib.import_module(sys.argv[2])
        for name, module in sys.modules.items():
            if name.startswith("devmemlab.") and not hasattr(module, "__path__"):
                print(module.__file__)
        """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program), str(PACKAGE), "devmemlab." + module.replace("/", ".")],
                          env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, check=True)
    assert set(Sources(PACKAGE).closure(str(PACKAGE / f"{module}.py"))) == set(done.stdout.split())


@pytest.fixture
def package(tmp_path):
    """A package of three files in a row."""
    root = tmp_path / "toy"
    (root / "room").mkdir(parents=True)
    (root / "room" / "__init__.py").write_text("")
    (root / "a.py").write_text("from toy.room import (  # why\n    b as renamed,\n)\n")
    (root / "room" / "b.py").write_text("import os, toy.c as c\n")
    (root / "c.py").write_text("X = 1\n")
    (root / "d.py").write_text("from toy.room import NAME\n")
    return root


def names(package, start):
    return [os.path.relpath(path, package) for path in Sources(package).closure(str(package / start))]


def test_forms_of_import(package):
    assert names(package, "a.py") == ["a.py", "c.py", os.path.join("room", "b.py")]
    assert names(package, "d.py") == ["d.py", os.path.join("room", "__init__.py")]


def test_files_that_import_each_other(package):
    (package / "c.py").write_text("from toy import a\n")
    assert len(names(package, "c.py")) == 3


def test_a_stamp_is_of_the_closure_and_nothing_else(package):
    def stamp(name="a.py"):
        return Sources(package).stamp(str(package / name))

    first = stamp()
    assert first == stamp() and len(first) == 16 and first != stamp("c.py")
    (package / "d.py").write_text("Y = 2\n")
    (package / "room" / "__init__.py").write_text("NAME = 3\n")
    assert stamp() == first
    (package / "c.py").write_text("X = 2\n")
    assert stamp() != first


def test_what_is_written_after_the_beginning_has_no_stamp(package):
    sources = Sources(package)
    a, d = str(package / "a.py"), str(package / "d.py")
    assert sources.stamp(a)
    (package / "c.py").write_text("X = 10\n")
    assert sources.stamp(a) is None and sources.stamp(d)
    (package / "d.py").unlink()
    assert sources.stamp(d) is None
    late = Sources(package)
    (package / "c.py").write_text("X = 100\n")
    assert late.stamp(a) is None
