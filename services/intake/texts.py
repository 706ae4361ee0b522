"""What faults say to a person, in English and Chinese: one row per stable code. Used by the API and the pages."""

from collections.abc import Iterable

from services.intake.rules.faults import Fault
from shared.http.problems import FieldError
from shared.web.languages import Language

TEXTS: dict[str, tuple[str, str]] = {
    # Form
    "json_invalid": ("The body is not JSON: {error}", "内容不是有效的 JSON：{error}"),
    "missing": ("This is required.", "此项必填。"),
    "unknown_field": ("There is no such field.", "没有这个字段。"),
    "not_one_of": ("Must be one of {expected}.", "必须是以下之一：{expected}。"),
    "not_text": ("Must be text.", "必须是文本。"),
    "too_long": ("Must have at most {max_length} characters.", "最多 {max_length} 个字符。"),
    "too_short": ("Must have at least {min_length} characters.", "至少 {min_length} 个字符。"),
    "too_many": ("Must have at most {max_length} entries.", "最多 {max_length} 项。"),
    "too_few": ("Must have at least {min_length} entries.", "至少 {min_length} 项。"),
    "wrong_form": ("Does not have the form {pattern}.", "格式不符：应为 {pattern}。"),
    "not_whole_number": ("Must be a whole number.", "必须是整数。"),
    "not_number": ("Must be a number.", "必须是数字。"),
    "not_boolean": ("Must be true or false.", "必须是 true 或 false。"),
    "not_object": ("Must be an object.", "必须是对象。"),
    "not_list": ("Must be a list.", "必须是列表。"),
    "too_small": ("Too small (least: {ge}{gt}).", "数值过小（下限：{ge}{gt}）。"),
    "too_large": ("Too large (most: {le}{lt}).", "数值过大（上限：{le}{lt}）。"),
    "not_date": ("Must be a date such as 2023-02-20.", "必须是日期，例如 2023-02-20。"),
    "not_time": ("Must be a time such as 2023-02-20T08:00:00+08:00.", "必须是时间，例如 2023-02-20T08:00:00+08:00。"),
    "time_without_offset": ("The time needs an offset, such as +08:00.", "时间须带时区偏移，例如 +08:00。"),
    "not_valid": ("Not valid: {error}", "无效：{error}"),
    # Codes of enterprises
    "uscc_length": ("A unified social credit code has 18 characters.", "统一社会信用代码应为 18 位。"),
    "uscc_characters": (
        "{code} holds characters that a unified social credit code cannot have.",
        "{code} 含有统一社会信用代码不允许的字符。",
    ),
    "uscc_check_digit": (
        "The check digit of {code} is wrong (GB 32100-2015): look for a typing slip.",
        "{code} 校验位不正确（GB 32100-2015），请核对是否有误。",
    ),
    # Checklists
    "unknown_checklist": (
        "There is no checklist {checklist}; known: {known}.",
        "没有检查表 {checklist}；可用：{known}。",
    ),
    "checklist_not_yet_in_force": (
        "{checklist} is in force from {since}; the inspection was on {day}.",
        "{checklist} 自 {since} 起施行，而检查日期为 {day}。",
    ),
    "checklist_no_longer_in_force": (
        "{checklist} was no longer in force on {day}.",
        "{checklist} 在 {day} 已不再施行。",
    ),
    "checklist_not_in_force": ("{checklist} was not in force on {day}.", "{checklist} 在 {day} 未施行。"),
    "unknown_item": ("{checklist} has no item {item}.", "{checklist} 中没有第 {item} 项。"),
    "item_not_answered": ("Item {item} of {checklist} is not answered.", "{checklist} 第 {item} 项未作答。"),
    "answered_twice": (
        "Item {item} is answered twice for the same place; give each its own `ref`.",
        "第 {item} 项对同一位置作答两次；请分别填写 ref（位置编号）。",
    ),
    "ref_required": (
        "Say which one it is with `ref`: {checklist} needs it, or item {item} has several findings.",
        "请填写 ref（位置编号）：{checklist} 要求填写，或第 {item} 项有多条隐患。",
    ),
    "grade_without_finding": (
        "Only a finding has a grade; this is {outcome}.",
        "只有隐患才分级；此项结果为 {outcome}。",
    ),
    "every_finding_is_major": ("Every finding of {checklist} is major.", "{checklist} 的隐患均为重大隐患。"),
    "grade_required": (
        "The finding on item {item} needs a grade: ordinary or major.",
        "第 {item} 项隐患须分级：一般或重大。",
    ),
    "due_before_inspection": (
        "Due on {due_on}, before the inspection of {day}.",
        "整改期限 {due_on} 早于检查日期 {day}。",
    ),
    "unknown_grading_item": ("应急〔2018〕19号 has no item {item}.", "应急〔2018〕19号 中没有 {item} 项。"),
    "no_bonus": ("Item {item} knows no bonus.", "{item} 项没有加分。"),
    "unknown_direct_red": (
        "There is no direct-red rule {rule}; known: {known}.",
        "没有直接判红规则 {rule}；可用：{known}。",
    ),
    # GB 18218-2018
    "class_required": (
        "This substance has no beta in Table 3 of GB 18218-2018: a class symbol of Table 4 is needed.",
        "该物质在 GB 18218-2018 表3 中没有 β 值：须填写表4 的类别符号。",
    ),
    "seq_or_class_required": (
        "Give `seq` (row of Table 1) or `class` (symbol of Table 2) of GB 18218-2018.",
        "请填写 seq（GB 18218-2018 表1 序号）或 class（表2 类别符号）。",
    ),
    "seq_unknown": ("Table 1 of GB 18218-2018 has no such row.", "GB 18218-2018 表1 没有此序号。"),
    "class_unknown": ("Table 2 of GB 18218-2018 has no such class symbol.", "GB 18218-2018 表2 没有此类别符号。"),
    "not_positive": ("The quantity in tonnes must be above 0.", "数量（吨）须大于 0。"),
    "negative": ("The number of people cannot be below 0.", "人数不能小于 0。"),
    "empty": ("At least one substance is needed.", "至少需要一种物质。"),
    # Standing
    "unknown_unit": ("The guidance unit {unit} is not registered.", "指导单元 {unit} 未登记。"),
    "unknown_enterprise": ("The enterprise {enterprise} is not registered here.", "企业 {enterprise} 未在此登记。"),
    "unit_mismatch": (
        "It is registered in the unit {registered}, not in {unit}.",
        "登记所在单元为 {registered}，不是 {unit}。",
    ),
    "unknown_round": ("There is no round {round}.", "没有 {round} 轮次。"),
    "not_enrolled": (
        "The enterprise {enterprise} is not enrolled in round {round}.",
        "企业 {enterprise} 未列入 {round} 轮次。",
    ),
    "unit_not_enrolled": ("The unit {unit} is not enrolled in round {round}.", "单元 {unit} 未列入 {round} 轮次。"),
    "stage_not_for_role": (
        "Your role submits the stage {expected}, not {stage}.",
        "您的角色对应的阶段是 {expected}，不是 {stage}。",
    ),
    "no_window": ("Round {round} has no window for {stage}.", "{round} 轮次没有设置 {stage} 的时间窗口。"),
    "window_not_open": ("The window for {stage} opens at {opens}.", "{stage} 的时间窗口将于 {opens} 开启。"),
    "late_reason_required": (
        "The window for {stage} closed at {closed}: give `late_reason` to submit late.",
        "{stage} 的时间窗口已于 {closed} 关闭：逾期提交须填写 late_reason（原因）。",
    ),
    "in_future": ("{day} lies in the future.", "{day} 是将来的日期。"),
    "action_not_for_role": ("Your role cannot report the action {action}.", "您的角色不能提交 {action}。"),
    "due_on_required": ("The action {action} needs a new date in `due_on`.", "{action} 须填写新的期限 due_on。"),
    "reason_required": ("The action {action} needs a reason.", "{action} 须填写原因。"),
    "unknown_park": ("The park {park} is not registered.", "园区 {park} 未登记。"),
    "unknown_key_task": ("Round {round} has no key task {task}.", "{round} 轮次没有重点任务 {task}。"),
    "unknown_team": ("The team {team} is not registered.", "专家组 {team} 未登记。"),
    "not_your_team": ("You are not of the team {team}.", "您不属于专家组 {team}。"),
    "unknown_finding": ("No submission of this enterprise reported this finding.", "该企业没有上报过此隐患。"),
    "unknown_accident": ("This enterprise reported no such accident.", "该企业没有上报过此事故。"),
    "unknown_hazard_unit": ("This enterprise declares no such hazard unit.", "该企业没有申报此重大危险源。"),
    "unknown_installation": ("This enterprise declares no such installation.", "该企业没有申报此装置。"),
    "unknown_evidence": ("No evidence file {id} was uploaded.", "没有上传过证据文件 {id}。"),
    "supersedes_reason_required": (
        "There is a submission for the same stage and checklist ({earlier}): give `supersedes_reason` to replace it.",
        "同一阶段、同一检查表已有提交（{earlier}）：替换须填写 supersedes_reason（原因）。",
    ),
    "idempotency_key_required": (
        "Send an Idempotency-Key header: a repeat with the same key and body gets the same answer and counts once.",
        "请发送 Idempotency-Key 请求头：相同的键与内容重复提交只计一次，并得到同样的回答。",
    ),
    "idempotency_key_reused": (
        "This Idempotency-Key was used for another body; take a new one.",
        "此 Idempotency-Key 已用于其他内容，请换用新的。",
    ),
    "record_too_large": (
        "The event of this submission would be larger than {limit} bytes.",
        "此提交生成的事件超过 {limit} 字节。",
    ),
    # Registry
    "unknown_reference": ("{kind}/{id} is not registered.", "{kind}/{id} 未登记。"),
    "twice": ("{id} is here twice.", "{id} 出现两次。"),
    "own_parent": ("{id} cannot be its own parent.", "{id} 不能是自己的上级。"),
    "ends_before_it_begins": ("Ends before it begins.", "结束早于开始。"),
    "round_id_mismatch": (
        "The id {id} does not fit year and number: {expected}.",
        "编号 {id} 与年度、轮次不符：应为 {expected}。",
    ),
    "enrolment_id_mismatch": ("The id {id} does not fit: {expected}.", "编号 {id} 不符：应为 {expected}。"),
    "id_mismatch": ("The id in the body is not the one in the path.", "内容中的 id 与路径不一致。"),
    "decided_by_required": ("Say who decided the guidance class.", "请填写指导类别的决定人 decided_by。"),
    "decision_reason_required": ("Say why the guidance class was decided.", "请填写指导类别的决定理由 reason。"),
    # Keys
    "scope_required": (
        "A key with the role {role} needs {needed} in its scope.",
        "{role} 角色的密钥须在 scope 中给出 {needed}。",
    ),
    "scope_too_wide": ("A county issues keys for enterprises of its own units only.", "县级只能为本辖区企业发放密钥。"),
    # Files
    "evidence_type": (
        "Send one of {types}, with its content type.",
        "请发送以下类型之一的文件，并注明其类型：{types}。",
    ),
    "batch_type": (
        "Send application/x-ndjson, text/csv or an XLSX file.",
        "请发送 NDJSON、CSV 或 XLSX 文件。",
    ),
    "no_file": ("The form holds no file.", "表单中没有文件。"),
    "not_readable": ("The file cannot be read: {error}", "文件无法读取：{error}"),
    "unknown_column": ("The column {column} is not known.", "未知的列：{column}。"),
    "cell_not_valid": ("{value} is not valid in the column {column}.", "“{value}”不能用于“{column}”列。"),
    "cell_without_column": ("{value} stands in no column of the header.", "“{value}”不在表头的任何一列中。"),
    "rows_differ": (
        "{value} in the column {column} differs from an earlier row of the same submission.",
        "“{column}”列的“{value}”与同一次提交前面的行不一致。",
    ),
    "formula": ("A formula is not taken; write the value.", "不接受公式，请填写数值或文字。"),
    "too_many_rows": ("The file has more than {limit} rows.", "文件超过 {limit} 行。"),
    "unpacks_too_large": (
        "The file unpacks to far more than it may ({limit} MiB).",
        "文件解压后过大（上限 {limit} MiB）。",
    ),
    "macros": (
        "Files with macros or links to other files are not taken ({name}).",
        "不接受含宏或外部链接的文件（{name}）。",
    ),
    "line_too_long": ("The line has more than {limit} bytes.", "该行超过 {limit} 字节。"),
    "out_of_scope": ("This is not in your scope.", "不在您的权限范围内。"),
    "store_unavailable": ("The store is away; send the rest again.", "存储暂不可用，请稍后重发其余部分。"),
    "missing_column": ("The column {column} is missing.", "缺少列：{column}。"),
}


class _Blanks(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return ""


def text(fault: Fault, language: Language) -> str:
    """The fault as a sentence; a code without a text says what the parser said."""
    known = TEXTS.get(fault.code)
    if known is None:
        return str(fault.values.get("said") or fault.values.get("detail") or fault.code)
    return known[1 if language == "zh-CN" else 0].format_map(_Blanks(fault.values))


def field_errors(faults: Iterable[Fault], language: Language) -> list[FieldError]:
    """Faults as problem details list them."""
    return [FieldError(fault.pointer, fault.code, text(fault, language)) for fault in faults]
