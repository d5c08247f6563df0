#!/bin/sh
# Exits with 0 if the server is live. It reads host and port from the environment.
#
# It does not check readiness: a restart would not repair an unreachable database.
set -eu
exec python -I -S -c '
import http.client, os, sys

host = os.environ.get("HEADCOUNT_HOST") or "127.0.0.1"
port = int(os.environ.get("HEADCOUNT_PORT") or 8000)
server = http.client.HTTPConnection(host, port, timeout=4)
try:
    server.request("GET", "/healthz")
    status = server.getresponse().status
except (OSError, http.client.HTTPException) as error:
    sys.exit(f"{host} port {port} does not respond: {error}")
sys.exit(0 if status == 200 else f"{host} port {port} responds with {status}")
'
