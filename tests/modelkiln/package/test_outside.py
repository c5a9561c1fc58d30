"""Records that others wrote."""

import json
import os

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.package.outside import load_record, read_record

_DIGEST = "sha256:" + "0" * 64
_LAYER = {
    "kind": "code", "title": "code", "diff_id": _DIGEST, "unpacked_size": 1, "recipe": "",
    "descriptor": {"mediaType": "a/b", "digest": _DIGEST, "size": 1},
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"package_digest": None}, "it lacks 'package_digest'"),
        ({"package_digest": "; rm -rf ."}, "package_digest '; rm -rf .' is not a digest"),
        ({"artifacts": [None]}, "artifacts[0] None is not an object"),
        ({"artifacts": [{"path": "x", "size": "many"}]}, "artifacts[0].size 'many' is not a number of bytes"),
        ({"base": "x"}, "base 'x' is not an object"),
        ({"image": [1]}, "image [1] is not an object"),
        ({"metadata": [1]}, "metadata [1] is not an object"),
        ({"layers": "x"}, "layers 'x' is not a list"),
        ({"layers": [{**_LAYER, "recipe": "x"}]}, "layers[0].recipe: Expecting value"),
        ({"layers": [{**_LAYER, "recipe": '{"files": [7]}'}]}, "layers[0].recipe.files[0] 7 is not an object"),
        ({"requirements": [1, 2]}, "requirements[0] 1 is not an object"),
        ({"signature": {"inputs": 7}}, "signature.inputs 7 is not a list"),
        ({"variant": 7}, "variant 7 is not an object"),
        ({"version": 3}, "version 3 is not a text"),
        ({"variants": [7]}, "variants[0] 7 is not an object"),
        ({"variants": [{}]}, "variants[0] lacks 'package_digest'"),
    ],
)
def test_a_value_of_another_kind_is_refused(changed, problem):
    """In one sentence that names the file and the place in it."""
    record = {"package_digest": _DIGEST, "layers": [_LAYER], "of a later release": {}}
    assert record == read_record(json.dumps(record).encode(), "here")
    with pytest.raises(ModelkilnError) as raised:
        read_record(json.dumps({**record, **changed}).encode(), "here")
    assert str(raised.value).startswith(f"here: is not the record of a package: {problem}")
    assert str(raised.value).endswith("Name a package, or its NAME.package.json.")


def test_a_record_is_a_file(tmp_path):
    """A pipe is not waited for; what is not there is said in a sentence."""
    os.mkfifo(tmp_path / "pipe.json")
    for name, problem in (("pipe.json", "it is not a regular file"), ("none.json", "No such file or directory")):
        with pytest.raises(ModelkilnError, match=f"{name}: is not the record of a package: {problem}"):
            load_record(tmp_path / name)
