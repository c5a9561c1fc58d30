"""All rules on one subject."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.lint.finding import ERROR, LIKELY, WARNING, Finding
from modelkiln.lint.linter import lint
from modelkiln.lint.registry import all_rules, rule_of
from modelkiln.lint.selection import Selection
from modelkiln.lint.subject import ArtifactFile, SourceFile, Subject

CODE_RULES = [rule for rule in all_rules().values() if rule.language == "python"]


def linted(text, **more):
    """Findings in an inference script."""
    source = SourceFile("predict.py", text.encode(), "src/predict.py")
    return lint(Subject("//:model", (source,), entry_point="predict:predict", **more))


@pytest.mark.parametrize("rule", CODE_RULES, ids=lambda rule: rule.id)
def test_a_bad_example_is_found(rule):
    """By its rule, in the file as the user knows it."""
    assert ("src/predict.py", rule.id) in {(one.path, one.rule) for one in linted(rule.bad)}


@pytest.mark.parametrize("rule", CODE_RULES, ids=lambda rule: rule.id)
def test_a_good_example_is_not(rule):
    """By no rule at all."""
    assert () == linted(rule.good)


def test_what_is_likely_never_fails_a_run():
    """Whatever the severity of its rule."""
    rule = next(rule for rule in all_rules().values() if rule.severity == ERROR)
    assert WARNING == rule.finding("a.py", "perhaps", certainty=LIKELY).severity
    assert ERROR == rule.finding("a.py", "certainly").severity


def test_a_finding_travels_as_json():
    """All of it comes back."""
    finding = rule_of("MK001").finding("a.py", "found", line=1, column=2, text="x")
    assert finding == Finding.from_json(finding.to_json())


def test_rules_are_selected_by_their_names():
    """By id, by the start of one, and by category."""
    assert Selection(("MK0",)).has("MK001")
    assert Selection(("lint",)).has("MK001")
    assert Selection(("unreadable-code",)).has("MK001")
    assert not Selection(("MK1",)).has("MK001")
    assert not Selection(("MK0",), ("MK001",)).has("MK001")
    assert Selection().has("MK001")


@pytest.mark.parametrize("name", ["MK9", "path", "", "E501"])
def test_a_name_that_stands_for_no_rule_is_refused(name):
    """With what there is."""
    with pytest.raises(ModelkilnError, match=r"pants\.toml.*paths, dynamic"):
        Selection((name,)).checked("pants.toml")


def test_a_line_with_a_secret_is_shown_without_it():
    """Whichever rule finds something there."""
    secret = "ghp_" + "Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zA7cD"
    line = f'    return open("/data/w.json"), "{secret}"\n'
    found = linted(f"def predict(inputs, model):\n{line}")
    assert {"paths", "secrets"} <= {rule_of(one.rule).category for one in found}
    assert not [one for one in found if secret in f"{one.text}{one.message}"]


def test_what_has_no_model_artifact_has_no_lineage():
    """Code alone was not trained; weights were."""
    record = {"entry_point": "predict:predict", "metadata": {"authors": "Ada", "license": "MIT"}}
    weights = ArtifactFile("weights.txt", 3)
    assert [] == [one.rule for one in lint(Subject("//:model", record=record))]
    assert ["MK407"] == [one.rule for one in lint(Subject("//:model", artifacts=(weights,), record=record))]
