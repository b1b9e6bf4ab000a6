"""Setting up, packaging and Binder: what happens before anything runs."""

import email
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent

pytestmark = [pytest.mark.once, pytest.mark.skipif(shutil.which("make") is None, reason="no make here")]


def run(*command, cwd, check=True, **environ):
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, env=os.environ | environ, timeout=800)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """What git would hand over, and nothing that lies about here."""
    folder = tmp_path_factory.mktemp("clone")
    ignored = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".pytest_cache", ".hypothesis", "dist", "shared",
                                     ".ipynb_checkpoints", "devmemlab-*")
    shutil.copytree(ROOT, folder / "devmemlab", ignore=ignored)
    return folder / "devmemlab"


# ---- setup.sh and the Makefile

def stub(folder, name, script):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path, clone):
    """A machine on which only the given commands exist."""
    folder = tmp_path / "bin"
    for name in ("dirname", "touch", "rm", "sh", "env", "mkdir"):
        stub(folder, name, f'exec {shutil.which(name)} "$@"')

    def setup(**stubs):
        for name, script in stubs.items():
            stub(folder, name.replace("_", "."), script)
        return subprocess.run([shutil.which("sh"), clone / "setup.sh", tmp_path / "venv", "lab"], cwd=clone, capture_output=True,
                              text=True, env={"PATH": str(folder), "HOME": str(tmp_path), "LOG": str(tmp_path / "log")})
    return setup


REAL = 'case "$*" in *version_info*) exec {real} "$@";; *) echo "$0 $*" >>"$LOG"; {rest};; esac'
OLD = 'case "$*" in --version) echo "Python 3.9.2";; *) exit 1;; esac'


def test_no_python_at_all(machine):
    done = machine()
    assert done.returncode == 1 and "found no python3 at all" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


def test_only_an_old_python(machine):
    done = machine(python3=OLD)
    assert done.returncode == 1 and "found Python 3.9.2" in done.stderr


def test_a_python_that_cannot_make_environments_names_the_package(machine):
    lacking = REAL.format(real=sys.executable, rest='case "$*" in *ensurepip*) exit 1;; esac')
    done = machine(python3=lacking)
    version = "%d.%d" % sys.version_info[:2]
    assert done.returncode == 1 and f"sudo apt-get install python{version}-venv" in done.stderr


def test_a_fitting_python_is_found_behind_an_old_one_and_a_broken_shim(machine, tmp_path):
    found = REAL.format(real=sys.executable, rest="exit 7")
    done = machine(**{"python3": OLD, "python3_13": "exit 127", "python3_12": found})
    assert done.returncode != 0 and "python3.12" in (tmp_path / "log").read_text()


def test_uv_is_used_when_it_is_there(machine, tmp_path):
    done = machine(python3=REAL.format(real=sys.executable, rest="exit 1"), uv='echo "uv $*" >>"$LOG"')
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "log").read_text()
    assert re.search(r"uv venv .*--python python3 ", said)
    assert re.search(r"uv pip install .*--constraint constraints.txt --editable \.\[lab\]", said)


def test_the_second_setup_does_nothing(clone, tmp_path):
    venv = tmp_path / "venv"
    venv.mkdir()
    (venv / ".setup-stamp").touch()
    assert "Nothing to be done" in run("make", "setup", f"VENV={venv}", cwd=clone).stdout
    os.utime(venv / ".setup-stamp", (1, 1))
    assert "setup.sh" in run("make", "-n", "setup", f"VENV={venv}", cwd=clone).stdout


def test_make_alone_says_what_there_is(clone):
    said = run("make", cwd=clone).stdout
    for target in ("lab", "demo", "test", "test-long", "setup", "clean"):
        assert re.search(rf"^make {target} ", said, re.M)


def test_every_lane_runs_even_when_one_fails(clone, tmp_path):
    """With a Python whose pytest always fails, the last line names the lanes."""
    venv = tmp_path / "venv"
    stub(venv.parent, "venv", "")
    (tmp_path / "venv").unlink()
    (venv / "bin").mkdir(parents=True)
    stub(venv / "bin", "python", 'case "$*" in *"not browser"*) exit 1;; *) exit 5;; esac')
    (venv / ".setup-stamp").touch()
    done = run("make", "test", f"VENV={venv}", cwd=clone, check=False)
    assert done.returncode != 0 and "failed lanes: compiled nojit boundscheck" in done.stdout
    assert "no browser test" in done.stdout


def test_ci_runs_the_readmes_command_and_nothing_hidden():
    text = (ROOT / ".ci" / "run").read_text()
    assert run("bash", "-n", ROOT / ".ci" / "run", cwd=ROOT).returncode == 0
    assert re.search(r"^make test$", text, re.M) and "pytest" not in text
    assert os.access(ROOT / ".ci" / "run", os.X_OK) and os.access(ROOT / "setup.sh", os.X_OK)


# ---- wheel and sdist

@pytest.fixture(scope="module")
def built(clone, tmp_path_factory):
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed: pip install 'devmemlab[test]'")
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, cwd=clone)
    return folder


def files_below(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts}


def test_the_wheel_carries_package_notebooks_and_data(built, clone):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        metadata = email.message_from_bytes(wheel.read(next(n for n in names if n.endswith("METADATA"))))
    wanted = {f"devmemlab/{n}" for n in files_below(clone / "devmemlab")}
    wanted |= {f"devmemlab/_notebooks/{n}" for n in files_below(clone / "notebooks") if not n.startswith(("solutions/", "site/"))}
    wanted |= {f"devmemlab/_data/{n}" for n in files_below(clone / "data")}
    assert {n for n in names if ".dist-info/" not in n} == wanted
    assert set(metadata.get_all("Provides-Extra")) == {"lab", "net", "sweep", "cuda", "docs", "test", "ui"}
    assert metadata["License-Expression"] == "BSD-3-Clause" and metadata["Requires-Python"] == ">=3.11"


def test_the_sdist_can_be_tested_and_holds_no_debris(built):
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {n.partition("/")[2] for n in sdist.getnames()}
    assert {"pyproject.toml", "Makefile", "setup.sh", "constraints.txt", "LICENSE", "tests/conftest.py",
            "binder/postBuild"} <= names
    assert not [n for n in names if re.search(r"\.venv|__pycache__|\.git/|\.pyc$|checkpoints", n)]


@pytest.fixture(scope="module")
def unpacked(built, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder


def test_an_unpacked_wheel_finds_its_tutorials_outside_the_checkout(unpacked, tmp_path, clone):
    here = {"PYTHONPATH": str(unpacked)}
    said = run(sys.executable, "-c", "from devmemlab.base import paths; print(paths.checkout(), paths.notebooks_folder(), "
               "paths.data_folder())", cwd=tmp_path, **here).stdout.split()
    assert said == ["None", str(unpacked / "devmemlab/_notebooks"), str(unpacked / "devmemlab/_data")]
    run(sys.executable, "-m", "devmemlab", "notebooks", "copy", "mine", cwd=tmp_path, **here)
    wanted = {name for name in files_below(clone / "notebooks") if not name.startswith(("solutions/", "site/"))}
    assert files_below(tmp_path / "mine") - {".devmemlab-tutorials.json"} == wanted


def test_a_wheel_without_its_tutorials_says_so(unpacked, tmp_path):
    shutil.copytree(unpacked / "devmemlab", tmp_path / "devmemlab", ignore=shutil.ignore_patterns("_notebooks"))
    done = run(sys.executable, "-m", "devmemlab", "notebooks", "list", cwd=tmp_path, check=False, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1 and "lacks its notebooks folder" in done.stderr and "Traceback" not in done.stderr


def interpreter(version):
    """A Python of this version on the path, or beside the one that runs us, as version managers lay them out."""
    beside = sorted(pathlib.Path(sys.base_prefix).parent.glob(f"*{version}.*/bin/python{version}"))
    for python in filter(None, [shutil.which(f"python{version}"), *beside]):
        if subprocess.run([python, "-c", "import ensurepip"], capture_output=True).returncode == 0:
            return python
    pytest.skip(f"no python{version} that can make environments here")


@pytest.mark.long
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_a_wheel_in_an_environment_of_its_own(built, tmp_path, version):
    """Needs a package index. The core only: no extra is installed."""
    run(interpreter(version), "-m", "venv", "v", cwd=tmp_path)
    bin = tmp_path / "v" / "bin"
    run(bin / "python", "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", next(built.glob("*.whl")), cwd=tmp_path)
    assert "Usage:" in run(bin / "devmemlab", "--help", cwd=tmp_path).stdout
    assert ".ipynb" in run(bin / "devmemlab", "notebooks", "list", cwd=tmp_path).stdout
    assert f"python               {version}." in run(bin / "devmemlab", "about", cwd=tmp_path).stdout
    assert "kernels ready" in run(bin / "devmemlab", "warm", cwd=tmp_path, HOME=str(tmp_path)).stdout
    done = run(bin / "devmemlab", "lab", cwd=tmp_path, check=False)
    assert done.returncode == 1 and "pip install 'devmemlab[lab]'" in done.stderr


# ---- Binder

def test_binder_asks_for_a_supported_python_and_our_constraints():
    assert (ROOT / "binder/runtime.txt").read_text().strip() in ("python-3.11", "python-3.12", "python-3.13")
    assert (ROOT / "binder/requirements.txt").read_text().split("\n")[:2] == ["-c ../constraints.txt", "-e .[lab]"]


def test_binders_build_and_start_agree_on_the_processor():
    named = [re.findall(r"NUMBA_CPU_NAME=(\w+)", (ROOT / "binder" / name).read_text()) for name in ("postBuild", "start")]
    assert named == [["generic"], ["generic"]]
    assert all(os.access(ROOT / "binder" / name, os.X_OK) for name in ("postBuild", "start"))


def test_binders_start_hands_over(tmp_path):
    done = run("bash", ROOT / "binder/start", "sh", "-c", "echo $NUMBA_CPU_NAME $NUMBA_NUM_THREADS", cwd=tmp_path)
    assert done.stdout == "generic 1\n"


def test_repo2docker_accepts_it(clone, tmp_path):
    command = pathlib.Path(sys.executable).parent / "jupyter-repo2docker"
    if not command.exists():
        pytest.skip("repo2docker is not installed: pip install 'devmemlab[test]'")
    done = run(command, "--no-build", "--debug", clone, cwd=tmp_path)
    dockerfile = done.stdout + done.stderr
    assert re.search(r'pip install --no-cache-dir -r "binder/requirements\.txt"', dockerfile)
    assert "binder/postBuild" in dockerfile and re.search(r"R2D_ENTRYPOINT.*binder/start", dockerfile)
    assert re.search(r"3\.12", dockerfile)
