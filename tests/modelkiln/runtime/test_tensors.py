"""Tensors as JSON and as numpy arrays."""

import json

import numpy
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from properties import given

from modelkiln.runtime.errors import PackageError
from modelkiln.runtime.tensors import DATATYPES, from_array, read_tensors, to_array

NUMBERS = sorted(set(DATATYPES) - {"BYTES"})


def read(datatype, shape, data):
    """Read one tensor named t."""
    item = {"name": "t", "datatype": datatype, "shape": shape, "data": data}
    return read_tensors([item], "input", "request")[0]


def through_json(tensor):
    """The tensor after a trip through JSON text."""
    return read(tensor.datatype, list(tensor.shape), json.loads(json.dumps(tensor.data, allow_nan=False)))


@st.composite
def any_array(draw):
    """An array of any numeric datatype with finite elements."""
    dtype = numpy.dtype(DATATYPES[draw(st.sampled_from(NUMBERS))].numpy)
    shape = draw(arrays.array_shapes(min_dims=0, min_side=0, max_side=4))
    elements = {"allow_nan": False, "allow_infinity": False} if dtype.kind == "f" else None
    return draw(arrays.arrays(dtype, shape, elements=elements and arrays.from_dtype(dtype, **elements)))


@given(any_array())
def test_an_array_survives_the_trip_through_json(array):
    """Every element comes back with its very bits, -0.0 and subnormal numbers among them."""
    back = to_array(through_json(from_array("t", array)))
    assert (array.dtype, array.shape, array.tobytes()) == (back.dtype, back.shape, back.tobytes())


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_text_survives_the_trip_through_json(texts):
    """BYTES reach the inference script as UTF-8 and come back as the same text."""
    array = to_array(read("BYTES", [len(texts)], texts))
    assert [text.encode() for text in texts] == array.tolist()
    assert texts == from_array("t", array).data


def test_floats_read_as_people_write_them():
    """A float32 is written with the fewest digits that distinguish it from its neighbours."""
    assert [0.1, 3.4028235e38] == from_array("t", numpy.array([0.1, 3.4028235e38], "float32")).data


@pytest.mark.parametrize("data", [[1, 2, 3, 4, 5, 6], [[1, 2], [3, 4], [5, 6]]])
def test_data_may_be_flat_or_nested(data):
    """Both forms of the protocol give the same row-major array."""
    assert [[1, 2], [3, 4], [5, 6]] == to_array(read("INT64", [3, 2], data)).tolist()


def test_other_byte_orders_and_strides_are_read_by_value():
    """A transposed big-endian array is an FP32 tensor like any other."""
    array = numpy.arange(6, dtype=">f4").reshape(2, 3).T
    assert ("FP32", (3, 2), [0, 3, 1, 4, 2, 5]) == from_array("t", array)[1:]


@pytest.mark.parametrize("datatype", NUMBERS)
def test_the_largest_value_of_every_datatype_is_accepted(datatype):
    """The limits themselves are in range."""
    if datatype == "BOOL":
        return
    dtype = numpy.dtype(DATATYPES[datatype].numpy)
    info = numpy.finfo(dtype) if dtype.kind == "f" else numpy.iinfo(dtype)
    limits = [info.min.item(), info.max.item()] if dtype.kind == "f" else [info.min, info.max]
    assert limits == to_array(read(datatype, [2], limits)).tolist()


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "message"),
    [
        ("FP31", [1], [1], 'datatype "FP31" is unknown; use one of BOOL'),
        ("FP32", [2], [1], "got 1 elements, want 2 for shape"),
        ("FP32", [2, 2], [[1, 2], [3]], "got 1 elements along axis 1, want 2"),
        ("FP32", [2, 2], [[1, 2], 3], "got 3 along axis 1"),
        ("FP32", [-1], [1], "not a list of sizes"),
        ("FP32", [True], [1], "not a list of sizes"),
        ("FP32", [1], "1", "must be a list"),
        ("FP32", [1], ["1"], 'element 0 is "1", want a number'),
        ("FP32", [1], [True], "element 0 is true, want a number"),
        ("FP32", [1], [None], "element 0 is null, want a number"),
        ("FP32", [2], [0, 3.5e38], "element 1 is 3.5e[+]38, which is out of range"),
        ("FP16", [1], [65520], "out of range"),
        ("FP64", [1], [10**400], "out of range"),
        ("UINT8", [1], [256], "element 0 is 256, which is out of range"),
        ("INT64", [1], [-(2**63) - 1], "out of range"),
        ("INT32", [1], [1.0], "element 0 is 1.0, want an integer"),
        ("BOOL", [1], [1], "element 0 is 1, want a boolean"),
        ("BYTES", [1], [1], "element 0 is 1, want a string"),
        ("BYTES", [1, 1], [[[1]]], "want a string"),
    ],
)
def test_data_that_is_no_such_tensor_is_refused(datatype, shape, data, message):
    """The message names the tensor, the element and what it should be."""
    with pytest.raises(PackageError, match='request: input "t": .*' + message):
        read(datatype, shape, data)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (None, 'has no "inputs". Give a list of tensors.'),
        ({}, '"inputs" is {}'),
        ([1], "input 0: 1 is not a tensor object"),
        ([{}], 'input 0: has no "name"'),
        ([{"name": None, "datatype": "FP32", "shape": []}], 'input 0: "name" is null'),
        ([{"name": "t", "shape": []}], 'input 0: has no "datatype"'),
        ([{"name": "t", "datatype": "FP32", "shape": []}], 'has no "data"'),
        ([{"name": "t", "datatype": "FP32", "shape": [], "data": [1]}] * 2, 'input "t" is given twice'),
    ],
)
def test_what_is_not_a_list_of_tensors_is_refused(items, message):
    """Malformed lists are reported by position."""
    with pytest.raises(PackageError, match=message):
        read_tensors(items, "input", "request")


@pytest.mark.parametrize("value", [numpy.nan, numpy.inf, -numpy.inf])
def test_numbers_that_json_lacks_are_refused(value):
    """NaN and infinities are reported with their place."""
    with pytest.raises(PackageError, match='output "t": element 1 is (nan|-?inf), which JSON cannot hold'):
        from_array("t", numpy.array([0, value], "float32"))


@pytest.mark.parametrize("value", [b"\xff", 1, "\ud800"])
def test_bytes_that_are_no_text_are_refused(value):
    """JSON strings hold text alone."""
    with pytest.raises(PackageError, match='output "t": element 0'):
        from_array("t", numpy.array([value], dtype=object))
