"""What a check of a file says, in English: the checker speaks Chinese, and its sentences are kept so.

An English reader gets the same sentence by its pattern, with what was typed quoted as it stands in the file. What
cells must say stays Chinese in either language, since it is typed into a Chinese sheet. Pages, calls, commands and
the result workbook all ask here; who is an English reader is theirs to know. Pure.
"""

from collections.abc import Callable

from cardnet.kernel.phrasebook import Phrasebook

Say = Callable[[str], str]
"""A sentence of the checker → the same in the reader's language."""

_PATTERNS = {
    # Names.
    "姓名没有填写：请按证件补填。": "The name is missing: fill it in as the document has it.",
    "姓名超过 {most} 个字：请只填姓名。": "The name has more than {most} characters: give the name alone.",
    "姓名里有造字（别的电脑上显示不出来）：请用输入法重新输入这个字。": "The name has a character made up on one computer, which others cannot show: type it again with an ordinary input method.",
    "姓名里有“{sign}”：请按证件填写，只留文字和间隔号。": "The name has “{sign}” in it: write it as the document has it, letters and the middle dot only.",
    "姓名不完整：请按证件填写。": "The name is not complete: write it as the document has it.",
    "此人已登记为身故：请核对证件号码；登记有误请联系上级工会更正。": "This person is recorded as deceased: check the number; if the record is wrong, ask the union above to correct it.",
    "此人已有有效的会员服务卡，不能再办：请删去这一行；卡丢了请办理补卡。": "This person has a valid card: delete the row; a lost card is replaced, not applied for again.",
    "此人已有办理中的申请，不会重复提交：这一行不用改，等申请办完即可。": "This person has an application in process and gets no second one: leave the row as it is and wait.",
    "此人的会籍现在在{where}，并已有卡：提交后会向对方提出转接，原卡继续用，不用再办。": "This person is a member at {where} and has a card: a transfer will be proposed to them; the card goes on working.",
    "此人的会籍现在在{where}：提交后会向对方提出转接，卡和待遇不受影响。": "This person is a member at {where}: a transfer will be proposed to them; card and benefits are not touched.",
    # Documents.
    "证件类型“{typed}”不能用来办卡：请填{listed}之一，并填写该证件的号码。": "“{typed}” is no document a card is issued on: write one of {listed}, and that document's number.",
    "证件类型没有填写：请填{listed}之一，并填写该证件的号码。": "The type of document is missing: write one of {listed}, and that document's number.",
    "证件号码没有填写：请按证件补填。": "The document's number is missing: fill it in.",
    "证件号码前六位不在行政区划代码表里：请对照证件看一遍，无误则不必改。": "The first six digits are no area code on the list: look at the document once more; if they are right, change nothing.",
    "这个号码是{other}的号码，与证件类型“{named}”不符：请改正证件类型或号码。": "This is the number of a {other}, not of a {named}: correct the type or the number.",
    "证件号码里的出生日期 {day} 不存在或不可能：请对照证件改正号码。": "The birth date {day} in the number does not exist or cannot be: correct the number by the document.",
    "证件号码的校验位不对，至少有一位写错：请对照证件逐位改正。": "The check digit is wrong, so at least one digit is: compare the number with the document digit by digit.",
    "证件号码的最后三位被表格软件改成了 000：请先把该列设为“文本”格式，再按证件重新输入 18 位号码。": "The spreadsheet turned the last three digits into 000: set the column to text, then type the 18 characters again.",
    "15 位的旧身份证号码已停用：请按现在的身份证填写 18 位号码。": "Old numbers of 15 digits are no longer valid: write the 18 characters of the present card.",
    "{name}只填前面的号码（{shape}），不填最后两位换证次数：请删去后两位。": "Of a {name} give the number alone ({shape}), without the two digits that count renewals: delete them.",
    "{name}的号码应为{shape}，这里是 {length} 位：请对照证件改正。": "The number of a {name} has {shape}; this one has {length}: correct it by the document.",
    "证件已于 {day} 过期：可以提交，请提醒本人换证。": "The document expired on {day}: the row can be submitted; remind the person to renew it.",
    # Sex, phone, union, employment, consent.
    "性别填“{sex}”，证件号码上是“{said}”：请核对号码是不是本人的，再改正其中一项。": "The row says “{sex}”, the number says “{said}”: make sure the number is this person's, then correct one of the two.",
    "手机号码没有填写：请填本人 11 位手机号。": "The phone number is missing: give the person's own, 11 digits.",
    "手机号码应为 1 开头的 11 位数字，一格只填一个号码：请改正。": "A mobile number has 11 digits and begins with 1, one number a cell: correct it.",
    "手机号码与第 {line} 行相同：夫妻合用可以不改，填错了请改正。": "The same phone number as in line {line}: a couple may share one; if it is a slip, correct it.",
    "所属工会编码没有填写：请填上级工会给的编码。": "The union's code is missing: write the one the union above gave you.",
    "没有编码为“{typed}”的工会：请对照工会编码表改正。": "No union has the code “{typed}”: correct it by the list of codes.",
    "“{code}”不在您负责的工会范围内：请改正编码，或请该工会自己上报。": "“{code}” is not among the unions you are responsible for: correct the code, or let that union send its own list.",
    "用工形式没有填写：请填{listed}之一。": "The form of employment is missing: write one of {listed}.",
    "用工形式“{typed}”不符合办卡条件：请删去这一行；填错了请改正。": "“{typed}” gives no right to a card: delete the row; if it is a slip, correct it.",
    "用工形式“{typed}”看不懂：请填{listed}之一。": "“{typed}” is no form of employment we know: write one of {listed}.",
    "本人暂不办：已记录本人答复，不生成申请。": "The person wants no card for now: the answer is recorded, there is no application.",
    "本人同意填的“{typed}”看不懂：请填“是”或“否”。": "“{typed}” is no answer we understand: write 是 (yes) or 否 (no).",
    "本人同意没有填写：请问过本人并留存签字的《告知同意书》后填“是”或“否”。": "The person's answer is missing: ask, keep the signed consent form, then write 是 (yes) or 否 (no).",
    # The file and the quota.
    "与第 {line} 行是同一个证件号码：同一人只留一行，请删去多余的一行。": "The same document number as in line {line}: keep one row for one person and delete the other.",
    "本年名额还剩 {free} 个，这是第 {nth} 人：可以提交，先进入候补；或请上级工会增拨名额。": "{free} places are left this year and this is person {nth}: the row can be submitted and waits in line; or ask the union above for more places.",
    "{column}填的“{typed}”看不懂，没有采用：不影响办卡。": "{column}: “{typed}” is not understood and was left out; the card is not affected.",
    "{column}“{typed}”不是可用的日期，没有采用：请写成 2018-04-28 这样，或留空。": "{column}: “{typed}” is no usable date and was left out: write it like 2018-04-28, or leave it blank.",
    "{column}这一格显示公式错误 {fault}：请改成实际内容，或复制后用“选择性粘贴—数值”。": "{column}: the cell shows the formula error {fault}: type what it should say, or copy and paste as values.",
    "{column}这一格是没有算出结果的公式：请在 Excel 或 WPS 里打开、保存一次，或改成实际内容。": "{column}: the cell holds a formula that was never computed: open and save the file in Excel or WPS, or type what it should say.",
    # About the file as a whole.
    "有 {count} 人在隐藏的行里（第 {lines} 行），也一起读了：不想提交请删去这些行。": "{count} people stand in hidden lines (line {lines}) and were read too: delete those lines if they are not to be submitted.",
    "工作表“{other}”里也有一份名单，本次只读了“{read}”：请合并成一张表，或分开上传。": "The sheet “{other}” holds a list as well; only “{read}” was read: put them into one sheet, or upload them one by one.",
    "“{heading}”一列当作“{column}”来读：如果不是，请把列名改清楚再传。": "The column “{heading}” was read as “{column}”: if it is something else, rename it and upload again.",
    "第 {line} 行是{reason}，没有当作人员读取。": "Line {line} is no person ({reason}) and was passed over.",
    "缺“{column}”列：请补上这一列。": "No column “{column}”: add it.",
    "表里没有“{column}”列，所以每一行都缺这一项：请补上这一列，每行填是或否。": "The file has no column “{column}”, so every row lacks it: add the column and write 是 (yes) or 否 (no) in each row.",
    "表里没有“{column}”列，所以每一行都缺这一项：请补上这一列，每行填{listed}之一。": "The file has no column “{column}”, so every row lacks it: add the column and write one of {listed} in each row.",
    "表里没有“{column}”列，所以每一行都缺这一项：请补上这一列。": "The file has no column “{column}”, so every row lacks it: add the column.",
    # Why a file cannot be read at all.
    "文件{file}是空的：请打开它确认有内容，保存后再上传。": "The file {file} is empty: open it, see that something stands in it, save it and send it again.",
    "文件{file}里没有内容：请确认名单在可见的工作表里，保存后再上传。": "Nothing can be seen in the file {file}: put the list on a sheet that is not hidden, save it and send it again.",
    "文件{file}是{kind}，不是表格：请用 Excel 或 WPS 打开，另存为 .xlsx 后再上传。": "The file {file} is no spreadsheet ({kind}): open it with Excel or WPS, save it as .xlsx and send that.",
    "文件{file}设了打开密码：请在 Excel 或 WPS 里取消密码，保存后再上传。": "The file {file} opens with a password only: remove it in Excel or WPS, save the file and send it again.",
    "文件{file}读不出来，可能已损坏：请用 Excel 或 WPS 打开，另存为 .xlsx 后再上传。": "The file {file} cannot be read and may be damaged: open it with Excel or WPS, save it as .xlsx and send that.",
    "文件{file}的文字编码认不出来：请用 Excel 或 WPS 打开，另存为 .xlsx 或“CSV UTF-8”后再上传。": "The letters of the file {file} are in no encoding we know: open it with Excel or WPS, save it as .xlsx or “CSV UTF-8” and send that.",
    "文件超过 {limit} MB：请删去图片和多余的工作表，或按单位分成几个文件。": "The file is larger than {limit} MB: take out pictures and sheets not needed, or send one file for each unit.",
    "表格展开后太大：请检查很远的行列里是否有多余内容，只保留名单，复制到新工作簿后再上传。": "Unpacked, the sheet is too large: look for something in far-off lines or columns, copy the list alone to a new workbook and send that.",
    "表格超过 {limit} 行：请按单位分成几个文件上传。": "The sheet has more than {limit} lines: send one file for each unit.",
    "没有找到表头：表里要有一行写着“姓名”“证件号码”“手机号码”等列名，名单从它的下一行开始。": "No heading was found: one line of the sheet must name its columns (“姓名”, “证件号码”, “手机号码” and so on), and the list begins below it.",
    "表头下面没有名单：请从表头的下一行开始逐行填写后再上传。": "Nobody stands below the heading: fill in one person a line, beginning below it, and send the file again.",
    "表里没有{columns}列：请补上这一列（列名写在表头那一行）后再上传。": "The sheet has no column {columns}: add it, with its name in the line of headings, and send the file again.",
    # What a command says around it.
    "共 {rows} 行：可以提交 {valid}，暂不办 {declined}，需要修改 {wrong}，已在办理 {running}。": "{rows} rows: {valid} can be sent in, {declined} want no card for now, {wrong} must be mended, {running} are in process already.",
    "共 {rows} 行：可以提交 {valid}，暂不办 {declined}，需要修改 {wrong}。": "{rows} rows: {valid} can be sent in, {declined} want no card for now, {wrong} must be mended.",
    "第 {line} 行 {column}：": "Line {line}, {column}: ",
    "检查结果已写入 {report}": "The result is in {report}",
    "这份名单以前已经提交过，没有重复生成。": "This list was sent in before; nothing was made twice.",
    "批次 {batch}：共 {rows} 行，已提交 {sent}，候补 {waiting}，暂不办 {declined}，需要修改 {wrong}。": "Batch {batch}: {rows} rows, {sent} sent in, {waiting} waiting for a place, {declined} want no card for now, {wrong} must be mended.",
    "共 {rows} 人：新入册 {added}，已在册 {known}，会籍在其他工会 {elsewhere}，有错未入册 {wrong}。": "{rows} people: {added} new on the register, {known} were on it, {elsewhere} are members elsewhere, {wrong} left out for an error.",
    # The verdict on a row, and the headings of the two columns that say it.
    "状态": "Status", "原因": "Reason", "代码": "Code", "可以提交": "can be sent in", "可以提交，有提醒": "can be sent in, with a warning",
    "本人暂不办": "wants no card for now", "需要改正": "must be mended", "已在办理": "in process already",
}  # fmt: skip
# A file may come without a name.
_PATTERNS |= {
    said.replace("{file}", ""): words.replace(" {file}", "") for said, words in _PATTERNS.items() if "{file}" in said
}
_WORDS = {
    "男": "male", "女": "female",
    "居民身份证": "resident ID card", "港澳居民来往内地通行证": "mainland travel permit for Hong Kong and Macao residents",
    "台湾居民来往大陆通行证": "mainland travel permit for Taiwan residents", "护照": "passport",
    "外国人永久居留身份证": "foreign permanent resident ID card",
    "港澳台居民居住证": "residence permit for Hong Kong, Macao and Taiwan residents",
    "18 位（最后一位可以是 X）": "18 characters (the last may be X)", "18 位，以 81、82 或 83 开头": "18 digits beginning with 81, 82 or 83",
    "18 位并以 9 开头，旧证为 3 个字母加 12 位数字": "18 digits beginning with 9, older ones 3 letters and 12 digits",
    "字母 H 或 M 加 8 位数字": "H or M and 8 digits", "8 位数字": "8 digits", "5 至 17 位字母和数字": "5 to 17 letters and digits",
    "另一个工会": "another union", "填写示例": "an example", "重复的表头": "the heading again", "填写说明": "instructions",
    "合计或落款": "a total or a signature", "说明文字": "a remark",
    "图片": "a picture", "压缩包": "an archive", "文档": "a text document", "网页": "a web page",
}  # fmt: skip
"""What our own sentences put into the gaps; anything else there is quoted from the file."""
BOOK = Phrasebook(_PATTERNS, _WORDS, quoted=("typed", "sign", "code", "column", "heading", "listed"))
"""Quoted is what stands in the sheet, or must: it is never translated."""


def as_written(sentence: str) -> str:
    """To a reader of Chinese."""
    return sentence


def in_english(sentence: str) -> str:
    """To a reader of English; what has no English stays as it is."""
    return english(sentence) or sentence


def english(sentence: str) -> str | None:
    """A sentence of the checker in English; None for one that is not the checker's."""
    return BOOK.english(sentence)
