"""The configurations of nginx and Caddy in docs/proxies.md, with TLS and a prefix."""

import json
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.commands import PATIENCE, free_port, run, running
from tests.conftest import SECRET

ROOT: Final = Path(__file__).parents[2]
_PAGE: Final = (ROOT / "docs" / "proxies.md").read_text()
_NAME: Final = "localhost"
_CLIENT: Final = "127.0.0.2"

# Its arguments: a folder, the port to listen on, Headcount's address, a certificate and its key.
Configured = Callable[[Path, int, str, Path, Path], list[str]]

_NGINX: Final = """
daemon off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    {documented}
}}
"""
_CADDY: Final = """
{{
    admin off
    storage file_system {folder}
    skip_install_trust
    auto_https disable_redirects
}}
{documented}
"""


def _documented(language: str, upstream: str) -> str:
    """The configuration in the docs, with the names and addresses of the test."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL)
    return str(block).replace("kpis.example.com", _NAME).replace("127.0.0.1:8000", upstream)


def _certificate(folder: Path) -> tuple[Path, Path]:
    """The files of a self-signed certificate of `_NAME` and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(_NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def _nginx(folder: Path, port: int, upstream: str, certificate: Path, key: Path) -> list[str]:
    documented = (
        _documented("nginx", upstream)
        .replace("listen 443", f"listen 127.0.0.1:{port}")
        .replace(f"/etc/ssl/{_NAME}.pem", str(certificate))
        .replace(f"/etc/ssl/{_NAME}.key", str(key))
    )
    file = folder / "nginx.conf"
    file.write_text(_NGINX.format(folder=folder, documented=documented))
    return ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(file)]


def _caddy(folder: Path, port: int, upstream: str, certificate: Path, key: Path) -> list[str]:
    site = f"{_NAME}:{port} {{\n    bind 127.0.0.1\n    tls {certificate} {key}"
    documented = _documented("caddy", upstream).replace(f"{_NAME} {{", site)
    file = folder / "Caddyfile"
    file.write_text(_CADDY.format(folder=folder, documented=documented))
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(file)]


@pytest.mark.parametrize("public", [True, False], ids=["public-url", "forwarded-host"])
@pytest.mark.parametrize(("program", "configured"), [("nginx", _nginx), ("caddy", _caddy)])
def test_a_documented_proxy_serves_under_its_prefix(
    program: str, configured: Configured, public: bool, mongodb_uri: str, tmp_path: Path
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    port = free_port()
    origin = f"https://{_NAME}:{port}"
    base = f"{origin}/headcount"
    settings = {
        "HEADCOUNT_JWT_SECRET": SECRET,
        "HEADCOUNT_MONGODB_URI": mongodb_uri,
        "HEADCOUNT_DATABASE": f"headcount_proxies_{uuid4().hex[:12]}",
        "HEADCOUNT_ROLLUPS": "off",
        "HEADCOUNT_ALLOWED_HOSTS": _NAME,
        "HEADCOUNT_PUBLIC_URL": base if public else "",
    }
    bearer = run(tmp_path, "token", "--role", "admin", **settings).stdout.strip()
    log = tmp_path / "log"
    certificate, key = _certificate(tmp_path)
    with (
        running(tmp_path, "serve", log=str(log), **settings) as (_, url),
        subprocess.Popen(
            configured(tmp_path, port, url.removeprefix("http://"), certificate, key), cwd=tmp_path
        ) as proxy,
        _client(certificate) as http,
    ):
        try:
            _wait_for(proxy, http, f"{base}/readyz")
            page = http.get(f"{base}/graphql", headers={"accept": "text/html"})
            assert page.headers["content-type"].startswith("text/html")
            for file in re.findall(r'(?:src|href)="(\./[^"]+)"', page.text):
                assert http.get(f"{base}/{file}").status_code == 200
            assert http.get(f"{base}/metrics").status_code == 404

            answer = http.post(
                f"{base}/graphql",
                json={"query": "{ exportLink(report: EVENTS_DASHBOARD, format: CSV) { url } }"},
                headers={"authorization": f"Bearer {bearer}"},
            )
            link = answer.json()["data"]["exportLink"]["url"]
            assert link.startswith(f"{base if public else origin}/api/v1/admin/")
            file = http.get(link if public else link.replace(origin, base))
            assert file.status_code == 200
            assert file.headers["content-disposition"].startswith("attachment")
        finally:
            proxy.terminate()
    requests = [json.loads(line) for line in log.read_text().splitlines() if '"/graphql"' in line]
    assert [request["client"] for request in requests] == [_CLIENT] * 2


def _client(certificate: Path) -> httpx.Client:
    """A client from `_CLIENT`, which sends headers that a proxy must not pass on."""
    transport = httpx.HTTPTransport(
        verify=ssl.create_default_context(cafile=str(certificate)), local_address=_CLIENT
    )
    forged = {"x-forwarded-for": "198.51.100.1", "x-forwarded-host": "evil.example"}
    return httpx.Client(transport=transport, headers=forged, timeout=PATIENCE)


def _wait_for(proxy: subprocess.Popen[bytes], http: httpx.Client, url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        assert proxy.poll() is None
        assert time.monotonic() < deadline
        with suppress(httpx.TransportError):
            if http.get(url).status_code == 200:
                return
        time.sleep(0.05)
