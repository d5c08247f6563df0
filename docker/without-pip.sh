#!/bin/sh
# Uninstalls pip: the image installs nothing at run time.
#
#   sh docker/without-pip.sh PYTHON
set -eu
"${1:?Name the Python.}" -m pip uninstall --quiet --yes --disable-pip-version-check \
    --root-user-action ignore pip
