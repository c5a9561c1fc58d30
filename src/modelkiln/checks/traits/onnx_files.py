"""ONNX: the version of the format and of the operators. Source: onnx/onnx.proto, ModelProto."""

from modelkiln.checks.code.names import entry
from modelkiln.checks.content import Content, Reader
from modelkiln.checks.onnx.domains import foreign_domains
from modelkiln.checks.protobuf import BYTES, VARINT, fields
from modelkiln.checks.traits.trait import Survey, Trait

__all__ = ["survey_onnx"]

_IR_VERSION, _OPSETS = 1, 8
_DOMAIN, _VERSION = 1, 2
# Two names of one.
_DEFAULT = ("", "ai.onnx")


def survey_onnx(content: Content) -> Survey:
    """Return what a model states; its graph is passed over. Raises ValueError or EOFError."""
    traits = set()
    with content.reader() as reader:
        for field in fields(reader, content.size or 0):
            if field.number == _IR_VERSION and field.wire == VARINT:
                traits.add(Trait("onnx-ir", str(field.value)))
            elif field.number == _OPSETS and field.wire == BYTES:
                traits.add(_opset(reader, reader.position + field.length))
            else:
                reader.skip(field.length)
    with content.reader() as reader:
        domains = foreign_domains(reader, content.size or 0)
    return Survey(frozenset(traits), code=frozenset(entry("onnx-domain", domain) for domain in domains))


def _opset(reader: Reader, end: int) -> Trait:
    domain, version = "", 0
    for field in fields(reader, end):
        if field.number == _DOMAIN and field.wire == BYTES:
            domain = reader.read(field.length).decode("utf-8", "replace")
        elif field.number == _VERSION and field.wire == VARINT:
            version = field.value
        else:
            reader.skip(field.length)
    return Trait("onnx-opset" if domain in _DEFAULT else f"onnx-opset:{domain}", str(version))
