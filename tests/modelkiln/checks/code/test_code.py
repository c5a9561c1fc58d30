"""Code in files of other formats than pickles: found by content, refused unless it is allowed by name."""

import io
import json
import py_compile
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from onnx import TensorProto, helper
from samples.code_files import (
    hdf5_model,
    keras_config,
    keras_model,
    lambda_layer,
    skops_model,
    torch_package,
    zip_of,
)

from modelkiln.checks.check import Finding, Options, check_file, check_set
from modelkiln.errors import ModelkilnError


def check(data, path="model.bin", *allowed):
    return check_file(path, lambda: io.BytesIO(data), len(data), Options("demo:w", None, allowed))


class Foreign:
    """An object of which YAML keeps the module."""


def onnx_model(domain, functions=()):
    node = helper.make_node("Scale", ["x"], ["y"], domain=domain)
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(domain, 1)]
    graph = helper.make_graph([node], "g", [value], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])])
    return helper.make_model(graph, opset_imports=opsets, functions=functions).SerializeToString()


def local_function(domain):
    inner = helper.make_node("Identity", ["a"], ["b"])
    return helper.make_function(domain, "Scale", ["a"], ["b"], [inner], [helper.make_opsetid("", 18)])


def byte_code(tmp_path):
    source = tmp_path / "a.py"
    source.write_text("x = 1\n")
    return Path(py_compile.compile(str(source), str(tmp_path / "a.pyc"))).read_bytes()


def configuration(text):
    return json.dumps(keras_config(lambda_layer(text))).encode()


TEMPLATE = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] | trim }}{% endfor %}"
OUTSIDE = "{{ messages['__class__'] }}"

# By case: the file's name, its bytes, and the entries that allow it.
CODE = {
    "keras": ("m.keras", keras_model(lambda_layer("scale")), ["keras-lambda:scale"]),
    "keras-nested": ("m.bin",
        keras_model(keras_config(lambda_layer("a"), lambda_layer("b"))), ["keras-lambda:a", "keras-lambda:b"]),
    "keras-module": ("m.keras",
        keras_model({"module": "demo.layers", "class_name": "Own"}), ["keras-module:demo.layers.Own"]),
    "hdf5": ("m.h5", hdf5_model(configuration("scale")), ["keras-lambda:scale"]),
    "hdf5-of-a-user": ("m.dat", hdf5_model(configuration("scale"), 1024), ["keras-lambda:scale"]),
    "hdf5-large": ("m.h5",
        hdf5_model(b" " * (3 << 20) + configuration("scale") + b" " * (1 << 20)), ["keras-lambda:scale"]),
    "hdf5-behind-a-brace": ("m.h5",
        hdf5_model(b'{"a": ' + configuration("scale")), ["keras-lambda:Lambda", "keras-lambda:scale"]),
    "torchscript": ("m.pt", zip_of({"m/code/__torch__.py": "class M(Module):\n  pass\n"}), ["torchscript:m.pt"]),
    "torch-package": ("p.pt", torch_package("p"), ["torch-package:p.pt"]),
    "skops": ("m.skops", skops_model("sklearn.svm._classes.SVC", "demo.Own"), ["skops-type:demo.Own"]),
    "yaml": ("c.yaml", yaml.dump({"a": Foreign()}).encode(), [f"yaml-tag:!!python/object:{__name__}.Foreign"]),
    "yaml-verbatim": ("c.yml", b"a: !<tag:yaml.org,2002:python/name:demo.x> ''", ["yaml-tag:!!python/name:demo.x"]),
    "yaml-escaped": ("c.yml", b"a: !!py%74hon/name:demo.x ''", ["yaml-tag:!!python/name:demo.x"]),
    "yaml-handle": ("c",
        b"%TAG !p! tag:yaml.org,2002:python/\n---\na: !p!name:demo.x ''", ["yaml-tag:!!python/name:demo.x"]),
    "yaml-utf-16": ("c.yml", "a: !!python/name:demo.x ''".encode("utf-16"), ["yaml-tag:!!python/name:demo.x"]),
    "mlmodel": ("m/MLmodel",
        b"flavors:\n  python_function:\n    loader_module: demo.loader\n", ["mlflow-loader:demo.loader"]),
    "onnx": ("m.onnx", onnx_model("demo.ops"), ["onnx-domain:demo.ops"]),
    "script": ("run.txt", b"#! /bin/true\n", ["script:run.txt"]),
    "program": ("lib.dat", Path(sys.executable).resolve().read_bytes()[:4096], ["program:lib.dat"]),
    "windows-program": ("a.dat", b"MZ" + bytes(58) + b"\x40\0\0\0" + b"PE\0\0" + bytes(9), ["program:a.dat"]),
    "in-an-archive": ("a.zip", zip_of({"b/c.so": b"\x7fELF" + bytes(60)}), ["program:a.zip: b/c.so"]),
    "template": ("chat_template.jinja", OUTSIDE.encode(), ["jinja-unsafe:chat_template.jinja"]),
    "template-in-json": ("tokenizer_config.json",
        json.dumps({"chat_template": OUTSIDE}).encode(), ["jinja-unsafe:chat_template"]),
    "template-filter": ("a.jinja", b"{{ x | attr(y) }}", ["jinja-unsafe:a.jinja"]),
    "template-escape": ("a.jinja", b'{{ x["\\x5f\\x5fclass"] }}', ["jinja-unsafe:a.jinja"]),
    "template-include": ("a.jinja", b"{%- include 'x' %}", ["jinja-unsafe:a.jinja"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CODE)
def test_code_is_refused_unless_it_is_allowed_by_name(case):
    """The error names the file, what it holds, and the entries that allow it, which do; no other entry does."""
    path, data, entries = CODE[case]
    with pytest.raises(ModelkilnError) as caught:
        check(data, path)
    assert str(caught.value).startswith(f"demo:w: {path}: holds code that may run where it is loaded: ")
    assert f"allow_code=[{', '.join(map(repr, entries))}]" in str(caught.value)
    finding = check(data, path, *entries)
    assert set(entries) == {one for one in finding.code if not one.startswith("jinja:")}
    assert finding == Finding.from_json(json.loads(json.dumps(finding.to_json())))
    with pytest.raises(ModelkilnError, match="holds code"):
        check(data, path, *(f"{one}x" for one in entries))


def test_byte_code_is_refused(tmp_path):
    """By its header and the code object behind it, whatever it is called."""
    with pytest.raises(ModelkilnError, match=r"byte code of Python \(a.txt\).*allow_code=\['pyc:a.txt'\]"):
        check(byte_code(tmp_path), "a.txt")
    assert ("pyc:a.txt",) == check(byte_code(tmp_path), "a.txt", "pyc:a.txt").code


NO_CODE = {
    "keras": ("m.keras", keras_model()),
    "hdf5": ("m.h5", hdf5_model(json.dumps(keras_config()).encode())),
    "hdf5-without-a-model": ("w.h5", hdf5_model(configuration("x")).replace(b"model_config", b"other_config")),
    "skops": ("m.skops", skops_model("sklearn.svm._classes.SVC", "numpy.ndarray")),
    "yaml": ("c.yaml", yaml.dump({"a": (1, 2), "b": {3}}).encode()),
    "yaml-of-others": ("c.yaml", b"a: !Ref x\nb: hello! !world\nc: '!!python'\n"),
    "mlmodel": ("MLmodel", b"flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n"),
    "onnx": ("m.onnx", onnx_model("com.microsoft")),
    "onnx-of-its-own": ("m.onnx", onnx_model("demo.ops", [local_function("demo.ops")])),
    "text": ("notes.txt", b"#! not a path\n"),
    "java": ("A.class", b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(20)),
    "windows-text": ("t.txt", b"MZ\r\n" + b"text " * 20),
    "config": ("config.json", json.dumps({"model_type": "bert", "chat_template": None}).encode()),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_CODE)
def test_files_without_code_are_as_they_were(case):
    """What their libraries load as data has no entries."""
    path, data = NO_CODE[case]
    assert () == check(data, path).code


@pytest.mark.parametrize(
    "path, data, names",
    [
        ("tokenizer_config.json", {"chat_template": TEMPLATE}, ["jinja:chat_template"]),
        ("tokenizer_config.json", {"chat_template": [{"name": "default", "template": TEMPLATE}]}, ["jinja:default"]),
        ("chat_template.json", {"chat_template": TEMPLATE + " in text: __class__"}, ["jinja:chat_template"]),
    ],
)
def test_chat_templates_are_named(path, data, names):
    """They are normal, and run in a sandbox: the record names them. Text around them is text."""
    assert tuple(names) == check(json.dumps(data).encode(), path).code


def test_classes_of_a_configuration_are_code_where_their_file_is():
    """`auto_map` is named; it is refused with the module next to it, or in another repository."""
    config = {"auto_map": {"AutoModel": "modeling_own.Own", "AutoTokenizer": [None, "modeling_own.Fast"]}}
    found = check(json.dumps(config).encode(), "m/config.json")
    entries = ("auto-map:modeling_own.Fast", "auto-map:modeling_own.Own")
    assert entries == found.code
    other, module = Finding("m/other.py", 1, "unknown"), Finding("m/modeling_own.py", 1, "unknown")
    check_set([found, other], Options("demo:w"))
    with pytest.raises(ModelkilnError, match=r"demo:w: m/config.json: .*allow_code=\['auto-map:modeling_own.Fast', "):
        check_set([found, module], Options("demo:w"))
    check_set([found, module], Options("demo:w", None, entries))
    remote = check(b'{"auto_map": {"AutoModel": "other/repository--modeling.Own"}}', "config.json")
    with pytest.raises(ModelkilnError, match="other/repository--modeling.Own"):
        check_set([remote], Options("demo:w"))


def test_names_that_run_anything_cannot_be_allowed():
    """They are refused where they are listed, and no advice leads there; nor do wildcards and unknown kinds."""
    with pytest.raises(ModelkilnError) as caught:
        check(b"a: !!python/object/apply:os.getcwd []", "c.yaml")
    assert "can run anything" in str(caught.value) and "allow_code" not in str(caught.value)
    for one, message in (
        ("yaml-tag:!!python/object/apply:os.getcwd", "can run anything"),
        ("skops-type:builtins.eval", "can run anything"),
        ("keras-lambda:", "not a kind and a name"),
        ("keras-lambda", "not a kind and a name"),
        ("other:x", "Kinds: auto-map, jinja-unsafe"),
        (3, "not a kind and a name"),
    ):
        with pytest.raises(ModelkilnError, match=f"^demo:w: allow_code has .*{message}"):
            Options("demo:w", None, (one,))
    with pytest.raises(ModelkilnError, match="write a list"):
        Options("demo:w", None, "pyc:a")


@pytest.mark.parametrize("text", [b'{"a":' * 100_000, b'{"a" ' * 100_000], ids=["deep", "wide"])
def test_a_configuration_that_tires_its_reader_is_refused(text):
    """What cannot be read to its end in a reasonable time is not taken for data."""
    with pytest.raises(ModelkilnError, match="m.h5: holds a configuration of Keras that cannot be read"):
        check(hdf5_model(text), "m.h5")


def test_a_lambda_that_hides_is_found():
    """JSON may write letters as numbers, and put other keys first."""
    text = configuration("scale").replace(b'"Lambda"', b'"\\u004cambda"').replace(b'{"module"', b'{"zz": 0, "module"')
    with pytest.raises(ModelkilnError, match="keras-lambda:scale"):
        check(hdf5_model(text), "m.h5")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", text)
    with pytest.raises(ModelkilnError, match="keras-lambda:scale"):
        check(stream.getvalue(), "m.keras")
