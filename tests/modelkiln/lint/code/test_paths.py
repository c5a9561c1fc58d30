"""Paths in code, followed to what opens them."""

import pytest

from modelkiln.lint.linter import lint
from modelkiln.lint.subject import SourceFile, Subject


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
    ],
)
def test_a_value_is_followed(lines):
    """Through names, joins, formats, attributes, arguments and what functions return; there is one finding."""
    assert ["MK101"] == rules(f"{lines}\n\n\ndef predict(inputs, model):\n    return inputs\n")


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
