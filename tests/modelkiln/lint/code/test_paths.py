"""Paths in code, followed to what opens them."""

import re

import pytest

from modelkiln.lint.code.flow import destinations
from modelkiln.lint.linter import lint
from modelkiln.lint.subject import ArtifactFile, SourceFile, Subject


def found(body, files=(), entry_point="predict:predict", **others):
    """Rules and lines of what is found in a script, beside modules `others`, by names, and paths `files`."""
    sources = [SourceFile("predict.py", body.encode())]
    sources += [SourceFile(f"{name}.py", text.encode()) for name, text in others.items()]
    findings = lint(Subject("x", tuple(sources), tuple(files), entry_point))
    return [(one.rule, one.path, one.line) for one in findings if one.rule.startswith("MK1")]


def rules(body, **more):
    """Rules of what is found in a script."""
    return [rule for rule, _, _ in found(body, **more)]


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/data/w.json", "MK101"),
        ("/opt/ml/model/w.json", "MK101"),
        ("/home/ada/w.json", "MK102"),
        ("/Users/ada/w.json", "MK102"),
        ("/root/w.json", "MK102"),
        ("~/w.json", "MK102"),
        ("C:\\models\\w.json", "MK103"),
        ("D:/models/w.json", "MK103"),
        ("\\\\server\\share\\w.json", "MK103"),
        ("/content/w.json", "MK104"),
        ("/kaggle/input/w.json", "MK104"),
        ("/dbfs/w.json", "MK104"),
        ("/mnt/disk/w.json", "MK104"),
        ("w.json", "MK107"),
        ("../w.json", "MK107"),
        ("models/w.json", "MK107"),
    ],
)
def test_a_path_that_is_opened_breaks_its_rule(path, rule):
    """By where it leads."""
    assert [rule] == rules(f"def predict(inputs, model):\n    return open({path!r}).read()\n")


@pytest.mark.parametrize(
    "path", ["/tmp/w.json", "/dev/null", "/proc/self/status", "/usr/share/zoneinfo/UTC", "/dev/shm/w", "/etc/hosts"]
)
def test_what_every_system_has_is_not_found(path):
    """Nor what is temporary by its name."""
    assert [] == rules(f"def predict(inputs, model):\n    return open({path!r}).read()\n")


@pytest.mark.parametrize(
    "lines",
    [
        "import os\nROOT = '/data'\nPATH = os.path.join(ROOT, 'w.json')\nopen(PATH)",
        "from os.path import join as j\nopen(j('/data', 'w.json'))",
        "from pathlib import Path\n(Path('/data') / 'w.json').read_text()",
        "import pathlib as p\np.Path('/data').joinpath('w.json').open()",
        "ROOT = '/data'\nopen(f'{ROOT}/w.json')",
        "ROOT = '/data'\nopen(ROOT + '/' + 'w.json')",
        "open('/data/%s.json' % 1)",
        "open('/data/{}.json'.format(1))",
        "CONFIG = {'path': '/data/w.json'}\nopen(CONFIG['path'])",
        "for path in ('/data/w.json', '/tmp/x'):\n    open(path)",
        "import numpy as np\nnp.load('/data/w.npy')",
        "from numpy import load\nload('/data/w.npy')",
        "class A:\n    path = '/data/w.json'\n    def f(self):\n        open(self.path)",
        "class A:\n    def __init__(self):\n        self.path = '/data/w.json'\n"
        "    def f(self):\n        open(self.path)",
        "class A:\n    path = '/data/w.json'\nopen(A.path)\n",
        "def load(path):\n    open(path)\nload('/data/w.json')",
        "def root():\n    return '/data'\nopen(root() + '/w.json')",
        "import torch\ntorch.load(map_location='cpu', f='/data/w.pt')",
        "for name, path in {'a': '/data/w.json'}.items():\n    open(path)",
        "for path in {'a': '/data/w.json'}.values():\n    open(path)",
        "for number, (path) in enumerate(['/data/w.json']):\n    open(path)",
        "for name, path in zip(['a'], ['/data/w.json']):\n    open(path)",
        "for name, path in [('a', '/data/w.json')]:\n    open(path)",
        "def two():\n    return 1, '/data/w.json'\nnumber, path = two()\nopen(path)",
        "MODELS = {'a': {'path': '/data/w.json', 'size': 1}}\nopen(MODELS[input()]['path'])",
        "MODELS = {'a': ('/data/w.json', 1)}\nopen(MODELS['a'][0])",
        "MODELS = dict(a='/data/w.json')\nopen(MODELS.get('a'))",
        "PATHS = ['/tmp/x', '/data/w.json']\nopen(PATHS[-1])",
        "class A:\n    path = '/data/w.json'\nclass B(A):\n    def f(self):\n        open(self.path)",
        "PATH = None\ndef init():\n    global PATH\n    PATH = '/data/w.json'\ndef f():\n    open(PATH)",
        "open('/'.join(['/data', 'w.json']))",
        "CONFIG = {'root': '/data'}\nclass A:\n    root = CONFIG['root']\nopen(A.root + '/w.json')",
    ],
)
def test_a_value_is_followed(lines):
    """Through names, joins, formats, attributes, arguments and what functions return; there is one finding."""
    assert ["MK101"] == rules(f"{lines}\n\n\ndef predict(inputs, model):\n    return inputs\n")


@pytest.mark.parametrize(
    "lines",
    [
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--model-path', default='models/w.json')\n"
        "def main(args):\n    open(args.model_path)",
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('-m', dest='model', default='models/w.json')\n"
        "opt = vars(p.parse_args())\nopen(opt['model'])",
        "from absl import flags\nflags.DEFINE_string('path', 'models/w.json', '')\nopen(flags.FLAGS.path)",
        "import click\n@click.option('--path', default='models/w.json')\ndef main(path):\n    open(path)",
        "import typer\ndef main(path: str = typer.Option('models/w.json')):\n    open(path)",
        "from pydantic import BaseModel, Field\nclass S(BaseModel):\n    path: str = Field(default='models/w.json')\n"
        "settings = S()\nopen(settings.path)",
        "import os\nopen(os.environ.get('PATH_TO') or 'models/w.json')",
        "open(getattr(object(), 'path', 'models/w.json'))",
        "import streamlit as st\nopen(st.text_input('File', 'models/w.json'))",
    ],
)
def test_a_default_is_likely_what_is_opened(lines):
    """Of options of command lines and of settings, however they are declared: the rule is not sure then."""
    body = f"{lines}\n\n\ndef predict(inputs, model):\n    return inputs\n"
    source = SourceFile("predict.py", body.encode())
    findings = [one for one in lint(Subject("x", (source,))) if one.rule.startswith("MK1")]
    assert [("MK107", "likely")] == [(one.rule, one.certainty) for one in findings]


def test_a_folder_at_the_root_is_found_where_its_name_says_so():
    """`MODEL_DIR = "/weights"` is a folder of one machine; a route or a prefix is none."""
    tail = "\n\ndef predict(inputs, model):\n    return inputs\n"
    assert ["MK101"] == rules(f"MODEL_DIR = '/weights'\n{tail}")
    assert [] == rules(f"ROUTE = '/weights'\n{tail}")


def test_a_constant_of_another_module_is_found_where_it_stands():
    """With the place that opens it in the message."""
    body = "from settings import PATH\n\n\ndef predict(inputs, model):\n    return open(PATH).read()\n"
    assert [("MK101", "settings.py", 2)] == found(body, settings="import os\nPATH = '/data/w.json'\n")


@pytest.mark.parametrize(
    "line",
    [
        "open(model / 'w.json')",
        "open(os.path.join(str(model), 'w.json'))",
        "open(f'{model}/w.json')",
        "open(inputs['path'])",
        "open(tempfile.mkdtemp() + '/w.json', 'w')",
        "open(pathlib.Path(tempfile.gettempdir()) / 'w.json', 'w')",
        "open(os.path.join(os.path.dirname(__file__), 'table.csv'))",
        "(pathlib.Path(__file__).resolve().parent / 'table.csv').read_text()",
        "requests = {'url': '/v1/models'}",
        "app.get('/data/predict')",
        "print('/data/w.json is gone')",
        "inputs['x'].startswith('/data/')",
        "json.load(open(0))",
        "boto3.client('s3').download_file('b', 'k', '/tmp/x')",
        "boto3.client('s3').download_file(Bucket='b', Key='models/w.pt', Filename='/tmp/x')",
        "boto3.client('s3').download_fileobj('b', 'models/w.pt', inputs['file'])",
        "boto3.resource('s3').Bucket('b').download_file('models/w.pt', '/tmp/x')",
        "boto3.resource('s3').Object('b', 'models/w.pt').get()",
        "boto3.client('s3').get_object(Bucket='b', Key='models/w.pt')",
        "storage.Client().bucket('b').blob('models/w.pt').download_to_filename('/tmp/x')",
        "minio.Minio('h').fget_object('b', 'models/w.pt', '/tmp/x')",
        "mlflow.pyfunc.load_model('models:/foo/Production')",
        "mlflow.pyfunc.load_model('runs:/0123/model')",
        "mlflow.sklearn.load_model('mlflow-artifacts:/0/0123/model.pkl')",
        "fsspec.open('abfs+ssl://container/w.bin')",
    ],
)
def test_what_is_in_the_package_or_below_the_model_is_not_found(line):
    """Nor temporary files, routes, and texts that are not paths."""
    head = "import boto3, fsspec, json, minio, mlflow, os, pathlib, tempfile\nfrom google.cloud import storage"
    body = f"{head}\n\n\ndef predict(inputs, model):\n    {line}\n    return inputs\n"
    assert [] == rules(body, files=["table.csv"])


def test_a_class_gets_the_model_in_its_constructor():
    """And keeps it in an attribute."""
    body = (
        "class Predictor:\n    def __init__(self, folder):\n        self.folder = folder\n\n"
        "    def predict(self, inputs):\n        return open(self.folder / 'w.json')\n"
    )
    assert [] == rules(body, entry_point="predict:Predictor")


def opened_below_model(line, paths=("models/w.joblib", "tokenizer/vocab.txt")):
    """Messages about a script that opens files below the model's folder, beside artifacts with `paths`."""
    body = f"import joblib\n\n\nclass Model:\n    def __init__(self, model):\n        {line}\n"
    artifacts = tuple(ArtifactFile(path) for path in paths)
    findings = lint(Subject("x", (SourceFile("p.py", body.encode()),), (), "p:Model", artifacts))
    return [one.message for one in findings if one.rule == "MK107"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("self.m = joblib.load(model / 'w.joblib')", "'w.joblib' .*; there is models/w.joblib"),
        ("self.m = open(model / 'models' / 'v.json')", "'models/v.json' .*; there is models/w.joblib, tokenizer"),
        ("self.m = (model / 'other.txt').read_text()", "'other.txt'"),
    ],
)
def test_a_file_below_the_model_must_be_of_an_artifact(line, shown):
    """The file of that name, or what there is, is named."""
    (message,) = opened_below_model(line)
    assert re.search(shown, message)


@pytest.mark.parametrize(
    "line",
    [
        "self.m = joblib.load(model / 'models' / 'w.joblib')",
        "self.m = joblib.load(model / 'models/w.joblib')",
        "self.m = Tokenizer.from_pretrained(model / 'tokenizer')",
        "self.m = Tokenizer.from_pretrained(model)",
        "self.m = joblib.load(model / NAME)",
        "self.m = joblib.load(model / 'w.joblib') if (model / 'w.joblib').exists() else None",
        "self.m = open(model / 'out.txt', 'w')",
    ],
)
def test_files_of_artifacts_and_what_may_be_missing_are_not_found(line):
    """Folders of artifacts, names that are not known, and files that the code can do without."""
    assert [] == opened_below_model(line)


def test_of_a_package_whose_artifacts_are_not_known_nothing_is_missing():
    """Such as code that is linted by itself."""
    assert [] == opened_below_model("self.m = joblib.load(model / 'w.joblib')", paths=())


def test_a_file_beside_the_code_must_be_packaged():
    """It is looked for among the files of the package."""
    line = "open(os.path.join(os.path.dirname(__file__), 'table.csv'))"
    body = f"import os\n\n\ndef predict(inputs, model):\n    {line}\n"
    assert ["MK107"] == rules(body)
    assert [] == rules(body, files=["table.csv"])


@pytest.mark.parametrize(
    "line",
    [
        "open('log.txt', 'a')",
        "open(os.path.join(os.path.dirname(__file__), 'log.txt'), mode='w')",
        "pathlib.Path('out').mkdir()",
        "torch.save(1, 'w.pt')",
        "frame.to_csv('out.csv')",
        "os.makedirs('out/x')",
        "boto3.client('s3').download_file('b', 'k', 'out.bin')",
        "boto3.resource('s3').Bucket('b').download_file('k', 'out.bin')",
        "boto3.client('s3').download_file('b', 'k', Filename='out.bin')",
        "storage.Client().bucket('b').blob('k').download_to_filename('out.bin')",
    ],
)
def test_writing_beside_the_code_is_found(line):
    """Also to the working directory."""
    head = "import boto3, os, pathlib, torch\nfrom google.cloud import storage"
    body = f"{head}\n\n\ndef predict(inputs, model):\n    {line}\n"
    assert ["MK106"] == rules(body)


def test_the_main_program_is_not_the_package():
    """What runs under `__main__` alone, with the functions that are used only there, never runs in a package."""
    body = (
        "def predict(inputs, model):\n    return inputs\n\n\ndef main():\n    open('/data/w.json')\n\n\n"
        "if __name__ == '__main__':\n    main()\n    open('/data/x.json')\n"
    )
    assert [] == rules(body)
    assert ["MK101", "MK101"] == rules(body, entry_point="")


def test_a_default_is_only_likely():
    """Something from outside may stand in its place, so that it is a warning."""
    body = (
        "import os\nPATH = os.environ.get('MODEL', '/data/w.json')\n\n\ndef predict(inputs, model):\n    open(PATH)\n"
    )
    (finding,) = lint(Subject("x", (SourceFile("predict.py", body.encode()),), entry_point="predict:predict"))
    assert ("MK101", "warning", "likely") == (finding.rule, finding.severity, finding.certainty)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("import google.colab", "MK104"),
        ("from google.colab import drive", "MK104"),
        ("get_ipython().system('ls')", "MK104"),
        ("import os\nos.chdir('/x')", "MK105"),
        ("import sys\nsys.path.insert(0, '..')", "MK108"),
    ],
)
def test_environments_and_folders(line, rule):
    """Notebooks, the working directory and sys.path."""
    assert rule in rules(f"{line}\n\n\ndef predict(inputs, model):\n    return inputs\n")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("return '/data/models/w.json'", ["likely"]),
        ("return {'path': '/data/models/w.json'}", ["likely"]),
        ("return JSONResponse(content={'path': '/data/models/w.json'})", ["likely"]),
        ("yield ['/data/models/w.json', 1]", ["likely"]),
        ("path = '/data/models/w.json'\n    return {'path': path}", ["likely"]),
        ("answer = {'path': '/data/models/w.json'}", ["likely"]),
        ("return {'/data/models/w.json': 1}", []),
        ("return inputs['/data/models/w.json']", []),
        ("return inputs.pop('/data/models/w.json')", []),
        ("return inputs == ['/data/models/w.json']", []),
        ("log.info(f'/data/models/{inputs}')", []),
        ("return {name: read('/data/models/w.json') for name in inputs}", ["sure"]),
        ("read(['/data/models/w.json'])", ["sure"]),
        ("path = '/data/models/w.json'\n    return read(path)", ["sure"]),
        ("answer = {'path': '/data/models/w.json'}\n    return open(answer['path'])", ["sure"]),
    ],
)
def test_a_text_that_nothing_opens_is_not_surely_a_path(line, expected):
    """What a function returns may go anywhere, and a key is a name; what is handed to something is opened there."""
    body = f"from service import JSONResponse, log, read\n\n\ndef predict(inputs, model):\n    {line}\n"
    findings = lint(Subject("x", (SourceFile("predict.py", body.encode()),), entry_point="predict:predict"))
    assert expected == [one.certainty for one in findings if one.rule == "MK101"]


def test_a_name_with_many_paths_is_followed_once(monkeypatch):
    """Each place that reads it would be looked at for each path that it stands for."""
    seen = []

    def destination_of(node, module):
        seen.append(node)
        return original(node, module)

    original = destinations.destination_of
    monkeypatch.setattr(destinations, "destination_of", destination_of)
    body = "".join(f"    path = '/data/{number}.bin'\n    if path == inputs:\n        pass\n" for number in range(100))
    assert ["MK101"] * 100 == rules(f"def predict(inputs, model):\n{body}")
    assert 100 == len(seen)
