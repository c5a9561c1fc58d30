"""A request that fits a signature."""

from modelkiln.package.example import SAMPLE, element_count, example_request
from modelkiln.package.signature import read_signature
from modelkiln.runtime.tensors import DATATYPES, read_tensors


def test_an_example_fits_the_signature():
    """Of each datatype, with variable dimensions and without any."""
    specs = [{"name": name, "datatype": name, "shape": shape} for name in DATATYPES for shape in ([-1, 2],)]
    specs.append({"name": "scalar", "datatype": "INT64", "shape": []})
    signature = read_signature({"inputs": specs, "outputs": specs}, "signature.json")
    tensors = read_tensors(example_request(signature.to_json())["inputs"], "input", "request.json")
    assert [] == signature.problems("input", tensors)
    found = {tensor.name: (list(tensor.shape), list(tensor.data)) for tensor in tensors}
    assert ([1, 2], [0.0, 0.1]) == found["FP32"]
    assert ([], [0]) == found["scalar"]


def test_a_sample_is_short_whatever_the_shape():
    """A shape of more elements than there is memory for is counted, and has the first few of them."""
    tensors = [{"name": name, "datatype": name, "shape": [10**6, -1, 10**6]} for name in ("FP32", "INT64")]
    signature = {"inputs": [*tensors, {"name": "one", "datatype": "BOOL", "shape": []}]}
    assert 2 * 10**12 + 1 == element_count(signature)
    request = example_request(signature, is_sample=True)
    assert [SAMPLE, SAMPLE, 1] == [len(one["data"]) for one in request["inputs"]]
    assert [10**6, 1, 10**6] == request["inputs"][0]["shape"]
