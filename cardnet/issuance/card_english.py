"""What the check of a list of cards from before says, in English; what it shares with rosters stands with them. Pure."""

from cardnet.kernel.phrasebook import Phrasebook

BOOK = Phrasebook(
    {
        "共 {rows} 行：新绑定 {tied}，以前已绑定 {known}，需要改正 {wrong}。": "{rows} rows: {tied} cards tied, {known} were tied before, {wrong} must be mended.",
        "表里没有“卡号”列：请补上这一列（列名写在表头那一行）后再导入。": "The sheet has no column “卡号”: add it, with its name in the line of headings, and send the file again.",
        "与第 {line} 行是同一个卡号：一张卡只属于一个人，请核对。": "The same card number as in line {line}: a card is one person's; look which of the two is right.",
        "卡号没有填写：请照卡面补填；还没有卡的人请放进采集表。": "The card number is missing: fill it in as the card has it; who has no card yet belongs on a roster.",
        "卡号的末几位被表格软件改掉了：请先把该列设为“文本”格式，再照卡面重新输入。": "The spreadsheet changed the last digits of the card number: set the column to text, then type it again from the card.",
        "卡号“{typed}”不像卡号：应为 6 至 30 位数字或字母，请照卡面改正。": "“{typed}” is no card number: it has 6 to 30 digits or letters; correct it by the card.",
        "证件类型没有填写或不能用：请填身份证等六种证件之一。": "The type of document is missing or not accepted: write one of the six accepted types.",
        "{column}“{typed}”不是可用的日期，没有采用：请写成 2018-04-28 这样。": "{column}: “{typed}” is no usable date and was left out: write it like 2018-04-28.",
        "卡有效期止“{typed}”不是可用的日期，没有采用。": "卡有效期止: “{typed}” is no usable date and was left out.",
        "这张卡已于 {day} 过期：请把此人放进采集表办新卡。": "This card expired on {day}: put the person on a roster for a new one.",
        "名册里没有此人：请先导入会员名册，再导入这张卡。": "This person is not on the register: take in the register first, then this card.",
        "此人的会籍在{union}：请由该工会导入。": "This person is a member at {union}: let that union send the card in.",
        "此人已登记为身故：请核对证件号码。": "This person is recorded as deceased: check the number.",
        "这个卡号已绑定在别人名下：请照卡面核对。": "This card number is tied to somebody else: compare it with the card.",
        "此人已有有效的卡：一个人只绑一张，请删去这一行。": "This person has a valid card: one for each person, so delete the row.",
        "此人正在申请新卡：请先撤回申请，再绑定已有的卡。": "This person has applied for a new card: take the application back first, then tie the card they have.",
        "名单中有卡刚刚由别人绑定，请重新导入一次。": "Somebody tied one of these cards just now: send the list again.",
        "与第 {line} 行是同一个人：只留一张卡。": "The same person as in line {line}: keep one card.",
    },
    quoted=("typed", "column", "union"),
)  # fmt: skip
