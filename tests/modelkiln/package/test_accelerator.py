"""Accelerators: one word that says resolve, device, release, driver and environment."""

import pytest

from modelkiln.errors import ModelkilnError
from modelkiln.package.accelerator import Accelerator, find_accelerator

RESOLVES = ["base", "cuda12", "cuda124", "cuda13", "cu128", "train"]


def _find(name, **tables):
    return find_accelerator(name, tables, RESOLVES, "base")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cpu", Accelerator("cpu", "base")),
        ("train", Accelerator("train", "train")),
        ("cuda12", Accelerator("cuda12", "cuda12", "12", "525.60.13")),
        ("cuda124", Accelerator("cuda124", "cuda124", "12.4", "525.60.13")),
        ("cu128", Accelerator("cu128", "cu128", "12.8", "525.60.13")),
        ("cuda13", Accelerator("cuda13", "cuda13", "13", "580.65.06")),
    ],
)
def test_a_name_alone_says_it_all(name, expected):
    """CPU and the common CUDA releases need no table."""
    assert expected == _find(name)


def test_a_table_says_otherwise():
    """Each key replaces what follows from the name; a text is the resolve."""
    table = {"resolve": "train", "cuda": "12.6", "driver": "560.28.03", "architectures": ["sm_90a", "8.0", "10.0"]}
    expected = Accelerator("gpu", "train", "12.6", "560.28.03", ("8.0", "9.0", "10.0"), (("A", "b"),))
    assert expected == _find("gpu", gpu={**table, "env": {"A": "b"}})
    assert Accelerator("cuda12", "train", "12", "525.60.13") == _find("cuda12", cuda12="train")
    assert Accelerator("cuda12.4", "train", "12.4", "525.60.13") == _find("cuda12.4", **{"cuda12.4": "train"})


@pytest.mark.parametrize(
    ("name", "table", "message"),
    [
        (
            "abacus",
            None,
            "'abacus' is unknown; known are .*cpu, .*and by their names the resolves .*: .*modelkiln.accelerators",
        ),
        ("cuda118", None, "'cuda118' has no resolve.*python.resolves"),
        ("x", "nope", "'x': its resolve 'nope' is not in .python.resolves.*base, cu128"),
        ("x", {"cuda": "12.4"}, "'x': its resolve 'x' is not in"),
        ("x", 12, "x: 12 is neither a resolve nor a table"),
        ("x", {"resolv": "base"}, "x: unknown key 'resolv'; known are resolve, cuda"),
        ("x", {"cuda": 12}, 'x: cuda = 12 is not of the form cuda = "12.4"'),
        ("x", {"cuda": "12.4.1"}, "cuda = '12.4.1'"),
        ("cuda12", {"driver": "new"}, 'cuda12: driver = .new. is not of the form driver = "525.60.13"'),
        ("rocm7", {"resolve": "base", "driver": "525.60.13"}, 'rocm7: driver = .* of the form driver = "6.12.12"'),
        ("tpu", {"resolve": "base", "driver": "1.2"}, "tpu: has a `driver` and neither `cuda` nor `rocm`"),
        ("x", {"resolve": "base", "cuda": "12", "rocm": "7"}, "x: has both `cuda` and `rocm`"),
        ("x", {"resolve": "base", "rocm": "seven"}, "rocm = 'seven' is not of the form rocm = .7.0."),
        ("x", {"resolve": "base", "tpu": "v5e"}, "tpu = 'v5e' is not of the form tpu = true"),
        ("rocm7", {"resolve": "base", "architectures": ["9.4"]}, "architecture '9.4' is not of the form .gfx942."),
        ("rocm6", None, "'rocm6' has no resolve.*python.resolves"),
        ("tpu", None, "'tpu' has no resolve.*python.resolves"),
        ("cpu", {"driver": "525.60.13"}, "cpu: has a `driver` and neither `cuda` nor `rocm`"),
        ("cuda12", {"driver": "470.82"}, "driver 470.82 is too old for CUDA 12; set 525.60.13"),
        ("x", {"resolve": "base", "cuda": "19.0"}, "which driver CUDA 19.0 needs is not known.*Set driver"),
        ("x", {"architectures": "8.0"}, "is not a list"),
        ("x", {"architectures": ["ampere"]}, "architecture 'ampere'"),
        ("x", {"env": {"A": 1}}, "env: 'A' = 1"),
        ("x", {"env": {"A=": "1"}}, "env: 'A=' = '1'"),
        ("x", {"env": "A=1"}, "env = 'A=1' is not a table"),
    ],
)
def test_what_cannot_be_meant_is_refused(name, table, message):
    """The accelerator, the bad value and what would do are named."""
    tables = {} if table is None else {name: table}
    with pytest.raises(ModelkilnError, match=message):
        find_accelerator(name, tables, RESOLVES, "base")


def test_the_record_says_what_is_set():
    """A CPU variant has its name alone."""
    assert {"accelerator": "cpu"} == _find("cpu").to_json()
    expected = {"accelerator": "cuda12", "cuda": "12", "driver": "525.60.13", "env": {"A": "b"}}
    assert expected == _find("cuda12", cuda12={"env": {"A": "b"}}).to_json()


@pytest.mark.parametrize(
    ("name", "table", "expected"),
    [
        ("rocm7", "base", {"accelerator": "rocm7", "rocm": "7"}),
        ("rocm64", "base", {"accelerator": "rocm64", "rocm": "6.4"}),
        ("rocm6.4", "base", {"accelerator": "rocm6.4", "rocm": "6.4"}),
        ("tpu", "base", {"accelerator": "tpu", "tpu": True}),
        ("v5e", {"resolve": "base", "tpu": True}, {"accelerator": "v5e", "tpu": True}),
        (
            "mi300",
            {"resolve": "base", "rocm": "7.0", "driver": "6.14.14", "architectures": ["gfx942", "gfx90a"]},
            {"accelerator": "mi300", "rocm": "7.0", "driver": "6.14.14", "architectures": ["gfx90a", "gfx942"]},
        ),
    ],
)
def test_other_devices_are_words_too(name, table, expected):
    """ROCm has releases, drivers and processors, and a TPU none of these."""
    assert expected == _find(name, **{name: table}).to_json()


def test_an_image_asks_for_the_devices_of_amd():
    """By the variable of AMD's container runtime; libtpu finds its devices itself."""
    table = {"resolve": "base", "env": {"HSA_XNACK": "1"}}
    assert {"AMD_VISIBLE_DEVICES": "all", "HSA_XNACK": "1"} == _find("rocm7", rocm7=table).image_env()
    assert {} == _find("tpu", tpu="base").image_env()


def test_an_image_asks_for_devices_and_a_driver():
    """The CUDA release stands for its oldest driver; what the table adds is asked for, too."""
    assert {} == _find("cpu").image_env()
    expected = {
        "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
        "NVIDIA_REQUIRE_CUDA": "cuda>=12.0",
        "NVIDIA_VISIBLE_DEVICES": "all",
    }
    assert expected == _find("cuda124").image_env()
    table = {"architectures": ["10.0", "8.0"], "driver": "535.54.03", "env": {"NVIDIA_VISIBLE_DEVICES": "0"}}
    found = _find("cuda124", cuda124=table).image_env()
    assert "cuda>=12.0,driver>=535.54.3,arch>=8.0" == found["NVIDIA_REQUIRE_CUDA"]
    assert "0" == found["NVIDIA_VISIBLE_DEVICES"]


def test_a_package_may_name_its_resolve():
    """It comes before those of the name and of the table, and a CUDA release needs no resolve of its name then."""
    assert "cuda12" == find_accelerator("cpu", {"cpu": "base"}, RESOLVES, "base", "cuda12").resolve
    found = find_accelerator("cuda11", {}, RESOLVES, "base", "train")
    assert ("train", "11") == (found.resolve, found.cuda)


def test_a_resolve_that_does_not_exist_is_refused():
    """The value, the field and the resolves that there are."""
    with pytest.raises(ModelkilnError, match="field `resolve` says 'py313'.*base"):
        find_accelerator("cpu", {}, RESOLVES, "base", "py313")
