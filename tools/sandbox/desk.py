"""What the sandbox is told and what it counts, apart from the messages themselves."""

from tools.sandbox.callbacks.dispatch import Dispatch
from tools.sandbox.faults.dice import Dice
from tools.sandbox.faults.faults import Faults
from tools.sandbox.messages.ledger import Ledger
from tools.sandbox.messages.lifecycle import Lifecycle
from tools.sandbox.wheel import Wheel

REPEATED_SHOWN = 1_000
"""How many of the numbers with several messages a summary names."""


class Desk:
    """The switches of a running sandbox."""

    def __init__(self, *, ledger: Ledger, wheel: Wheel, lifecycle: Lifecycle, dispatch: Dispatch) -> None:
        self.ledger = ledger
        self.dispatch = dispatch
        self.dice: Dice | None = None
        """None while no faults are set: then nothing is drawn and nothing is paid."""
        self.requests = 0
        """Requests to the carrier's API."""
        self.create_requests = 0
        """Those of them that asked for a message, with the right password."""
        self._wheel = wheel
        self._lifecycle = lifecycle

    def set_faults(self, faults: Faults) -> None:
        """From now on these faults and no others."""
        self.dice = self.dispatch.dice = None if faults == Faults() else Dice(faults)

    @property
    def faults(self) -> Faults:
        return Faults() if self.dice is None else self.dice.faults

    def reset(self) -> None:
        """Forget all messages, counts and callbacks to come. Faults and the hold stay as they are."""
        self._wheel.clear()
        self._lifecycle.forget()
        self.ledger.clear()
        self.dispatch.forget()
        self.requests = self.create_requests = 0
        if self.dice is not None:
            self.dice.drawn.clear()

    def summary(self) -> dict[str, object]:
        """The counts, as JSON; `sandbox.control.Summary` says what each means."""
        ledger = self.ledger
        repeated = sorted(ledger.sent_more_than_once.items())[:REPEATED_SHOWN]
        return {
            "requests": self.requests,
            "create_requests": self.create_requests,
            "accepted": len(ledger),
            "by_status": {status: count for status, count in ledger.by_status.items() if count},
            "under_way": self._lifecycle.under_way,
            "recipients": ledger.recipients,
            "recipients_repeated": len(ledger.sent_more_than_once),
            "repeated": dict(repeated),
            "faults_drawn": {} if self.dice is None else dict(self.dice.drawn),
            "callbacks": self.dispatch.counts(),
            "callbacks_held": self.dispatch.holds,
        }
