"""The state of a running sandbox apart from its messages: faults and counts."""

from tools.sandbox.callbacks.dispatch import Dispatch
from tools.sandbox.faults.faults import Faults
from tools.sandbox.faults.injector import FaultInjector
from tools.sandbox.inbound.delivery import InboundDelivery
from tools.sandbox.inbound.opt_out_list import OptOutList
from tools.sandbox.messages.ledger import Ledger
from tools.sandbox.messages.lifecycle import Lifecycle
from tools.sandbox.timers import Timers

REPEATED_SHOWN = 1_000
"""How many of the numbers with several messages a summary lists."""


class SandboxState:
    """What the control API reads and changes."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        timers: Timers,
        lifecycle: Lifecycle,
        dispatch: Dispatch,
        inbound: InboundDelivery,
        opt_outs: OptOutList,
    ) -> None:
        self.ledger = ledger
        self.dispatch = dispatch
        self.inbound = inbound
        self.opt_outs = opt_outs
        self.injector: FaultInjector | None = None
        """None while no faults are set, so that requests do no work for them."""
        self.requests = 0
        """All requests to the carrier's API."""
        self.create_requests = 0
        """Those of them that tried to create a message with valid credentials."""
        self._timers = timers
        self._lifecycle = lifecycle

    def set_faults(self, faults: Faults) -> None:
        """Replace the faults."""
        self.injector = self.dispatch.injector = None if faults == Faults() else FaultInjector(faults)

    @property
    def faults(self) -> Faults:
        return Faults() if self.injector is None else self.injector.faults

    def reset(self) -> None:
        """Delete all messages, counts and unsent callbacks, and opt everybody in. Faults and settings stay."""
        self._timers.clear()
        self._lifecycle.clear()
        self.ledger.clear()
        self.dispatch.clear()
        self.inbound.clear()
        self.opt_outs.clear()
        self.requests = self.create_requests = 0
        if self.injector is not None:
            self.injector.drawn.clear()

    def summary(self) -> dict[str, object]:
        """Return the counts as JSON; `sandbox.control.Summary` describes each."""
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
            "faults_drawn": {} if self.injector is None else dict(self.injector.drawn),
            "callbacks": self.dispatch.counts(),
            "callbacks_held": self.dispatch.is_holding,
            "inbound": len(self.inbound.messages),
            "inbound_waiting": self.inbound.waiting,
            "opted_out": len(self.opt_outs),
        }
