#!/bin/sh
# Builds the project's wheel and puts it into the virtual environment that dependencies.sh made.
#
#   sh docker/application.sh VENV     in the project's folder; PYTHON names another python3
set -eu
venv=${1:?Say where the virtual environment is.}
python=${PYTHON:-python3}
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT

pip() {
    into=$1
    shift
    "$python" -m pip --python "$into" "$@" --quiet --disable-pip-version-check
}

# Of the development lock just what builds a wheel, so that its hashes hold here too. That this is
# all of it pip checks itself: with hashes it refuses a dependency that the list leaves out.
awk '/^[^ ]/ { wanted = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ }
    wanted' requirements-dev.lock >"$tools/requirements"
"$python" -m venv --without-pip "$tools/venv"
pip "$tools/venv" install --require-hashes --only-binary :all: --requirement "$tools/requirements"

pip "$tools/venv" wheel --no-deps --no-build-isolation --check-build-dependencies \
    --wheel-dir "$tools/dist" .
pip "$venv" install --no-deps --no-index "$tools"/dist/*.whl
