"""Notes, licences, and what the manifest says beside the hashes."""

import json

from lmi_pipeline import catalog
from lmi_pipeline_tests.release.conftest import MART, mart_rows


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def test_note_when_written_then_in_the_release_and_in_the_manifest(publish):
    folder = publish(notes="Corrected **Wales**.\n\n")
    assert (folder / "notes.md").read_text(encoding="utf-8") == "Corrected **Wales**.\n"
    assert manifest(folder)["notes"] == "Corrected **Wales**.\n"


def test_note_when_none_then_made_from_the_difference(publish, lake):
    first = manifest(publish("2026.11.1"))["notes"]
    assert "First release, with 1 tables." in first
    assert "**Synthetic data.**" in first
    lake.write(MART, mart_rows(population_count=[None, 9.0e3, 5.3e4]))
    second = manifest(publish("2026.11.2"))["notes"]
    assert f"Compared with 2026.11.1. Cells changed: yes, in {MART}. Rows added or gone: no." in second
    assert "Weight vintages: pwt22." in second


def test_manifest_then_lineage_rules_and_audits_as_given(publish):
    lineage = {MART: ["est_population__quarterly_control"]}
    audits = [{"product": "population", "period": "2020-01", "cells": 3, "certified": 1}]
    found = manifest(publish(lineage=lineage, rules={"version": "1"}, audits=audits))
    assert (found["lineage"], found["rules"], found["audits"]) == (lineage, {"version": "1"}, audits)
    assert found["embargo"] is None


def test_licences_then_each_source_with_name_and_address_and_the_statement_asked_for(publish):
    text = (publish() / "licences.md").read_text(encoding="utf-8")
    for source in map(catalog.source, ("rti", "lfs")):
        assert " ".join(source.licence.split()) in text
        assert source.licence_url in text
    assert "Contains public sector information licensed under the Open Government Licence v3.0." in text


def test_validation_page_when_it_needs_the_version_then_told(publish):
    folder = publish(version=None, validation_page=lambda version: f"Checks of {version}")
    assert (folder / "validation.html").read_text(encoding="utf-8") == "Checks of 2026.11.1"
