#!/bin/sh
# Exits with 0 if the server, on the settings in the environment, says that it is alive.
#
# It isn't asked whether it is ready: to start it anew would not bring back a database.
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
    sys.exit(f"{host} port {port} does not answer: {error}")
sys.exit(0 if status == 200 else f"{host} port {port} answers with {status}")
'
