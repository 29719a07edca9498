"""QR squares of pages, as paths without any style of their own."""

import re

import zxingcpp
from markupsafe import Markup

_SIZE = re.compile(r'<svg width="(\d+)"')
_PATH = re.compile(r'<path d="([^"]+)"')


def qr_svg(text: str, label: str) -> Markup:
    """The square of a text; `label` is what a screen reader says."""
    drawn = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M").to_svg()
    size, path = _SIZE.search(drawn), _PATH.search(drawn)
    assert size and path
    return Markup(
        '<svg class="qr" viewBox="0 0 {size} {size}" role="img" aria-label="{label}">'
        '<rect width="{size}" height="{size}" fill="#fff"/><path d="{path}" fill="#000"/></svg>'
    ).format(size=size[1], path=path[1], label=label)
