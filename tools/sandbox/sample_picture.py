"""Serves a small PNG under any name, so that tests and demos have media URLs. No authentication."""

from base64 import b64decode

from tools.sandbox.wire.reply import Reply, respond, respond_json
from tools.sandbox.wire.request import Request

ROOT = b"/_sandbox/pictures/"
PNG = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVR4nGNgAAIAAAUAAXpeqz8AAAAASUVORK5CYII=")
"""One transparent pixel."""


def answer(request: Request) -> Reply:
    """Return the reply to a request under /_sandbox/pictures/: the same PNG for every name that ends in .png."""
    if not request.path.endswith(b".png"):
        return respond_json(404, {"error": "no such picture"})
    if request.method == b"GET":
        return respond(200, PNG, content_type="image/png")
    if request.method == b"HEAD":
        whole = respond(200, PNG, content_type="image/png").payload
        return Reply(whole.removesuffix(PNG))
    return respond_json(405, {"error": "method not allowed"})
