"""Environments: a lock's wheels for a target, and those that a package needs."""

import socket

import pytest
from samples.wheelhouse import make_placeholder, make_wheel, offline_store, pin
from samples.wheels.sdists import make_sdist, sdist_pin

from modelkiln.builds.wheel import provide_wheels
from modelkiln.errors import ModelkilnError
from modelkiln.machine.settings import load_machine_env, save_machine_env
from modelkiln.manifest.closure import closure
from modelkiln.manifest.resolution import resolve_lock
from modelkiln.manifest.wheels import wheel_digest
from modelkiln.wheels.platforms import Target

TARGET = Target("3.11", "linux/amd64", "2.36")


def _resolved(*wheels):
    full = [
        {"filename": f"{wheel['name']}.whl", "sha256": "0", "version": "1.0", "requires": [], "problem": None, **wheel}
        for wheel in wheels
    ]
    return {"lock": "cpu.txt", "python": "3.11", "platform": "linux/amd64", "glibc": "2.36", "wheels": full}


def _names(resolved, *roots):
    return [wheel.name for wheel in closure(resolved, roots)]


def _lock(*wheels):
    return "".join(f"{wheel['name']}=={wheel['version']} --hash={wheel_digest(wheel)}\n" for wheel in wheels)


def test_closure_follows_requirements_and_nothing_else():
    """A package gets what it needs, in the order of names, and no more of the lock."""
    resolved = _resolved(
        {"name": "b", "requires": ["C>=1", "a"]}, {"name": "c"}, {"name": "a", "requires": ["b"]}, {"name": "d"}
    )
    assert ["a", "b", "c"] == _names(resolved, "A")
    assert [] == _names(resolved)


def test_projects_of_the_repository_are_no_wheels():
    """A target that depends on a workspace's requirements names its members, too; their code comes otherwise."""
    resolved = {**_resolved({"name": "a", "requires": ["shop-api"]}), "own": ["shop-api"]}
    assert ["a"] == _names(resolved, "Shop.API", "a")


@pytest.mark.parametrize("has_sdist", [True, False])
def test_a_wheel_whose_hash_is_not_locked_is_reported_as_such(tmp_path, has_sdist):
    """An index has it, which is another fault than a version without wheels; the answer is remembered."""
    wheel, sdist = make_wheel("tiny"), make_sdist("tiny")
    store = offline_store(tmp_path, [(pin(wheel, "tiny"), wheel), (sdist_pin(sdist, "tiny"), sdist)])
    locked = sdist_pin(sdist, "tiny")["sha256"] if has_sdist else "0" * 64
    for _ in range(2):
        resolved = resolve_lock(f"tiny==1.0 --hash=sha256:{locked}\n", TARGET, store)
        if has_sdist:
            (found,) = closure(resolved, ["tiny"])
            assert (True, True) == (found.is_sdist, found.has_other_wheels)
            assert "has_other_wheels" not in found.to_json()
        else:
            with pytest.raises(ModelkilnError, match="files of this version that fit, and none has a hash that is in"):
                closure(resolved, ["tiny"])


def test_an_sdist_of_a_version_without_wheels_is_no_such_fault(tmp_path):
    """There is nothing else to take."""
    sdist = make_sdist("tiny")
    store = offline_store(tmp_path, [(sdist_pin(sdist, "tiny"), sdist)])
    lock = f"tiny==1.0 --hash=sha256:{sdist_pin(sdist, 'tiny')['sha256']}\n"
    (found,) = closure(resolve_lock(lock, TARGET, store), ["tiny"])
    assert (True, False) == (found.is_sdist, found.has_other_wheels)


def test_what_a_lock_lacks_is_added_by_the_tool_that_wrote_it():
    """Its command is named where it is known."""
    with pytest.raises(ModelkilnError, match="b is not in the lock .* and lock it again: uv export --frozen.$"):
        closure(_resolved({"name": "a"}), ["b"], remedy="uv export --frozen")


def test_a_lock_of_a_workspace_names_its_projects(tmp_path):
    """No index is asked for them."""
    lock = """version = 1
requires-python = ">=3.11"
[manifest]
members = ["shop-api"]
[[package]]
name = "shop-api"
version = "0"
source = { editable = "api" }
"""
    found = resolve_lock(lock, TARGET, offline_store(tmp_path), "uv.lock")
    assert (["shop-api"], []) == (found["own"], found["wheels"])


def test_closure_evaluates_markers_for_the_target():
    """The Python that runs the tool does not matter."""
    wanted = ['c; sys_platform == "linux"', 'd; python_version < "3.11"', 'd; os_name == "nt"']
    resolved = _resolved({"name": "b", "requires": wanted}, {"name": "c"}, {"name": "d"})
    assert ["b", "c"] == _names(resolved, "b", 'd; platform_machine == "aarch64"')


def test_closure_knows_who_needs_a_wheel():
    """Other wheels by their names, and the package itself by none; an extra counts for who has it."""
    resolved = _resolved(
        {"name": "a", "requires": ["c", 'd; extra == "more"']},
        {"name": "b", "requires": ["a[more]"]},
        {"name": "c"},
        {"name": "d"},
    )
    found = {wheel.name: wheel.needed_by for wheel in closure(resolved, ["b", "c"])}
    assert {"a": ("b",), "b": ("",), "c": ("", "a"), "d": ("a",)} == found


def test_closure_follows_extras_in_any_spelling():
    """Extras count when they are asked for, also from one another and after a first visit."""
    resolved = _resolved(
        {"name": "b", "requires": ['c; extra == "Fast_Path"', 'b[fast.path]; extra == "all"']},
        {"name": "c"},
        {"name": "d", "requires": ["b[all]"]},
    )
    assert ["b"] == _names(resolved, "b")
    assert ["b", "c"] == _names(resolved, "b[fast-path]")
    assert ["b", "c", "d"] == _names(resolved, "b", "d")


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("nope", r"nope is not in the lock cpu.txt for linux/amd64.*\.in file"),
        ("b", "nope, which b needs, is not in the lock"),
        ("c>=2", "c>=2 excludes c 1.0, which the lock cpu.txt has"),
        ("d", "d 1.0 has no wheel for linux/amd64, CPython 3.11, glibc 2.36.*no luck"),
        ("e", "d 1.0, which e needs, has no wheel"),
        ("c @ file:///x", "names a URL"),
        ("!", "is not a requirement"),
    ],
)
def test_closure_reports_what_is_missing(root, message):
    """Who needs it, what the lock has, and what to do."""
    resolved = _resolved(
        {"name": "b", "requires": ["nope"]},
        {"name": "c"},
        {"name": "d", "problem": "no luck"},
        {"name": "e", "requires": ["d"]},
    )
    with pytest.raises(ModelkilnError, match=message):
        closure(resolved, [root])


def test_what_is_left_out_goes_with_what_it_alone_needs():
    """A provided requirement is not followed, at the root or below, and need not be in the lock."""
    wheels = [
        {"name": "a", "requires": ["Acme.RT>=2", "b"]},
        {"name": "acme-rt", "requires": ["b", "acme-libs"]},
        {"name": "acme-libs"},
        {"name": "b"},
    ]
    for kept in (wheels, [wheel for wheel in wheels if "acme" not in wheel["name"]]):
        found = closure(_resolved(*kept), ["a", "acme_rt[x]"], ["acme-rt"])
        assert ["a", "b"] == [wheel.name for wheel in found]


def test_resolve_chooses_the_best_wheel_for_the_target(tmp_path):
    """Of several wheels the one for the target's Python and C library is taken, with its metadata."""
    tags = ["cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-manylinux_2_39_x86_64", "py3-none-any"]
    tags.append("cp311-cp311-manylinux_2_28_aarch64")
    data = [make_wheel(tag=tag, requires=["six; extra == 'x'"]) for tag in tags]
    built = [(pin(wheel, tag=tag), wheel) for wheel, tag in zip(data, tags)]
    store = offline_store(tmp_path, built)
    lock = "demo==1.0" + "".join(f" --hash={wheel_digest(wheel)}" for wheel, _ in built)
    expected = {**built[0][0], "requires": ['six; extra == "x"'], "problem": None}
    resolved = resolve_lock(lock, TARGET, store, "cpu.txt")
    (wheel,) = resolved["wheels"]
    assert expected == {**wheel, "requires": [text.replace("'", '"') for text in wheel["requires"]]}
    assert built[3][0]["filename"] == (
        resolve_lock(lock, Target("3.11", "linux/arm64", "2.36"), store)["wheels"][0]["filename"]
    )


def test_a_lock_that_was_resolved_before_asks_no_index(tmp_path):
    """The answer is the same without a network, in any store that has it, and only new pins are asked for."""
    data = {name: make_wheel(name, requires=["six"]) for name in ("one", "two")}
    pins = [pin(wheel, name) for name, wheel in data.items()]
    store = offline_store(tmp_path, zip(pins, data.values()))
    first = resolve_lock(_lock(*pins), TARGET, store, "cpu.txt")
    (tmp_path / "links" / pins[0]["filename"]).unlink()
    assert first == resolve_lock(_lock(*pins), TARGET, store, "cpu.txt")
    assert first["wheels"][:1] == resolve_lock(_lock(pins[0]), TARGET, store)["wheels"]
    # Another target is another question, and so is another set of files that may serve.
    assert resolve_lock(_lock(pins[0]), Target("3.12", "linux/amd64", "2.36"), store)["wheels"][0]["problem"]
    more = _lock(pins[0]).strip() + f" --hash=sha256:{'0' * 64}"
    assert resolve_lock(more, TARGET, store)["wheels"][0]["problem"]


def test_a_wheel_that_an_index_lacked_is_asked_for_again(tmp_path):
    """Only good answers are kept, and a damaged one counts for nothing."""
    data = make_wheel()
    store = offline_store(tmp_path)
    assert resolve_lock(_lock(pin(data)), TARGET, store)["wheels"][0]["problem"]
    (tmp_path / "links" / pin(data)["filename"]).write_bytes(data)
    expected = resolve_lock(_lock(pin(data)), TARGET, store)
    assert expected["wheels"][0]["problem"] is None
    for text in ("", '{"name"', "[]", '{"sha256": "0"}'):
        for path in (store.root / "choices").iterdir():
            path.write_text(text)
        assert expected == resolve_lock(_lock(pin(data)), TARGET, store)


def test_pins_without_a_wheel_do_not_fail_the_others(tmp_path):
    """Only packages that need such a pin fail, each with the reason."""
    good, other = make_wheel("good"), make_wheel("other")
    strange = make_wheel("strange", tag="cp311-cp311-win_amd64")
    pins = [pin(good, "good"), pin(other, "other"), pin(strange, "strange", tag="cp311-cp311-win_amd64")]
    store = offline_store(tmp_path, zip(pins, [good, other, strange]))
    wrong = {**pins[1], "sha256": "0" * 64}
    resolved = resolve_lock(_lock(pins[0], wrong, pins[2], pin(b"", "gone")), TARGET, store)
    problems = {wheel["name"]: wheel["problem"] for wheel in resolved["wheels"]}
    assert ["gone", "good", "other", "strange"] == sorted(problems)
    assert problems["good"] is None
    assert "DO NOT MATCH THE HASHES" in problems["other"]
    assert "No matching distribution found for strange==1.0" in problems["strange"]
    assert ["good"] == _names(resolved, "good")
    with pytest.raises(ModelkilnError, match=r"strange 1\.0 has no wheel"):
        closure(resolved, ["strange"])


def test_an_index_that_does_not_answer_is_no_missing_wheel(tmp_path):
    """A failed network must not be remembered as a wheel that does not exist."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": f"http://127.0.0.1:{port}/", "PIP_RETRIES": "0"}
    store = offline_store(tmp_path, **settings)
    with pytest.raises(ModelkilnError, match="index cannot be reached"):
        resolve_lock(_lock(pin(b"", "gone")), TARGET, store)


def test_the_users_other_pip_settings_stay_out(tmp_path):
    """Settings that say what to install, and not from where, change nothing."""
    data = make_wheel()
    store = offline_store(tmp_path, [(pin(data), data)])
    others = {"PIP_USER": "1", "PIP_CONSTRAINT": "/nope", "PIP_NO_BINARY": ":all:", "PIP_REQUIRE_VIRTUALENV": "1"}
    save_machine_env(store.root, {**load_machine_env(store.root), **others})
    assert resolve_lock(_lock(pin(data)), TARGET, store)["wheels"][0]["problem"] is None


def test_fetch_puts_missing_wheels_into_the_store_and_asks_for_no_others(tmp_path):
    """What is in the store is not fetched again, and nothing is left next to it."""
    one, two = make_wheel("one"), make_wheel("two", tag="cp311-abi3-manylinux2014_x86_64")
    pins = [pin(one, "one"), pin(two, "two", tag="cp311-abi3-manylinux2014_x86_64")]
    store = offline_store(tmp_path, [(pins[1], two)])
    store.add_bytes(one)
    provide_wheels(pins, "3.11", store)
    assert all(store.verify(wheel_digest(wheel)) for wheel in pins)
    assert [] == list((store.root / "incoming").iterdir())


def test_fetch_refuses_a_wheel_with_another_hash(tmp_path):
    """A replaced file never reaches the store, and the message names the wheel."""
    data = make_wheel()
    store = offline_store(tmp_path, [(pin(data), data)])
    wrong = {**pin(data), "sha256": "0" * 64}
    with pytest.raises(ModelkilnError, match=r"(?s)demo-1\.0-py3-none-any\.whl.*DO NOT MATCH THE HASHES"):
        provide_wheels([wrong], "3.11", store)
    assert not (store.root / "sha256").exists()


@pytest.mark.parametrize(
    "change", [{"name": "other"}, {"version": "2.0"}, {"filename": "../demo-1.0-py3-none-any.whl"}, {"filename": "x"}]
)
def test_fetch_refuses_pins_that_contradict_themselves(tmp_path, change):
    """Name, version and file name must be those of one wheel."""
    with pytest.raises(ModelkilnError, match="Resolve its lock again"):
        provide_wheels([{**pin(b""), **change}], "3.11", offline_store(tmp_path))


def test_a_placeholder_is_no_wheel(tmp_path):
    """It fails the package that needs it, as a version without a wheel for the target does, and no other."""
    wheel, data = make_placeholder()
    other = make_wheel("demo", "0.0.0")
    store = offline_store(tmp_path, [(wheel, data), (pin(other, "demo", "0.0.0"), other)])
    for _ in range(2):  # The second time with what the store remembers.
        resolved = resolve_lock(_lock(wheel, pin(other, "demo", "0.0.0")), TARGET, store, "gpu.txt")
        assert ["demo"] == _names(resolved, "demo")
        with pytest.raises(ModelkilnError) as error:
            closure(resolved, ["nvidia-demo"])
        assert (
            "nvidia-demo 0.0.0a0 has no wheel for linux/amd64, CPython 3.11, glibc 2.36 in the lock gpu.txt. Lock a "
            "version that has one, or choose a base image with a newer glibc or another Python. "
            "nvidia_demo-0.0.0a0-py2.py3-none-any.whl is a placeholder without content."
        ) in str(error.value)
