"""Every peer has its scripts and its pinned, hashed packages."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from tools.bench.peers.table import FOLDER, NODE, PEERS, SUBMISSION, Peer

NOT_PEERS = {SUBMISSION.name, "__pycache__"}
ALL = pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)


def test_every_folder_is_a_peer_of_the_table_and_every_peer_has_one() -> None:
    folders = {entry.name for entry in FOLDER.iterdir() if entry.is_dir()} - NOT_PEERS

    assert folders == {peer.name for peer in PEERS}


def test_all_seven_peers_are_listed() -> None:
    assert {peer.name for peer in PEERS} == {"rq", "celery", "dramatiq", "huey", "arq", "taskiq", "bullmq"}


@ALL
def test_the_scripts_of_the_commands_exist(peer: Peer) -> None:
    commands = (peer.work_command(concurrency=7, number=1), peer.produce_command(100, first=5))
    scripts = {word for command in commands for word in command if word.endswith((".py", ".mjs"))}

    assert commands[1][-2:] == ("100", "5")
    assert all((peer.folder / script).is_file() for script in scripts)
    assert peer.interpreter == NODE or (peer.folder / "tasks.py").is_file()
    assert "{" not in shlex.join(commands[0])


@ALL
def test_every_package_is_pinned_and_hashed(peer: Peer) -> None:
    text = (peer.folder / "requirements.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("#", "    #"))]

    assert lines
    assert [line for line in lines if not re.match(r"[\w.\[\]-]+==\S+ .*--hash=sha256:", line)] == []


@ALL
def test_every_requirement_is_locked(peer: Peer) -> None:
    required = (peer.folder / "requirements.in").read_text().splitlines()
    names = {re.split(r"[\[=<>]", line)[0] for line in required if line and not line.startswith("#")}
    locked = set(re.findall(r"^([\w.-]+)==", (peer.folder / "requirements.txt").read_text(), re.MULTILINE))

    assert names <= locked


@ALL
def test_node_packages_are_pinned_and_locked(peer: Peer) -> None:
    if peer.interpreter != NODE:
        return
    wanted = json.loads((peer.folder / "package.json").read_text())["dependencies"]
    locked = json.loads((peer.folder / "package-lock.json").read_text())["packages"]

    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all("integrity" in package for path, package in locked.items() if path)
