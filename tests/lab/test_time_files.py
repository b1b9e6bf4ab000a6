"""State files: what was saved is opened again, and what was damaged, changed or is of another version is refused whole."""

import gc
import json
import os
import random
import subprocess
import sys
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import devmemlab as dml
from devmemlab.lab.state_file import StateFileError
from devmemlab.mem.region import regions
from tests.lab.test_time import small


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A journey with a fork, in the middle, and its file."""
    folder = tmp_path_factory.mktemp("saved")
    with dml.journey(small()) as run:
        run.at((run.first + run.events) // 2)
        with run.fork(loss=0.2, keep=2) as branch:
            branch.at(branch.event + 100)
            branch.lab.save(folder / "one.dml")
            branch.lab.save(folder / "two.dml")
            yield folder / "one.dml", branch


def changed(saved, tmp_path, **changes):
    """The file with keys of its JSON changed; None takes a key away."""
    path = tmp_path / "changed.dml"
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w") as new:
        told = {**json.loads(old.read("state.json")), **changes}
        new.writestr("state.json", json.dumps({key: value for key, value in told.items() if value is not None}))
    return path


def refused(path, *words):
    """Opening is refused with these words, and leaves nothing open."""
    gc.collect()
    before = int(regions().alive.sum())
    with pytest.raises(StateFileError) as said:
        dml.open_lab(path)
    assert path.name in str(said.value) and all(word in str(said.value) for word in words), said.value
    # What was raised still holds everything that was there: only what has been closed is gone.
    assert int(regions().alive.sum()) <= before, "something stays half-opened"


def test_a_saved_lab_opens_again(saved):
    path, branch = saved
    assert path.read_bytes() == path.with_name("two.dml").read_bytes() and path.stat().st_size < 2000
    lab = dml.open_lab(path)
    with lab.journey as opened:
        assert lab.state_hash() == branch.lab.state_hash()
        assert (opened.event, opened.moment, opened.trace_sha256) == (branch.event, branch.moment, branch.trace_sha256)
        assert opened.inside == branch.inside and opened.flows == branch.flows
        assert opened.program.changes == branch.program.changes
        assert opened.back(50).state_hash() == branch.at(branch.event - 50).state_hash()
        branch.step(50)


@pytest.mark.compiled_only
@pytest.mark.once
def test_it_opens_in_another_process_that_has_no_compiler(saved):
    path, branch = saved
    program = f"import devmemlab as dml; print(dml.open_lab({str(path)!r}).state_hash())"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "NUMBA_DISABLE_JIT": "1"})
    assert said.stdout.strip() == branch.lab.state_hash(), said.stderr


@settings(max_examples=25)
@given(seed=st.integers(0, 1 << 30))
def test_damaged_files_are_refused(saved, tmp_path_factory, seed):
    draw, octets = random.Random(seed), bytearray(saved[0].read_bytes())
    path = tmp_path_factory.mktemp("damaged") / "damaged.dml"
    if draw.random() < 0.5:
        del octets[draw.randrange(len(octets)):]
    else:
        # Within the packed JSON: its sum does not fit any more.
        octets[draw.randrange(60, 400)] ^= 1 << draw.randrange(8)
    path.write_bytes(octets)
    with pytest.raises(StateFileError, match="damaged.dml: .*(damaged|no state file)"):
        dml.open_lab(path)


@pytest.mark.parametrize("changes, words", [
    ({"version": 2}, ["version = 2", "reads version 1", "open it with devmemlab '0.1.0'"]),
    ({"version": True}, ["version = True"]),
    ({"format": "pickle"}, ["format = 'pickle'", "only 'devmemlab state'"]),
    ({"event": "5"}, ["event = '5' cannot be; needed: int"]),
    ({"moment": True}, ["moment = True cannot be"]),
    ({"event": 1 << 60}, ["event = 1152921504606846976", "no such place"]),
    ({"moment": -1}, ["moment = -1", "no such place"]),
    ({"state_hash": "0" * 64}, ["state_hash = '0000000000000000'", "runs it otherwise", "the file was changed"]),
    ({"changes": [[0, {"loss": 5}]]}, ["loss = 5 cannot be"]),
    ({"changes": [[0, {"__class__": 5}]]}, ["__class__: there is no such setting"]),
    ({"changes": [["0", {}]]}, ["changes = ", "[moment, settings] each"]),
    ({"changes": [[0, {"commands": {"trainer": ["rm -rf /"]}}]]}, ["cannot be run here", "rm -rf /"]),
    ({"scenario": {"host": [{"name": "x", "pythn": 1}]}}, ["host[1].pythn: there is no such key"]),
    ({"scenario": None}, ["neither a scenario nor a recording"]),
    ({"scenario": None, "recording": {"memory": 1}}, ["neither a scenario nor a recording"]),
], ids=lambda value: next(iter(value)) if isinstance(value, dict) else "")
def test_what_a_file_says_is_checked(saved, tmp_path, changes, words):
    refused(changed(saved[0], tmp_path, **changes), *words)


def test_another_seed_in_the_file_is_found_by_the_hash(saved, tmp_path):
    scenario = json.loads(zipfile.ZipFile(saved[0]).read("state.json"))["scenario"]
    refused(changed(saved[0], tmp_path, scenario={**scenario, "seed": scenario["seed"] + 1}), "changed.dml")


def test_files_that_are_something_else(tmp_path):
    path = tmp_path / "other.dml"
    for parts, words in (({"evil.pkl": b"cos\nsystem\n"}, ["'evil.pkl'", "open one that lab.save"]),
                         ({"state.json": b"{", }, ["state.json is damaged"]),
                         ({"state.json": b"[1]"}, ["format = [1]"]),
                         ({"state.json": b"[" * 100_000}, ["state.json is damaged"]),
                         ({"state.json": b" " * (1 << 21)}, ["state.json has 2,097,152 octets"]),
                         ({"state.json": b"{}", "../up": b""}, ["'../up'"])):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, octets in parts.items():
                archive.writestr(name, octets)
        refused(path, *words)
    path.write_bytes(b"")
    refused(path, "damaged")
    path.unlink()
    with pytest.raises(FileNotFoundError):
        dml.open_lab(path)


def test_a_file_appears_whole_or_not_at_all(saved, tmp_path, monkeypatch):
    path, branch = tmp_path / "late.dml", saved[1]
    path.write_bytes(b"before")
    monkeypatch.setattr(zipfile.ZipFile, "writestr", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        branch.lab.save(path)
    assert path.read_bytes() == b"before" and [one.name for one in tmp_path.iterdir()] == ["late.dml"]
