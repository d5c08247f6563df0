"""Disturbances of followed collections: renamed, replaced, dropped, indexed."""

import time
from contextlib import suppress
from random import Random
from typing import Any

from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS
from pymongo.errors import PyMongoError

from tests.differential.deployment import FOLLOWED, Deployment, create_indexes


def rename_away_and_back(deployment: Deployment, chance: Random) -> None:
    """Renames a collection away and back; writers may fill a new one of its name meanwhile."""
    name, database = chance.choice(FOLLOWED), deployment.database
    deployment.journal.line(f"renames {name} away")
    database[name].rename("away", dropTarget=True)
    if chance.random() < 0.3:
        # The same documents, changed by nobody that follows the name.
        database["away"].update_many({}, {"$set": {"is_active": True}})
        ids = chance.sample(deployment.documents.ids[name], 30)
        database["away"].delete_many({"_id": {"$in": ids}})
    time.sleep(chance.choice([0, chance.uniform(0, 6)]))
    database["away"].rename(name, dropTarget=True)
    deployment.journal.line(f"renames {name} back")


def replace_by_out(deployment: Deployment, chance: Random) -> None:
    """Replaces a collection by `$out`, without some documents."""
    name = chance.choice(FOLLOWED)
    deployment.journal.line(f"replaces {name} by $out")
    ids = chance.sample(deployment.documents.ids[name], len(deployment.documents.ids[name]) // 3)
    out: list[Any] = [{"$match": {"_id": {"$nin": ids}}}, {"$set": {"note": 3}}, {"$out": name}]
    deployment.database[name].aggregate(out)


def drop_and_recreate(deployment: Deployment, chance: Random) -> None:
    """Drops a collection, and inserts most of its documents again, at once or later."""
    name, database = chance.choice(FOLLOWED), deployment.database
    deployment.journal.line(f"drops {name}")
    raw: Any = database.get_collection(name, codec_options=DEFAULT_RAW_BSON_OPTIONS)
    lost = chance.sample(deployment.documents.ids[name], 40)
    documents = [*raw.find({"_id": {"$nin": lost}})]
    database.drop_collection(name)
    time.sleep(chance.choice([0, chance.uniform(0, 5)]))
    # Writers may have inserted some of them meanwhile.
    with suppress(PyMongoError):
        raw.insert_many(documents, ordered=False)
    create_indexes(database)
    deployment.journal.line(f"inserted the documents of {name} again")


def change_indexes(deployment: Deployment, chance: Random) -> None:
    """Drops all indexes, and creates them again, while servers read."""
    name = chance.choice(FOLLOWED)
    deployment.journal.line(f"drops and creates the indexes of {name}")
    deployment.database[name].drop_indexes()
    time.sleep(chance.uniform(0, 1))
    # Documents with two arrays refuse some of them.
    with suppress(PyMongoError):
        create_indexes(deployment.database)


def disable_pre_images(deployment: Deployment, chance: Random) -> None:
    """Turns the pre-images of a collection off: changes meanwhile can't be followed."""
    name = chance.choice(FOLLOWED)
    deployment.journal.line(f"turns the pre-images of {name} off")
    deployment.database.command("collMod", name, changeStreamPreAndPostImages={"enabled": False})
    time.sleep(chance.uniform(0, 2))
