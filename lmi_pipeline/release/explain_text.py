"""An explanation as text for readers who do not program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from textwrap import fill

from lmi_pipeline import catalog
from lmi_pipeline.release.explain import SMALL, WITHHELD, Alternative, Explanation, Fact, Figure, Previous
from lmi_pipeline.release.explain_path import InputFile, SourceFiles, Step
from lmi_pipeline.release.explain_row import Candidates

WIDTH, FILES, TOLD, TEN, AUDITS = 92, 5, 12, 10, 3
_BANNERS = {
    "true": "SYNTHETIC DATA. This number is made up to test the system. It says nothing about the United Kingdom.",
    "mixed": "PARTLY SYNTHETIC DATA. Some of the files behind this number are made up. Do not use it as a fact.",
}
_LAYERS = {
    "raw": "The files are read as they were issued, cell by cell; nothing is changed.",
    "core": "The figures of the files under our names and codes; nothing is estimated.",
    "est": "An estimate made from the tables above.",
    "out": "The estimates above, checked and rounded for publication.",
}
_GATE = "Which figures may be shown is decided for all tables together, and the decision is audited."
_STATUS = {
    "ok": "The number may be used.",
    SMALL: (
        "The number may be used with caution: it is marked small_sample, which means that it rests on a relatively"
        " small number of people or jobs and could be some way off."
    ),
    WITHHELD: (
        "The number is withheld: it is not shown. Numbers are withheld to protect people and firms, or because they"
        " would not be reliable enough, or so that no other withheld number can be worked out. A release never says"
        " which of these it was, because that alone could give something away."
    ),
    "not_applicable": "There is no such number: the question does not apply here.",
}
_MODELLED = {
    True: "It is modelled: worked out by a statistical method from surveys and records, and not counted.",
    False: "It is observed: as the publisher issued it, or added up from answers. No model made it.",
    None: "This release does not say whether it is modelled or observed.",
}
_ENDS = (("lower_bound", "upper_bound"), ("interval_low", "interval_high"))


def _text(text: str, indent: str = "  ", first: str = "") -> str:
    return fill(
        " ".join(text.split()), WIDTH, initial_indent=first or indent, subsequent_indent=indent,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _item(text: str) -> str:
    return _text(text, indent="    ", first="  - ")


def _section(title: str, lines: Iterable[str]) -> str:
    return "\n".join([title, "-" * len(title), *lines])


def render(found: Explanation) -> str:
    """An explanation in plain English, heading by heading."""
    sections = [
        _section("What this number is", _what(found)),
        _section("How sure is it", _how_sure(found)),
        _section("How it was made", _how_made(found)),
        _section("From which files", _files(found)),
        _section("Which checks it passed", _checks(found)),
        _section("Disclosure control", _disclosure(found)),
        _section("Release", _release(found)),
        _section("Source and licence", _attribution(found)),
        _section("To see more", _more(found)),
    ]
    banner = _BANNERS.get(found.synthetic)
    bar = "!" * WIDTH
    head = [f"{bar}\n{_text(banner, indent='')}\n{bar}"] if banner else []
    return "\n\n".join([*head, *sections])


def _what(found: Explanation) -> list[str]:
    lines = [_text(f"{found.title}."), ""]
    lines += _pairs([(fact.label, _named(fact)) for fact in found.key])
    shown = [(figure.label, figure.text or _no_number(found)) for figure in found.figures]
    lines += ["", *_pairs(shown)]
    lines += ["", _text(_STATUS.get(found.status, f"Status: {found.status_words}.")), _text(_MODELLED[found.modelled])]
    if found.details:
        lines += ["", *_pairs([(fact.label, _named(fact)) for fact in found.details])]
    lines += ["", _text(found.description), *(_item(f"Note: {warning}") for warning in found.warnings)]
    if found.status in (WITHHELD, SMALL) and found.alternatives:
        lines += ["", _text("You could use instead, from the least to the most general:")]
        lines += [_item(_alternative(each, found.key)) for each in found.alternatives]
    return lines


def _no_number(found: Explanation) -> str:
    return "withheld" if found.status == WITHHELD else "not shown"


def _pairs(pairs: Sequence[tuple[str, str]]) -> list[str]:
    room = max((len(label) for label, _ in pairs), default=0)
    return [_text(text, indent=" " * (room + 6), first=f"    {label:{room}}  ") for label, text in pairs]


def _named(fact: Fact) -> str:
    if fact.words in ("yes", "no"):
        return fact.words
    return f"{fact.words} ({fact.value})" if fact.words and fact.words != fact.value else fact.value


def _alternative(each: Alternative, key: Sequence[Fact]) -> str:
    asked = {fact.column: fact.value for fact in key}
    changed = [f"{fact.label}: {fact.words or fact.value}" for fact in each.key if asked.get(fact.column) != fact.value]
    if each.status == WITHHELD:
        return f"{', '.join(changed)}: withheld too"
    if not each.status:
        return f"{', '.join(changed)}: in another table of this release"
    figures = "; ".join(f"{figure.label} {figure.text}" for figure in each.figures)
    caution = " (to be used with caution)" if each.status == SMALL else ""
    return f"{', '.join(changed)}: {figures}{caution}"


def _how_sure(found: Explanation) -> list[str]:
    if found.status == WITHHELD:
        return [_text("There is no number to be sure of: it is withheld.")]
    figures = {figure.column: figure for figure in found.sureness}
    lines = [_item(_range(figures.pop(low), figures.pop(high))) for low, high in _ends(figures)]
    lines += [_item(_sureness(figure)) for figure in figures.values()]
    if not lines:
        lines = [_text("The release gives no margin of error for this number.")]
    if found.status == SMALL:
        lines.append(_text("Marked small_sample: read it as an order of magnitude rather than an exact figure."))
    return lines


def _ends(figures: dict[str, Figure]) -> list[tuple[str, str]]:
    stems = [(name, re.sub(r"_low(er)?$", lambda m: "_upper" if m[1] else "_high", name)) for name in figures]
    pairs = [*_ENDS, *(pair for pair in stems if pair[0] != pair[1] and pair not in _ENDS)]
    return [pair for pair in pairs if set(pair) <= set(figures)]


def _range(low: Figure, high: Figure) -> str:
    share = re.search(r"(\d+) per cent", low.label)
    name = re.sub(r"^(Lower end|Lower bound) of (the )?", "", low.label)
    text = f"It is likely to lie between {low.text} and {high.text} ({name})."
    return f"{text} Ranges made in this way hold the true figure about {share[1]} times in 100." if share else text


def _sureness(figure: Figure) -> str:
    if figure.column == "cv_percent" and figure.value is not None:
        return (
            f"Its coefficient of variation is {figure.text}: a typical sampling error is that share of the number."
            f" {_precision(figure.value)}"
        )
    return f"{figure.label}: {figure.text}."


def _precision(cv: float) -> str:
    limits = catalog.thresholds()["precision"]
    words = (("precise_up_to", "precise"), ("reasonably_precise_up_to", "reasonably precise"),
             ("acceptable_up_to", "acceptable"))  # fmt: skip
    name = next((word for limit, word in words if cv <= limits[limit]), "not reliable")
    return f"By the key of the Office for National Statistics that is {name}."


def _how_made(found: Explanation) -> list[str]:
    lines = []
    if not found.lineage_known:
        lines.append(_text("This release does not say which tables the number was made from; the last step was:"))
    raw = [step for step in found.steps if step.layer == "raw"]
    told = [f"{step.title}. {step.method or _unsaid(step)} [{step.table}]" for step in found.steps[len(raw) :]]
    if raw:
        told.insert(0, f"{_LAYERS['raw']} [{', '.join(step.table for step in raw)}]")
    lines += [_text(text, indent="      ", first=f"  {number:2}. ") for number, text in enumerate(told, start=1)]
    if found.vintage is not None:
        lines += ["", _text(f"The survey weights: {found.vintage.title} ({found.vintage.name}).")]
        lines += [_item(sentence) for sentence in found.vintage.sentences]
        lines += [_item(f"Note: {found.vintage.note}")] if found.vintage.note else []
    cited = dict.fromkeys(reference for step in found.steps for reference in step.references)
    references = [each for each in cited if not any(other != each and other.startswith(each) for other in cited)]
    if references:
        lines += ["", _text("Methods are described in:"), *(_item(f"{text}.") for text in references)]
    return lines


def _unsaid(step: Step) -> str:
    return _GATE if catalog.table(step.table).subject == "disclosure" else _LAYERS[step.layer]


def _files(found: Explanation) -> list[str]:
    if not found.sources:
        return [_text("This release does not list its input files.")]
    lines: list[str] = []
    for source in found.sources:
        lines += ["", *_source(source, found.period)] if lines else _source(source, found.period)
    return lines


def _source(source: SourceFiles, period: str) -> list[str]:
    lines = [_text(f"{source.title}. Publisher: {source.publisher}. Licence: {source.licence}.")]
    dated = source.other_periods and any(file.period for file in source.files)
    narrowed = f" for {period}, or for all periods" if dated and period else ""
    lines.append(_text(f"{_count(source.files, 'file', narrowed)}:", indent="    "))
    lines += [_file(file) for file in source.files[:FILES]]
    if len(source.files) > FILES:
        lines.append(
            _text(f"... and {_count(source.files[FILES:], 'more file', '')}; --json lists all", indent="      ")
        )
    if source.other_periods:
        lines.append(
            _text(
                f"and {_count(source.other_periods, 'file', ' for other periods or from other releases')}, which the"
                " method may draw on to compare, or for the structure of the population",
                indent="    ",
            )
        )
    return lines


def _count(files: Sequence[InputFile], noun: str, which: str) -> str:
    made_up = sum(file.synthetic != "false" for file in files)
    plural = "" if len(files) == 1 else "s"
    told = {0: "", len(files): " (synthetic)"}.get(made_up, f" ({made_up:,} of them synthetic)")
    return f"{len(files):,} {noun}{plural}{which}{told}"


def _file(file: InputFile) -> str:
    retrieved = f"retrieved {file.retrieved_at[:10]}; " if file.retrieved_at else ""
    release = "" if file.file_name.startswith(file.release) else f"release {file.release}; "
    text = f"{file.file_name} ({file.layout}; {release}{retrieved}SHA-256 {file.sha256[:12]}...)"
    return _text(text, indent="        ", first="      - ")


def _checks(found: Explanation) -> list[str]:
    checks = found.checks
    if not checks.all:
        return [_text("This release does not list its checks.")]
    failed = [check for check in checks.all if not check.passed]
    blocking = sum(check.severity == "block" for check in checks.all)
    which = "All" if blocking == len(checks.all) else f"{blocking:,}"
    passed = "all passed" if not failed else f"{checks.passed:,} passed"
    lines = [
        _text(
            f"{len(checks.all):,} checks were made of the tables above before the release; {passed}. {which} of"
            " them are blocking: had one failed, nothing would have been released. Most ask that columns, types, codes,"
            f" ranges and keys are right. {'These ask for more:' if checks.told else ''}"
        )
    ]
    lines += [_item(f"{check.description} [{check.name}]") for check in checks.told[:TOLD]]
    if len(checks.told) > TOLD:
        lines.append(_item(f"and {len(checks.told) - TOLD:,} more; --json lists all"))
    lines += [_item(f"WARNING, not passed: {check.description} [{check.table}: {check.name}]") for check in failed]
    if checks.unlisted:
        private = all(catalog.table(name).microdata for name in checks.unlisted)
        which = ", which hold records of individuals," if private else ""
        lines.append(
            _text(
                f"Checks of {len(checks.unlisted)} of the tables above{which} are not listed in the release: the run"
                " that wrote a table checks it too."
            )
        )
    return lines


def _disclosure(found: Explanation) -> list[str]:
    rules = found.disclosure
    lines = [
        _text(
            "Before release, numbers go through rules that keep people and firms from being found out and unreliable"
            " numbers from being used. The limits are tested on unrounded numbers:"
        )
    ]
    for rule in rules.rules:
        date = f", {rule.source_date}" if rule.source_date else ""
        lines.append(_item(f"{rule.text} (Source: {rule.source.rstrip('.')}{date}.)"))
    if rules.rule_version:
        lines += _pairs([("Version of the rules", rules.rule_version)])
    if rules.audits:
        more = f" and {len(rules.audits) - AUDITS:,} more" if len(rules.audits) > AUDITS else ""
        lines += _pairs([("Audit passed", f"{', '.join(rules.audits[:AUDITS])}{more}")])
    else:
        lines.append(_text("The release names no audit of this table."))
    return lines


def _release(found: Explanation) -> list[str]:
    facts = [("Version", found.release), ("Made at", _instant(found.made_at))]
    facts += [("In force from", _instant(found.in_force_from))] if found.in_force_from else []
    facts.append(("Program version (git)", found.git_revision[:19]))
    return [
        *_pairs(facts),
        _text(_before(found.previous, found.figures)),
    ]


def _instant(text: str) -> str:
    return f"{text[:16].replace('T', ' ')} UTC" if text else "not recorded"


def _before(previous: Previous, figures: Sequence[Figure]) -> str:
    if previous.state == "none":
        return "There was no release before it."
    if previous.state == "absent":
        return f"The release before it was {previous.release}; it has no such number, or is no longer here."
    if previous.state == "not_shown":
        return f"The release before it was {previous.release}; there is nothing to compare with."
    now = {figure.column: figure.text for figure in figures}
    changed = [figure for figure in previous.figures if now.get(figure.column) != figure.text]
    if not changed:
        return f"The same as in release {previous.release}."
    return f"In release {previous.release}: {'; '.join(f'{each.label} was {each.text}' for each in changed)}."


def _attribution(found: Explanation) -> list[str]:
    cited = list(dict.fromkeys(source.citation.rstrip(".") for source in found.sources if source.citation))
    if not cited:
        return [_text("See attribution.md in the release.")]
    names = "; ".join(cited)
    if found.synthetic == "true":
        return [_text(f"Synthetic data in the layouts of the following, but not their data: {names}.")]
    partly = " Some files are synthetic, in the publishers' layouts but not their data." if _is_mixed(found) else ""
    licences = "; ".join(dict.fromkeys(source.licence for source in found.sources))
    return [_text(f"Source: {names}. Contains public sector information licensed under: {licences}.{partly}")]


def _is_mixed(found: Explanation) -> bool:
    return found.synthetic == "mixed"


def _more(found: Explanation) -> list[str]:
    words = [f"{fact.column}={fact.value}" for fact in found.key]
    conditions = " ".join(shlex.quote(word) for word in words)
    where = " ".join(f"--where {shlex.quote(word)}" for word in words[:1])
    return [
        f"  The whole table:          {found.folder}/{found.table}.csv",
        f"  Some rows, newest data:   lmi export {found.table} {where} --out rows.csv",
        f"  This, for a program:      lmi explain {found.table} {conditions} --release {found.release} --json",
        f"  What every column means:  {found.folder}/dictionary.md",
        f"  Sources and licences:     {found.folder}/attribution.md",
    ]


def render_candidates(found: Candidates) -> str:
    """What tells several rows apart, and conditions that mean one row each."""
    lines = [f"{found.found:,} rows of {found.table} are meant. Say more about:"]
    lines += [
        _text(f"{column}: {'; '.join(values)}{', ...' if len(values) == TEN else ''}", indent="      ", first="  ")
        for column, values in found.choices.items()
    ]
    lines += ["", "For one of the first of them, add:"]
    lines += [f"  {' '.join(shlex.quote(f'{c}={v}') for c, v in row.items())}" for row in found.rows]
    return "\n".join(lines)
