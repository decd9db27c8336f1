"""The sandbox carrier: an HTTP server that behaves like Twilio's Messages API and needs no account.

Run it with `python -m tools.sandbox`. It keeps a ledger of the messages it accepted, moves every message through its
statuses, sends signed status callbacks, and injects faults on request. It shares no code with the product. Tests
control it through `tools.sandbox.control`.
"""
