"""Files of an image's layer of the record: the record itself, and the bill of materials."""

import io
from typing import Any, Callable, Iterable, Mapping, Optional, Sequence

from modelkiln.archives.decompression import damage_errors, decompressed
from modelkiln.archives.tar_reader import open_tar
from modelkiln.descriptor import Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.image.contents import RECORD_TITLE
from modelkiln.package.outside import LARGEST_RECORD

__all__ = ["read_from_record_layer", "titled"]


def titled(layers: Sequence[Descriptor], config: Mapping[str, Any]) -> list[tuple[Descriptor, str]]:
    """Return an image's layers, each with what the history of its config says of it, or ""."""
    listed = config.get("history") or []
    history = [str(one.get("created_by", "")) for one in listed if not one.get("empty_layer")]
    return [(layer, history[number] if number < len(history) else "") for number, layer in enumerate(layers)]


def read_from_record_layer(
    layers: Iterable[tuple[Descriptor, str]], read: Callable[[Descriptor], bytes], places: Sequence[str], where: str
) -> Optional[bytes]:
    """Return the file at the first of `places` that an image's record layer has; None where it has none.

    layers: the image's, each with what its history says of it. read: returns a small blob. Raises ModelkilnError
    for a layer that is damaged.
    """
    for layer, title in layers:
        if not title.startswith(RECORD_TITLE) or layer.size > LARGEST_RECORD:
            continue
        here = f"{where}: layer {layer.digest}"
        try:
            tar = decompressed(io.BytesIO(read(layer)), layer.media_type, here)
            with open_tar(tar, "r|") as archive:
                for member in archive:
                    stream = archive.extractfile(member) if member.name in places else None
                    if stream is not None:
                        return stream.read(LARGEST_RECORD)
        except damage_errors() as error:
            raise ModelkilnError(f"{here}: is damaged ({error}). Copy or publish the package again.") from None
    return None
