"""Status callbacks: signed, sent over a few persistent connections, with faults on request."""
