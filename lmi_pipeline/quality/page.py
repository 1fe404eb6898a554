"""A page of check outcomes for people: one file, no scripts, nothing loaded from outside."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from itertools import groupby

from lmi_pipeline import catalog
from lmi_pipeline.quality.results import CheckOutcome, combine

_CSS = """
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5b6472; --paper: #ffffff; --line: #d9dee6; --wash: #f4f6f9;
  --good: #1b6e4b; --bad: #b3261e; --warn: #8a5300; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #a3acba; --paper: #14181f; --line: #323a47;
  --wash: #1c222c; --good: #6fcf9f; --bad: #ff9d94; --warn: #f0b95e; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 0; overflow-wrap: anywhere; }
p { margin: .25rem 0; }
.soft, caption { color: var(--soft); }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.verdict { font-size: 1.1rem; font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin-top: .75rem; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.text { min-width: 14rem; overflow-wrap: anywhere; }
td.word { font-weight: 600; white-space: nowrap; }
details { margin-top: .75rem; background: var(--wash); border-radius: .4rem; padding: .4rem .75rem; }
summary { cursor: pointer; }
summary:focus-visible, a:focus-visible { outline: 3px solid var(--warn); outline-offset: 2px; }
a { color: inherit; }
code { font-size: .95em; }
"""


def render_validation_page(results: Iterable[CheckOutcome], title: str) -> str:
    """Render outcomes as one HTML page, table by table, failures first.

    Parameters
    ----------
    results : iterable of CheckOutcome
        Outcomes of any number of tables; those of several slices of a table are added up.
    title : str
        Heading of the page.

    Returns
    -------
    str
        A complete HTML document with its style, without scripts or outside resources.
    """
    outcomes = sorted(combine(results), key=lambda o: o.table)
    tables = {name: list(found) for name, found in groupby(outcomes, key=lambda o: o.table)}
    body = [f"<h1>{escape(title)}</h1>", _verdict(outcomes), _overview(tables)]
    body += [_section(name, found) for name, found in tables.items()]
    return (
        '<!doctype html>\n<html lang="en-GB">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def _tally(outcomes: Iterable[CheckOutcome]) -> tuple[int, int]:
    failed = [outcome for outcome in outcomes if not outcome.passed]
    blocking = sum(outcome.severity == "block" for outcome in failed)
    return blocking, len(failed) - blocking


def _verdict(outcomes: list[CheckOutcome]) -> str:
    if not outcomes:
        return '<p class="verdict warn">No check was run.</p>'
    blocking, warnings = _tally(outcomes)
    if blocking:
        word, style = f"{_many(blocking, 'blocking check fails', 'blocking checks fail')}", "bad"
    elif warnings:
        word, style = f"Nothing blocks; {_many(warnings, 'warning', 'warnings')}", "warn"
    else:
        word, style = "All checks pass", "good"
    note = "Counts of rows or of groups of rows; no value of any record is shown."
    return (
        f'<p class="verdict {style}">{word}</p>\n<p class="soft">{_many(len(outcomes), "check", "checks")} on '
        f"{_many(len({o.table for o in outcomes}), 'table', 'tables')}. {note}</p>"
    )


def _overview(tables: dict[str, list[CheckOutcome]]) -> str:
    if len(tables) < 2:
        return ""
    rows = [
        f'<tr><td><a href="#{escape(name)}"><code>{escape(name)}</code></a></td>{_state(found)}'
        f'<td class="number">{len(found)}</td></tr>'
        for name, found in tables.items()
    ]
    head = '<tr><th scope="col">Table</th><th scope="col">Result</th><th scope="col" class="number">Checks</th></tr>'
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>'


def _state(outcomes: list[CheckOutcome]) -> str:
    blocking, warnings = _tally(outcomes)
    parts = [f"{blocking} failed"] if blocking else []
    parts += [_many(warnings, "warning", "warnings")] if warnings else []
    style = "bad" if blocking else "warn" if warnings else "good"
    return f'<td class="word {style}">{", ".join(parts) or "passed"}</td>'


def _section(name: str, outcomes: list[CheckOutcome]) -> str:
    failed = sorted((o for o in outcomes if not o.passed), key=lambda o: o.severity)
    passed = [o for o in outcomes if o.passed]
    heading = (
        f'<h2 id="{escape(name)}"><code>{escape(name)}</code></h2>\n<p class="soft">{escape(_table_title(name))}</p>'
    )
    parts = [heading]
    if failed:
        parts.append(_rows(failed, advice=True))
    if passed:
        summary = f'<summary>{_many(len(passed), "check", "checks")} <span class="good">passed</span></summary>'
        parts.append(f"<details>{summary}{_rows(passed, advice=False)}</details>")
    return "\n".join(parts)


def _table_title(name: str) -> str:
    known = catalog.tables()
    return known[name].title if name in known else "Not in the catalogue"


def _rows(outcomes: list[CheckOutcome], *, advice: bool) -> str:
    last = '<th scope="col">What to do next</th>' if advice else ""
    head = (
        '<tr><th scope="col">Result</th><th scope="col">Check</th><th scope="col" class="number">Failing</th>'
        f'<th scope="col" class="number">Of</th>{last}</tr>'
    )
    body = "".join(_row(outcome, advice=advice) for outcome in outcomes)
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _row(outcome: CheckOutcome, *, advice: bool) -> str:
    word, style = ("failed", "bad") if outcome.severity == "block" else ("warning", "warn")
    if outcome.passed:
        word, style = "passed", "good"
    last = f'<td class="text">{_prose(outcome.next_step)}</td>' if advice else ""
    return (
        f'<tr><td class="word {style}">{word}</td>'
        f'<td class="text">{_prose(outcome.description)}<br><code class="soft">{escape(outcome.name)}</code></td>'
        f'<td class="number">{_number(outcome.failing_count)}</td>'
        f'<td class="number">{_number(outcome.total_count)}</td>{last}</tr>'
    )


def _prose(text: str) -> str:
    """Escape a text; what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _number(count: int | None) -> str:
    return "not run" if count is None else f"{count:,}"


def _many(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"
