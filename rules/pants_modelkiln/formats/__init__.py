"""How packages are rendered, one module for each format."""

from pants_modelkiln.formats import model_pack, model_wheel, oci, packed_pex, pex, program, rendering, scie

_MODULES = (model_pack, model_wheel, oci, packed_pex, pex, program, rendering, scie)


def rules():
    """All rules of this room."""
    return [rule for module in _MODULES for rule in module.rules()]
