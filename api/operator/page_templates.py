"""Adapts rq-dashboard's Jinja templates, when they are loaded, to a strict content security policy.

- Every script gets the request's nonce.
- The pages' underscore templates, which the browser would compile with `eval`, are compiled here. All values that they
  show are escaped: rq-dashboard inserts descriptions and tracebacks unescaped.
- The name of a queue, which comes from the path, is written into a script as JSON.
- The icon is rq-dashboard's own: its templates refer to one in our static folder, which does not exist.
- A link to the sessions and a logout button are added.

The source of the templates is rewritten, not the rendered page, so nothing that is stored in a job can get a nonce.
"""

from __future__ import annotations

import json
import re

from jinja2.ext import Extension

_UNDERSCORE = re.compile(r"""<script src="[^"]*underscore-umd-min\.js'\) \}\}"[^>]*></script>""")
_PAGE_TEMPLATE = re.compile(r'<script name="[\w-]+" type="text/template">(.*?)</script>', re.DOTALL)
_TAG = re.compile(r"<%([=-]?)(.*?)%>", re.DOTALL)
_ALREADY_ESCAPED = re.compile(r"\$\('<div/>'\)\.text\((.*)\)\.html\(\)")

_LOG_OUT = (
    """<a class="btn btn-link btn-sm" href="{{ url_for('operator_sessions.show') }}">Your sessions</a>"""
    """<form method="post" action="{{ url_for('operator.log_out') }}">"""
    '<button class="btn btn-link btn-sm">Log out</button></form>'
)

_ESCAPE = (
    "function shown(value) { return value === null || value === undefined ? '' : String(value)"
    """.replace(/[&<>"']/g, function (sign) { return '&#' + sign.charCodeAt(0) + ';'; }); }"""
)


class StrictPages(Extension):
    """A Jinja extension that rewrites the source of rq-dashboard's templates before they are compiled."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002 - Jinja passes it
        if name is None or not name.startswith("rq_dashboard/"):
            return source
        return rewrite(source)


def rewrite(source: str) -> str:
    """Return the source of one of rq-dashboard's templates, adapted to the policy."""
    source = _UNDERSCORE.sub('<script>{% include "operator/page_templates.js" %}</script>', source)
    source = _PAGE_TEMPLATE.sub(_with_function, source)
    source = source.replace("<script", '<script nonce="{{ csp_nonce }}"')
    source = source.replace("'{{ queue.name }}'", "{{ queue.name|tojson }}")
    source = source.replace("url_for('static', filename='favicon.ico')", "url_for('rq_dashboard.favicon')")
    return source.replace('<div id="rq-instances-row">', _LOG_OUT + '<div id="rq-instances-row">')


def _with_function(element: re.Match[str]) -> str:
    """Return the element, followed by a script that registers the function compiled from it under its text."""
    return (
        f"{element[0]}\n<script>\n"
        "window.pageTemplates = window.pageTemplates || [];\n"
        f"pageTemplates.push({{text: document.currentScript.previousElementSibling.innerHTML, render:\n"
        f"{as_function(element[1])}}});\n</script>"
    )


def as_function(template: str) -> str:
    """Return the JavaScript function that underscore's `template` would make, but one that escapes all values."""
    lines = ["function (scope) {", _ESCAPE, "var page = '';", "with (scope || {}) {"]
    position = 0
    for tag in _TAG.finditer(template):
        lines.append(f"page += {_text(template[position : tag.start()])};")
        lines.append(f"page += shown({_shown(tag[2].strip())});" if tag[1] else tag[2].strip())
        position = tag.end()
    lines += [f"page += {_text(template[position:])};", "}", "return page;", "}"]
    return "\n".join(lines)


def _text(text: str) -> str:
    """Return the text as a JavaScript string. Jinja statements in it still work."""
    return json.dumps(text).replace("</", "<\\/")


def _shown(expression: str) -> str:
    escaped = _ALREADY_ESCAPED.fullmatch(expression)
    return escaped[1] if escaped else expression
