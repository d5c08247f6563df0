#!/bin/sh
# Builds the project's wheel, and installs it into the virtual environment of dependencies.sh.
#
#   sh docker/application.sh VENV     run in the project's folder; PYTHON names another python3
set -eu
venv=${1:?Name the folder of the virtual environment.}
python=${PYTHON:-python3}
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT

pip() {
    into=$1
    shift
    "$python" -m pip --python "$into" "$@" --quiet --disable-pip-version-check
}

# Selects the build tools from the development lock, which has their hashes. With hashes, pip rejects
# a dependency that is missing in the list.
awk '/^[^ ]/ { wanted = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ }
    wanted' requirements-dev.lock >"$tools/requirements"
"$python" -m venv --without-pip "$tools/venv"
pip "$tools/venv" install --require-hashes --only-binary :all: --requirement "$tools/requirements"

pip "$tools/venv" wheel --no-deps --no-build-isolation --check-build-dependencies \
    --wheel-dir "$tools/dist" .
pip "$venv" install --no-deps --no-index "$tools"/dist/*.whl
