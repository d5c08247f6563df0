"""The collections that Headcount reads, as Beanie documents. Other services write them."""

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from beanie import Document, init_beanie
from pymongo.asynchronous.database import AsyncDatabase


def _found() -> dict[str, type[Document]]:
    """Default name of a collection → the document that a module here declares."""
    modules = [
        import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    ]
    return {
        value.Settings.name: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Document) and value is not Document
    }


DOCUMENTS: Final[Mapping[str, Any]] = _found()
"""Default name of a collection → document class, of every module in `documents/`."""


async def bind(database: AsyncDatabase[dict[str, Any]], names: Mapping[str, str]) -> None:
    """Binds the documents to a database; `names` maps default to actual names of collections.

    It writes nothing and builds no index, so read-only credentials are enough.
    """
    for name, document in DOCUMENTS.items():
        document.Settings.name = names.get(name, name)
    await init_beanie(database, document_models=[*DOCUMENTS.values()], skip_indexes=True)
