"""Findings as text and as SARIF."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from modelkiln.lint.catalogue.general import UNREADABLE
from modelkiln.lint.catalogue.paths import ABSOLUTE
from modelkiln.lint.edit import Edit
from modelkiln.lint.finding import LIKELY
from modelkiln.lint.output.sarif import MAX_RESULTS, sarif_log
from modelkiln.lint.output.text import explained, listed, shown, summary
from modelkiln.lint.registry import all_rules

_SCHEMA = Path(__file__).with_name("sarif_schema.json")


@pytest.fixture(scope="module")
def validator():
    """Return the validator of SARIF 2.1.0's schema."""
    schema = json.loads(_SCHEMA.read_text())
    return jsonschema.Draft4Validator(schema)


def test_a_finding_shows_its_line():
    """With a mark below the column, and the remedy."""
    one = ABSOLUTE.finding("a.py", "opens '/x'", line=3, column=7, text="  open('/x')", remedy="Do not.")
    expected = "a.py:3:7: error: MK101 absolute-path: opens '/x'\n    | open('/x')\n    |     ^\n    Do not."
    assert expected == shown([one], "//:model")


def test_a_finding_without_a_file_names_the_package():
    """And says where it is not sure."""
    one = ABSOLUTE.finding("", "has one", certainty=LIKELY, remedy="Do not.")
    assert "//:model: warning, likely: MK101 absolute-path: has one\n    Do not." == shown([one], "//:model")


def test_an_edit_is_shown():
    """What is put in the place of something else, what is added, and what is deleted."""
    edits = (Edit("a.py", 5, 8, 'model / "x"'), Edit("a.py", 9, 9, ', revision="1"'), Edit("a.py", 9, 12, ""))
    one = replace(ABSOLUTE.finding("a.py", "opens '/x'", remedy="Do not."), edits=edits)
    expected = '    In its place: model / "x"\n    Add: revision="1"\n    Delete it.'
    assert shown([one], "//:model").endswith(f"    Do not.\n{expected}")


def test_an_edit_is_a_fix_of_a_log(validator):
    """With the characters that it replaces."""
    one = replace(ABSOLUTE.finding("a b.py", "opens '/x'", line=1), edits=(Edit("a b.py", 5, 8, "é"),))
    log = sarif_log({"//:model": [one]})
    validator.validate(log)
    (change,) = log["runs"][0]["results"][0]["fixes"][0]["artifactChanges"]
    (replaced,) = change["replacements"]
    assert ("a%20b.py", 5, 3, "é") == (
        change["artifactLocation"]["uri"],
        replaced["deletedRegion"]["charOffset"],
        replaced["deletedRegion"]["charLength"],
        replaced["insertedContent"]["text"],
    )


def test_what_a_terminal_could_obey_is_shown():
    """Escapes in names and code are printed as Python writes them, and long lines are cut."""
    text = "x" * 300 + "\x1b[2J"
    printed = shown([ABSOLUTE.finding("a\x1b.py", "m\n", line=1, column=290, text=text)], "x")
    assert "\x1b" not in printed and "a\\x1b.py" in printed
    assert max(map(len, printed.splitlines())) < 250


def test_a_summary_counts():
    """Errors and warnings."""
    findings = [ABSOLUTE.finding("a.py", "x"), UNREADABLE.finding("a.py", "x")]
    assert "1 error, 1 warning. `modelkiln lint --explain MK101` explains a rule." == summary(findings)
    assert "0 errors, 0 warnings." == summary([])


def test_every_rule_is_listed_and_explained():
    """With both of its examples."""
    rules = list(all_rules().values())
    assert len(rules) == len(listed(rules).splitlines())
    for rule in rules:
        text = explained(rule)
        assert rule.bad.split("\n")[0] in text and rule.good.split("\n")[0] in text


def test_a_log_is_of_the_schema(validator):
    """With and without lines, and for names that a URI cannot have."""
    found = {
        "src/models/é:x": [ABSOLUTE.finding("a b/é.py", "opens '/x'", line=3, column=7, text="open('/x')")],
        "//:y": [UNREADABLE.finding("", "no file", certainty=LIKELY)],
        "//:z": [],
    }
    log = json.loads(json.dumps(sarif_log(found)))
    assert [] == [error.message for error in validator.iter_errors(log)]
    first, second = log["runs"][0]["results"]
    assert ["MK101", "MK001"] == [first["ruleId"], second["ruleId"]]
    assert "a%20b/%C3%A9.py" == first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert {"error", "warning"} == {first["level"], second["level"]}


def test_a_log_is_not_larger_than_consumers_take(validator):
    """Errors are kept, and what is left out is said; long texts are cut."""
    findings = [UNREADABLE.finding("a.py", "x" * 5000, line=number) for number in range(1, MAX_RESULTS + 1)]
    log = sarif_log({"x": [*findings, ABSOLUTE.finding("b.py", "opens")]})
    run = log["runs"][0]
    few = {**log, "runs": [{**run, "results": run["results"][:50]}]}
    assert [] == [error.message for error in validator.iter_errors(few)]
    assert MAX_RESULTS == len(run["results"]) and "MK101" == run["results"][0]["ruleId"]
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert "1 result left out: at most 5000 are listed, errors first." == notification["message"]["text"]
    assert 1000 == max(len(one["message"]["text"]) for one in run["results"])


def test_a_fingerprint_stays_where_lines_move():
    """Two of one text are distinguished by their order."""
    one, two = (ABSOLUTE.finding("a.py", "x", line=line, text="open('/x')") for line in (1, 9))

    def prints(findings):
        return [result["partialFingerprints"] for result in sarif_log({"x": findings})["runs"][0]["results"]]

    assert prints([one]) == prints([two])
    assert prints([one, two])[0] != prints([one, two])[1]
