"""The examples in the documents are found and compared as the harness describes."""

from __future__ import annotations

import pytest

from tests.harness.document_examples import Example, matches, read_examples

DOCUMENT = """\
# A page

```console
$ flask queues
sms  0
$ flask failed
```

```text
$ not this one
```

- in a list:

  ```console fails
  $ true
  $ flask requeue x
  There is no job x.
  ```
"""


def test_examples_are_found_with_their_lines() -> None:
    assert read_examples(DOCUMENT) == [
        Example(line=4, command="flask queues", output="sms  0"),
        Example(line=6, command="flask failed", output=""),
        Example(line=16, command="true", output=""),
        Example(line=17, command="flask requeue x", output="There is no job x.", fails=True),
    ]


@pytest.mark.parametrize(
    ("status", "printed", "met"),
    [
        (0, "Sending\n✅ p95 12 ms\n✅ KEPT", True),
        (1, "Sending\n❌ p95 900 ms\n❌ NOT KEPT: p95", True),
        (0, "Sending\n✅ KEPT", False),
        (0, "❌ nothing answers\n✅ p95 12 ms\n✅ KEPT", False),
    ],
)
def test_of_figures_only_the_shape_counts(status: int, printed: str, met: bool) -> None:
    [example] = read_examples("```console measures\n$ bin/load\nSending\n✅ p95 12 ms\n✅ KEPT\n```\n")

    assert example.is_met_by(status, printed) is met


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("", ""),
        ("one", "one\n"),
        ("one  ", "one\n\n"),
        ("took … ms", "took 12.5 ms"),
        ("first\n…\nlast", "first\nlast"),
        ("first\n…\nlast", "first\nsecond\nthird\nlast"),
        ("…", "anything\nat all"),
        ("a.b", "a.b"),
    ],
)
def test_output_as_expected_matches(expected: str, printed: str) -> None:
    assert matches(expected, printed)


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("", "something"),
        ("one", "two"),
        ("one", "one\ntwo"),
        ("one\ntwo", "one"),
        ("took … ms", "took 12\n ms"),
        ("first\n…\nlast", "first\nsecond"),
        ("a.b", "axb"),
    ],
)
def test_other_output_does_not_match(expected: str, printed: str) -> None:
    assert not matches(expected, printed)
