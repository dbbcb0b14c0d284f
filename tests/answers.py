"""Stands in for an interpreter: fills in the points of a reference sample."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path


def answer(path: Path, answers: Mapping[int, str | None]) -> None:
    """Write the answer of each point, as an editor would."""
    with closing(sqlite3.connect(path)) as database, database:
        # The spatial index calls functions on every update that only a GIS brings along.
        triggers = database.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'points'"
        ).fetchall()
        for name, _ in triggers:
            database.execute(f'DROP TRIGGER "{name}"')
        database.executemany(
            "UPDATE points SET reference = ? WHERE point = ?",
            [(text, point) for point, text in answers.items()],
        )
        for _, sql in triggers:
            database.execute(sql)


def answer_key(path: Path) -> dict[int, int]:
    """Return the mapped class value of each point."""
    with closing(sqlite3.connect(path)) as database:
        return dict(database.execute("SELECT point, mapped FROM answer_key").fetchall())
