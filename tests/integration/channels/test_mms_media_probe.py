"""Media checks against real web servers, some of them hostile."""

from __future__ import annotations

import ssl
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from uuid import UUID, uuid4

import pytest
import trustme

from channels.base import TooManyChecks
from channels.mms import media_checks, media_probe
from channels.mms.media_probe import ANY_ADDRESS, PUBLIC_ONLY, MediaProbe, UrlPolicy, resolve
from channels.per_church_limits import ChurchSlots
from channels.public_addresses import Address
from tests.harness.media_server import (
    Answer,
    MediaServer,
    by_method,
    endlessly,
    picture,
    redirect,
    serving,
    slowly,
)
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has one loopback address")

NAME = "pictures.example.org"
SOME_CHURCH, OTHER_CHURCH = uuid4(), uuid4()
OUTSIDE, INSIDE = "127.0.0.1", "127.0.0.2"
"""Two addresses of this machine: OUTSIDE represents the internet, INSIDE our own network."""
NOT_PUBLIC = "leads to a host that has no public address"
OK = picture()
REFUSED = b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n"


@dataclass
class World:
    """A server on the internet, one in our own network on the same port, and names that resolve to them."""

    outside: MediaServer
    inside: MediaServer
    tls: ssl.SSLContext
    names: dict[str, list[Sequence[str]]] = field(default_factory=dict[str, list[Sequence[str]]])
    """The addresses of each name at the first look-up, the second, and so on."""
    looked_up: list[str] = field(default_factory=list[str])
    ports: frozenset[int] = frozenset()

    def resolve(self, host: str) -> Sequence[Address]:
        self.looked_up.append(host)
        answers = self.names.get(host) or [[host]]
        return [ip_address(each) for each in (answers.pop(0) if len(answers) > 1 else answers[0])]

    @property
    def policy(self) -> UrlPolicy:
        def is_outside(address: Address) -> bool:
            return str(address) == OUTSIDE

        return replace(PUBLIC_ONLY, ports=self.ports, allows=is_outside)

    def url(self, path: str = "/a.jpg", *, host: str = NAME) -> str:
        return f"https://{host}:{self.outside.port}{path}"

    def check(self, *urls: str, church_id: UUID = SOME_CHURCH) -> dict[str, str]:
        probe = MediaProbe(policy=self.policy, resolve=self.resolve, tls=self.tls)
        return dict(media_checks.check(urls, probe=probe, church_id=church_id))

    def answer(self, answer: Answer, path: str = "/a.jpg") -> dict[str, str]:
        """The field errors for a URL that the server answers in this way."""
        self.outside.answers[path] = answer
        return self.check(self.url(path))


def check(urls: Sequence[str], *, probe: MediaProbe) -> dict[str, str]:
    return dict(media_checks.check(urls, probe=probe, church_id=SOME_CHURCH))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME, "inner.example.org", OUTSIDE, INSIDE).configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    """Trusts the authority of the servers' certificates."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def world(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> Iterator[World]:
    with (
        serving(tls=server_tls, address=OUTSIDE) as outside,
        serving({"/a.jpg": OK}, tls=server_tls, address=INSIDE, port=outside.port) as inside,
    ):
        world = World(outside=outside, inside=inside, tls=client_tls, ports=frozenset({outside.port}))
        world.names = {NAME: [[OUTSIDE]], "inner.example.org": [[INSIDE]]}
        yield world


# --- valid media ------------------------------------------------------------------------------------------------------


def test_a_picture_is_checked_with_head_only(world: World) -> None:
    assert world.answer(OK) == {}

    [request] = world.outside.requests
    assert request.startswith(f"HEAD /a.jpg HTTP/1.1\r\nHost: {NAME}:{world.outside.port}\r\n")
    assert "Authorization" not in request
    assert world.looked_up == [NAME]


@pytest.mark.parametrize(
    "refusal",
    [
        REFUSED,
        b"HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["405", "501", "403", "no size"],
)
def test_without_a_size_in_the_head_one_byte_is_requested(world: World, refusal: bytes) -> None:
    part = picture(1, status="206 Partial Content", Content_Range="bytes 0-0/600000")

    assert world.answer(by_method(HEAD=refusal, GET=part + b"x")) == {}

    assert world.outside.asked == ["HEAD /a.jpg", "GET /a.jpg"]
    assert "\r\nRange: bytes=0-0\r\n" in world.outside.requests[1]


def test_the_size_is_read_from_content_range(world: World) -> None:
    part = picture(1, status="206 Partial Content", Content_Range="bytes 0-0/5000001")

    assert world.answer(by_method(HEAD=REFUSED, GET=part)) == {"mediaUrls[0]": "has 5.01 MB: a picture may have 5 MB"}


def test_a_body_is_not_read(world: World) -> None:
    def answer(request: str, line: object) -> bytes:
        if request.startswith("HEAD"):
            return REFUSED
        return endlessly(picture(4_000_000), b"x" * 65_536)(request, line)  # type: ignore[operator, arg-type]

    assert world.answer(answer) == {}


def test_interim_responses_are_skipped(world: World) -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"

    assert world.answer(hint + hint + OK) == {}
    assert world.answer(hint * 4 + OK) == {"mediaUrls[0]": "gets no valid HTTP response"}


def test_three_redirects_are_followed_and_a_fourth_is_not(world: World) -> None:
    answers = world.outside.answers
    answers |= {"/1": redirect("/2"), "/2": redirect("3", 308), "/3": redirect(world.url("/4")), "/4": OK}
    assert world.check(world.url("/1")) == {}

    answers |= {"/4": redirect("/5", 307), "/5": OK}
    assert world.check(world.url("/1")) == {"mediaUrls[0]": "is redirected more than 3 times"}
    assert "HEAD /5" not in world.outside.asked


def test_the_next_address_is_tried_when_one_refuses_the_connection(world: World) -> None:
    probe = MediaProbe(
        policy=ANY_ADDRESS, resolve=lambda _: [ip_address("127.0.0.3"), ip_address(OUTSIDE)], tls=world.tls
    )
    world.outside.answers["/a.jpg"] = OK

    assert check([world.url()], probe=probe) == {}


# --- our own network --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "10.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
    ],
)
def test_an_address_in_our_own_network_is_refused_in_any_notation(host: str) -> None:
    assert check([f"https://{host}/"], probe=MediaProbe(policy=PUBLIC_ONLY)) == {"mediaUrls[0]": NOT_PUBLIC}


def test_a_name_with_a_private_address_is_refused_without_a_connection(world: World) -> None:
    assert world.check(world.url(host="inner.example.org")) == {"mediaUrls[0]": NOT_PUBLIC}
    assert world.inside.connections == 0


def test_one_private_address_refuses_the_host(world: World) -> None:
    world.names[NAME] = [[OUTSIDE, INSIDE]]

    assert world.answer(OK) == {"mediaUrls[0]": NOT_PUBLIC}
    assert (world.outside.connections, world.inside.connections) == (0, 0)


def test_an_unknown_name_is_refused_like_a_private_one(world: World) -> None:
    def unknown(_host: str) -> Sequence[Address]:
        raise OSError("no such name")

    errors = check([world.url()], probe=MediaProbe(policy=world.policy, resolve=unknown, tls=world.tls))

    assert errors == {"mediaUrls[0]": NOT_PUBLIC}


def test_a_name_is_looked_up_once(world: World) -> None:
    world.names[NAME] = [[OUTSIDE], [INSIDE]]

    assert world.answer(by_method(HEAD=REFUSED, GET=OK)) == {}

    assert world.looked_up == [NAME]
    assert (world.outside.connections, world.inside.connections) == (2, 0)


def test_a_name_is_checked_again_after_a_redirect(world: World) -> None:
    world.names[NAME] = [[OUTSIDE], [INSIDE]]

    assert world.answer(redirect("/b.jpg")) == {"mediaUrls[0]": f"is redirected to an address that {NOT_PUBLIC}"}
    assert world.inside.connections == 0


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("https://inner.example.org:{port}/a.jpg", NOT_PUBLIC),
        ("//127.0.0.2:{port}/a.jpg", NOT_PUBLIC),
        ("https://[::ffff:7f00:2]:{port}/a.jpg", NOT_PUBLIC),
        ("http://pictures.example.org:{port}/a.jpg", "must begin with https://"),
        ("https://pictures.example.org/a.jpg", "must use port 443"),
        ("https://pictures.example.org:22/a.jpg", "must use port 443"),
        ("file:///etc/passwd", "must begin with https://"),
        ("https://a:b@pictures.example.org:{port}/a.jpg", "must not contain a user name or a password"),
    ],
)
def test_a_redirect_is_checked_like_the_url_itself(world: World, location: str, error: str) -> None:
    errors = world.answer(redirect(location.format(port=world.outside.port)))

    assert errors == {"mediaUrls[0]": f"is redirected to an address that {error}"}
    assert (world.outside.connections, world.inside.connections) == (1, 0)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://example.org/a.jpg", "must begin with https://"),
        ("https://example.org:8443/a.jpg", "must use port 443"),
        ("https://example.org:0/a.jpg", "must use port 443"),
    ],
)
def test_an_invalid_url_is_refused_without_a_request(url: str, error: str) -> None:
    def resolve(_host: str) -> Sequence[Address]:
        raise AssertionError("looked up")

    assert check([url], probe=MediaProbe(policy=PUBLIC_ONLY, resolve=resolve)) == {"mediaUrls[0]": error}


# --- certificates -----------------------------------------------------------------------------------------------------


def test_a_certificate_must_be_for_the_name(world: World) -> None:
    world.names["other.example.org"] = [[OUTSIDE]]
    world.outside.answers["/a.jpg"] = OK

    errors = world.check(world.url(host="other.example.org"))

    assert errors == {"mediaUrls[0]": "has no valid certificate for its host"}
    assert world.outside.requests == []


def test_a_certificate_must_be_from_an_authority_that_is_trusted(world: World) -> None:
    world.outside.answers["/a.jpg"] = OK
    usual = MediaProbe(policy=world.policy, resolve=world.resolve)

    assert check([world.url()], probe=usual) == {"mediaUrls[0]": "has no valid certificate for its host"}
    assert world.outside.requests == []


# --- bad servers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (picture(status="404 Not Found"), "returns HTTP 404"),
        (picture(status="500 Oh"), "returns HTTP 500"),
        (picture(status="401 Unauthorized"), "returns HTTP 401"),
        (picture(status="204 No Content"), "returns HTTP 204"),
        (picture(content_type="text/html; charset=utf-8"), "has a type that cannot be sent"),
        (picture(5_000_001), "has 5.01 MB: a picture may have 5 MB"),
        (picture(700_000, "video/mp4"), "has 0.7 MB: a file that is not JPEG, PNG or GIF may have 0.6 MB"),
        (picture(0), "is empty"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n", "is returned without its size"),
        (picture().replace(b"1000", b"-1"), "gets no valid HTTP response"),
        (picture().replace(b"1000", b"9" * 30), "gets no valid HTTP response"),
        (picture().replace(b"\r\n\r\n", b"\r\nContent-Length: 7\r\n\r\n"), "gets no valid HTTP response"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "gets no valid HTTP response"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n", "gets no valid HTTP response"),
        (b"", "gets no valid HTTP response"),
        (picture(X="a" * 100_000), "gets no valid HTTP response"),
        (endlessly(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1_000), "gets no valid HTTP response"),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "is redirected to an address that is not a URL"),
    ],
    ids=[
        *("404", "500", "401", "204", "a page", "too large", "too large a film", "empty", "no size", "negative"),
        *("beyond numbers", "two sizes", "not HTTP", "half", "nothing", "a long line", "no end", "redirect to nowhere"),
    ],
)
def test_an_invalid_response_is_refused_with_the_reason(world: World, answer: Answer, error: str) -> None:
    errors = world.answer(answer)

    assert list(errors) == ["mediaUrls[0]"]
    assert errors["mediaUrls[0]"].startswith(error)


def test_an_unreachable_server_is_reported(free_port: int) -> None:
    errors = check([f"http://127.0.0.1:{free_port}/"], probe=MediaProbe(policy=ANY_ADDRESS))

    assert errors == {"mediaUrls[0]": "cannot be reached now: try again later"}


# --- slow servers -----------------------------------------------------------------------------------------------------


def test_all_urls_are_checked_at_the_same_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one timeout passes while every slow server has its request."""
    monkeypatch.setattr(media_checks, "TIMEOUT_SECONDS", 2.0)
    may_end = threading.Event()

    def silent(_request: str, _line: object) -> bytes:
        may_end.wait(60)
        return OK

    dripping = endlessly(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", pause_seconds=0.05)
    slow = {f"/{n}": silent if n % 2 else dripping for n in range(9)}
    world.outside.answers |= {**slow, "/9": OK}

    errors = world.check(*(world.url(f"/{n}") for n in range(10)))
    may_end.set()

    assert set(errors) == {f"mediaUrls[{n}]" for n in range(9)}
    assert all("did not answer within" in error for error in errors.values())
    assert sorted(world.outside.asked) == [f"HEAD /{n}" for n in range(10)]


def test_the_check_does_not_wait_for_a_slow_name_server(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_checks, "TIMEOUT_SECONDS", 0.1)
    may_end, ended = threading.Event(), threading.Event()

    def slow(_host: str) -> Sequence[Address]:
        may_end.wait(60)
        ended.set()
        return []

    errors = check([world.url()], probe=MediaProbe(policy=world.policy, resolve=slow, tls=world.tls))

    assert not ended.is_set()
    assert "did not answer within" in errors["mediaUrls[0]"]
    may_end.set()
    assert ended.wait(60)


def test_redirects_share_the_timeout(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_checks, "TIMEOUT_SECONDS", 0.5)
    world.outside.answers |= {"/1": slowly(redirect("/2"), seconds=0.35), "/2": slowly(OK, seconds=0.35)}

    assert "did not answer within" in world.check(world.url("/1"))["mediaUrls[0]"]


def test_the_connection_is_closed_after_the_check(world: World) -> None:
    closed = threading.Event()

    def watch(_request: str, line: object) -> bytes:
        line.sendall(OK)  # type: ignore[attr-defined]
        line.settimeout(60)  # type: ignore[attr-defined]
        try:
            rest = line.recv(1)  # type: ignore[attr-defined]
        except TimeoutError:
            return b""
        except OSError:
            rest = b""
        if not rest:
            closed.set()
        return b""

    assert world.answer(watch) == {}
    assert closed.wait(60)


# --- several URLs -----------------------------------------------------------------------------------------------------


def test_each_failing_url_is_reported(world: World) -> None:
    world.outside.answers |= {"/a": OK, "/b": picture(content_type="text/html"), "/c": OK, "/d": redirect("/gone")}

    errors = world.check(*(world.url(path) for path in ("/a", "/b", "/c", "/d")))

    assert list(errors) == ["mediaUrls[1]", "mediaUrls[3]"]


def test_the_total_size_may_be_too_large(world: World) -> None:
    world.outside.answers |= {"/a": picture(3_000_000), "/b": picture(2_000_001)}

    errors = world.check(world.url("/a"), world.url("/b"))

    assert errors == {"mediaUrls": "have 5.01 MB together: one message may have 5 MB"}


@pytest.mark.parametrize(
    ("slots", "asking", "own"),
    [
        (ChurchSlots(total=8, per_church=1), SOME_CHURCH, True),
        (ChurchSlots(total=1, per_church=1), OTHER_CHURCH, False),
    ],
    ids=["of one church", "of all"],
)
def test_concurrent_checks_are_limited(
    world: World, monkeypatch: pytest.MonkeyPatch, slots: ChurchSlots, asking: UUID, own: bool
) -> None:
    monkeypatch.setattr(media_checks, "_slots", slots)
    monkeypatch.setattr(media_checks, "TIMEOUT_SECONDS", 60.0)
    running, may_end = threading.Event(), threading.Event()

    def wait(_request: str, _line: object) -> bytes:
        running.set()
        may_end.wait(60)
        return OK

    world.outside.answers |= {"/slow": wait, "/a.jpg": OK}
    slow = threading.Thread(target=world.check, args=(world.url("/slow"),))
    slow.start()
    assert running.wait(60)

    with pytest.raises(TooManyChecks) as refused:
        world.check(world.url(), church_id=asking)
    assert refused.value.own is own
    assert slow.is_alive()

    may_end.set()
    slow.join()
    assert world.check(world.url(), church_id=asking) == {}


def test_a_church_with_slow_media_servers_leaves_slots_for_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_checks, "TIMEOUT_SECONDS", 60.0)
    dripping, may_end = threading.Semaphore(0), threading.Event()

    def drip(_request: str, line: object) -> bytes:
        dripping.release()
        while not may_end.wait(0.05):
            line.sendall(b"X: y\r\n")  # type: ignore[attr-defined]
        return OK

    world.outside.answers |= {"/drip": drip, "/a.jpg": OK}
    refused: list[TooManyChecks] = []

    def ask() -> None:
        try:
            world.check(world.url("/drip"))
        except TooManyChecks as error:
            refused.append(error)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for _ in range(media_checks.MAX_CHECKS_PER_CHURCH):
        assert dripping.acquire(timeout=60)

    assert world.check(world.url(), church_id=OTHER_CHURCH) == {}
    wait_until(lambda: len(refused) == 20 - media_checks.MAX_CHECKS_PER_CHURCH)

    may_end.set()
    for thread in threads:
        thread.join()
    assert [error.own for error in refused] == [True] * (20 - media_checks.MAX_CHECKS_PER_CHURCH)


def test_a_church_with_slow_dns_leaves_threads_for_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after its requests were answered: a DNS lookup cannot be stopped."""
    monkeypatch.setattr(media_checks, "TIMEOUT_SECONDS", 0.1)
    may_end, blocked, usual = threading.Event(), threading.Semaphore(0), world.resolve

    def resolve(host: str) -> Sequence[Address]:
        if host.startswith("slow"):
            blocked.release()
            may_end.wait(60)
        return usual(host)

    world.resolve = resolve  # type: ignore[method-assign]
    slow = [world.url(host=f"slow{n}.example.org") for n in range(10)]
    for _ in range(3):
        assert len(world.check(*slow)) == 10
    for _ in range(media_probe.MAX_DNS_LOOKUPS_PER_CHURCH):
        assert blocked.acquire(timeout=60)

    monkeypatch.setattr(media_checks, "TIMEOUT_SECONDS", 60.0)
    world.outside.answers["/a.jpg"] = OK
    assert world.check(world.url(), church_id=OTHER_CHURCH) == {}

    may_end.set()
    assert world.check(world.url()) == {}


def test_dns_lookups_run_on_a_limited_number_of_threads(world: World) -> None:
    world.outside.answers["/a.jpg"] = OK
    for n in range(30):
        world.names[f"{n}.example.org"] = [[OUTSIDE]]

    for _ in range(3):
        world.check(*(world.url(host=f"{n}.example.org") for n in range(10)))

    lookups = [thread for thread in threading.enumerate() if thread.name.startswith("media-dns")]
    assert 0 < len(lookups) <= media_probe.MAX_DNS_LOOKUPS


def test_a_name_is_resolved_to_its_addresses() -> None:
    assert list(resolve("127.0.0.1")) == [ip_address("127.0.0.1")]
    assert ip_address("127.0.0.1") in resolve("localhost")
