"""Functions, whose program the API takes as a packed file."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Final

from local.aws_plugin.resource import Resource
from local.plugin.values import Json, Object

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class Function(Resource):
    """Its program is an archive of texts and files."""

    def refuse(self, inputs: Object) -> list[tuple[str, str]]:
        """See `Resource.refuse`."""
        texts = _texts(inputs.get("code"))
        if texts is None:
            return [("code", "the plugin takes an AssetArchive of StringAssets and FileAssets only")]
        return []

    def prepare(self, properties: Object) -> Object:
        """See `Resource.prepare`."""
        texts = _texts(properties.get("code"))
        return {**properties, "_zip": packed(texts)} if texts else properties


def _texts(code: Json) -> dict[str, str] | None:
    """The files of an archive, by name; None where not all of them are texts."""
    assets = code.get("assets") if isinstance(code, dict) else None
    if not isinstance(assets, dict):
        return None
    found = {name: _text(each) for name, each in assets.items()}
    texts = {name: text for name, text in found.items() if text is not None}
    return texts if len(texts) == len(found) else None


def _text(asset: Json) -> str | None:
    """What is in an asset; None where it is neither a text nor a file of text."""
    if not isinstance(asset, dict):
        return None
    if "path" in asset:
        return Path(str(asset["path"])).read_text("utf-8")
    return str(asset["text"]) if "text" in asset else None


def packed(texts: dict[str, str]) -> bytes:
    """The same for the same texts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(texts.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text)
    return buffer.getvalue()
