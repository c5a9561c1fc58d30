"""`modelkiln report`: the page, read as text and opened in a real browser."""

import json
import os
import re
import subprocess
import zipfile

import pytest
from browsing.browser import ask_page, axe_script
from browsing.devtools import open_tab
from loopback.registries import registry
from samples.packages.described import CODE, Described, two_environments
from samples.random_image import make_image
from samples.wheelhouse import make_wheel, pin

from modelkiln.cli.main import main
from modelkiln.conventions import RECORD_PATH
from modelkiln.image.blobs import Blobs
from modelkiln.image.contents import layout_contents
from modelkiln.image.layout import Layout
from modelkiln.machine.settings import INSECURE_REGISTRIES
from modelkiln.package.record import recorded_digest
from modelkiln.publication.blob_source import BlobSource
from modelkiln.publication.publish import Publication, publish_all
from modelkiln.registry.reference import parse_repository
from modelkiln.report.locks import lock_days
from modelkiln.report.page.index import read_records, render_index
from modelkiln.runtime.weights.progress import readable_size
from modelkiln.smoke.junit import junit_report
from modelkiln.store.store import Store


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A package with a base, wheels, code and weights."""
    return Described(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def later(tmp_path_factory):
    """The next version: other code, another wheel, a narrower signature, a better metric."""
    tensor = {"name": "clouds", "datatype": "FP32", "shape": [1, 4]}
    outputs = [{"name": "rain", "datatype": "FP32", "shape": [-1]}]
    return Described(
        tmp_path_factory.mktemp("later"),
        code={"rain/scale.py": b"def scale(x):\n    return 2 * x\n"},
        versions={"fastmath": "1.0"},
        version="1.0.1",
        signature={"inputs": [tensor], "outputs": outputs},
        metadata={"license": "MIT", "metrics": {"auc": "0.95"}},
    )


def _page(tmp_path, store, *packages):
    """The page of packages; what begins with dashes is an option."""
    path = tmp_path / "report.html"
    store.root.mkdir(exist_ok=True)
    assert 0 == main(["report", *map(str, packages), "-o", str(path), "--store", str(store.root)])
    return path.read_text("utf-8")


def test_the_page_says_what_the_package_is(package, tmp_path):
    """Card, metrics, signature, commands, why each wheel is in, licences, layers; text of others is only text."""
    page = _page(tmp_path, package.store, package.layout)
    for part in (
        "rain 1.0.0 cpu linux/amd64</h2>", "Ada &lt;script&gt;", "0.91", "any x 4", "modelkiln load", "libbase6 2.0",
        package.record["package_digest"], "rain/forecast.py:3 imports cloudlib; cloudlib 1.4 requires tinylib&gt;=1",
        "a dependency of the target, or needed by what the artifacts load", "rain.bin",
    ):  # fmt: skip
        assert part in page, part
    assert "<script>alert" not in page and "Ada <script>" not in page
    assert page == _page(tmp_path, package.store, package.layout)


def test_the_page_says_what_a_host_must_have(tmp_path):
    """Sizes, features of the processor, the accelerator's release, and what the package must not contain."""
    provided = [{"name": "tensorrt", "specifier": "<11,>=10.3", "modules": ["tensorrt"], "reason": "licensed"}]
    requires = {"memory": "8 GiB", "device_memory": "16 GiB", "cpu": ["avx2", "fma"]}
    variant = {"accelerator": "rocm7", "rocm": "7", "platform": "linux/amd64", "python": "3.11"}
    more = {"metadata": {"requires": requires}, "provided": provided, "variant": variant}
    package = Described(tmp_path / "package", **more)
    page = _page(tmp_path, package.store, package.layout)
    for word, value in (
        ("memory", "8 GiB"), ("memory of a GPU", "16 GiB"), ("CPU", "avx2, fma"), ("ROCm", "7"),
        ("to be provided", "tensorrt&lt;11,&gt;=10.3"),
    ):  # fmt: skip
        assert f"<dt>{word}</dt><dd>{value}</dd>" in page, word


@pytest.mark.parametrize("has_wheels", [True, False], ids=["store", "layers"])
def test_the_page_has_the_wheels_of_all_environments(tmp_path, has_wheels):
    """Of an ensemble each is shown with the members that run with it, and with the bytes of its own files."""
    ensemble = two_environments(tmp_path / "ensemble", has_wheels=has_wheels)
    page = _page(tmp_path, ensemble.store, ensemble.layout)
    rows = re.findall(r'<th scope="row">((?:cloudlib|tinylib|fastmath) [^<]*)</th><td>([^<]*)</td>', page)
    expected = [("cloudlib 0.9", "old"), ("cloudlib 1.4", "rain"), ("tinylib 0.1", "old"), ("tinylib 1.0", "rain")]
    assert [*expected, ("fastmath 0.9", "rain")] == sorted(rows, key=lambda row: (row[0].startswith("fast"), row[0]))
    assert ".modelkiln/members/old/scale.py:1 imports cloudlib" in page
    assert ">5: cloudlib, fastmath, gpulib, plugin, tinylib<" in page
    (row,) = re.findall(r'<tr><th scope="row">old</th>(.*?)</tr>', page)
    cells = ["old 1.0", "a process of its own", "/opt/venvs/0123456789ab", "1" * 12]
    assert cells == [re.sub("<[^>]*>", "", cell) for cell in re.findall("<td>(.*?)</td>", row)]
    (trees,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    layers = {part[0]: part for part in json.loads(trees)[0][3]}
    other = layers["wheels: cloudlib 0.9, tinylib 0.1"]
    assert {"cloudlib 0.9", "tinylib 0.1"} == {part[0] for part in other[3]}


def test_a_large_request_is_shortened(package, tmp_path):
    """A signature of more elements than there is memory for has a page, which says that its request is a part."""
    tensor = {"name": "clouds", "datatype": "FP32", "shape": [10**5, 10**5]}
    record = {**package.record, "signature": {"inputs": [tensor], "outputs": [tensor]}}
    path = tmp_path / "rain.package.json"
    path.write_text(json.dumps({**record, "formats": {}, "package_digest": recorded_digest(record)}))
    page = _page(tmp_path, package.store, path)
    assert "10000000000 elements" in page and len(page) < 1_000_000


def test_a_page_that_cannot_be_written_is_named(package, tmp_path, capsys):
    """By the name that was given, not that of a temporary file, with what to do; nothing is left."""
    output = tmp_path / ("x" * 250)
    assert 1 == main(["report", str(package.record_path), "-o", str(output)])
    assert f"{output}: cannot be written: File name too long. Make its folder writable" in capsys.readouterr().err
    assert not list(tmp_path.glob("*x*"))


def test_the_page_refers_to_nothing_outside(package, tmp_path):
    """No script, style, font or picture of another address: it works offline, and nobody learns who reads it."""
    page = _page(tmp_path, package.store, package.layout)
    assert [] == re.findall(r"""(?:src|href|url|action)\s*[=(]\s*["']?(?!#)[^"'\s>)]+""", page)
    assert [] == re.findall(r"https?://[^\s\"'<]*", page.replace("http://www.w3.org/2000/svg", ""))


def test_two_packages_are_compared(package, later, tmp_path):
    """Metrics side by side, layers that both have, and what changed."""
    page = _page(tmp_path, package.store, package.layout, later.layout)
    for part in ("What changed", "breaks callers", "1.0.0 to 1.0.1 should be a major release", "also in", "0.95"):
        assert part in page, part


def test_a_package_in_a_registry_has_the_page_of_its_record(package, tmp_path):
    """With commands that pull and verify it, and layers by their sizes; no layer is read."""
    with registry(tmp_path / "registry") as host:
        env, layout = {INSECURE_REGISTRIES: host}, Layout(package.layout)
        record = package.record_path.read_bytes()
        publication = Publication(layout_contents(layout), BlobSource(Blobs(layout), env), ("1",), record=record)
        publish_all([(publication, parse_repository(f"{host}/team/rain"))], env, package.store.root)
        page = _page(tmp_path, Store(tmp_path / "other"), f"{host}/team/rain:1", "--insecure", host)
    assert f"modelkiln pull {host}/team/rain:1 --package-digest {package.record['package_digest']}" in page
    assert "cloudlib 1.4" in page and "libbase6 2.0" in page and "base: Debian bookworm" in page


def test_a_folder_of_packages_has_an_index(tmp_path, capsys):
    """What each takes, what is its own, and which layers several have; a folder without any is refused."""
    first = Described(tmp_path / "dist/a")
    Described(tmp_path / "dist/b", code={"rain/scale.py": b"def scale(x):\n    return 2 * x\n"})
    page = _page(tmp_path, first.store, tmp_path / "dist")
    sizes = [layer["descriptor"]["size"] for layer in first.record["layers"]]
    own = [layer["descriptor"]["size"] for layer in first.record["layers"] if layer["kind"] in ("code", "record")]
    assert f"2 packages of {readable_size(2 * sum(sizes))}." in page
    assert f"{readable_size(sum(sizes) + sum(own))} in {len(sizes) + len(own)} layers" in page
    assert f">{readable_size(sum(own))}</td>" in page and "a/rain, b/rain" in page
    names = "return [...document.querySelectorAll('.list tbody th')].map(one => one.textContent)"
    assert {"shared", "a/rain", "b/rain"} == set(ask_page(page, names, tmp_path))
    (tmp_path / "empty").mkdir()
    assert 1 == main(["report", str(tmp_path / "empty"), "-o", str(tmp_path / "r.html")])
    assert "holds neither a layout nor records" in capsys.readouterr().err


def test_an_index_says_how_old_locks_are(tmp_path):
    """The day of the last commit of each, the oldest first; what was never committed comes last."""
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    for name, day in (("a.txt", "2026-05-02"), ("b.lock.json", "2025-01-03")):
        (tmp_path / name).write_text(name)
        commit = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", name]
        dates = {"GIT_COMMITTER_DATE": f"{day}T12:00:00Z", "GIT_AUTHOR_DATE": f"{day}T12:00:00Z"}
        for command in (["git", "init", "-q"], ["git", "add", name], commit):
            subprocess.run(command, cwd=tmp_path, env={**env, **dates}, check=True)
    days = lock_days(tmp_path, ["a.txt", "b.lock.json", "c.txt"], env)
    assert {"a.txt": "2026-05-02", "b.lock.json": "2025-01-03", "c.txt": ""} == days
    records = read_records(Described(tmp_path / "dist").record_path.parent)
    page = render_index(records, {"rain": days})
    places = [page.index(part) for part in ("Locks, the oldest first", "2025-01-03", "2026-05-02", "not committed")]
    assert sorted(places) == places


def test_the_map_can_be_used(package, tmp_path):
    """With a mouse and with a keyboard: into a layer and back, by bytes unpacked and packed; nothing is refused."""
    question = """
        const names = () => [...document.querySelectorAll('.list tbody th')].map(one => one.textContent);
        const first = names(), boxes = document.querySelectorAll('.map rect.tile').length;
        document.querySelector('.choice input[value="2"]').click();
        const packed = names();
        const wheels = [...document.querySelectorAll('.list button')].find(one => one.textContent.includes('fastmath'));
        wheels.click();
        const inside = names(), focused = document.activeElement.textContent;
        const rect = document.querySelector('.map rect.leaf');
        rect.dispatchEvent(new PointerEvent('pointerover', { bubbles: true }));
        const hover = document.querySelector('.hover').textContent;
        document.querySelector('.path button').click();
        return { first, boxes, packed, inside, focused, hover, back: names() };
    """
    found = ask_page(_page(tmp_path, package.store, package.layout), question, tmp_path)
    assert 6 <= found["boxes"] <= len(found["first"])
    assert sorted(found["first"]) == sorted(found["packed"]) == sorted(found["back"])
    assert {"fastmath 0.9", "gpulib 3.0", "plugin 2.0", "tinylib 1.0"} == set(found["inside"])
    assert "fastmath" in found["focused"] and " unpacked, " in found["hover"]


def test_a_mouse_over_the_map_shows_what_is_there(package, tmp_path):
    """Of a layer its name and bytes, in a line that moves nothing else."""
    path = tmp_path / "report.html"
    _page(tmp_path, package.store, package.layout)
    with open_tab(tmp_path) as tab:
        tab.open(path)
        places = "['.map', '.list'].map(name => document.querySelector(name).getBoundingClientRect().y)"
        tab.ask("document.querySelector('.map').scrollIntoView({behavior: 'instant'})")
        before = tab.ask(places)
        tab.move(40, before[0] + 60)
        shown = tab.ask("""new Promise(resolve => {
            const line = document.querySelector('.hover'), done = () => line.textContent && resolve(line.textContent);
            new MutationObserver(done).observe(line, { childList: true });
            setTimeout(resolve, 60000, "");
            done();
        })""")
        assert "unpacked" in shown and before == tab.ask(places)


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_keeps_people_from_reading_it(dark, package, later, tmp_path):
    """axe-core finds no fault with contrast, names, roles and the order of headings, in light and in dark."""
    question = """
        const found = await axe.run(document, { resultTypes: ['violations'] });
        const faults = found.violations.flatMap(one => one.nodes.map(node => one.id + ': ' + node.html));
        return { faults, dark: matchMedia('(prefers-color-scheme: dark)').matches };
    """
    (tmp_path / "smoke.xml").write_bytes(
        junit_report("rain:smoke", package.record["package_digest"], 0, "passed in 1.2 s", "")
    )
    found = {"vulnerability": {"id": "CVE-1", "severity": "High"}}
    found["artifact"] = {"name": "fastmath", "version": "0.9", "type": "python"}
    (tmp_path / "scan.json").write_text(json.dumps({"matches": [found]}))
    options = f"--test-results={tmp_path / 'smoke.xml'}", f"--vulnerabilities={tmp_path / 'scan.json'}"
    page = _page(tmp_path, package.store, package.layout, later.layout, *options)
    assert "Smoke tests" in page and "went: CVE-1" in page
    assert {"faults": [], "dark": dark} == ask_page(page, question, tmp_path, dark, [axe_script()])


def test_a_package_of_many_files_is_a_small_page(tmp_path, package):
    """12,000 files of a wheel, in a PEX: the page has them all, in less than 1.5 MB."""
    files = {f"big/part{i // 100:03}/module_with_a_name_{i:05}.py": b"" if i % 7 else b"x" * i for i in range(12000)}
    data = make_wheel("big", "1.0", files)
    path = tmp_path / "rain.pex"
    with zipfile.ZipFile(path, "w") as archive:
        wheel = {**pin(data, "big", "1.0"), "size": len(data), "unpacked_size": sum(map(len, files.values()))}
        record = {**package.record, "requirements": [wheel], "layers": [], "formats": {}}
        archive.writestr(RECORD_PATH, json.dumps({**record, "package_digest": recorded_digest(record)}))
        archive.writestr(f".deps/{wheel['filename']}", data)
        for name, text in CODE.items():
            archive.writestr(name, text)
    page = _page(tmp_path, package.store, path)
    assert 12000 <= page.count("module_with_a_name_")
    assert len(page) < 1_500_000
    assert f"{tmp_path}/rain.pex predict request.json" in page


def test_a_page_of_a_packed_pex_says_what_starts_it(tmp_path, package):
    """The script in the folder, also where its record was named."""
    pex, record = tmp_path / "rain.pex", {**package.record, "layers": [], "formats": {"pex": {"path": "rain.pex"}}}
    (pex / RECORD_PATH).parent.mkdir(parents=True)
    (pex / "PEX-INFO").write_text("{}")
    (pex / RECORD_PATH).write_text(json.dumps(record))
    beside = tmp_path / "rain.package.json"
    beside.write_text(json.dumps(record))
    for named in (pex, beside):
        assert f"{pex}/pex predict request.json" in _page(tmp_path, package.store, named)


def test_a_page_is_whole_or_not_there(tmp_path, capsys):
    """A place that cannot be written to is refused before anything is there; layouts of others have no record."""
    layout = make_image(tmp_path / "digits.oci").path
    assert 1 == main(["report", str(layout), "-o", str(tmp_path / "no/report.html")])
    assert "want the path of a file in a folder that is there" in capsys.readouterr().err
    assert 1 == main(["report", str(tmp_path / "no.oci"), "-o", str(tmp_path / "report.html")])
    assert [] == list(tmp_path.glob("*.html"))
