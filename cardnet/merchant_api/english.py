"""What the merchant API says, in English: titles by their code, findings by the sentence they translate."""

import re
from collections.abc import Sequence

from cardnet.http.speech import CHINESE, ENGLISH
from cardnet.kernel.errors import FieldError
from cardnet.merchant_api.problem_words import GUIDE

_HAN = re.compile(r"[\u4e00-\u9fff]")

_SENTENCES: tuple[tuple[str, str], ...] = (
    ("缺少这个字段。", "This member is missing."),
    ("没有这个字段，请删去。", "There is no such member; leave it out."),
    ("应为 JSON 对象。", "Must be a JSON object."),
    ("不能为 null。", "Must not be null."),
    ("类型不对。", "Of the wrong type."),
    ("请只写一次。", "Give it once only."),
    ("应为 (\\S+) 到 (\\S+) 的整数。", r"Must be a whole number from \1 to \2."),
    (
        "应为 (\\S+) 到 (\\S+) 的整数，不带小数点和引号。",
        r"Must be a whole number from \1 to \2, without point or quotes.",
    ),
    ("应为文字。", "Must be text."),
    ("应为 (\\d+)–(\\d+) 个字符。", r"Must have \1–\2 characters."),
    ("含有不可打印的字符。", "Has characters that cannot be printed."),
    ("不能只有空格。", "Must not be spaces only."),
    (
        "应为 1–64 位字母、数字、_、. 或 -，以字母或数字开头。",
        "Must be 1–64 letters, digits, _, . or -, beginning with a letter or digit.",
    ),
    ("只能是数字。", "Digits only."),
    ("应为 true 或 false。", "Must be true or false."),
    ("应为日期，如 2026-11-21。", "Must be a date like 2026-11-21."),
    ("应为 UUID。", "Must be a UUID."),
    ("应为列表。", "Must be a list."),
    (
        "应为带时区的时间，如 2026-11-20T22:10:00\\+08:00。",
        "Must be a moment with an offset, like 2026-11-20T22:10:00+08:00.",
    ),
    ("应为 (\\d+) 字节的 base64url。", r"Must be base64url of \1 bytes."),
    ("最多 (\\d+) [项行]。", r"At most \1."),
    ("应为 (\\d+)–(\\d+) [条行]。", r"Must be \1–\2 of them."),
    ("应为 (\\d+) 到 (\\d+)。", r"Must be \1 to \2."),
    ("应为证件号码的最后四位。", "Must be the last four characters of the document's number."),
    ("行号 line_no 重复。", "A line_no comes twice."),
    ("明细行号不能重复。", "A line_no comes twice."),
    ("各行金额之和应等于 amount_fen。", "The lines must add up to amount_fen."),
    ("明细金额之和应等于总金额。", "The lines must add up to amount_fen."),
    ("明细金额不能为负。", "No line may be negative."),
    ("(\\w+) 与 (\\w+) 请只填一个。", r"Give \1 or \2, not both."),
    ("(\\w+)、(\\w+)、(\\w+) 请只填一个。", r"Give exactly one of \1, \2 and \3."),
    ("由单位结算时请填 group_ref（体检批次号）。", "Where the unit pays, group_ref names the group."),
    ("应为 16–64 位字母、数字、_ 或 -。", "Must be 16–64 letters, digits, _ or -."),
    ("应为上一份状态表的 seq。", "Must be the seq of the list you have."),
    ("预留时间应为 (\\d+)–(\\d+) 秒。", r"A hold lasts \1–\2 seconds."),
    ("金额应为 1 到 (\\d+) 分的整数。", r"Must be a whole number of fen from 1 to \1."),
    ("服务日期不能晚于今天。", "The day of service must not be after today."),
    ("退款金额应为大于零的整数（分）。", "A refund is a whole number of fen above zero."),
    ("退款合计不能超过核销金额。", "Refunds must not exceed what was captured."),
    ("原记录没有这一行，请核对行号。", "The sale has no such line."),
    ("这些行没有享受优惠，没有可退的金额。", "These lines had no benefit, so there is nothing to give back."),
    ("核销金额应大于零；不用的预留请撤销。", "A capture is above zero; reverse a hold that is not used."),
    ("核销金额不能超过预留金额。", "A capture must not exceed what is held."),
    (
        "请原样使用上一页给出的 next_cursor，筛选条件也不要改。",
        "Use next_cursor as it was given, with the same filter.",
    ),
)
_PATTERNS = tuple((re.compile(chinese), english) for chinese, english in _SENTENCES)
_ONE_OF = re.compile(r"应为 ([\w.]+(?:(?: 或 |、)[\w.]+)*)(?: 之一)?。")
_REST = "Not as the description of the API says it must be."
ADVICE_WORDS = {
    "duplicate_merchant_reference": "This merchant_ref was sent before; it is not redeemed again.",
    "signature_invalid": "The terminal's signature of this record is wrong; check the terminal's key.",
    "clock_error": "The till's clock and ours differ by more than two minutes, or the times do not fit; the union looks at it.",
    "revoked_key": "The key that signed this code has ended; the union looks at it.",
    "evidence_missing": "The card was stopped after the time given, and neither list_issued_at nor sent_at supports it; "
    "the union looks at it.",
    "withdrawn": "The till has undone this sale; it is not redeemed.",
    "invalid_fields": "What this record says was bought cannot be, for example a day of service after the sale.",
    "late_submission": "This record is older than 72 hours; the union looks at it.",
    "online_required": "Beyond what a terminal may give offline; the merchant bears this benefit.",
    "limit_exceeded": "The card was used offline too often that day; the merchant bears this benefit.",
    "limit_trimmed": "The till gave more than was due; what is too much will be dealt with.",
}
"""What is told of an advice under codes that mean something of their own there."""


def english(code: str, message: str, errors: Sequence[FieldError]) -> tuple[str, list[FieldError]]:
    """A problem's title and findings in English. A title that is English already stays."""
    guide = GUIDE.get(code)
    title = f"{guide.happened_en} {guide.to_do_en}" if guide and _HAN.search(message) else message
    return title, [FieldError(one.pointer, finding(one.message), one.code) for one in errors]


def finding(message: str) -> str:
    """One finding in English; what nobody foresaw is told in general, its pointer says where."""
    for pattern, words in _PATTERNS:
        if found := pattern.fullmatch(message):
            return found.expand(words)
    if found := _ONE_OF.fullmatch(message):
        return f"Must be one of: {', '.join(re.split(' 或 |、', found[1]))}."
    return _REST if _HAN.search(message) else message


def language_of(body: bytes) -> str | None:
    """In which language stored bytes were written: what a replay says of itself. None where there are no words."""
    texts = _TEXTS.findall(body.decode(errors="replace"))
    if not texts:
        return None
    return CHINESE if any(_HAN.search(text) for text in texts) else ENGLISH


_TEXTS = re.compile(r'"(?:title|message)":\s*"((?:[^"\\]|\\.)*)"')
