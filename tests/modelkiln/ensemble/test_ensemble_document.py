"""What the record of an ensemble says."""

from modelkiln.ensemble.document import describe

RECORD = {
    "name": "scorer",
    "version": "1.0",
    "package_digest": "sha256:" + "a" * 64,
    "entry_point": "score:predict",
    "signature": {"inputs": [], "outputs": []},
}


def test_the_record_names_members_by_their_digests():
    """With what calls them, the place of code that lies apart, and what an ensemble within consists of."""
    inner, record = {"members": {}, "steps": []}, {**RECORD, "artifacts": []}
    found = describe({"one": record, "two": {**record, "ensemble": inner}}, frozenset({"one"}), [], "merge:merge")
    assert {
        "members": {"one": {**RECORD, "code": ".modelkiln/members/one"}, "two": {**RECORD, "ensemble": inner}},
        "steps": [],
        "combine": "merge:merge",
    } == found


def test_environments_are_listed_once():
    """By their paths, those of an ensemble within the ensemble, too; a member names its own."""
    cuda = {"name": "onnxruntime-gpu", "libraries": ["nvidia/cudnn/lib"]}
    inner = {"members": {}, "steps": [], "environments": {"opt/venvs/b": {"requirements": []}}}
    found = describe(
        {"one": RECORD, "two": {**RECORD, "ensemble": inner}},
        frozenset({"one"}),
        [],
        places={"one": "opt/venvs/a"},
        environments={"opt/venvs/a": [cuda], "opt/venvs/b": []},
    )
    place = {"environment": "opt/venvs/a", "libraries": ["nvidia/cudnn/lib"]}
    assert {**RECORD, "code": ".modelkiln/members/one", **place} == found["members"]["one"]
    assert {"members": {}, "steps": []} == found["members"]["two"]["ensemble"]
    listed = {"opt/venvs/a": {"requirements": [cuda]}, "opt/venvs/b": {"requirements": []}}
    assert listed == found["environments"]
