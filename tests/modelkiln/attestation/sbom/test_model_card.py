"""The component of a model, with its card."""

from attested.described_package import described_record

from modelkiln.attestation.sbom.model_card import model_component, to_properties


def _card(**metadata):
    return model_component(described_record(metadata=metadata)).get("modelCard", {})


def test_metadata_has_its_place_in_the_card():
    """Approach, task, families, data sets, metrics, considerations, and the signature's tensors."""
    component = model_component(described_record())
    card = component["modelCard"]
    assert {
        "approach": {"type": "supervised"},
        "architectureFamily": "transformer",
        "datasets": [
            {"type": "dataset", "name": "wiki"},
            {
                "type": "dataset",
                "name": "news",
                "contents": {
                    "url": "https://data.example/news",
                    "properties": [{"name": "modelkiln:dataset:rows", "value": "3"}],
                },
            },
            {"type": "dataset", "name": "books"},
        ],
        "inputs": [{"format": "tokens: INT64 [-1, 128]"}],
        "modelArchitecture": "BertModel",
        "outputs": [{"format": "vector: FP32 [-1, 384]"}],
        "task": "feature-extraction",
    } == card["modelParameters"]
    assert [
        {"type": "accuracy", "value": "0.9", "slice": "news"},
        {"type": "recall", "value": "0.93"},
    ] == card[
        "quantitativeAnalysis"
    ]["performanceMetrics"]
    assert {
        "ethicalConsiderations": [{"name": "Bias", "mitigationStrategy": "Review"}, {"name": "Privacy"}],
        "useCases": ["Search"],
        "users": ["Analysts"],
    } == card["considerations"]


def test_the_component_says_who_made_the_model_of_what():
    """Authors, licence, addresses and the models that it was made from."""
    component = model_component(described_record())
    assert [{"name": "Ada Example"}, {"name": "Grace Example"}] == component["authors"]
    assert [{"expression": "Apache-2.0"}] == component["licenses"]
    assert [{"type": "website", "url": "https://models.example/embed"}] == component["externalReferences"]
    assert [{"type": "machine-learning-model", "name": "acme/base"}] == component["pedigree"]["ancestors"]


def test_what_has_no_place_becomes_properties():
    """Nothing of the metadata is lost: what the card has no field for, or not of this kind, is a property."""
    stated = {one["name"]: one["value"] for one in model_component(described_record())["modelCard"]["properties"]}
    assert {
        "modelkiln:metadata:considerations:energy:training": "12 kWh",
        "modelkiln:metadata:hardware:gpu": "H200",
        "modelkiln:metadata:lineage:base_model": "acme/base",
        "modelkiln:metadata:lineage:datasets": "books",
        "modelkiln:metadata:revision": "f00f",
        "modelkiln:metadata:source": "not an address",
    } == stated


def test_values_of_other_kinds_do_not_break_the_card():
    """Metadata is any JSON: what is of another kind than the card's is a property."""
    card = _card(approach="magic", task=["a"], metrics=[1], considerations="none", datasets=[7], license={"a": 1})
    names = {one["name"]: one["value"] for one in card["properties"]}
    assert {
        "modelkiln:metadata:approach": "magic",
        "modelkiln:metadata:considerations": "none",
        "modelkiln:metadata:license:a": "1",
        "modelkiln:metadata:metrics": "1",
        "modelkiln:metadata:task": "a",
    } == names
    assert [{"type": "dataset", "name": "7"}] == card["modelParameters"]["datasets"]


def test_the_architecture_comes_from_headers_where_nobody_says_it():
    """Of all files that state one the same; that of a tokenizer is not the model's."""
    files = [
        {"path": "a.gguf", "sha256": "00" * 32, "size": 1, "format": "gguf", "facts": {"architecture": "llama"}},
        {"path": "t.json", "sha256": "11" * 32, "size": 1, "format": "tokenizer", "facts": {"architecture": "BPE"}},
    ]
    component = model_component(described_record(artifacts=files, metadata={}))
    assert "llama" == component["modelCard"]["modelParameters"]["modelArchitecture"]
    files[1]["format"] = "gguf"
    two = model_component(described_record(artifacts=files, metadata={}))
    assert "modelArchitecture" not in two["modelCard"]["modelParameters"]


def test_properties_are_texts_in_order():
    """Objects by their keys, lists by their order, numbers and booleans as JSON, null not at all."""
    value = {"b": [1, "x", {"c": True}], "a": None}
    assert [("n:b", "1"), ("n:b", "x"), ("n:b:c", "true")] == [
        (one["name"], one["value"]) for one in to_properties("n", value)
    ]
