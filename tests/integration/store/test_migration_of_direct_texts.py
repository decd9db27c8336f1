"""The migration that replaces the index of addresses: no moment of a second run is without one."""

from __future__ import annotations

import psycopg
from psycopg.conninfo import conninfo_to_dict

from store.migrate import migrate

INDEX = """
SELECT indexrelid, indisvalid FROM pg_index WHERE indexrelid = 'deliveries_of_address'::regclass
"""
FORGET = "DELETE FROM _yoyo_migration WHERE migration_id = '0021_direct_texts'"
INVALIDATE = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'deliveries_of_address'::regclass"


def index(database_url: str) -> tuple[int, bool]:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(INDEX).fetchone()
    assert row is not None
    return row


def test_a_second_run_keeps_the_index_that_forbids_two_deliveries_to_one_address(empty_database: str) -> None:
    """The first was killed after its last statement: the index that this one replaces is gone already."""
    migrate(empty_database)
    before = index(empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute(FORGET)

    assert migrate(empty_database) == ["0021_direct_texts"]

    assert index(empty_database) == before


def test_an_index_whose_building_was_cut_off_is_built_anew(empty_database: str, superuser_database_url: str) -> None:
    migrate(empty_database)
    before, _ = index(empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute(FORGET)
    with psycopg.connect(superuser_database_url, dbname=conninfo_to_dict(empty_database)["dbname"]) as superuser:
        superuser.execute(INVALIDATE)

    migrate(empty_database)

    after, is_valid = index(empty_database)
    assert is_valid
    assert after != before
