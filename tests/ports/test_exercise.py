"""What `devmemlab warm` runs of this room."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
from devmemlab.base.kernel import REGISTRY, forms
from devmemlab.host.ports.exercise import wires
wires()
print([name for name, kernel in REGISTRY.items()
       if name.startswith("devmemlab.host.ports.") and not any(form.overloads for form in forms(kernel))])
"""


@pytest.mark.long
@pytest.mark.compiled_only
def test_every_kernel_of_the_ports_is_reached(tmp_path):
    # An empty cache: what is loaded from a full one takes its callees along unseen.
    environ = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300, env=environ)
    assert done.stdout == "[]\n", done.stderr
