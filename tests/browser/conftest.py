"""A JupyterLab of our own and a headless Chromium; nothing outside this machine is asked for anything."""

import os
import secrets
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from devmemlab.base.paths import notebooks_folder
from devmemlab.commands.about import chromium
from devmemlab.commands.lab import jupyter_command, jupyter_environment

CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_S = 120


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What shares an open lesson, or a film that took long to make, stays in one process."""
    for item in items:
        asked = item.callspec.params if hasattr(item, "callspec") else {}
        shared = [asked[name] for name in ("lesson", "film") if name in asked]
        item.add_marker(pytest.mark.xdist_group("-".join([item.path.stem, *shared])))


@pytest.fixture(scope="session")
def shots(request):
    """Whether pictures are taken for somebody to look at (``--shots``); they cost more than what is tested."""
    return request.config.getoption("--shots")


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=chromium(), args=CHROMIUM)
        yield running
        running.close()


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory):
    """Base address and token of a JupyterLab on a copy of the tutorials."""
    pytest.importorskip("jupyterlab")
    root = tmp_path_factory.mktemp("jupyterlab")
    folder = root / "tutorials"
    shutil.copytree(notebooks_folder(), folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(8)
    private = {
        f"{name}_DIR": str(root / name.lower())
        for name in (
            "JUPYTER_CONFIG",
            "JUPYTER_DATA",
            "JUPYTER_RUNTIME",
            "JUPYTERLAB_SETTINGS",
            "JUPYTERLAB_WORKSPACES",
            "IPYTHON",
            "MPLCONFIG",
        )
    }
    private["IPYTHONDIR"], private["MPLCONFIGDIR"] = private.pop("IPYTHON_DIR"), private.pop("MPLCONFIG_DIR")
    settings = root / "jupyterlab_settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    # A notebook draws only the cells that are visible, unless told otherwise; here every cell is looked at.
    settings.write_text('{"windowingMode": "none"}')
    command = jupyter_command(folder, port=port, browser=False) + [
        "--ip=127.0.0.1",
        f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True",
        "--JupyterNotebookApp.expose_app_in_browser=True",
    ]
    with open(root / "log", "wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=jupyter_environment({**os.environ, **private}))
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api/status?token={token}", server, root / "log")
        yield address, token
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait_for(url, server, log):
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    pytest.fail(f"JupyterLab does not answer:\n{log.read_text()[-2000:]}")
