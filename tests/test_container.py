"""The container image, tested without Docker: each instruction of the Dockerfile is carried out.

COPY copies from a context that `.dockerignore` filters. RUN runs with this Python, in temporary
folders. The base image, its user and the read-only root are not tested.
"""

import json
import os
import platform
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pymongo.database import Database

from server.settings import PREFIX, Settings
from tests.conftest import SECRET

ROOT = Path(__file__).parents[1]
HADOLINT = Path(sys.executable).parent / "hadolint"
# The path of the virtual environment in the Dockerfile.
VENV = "/opt/headcount"
START_LIMIT, STOP_LIMIT = 30, 15

needs_hadolint = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="hadolint is packaged for Linux on x86-64 only",
)


class Instruction(NamedTuple):
    """An instruction of the Dockerfile."""

    word: str
    rest: str


class Built(NamedTuple):
    """The results of the build stages, and the context they were built from."""

    context: Path
    pages: Path
    venv: Path


def _stages() -> dict[str, list[Instruction]]:
    """Stage name → instructions; the name of the final stage is empty."""
    stages: dict[str, list[Instruction]] = {}
    name = ""
    for line in re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines():
        if line and not line.startswith("#"):
            word, rest = line.split(maxsplit=1)
            if word == "FROM":
                name = rest.partition(" AS ")[2]
            else:
                stages.setdefault(name, []).append(Instruction(word, rest))
    return stages


def _final(word: str) -> str:
    """The arguments of an instruction that the final stage has exactly once."""
    (rest,) = (rest for found, rest in _stages()[""] if found == word)
    return rest


def _context(folder: Path) -> Path:
    """The build context: the repository without the files that `.dockerignore` excludes."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    everywhere = {p.removeprefix("**/") for p in patterns if p.startswith("**/")}
    on_top = {p for p in patterns if "/" not in p}
    assert len(everywhere) + len(on_top) == len(patterns), "a pattern this test can't read"

    def ignored(place: str, names: list[str]) -> set[str]:
        of = everywhere | on_top if Path(place) == ROOT else everywhere
        return {name for name in names if any(fnmatch(name, pattern) for pattern in of)}

    return shutil.copytree(ROOT, folder, ignore=ignored)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def _run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The context of the build stages."""
    return _context(tmp_path_factory.mktemp("context") / "context")


@pytest.fixture(scope="module")
def built(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The build stages, carried out."""
    assert shutil.which("npm"), "the image's pages are built with Node.js: install it"
    folder = tmp_path_factory.mktemp("image")
    venv = folder / "venv"
    for stage in ("console", "builder"):
        build = folder / stage
        for word, rest in _stages()[stage]:
            if word == "COPY":
                *sources, target = rest.removeprefix("--from=console ").split()
                for source in sources:
                    of = folder / "console" if source.startswith("/build/") else context
                    _copy(of / source.removeprefix("/build/"), build / target)
            if word == "RUN":
                command = shlex.split(rest.replace(VENV, str(venv)))
                step = _run(command, build, {**os.environ, "PYTHON": sys.executable})
                assert step.returncode == 0, step.stderr
    return Built(context, folder / "console" / "console" / "dist", venv)


def _environment(venv: Path, **settings: str) -> dict[str, str]:
    """The environment of the image plus the given settings, without that of this process."""
    given = _final("ENV").replace(VENV, str(venv)).replace("$PATH", os.defpath)
    pairs = (pair.partition("=") for pair in shlex.split(given))
    return {name: value for name, _, value in pairs} | settings


def _entry(*arguments: str) -> list[str]:
    return [*json.loads(_final("ENTRYPOINT")), *arguments]


def _check_health(environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command: list[str] = json.loads(_final("HEALTHCHECK").partition("CMD ")[2])
    copied = {
        target + Path(source).name: str(ROOT / source)
        for word, rest in _stages()[""]
        if word == "COPY" and not rest.startswith("--from")
        for source, target in [rest.split()]
    }
    return _run([copied.get(word, word) for word in command], Path("/"), environment)


@contextmanager
def _serving(folder: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The image's default command; killed at the end if it still runs."""
    command = _entry(*json.loads(_final("CMD")))
    log = folder / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=folder, env=environment, stderr=output) as process,
    ):
        try:
            limit = time.monotonic() + START_LIMIT
            while _check_health(environment).returncode != 0:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < limit, log.read_text()
            yield process
        finally:
            process.kill()


def _answer(port: int, method: str, path: str, token: str = "", **body: Any) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    try:
        connection.request(method, path, json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, json.load(response)
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@needs_hadolint
def test_hadolint_accepts_the_dockerfile() -> None:
    lint = _run([str(HADOLINT), "Dockerfile"], ROOT, os.environ)
    assert (lint.returncode, lint.stdout + lint.stderr) == (0, "")


def test_every_run_instruction_is_a_script_of_the_docker_folder() -> None:
    steps = [rest for stage in _stages().values() for word, rest in stage if word == "RUN"]
    scripts = [
        match[1]
        for step in steps
        if (match := re.fullmatch(r"(?:--mount=\S+ )?sh /?docker/([\w-]+\.sh)(?: \S+)?", step))
    ]
    assert len(scripts) == len(steps)
    assert {*scripts, "healthcheck.sh"} == {path.name for path in (ROOT / "docker").iterdir()}


def test_the_image_does_not_run_as_root() -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", _final("USER"))


def test_the_build_context_has_no_secrets_and_no_git_history(context: Path) -> None:
    assert not [path.name for path in context.iterdir() if path.name.startswith(".")]


@pytest.mark.image
def test_the_image_prints_the_committed_schema(built: Built, tmp_path: Path) -> None:
    printed = _run(_entry("schema"), tmp_path, _environment(built.venv))
    assert printed.stderr == ""
    assert printed.stdout == (built.context / "schema" / "schema.graphql").read_text()


@pytest.mark.image
def test_the_image_has_the_locked_dependencies_and_no_others(built: Built) -> None:
    # So it has neither pip nor development tools such as pytest, mypy or mongod.
    lock = (built.context / "requirements.lock").read_text()
    locked = {
        (canonicalize_name(it.name), str(it.specifier).removeprefix("=="))
        for it in map(Requirement, re.findall(r"(?m)^(\w.*?)(?: \\)?$", lock))
        if it.marker is None or it.marker.evaluate()
    }
    listing = _run(
        [
            str(built.venv / "bin" / "python"),
            "-Ic",
            "import importlib.metadata as m; [print(d.name, d.version) for d in m.distributions()]",
        ],
        built.venv,
        _environment(built.venv),
    )
    installed = [line.split() for line in listing.stdout.splitlines()]
    held = {(canonicalize_name(name), version) for name, version in installed}
    assert {it for it in held if it[0] != "headcount"} == locked
    assert len(held) == len(locked) + 1


def _files_that_serve(context: Path, pages: Path) -> set[str]:
    """The files a wheel must have: every file of every package, and the built pages."""
    packages = [path.parent for path in context.glob("*/__init__.py")]
    files = {path for package in packages for path in package.rglob("*") if path.is_file()}
    own = {str(path.relative_to(context)) for path in (*files, *context.glob("*.py"))}
    built = {path.relative_to(pages) for path in pages.rglob("*") if path.is_file()}
    assert built
    return own | {"console/unbuilt.html", *(f"console/dist/{path}" for path in built)}


def test_a_wheel_has_every_file_of_every_package(context: Path, tmp_path: Path) -> None:
    # If only-include in pyproject.toml lacks a new package, only the image would miss it.
    source, pages = shutil.copytree(context, tmp_path / "source"), tmp_path / "source/console/dist"
    (pages / "console").mkdir(parents=True)
    for page in ("index.html", "console/index-12345678.js"):
        (pages / page).touch()
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    made = _run(build, source, os.environ)
    assert made.returncode == 0, made.stderr
    (wheel,) = tmp_path.glob("headcount-*.whl")
    held = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == _files_that_serve(source, pages)


@pytest.mark.image
def test_the_image_has_every_file_of_the_wheel(built: Built) -> None:
    (record,) = built.venv.glob("lib/*/site-packages/headcount-*.dist-info/RECORD")
    recorded = [line.rsplit(",", 2)[0] for line in record.read_text().splitlines()]
    held = {file for file in recorded if not re.search(r"\.dist-info/|^\.\./|\.pyc$", file)}
    assert held == _files_that_serve(built.context, built.pages)


@pytest.mark.image
def test_the_image_serves_reports_its_health_and_ends_on_sigterm(
    built: Built, tmp_path: Path, mongodb_uri: str, mongo: Database[dict[str, Any]]
) -> None:
    port = _free_port()
    environment = _environment(
        built.venv,
        HEADCOUNT_PORT=str(port),
        HEADCOUNT_MONGODB_URI=mongodb_uri,
        HEADCOUNT_DATABASE=mongo.name,
        HEADCOUNT_JWT_SECRET=SECRET,
    )
    unserved = _check_health(environment)
    assert (unserved.returncode, "does not respond" in unserved.stderr) == (1, True)
    token = _run(_entry("token", "--role", "admin"), tmp_path, environment).stdout.strip()

    with _serving(tmp_path, environment) as server:
        assert _answer(port, "GET", "/readyz") == (200, {"status": "ok"})
        answer = _answer(port, "POST", "/graphql", token, query="{ __typename }")
        assert answer == (200, {"data": {"__typename": "Query"}})

        server.send_signal(signal.SIGTERM)
        assert server.wait(STOP_LIMIT) == 0
    assert _check_health(environment).returncode == 1


@pytest.mark.parametrize("response", [b"HTTP/1.1 503 Busy\r\n\r\n", b"no HTTP\r\n\r\n"])
def test_a_server_with_another_response_than_200_is_unhealthy(response: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(response)

        answering = threading.Thread(target=answer)
        answering.start()
        port = str(listener.getsockname()[1])
        check = _check_health(_environment(Path(sys.prefix), HEADCOUNT_PORT=port))
        answering.join()
    assert check.returncode == 1
    assert "respond" in check.stderr


@pytest.mark.image
def test_the_final_stage_removes_pip_from_its_python(tmp_path: Path) -> None:
    made = _run([sys.executable, "-m", "venv", str(tmp_path)], tmp_path, os.environ)
    assert made.returncode == 0, made.stderr
    python = tmp_path / "bin" / "python3"
    step = _final("RUN").partition(" ")[2].replace("/docker/", f"{ROOT}/docker/")
    command = [str(python) if word == "python3" else word for word in shlex.split(step)]
    taken = _run(command, tmp_path, os.environ)
    assert taken.returncode == 0, taken.stderr
    assert "No module named pip" in _run([str(python), "-m", "pip"], tmp_path, os.environ).stderr


@needs_hadolint
def test_the_compose_file_is_yaml() -> None:
    # No Python dependency parses YAML, but hadolint does: it rejects a configuration that is not
    # YAML, and ignores unknown keys.
    read = _run([str(HADOLINT), "--config", "compose.yaml", "Dockerfile"], ROOT, os.environ)
    assert (read.returncode, read.stderr) == (0, "")


def test_the_compose_file_names_one_replica_set_and_one_mongodb_service() -> None:
    compose = (ROOT / "compose.yaml").read_text()
    uri = re.search(r"mongodb://(?P<host>[\w.-]+:\d+)/\?replicaSet=(?P<name>\w+)", compose)
    initiated = re.search(r'_id: "(?P<name>\w+)".* host: "(?P<host>[\w.-]+:\d+)"', compose)
    started = re.search(r'"--replSet", "(?P<name>\w+)"', compose)
    assert uri
    assert initiated
    assert started
    assert uri.groupdict() == initiated.groupdict()
    assert uri["name"] == started["name"]
    assert f"\n  {uri['host'].partition(':')[0]}:\n    image: mongo:8\n" in compose


@pytest.mark.parametrize("file", ["Dockerfile", "compose.yaml", "docker/healthcheck.sh"])
def test_every_headcount_variable_is_a_setting(file: str) -> None:
    named = set(re.findall(rf"{PREFIX}([A-Z_]+)", (ROOT / file).read_text()))
    assert named <= {field.upper() for field in Settings.model_fields}
    assert named
