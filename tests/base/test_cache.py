"""The cache of compiled kernels, tried in processes of their own on a copy of the package."""

import os
import shutil
import subprocess
import sys
import textwrap
import time

import pytest
from numba import config

from devmemlab.base import cache
from devmemlab.base.kernel import PACKAGE

pytestmark = pytest.mark.once       # its processes choose their own modes


@pytest.fixture
def copy(tmp_path):
    """A package with floor 0 and three files of its own, a home, and a way to run programs with them."""
    return Copy(tmp_path)


class Copy:
    """A copy of the package."""

    def __init__(self, folder):
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        package = folder / "site" / "devmemlab"
        package.mkdir(parents=True)
        shutil.copytree(PACKAGE / "base", package / "base", ignore=shutil.ignore_patterns("__pycache__"))
        (package / "__init__.py").write_text("")
        self.package = package
        self.write("constants.py", "SIZE = 4096")
        self.write("callee.py", "from devmemlab.base.kernel import kernel\n\n@kernel\ndef twice(x):\n    return 2 * x")
        self.write("caller.py", """
            from devmemlab.base.kernel import kernel
            from devmemlab.callee import twice
            from devmemlab.constants import SIZE

            @kernel
            def area(x):
                return twice(x) * SIZE
            """)

    def write(self, name, text):
        (self.package / name).write_text(textwrap.dedent(text).strip() + "\n")

    def environ(self, **more):
        kept = {k: v for k, v in os.environ.items()
                if not k.startswith(("NUMBA_", "XDG_")) and k not in ("PYTHONPATH", "TMPDIR")}
        return kept | {"PYTHONPATH": str(self.folder / "site"), "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(self.home)} | more

    def run(self, program, prefix=(), **environ):
        done = subprocess.run([*prefix, sys.executable, "-c", textwrap.dedent(program)], env=self.environ(**environ),
                              capture_output=True, text=True, cwd=self.folder, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    def area(self, x=1, **options):
        """The answer, specialisations compiled, specialisations loaded."""
        return tuple(map(int, self.run(f"""
            from devmemlab.base.kernel import compiled_count
            from devmemlab.caller import area
            print(area({x}), *compiled_count()[1:])
            """, **options)))

    def stamps(self, root=None):
        return sorted(p for p in (root or self.home / ".cache/devmemlab/kernels").glob("*") if p.is_dir())


def test_the_second_process_loads_what_the_first_compiled(copy):
    assert copy.area() == (8192, 2, 0)
    assert copy.area() == (8192, 0, 1)


def test_an_edited_callee_in_another_file_compiles_again(copy):
    copy.area()
    copy.write("callee.py", "from devmemlab.base.kernel import kernel\n\n@kernel\ndef twice(x):\n    return 3 * x")
    assert copy.area() == (12288, 2, 0)


def test_an_edited_constant_in_another_file_compiles_again(copy):
    copy.area()
    copy.write("constants.py", "SIZE = 8192")
    assert copy.area() == (16384, 1, 1), "the callee does not see the constant"
    copy.write("constants.py", "SIZE = 4096")
    assert copy.area() == (8192, 0, 1)


def test_an_edit_that_no_kernel_sees_compiles_nothing(copy):
    copy.area()
    copy.write("picture.py", "from devmemlab.caller import area")
    copy.write("__init__.py", "NAME = 1")
    assert copy.area() == (8192, 0, 1)


def test_two_checkouts_share_what_they_have_in_common(copy):
    """Each edit has its own folder, so going back and forth between two versions compiles each once."""
    copy.area()
    for caller, compiled in (("+ 1", 1), ("+ 2", 1), ("+ 1", 0)):
        copy.write("caller.py", f"""
            from devmemlab.base.kernel import kernel
            from devmemlab.callee import twice

            @kernel
            def area(x):
                return twice(x) {caller}
            """)
        assert copy.area() == (2 + int(caller[-1]), compiled, 1)


def test_sources_edited_while_a_process_runs_do_not_poison_the_cache(copy):
    """The process that saw both versions must leave nothing behind under the first version's stamp."""
    assert copy.run("""
        import pathlib
        import devmemlab.base.kernel as k
        k.cache_directory()
        file = pathlib.Path(k.__file__).parent.parent / "constants.py"
        before = file.read_text()
        file.write_text("SIZE = 10000")
        from devmemlab.caller import area
        print(area(1))
        file.write_text(before)
        """) == ["20000"]
    assert copy.area() == (8192, 1, 1), "the callee, whose sources nobody touched, was kept"


def test_importing_leaves_numbas_own_setting_alone(copy):
    assert copy.run("from numba import config; import devmemlab.caller; print(repr(config.CACHE_DIR))") == ["''"]
    chosen = copy.folder / "chosen"
    assert copy.run("from numba import config; import devmemlab.caller; print(config.CACHE_DIR)",
                    NUMBA_CACHE_DIR=str(chosen)) == [str(chosen)]


def test_the_users_numba_cache_dir_wins(copy):
    chosen = copy.folder / "chosen"
    assert copy.area(NUMBA_CACHE_DIR=str(chosen)) == (8192, 2, 0)
    assert len(copy.stamps(chosen / "devmemlab")) == 1 and not copy.stamps()
    assert copy.area(NUMBA_CACHE_DIR=str(chosen)) == (8192, 0, 1)


def test_xdg_cache_home_is_honoured(copy):
    chosen = copy.folder / "xdg"
    copy.area(XDG_CACHE_HOME=str(chosen))
    assert len(copy.stamps(chosen / "devmemlab" / "kernels")) == 1 and not copy.stamps()


def test_numbas_locator_override_does_not_disturb_it(copy):
    assert copy.area(NUMBA_CACHE_LOCATOR_CLASSES="InTreeCacheLocator") == (8192, 2, 0)
    assert copy.area() == (8192, 0, 1)


def test_interpreted_mode_makes_no_cache(copy):
    said = copy.run("from devmemlab.caller import area; print(area(1), area.py_func(1))", NUMBA_DISABLE_JIT="1")
    assert said == ["8192", "8192"]
    assert not copy.stamps()


def test_bounds_checked_code_has_a_stamp_of_its_own(copy):
    copy.area()
    assert copy.area(NUMBA_BOUNDSCHECK="1") == (8192, 2, 0)
    assert len(copy.stamps()) == 2
    assert copy.area() == (8192, 0, 1)


def test_a_torn_file_is_compiled_again_and_replaced(copy):
    """Emptied, cut, zeroed, foreign, or with one bit turned. Each case: torn, compiled again, found again."""
    assert copy.area() == (8192, 2, 0)
    said = copy.run("""
        from devmemlab.base.kernel import cache_directory, kernel
        from devmemlab.callee import twice

        spoilers = [lambda o: b"", lambda o: o[:len(o) // 2], lambda o: o[:-1] + bytes(b ^ 1 for b in o[-1:]),
                    lambda o: b"\\0" * len(o), lambda o: b"no cache at all", lambda o: o]
        print(twice(4))
        for spoil in spoilers:
            torn = [path for path in cache_directory().glob("*/*.nbc") if "twice" in path.name]
            assert torn
            for path in torn:
                path.write_bytes(spoil(path.read_bytes()))
            for attempt in range(2):
                fresh = kernel(twice.py_func)
                print(fresh(4), sum(fresh.stats.cache_misses.values()))
        """)
    assert said == ["8"] + ["8", "1", "8", "0"] * 5 + ["8", "0", "8", "0"]


def test_a_cache_that_vanishes_while_in_use_harms_nothing(copy):
    assert copy.run("""
        import shutil
        from devmemlab.base.kernel import cache_directory
        from devmemlab.caller import area
        shutil.rmtree(cache_directory())
        print(area(1))
        """) == ["8192"]


def test_two_cold_processes_cannot_get_each_others_code(copy):
    """Whoever writes last: each specialisation has a file of its own, and nothing lists them."""
    program = """
        import pathlib, sys, time
        from devmemlab.base import persist
        from devmemlab.callee import twice

        replace = persist.os.replace

        def together(written, path):
            pathlib.Path(mine).touch()
            while not pathlib.Path(other).exists():
                time.sleep(0.01)
            replace(written, path)

        persist.os.replace = together
        mine, other = {names}
        print(twice({x}))
        """
    started = [subprocess.Popen([sys.executable, "-c", textwrap.dedent(program.format(names=names, x=x))], env=copy.environ(),
                                cwd=copy.folder, stdout=subprocess.PIPE, text=True)
               for names, x in ((("a", "b"), 3.5), (("b", "a"), 3))]
    assert [p.communicate(timeout=120)[0].strip() for p in started] == ["7.0", "6"]
    files = [path.name for path in copy.home.rglob("*.nbc*")]
    assert len(files) == 2 and not [name for name in files if not name.endswith(".nbc")]
    assert copy.run("""
        from devmemlab.base.kernel import compiled_count
        from devmemlab.callee import twice
        print(twice(3), twice(3.5), twice(3), *compiled_count()[1:])
        """) == ["6", "7.0", "6", "0", "2"]


def powerless():
    """A command prefix under which file modes mean something: root's own programs may write anywhere."""
    if os.getuid():
        return []
    prefix = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
    if shutil.which("setpriv") is None or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("we are root and cannot drop its powers (setpriv)")
    return prefix


@pytest.mark.parametrize("tmp", [True, False], ids=["with /tmp", "without"])
def test_a_read_only_installation_without_a_home_imports_and_runs(copy, tmp):
    locked, place = copy.folder / "locked", copy.folder / "tmp"
    locked.mkdir()
    place.mkdir()
    for path in [locked, *(copy.folder / "site").rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    said = copy.run(f"""
        import tempfile
        tempfile.tempdir = {str(place if tmp else locked)!r}
        from devmemlab.base.kernel import cache_directory, compiled_count
        from devmemlab.caller import area
        print(area(1), cache_directory(), compiled_count()[1])
        """, prefix=powerless(), HOME=str(locked / "home"))
    assert said[0] == "8192" and said[2] == "2"
    assert said[1].startswith(str(place)) if tmp else said[1] == "None"


def test_a_cache_that_strangers_may_write_is_not_used(copy):
    root = copy.folder / "open"
    root.mkdir()
    (root / "devmemlab").mkdir()
    (root / "devmemlab").chmod(0o777)
    assert copy.run("from devmemlab.base.kernel import cache_directory; print(cache_directory())",
                    NUMBA_CACHE_DIR=str(root)) == ["None"]


def test_a_link_to_a_folder_of_ours_is_fine(copy):
    (copy.folder / "scratch").mkdir()
    (copy.folder / "link").symlink_to(copy.folder / "scratch")
    assert copy.area(NUMBA_CACHE_DIR=str(copy.folder / "link")) == (8192, 2, 0)
    assert len(copy.stamps(copy.folder / "scratch" / "devmemlab")) == 1


def make_stamps(root, ages_days):
    made = []
    for number, days in enumerate(ages_days):
        path = root / f"{number:016x}"
        path.mkdir(parents=True)
        (path / "file").write_text("x")
        then = time.time() - days * 86400
        os.utime(path, (then, then))
        made.append(path)
    return made


def test_cleaning_keeps_the_recent_and_the_three_last_used(tmp_path):
    made = make_stamps(tmp_path, [30, 0, 20, 6, 40, 10])
    (tmp_path / "notes").mkdir()
    assert sorted(cache.clean_cache(tmp_path)) == sorted([made[0], made[2], made[4]])
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([made[1].name, made[3].name, made[5].name, "notes"])


def test_cleaning_keeps_all_when_all_are_recent(tmp_path):
    make_stamps(tmp_path, [0, 1, 2, 3, 4, 5])
    assert cache.clean_cache(tmp_path) == []


def test_cleaning_keeps_the_one_in_use_whatever_its_age(tmp_path):
    made = make_stamps(tmp_path, [30, 0, 0, 0])
    assert cache.clean_cache(tmp_path, keep=made[0]) == []


def test_cleaning_what_is_not_there(tmp_path):
    assert cache.clean_cache(tmp_path / "nowhere") == []


def test_a_new_stamp_cleans_old_ones_away(copy):
    old = make_stamps(copy.home / ".cache/devmemlab/kernels", [30, 31, 32, 33])
    copy.area()
    assert [path.exists() for path in old] == [True, True, False, False]


def test_the_stamp_sees_settings():
    first = cache.stamp()
    assert first == cache.stamp() and len(first) == 16
    before, config.LOOP_VECTORIZE = config.LOOP_VECTORIZE, not config.LOOP_VECTORIZE
    try:
        assert cache.stamp() != first
    finally:
        config.LOOP_VECTORIZE = before


def test_folders_of_older_sources_are_cleaned_away_file_by_file(tmp_path):
    mine = [cache.open_folder(tmp_path, "a.b", digit * 16) for digit in "1234"]
    others = [cache.open_folder(tmp_path, module, "5" * 16) for module in ("a.b.c", "a", "a.bc")]
    for number, folder in enumerate(mine + others):
        then = time.time() - (30 + number) * 86400
        os.utime(folder, (then, then))
    fresh = cache.open_folder(tmp_path, "a.b", "8" * 16)
    assert fresh.exists() and [path.exists() for path in mine] == [True, True, False, False]
    assert all(path.exists() for path in others)


def test_candidates_without_any_environment_end_in_a_folder_of_ones_own():
    roots = cache.candidate_roots({})
    assert len(roots) == 1 and f"devmemlab-{os.getuid()}" in str(roots[0])
