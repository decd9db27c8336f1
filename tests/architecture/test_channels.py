"""A channel is one folder and one line in the registry: the other folders do not depend on a channel or its vendor."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from channels.registry import CHANNELS
from tests.architecture.source_files import ROOT, SourceFile, product

VENDORS = re.compile(r"twilio", re.IGNORECASE)
FOLDERS_WITHOUT_VENDORS = ("api/", "jobs/", "processes/", "store/", "worker.py", "wsgi.py")
SENDER_CHECKS = {
    ("api/commands/support/option_types.py", "channels.mail.headers"),
    ("api/commands/set_sender.py", "channels.mail.headers"),
    ("api/commands/support/option_types.py", "channels.sms.messaging_service"),
}
"""The commands that set a sender check its fields with the rules of its channel."""


def channel_packages() -> set[str]:
    """The folders in channels/: those of the channels, and those that channels share."""
    return {f"channels.{folder.parent.name}" for folder in Path(ROOT / "channels").glob("*/*.py")}


def imported_modules(file: SourceFile) -> set[str]:
    names: set[str] = set()
    for node in file.nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def test_every_channel_has_a_folder_of_its_name() -> None:
    assert {f"channels.{name}" for name in CHANNELS} <= channel_packages()


def test_no_vendor_is_named_outside_the_channels_and_the_settings() -> None:
    files = [file for file in product() if file.name.startswith(FOLDERS_WITHOUT_VENDORS)]

    assert len(files) > 100
    assert [file.name for file in files if VENDORS.search(file.text)] == []


def test_only_the_registry_imports_the_channels() -> None:
    packages = channel_packages()
    imports = {
        (file.name, module)
        for file in product()
        if not file.name.startswith(("channels/", "tools/"))
        for module in imported_modules(file)
        if ".".join(module.split(".")[:2]) in packages and module.count(".") == 2
    }

    assert imports == SENDER_CHECKS
