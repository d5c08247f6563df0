#!/bin/sh
# Makes the virtual environment that will serve: the locked dependencies, and no pip.
#
#   sh docker/dependencies.sh VENV    where requirements.lock is; PYTHON names another python3
set -eu
venv=${1:?Say where the virtual environment goes.}
python=${PYTHON:-python3}

"$python" -m venv --without-pip "$venv"
# Wheels only: nothing is compiled, so nothing that compiles is needed.
"$python" -m pip --python "$venv" install --quiet --disable-pip-version-check \
    --require-hashes --no-deps --only-binary :all: --requirement requirements.lock
