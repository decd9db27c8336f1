"""A primary Redis (Valkey), its replica, and three sentinels that watch them."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from processes import child_process
from processes.child_process import Program
from tests.harness.process_output import report_output
from tests.harness.waiting import wait_until
from tools.local import ports, valkey
from tools.local.valkey import Valkey
from tools.local.var_dir import write_private

SERVICE = "koinonia"
_PASSWORD, _SENTINEL_PASSWORD = "tests", "sentinels"
_SENTINELS = 3


class WatchedRedis:
    """Two servers and their sentinels. `url` is the value for REDIS_URL."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        first_port = ports.choose_port()
        self._servers = [self._server("first", first_port), self._server("second", ports.choose_port())]
        self.sentinel_ports = [ports.choose_port() for _ in range(_SENTINELS)]
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinel_ports)
        self.url = f"redis+sentinel://:{_PASSWORD}@{hosts}/{SERVICE}/1?sentinel_password={_SENTINEL_PASSWORD}"

    def start(self) -> None:
        first, second = self._servers
        self._start_server(first)
        self._start_server(second, "--replicaof", f"127.0.0.1 {first.port}")
        wait_until(lambda: self._has_synced(first), condition="the replica has synchronized")
        for number, port in enumerate(self.sentinel_ports):
            self._start(self._sentinel(number, port, first.port))
        wait_until(self._sentinels_know_each_other, condition="every sentinel knows the others and the replica")

    def primary_port(self) -> int:
        """The primary's port, as a sentinel names it."""
        with self._sentinel_client(self.sentinel_ports[0]) as sentinel:
            return int(sentinel.sentinel_masters()[SERVICE]["port"])  # pyright: ignore

    def kill_primary(self) -> int:
        """Kill the primary, and return its port once a sentinel names another one."""
        port = self.primary_port()
        child_process.kill(self._processes[str(port)])
        wait_until(lambda: self.primary_port() != port, timeout_seconds=60, condition="the replica is promoted")
        return port

    def restart(self, port: int) -> None:
        """Start a server again that was killed. The sentinels make it a replica."""
        self._start_server(next(server for server in self._servers if server.port == port))

    def close(self) -> None:
        for process in self._processes.values():
            child_process.kill(process)

    def _server(self, name: str, port: int) -> Valkey:
        folder = self._folder / name
        folder.mkdir(parents=True)
        return valkey.prepare(
            folder / "valkey", port=port, password=_PASSWORD, durable=False, settings=(f"masterauth {_PASSWORD}",)
        )

    def _sentinel(self, number: int, port: int, primary_port: int) -> Program:
        """The program of a sentinel. It finds a dead primary within a second, for the tests."""
        folder = self._folder / f"sentinel-{number}"
        folder.mkdir()
        lines = [
            "bind 127.0.0.1",
            f"port {port}",
            f"dir {folder}",
            f"requirepass {_SENTINEL_PASSWORD}",
            f"sentinel sentinel-pass {_SENTINEL_PASSWORD}",
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary_port} 2",
            f"sentinel auth-pass {SERVICE} {_PASSWORD}",
            f"sentinel down-after-milliseconds {SERVICE} 1000",
            f"sentinel failover-timeout {SERVICE} 5000",
        ]
        write_private(folder / "sentinel.conf", "\n".join(lines) + "\n")
        server = self._servers[0].program(output=folder / "sentinel.log")
        command = (server.command[0], str(folder / "sentinel.conf"), "--sentinel")
        return replace(server, name=str(port), command=command, folder=folder)

    def _start_server(self, server: Valkey, *arguments: str) -> None:
        program = server.program(output=server.folder / "valkey.log")
        self._start(replace(program, name=str(server.port), command=(*program.command, *arguments)))
        wait_until(server.is_ready, condition="Valkey accepts connections")

    def _start(self, program: Program) -> None:
        assert program.output is not None
        self._processes[program.name] = child_process.start(program)
        report_output(f"Valkey at port {program.name}", program.output)

    @staticmethod
    def _has_synced(primary: Valkey) -> bool:
        with Redis.from_url(primary.url()) as redis:
            replica = redis.info("replication").get("slave0")
            return replica is not None and replica["state"] == "online"

    def _sentinels_know_each_other(self) -> bool:
        try:
            states = [self._state(port) for port in self.sentinel_ports]
        except RedisError:
            return False
        return all((state["num-other-sentinels"], state["num-slaves"]) == (_SENTINELS - 1, 1) for state in states)

    def _state(self, port: int) -> dict[str, int]:
        with self._sentinel_client(port) as sentinel:
            return sentinel.sentinel_masters()[SERVICE]  # pyright: ignore

    @staticmethod
    def _sentinel_client(port: int) -> Redis:
        return Redis(port=port, password=_SENTINEL_PASSWORD, socket_timeout=5.0)


@contextmanager
def watched_redis(folder: Path) -> Generator[WatchedRedis]:
    redis = WatchedRedis(folder)
    try:
        redis.start()
        yield redis
    finally:
        redis.close()
