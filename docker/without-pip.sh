#!/bin/sh
# Takes pip out of a Python: what serves needs nothing that installs.
#
#   sh docker/without-pip.sh PYTHON
set -eu
"${1:?Say which Python.}" -m pip uninstall --quiet --yes --disable-pip-version-check \
    --root-user-action ignore pip
