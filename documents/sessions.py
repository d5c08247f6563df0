"""Connections that count as unable to run sessions."""

from typing import Any

from pymongo import AsyncMongoClient


async def close_idle_connections(client: AsyncMongoClient[dict[str, Any]]) -> None:
    """Closes the connections that are not in use; those in use are closed after their command.

    PyMongo asks a member once, when it connects, whether it supports sessions. A member that
    changes its role at that moment says no. Every session on this connection then raises
    `ConfigurationError`, and the connection would stay in the pool for good.
    """
    # PyMongo has no public name for it.
    for server in [*client._topology._servers.values()]:
        await server.pool.reset_without_pause()
