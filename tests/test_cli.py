"""The command line: what it imports, what it says, how it ends."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request

import click
import numpy as np
import pytest
from click.testing import CliRunner

from devmemlab import cli
from devmemlab.base import paths
from devmemlab.commands import about, lab, notebooks, output, warm

NAMES = cli.main.list_commands(click.Context(cli.main))


def run(*arguments, cwd, **environ):
    return subprocess.run([sys.executable, "-m", "devmemlab", *map(str, arguments)], cwd=cwd, capture_output=True, text=True,
                          env=os.environ | environ, timeout=600)


def python(program, cwd):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


# ---- what it imports

def test_help_imports_no_numba(tmp_path):
    said = python("""
        import sys
        from devmemlab.cli import main
        try:
            main(["--help"])
        finally:
            print(*sorted({"numba", "numpy", "matplotlib", "IPython", "anywidget"} & set(sys.modules)), "imported")
        """, tmp_path)
    assert said[-1] == "imported" and said[-2] not in ("numba", "numpy")


def test_importing_the_package_costs_nothing(tmp_path):
    said = python("""
        import sys, time
        started = time.perf_counter()
        import devmemlab
        print(time.perf_counter() - started, *sorted({"matplotlib", "IPython", "jupyterlab"} & set(sys.modules)))
        """, tmp_path)
    assert float(said[0]) < 0.7 and said[1:] == []


def test_every_public_name_is_there(tmp_path):
    import devmemlab as dml
    for name in dml.__all__:
        assert getattr(dml, name) is not None
        assert name in dir(dml)
    with pytest.raises(AttributeError, match="no_such_thing"):
        dml.no_such_thing


def test_about_stays_a_function_when_its_module_is_imported():
    import devmemlab as dml
    import devmemlab.commands.about  # noqa: F401
    assert callable(dml.about)


# ---- what it says

@pytest.mark.parametrize("name", NAMES)
def test_every_listed_command_has_help(name):
    said = CliRunner().invoke(cli.main, [name, "--help"])
    assert said.exit_code == 0 and "Usage:" in said.output


def test_only_commands_that_exist_are_listed(monkeypatch):
    monkeypatch.setitem(cli.COMMANDS, "fly", ("devmemlab.lab.fly:command", "Fly."))
    said = CliRunner().invoke(cli.main, ["--help"])
    assert "warm" in said.output and "fly" not in said.output
    assert CliRunner().invoke(cli.main, ["fly"]).exit_code == 2


LOOKS = """
import gc, sys
import click
from devmemlab import cli

@click.command()
def look():
    print(gc.get_threshold()[0] > 10_000, "coverage" in sys.modules)

cli._LazyGroup.get_command = lambda *_: look
if sys.argv[2:]:
    cli.main(["look"])
cli.main()
"""


@pytest.mark.parametrize("more, said", [([], "True True"), (["within"], "False False")])
def test_only_in_a_process_of_its_own_a_command_changes_pythons_settings(more, said):
    """There Python looks for garbage less often, and Numba does not find coverage."""
    done = subprocess.run([sys.executable, "-c", LOOKS, "look", *more], capture_output=True, text=True)
    assert done.stdout.splitlines() == [said] and done.returncode == 0, done.stderr


def test_version():
    from devmemlab import __version__
    assert CliRunner().invoke(cli.main, ["--version"]).output == f"devmemlab, version {__version__}\n"


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"], ["about", "--nonsense"], ["lab", "--port", "x"],
                                       ["lab", "--port", "0"], ["notebooks", "copy"], ["notebooks", "burn"], ["warm", "extra"]])
def test_wrong_usage_is_2(arguments):
    said = CliRunner().invoke(cli.main, arguments)
    assert said.exit_code == 2 and "Usage:" in said.stderr


# ---- how it ends

def fail_with(monkeypatch, error):
    @click.command()
    def command():
        raise error

    monkeypatch.setattr(warm, "command", command)


@pytest.mark.parametrize("error, status, line", [
    (FileNotFoundError(2, "No such file or directory", "x.pcap"), 1, "devmemlab: x.pcap: No such file or directory\n"),
    (OSError(12, "Cannot allocate memory (ENOMEM): return it"), 1, "devmemlab: Cannot allocate memory (ENOMEM): return it\n"),
    (ValueError("no capture:\n  cut in frame 7"), 1, "devmemlab: no capture: cut in frame 7\n"),
    (TimeoutError("nothing for 300 s"), 1, "devmemlab: nothing for 300 s\n"),
    (BrokenPipeError(32, "Broken pipe (EPIPE): the peer closed"), 1, "devmemlab: Broken pipe (EPIPE): the peer closed\n"),
    (ValueError(), 1, "devmemlab: ValueError\n"),
    (KeyboardInterrupt(), 130, "devmemlab: interrupted\n"),
    (click.UsageError("not like that"), 2, None),
])
def test_a_failure_is_one_line(monkeypatch, error, status, line):
    fail_with(monkeypatch, error)
    said = CliRunner().invoke(cli.main, ["warm"])
    assert said.exit_code == status and said.stdout == ""
    if line:
        assert said.stderr == line


def test_a_bug_keeps_its_traceback(monkeypatch):
    fail_with(monkeypatch, KeyError("bug"))
    assert isinstance(CliRunner().invoke(cli.main, ["warm"]).exception, KeyError)


def test_traceback_on_request(monkeypatch):
    fail_with(monkeypatch, ValueError("why"))
    assert isinstance(CliRunner().invoke(cli.main, ["--traceback", "warm"]).exception, ValueError)


def test_a_reader_that_went_away_is_no_traceback(tmp_path):
    done = subprocess.run(f"{sys.executable} -m devmemlab about | true", shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert "Traceback" not in done.stderr


def test_interrupting_a_real_run_is_130(tmp_path):
    started = subprocess.Popen([sys.executable, "-c", textwrap.dedent("""
        import time
        import click
        from devmemlab import cli
        from devmemlab.commands import warm

        @click.command()
        def command():
            print("ready", flush=True)
            time.sleep(60)

        warm.command = command
        cli.main(["warm"])
        """)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        # A runner in the background of a script hands SIGINT down ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    assert started.stdout.readline() == "ready\n"
    started.send_signal(signal.SIGINT)
    assert started.communicate(timeout=60)[1].splitlines()[-1] == "devmemlab: interrupted" and started.returncode == 130


# ---- --json

def test_json_to_a_file_and_to_standard_output(tmp_path, capsys):
    result = {"n": np.int64(3), "x": np.float64(0.5), "rows": np.arange(2), "path": pathlib.Path("a/b"), "yes": np.bool_(True)}
    wanted = {"n": 3, "x": 0.5, "rows": [0, 1], "path": "a/b", "yes": True}
    output.write_json(tmp_path / "r.json", result)
    assert json.loads((tmp_path / "r.json").read_text()) == wanted
    output.write_json("-", result)
    assert json.loads(capsys.readouterr().out) == wanted
    output.write_json(None, result)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("value", [float("nan"), np.float64("inf")])
def test_json_has_no_word_for_no_number(tmp_path, value):
    with pytest.raises(ValueError):
        output.write_json(tmp_path / "r.json", {"x": value})
    assert not (tmp_path / "r.json").exists()


def test_json_refuses_what_it_cannot_spell(tmp_path):
    with pytest.raises(TypeError, match="object has no JSON form"):
        output.write_json(tmp_path / "r.json", object())


def test_json_to_standard_output_leaves_the_table_to_standard_error():
    said = CliRunner().invoke(cli.main, ["about", "--json", "-"])
    assert json.loads(said.stdout)["numpy"] == np.__version__ and "numpy" in said.stderr


def test_json_to_a_place_that_is_not_there(tmp_path):
    said = CliRunner().invoke(cli.main, ["about", "--json", str(tmp_path / "no" / "r.json")])
    assert said.exit_code == 1 and said.stderr.startswith("devmemlab: ") and "No such file" in said.stderr


# ---- about

def test_about_is_the_same_twice_and_names_what_matters():
    first, second = about.about(), about.about()
    assert repr(first) == repr(second)
    assert {"python", "numba", "llvmlite", "numpy", "processor", "cores", "kernel_cache", "jit", "tap", "chromium",
            "address_space_bytes", "kernel_release"} <= set(first.as_dict())
    json.dumps(first.as_dict())
    assert first.as_dict()["cores"] >= 1


def test_about_escapes_html():
    assert about.About((("name", "<b>"),))._repr_html_().count("&lt;b&gt;") == 1


def test_about_says_when_the_jit_is_off(tmp_path):
    done = run("about", "--json", "-", cwd=tmp_path, NUMBA_DISABLE_JIT="1")
    assert json.loads(done.stdout)["jit"].startswith("off")


@pytest.mark.parametrize("size, said", [(0, "0"), (1000, "1000 B"), (1 << 20, "1 MiB"), (1 << 50, "1024 TiB")])
def test_sizes_are_spelled_for_people(size, said):
    assert about._spell("x_bytes", size) == said


# ---- notebooks

@pytest.fixture
def shipped(tmp_path):
    folder = tmp_path / "shipped"
    (folder / "solutions").mkdir(parents=True)
    (folder / ".ipynb_checkpoints").mkdir()
    lesson = {"cells": [{"cell_type": "code", "source": ["# no title"]},
                        {"cell_type": "markdown", "source": ["text\n", "# The problem\n"]}]}
    (folder / "00_the_problem.ipynb").write_text(json.dumps(lesson))
    (folder / "quickstart.ipynb").write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": ["# Quickstart"]}]}))
    (folder / "solutions" / "00.ipynb").write_text(json.dumps({"cells": []}))
    (folder / "picture.svg").write_text("<svg/>")
    (folder / ".ipynb_checkpoints" / "x.ipynb").write_text("{}")
    return folder


def test_copying_is_complete_and_repeatable(shipped, tmp_path):
    there = tmp_path / "a" / "b"
    assert sorted(notebooks.copy_notebooks(there, shipped).new) == ["00_the_problem.ipynb", "picture.svg", "quickstart.ipynb",
                                                                    "solutions/00.ipynb"]
    assert not (there / ".ipynb_checkpoints").exists()
    again = notebooks.copy_notebooks(there, shipped)
    assert not again.new and not again.kept and not again.updated and len(again.same) == 4


def test_a_learners_file_is_kept_and_named_and_an_untouched_one_updated(shipped, tmp_path):
    there = tmp_path / "there"
    notebooks.copy_notebooks(there, shipped)
    (there / "00_the_problem.ipynb").write_text("my work")
    (there / "my own.ipynb").write_text("mine")
    for name in ("00_the_problem.ipynb", "picture.svg"):
        (shipped / name).write_text("newer")
    done = notebooks.copy_notebooks(there, shipped)
    assert done.kept == ["00_the_problem.ipynb"] and done.updated == ["picture.svg"]
    assert (there / "00_the_problem.ipynb").read_text() == "my work" and (there / "my own.ipynb").read_text() == "mine"
    assert (there / "picture.svg").read_text() == "newer"
    assert "kept 00_the_problem.ipynb" in notebooks.report(done, there)
    assert notebooks.copy_notebooks(there, shipped).kept == ["00_the_problem.ipynb"]


@pytest.mark.parametrize("manifest", [None, "not json", "[]"])
def test_without_a_manifest_whatever_differs_is_kept(shipped, tmp_path, manifest):
    there = tmp_path / "there"
    there.mkdir()
    (there / "picture.svg").write_text("older or mine, who knows")
    if manifest is not None:
        (there / notebooks.MANIFEST).write_text(manifest)
    done = notebooks.copy_notebooks(there, shipped)
    assert done.kept == ["picture.svg"] and len(done.new) == 3


def test_a_deleted_lesson_comes_back(shipped, tmp_path):
    notebooks.copy_notebooks(tmp_path / "there", shipped)
    (tmp_path / "there" / "picture.svg").unlink()
    assert notebooks.copy_notebooks(tmp_path / "there", shipped).new == ["picture.svg"]


def test_titles(shipped):
    assert notebooks.title_of(shipped / "00_the_problem.ipynb") == "The problem"
    assert notebooks.title_of(shipped / "solutions" / "00.ipynb") == ""


def test_list_and_copy_commands(shipped, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "notebooks_folder", lambda: shipped)
    said = CliRunner().invoke(cli.main, ["notebooks", "list"]).output.splitlines()
    assert said == ["quickstart.ipynb      Quickstart", "00_the_problem.ipynb  The problem", "solutions/00.ipynb"]
    said = CliRunner().invoke(cli.main, ["notebooks", "copy", str(tmp_path / "there")])
    assert said.exit_code == 0 and "4 new" in said.output
    (tmp_path / "file").write_text("")
    assert CliRunner().invoke(cli.main, ["notebooks", "copy", str(tmp_path / "file")]).exit_code == 2
    assert CliRunner().invoke(cli.main, ["notebooks", "copy", str(tmp_path / "file" / "x")]).exit_code == 1


# ---- lab

def test_the_checkouts_own_tutorials_are_opened_in_place(shipped, tmp_path, monkeypatch):
    own = tmp_path / "clone"
    shutil.copytree(shipped, own / "notebooks")
    monkeypatch.setattr(paths, "checkout", lambda: own)
    monkeypatch.setattr(paths, "notebooks_folder", lambda: own / "notebooks")
    monkeypatch.chdir(own)
    assert lab.tutorial_folder()[0] == own / "notebooks" and lab.tutorial_folder("notebooks")[0] == own / "notebooks"
    folder, said = lab.tutorial_folder(tmp_path / "mine")
    assert folder == tmp_path / "mine" and "4 new" in said
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    folder, said = lab.tutorial_folder()
    assert folder == elsewhere / "devmemlab-tutorials" and "4 new" in said
    assert sorted(p.name for p in (own / "notebooks").iterdir()) == sorted(p.name for p in shipped.iterdir())


def test_the_command_for_jupyterlab(shipped):
    plain = lab.jupyter_command(shipped)
    assert plain[:3] == [sys.executable, "-m", "jupyterlab"] and f"--ServerApp.root_dir={shipped}" in plain
    assert "--LabApp.default_url=/lab/tree/quickstart.ipynb" in plain and "--no-browser" not in plain
    assert not any("port" in part for part in plain)
    chosen = lab.jupyter_command(shipped / "solutions", 8899, browser=False)
    assert {"--no-browser", "--ServerApp.port=8899", "--ServerApp.port_retries=0"} <= set(chosen)
    assert not any("default_url" in part for part in chosen)


def test_the_learners_own_configuration_stays_on_the_path():
    ours = lab.jupyter_environment({"A": "b"})
    assert ours["A"] == "b" and json.loads((pathlib.Path(ours["JUPYTER_CONFIG_PATH"]) / "labconfig/page_config.json").read_text())
    both = lab.jupyter_environment({"JUPYTER_CONFIG_PATH": "/mine"})["JUPYTER_CONFIG_PATH"]
    assert both == ours["JUPYTER_CONFIG_PATH"] + os.pathsep + "/mine"


def test_without_jupyterlab_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = CliRunner().invoke(cli.main, ["lab"])
    assert said.exit_code == 1 and "pip install 'devmemlab[lab]'" in said.stderr


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
def private_jupyter(tmp_path):
    return {"JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "JUPYTER_DATA_DIR": str(tmp_path / "data"), "JUPYTER_TOKEN": "secret",
            "JUPYTER_RUNTIME_DIR": str(tmp_path / "run"), "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings")}


@pytest.mark.once
def test_lab_really_starts_on_the_tutorials_without_the_news(tmp_path, private_jupyter):
    if not list(paths.notebooks_folder().glob("*.ipynb")):
        pytest.skip("there is no notebook yet")
    port = free_port()
    started = subprocess.Popen([sys.executable, "-m", "devmemlab", "lab", "--no-browser", "--port", str(port), "--dir", "here"],
                               cwd=tmp_path, env=os.environ | private_jupyter, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def get(path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}?token=secret", timeout=10) as answer:
            return answer.read().decode()

    try:
        for _ in range(600):
            assert started.poll() is None, started.stdout.read()
            try:
                get("/api/status")
                break
            except OSError:
                time.sleep(0.1)
        assert {"00_the_problem.ipynb"} <= {row["name"] for row in json.loads(get("/api/contents"))["content"]}
        assert "@jupyterlab/apputils-extension:announcements" in get("/lab")
    finally:
        started.terminate()
        said = started.communicate(timeout=60)[0]
    assert "/lab/tree/quickstart.ipynb" in said and (tmp_path / "here" / "quickstart.ipynb").is_file()


@pytest.mark.once
def test_a_port_that_is_taken_is_a_failure(tmp_path, private_jupyter):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("lab", "--no-browser", "--port", taken.getsockname()[1], "--dir", "here", cwd=tmp_path, **private_jupyter)
    assert done.returncode == 1 and "Traceback" not in done.stderr


# ---- warm

@pytest.mark.compiled_only
def test_warm_names_the_kernels_that_nothing_reached(tmp_path):
    said = python(f"""
        import os
        os.environ["NUMBA_CACHE_DIR"] = {str(tmp_path)!r}
        from devmemlab.base.seq import seq_add
        from devmemlab.commands.warm import warm
        done = warm([("one", lambda: seq_add(1, 2))], progress=False)
        print(done.compiled, "devmemlab.base.seq.seq_add" in done.missing, "devmemlab.base.seq.seq_diff" in done.missing,
              len(done.missing) > 20)
        """, tmp_path)
    assert said == ["1", "False", "True", "True"]


@pytest.mark.compiled_only
@pytest.mark.skipif(sys.platform != "linux", reason="one process does all there")
def test_warm_shares_exercises_between_processes_and_hears_of_one_that_fails(tmp_path):
    said = python(f"""
        import os
        os.environ["NUMBA_CACHE_DIR"] = {str(tmp_path)!r}
        from devmemlab.base.seq import seq_add, seq_before
        from devmemlab.commands.warm_workers import run_shared
        heard = []
        exercises = [("add", lambda: seq_add(1, 2)), ("again", lambda: seq_add(1, 2)), ("before", lambda: seq_before(1, 2))]
        run_shared(exercises, 2, lambda kind, word: heard.append((kind, word)))
        compiled = sum(word[0] for kind, word in heard if kind == "counts")
        print(sorted(word for kind, word in heard if kind == "title"), compiled, sum(kind == "end" for kind, _ in heard))
        try:
            run_shared([("fails", lambda: os._exit(3)), *exercises], 2, print)
        except RuntimeError as error:
            print("failed" in str(error))
        """, tmp_path)
    assert said[:3] == ["['add',", "'again',", "'before']"] and said[3] == said[4] and int(said[3]) >= 2 and said[-1] == "True"


@pytest.mark.compiled_only
def test_warm_fails_with_one_line_when_a_kernel_is_left(monkeypatch):
    done = warm.Warmed(1.0, 2, 1, 0, ["devmemlab.x.f"], ["devmemlab.linux.y (needs pyroute2)"], None, [])
    monkeypatch.setattr(warm, "warm", lambda **options: done)
    said = CliRunner().invoke(cli.main, ["warm"])
    assert said.exit_code == 1 and said.stderr.count("\n") == 1 and "reaches devmemlab.x.f" in said.stderr
    assert "left out: devmemlab.linux.y (needs pyroute2)" in said.stdout


@pytest.mark.once
def test_warm_reaches_every_kernel_and_the_second_time_compiles_nothing(tmp_path):
    first = run("warm", "--json", "-", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    second = run("warm", "--json", "-", cwd=tmp_path)
    report = json.loads(second.stdout)
    assert second.returncode == 0 and report["missing"] == [] and report["compiled"] == 0 and report["loaded"] > 20


def test_warm_without_the_jit_has_nothing_to_do(tmp_path):
    done = run("warm", cwd=tmp_path, NUMBA_DISABLE_JIT="1")
    assert done.returncode == 0 and "interpreted" in done.stdout
