"""Routes requests to the carrier's API and to the control API."""

import logging
from base64 import b64decode
from binascii import Error as Base64Error

from tools.sandbox import sample_picture
from tools.sandbox.account.resources import AccountResources
from tools.sandbox.control_api import ControlApi
from tools.sandbox.credentials import Credentials
from tools.sandbox.mail import control_api as mail_control_api
from tools.sandbox.mail.control_api import MailControlApi
from tools.sandbox.messages.create import CreateMessage
from tools.sandbox.messages.errors import refuse
from tools.sandbox.messages.read import ReadMessages
from tools.sandbox.messages.representation import Representation
from tools.sandbox.state import SandboxState
from tools.sandbox.wire.reply import Reply
from tools.sandbox.wire.request import Request

_log = logging.getLogger(__name__)

API_ROOT = b"/2010-04-01/"
MESSAGING_ROOT = b"/v1/"
"""Of messaging.twilio.com, which is another host at Twilio."""


class Router:
    """Answers every request. The carrier's API requires credentials, the control API does not."""

    def __init__(
        self,
        *,
        credentials: Credentials,
        state: SandboxState,
        create: CreateMessage,
        read: ReadMessages,
        account: AccountResources,
        control: ControlApi,
        mail_control: MailControlApi,
        representation: Representation,
    ) -> None:
        self._credentials = credentials
        self._basic = credentials.basic_authorization
        self._state = state
        self._create = create
        self._read = read
        self._account = account
        self._control = control
        self._mail_control = mail_control
        self._list_path = f"{representation.messages_path}.json".encode()
        self._item_root = f"{representation.messages_path}/".encode()

    def answer(self, request: Request) -> Reply:
        """Return the reply to a request. An unexpected exception is logged and answered with 500."""
        try:
            if request.target == self._list_path and request.method == b"POST":
                self._state.requests += 1
                if request.authorization == self._basic or self._is_authorized(request):
                    self._state.create_requests += 1
                    return self._create.answer(request.body, injector=self._state.injector)
                return refuse(20003)
            if request.target.startswith(mail_control_api.ROOT):
                return self._mail_control.answer(request)
            if request.target.startswith(sample_picture.ROOT):
                return sample_picture.answer(request)
            if request.target.startswith(b"/_sandbox/"):
                return self._control.answer(request)
            self._state.requests += 1
            return self._read_api(request)
        except Exception:  # noqa: BLE001 (one request must not end the server)
            _log.exception("a request could not be answered")
            return refuse(20500)

    def _read_api(self, request: Request) -> Reply:
        path = request.path
        if path.startswith((API_ROOT, MESSAGING_ROOT)) and not self._is_authorized(request):
            return refuse(20003)
        if path == self._list_path:
            if request.method == b"POST":
                return self._create.answer(request.body, injector=self._state.injector)
            if request.method != b"GET":
                return _wrong_method("GET, POST")
            return self._read.list_page(request.query, injector=self._state.injector)
        if path.startswith(self._item_root) and path.endswith(b".json"):
            sid = path[len(self._item_root) : -len(b".json")]
            if sid.isalnum():
                if request.method != b"GET":
                    return _wrong_method("GET")
                return self._read.fetch(sid.decode("ascii", "replace"), injector=self._state.injector)
        return self._read_account(request) or refuse(20404, path.decode("ascii", "replace"))

    def _read_account(self, request: Request) -> Reply | None:
        """Return a resource of the account; None if the path is none. They are read-only here."""
        if self._state.injector is not None and self._state.injector.happens("unreadable", to=""):
            return refuse(20500)
        reply = self._account.answer(request)
        return _wrong_method("GET") if reply is not None and request.method != b"GET" else reply

    def _is_authorized(self, request: Request) -> bool:
        """Return whether the Basic credentials are valid, in any spelling, and belong to the account in the path."""
        scheme, _, encoded = request.authorization.partition(b" ")
        try:
            credentials = b64decode(encoded.strip(), validate=True)
        except Base64Error:
            return False
        expected = f"{self._credentials.account_sid}:{self._credentials.auth_token}".encode()
        account = [] if request.path.startswith(MESSAGING_ROOT) else _account_in(request.path)
        return (
            scheme.lower() == b"basic"
            and credentials == expected
            and account in ([], [self._credentials.account_sid.encode()])
        )


def _account_in(path: bytes) -> list[bytes]:
    """Return the account in a path such as /2010-04-01/Accounts/AC…/Messages.json; an empty list if there is none."""
    return [part.removesuffix(b".json") for part in path.split(b"/", 4)[3:4]]


def _wrong_method(allowed: str) -> Reply:
    """Return a 405 with the `Allow` header that RFC 9110 requires."""
    reply = refuse(20004)
    head, _, rest = reply.payload.partition(b"\r\n")
    return Reply(b"%b\r\nAllow: %b\r\n%b" % (head, allowed.encode(), rest))
