#!/bin/sh
# Make .venv, or bring it up to date, with the project and some of its extras installed.
#
#     tools/bootstrap.sh PYTHON EXTRAS        e.g.  tools/bootstrap.sh python3 post,test
#
# An existing .venv is kept, and only added to, unless it belongs to another version of Python or another
# directory (a copied checkout: its scripts would run the code of the original).
set -eu
cd "$(dirname "$0")/.."
python=$1
extras=$2
venv_python=.venv/bin/python

tools/preflight.sh "$python"

version() { "$1" -c 'import sys; print(sys.version_info[:2], sys.implementation.cache_tag)' 2>/dev/null; }

if [ "$(version $venv_python)" != "$(version "$python")" ] || [ "$(cat .venv/checkout 2>/dev/null)" != "$PWD" ]; then
    echo "Making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
    echo "$PWD" >.venv/checkout
fi

$venv_python tools/build_quickfix.py

echo "Installing the project and its other dependencies ($extras)"
$venv_python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[$extras]"
