"""`bin/flask`: runs a `flask` command with the configuration of what bin/run started.

bin/run writes its configuration to a file in the var folder, which only its owner can read, and removes it when it
stops. So a second terminal needs no variables.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from settings import VARIABLES
from tools.local.environment import ROOT, LocalError, terminal_environment, var_dir_of
from tools.local.var_dir import is_in_use, write_private

_FILE = "flask.json"
_APP = "api.command_line"


def write_configuration(var_dir: Path, environment: Mapping[str, str]) -> None:
    """Store the variables that the product reads."""
    configuration = {name: value for name, value in environment.items() if name in VARIABLES}
    write_private(var_dir / _FILE, json.dumps(configuration, indent=1) + "\n")


def remove_configuration(var_dir: Path) -> None:
    (var_dir / _FILE).unlink(missing_ok=True)


def command_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return `environment` with the product's variables replaced by those of the running bin/run.

    Raises LocalError when no bin/run is running in the var folder.
    """
    var_dir = var_dir_of(environment)
    if not is_in_use(var_dir) or not (var_dir / _FILE).exists():
        raise LocalError(
            f"nothing is running in {var_dir}: start bin/run in another terminal, or set VAR_DIR to the folder it uses"
        )
    other_variables = {name: value for name, value in environment.items() if name not in VARIABLES}
    # FLASK_SKIP_DOTENV: bin/run does not read a .env file, so the command must not either.
    return {**other_variables, **json.loads((var_dir / _FILE).read_text()), "FLASK_SKIP_DOTENV": "1"}


def main(arguments: Sequence[str]) -> NoReturn:
    """Replace this process by `flask`. Raises SystemExit when nothing is running."""
    environment = terminal_environment()
    if arguments and "--help" not in arguments:
        try:
            environment = command_environment(environment)
        except LocalError as error:
            sys.exit(f"bin/flask: {error}")
    flask = Path(sys.executable).with_name("flask")
    os.chdir(ROOT)
    os.execve(flask, (str(flask), "--app", _APP, *arguments), environment)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
