"""What headers of files state is in the lock of a model artifact, and so in records."""

import json
from dataclasses import replace

import pytest
from locking import Locking
from samples.headers.models import gguf_file, xgboost_model
from schemas import schema_problems

from modelkiln.checks.check import Options
from modelkiln.errors import ModelkilnError
from modelkiln.store.file_index import FileIndex
from modelkiln.weights.formats import check_formats
from modelkiln.weights.lock import LockedFile, load_weights_lock


@pytest.fixture
def locking(tmp_path):
    """Locks the folder `w`, which has a small file of each kind and one that is read as a large one."""
    (tmp_path / "w").mkdir()
    (tmp_path / "w/m.gguf").write_bytes(gguf_file())
    (tmp_path / "w/m.ubj").write_bytes(xgboost_model())
    (tmp_path / "w/labels.txt").write_text("rain\nsun\n")
    return Locking(tmp_path)


def _facts(locking):
    lock = load_weights_lock(locking.path.read_text(), "x")
    return {file.path: file.facts for file in lock.files}


def test_facts_are_in_the_lock(locking):
    """By file, where there are any, in the form of the schema; the same text when it is locked again."""
    assert 0 == locking("w")
    text = locking.path.read_text()
    facts = _facts(locking)
    assert {"labels.txt", "m.gguf", "m.ubj"} == set(facts)
    assert ("llama", "Q4_0", 4096) == tuple(
        facts["m.gguf"][key] for key in ("architecture", "quantization", "context_length")
    )
    assert ("gbtree", 3) == tuple(facts["m.ubj"][key] for key in ("architecture", "classes"))
    assert facts["labels.txt"] is None
    assert [] == schema_problems("weights-lock", json.loads(text))
    assert 0 == locking("w")
    assert text == locking.path.read_text()


def test_a_lock_of_an_older_release_is_read_and_completed(locking):
    """Without facts it is whole, and compares as equal to its source; locking again adds them."""
    assert 0 == locking("w")
    whole = locking.path.read_text()
    lock = load_weights_lock(whole, "x")
    old = replace(lock, files=tuple(replace(file, facts=None, format="") for file in lock.files))
    assert "facts" not in json.loads(old.to_text())["files"][0]
    assert old == load_weights_lock(old.to_text(), "x")
    locking.path.write_text(old.to_text())
    assert 0 == locking("w", "--check")
    assert 0 == locking("w")
    assert whole == locking.path.read_text()


def test_facts_are_kept_where_the_files_are_not(tmp_path):
    """What the lock knows of a file that the store lacks is what an earlier check found."""
    stated = {"format": "gguf", "facts": {"architecture": "llama"}}
    known = LockedFile("m.gguf", "0" * 64, 1, **stated)
    assert {"m.gguf": stated} == check_formats([known], lambda file: None, Options("x"), FileIndex(tmp_path))


@pytest.mark.parametrize("facts", ["llama", ["llama"], {"architecture": ["llama"]}, {"trees": 1.5}])
def test_facts_of_another_form_are_refused(locking, facts):
    """A lock that somebody else's program wrote."""
    assert 0 == locking("w")
    lock = load_weights_lock(locking.path.read_text(), "x")
    first, *others = lock.files
    bad = replace(lock, files=(replace(first, facts=facts), *others))
    with pytest.raises(ModelkilnError, match="x: labels.txt: facts .* are not texts and numbers by name"):
        load_weights_lock(bad.to_text(), "x")


def test_a_truncated_file_is_not_locked(locking, capsys):
    """There is no lock of it, and the file is named."""
    (locking.folder / "w/m.gguf").write_bytes(gguf_file()[:-40])
    locking.refuse(capsys, "w", "m.gguf: not a valid GGUF file: its tensors end at byte")
