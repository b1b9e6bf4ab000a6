"""What the tests of the real kernel share: running one of `tests.linux.inside` in a private namespace."""

import json
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LINUX = sys.platform == "linux"


def inside(ns, name, *arguments):
    """Call a function of `tests.linux.inside` in a namespace; gives what it returned."""
    done = ns.run([sys.executable, "-m", "tests.linux.inside", name, *map(str, arguments)], cwd=ROOT,
                  env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
