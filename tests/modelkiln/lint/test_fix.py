"""Edits of scripts and BUILD files, as `pants fix` applies them."""

import codecs
import sys
from collections import Counter

import pytest
from schemas import schema_problems

from modelkiln.lint.fix import fixed
from modelkiln.lint.linter import lint
from modelkiln.lint.selection import EVERYTHING, Selection
from modelkiln.lint.subject import ArtifactFile, ArtifactTarget, SourceFile, Subject

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUB = {"sources": [{"target": "rain:bert", "source": {"uri": "hf://acme/bert", "revision": COMMIT}}]}
FILES = ("weights.json", "words/vocabulary.txt", "config.json")


def subject(content, files=FILES, **more):
    """A package of one inference script, as bytes or as text."""
    content = content if isinstance(content, bytes) else content.encode()
    source = SourceFile("rain/forecast.py", content, "src/rain/forecast.py")
    artifacts = tuple(ArtifactFile(path) for path in files)
    return Subject("rain:rain", (source,), (), "rain.forecast:predict", artifacts, **more)


def applied(*subjects, selection=EVERYTHING):
    """The script of the subjects with all edits, as bytes."""
    path, content = "src/rain/forecast.py", subjects[0].sources[0].content
    return fixed([(one, selection) for one in subjects], {path: content}, ()).get(path, content)


def edited(text, **more):
    """A script with all edits, which are no more when they are applied again."""
    found = applied(subject(text, **more)).decode()
    assert found == applied(subject(found, **more)).decode()
    return found


def script(line, arguments="inputs, model"):
    """An inference script whose function has a line."""
    return f"import json\nfrom pathlib import Path\n\n\ndef predict({arguments}):\n    {line}\n"


@pytest.mark.parametrize(
    "line, expected",
    [
        ('return json.load(open("/data/weights.json"))', 'return json.load(open(model / "weights.json"))'),
        ("return Path('C:\\\\rain\\\\weights.json').read_text()", 'return Path(model / "weights.json").read_text()'),
        ('return open("/content/words/vocabulary.txt")', 'return open(model / "words/vocabulary.txt")'),
        ('return json.load(open("weights.json"))', 'return json.load(open(model / "weights.json"))'),
        ('return numpy.load("/home/ada/weights.json")', 'return numpy.load(str(model / "weights.json"))'),
        ('return torch.load(f="/data/weights.json")', 'return torch.load(f=str(model / "weights.json"))'),
        ('return cv2.imread("/data/words")', 'return cv2.imread(str(model / "words"))'),
    ],
)
def test_a_path_of_another_machine_becomes_one_below_the_model(line, expected):
    """Where one file or folder of the artifacts is meant; what takes texts alone gets a text."""
    imports = "import cv2, numpy, torch\n"
    assert imports + script(expected) == edited(imports + script(line))


@pytest.mark.parametrize(
    "text",
    [
        script('return open("/data/other.json")'),
        script('return open("/data/vocabulary.txt")'),
        script('return open("/etc/weights.json")'),
        script('return open("/data/../weights.json")'),
        script('return open("/data/weights.json", "w")'),
        script('return open(f"/data/{inputs}/weights.json")'),
        script('return [inputs, "/data/weights.json"]'),
        script('path = "/data/weights.json"\n    return open(path)'),
        script('return h5py.File("/data/weights.json", "r+")').replace("json\n", "h5py\n", 1),
        script('return sqlite3.connect("/data/weights.json")').replace("json\n", "sqlite3\n", 1),
        script('return numpy.memmap("/data/weights.json")').replace("json\n", "numpy\n", 1),
        script('return open("/data/weights.json", inputs["mode"])'),
        script('return open("/data/weights.json", "w" if inputs else "r")'),
        script('return open("/data/weights.json", **inputs)'),
        script('return open("/data/weights.json", opener=inputs)'),
        script('return tarfile.open("/data/weights.json", "w:gz")').replace("json\n", "tarfile\n", 1),
        script('return shelve.open("/data/weights.json")').replace("json\n", "shelve\n", 1),
        script('open("weights.json", "w").write(inputs)\n    return open("weights.json").read()'),
        script('Path("weights.json").write_text(inputs)\n    return open("weights.json").read()'),
        script('assert inputs == "/data/weights.json"\n    return open("/data/weights.json")'),
        script('return torch.hub.load("acme/bert", "x")').replace("json\n", "torch\n", 1),
        script('model = inputs\n    return open("/data/weights.json")'),
        script('return (lambda model: open("/data/weights.json"))(inputs)'),
        script('return open("/data/weights.json")', "inputs"),
        "TABLE = open('/data/weights.json').read()\n\n\ndef predict(inputs, model):\n    return TABLE\n",
        "def load(inputs, model):\n    return open('/data/weights.json')\n\n\n"
        "def predict(inputs, model):\n    return load(inputs, model)\n",
        "import functools\n\n\n@functools.cache\ndef predict(inputs, model):\n    return open('/data/weights.json')\n",
        script('return open("/data/weights.json")') + "\n\npredict = cached(predict)\n",
        script('return open("/data/weights.json")') + "\n\nfrom rain.cached import predict\n",
        "class predict:\n    def __init__(self, folder):\n        self.file = open('/data/weights.json')\n\n"
        "    __init__ = logged(__init__)\n",
        "if True:\n    def predict(inputs, model):\n        return open('/data/weights.json')\n",
        script('return open("/data/weights.json")  # modelkiln: ignore[MK101] the platform mounts it'),
        script('return open("/data/weights.json")') + "    (\n",
    ],
)
def test_what_is_not_sure_stays(text):
    """Another file, another name, a write, a folder that has no name there, an exception with its reason."""
    assert text == edited(text)


def test_a_name_of_several_files_stays():
    """Nothing says which of them is meant."""
    text = script('return open("/data/a/weights.json")')
    assert text == edited(text, files=("a/weights.json", "b/weights.json"))


def test_the_folder_of_a_class_is_that_of_its_init():
    """Which the runtime hands over when it makes the model."""
    text = 'class predict:\n    def __init__(self, folder):\n        self.file = open("/data/weights.json")\n'
    expected = text.replace('"/data/weights.json"', 'folder / "weights.json"')
    assert expected == edited(text)
    method = text.replace("__init__", "predict")
    assert method == edited(method)


def test_a_name_on_a_hub_becomes_the_folder_of_the_artifact_locked_from_it():
    """With or without the commit of the lock, and not with another one."""
    start = "from transformers import AutoModel\n\n\ndef predict(inputs, model):\n    return AutoModel.from_pretrained("
    assert f"{start}str(model))\n" == edited(f'{start}"acme/bert")\n', record=HUB)
    same = f', revision="{COMMIT}")\n'
    assert f"{start}str(model){same}" == edited(f'{start}"acme/bert"{same}', record=HUB)
    for call in ('"acme/bert", revision="v1")\n', '"acme/other")\n'):
        assert start + call == edited(start + call, record=HUB)


def test_a_name_on_a_hub_becomes_the_folder_that_the_artifact_is_put_into():
    """By its field `folder`; the settings of another artifact are not those of the model."""
    (one,) = HUB["sources"]
    record = {"sources": [{**one, "source": {**one["source"], "folder": "bert"}}]}
    start = "from transformers import AutoModel\n\n\ndef predict(inputs, model):\n    return AutoModel.from_pretrained("
    text = f'{start}"acme/bert", revision="{COMMIT}")\n'
    expected = text.replace('"acme/bert"', 'str(model / "bert")')
    assert expected == edited(text, files=("bert/config.json",), record=record)
    assert text == edited(text, files=("config.json",), record=record)


def test_a_revision_is_pinned_to_that_of_the_lock():
    """Where the model's folder has no name: the same files come, whatever the hub has tomorrow."""
    text = "from transformers import AutoModel\n\nMODEL = AutoModel.from_pretrained(\n    'acme/bert',\n)\n"
    expected = text.replace("'acme/bert',", f"'acme/bert', revision=\"{COMMIT}\",")
    assert expected == edited(text, record=HUB)
    assert text == edited(text)
    opened = text.replace("\n)", "\n    **{}\n)")
    for given in (opened, text.replace("AutoModel.from_pretrained", "torch.hub.load").replace("transformers", "x")):
        assert given == edited(given, record=HUB)


def test_a_comment_that_ignores_nothing_is_taken_out():
    """With its line where it stands alone; one of several names is left to its author."""
    text = "X = 1  # modelkiln: ignore[MK101] it was\n# modelkiln: ignore[MK201] it was\nY = 2\n"
    assert "X = 1\nY = 2\n" == edited(text)
    for text in ("X = 1  # modelkiln: ignore[MK101, MK201] it was\n", "X = 1  # modelkiln: ignore[MK1] a  # noqa\n"):
        assert text == edited(text)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252"])
def test_encoding_mark_and_ends_of_lines_stay(encoding, newline):
    """All bytes but those of the literal."""
    declared = encoding.replace("-sig", "")
    text = f"# coding: {declared}\n" + script('return "é", open("/data/weights.json"), "ü"')
    before = text.replace("\n", newline).encode(encoding)
    after = applied(subject(before))
    assert before.replace(b'"/data/weights.json"', b'model / "weights.json"') == after
    assert (encoding == "utf-8-sig") == after.startswith(codecs.BOM_UTF8)


def test_a_comment_stays_that_keeps_another_one_from_declaring_an_encoding():
    """Which counts in the first two lines alone."""
    text = "# modelkiln: ignore[MK101] it was\n\n# coding: latin-1\nX = 'é'\n".encode()
    assert text == applied(subject(text))
    assert b"\nX = 1\n" == applied(subject(b"# modelkiln: ignore[MK101] it was\n\nX = 1\n"))


def test_packages_that_share_a_script_agree_or_nothing_happens():
    """An edit for one package must not break another one."""
    text = script('return open("/data/weights.json")')
    assert text.encode() != applied(subject(text), subject(text))
    assert text.encode() == applied(subject(text), subject(text, files=()))


def test_rules_that_do_not_count_edit_nothing():
    """By the selection of the run or of the target."""
    text = script('return open("/data/weights.json")')
    assert text.encode() == applied(subject(text), selection=Selection(ignore=("paths",)))


def test_a_finding_names_its_edits():
    """For programs: characters of the file and what stands there afterwards."""
    text = script('return open("/data/weights.json")')
    (edit,) = next(one for one in lint(subject(text)) if one.rule == "MK101").edits
    assert '"/data/weights.json"' == text[edit.start : edit.end]
    found = {"rain:rain": [one.to_json() for one in lint(subject(text))]}
    assert [] == schema_problems("findings", found)
    assert ("src/rain/forecast.py", 'model / "weights.json"') == (edit.path, edit.replacement)


def _calls_of_lint(lines):
    """How many functions are called to lint a script that opens a file so often."""
    package = subject(script("\n    ".join(["open('/data/weights.json'), open('/data/other.json')"] * lines)))
    counted = Counter()
    sys.setprofile(lambda frame, event, argument: counted.update((event,)))
    try:
        found = lint(package)
    finally:
        sys.setprofile(None)
    assert lines == sum(bool(one.edits) for one in found)
    return counted["call"]


def test_many_findings_do_not_make_each_edit_dearer():
    """Of a file that has four times as many the tree is not walked for each."""
    _calls_of_lint(1)
    assert _calls_of_lint(200) < 6 * _calls_of_lint(50)


def excluded(
    build, files=("model.bin", "optimizer.pt", "a/.git/config"), is_locked=False, code="", address="rain:w", folder=""
):
    """A BUILD file after the edits of a package whose artifact it declares, which are no more the second time."""
    target = ArtifactTarget(address, tuple(files), is_locked, folder)
    package = subject(code, files, artifact_targets=(target,))
    found = build
    for expected in (None, found):
        before = found
        found = fixed([(package, EVERYTHING)], {"rain/BUILD": before.encode()}, ("rain/BUILD",)).get(
            "rain/BUILD", before.encode()
        ).decode()  # fmt: skip
        assert expected is None or before == found
    return found


@pytest.mark.parametrize(
    "build, expected",
    [
        (
            'model_artifact(name="w", source="**/*")\n',
            'model_artifact(name="w", source=["**/*", "!a/.git/**", "!optimizer.pt"])\n',
        ),
        (
            'model_artifact(name="w", source=["*", "a/**"])\nx(1)\n',
            'model_artifact(name="w", source=["*", "a/**", "!a/.git/**", "!optimizer.pt"])\nx(1)\n',
        ),
    ],
)
def test_caches_and_states_of_training_are_left_out_of_source(build, expected):
    """By patterns after the others."""
    assert expected == excluded(build)


@pytest.mark.parametrize(
    "build, expected",
    [
        (
            'model_artifact(name="w", source="hf:a/b", lock="w.json")\n',
            'model_artifact(name="w", source="hf:a/b", lock="w.json", exclude=["a/.git", "/optimizer.pt"])\n',
        ),
        (
            'model_artifact(\r\n    name="w",\r\n    lock="w.json",\r\n)\r\n',
            'model_artifact(\r\n    name="w",\r\n    lock="w.json",\r\n'
            '    exclude=["a/.git", "/optimizer.pt"],\r\n)\r\n',
        ),
        (
            'model_artifact(name="w", lock="w.json", exclude=["*.h5"])\n',
            'model_artifact(name="w", lock="w.json", exclude=["*.h5", "a/.git", "/optimizer.pt"])\n',
        ),
        (
            'model_artifact(name="w", lock="w.json", exclude=["*.pt", ".git"])\n',
            'model_artifact(name="w", lock="w.json", exclude=["*.pt", ".git"])\n',
        ),
    ],
)
def test_those_of_a_lock_are_excluded(build, expected):
    """In the field `exclude`, for the next `pants lock`."""
    assert expected == excluded(build, is_locked=True)


def test_those_of_a_folder_are_excluded_by_their_paths_at_the_source():
    """Which patterns are compared with."""
    files = ("encoder/model.bin", "encoder/optimizer.pt", "encoder/a/.git/config")
    build = 'model_artifact(name="w", source="hf:a/b", lock="w.json", folder="encoder"FIELD)\n'
    expected = build.replace("FIELD", ', exclude=["a/.git", "/optimizer.pt"]')
    assert expected == excluded(build.replace("FIELD", ""), files, is_locked=True, folder="encoder")
    assert expected == excluded(expected, files, is_locked=True, folder="encoder")


@pytest.mark.parametrize(
    "build",
    [
        'model_artifact(name=NAME, source="*")\n',
        'model_artifact(name="other", source="*")\n',
        'model_artifact(name="w", **fields)\n',
        'for name in "w":\n    model_artifact(name=name, source="*")\n',
        'model_artifact(name="w", source=FILES)\n',
        'model_artifact(name="w", source=["*", *FILES])\n',
        'model_artifact(name="w", source="*")\nmodel_artifact(name="w", source="*")\n',
        'model_artifact(name="w", source="*"\n',
    ],
)
def test_a_target_that_is_not_written_out_stays(build):
    """Nobody knows what its fields are."""
    assert build == excluded(build)


def test_a_file_that_code_names_stays():
    """Whatever it is called."""
    build = 'model_artifact(name="w", source="*")\n'
    assert build == excluded(build, ("model.bin", "optimizer.pt"), code="STATE = 'optimizer.pt'\n")
    assert build == excluded(build, ("optimizer.pt",))
    assert build == excluded(build, ("model.bin", "scaler.pkl"))
    assert build == excluded(build, address="rain:w@parameter=a")
