"""Papers people upload: a scan or a photograph, known by how the file begins. Pure."""

from cardnet.kernel.errors import InvalidInput

SCAN_BYTES = 8 << 20
"""A photograph of a page by a phone is 2 to 5 MB."""

EXTENSION = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}

_KINDS = {
    b"%PDF-": "application/pdf",
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
}


def media_type(content: bytes) -> str | None:
    """PDF, JPEG or PNG by how the file begins, whatever its name says; None for anything else."""
    return next((kind for mark, kind in _KINDS.items() if content.startswith(mark)), None)


def checked_scan(content: bytes) -> str:
    """The media type of a paper that may be kept. Raises InvalidInput("file_empty", "file_type", "file_too_large")."""
    if not content:
        raise InvalidInput("file_empty", "这个文件是空的：请打开它确认有内容，再重新选择。")
    kind = media_type(content)
    if kind is None:
        raise InvalidInput("file_type", "请上传 PDF、JPEG 或 PNG 格式的扫描件或照片。")
    if len(content) > SCAN_BYTES:
        raise InvalidInput(
            "file_too_large", f"文件超过 {SCAN_BYTES >> 20} MB，请用手机拍清楚一些的小图，或压缩后再传。"
        )
    return kind
