"""What the check of a list of uses from before says, in English; what it shares with rosters stands with them. Pure."""

from cardnet.kernel.phrasebook import Phrasebook

BOOK = Phrasebook(
    {
        "共 {rows} 行：计入 {stored}（{people} 人），以前已计入 {known}，需要改正 {wrong}。": "{rows} rows: {stored} uses counted ({people} people), {known} were counted before, {wrong} must be mended.",
        "导错了可以撤回：cardnet past-uses take-back {file} --reason …": "To take a wrong list back: cardnet past-uses take-back {file} --reason …",
        "表头下面没有记录：请从表头的下一行开始逐行填写后再上传。": "Nothing stands below the heading: fill in one use a line, beginning below it, and send the file again.",
        "没有找到表头：表里要有一行写着“项目编号”“使用日期”，和“卡号”或“证件号码”，记录从它的下一行开始。": "No heading was found: one line of the sheet must name “项目编号”, “使用日期”, and “卡号” or “证件号码”; the uses begin below it.",
        "卡号和证件号码都没有填写：请填其中一项。": "Neither card number nor document's number is there: fill in one of them.",
        "卡号的末几位被表格软件改掉了：请先把该列设为“文本”格式，再照卡面重新输入。": "The spreadsheet changed the last digits of the card number: set the column to text, then type it again from the card.",
        "卡号“{typed}”不像卡号：应为 6 至 30 位数字或字母，请照卡面改正。": "“{typed}” is no card number: it has 6 to 30 digits or letters; correct it by the card.",
        "证件类型“{typed}”看不懂：请填居民身份证等名册里的证件类型。": "“{typed}” is no type of document we know: write one of those on the register, such as 居民身份证.",
        "项目没有填写：请填项目编号或项目名称。": "The program is missing: write its code or its name.",
        "使用日期没有填写：请填当天的日期，例如 2026-03-12。": "The day of use is missing: write it like 2026-03-12.",
        "使用日期“{typed}”看不懂：请写成 2026-03-12 这样。": "“{typed}” is no day we understand: write it like 2026-03-12.",
        "使用日期 {day} 还没有到：请核对年份和月份。": "The day of use, {day}, is still to come: check year and month.",
        "金额“{typed}”看不懂：请填元，最多两位小数，例如 100 或 99.50。": "“{typed}” is no amount we understand: yuan with two decimals at most, such as 100 or 99.50.",
        "次数“{typed}”看不懂：请填 1 到 {most} 的整数，不填就是 1 次。": "“{typed}” is no number of times: a whole number from 1 to {most}; blank is once.",
        "没有项目“{typed}”：请填系统里的项目编号或名称。": "There is no program “{typed}”: write the code or name it has here.",
        "此人这一天的这个项目以前已计入，次数或金额与这一行不同：要更正请先撤回那次导入，再导入改好的名单。": "This person's use of that day was counted before, with other times or another amount: to correct it take that list back first, then send the mended one.",
        "与第 {line} 行是同一人、同一项目、同一天：真有几次请写在“次数”列，金额写合计，只留一行。": "The same person, program and day as in line {line}: several uses are one line, with the column “次数” and the sum of their amounts.",
        "这一天此人已在合作商户核销过这个项目，限额里已经算了：请删去这一行。": "This person used the program at a partner that day, which counts already: delete the row.",
        "没有卡号末四位为 {typed} 的卡：请照卡面核对，或改填证件号码。": "There is no card that ends in {typed}: compare it with the card, or give the document's number.",
        "名册里没有此人：请核对证件号码，或先导入会员名册。": "This person is not on the register: check the number, or take in the register first.",
        "卡号和证件号码不是同一个人的：请核对后只留对的一项。": "Card and document are not one person's: keep the one that is right.",
        "此人的会籍不在您的管理范围内：请由所在工会或上级导入。": "This person is no member of a union you are responsible for: let their union or the one above send it.",
        "“{typed}”还没有批准的执行标准，不知道限额怎样算：请先批准。": "“{typed}” has no approved rules, so its limits are not known: approve them first.",
        "“{typed}”按金额限额，请填这次享受的金额（元）。": "“{typed}” is limited by amount: write how much was given (yuan).",
        "超过“{typed}”的限额（{period}）：最多 {most} 次，已用 {used} 次。请核对日期、次数和金额。": "Above the limit of “{typed}” ({period}): {most} times at most, {used} used. Check day, times and amount.",
        "超过“{typed}”的限额（{period}）：最多 {most} 元，已用 {used} 元。请核对日期、次数和金额。": "Above the limit of “{typed}” ({period}): {most} yuan at most, {used} used. Check day, times and amount.",
        "超过“{typed}”的限额：最多 {most} 次，已用 {used} 次。请核对日期、次数和金额。": "Above the limit of “{typed}”: {most} times at most, {used} used. Check day, times and amount.",
        "超过“{typed}”的限额：最多 {most} 元，已用 {used} 元。请核对日期、次数和金额。": "Above the limit of “{typed}”: {most} yuan at most, {used} used. Check day, times and amount.",
    }
)  # fmt: skip
