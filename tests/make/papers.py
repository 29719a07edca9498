"""What stands on a PDF, read back as a reader of it would."""

import pypdfium2


def words_on(pdf: bytes) -> list[str]:
    """The text of every page."""
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_range() for page in document]
