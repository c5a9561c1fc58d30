"""The lock of build requirements: one for all sdists, or a part for each."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.manifest.build_lock import join_parts, part_of, split_parts

REMEDY = "./pants lock 3rdparty:cpu"


def test_one_lock_serves_all():
    """Without headings its text is everybody's."""
    text = join_parts({"": "setuptools==1\n"})
    assert "setuptools==1\n" == text == part_of(text, "demo", "cpu.build.txt", REMEDY)


def test_parts_are_for_one_sdist_each():
    """They are read as they were written, and a comment before them belongs to none."""
    parts = {"other": "b==1 \\\n    --hash=sha256:00\n", "demo": "a==1\n    # via demo [x]\n"}
    text = join_parts(parts)
    assert {name: part.strip() for name, part in parts.items()} == {
        name: part.strip() for name, part in split_parts(f"# A header\n{text}").items()
    }
    assert "a==1" in part_of(text, "demo", "cpu.build.txt", REMEDY)
    assert "b==1" not in part_of(text, "demo", "cpu.build.txt", REMEDY)
    assert text == join_parts(split_parts(text))


def test_an_sdist_without_a_part_is_reported():
    """With the parts that there are, and the remedy."""
    message = "cpu.build.txt: records what demo, other can be built with, and lacks third. .*pants lock 3rdparty:cpu"
    with pytest.raises(ModelkilnError, match=message):
        part_of(join_parts({"demo": "", "other": ""}), "third", "cpu.build.txt", REMEDY)
