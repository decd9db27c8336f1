"""Real servers for tests that ask for them: PostgreSQL, Valkey and the sandbox carrier, clean before every test.

Started at the first need, by the process that leads the run; a test process has a database of its own in each.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.harness import process_output
from tests.harness.databases import Cleaner, make_database
from tests.harness.sandbox_carrier import running_sandbox
from tests.harness.shared_servers import SharedServers, request_server, server_log
from tools.local import ports
from tools.sandbox.control import Sandbox
from tools.sandbox.mail.control import MailSandbox

_ADDRESS = "KOINONIA_TESTS_SERVERS"
_SERVERS = pytest.StashKey[SharedServers]()
_HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", dest="with_extended", help="also run the tests marked `extended`")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # set in the processes that pytest-xdist starts
        config.stash[_SERVERS] = SharedServers()
        os.environ[_ADDRESS] = config.stash[_SERVERS].address


def pytest_unconfigure(config: pytest.Config) -> None:
    if running := config.stash.get(_SERVERS, None):
        running.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give unit tests no network: rules need none, so one that opens a socket fails. Order and deselect tests.

    Extended tests run with `--all`, or when their file is named on the command line.
    """
    for item in items:
        if item.path.is_relative_to(_HERE / "unit"):
            item.add_marker(pytest.mark.disable_socket)
    # What starts the whole system takes longest: begun first, it leaves short tests to fill all processes at the end.
    items.sort(key=lambda item: not item.path.is_relative_to(_HERE / "tools"))
    if not config.getoption("with_extended"):
        named = _named_files(config)
        extended = {item for item in items if item.get_closest_marker("extended") and item.path not in named}
        config.hook.pytest_deselected(items=list(extended))
        items[:] = [item for item in items if item not in extended]


def _named_files(config: pytest.Config) -> set[Path]:
    """The test files that the command line names, themselves or a test in them."""
    folder = config.invocation_params.dir
    return {path for name in config.args if (path := folder / name.partition("::")[0]).is_file()}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    process_output.begin_test()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows what the processes it started, and the servers it used, wrote meanwhile."""
    report = yield
    if report.failed:
        report.sections += process_output.sections()
    return report


def _start_server(name: str) -> Any:
    address = os.environ[_ADDRESS]
    urls = request_server(address, name)
    process_output.report_output(name, server_log(address, name))
    return urls


@pytest.fixture(scope="session")
def _database_urls(worker_id: str) -> tuple[str, str]:
    superuser_url, template_url = _start_server("postgres")
    return make_database(superuser_url, template_url, f"tests_{worker_id}")


@pytest.fixture(scope="session")
def database_url(_database_urls: tuple[str, str]) -> str:
    """A migrated database, for the product's plain role. Empty before every test."""
    return _database_urls[0]


@pytest.fixture(scope="session")
def superuser_database_url(_database_urls: tuple[str, str]) -> str:
    """The same database, for a superuser: row-level security does not bind it."""
    return _database_urls[1]


@pytest.fixture(scope="session")
def redis_url(worker_id: str) -> str:
    """A Redis database. Empty before every test."""
    number = int(worker_id.removeprefix("gw")) + 1 if worker_id != "master" else 0
    return f"{_start_server('valkey')}/{number}"


@pytest.fixture(scope="session")
def _cleaner(superuser_database_url: str) -> Iterator[Cleaner]:
    cleaner = Cleaner(superuser_database_url)
    yield cleaner
    cleaner.close()


@pytest.fixture(autouse=True)
def _clean_servers(request: pytest.FixtureRequest) -> None:
    """Before the fixtures of the test itself: those are for one test, the servers for all."""
    if {"database_url", "superuser_database_url"} & set(request.fixturenames):
        request.getfixturevalue("_cleaner").clean()
    if "redis_url" in request.fixturenames:
        with Redis.from_url(request.getfixturevalue("redis_url")) as redis:
            redis.flushdb()


@pytest.fixture(scope="session")
def _sandbox_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "sandbox.log") as url:
        yield url


@pytest.fixture
def sandbox(_sandbox_url: str) -> Sandbox:
    """The sandbox carrier with its usual account, without messages and faults."""
    sandbox = Sandbox(_sandbox_url)
    sandbox.clear_faults()
    sandbox.clear_account()
    sandbox.reset()
    sandbox.release_callbacks()
    sandbox.set_inbound(opt_out_handling="default")
    return sandbox


@pytest.fixture
def mail_sandbox(_sandbox_url: str) -> MailSandbox:
    """The sandbox's mail server, without mails and faults."""
    mail_sandbox = MailSandbox(_sandbox_url)
    mail_sandbox.clear()
    return mail_sandbox


@pytest.fixture
def free_port() -> int:
    """A loopback port that nobody listens on."""
    return ports.choose_port()
