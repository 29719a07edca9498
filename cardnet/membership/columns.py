"""The columns of a roster or register and the spellings offices use for them: data."""

import enum
from types import MappingProxyType


class Column(enum.StrEnum):
    """The built-in template, in its order; the value is the heading it prints."""

    NUMBER = "序号"
    NAME = "姓名"
    ID_TYPE = "证件类型"
    ID_NUMBER = "证件号码"
    ID_VALID_UNTIL = "证件有效期止"
    SEX = "性别"
    PHONE = "手机号码"
    UNIT = "所属工会编码"
    DEPARTMENT = "部门"
    EMPLOYMENT = "用工形式"
    JOINED_ON = "入会日期"
    MODEL_WORKER = "劳模类别"
    HARDSHIP = "困难类别"
    FRONT_LINE = "一线职工"
    SPECIAL_POST = "特殊岗位"
    CONSENT = "本人同意"
    CONSENT_ON = "同意日期"
    REMARK = "备注"


RESIDENT_ID_HEADINGS = frozenset(
    [
        "身份证",
        "身份证号",
        "身份证号码",
        "居民身份证",
        "居民身份证号",
        "居民身份证号码",
        "公民身份号码",
        "公民身份证号码",
        "二代身份证号码",
        "身份证编号",
    ]
)
"""Headings of 证件号码 that say at the same time which document it is."""

SPELLINGS: MappingProxyType[Column, tuple[str, ...]] = MappingProxyType(
    {
        # Where a file has two columns of one meaning, the spelling that stands earlier here is taken.
        Column.NUMBER: ("序号", "编号", "序", "NO", "NO.", "行号", "顺序号"),
        Column.NAME: (
            "姓名",
            "会员姓名",
            "职工姓名",
            "员工姓名",
            "本人姓名",
            "真实姓名",
            "持卡人姓名",
            "申请人姓名",
            "办卡人姓名",
            "名字",
            "NAME",
        ),
        Column.ID_TYPE: (
            "证件类型",
            "证件种类",
            "证件类别",
            "身份证件类型",
            "身份证件种类",
            "证件名称",
            "有效证件类型",
            "IDTYPE",
        ),
        Column.ID_NUMBER: (
            "证件号码",
            "证件号",
            "证件编号",
            "身份证件号码",
            "身份证件号",
            "有效证件号码",
            "证照号码",
            "身份证/证件号码",
            "身份证号/证件号",
            "IDNUMBER",
            "IDNO",
            *sorted(RESIDENT_ID_HEADINGS),
        ),
        Column.ID_VALID_UNTIL: (
            "证件有效期止",
            "证件有效期截止",
            "证件有效期至",
            "证件有效期",
            "证件到期日",
            "证件到期日期",
            "证件截止日期",
            "身份证有效期",
            "身份证有效期止",
            "身份证有效期至",
            "身份证到期日",
            "身份证件有效期",
            "有效期止",
            "有效期至",
            "有效期限",
            "有效期",
        ),
        Column.SEX: ("性别", "男/女", "SEX", "GENDER"),
        Column.PHONE: (
            "手机号码",
            "手机号",
            "手机",
            "移动电话",
            "移动电话号码",
            "本人手机",
            "本人手机号",
            "本人手机号码",
            "联系手机",
            "联系手机号",
            "手机号码(本人)",
            "联系电话",
            "联系方式",
            "联系号码",
            "电话号码",
            "电话",
            "MOBILE",
            "PHONE",
            "TEL",
        ),
        Column.UNIT: (
            "所属工会编码",
            "工会编码",
            "所属工会代码",
            "工会代码",
            "工会编号",
            "工会组织编码",
            "工会组织代码",
            "基层工会编码",
            "基层工会代码",
            "所在工会编码",
            "单位工会编码",
            "单位编码",
            "单位代码",
            "组织编码",
            "所属工会",
            "所在工会",
            "所属基层工会",
            "基层工会",
            "所属工会名称",
            "工会名称",
            "基层工会名称",
        ),
        Column.DEPARTMENT: (
            "部门",
            "所在部门",
            "所属部门",
            "部门名称",
            "科室",
            "车间",
            "班组",
            "部门/车间",
            "部门/班组",
            "部门/车间/班组",
            "车间/班组",
            "车间班组",
            "工作部门",
            "DEPARTMENT",
        ),
        Column.EMPLOYMENT: (
            "用工形式",
            "用工方式",
            "用工类型",
            "用工性质",
            "用工类别",
            "就业形式",
            "就业形态",
            "就业类型",
            "人员类别",
            "人员性质",
            "职工类别",
            "职工类型",
            "合同类型",
            "编制类型",
        ),
        Column.JOINED_ON: (
            "入会日期",
            "入会时间",
            "加入工会日期",
            "加入工会时间",
            "入会年月",
            "入工会时间",
            "入工会日期",
        ),
        Column.MODEL_WORKER: ("劳模类别", "劳模级别", "劳模等级", "劳模", "是否劳模", "劳动模范", "劳模称号"),
        Column.HARDSHIP: (
            "困难类别",
            "困难级别",
            "困难等级",
            "困难职工类别",
            "困难职工",
            "是否困难职工",
            "困难类型",
            "帮扶类别",
        ),
        Column.FRONT_LINE: ("一线职工", "是否一线职工", "是否一线", "一线", "一线标志", "一线岗位"),
        Column.SPECIAL_POST: ("特殊岗位", "特殊工种", "特殊岗位类别", "是否特殊岗位"),
        Column.CONSENT: (
            "本人同意",
            "本人是否同意",
            "是否同意",
            "是否本人同意",
            "是否同意办卡",
            "本人是否同意办卡",
            "本人同意办卡",
            "同意办卡",
            "本人意愿",
            "办卡意愿",
            "是否办卡",
            "是否办理",
            "是否愿意办卡",
            "是否申请办卡",
            "本人确认",
            "本人授权",
            "告知同意",
            "同意",
        ),
        Column.CONSENT_ON: ("同意日期", "同意时间", "本人同意日期", "签署日期", "签字日期", "授权日期", "确认日期"),
        Column.REMARK: ("备注", "备 注", "说明", "REMARK"),
    }
)

HEADINGS: MappingProxyType[str, tuple[Column, int]] = MappingProxyType(
    {
        spelling.replace(" ", ""): (column, rank)
        for column, spellings in SPELLINGS.items()
        for rank, spelling in enumerate(spellings)
    }
)
"""Spelling → its column and how good a spelling it is (0 is best)."""
