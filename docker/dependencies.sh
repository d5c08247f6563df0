#!/bin/sh
# Creates the virtual environment of the server: locked dependencies, without pip.
#
#   sh docker/dependencies.sh VENV    run where requirements.lock is; PYTHON names another python3
set -eu
venv=${1:?Name the folder of the virtual environment.}
python=${PYTHON:-python3}

"$python" -m venv --without-pip "$venv"
# Only wheels: the image has no compiler.
"$python" -m pip --python "$venv" install --quiet --disable-pip-version-check \
    --require-hashes --no-deps --only-binary :all: --requirement requirements.lock
