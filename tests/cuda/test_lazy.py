"""What costs nothing until it is used, and what it says where it cannot be used."""

import json
import os
import subprocess
import sys

import pytest

import devmemlab as dml
from devmemlab.cuda.stored import COMMAND, FILE, StoredTable
from devmemlab.view.displays import attach

ROW = {"bench": "gpu", "label": "measured", "repeats": 15, "figure": "payload_gbytes_per_s", "median": 20.0,
       "min": 19.0, "max": 21.0,
       "payload_gbytes_per_s": 20.0, "device": {"name": "A <GPU>", "driver": "13.0", "numba_cuda": "0.30"}, "method": "How."}
ABSENT = "import sys; sys.modules['numba.cuda'] = None; import devmemlab as dml\n"


def python(program, **environ):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "NUMBA_DISABLE_JIT": "1", **environ})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.once
def test_importing_imports_no_cuda_and_registers_no_kernel():
    said = python("import sys, devmemlab as dml\n"
                  "from devmemlab.base.kernel import REGISTRY\n"
                  "from devmemlab.commands.warm import import_all\n"
                  "assert 'devmemlab.cuda' not in sys.modules\n"
                  "dml.cuda.DeviceMemory, dml.cuda.stored_table()\n"
                  "print(import_all(dml.cuda), 'numba.cuda' in sys.modules, [k for k in REGISTRY if '.cuda.' in k])")
    assert said == "[] False []\n"


@pytest.mark.once
def test_without_numba_cuda_the_error_names_what_to_install_and_the_bench_says_so():
    said = python(ABSENT + "from devmemlab.lab.bench import find_bench\n"
                  "from devmemlab.lab.bench.report import run_benches\n"
                  "try: dml.cuda.DeviceMemory('4KiB')\n"
                  "except ImportError as e: print(e)\n"
                  "print(find_bench('gpu').skipped())\n"
                  "print(run_benches(['gpu'], quick=True, repeats=1).rows)\n"
                  "print(dml.cuda.missing())")
    assert said.count("pip install 'devmemlab[cuda]'") == 3 and "\n[]\n" in said


@pytest.mark.once
def test_without_a_gpu_the_error_says_so_and_names_the_simulator():
    said = python("from devmemlab.cuda import driver\n"
                  "class Nothing:\n"
                  "    jit = print\n"
                  "    is_available = staticmethod(lambda: False)\n"
                  "driver.numba_cuda = lambda: Nothing\n"
                  "broken = type('D', (), {'is_available': False, 'initialization_error': 'no device. Much more'})\n"
                  "driver.import_module = lambda name: type('M', (), {'driver': broken})\n"
                  "import devmemlab as dml\n"
                  "try: dml.cuda.DeviceMemory('4KiB')\n"
                  "except OSError as e: print(type(e).__name__, e.errno, e)\n"
                  "print(driver.unmeasurable())")
    first, second = said.splitlines()
    assert first.startswith("NoGpu 19") and "NUMBA_ENABLE_CUDASIM=1" in first and "(no device)" in second


@pytest.mark.once
def test_names_of_the_room():
    assert {"DeviceMemory", "stored_table", "parse_frames"} <= set(dir(dml.cuda))
    with pytest.raises(AttributeError, match="there are DeviceMemory"):
        dml.cuda.nothing


@pytest.mark.once
def test_no_table_is_stored_and_it_says_which_command_makes_one():
    attach()
    empty = StoredTable()
    assert empty.rows == [] and COMMAND in repr(empty) and COMMAND in empty._repr_html_() and "measured" in empty.caption


@pytest.mark.once
def test_a_stored_table_names_the_gpu_and_that_it_was_not_measured_here(tmp_path, monkeypatch):
    rows = [ROW | {"case": "copy_h2d"}, ROW | {"case": "devmem_9000", "ratio_to_device_copy": 0.5},
            ROW | {"bench": "rx", "case": "other"}]
    (tmp_path / FILE).write_text(json.dumps({"machine": {}, "rows": rows}))
    monkeypatch.setattr("devmemlab.cuda.stored.data_folder", lambda: tmp_path)
    table = dml.cuda.stored_table()
    assert len(table.rows) == 2 and all(said in table.caption for said in ("A <GPU>", "not measured here", "How."))
    heads, lines = table.lines()
    assert heads == ["case", "payload_gbytes_per_s", "ratio_to_device_copy", "min", "max"]
    assert lines == [["copy_h2d", "20.00", "", "19.00", "21.00"], ["devmem_9000", "20.00", "0.50", "19.00", "21.00"]]
    attach()
    assert "devmem_9000" in repr(table) and "A &lt;GPU&gt;" in table._repr_html_()


@pytest.mark.once
def test_the_table_in_data_is_whole_where_there_is_one():
    table = dml.cuda.stored_table()
    assert not table.rows or (table.device["name"] and table.method)
