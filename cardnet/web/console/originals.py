"""Decisions as they are typed and uploaded, and their originals on the way back: what the pages about them share."""

import io

from flask import Response, request, send_file

from cardnet.issuance import services as issuance
from cardnet.membership import services as membership
from cardnet.web.console.quota import day_typed

UPLOAD_BYTES = issuance.MOST_ORIGINAL_BYTES + (1 << 20)
"""How large a form with an original may be."""
WRONG_ORIGINAL = {"original_unknown_type": "original", "original_too_large": "original"}
"""Which field an error of the file is about."""


def authority_typed() -> issuance.NewAuthority:
    """The decision of the form at hand, with its file where one was chosen (`macros/authority.html`)."""
    form, file = request.form, request.files.get("original")
    content = file.read() if file and file.filename else None
    return issuance.NewAuthority(
        form.get("document", ""),
        form.get("meeting", ""),
        day_typed(form.get("decided_on", "")),
        form.get("budget_item", ""),
        file.filename if file and content else None,
        content or None,
    )


def original_sent(original: issuance.Original | membership.OpenedOriginal) -> Response:
    """The document as a file to be saved; it stays in no cache."""
    answer = send_file(
        io.BytesIO(original.content),
        mimetype=original.media_type,
        as_attachment=True,
        download_name=original.filename,
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer
