"""Distributions that nothing uses, and locks that pin too little."""

import pytest

from modelkiln.lint.finding import LIKELY, SURE
from modelkiln.lint.linter import lint
from modelkiln.lint.selection import Selection
from modelkiln.lint.subject import ArtifactFile, Distribution, RequirementFile, SourceFile, Subject

FAT, UNPINNED = Selection(("fat",)), Selection(("MK31",))


def fat(code, *distributions, artifacts=()):
    """Findings in a closure."""
    return lint(
        Subject(
            "//:m",
            (SourceFile("a.py", code.encode()),),
            artifacts=artifacts,
            distributions=distributions,
            record={"version": "1.2.0"},
        ),
        FAT,
    )


def test_a_tool_is_found_with_what_requires_it():
    """Sure where nothing does."""
    tool, by = Distribution("ipython", "9.0", ()), Distribution(
        "shap", "0.48", ("IPython; python_version > '3'", "numpy")
    )
    (finding,) = fat("import numpy", tool)
    assert ("MK501", SURE) == (finding.rule, finding.certainty)
    (finding,) = fat("import shap", tool, by)
    assert ("MK501", LIKELY) == (finding.rule, finding.certainty)
    assert "which shap requires" in finding.message


@pytest.mark.parametrize("code", ["import matplotlib.pyplot", "try:\n    import matplotlib\nexcept ImportError: pass"])
def test_what_the_code_imports_is_used(code):
    """Also where it may be missing."""
    assert () == fat(code, Distribution("matplotlib", "3.10", ()))


def test_an_unused_requirement_is_likely():
    """But for readers of the artifact's format, plugins, and what has other modules."""
    (finding,) = fat("import numpy", Distribution("pandas", "2.3", ()), Distribution("numpy", "2.4", ()))
    assert ("MK503", LIKELY) == (finding.rule, finding.certainty)
    model = ArtifactFile("m.onnx", format="onnx")
    others = (
        Distribution("onnxruntime", "1.28", ()),
        Distribution("pillow", "12", ()),
        Distribution("nvidia-cudnn-cu12", "9", ()),
    )
    assert () == fat("import numpy", *others, artifacts=(model,))
    assert () == fat("import yaml, sklearn", Distribution("pyyaml", "6", ()), Distribution("scikit-learn", "1.7", ()))


@pytest.mark.parametrize("framework", ["jax", "tensorflow-cpu", "torch"])
def test_the_framework_below_a_library_is_used(framework):
    """Keras and transformers require none; of safetensors the imported module says which it is."""
    below = Distribution(framework, "2.10", ())
    assert () == fat("import keras", Distribution("keras", "3.15", ("numpy",)), below)
    extra = f"{framework}; extra == 'all'"
    assert () == fat("import transformers", Distribution("transformers", "5.0", ("numpy", extra)), below)
    tensors = Distribution("safetensors", "0.8", ())
    module = framework.split("-")[0]
    assert () == fat(f"from safetensors.{module} import load_file", tensors, below)
    (finding,) = fat("from safetensors.numpy import load_file", tensors, below)
    assert f"nothing uses {framework} 2.10" == finding.message


def test_requirements_that_are_not_known_prove_nothing():
    """As in a wheel of somebody else."""
    assert () == fat("import numpy", Distribution("pandas", "2.3"))


def unpinned(text, **record):
    """Pairs of rule and line in a lock."""
    files = (RequirementFile("cpu.txt", text.encode()),) if text else ()
    return [(one.rule, one.line) for one in lint(Subject("//:m", requirement_files=files, record=record), UNPINNED)]


HASH = "--hash=sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"a==1 {HASH}\n", []),
        (f"# made by pip-compile\na==1 \\\n    {HASH} \\\n    {HASH}\n    # via b\n", []),
        (f"a==1 {HASH}\nb==2\n", [("MK311", 2)]),
        ("a\nb>=1\nc==1.*\nd[x]==1\n", [("MK312", 1), ("MK312", 2), ("MK312", 3), ("MK311", 4)]),
        (f"--index-url=https://u:p@example.com/simple\n--require-hashes\na==1 {HASH}\n", [("MK313", 1)]),
        ("git+https://example.com/a.git@main\n", [("MK314", 1)]),
        (f"a @ git+https://example.com/a.git@{'0' * 40}\n", []),
        (f"a @ https://example.com/a-1.whl {HASH}\n", []),
        ("", []),
        ("version = 1\n[[package]]\nname = 'a'\n", []),
        ('{\n "locked_resolves": []}\n', []),
        ("\ufeffa==1\r\n", [("MK311", 1)]),
    ],
)
def test_lines_of_a_lock(text, expected):
    """Continued lines, comments, options, and locks of other tools."""
    assert expected == unpinned(text)


def test_a_password_of_an_index_is_not_shown():
    """In neither message nor source line."""
    files = (RequirementFile("cpu.txt", b"--index-url=https://u:hunter2@example.com/simple\n"),)
    (finding,) = lint(Subject("//:m", requirement_files=files), UNPINNED)
    assert "hunter2" not in str(finding.to_json())


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ({"image": "example.com/a:3.11"}, [("MK315", 0)]),
        ({"image": "example.com/a@sha256:" + "0" * 64}, []),
        ({"image": "sha256:" + "0" * 64}, []),
        ({"debian": "12", "lock": "sha256:" + "0" * 64}, []),
        (None, []),
    ],
)
def test_bases(base, expected):
    """A tag is not a pin."""
    assert expected == unpinned("", base=base)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"uri": "hf://acme/llm", "revision": "main"}, [("MK316", 0)]),
        ({"uri": "https://example.com/a.bin"}, [("MK316", 0)]),
        ({"uri": "hf://acme/llm", "revision": "0" * 40}, []),
        ({"uri": "oci://example.com/a@sha256:" + "0" * 64}, []),
        ({"uri": "spacy/model", "revision": ""}, []),
        ({"uri": "lfs:model.onnx", "revision": ""}, []),
    ],
)
def test_sources(source, expected):
    """A branch is not a revision; what is committed in the repository needs none."""
    assert expected == unpinned("", sources=[{"target": "//:a", "source": source}])
