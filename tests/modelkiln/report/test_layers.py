"""Which layers follow from which inputs."""

from modelkiln.descriptor import Descriptor
from modelkiln.layer import Layer
from modelkiln.recipe import FILES, WHEELS, Recipe
from modelkiln.report.layers import layer_changes


def _layer(kind, title, content, recipe=None):
    descriptor = Descriptor.of("application/vnd.oci.image.layer.v1.tar", content)
    return Layer(kind, title, descriptor, descriptor.digest, len(content), recipe)


def _wheels(content, *wheels, **more):
    listed = [{"name": n, "version": v, "sha256": v, "filename": f"{n}-{v}-py3-none-any.whl"} for n, v in wheels]
    return _layer(
        "wheels", ", ".join(n for n, _ in wheels), content, Recipe.made_by(WHEELS, {"wheels": listed, **more})
    )


def _code(content, **files):
    listed = [{"path": path, "sha256": sha256, "size": 1} for path, sha256 in files.items()]
    return _layer("code", "code", content, Recipe.made_by(FILES, {"files": listed}))


def test_layers_are_compared_with_what_they_take_the_place_of():
    """Of several layers of wheels, the one that has the most in common; each is taken once."""
    before = [_wheels(b"1", ("numpy", "1")), _wheels(b"2", ("scipy", "1"), ("joblib", "1"))]
    after = [
        _wheels(b"3", ("scipy", "2"), ("joblib", "1")),
        _wheels(b"1", ("numpy", "1")),
        _wheels(b"4", ("onnx", "1")),
    ]
    found = layer_changes(before, after)
    assert ["changed", "same", "new"] == [one.change for one in found]
    assert before[1] == found[0].before
    assert ("scipy 1 is now 2",) == found[0].reasons


def test_reasons_name_every_input_that_differs():
    """Files, wheels and settings of a layer."""
    (code,) = layer_changes([_code(b"1", a="1", b="1")], [_code(b"2", a="2", c="1")])
    assert ("a changed", "b is gone", "c is new") == code.reasons
    old, new = _wheels(b"1", ("numpy", "1"), python="3.11"), _wheels(b"2", ("numpy", "1"), python="3.12")
    (wheels,) = layer_changes([old], [new])
    assert ("python '3.11' is now '3.12'",) == wheels.reasons


def test_equal_recipes_with_other_bytes_are_the_engines():
    """A new packer or compressor is the only thing left."""
    (found,) = layer_changes([_code(b"1", a="1")], [_code(b"2", a="1")])
    assert "the same inputs gave other bytes" in found.reasons[0]


def test_layers_without_recipes_have_titles_alone():
    """Pants makes the smallest from what the record says."""
    before = [_layer("venv", "virtual environment of Python 3.11", b"1"), _layer("record", "record", b"2")]
    after = [_layer("venv", "virtual environment of Python 3.12", b"3"), _layer("record", "record", b"4")]
    venv, record = layer_changes(before, after)
    assert ("virtual environment of Python 3.11 is now virtual environment of Python 3.12",) == venv.reasons
    assert ("the record lists what changed",) == record.reasons
