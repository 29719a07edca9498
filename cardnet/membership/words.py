"""The words offices fill into the columns, and how lines begin that name nobody: data."""

from types import MappingProxyType

from cardnet.membership.rules import Answer, Employment, IdType, Sex

ID_TYPES: MappingProxyType[str, IdType] = MappingProxyType(
    {
        spelling: id_type
        for id_type, spellings in {
            IdType.RESIDENT: (
                "1",
                "01",
                "居民身份证",
                "身份证",
                "二代身份证",
                "第二代身份证",
                "二代证",
                "中国居民身份证",
                "中华人民共和国居民身份证",
                "大陆居民身份证",
                "内地居民身份证",
                "公民身份证",
                "居民身份证(户口簿)",
                "临时居民身份证",
                "临时身份证",
                "户口簿",
                "IDCARD",
            ),
            IdType.HK_MO_PERMIT: (
                "2",
                "02",
                "港澳居民来往内地通行证",
                "港澳居民往来内地通行证",
                "港澳来往内地通行证",
                "港澳通行证",
                "港澳居民通行证",
                "回乡证",
                "港澳回乡证",
                "香港居民来往内地通行证",
                "澳门居民来往内地通行证",
                "港澳居民来往内地通行证(回乡证)",
            ),
            IdType.TW_PERMIT: (
                "3",
                "03",
                "台湾居民来往大陆通行证",
                "台湾居民往来大陆通行证",
                "台湾来往大陆通行证",
                "台湾通行证",
                "台胞证",
                "台湾居民来往大陆通行证(台胞证)",
            ),
            IdType.PASSPORT: (
                "4",
                "04",
                "护照",
                "外国护照",
                "外国人护照",
                "中国护照",
                "普通护照",
                "因私护照",
                "PASSPORT",
            ),
            IdType.FOREIGN_RESIDENT: (
                "5",
                "05",
                "外国人永久居留身份证",
                "外国人永久居留证",
                "外国人居留身份证",
                "外国人永居证",
                "外国人永久居留身份证(五星卡)",
                "永久居留身份证",
                "永居证",
                "永居身份证",
            ),
            IdType.HK_MO_TW_RESIDENCE: (
                "6",
                "06",
                "港澳台居民居住证",
                "港澳台居住证",
                "港澳居民居住证",
                "台湾居民居住证",
                "香港居民居住证",
                "澳门居民居住证",
                "中华人民共和国港澳居民居住证",
                "中华人民共和国台湾居民居住证",
            ),
        }.items()
        for spelling in spellings
    }
)
"""As typed → the document. The digits are those of the drop-downs some cities use (domain.md §2.2)."""

EMPLOYMENTS: MappingProxyType[str, Employment] = MappingProxyType(
    {
        spelling: employment
        for employment, spellings in {
            Employment.ESTABLISHED: (
                "在编",
                "在编人员",
                "编制内",
                "编内",
                "事业编",
                "事业编制",
                "事业在编",
                "行政编",
                "行政编制",
                "公务员",
                "参公",
                "正式",
                "正式工",
                "正式职工",
                "正式员工",
                "在册正式",
            ),
            Employment.CONTRACT: (
                "合同",
                "合同制",
                "合同工",
                "劳动合同",
                "劳动合同制",
                "合同制职工",
                "合同制员工",
                "合同聘用",
                "聘用",
                "聘用制",
                "聘用合同",
                "固定期限合同",
                "固定期限劳动合同",
                "无固定期限合同",
                "无固定期限劳动合同",
                "全日制",
                "编外",
                "编外合同",
                "编外聘用",
                "人事代理",
                "在职",
            ),
            Employment.DISPATCHED: (
                "劳务派遣",
                "派遣",
                "派遣工",
                "派遣制",
                "劳务派遣工",
                "劳务派遣制",
                "派遣员工",
                "派遣制员工",
                "第三方派遣",
                "人才派遣",
            ),
            Employment.PLATFORM: (
                "新就业形态",
                "新就业形态劳动者",
                "新就业",
                "新业态",
                "新业态劳动者",
                "平台",
                "平台用工",
                "网约",
                "骑手",
                "快递员",
                "外卖员",
                "网约车司机",
                "货车司机",
                "新就业群体",
            ),
            Employment.FLEXIBLE: (
                "灵活就业",
                "灵活",
                "灵活用工",
                "灵活就业人员",
                "非全日制",
                "非全日制用工",
                "个体",
                "个体工商户",
                "自由职业",
            ),
        }.items()
        for spelling in spellings
    }
)

NOT_ELIGIBLE = (
    "退休返聘",
    "返聘",
    "退休",
    "临聘",
    "临时聘用",
    "临时",
    "实习",
    "见习",
    "外包",
    "劳务外包",
    "兼职",
    "离休",
    "内退",
)
"""Words in 用工形式 of people who cannot hold a card: they are told so, and are not asked to correct a typing error."""

SEXES: MappingProxyType[str, Sex] = MappingProxyType(
    {
        word: sex
        for sex, words in {
            Sex.MALE: ("男", "男性", "M", "MALE", "1", "先生"),
            Sex.FEMALE: ("女", "女性", "F", "FEMALE", "2", "女士"),
        }.items()
        for word in words
    }
)

_GIVEN = (
    "是",
    "同意",
    "本人同意",
    "已同意",
    "同意办理",
    "同意办卡",
    "愿意",
    "愿意办理",
    "办",
    "办理",
    "办卡",
    "要",
    "已签",
    "已签署",
    "已签字",
    "是(同意)",
    "是,同意",
    "有",
    "Y",
    "YES",
    "TRUE",
    "T",
    "1",
    "√",
    "✓",
    "✔",
    "☑",
    "对",
    "V",
)
_DECLINED = (
    "否",
    "不同意",
    "本人不同意",
    "暂不同意",
    "不愿意",
    "不办",
    "不办理",
    "不办卡",
    "暂不办",
    "暂不办理",
    "本人暂不办",
    "本人不办",
    "暂缓",
    "暂缓办理",
    "不要",
    "不",
    "不是",
    "放弃",
    "自愿放弃",
    "否(不同意)",
    "N",
    "NO",
    "FALSE",
    "F",
    "0",
    "×",
    "✗",
    "✘",
    "X",
)
ANSWERS: MappingProxyType[str, Answer] = MappingProxyType(
    {**dict.fromkeys(_GIVEN, Answer.GIVEN), **dict.fromkeys(_DECLINED, Answer.DECLINED)}
)

NOTHING = frozenset(
    [
        "",
        "无",
        "没有",
        "否",
        "不是",
        "非",
        "/",
        "\\",
        "-",
        "--",
        "—",
        "——",
        "0",
        "N",
        "NO",
        "FALSE",
        "未",
        "×",
        "X",
        "暂无",
        "非劳模",
        "非困难",
    ]
)
"""Words by which an optional column says that there is nothing to say."""

NO_EXPIRY = frozenset(
    [
        "长期",
        "长期有效",
        "永久",
        "永久有效",
        "长久",
        "长 期",
        "无期限",
        "LONGTERM",
        "9999-12-31",
        "99991231",
        "9999.12.31",
        "2099-12-31",
        "20991231",
    ]
)

FOOTERS = (
    "合计",
    "总计",
    "小计",
    "共计",
    "累计",
    "总人数",
    "合计人数",
    "人数合计",
    "制表人",
    "制表单位",
    "制表日期",
    "制表",
    "填表人",
    "填表单位",
    "填表日期",
    "填报人",
    "填报单位",
    "填报日期",
    "填报时间",
    "审核人",
    "审批人",
    "复核人",
    "经办人",
    "负责人",
    "联系人",
    "工会主席",
    "工会负责人",
    "单位负责人",
    "单位盖章",
    "单位(盖章)",
    "工会盖章",
    "工会(盖章)",
    "(盖章)",
    "盖章",
    "公章",
    "报送单位",
    "报送日期",
    "注:",
    "备注:",
    "说明:",
    "填表说明",
    "填写说明",
    "填报说明",
    "注意事项",
)
"""How lines begin that close a table and name nobody."""

EXAMPLES = ("示例", "样例", "范例", "例:", "填写示例", "举例", "例如")
HINTS = frozenset(["必填", "选填", "必填项", "选填项", "(必填)", "(选填)", "下拉选择", "文本格式", "自动生成"])
