#!/bin/sh
# Makes the virtual environment that the Makefile works in. Needs nothing but a Python; uses uv when there is one.
#
#   setup.sh VENV EXTRAS        for example: setup.sh .venv lab,net,test,ui
set -eu

venv=$1
extras=$2
here=$(cd "$(dirname "$0")" && pwd)
cd "$here"

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$@" >&2; exit 1; }

# An interpreter counts when it runs (a version manager's shim may not) and is one of those this package supports.
supported() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

python=
for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python; do
    if supported "$candidate"; then python=$candidate; break; fi
done

uv=
if [ "${DEVMEMLAB_SETUP:-uv}" = uv ] && command -v uv >/dev/null 2>&1; then uv=uv; fi

if [ -z "$python" ] && [ -z "$uv" ]; then
    found=$(python3 --version 2>/dev/null || echo "no python3 at all")
    fail "devmemlab needs Python 3.11, 3.12 or 3.13; found $found." \
         "On Debian 12 or later and on Ubuntu 24.04 or later:  sudo apt-get install python3 python3-venv" \
         "If you have one elsewhere:                           make setup PYTHON=/path/to/python3.12"
fi

if [ -x "$venv/bin/python" ] && supported "$venv/bin/python"; then
    say "using the environment in $venv ($("$venv/bin/python" --version))"
elif [ -n "$uv" ]; then
    say "making $venv with uv"
    uv venv --quiet --clear --python "${python:->=3.11,<3.14}" "$venv"
else
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        fail "$python cannot make virtual environments: a system package is missing." \
             "Debian, Ubuntu:  sudo apt-get install python$version-venv"
    fi
    say "making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi

say "installing devmemlab[$extras] and what it needs (about a minute the first time)"
if [ -n "$uv" ]; then
    uv pip install --quiet --python "$venv/bin/python" --constraint constraints.txt --editable ".[$extras]"
else
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip >/dev/null
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[$extras]"
fi
say "done: $venv/bin/devmemlab --help"
