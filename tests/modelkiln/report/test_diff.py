"""`modelkiln diff` over layouts, PEX files, records and packages in a real registry."""

import http.client
import json
import zipfile

import pytest
from loopback.registries import registry, served
from samples.indexed import IndexedPackage
from samples.packages.described import Described
from samples.published import Package
from samples.random_image import make_image
from schemas import schema_problems

from modelkiln.cli.main import main
from modelkiln.conventions import RECORD_PATH
from modelkiln.package.record import recorded_digest


@pytest.fixture(scope="module")
def layouts(tmp_path_factory):
    """Two packages of one model, of which base, weights and wheels differ."""
    folder = tmp_path_factory.mktemp("layouts")
    return [str(make_image(folder / f"{seed}.oci", seed).path) for seed in (0, 1)]


def _diff(capsys, *arguments):
    assert 0 == main(["diff", *map(str, arguments)]), capsys.readouterr().err
    return capsys.readouterr().out


def _json(capsys, *arguments):
    found = json.loads(_diff(capsys, *arguments, "--json"))
    assert [] == schema_problems("difference", found)
    return found


def test_a_package_is_the_same_as_itself(layouts, capsys):
    """Nothing changed, and a registry would receive nothing."""
    found = _json(capsys, layouts[0], layouts[0])
    assert found["same"] and [] == found["variants"][0]["inputs"]
    assert 0 == found["transfer"]["bytes"] < found["transfer"]["reused_bytes"]
    assert "The packages are the same." in _diff(capsys, layouts[0], layouts[0])


def test_a_layout_alone_has_its_record_in_it(layouts, capsys):
    """Copies of a package have none next to them; artifacts, blobs and versions are compared as ever."""
    found = _json(capsys, *layouts)
    (variant,) = found["variants"]
    assert ["digits.bin"] == [one["name"] for one in variant["inputs"] if one["kind"] == "artifact"]
    assert {"raised": "none", "needed": "patch", "fits": False} == {
        key: variant["version"][key] for key in ("raised", "needed", "fits")
    }
    assert "what changed is a patch release" in _diff(capsys, *layouts)


def _pex(path, code, **more):
    record = {
        "name": "rain", "version": "1.0.0",
        "entry_point": "rain:predict", "code": [{"path": "rain.py", "sha256": code}],
        "signature": {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1]}], "outputs": []}, **more,
    }  # fmt: skip
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(RECORD_PATH, json.dumps({**record, "package_digest": recorded_digest(record)}))
        archive.writestr("rain.py", code)
    return path


def test_code_is_compared_by_lines(tmp_path, capsys):
    """Where both have it; a file of other lines alone is no reason to look elsewhere."""
    pexes = [_pex(tmp_path / f"rain{i}.pex", f"import numpy\nlevel = {i}\n") for i in (1, 2)]
    (variant,) = _json(capsys, *pexes)["variants"]
    assert (1, 1) == (variant["inputs"][0]["text"]["added"], variant["inputs"][0]["text"]["removed"])
    assert "~ rain.py  +1 -1\n" in _diff(capsys, *pexes)
    assert "    -level = 1\n    +level = 2\n" in _diff(capsys, *pexes, "--lines")


def test_code_of_a_packed_pex_is_compared_by_lines(tmp_path, capsys):
    """As that of a file; what a link leads out to is not read."""
    pexes = [tmp_path / "packed1", tmp_path / "packed2"]
    for level, folder in enumerate(pexes, 1):
        with zipfile.ZipFile(_pex(tmp_path / f"rain{level}.pex", f"import numpy\nlevel = {level}\n")) as archive:
            archive.extractall(folder)
        (folder / "PEX-INFO").write_text("{}")
    assert "    -level = 1\n    +level = 2\n" in _diff(capsys, *pexes, "--lines")
    (pexes[0] / "rain.py").rename(tmp_path / "secret.py")
    (pexes[0] / "rain.py").symlink_to(tmp_path / "secret.py")
    assert "level = 1" not in _diff(capsys, *pexes, "--lines")


def test_metrics_and_signature_have_a_verdict(tmp_path, capsys):
    """What people decide by: whether it became better, and whether callers break."""
    narrow = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [4]}], "outputs": []}
    old = _pex(tmp_path / "rain1.pex", "x", metadata={"metrics": {"auc": "0.91", "who": "Ada"}})
    new = _pex(
        tmp_path / "rain2.pex", "x", version="1.1.0", signature=narrow, metadata={"metrics": {"auc": 0.95, "who": "Bo"}}
    )
    text = _diff(capsys, old, new)
    assert "auc  0.91 -> 0.95  (+0.04)\n  who  Ada -> Bo\n" in text
    assert 'signature: breaks callers\n  input "x" has shape [4], had [-1]  (major)\n' in text
    assert "version: 1.0.0 -> 1.1.0, and what changed is a major release." in text


def test_variants_are_compared_with_their_namesakes(tmp_path, capsys):
    """An index of two, and a package that is one of them: the other is gone."""
    indexed = IndexedPackage(tmp_path)
    found = _json(capsys, indexed.layout, indexed.images[1].path)
    assert ["removed", "same"] == [one["change"] for one in found["variants"]]
    assert "cpu linux/amd64: removed" in _diff(capsys, indexed.layout, indexed.images[1].path)
    found = _json(capsys, indexed.images[0].path, indexed.layout)
    assert ["same", "new"] == [one["change"] for one in found["variants"]]


def test_what_is_not_a_package_is_refused(tmp_path, capsys):
    """A zip without a record, a JSON file of another kind, a path that is not there."""
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a", "b")
    (tmp_path / "other.json").write_text("[]")
    for name, message in (
        ("other.zip", "has no record"),
        ("other.json", "is not the record"),
        ("no", "does not exist"),
    ):
        assert 1 == main(["diff", str(tmp_path / name), str(tmp_path / name)])
        assert message in capsys.readouterr().err


def test_packages_in_a_registry_are_compared_without_their_layers(tmp_path, capsys):
    """Manifests, configs and records are read, each blob once; what publishing then sends is what was said."""
    packages = [Package(tmp_path / str(seed), seed) for seed in (0, 1)]
    asked = []
    with registry(tmp_path / "registry") as host, _watched(host, asked) as watched:
        packages[0].publish(host, tags=("1",), record=packages[0].record)
        sent = packages[1].publish(host, tags=("2",), record=packages[1].record)
        names = [f"{watched}/team/digits:{tag}" for tag in "12"]
        found = _json(capsys, *names, "--insecure", watched)
    assert (sent.sent, sent.sent_size) == (found["transfer"]["blobs"], found["transfer"]["bytes"])
    layers = {layer["digest"] for package in packages for layer in json.loads(package.made.image.manifest)["layers"]}
    blobs = [path.rpartition("/")[2] for path in asked if "/blobs/" in path]
    assert [] == [digest for digest in blobs if digest in layers]
    assert len(blobs) == len(set(blobs)) > 0


def _watched(target, asked):
    """A line to the registry `target` that keeps the paths that were asked for."""

    def answer(handler):
        asked.append(handler.path)
        line = http.client.HTTPConnection(target)
        line.request(handler.command, handler.path, headers={**handler.headers, "Host": target})
        response = line.getresponse()
        body = response.read()
        handler.send_response(response.status)
        for key, value in response.getheaders():
            handler.send_header(key, value)
        handler.end_headers()
        handler.wfile.write(body)
        line.close()

    return served(answer)


@pytest.mark.parametrize("metrics", ["high", {"auc": 10**400, "f1": "nan"}])
def test_metrics_that_are_not_numbers_are_compared_as_values(metrics, tmp_path, capsys):
    """Metadata may have anything: a text in place of metrics, numbers that have no end or are none."""
    package, path = Described(tmp_path / "rain"), tmp_path / "new.package.json"
    record = {**package.record, "metadata": {"metrics": metrics}, "formats": {}}
    path.write_text(json.dumps({**record, "package_digest": recorded_digest(record)}))
    out = _diff(capsys, package.record_path, path)
    assert "metrics" in out and ("high" if metrics == "high" else str(10**400)) in out


def test_a_record_with_the_digest_of_another_is_refused(tmp_path, capsys):
    """Two packages are the same by their digests, which a changed record keeps: it is compared with what it lists."""
    package, path = Described(tmp_path / "rain"), tmp_path / "new.package.json"
    path.write_text(json.dumps({**package.record, "name": "snow", "formats": {}}))
    assert 1 == main(["diff", str(package.record_path), str(path)])
    err = capsys.readouterr().err
    assert f"{path}: its record states package digest {package.record['package_digest']}, want sha256:" in err
