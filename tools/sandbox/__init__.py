"""A carrier to send to without an account: an HTTP server that answers as Twilio's Messages API does.

Run it with `python -m tools.sandbox`. It keeps a ledger of what it accepted, walks every message through its
statuses, calls back with Twilio's signature, and can be told to fail in the ways carriers fail. It knows
nothing of the product and the product knows nothing of it; tests speak to it through `sandbox.control`.
"""
