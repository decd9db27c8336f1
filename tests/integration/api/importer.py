"""Requests about imports, with the key of a church."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from flask.testing import FlaskClient

from store.database import Database, church_scope, system_scope
from tests.harness.churches import KnownChurch

Json = dict[str, Any]
Work = Callable[[], None]
RUTH = ("Ruth Bell", "(202) 555-0123", "Ruth@Example.org")
HEADER = ("Name", "Mobile", "E-mail")


class Importer:
    """The API's requests about imports, with the key of a church."""

    def __init__(self, client: FlaskClient, database: Database, church: KnownChurch, work: Work) -> None:
        self.client, self.database, self.church, self.work = client, database, church, work

    def upload(self, data: bytes, *, name: str = "members.csv", status: int = 201) -> Json:
        form = {"file": (io.BytesIO(data), name)}
        answer = self.client.post("/api/imports", data=form, headers=self.church.bearer)
        assert answer.status_code == status, answer.text
        return answer.get_json()

    def change(self, found: Json, status: int = 200, **options: Any) -> Json:
        return self.request("PATCH", f"/api/imports/{found['id']}", status, json=options)

    def start(self, found: Json) -> Json:
        self.request("POST", f"/api/imports/{found['id']}/start", 202)
        self.work()
        return self.get(found)

    def undo(self, found: Json) -> Json:
        self.request("POST", f"/api/imports/{found['id']}/undo", 202)
        self.work()
        return self.get(found)

    def get(self, found: Json) -> Json:
        return self.request("GET", f"/api/imports/{found['id']}", 200)

    def report(self, found: Json) -> list[dict[str, str]]:
        answer = self.client.get(f"/api/imports/{found['id']}/report", headers=self.church.bearer)
        assert answer.status_code == 200
        assert answer.content_type.startswith("text/csv")
        return list(csv.DictReader(io.StringIO(answer.text, newline="")))

    def request(self, method: str, path: str, status: int, **options: Any) -> Json:
        answer = self.client.open(path, method=method, headers=self.church.bearer, **options)
        assert answer.status_code == status, answer.text
        return answer.get_json() if answer.text else {}

    def contacts(self) -> list[tuple[Any, ...]]:
        query = "SELECT name, phone, email, time_zone, fields FROM contacts ORDER BY name, phone, email"
        return self.query(query)

    def query(self, statement: str, **names: Any) -> list[tuple[Any, ...]]:
        with church_scope(self.database, self.church.church_id) as connection:
            cursor = connection.execute(statement.encode(), names)
            return cursor.fetchall() if cursor.description else []


def add_group(importer: Importer, *, condition: str | None = None) -> str:
    with system_scope(importer.database) as connection:
        row = connection.execute(
            "INSERT INTO groups (church_id, name, condition) VALUES (%s, %s, %s) RETURNING group_id",
            (importer.church.church_id, uuid4().hex, condition),
        ).fetchone()
    assert row is not None
    return str(row[0])


def members(importer: Importer, group_id: str) -> list[str]:
    query = "SELECT name FROM contacts JOIN group_members USING (contact_id) WHERE group_id = %(id)s ORDER BY name"
    return [name for (name,) in importer.query(query, id=group_id)]
