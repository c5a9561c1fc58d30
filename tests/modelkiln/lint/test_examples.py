"""The examples of rules about files, locks and records, which the docs show."""

import hashlib
import io
import json
import pickle
import re
from collections import OrderedDict
from functools import partial

import pytest

from modelkiln.lint.linter import lint
from modelkiln.lint.registry import all_rules
from modelkiln.lint.subject import ArtifactFile, Distribution, RequirementFile, SourceFile, Subject

RULES = [rule for rule in all_rules().values() if rule.language == "package"]
SIZES = {"KiB": 1 << 10, "MiB": 1 << 20}
FORMATS = (('{"learner"', "xgboost"), ('{"version": "1.0"', "tokenizer"))


def subject_of(example):
    """The subject that lines of a rule's example describe (see `Rule`)."""
    files, distributions, requirements, sources, record = [], [], [], [], {}
    for line in example.splitlines():
        kind, _, rest = line.partition(": ")
        if match := re.fullmatch(r"models/(\S+) \((\d+) (KiB|MiB)\)", line):
            size = int(match[2]) * SIZES[match[3]]
            files.append(ArtifactFile(match[1], size, hashlib.sha256(str(size).encode()).hexdigest()))
        elif match := re.fullmatch(r"models/(\S+) has the code (\S+)", line):
            files.append(ArtifactFile(match[1], code=(match[2],)))
        elif match := re.fullmatch(r"models/(\S+) is a pickle", line):
            files.append(file_of(match[1], pickle.dumps(OrderedDict(), 4)))
        elif kind.startswith("models/"):
            files.append(file_of(kind[len("models/") :], rest.encode()))
        elif kind == "lock":
            distributions.append(Distribution(*rest.split("=="), requires=()))
        elif kind == "requirements":
            requirements.append(rest)
        elif kind.startswith("record."):
            record[kind[len("record.") :]] = json.loads(rest)
        else:
            sources.append(SourceFile(kind, rest.encode()))
    lock = (RequirementFile("cpu.txt", "\n".join(requirements).encode()),) if requirements else ()
    return Subject(
        "//:model",
        sources=tuple(sources),
        artifacts=tuple(files),
        distributions=tuple(distributions) or None,
        requirement_files=lock,
        record=record,
    )


def file_of(path, data):
    """A file of an artifact that is at hand."""
    text = data[:64].decode("utf-8", "replace")
    format = next((format for start, format in FORMATS if text.startswith(start)), "unknown")
    facts = {}
    return ArtifactFile(path, len(data), hashlib.sha256(data).hexdigest(), format, facts, (), partial(io.BytesIO, data))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_bad_example_is_found(rule):
    """By its rule."""
    assert rule.id in {one.rule for one in lint(subject_of(rule.bad))}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_good_example_is_not(rule):
    """By no rule at all."""
    assert () == lint(subject_of(rule.good))
