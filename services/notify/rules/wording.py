"""What an alert is called, in both languages: kind and unit; the messages and pages add the facts."""

from collections.abc import Mapping

KINDS: dict[str, tuple[str, str]] = {
    "accident.extraordinary": ("特别重大生产安全事故", "Extraordinarily serious accident"),
    "accident.major": ("重大生产安全事故", "Major accident"),
    "accident.larger": ("较大生产安全事故", "Larger accident"),
    "accident.ordinary": ("一般生产安全事故", "Ordinary accident"),
    "major_finding": ("发现重大事故隐患", "Major hidden danger found"),
    "major_finding_overdue": ("重大事故隐患逾期未整改", "Major hidden danger overdue"),
    "hazard_unit.level_1": ("一级重大危险源", "Hazard unit at level I"),
    "hazard_unit.level_2": ("二级重大危险源", "Hazard unit at level II"),
    "enterprise.red": ("企业安全风险为红色", "Enterprise at red risk"),
    "unit.red": ("县域安全风险为红色", "Unit at red risk"),
    "unit.orange": ("县域安全风险为橙色", "Unit at orange risk"),
    "responsible_person_missing": ("重大危险源责任人缺失", "Responsible person of a hazard unit missing"),
    "channel_failing": ("告警联系方式持续失败", "A contact cannot be reached"),
    "silence_ending": ("静默即将结束", "A silence is about to end"),
    "test": ("测试消息", "Test message"),
}
# The words of the four warning levels, I to IV, in the National Overall Emergency Plan for Public Emergencies (3.1.1).
SEVERITY_NAMES: dict[str, tuple[str, str]] = {
    "extreme": ("特别严重", "extreme"),
    "severe": ("严重", "severe"),
    "moderate": ("较重", "moderate"),
    "minor": ("一般", "minor"),
}
TIER_NAMES: dict[str, tuple[str, str]] = {
    "county": ("县级", "county"),
    "prefecture": ("市级", "prefecture"),
    "province": ("省级", "province"),
    "national": ("国家级", "national"),
    "operators": ("运维", "operators"),
}
STATE_NAMES: dict[str, tuple[str, str]] = {
    "open": ("待响应", "open"),
    "escalated": ("已升级", "escalated"),
    "acknowledged": ("已响应", "acknowledged"),
    "closed": ("已关闭", "closed"),
}
EVENT_NAMES: dict[str, tuple[str, str]] = {
    "alert.opened": ("告警产生", "opened"),
    "alert.updated": ("情况更新", "updated"),
    "alert.delivered": ("已送达", "delivered"),
    "alert.delivery_failed": ("送达失败", "delivery failed"),
    "alert.acknowledged": ("已响应", "answered"),
    "alert.promise_broken": ("承诺未兑现", "promise broken"),
    "alert.escalated": ("升级", "escalated"),
    "alert.closed": ("关闭", "closed"),
    "alert.reopened": ("重新打开", "opened again"),
}
# Why an alert was closed or opened again, where no person gave a reason: of scoring's clearings, then notify's own.
REASON_NAMES: dict[str, tuple[str, str]] = {
    "no_longer": ("风险已不存在", "the hazard stands no longer"),
    "over": ("事故已撤销", "the accident no longer stands"),
    "grade_changed": ("事故等级变化", "the accident's grade has changed"),
    "level_changed": ("危险源级别变化", "the level has changed"),
    "colour_changed": ("风险颜色变化", "the colour has changed"),
    "persons_named": ("责任人已补齐", "the persons have been named"),
    "hazard_unit_withdrawn": ("重大危险源已注销", "the hazard unit was withdrawn"),
    "enterprise_withdrawn": ("企业已退出", "the enterprise was withdrawn"),
    "round_opened": ("新一轮次已开始", "a round was opened"),
    "drill_over": ("演练结束", "the drill is over"),
    "worse": ("情况恶化", "it has become worse"),
    "hazard_stands_again": ("风险再次出现", "the hazard stands again"),
    "condition_acknowledged": ("已知悉", "it has been taken note of"),
    "notice": ("仅作通知", "a notice only"),
    "channel_back": ("联系方式已恢复", "the contact takes messages again"),
    "failing_again": ("联系方式再次失败", "the contact fails again"),
}
LAG_NAMES: dict[str, tuple[str, str]] = {
    "hazards_waiting": ("待处理的风险事件", "hazards waiting"),
    "steps_overdue": ("逾期未发的消息", "messages overdue"),
    "events_unpublished": ("未发布的事件", "events unpublished"),
    "event_loop": ("主循环停滞", "main loop standing still"),
    "scoring": ("评分服务滞后", "scoring behind"),
}
DRILL = ("【演练】", "[DRILL] ")


def headline(kind: str, policy_key: str, unit_name: Mapping[str, str], drill: bool) -> dict[str, str]:
    """`{"zh", "en"}`. An unknown kind is shown by its name."""
    zh, en = KINDS.get(policy_key) or KINDS.get(kind) or (policy_key, policy_key)
    unit_zh = unit_name.get("zh") or unit_name.get("en") or ""
    unit_en = unit_name.get("en") or unit_name.get("zh") or ""
    mark_zh, mark_en = DRILL if drill else ("", "")
    return {"zh": f"{mark_zh}{unit_zh}：{zh}", "en": f"{mark_en}{unit_en}: {en}"}


def duration(minutes: int) -> tuple[str, str]:
    """A span of whole minutes in its two largest units, in both languages: `2 天 3 小时`, `2 d 3 h`."""
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} 天 {hours} 小时", f"{days} d {hours} h"
    if hours:
        return f"{hours} 小时 {rest} 分", f"{hours} h {rest} min"
    return f"{rest} 分", f"{rest} min"
