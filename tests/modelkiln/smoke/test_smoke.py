"""Smoke tests of packaged models."""

import json
import re
import shutil
import sys

import pytest
from components import require
from samples.rawtar import entry, raw_layer

from modelkiln.canonical import canonical_json
from modelkiln.cli.main import main
from modelkiln.descriptor import CONFIG, MANIFEST, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.image.layout import layout_files
from modelkiln.layer import Layer
from modelkiln.machine.sandbox import can_run, run_command
from modelkiln.smoke.comparison import Tolerance
from modelkiln.smoke.plan import SmokePlan
from modelkiln.smoke.smoke_test import NOT_RUN, NotRun, read_smoke, record_smoke, replaced, run_smoke
from modelkiln.store.store import Store

REQUEST = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [0.1, 0, 2, 3]}]}
EXPECTED = {"outputs": [{"name": "y", "datatype": "FP32", "shape": [2], "data": [0.2, 10]}]}


def write(folder, request=REQUEST, expected=EXPECTED):
    """Write both files and return their paths."""
    paths = folder / "request.json", folder / "response.json"
    for path, value in zip(paths, (request, expected)):
        path.write_text(json.dumps(value))
    return paths


def runner_of(package):
    """Run a package that lies on disk."""
    argv = [sys.executable, "-B", "-m", "modelkiln.runtime", "predict", "-"]
    env = {"PYTHONPATH": str(package.root)}
    return lambda request, timeout: run_command(argv, env, request, timeout, package.root)


def test_a_package_passes(make_package, tmp_path):
    """One line reports the time and the outputs."""
    package = make_package()
    smoke = read_smoke(package.record, *write(tmp_path))
    text = run_smoke(smoke, runner_of(package), 60)
    assert text.startswith("passed in ") and text.endswith(" s: y FP32 [2]")


def test_another_response_fails_with_the_difference(make_package, tmp_path):
    """The message shows the elements; a tolerance lets them pass."""
    package = make_package()
    expected = {"outputs": [{**EXPECTED["outputs"][0], "data": [0.2, 10.5]}]}
    paths = write(tmp_path, expected=expected)
    with pytest.raises(ModelkilnError, match=r"(?s)not the expected one.*\[1\]: got 10.*, want 10.5"):
        run_smoke(read_smoke(package.record, *paths), runner_of(package), 60)
    assert "passed" in run_smoke(read_smoke(package.record, *paths, Tolerance(0.1)), runner_of(package), 60)


def test_a_package_that_fails_shows_what_it_printed(make_package, tmp_path):
    """The user's traceback is part of the message."""
    package = make_package("def predict(inputs, model):\n    raise ValueError('bad weights')\n")
    with pytest.raises(ModelkilnError, match="(?s)ended with exit code 1.*ValueError: bad weights"):
        run_smoke(read_smoke(package.record, *write(tmp_path)), runner_of(package), 60)


def test_a_package_that_this_machine_cannot_run_is_not_run(make_package, tmp_path):
    """What the host lacks is reported as that, and not as a failure."""
    provided = {"name": "acme-rt", "specifier": ">=1", "modules": ["acme_rt"], "reason": "License."}
    package = make_package(provided=[provided])
    with pytest.raises(NotRun, match=r"^predict: sums 1.2.0: acme-rt>=1 is a provided requirement, and is not inst"):
        run_smoke(read_smoke(package.record, *write(tmp_path)), runner_of(package), 60)


def test_a_script_that_ends_with_the_code_of_a_host_fails(make_package, tmp_path):
    """That a host lacks something is reported in words."""
    package = make_package("import os\ndef predict(inputs, model):\n    os.write(2, b'no')\n    os._exit(3)\n")
    with pytest.raises(ModelkilnError, match="(?s)^predict ended with exit code 3.*no$") as caught:
        run_smoke(read_smoke(package.record, *write(tmp_path)), runner_of(package), 60)
    assert not isinstance(caught.value, NotRun)


def test_a_package_that_is_killed_is_reported(make_package, tmp_path):
    """A signal is named."""
    package = make_package("import os\ndef predict(inputs, model):\n    os.kill(os.getpid(), 9)\n")
    with pytest.raises(ModelkilnError, match="was ended by SIGKILL"):
        run_smoke(read_smoke(package.record, *write(tmp_path)), runner_of(package), 60)


def test_outputs_that_were_not_asked_for_are_not_expected(make_package, tmp_path):
    """The request's own list of outputs limits what is compared."""
    signature = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
        "outputs": [{"name": name, "datatype": "FP32", "shape": [-1]} for name in ("y", "z")],
    }
    package = make_package("def predict(i, m): return {'y': i['x'].sum(1) * 2, 'z': i['x'][0]}", signature)
    paths = write(tmp_path, request={**REQUEST, "outputs": [{"name": "y"}]})
    assert "passed" in run_smoke(read_smoke(package.record, *paths), runner_of(package), 60)


@pytest.mark.parametrize(
    ("request_value", "expected", "message"),
    [
        ({"inputs": []}, EXPECTED, 'request.json: disagrees .* input "x" is missing'),
        (REQUEST, {"outputs": []}, 'response.json: disagrees .* output "y" is missing'),
        (REQUEST, {}, 'response.json: has no "outputs"'),
        ([], EXPECTED, "request.json: a request or response is a JSON object, this is a list"),
    ],
)
def test_files_that_break_the_signature_are_refused(make_package, tmp_path, request_value, expected, message):
    """The files are checked before anything is run."""
    with pytest.raises(ModelkilnError, match=message):
        read_smoke(make_package().record, *write(tmp_path, request_value, expected))


def test_a_response_is_recorded_and_passes_from_then_on(make_package, tmp_path):
    """It is a file of one output a line, and what differs from the one before is shown."""
    package = make_package()
    request, before = write(tmp_path, expected={"outputs": [{**EXPECTED["outputs"][0], "data": [0.2, 10.5]}]})
    smoke, response = read_smoke(package.record, request, None), tmp_path / "recorded.json"
    assert record_smoke(smoke, runner_of(package), 60, response).startswith("recorded in ")
    shown = replaced(package.record, before.read_bytes(), response.read_bytes(), "before.json")
    assert 1 == len(shown) and "[1]: got 10.0, want 10.5, off by 0.5" in shown[0]
    assert [] == replaced(package.record, response.read_bytes(), response.read_bytes(), "before.json")
    assert 3 == len(response.read_text().splitlines())
    assert "passed" in run_smoke(read_smoke(package.record, request, response), runner_of(package), 60)


def test_what_was_no_response_is_said_to_be_none(make_package, tmp_path):
    """Somebody's file may be anything; it is replaced all the same."""
    package = make_package()
    request, response = write(tmp_path)[0], tmp_path / "recorded.json"
    text = record_smoke(read_smoke(package.record, request, None), runner_of(package), 60, response)
    assert re.fullmatch(r"recorded in [0-9.]+ s: y FP32 \[2\]", text)
    assert json.loads(response.read_text())["outputs"][0]["data"] == pytest.approx([0.2, 10])
    (shown,) = replaced(package.record, b"{", response.read_bytes(), "before.json")
    assert re.match("What it replaces was no response of this package: before.json: .*not JSON", shown)


def smoke_arguments(made, folder, paths, **more):
    """The command line of a smoke test, whose plan is in `folder` next to the store."""
    record = made.root / ".modelkiln" / "record.json"
    plan = SmokePlan(record=str(record), request=str(paths[0]), expected=str(paths[1]), **more)
    (folder / "plan.json").write_bytes(canonical_json(plan.to_json()))
    return ["build", "smoke", str(folder / "plan.json"), f"--store={folder / 'store'}"]


def test_a_pex_is_run_by_its_interpreter(make_package, tmp_path, capsys):
    """A folder with __main__.py stands for the PEX: it is started the same way."""
    package = make_package()
    (package.root / "__main__.py").write_text("from modelkiln.runtime.cli import main\nraise SystemExit(main())\n")
    arguments = smoke_arguments(
        package, tmp_path, write(tmp_path), format="pex", package=str(package.root), python=sys.executable
    )
    assert (0, "passed") == (main(arguments), capsys.readouterr().out[:6])
    write(tmp_path, expected={"outputs": [{**EXPECTED["outputs"][0], "data": [0, 0]}]})
    assert 1 == main(arguments)
    assert "2 of 2 elements differ" in capsys.readouterr().err


def test_what_the_host_provides_is_given_or_the_test_is_not_run(make_package, tmp_path, capsys):
    """Without the folder the line begins with `skipped:`, and the code is not that of a failure."""
    provided = {"name": "acme-rt", "specifier": "", "modules": ["acme_rt"], "reason": "License."}
    package = make_package(provided=[provided])
    (package.root / "__main__.py").write_text("from modelkiln.runtime.cli import main\nraise SystemExit(main())\n")
    more = {"format": "pex", "package": str(package.root), "python": sys.executable}
    assert NOT_RUN == main(smoke_arguments(package, tmp_path, write(tmp_path), **more))
    assert "skipped: predict: sums 1.2.0: acme-rt is a provided requirement" in capsys.readouterr().out
    info = tmp_path / "provided/acme_rt-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-rt\nVersion: 1.0\n")
    (info.parent / "acme_rt.py").write_text("")
    more["provided"] = str(info.parent)
    assert 0 == main(smoke_arguments(package, tmp_path, write(tmp_path), **more))


@pytest.fixture
def image(tmp_path):
    """An image whose entrypoint answers with a file of its own; its second layer is in the store."""
    require("bwrap")
    busybox = require("busybox")
    if can_run():
        pytest.skip(can_run())
    script = b'#!/bin/busybox sh\n[ "$3" = predict ] && exec /bin/busybox cat /answer\necho "$GREETING" "$@"; exit 5\n'
    with open(busybox, "rb") as program:
        base = raw_layer(tmp_path, entry("bin/busybox", program.read(), mode=0o755), compression="zstd")
    answer = raw_layer(tmp_path, entry("answer", json.dumps(EXPECTED).encode()), entry("run", script, mode=0o755))
    config = canonical_json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": ["/run", "-m", "modelkiln.runtime"], "Env": ["GREETING=hello"]},
            "rootfs": {"type": "layers", "diff_ids": [base.diff_id, answer.diff_id]},
        }
    )
    layers = [base.descriptor.to_json(), answer.descriptor.to_json()]
    config_descriptor = Descriptor.of(CONFIG, config).to_json()
    manifest = canonical_json(
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": config_descriptor, "layers": layers}
    )
    blobs = {Descriptor.of("a/b", data).digest: data for data in (config, manifest, base.open().read())}
    for name, data in layout_files(Descriptor.of(MANIFEST, manifest), blobs, {}).items():
        path = tmp_path / "image" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    Store(tmp_path / "store").add_bytes(answer.open().read())
    layer = Layer("weights", "answer", answer.descriptor, answer.diff_id, 0)
    return {"format": "oci", "package": str(tmp_path / "image"), "layers": (layer,)}


def test_an_image_is_unpacked_and_run(image, make_package, tmp_path, capsys):
    """A layer that the layout lacks comes from the store, and no root is left behind."""
    assert 0 == main(smoke_arguments(make_package(), tmp_path, write(tmp_path), **image))
    assert "passed" == capsys.readouterr().out[:6]
    assert [] == list((tmp_path / "store" / "roots").iterdir())


@pytest.mark.parametrize(
    ("variant", "said"),
    [
        (
            {"rocm": "7"},
            "not run: what ROCm 7 computes, since images are tested without AMD GPUs; the fallback answered.",
        ),
        ({"tpu": True}, "not run: what a TPU computes, since images are tested without TPUs; the fallback answered."),
    ],
)
def test_the_result_says_what_no_device_computed(image, make_package, tmp_path, capsys, variant, said):
    """An image passes by its fallback, and people read so."""
    assert 0 == main(smoke_arguments(make_package(variant=variant), tmp_path, write(tmp_path), **image))
    assert said == capsys.readouterr().out.splitlines()[-1]


def test_a_layer_that_is_nowhere_is_reported(image, make_package, tmp_path, capsys):
    """The message names the blob and the remedy."""
    shutil.rmtree(tmp_path / "store")
    assert 1 == main(smoke_arguments(make_package(), tmp_path, write(tmp_path), **image))
    assert "answer: blob sha256:" in capsys.readouterr().err
