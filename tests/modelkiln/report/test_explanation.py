"""Why packaging again made what it made."""

import json

from samples.packages.described import Described

from modelkiln.report.explanation import explain_again


def _record(folder, **more):
    return Described(folder, **more).record_path.read_bytes()


def test_each_layer_that_is_made_again_has_its_reason(tmp_path):
    """Code, wheels, and what only the record lists."""
    before = _record(tmp_path / "before")
    assert ["nothing changed since the last time"] == explain_again(before, before)
    code = {"rain/scale.py": b"def scale(x):\n    return 2 * x\n"}
    after = _record(tmp_path / "after", code=code, versions={"tinylib": "1.1"}, metadata={"license": "MIT"})
    assert explain_again(before, after) == [
        "layer wheels: fastmath 0.9, gpulib 3.0, plugin 2.0 and 1 more again, because tinylib 1.0 is now 1.1",
        "layer code again, because rain/scale.py changed",
        "metadata authors changed",
        "metadata metrics changed",
        "record again, because it lists what changed",
    ]


def test_without_a_record_to_compare_with_it_says_so(tmp_path):
    """None, and one of another kind."""
    after = _record(tmp_path)
    for before in (None, b"{", b"[]", json.dumps({"name": "rain"}).encode()):
        assert "no record of the last time" in explain_again(before, after)[0]
