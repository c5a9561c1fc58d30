"""Locks are for what packages run on, whatever machine compiles them."""

import json
import os

import pytest
from on_mac import run_on_a_mac
from samples.wheelhouse import make_wheel, offline_store, pin

from modelkiln.machine.settings import save_machine_env
from modelkiln.manifest.lock import lock_lines
from modelkiln.manifest.pip_tools import PipTools
from modelkiln.manifest.programs import compile_lock
from modelkiln.wheels.platforms import Target

_NEEDS = [
    "linux-only; sys_platform == 'linux' and platform_system == 'Linux'",
    "arm-only; platform_machine == 'aarch64'",
    "intel-only; platform_machine == 'x86_64'",
    "mac-only; sys_platform == 'darwin' or platform_machine == 'arm64'",
    "new-kernel; platform_release >= '2'",
]
# Wheels of one platform: packages for another have none of theirs.
_TAGS = {"linux/amd64": "cp311-cp311-manylinux_2_17_x86_64", "linux/arm64": "cp311-cp311-manylinux_2_17_aarch64"}
# Modules of pip's, in so far as `compile_for` uses them.
_SEEN = """\
import json, sys
from pip._internal.utils.compatibility_tags import get_supported
from pip._vendor.packaging import markers, tags
sys.path.insert(0, sys.argv[1])
import compile_lock
compile_lock.compile_for(json.loads(sys.argv[2]), markers, tags)
print(json.dumps([markers.default_environment(), [str(tag) for tag in get_supported()]]))
"""


@pytest.mark.parametrize(("platform", "own"), [("linux/amd64", "intel-only"), ("linux/arm64", "arm-only")])
def test_a_lock_has_what_the_target_needs(tmp_path, platform, own):
    """One of the two is another platform than this machine's, for markers and for wheels."""
    names = [need.partition(";")[0] for need in _NEEDS]
    made = [("demo", _NEEDS, _TAGS[platform]), *((name, [], "py3-none-any") for name in names)]
    wheels = [(name, make_wheel(name, requires=needs, tag=tag), tag) for name, needs, tag in made]
    store = offline_store(tmp_path, [(pin(data, name, tag=tag), data) for name, data, tag in wheels])
    indexes = json.dumps({"find_links": {"cpu": [(tmp_path / "links").as_uri()]}})
    save_machine_env(store.root, {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "MODELKILN_INDEXES": indexes})
    (tmp_path / "cpu.in").write_text("demo\n")
    target = Target("3.11", platform, "2.39")
    PipTools(tmp_path, "cpu", target, store).lock(["cpu.in"], "cpu.txt")
    lines = lock_lines((tmp_path / "cpu.txt").read_text(), "cpu.txt", target.marker_environment())
    assert sorted(["demo", "linux-only", own]) == sorted(line.partition("==")[0] for line in lines)


def test_pip_on_a_mac_sees_linux():
    """Its markers, and tags of wheels that run there, none of macOS."""
    target = {
        "markers": {"sys_platform": "linux", "platform_machine": "x86_64"},
        "platforms": ["manylinux_2_17_x86_64"],
    }
    programs = os.path.dirname(compile_lock.__file__)
    environment, tags = json.loads(run_on_a_mac(_SEEN, programs, json.dumps(target)))
    assert ("linux", "x86_64") == (environment["sys_platform"], environment["platform_machine"])
    assert {"manylinux_2_17_x86_64", "any"} == {tag.split("-")[2] for tag in tags}
