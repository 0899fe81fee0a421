"""Every view in every state, with sample values: for a look at all of them, and for checks from outside."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bot.core.incident_results import (
    ActionItem,
    ActionItems,
    IncidentCard,
    IncidentReport,
    IncidentUpdate,
    Section,
    SectionText,
    Timeline,
    TimelineEntry,
)
from bot.core.parts import Button, State, Style
from bot.core.passage import BEGIN, BETWEEN, END
from bot.core.prose import Bold, Channel, Code, Link, Person, When
from bot.core.results import (
    Check,
    Checklist,
    ChecklistItem,
    ChecklistState,
    Checks,
    CommandHelp,
    Digest,
    Document,
    Failure,
    Field,
    Fields,
    Form,
    FormField,
    FormKind,
    HelpIndex,
    Home,
    LogLines,
    OperationState,
    Part,
    PlanCard,
    PlanState,
    Progress,
    Result,
    ServiceStatus,
    Status,
    StepProgress,
    StepState,
    Table,
    Text,
)
from bot.core.schedules import Template
from bot.views.app_home import home
from bot.views.form import modal
from bot.views.payload import Json
from bot.views.render import render

_AT = datetime(2026, 3, 2, 22, 50, tzinfo=UTC)
_ADA = Person("U0ADA")
_NOTES = (("Since ", When(_AT), " by ", _ADA, " in ", Channel("C0OPS")),)
_BUTTONS = (
    Button("Confirm", "operation.confirm", "0001", Style.PRIMARY),
    Button("Drop it", "operation.dismiss", "0001", Style.DANGER, confirm="Drop the plan? Nothing will be changed."),
)
_FIELDS = (
    Field("ENABLE_MAINTENANCE_MODE", (Code("false"), " → ", Code("true"), ", line 7")),
    Field("Workers", "2 online", State.OK),
    Field("Error rate", "1.4 %", State.WARN),
)
_CHECKS = {
    State.OK: Check("Success rate", State.OK, "99.2 %", "at least 98 %", "over 1,204 payments"),
    State.WARN: Check("Volume", State.WARN, "310", "at least 400", trend="yesterday 805 (-61%), median of 7 days 820"),
    State.FAIL: Check("Backup", State.FAIL, "31 h old", "26 h", "the newest is gateway-2026-03-01.dump"),
    State.UNKNOWN: Check("Health script", State.UNKNOWN, "not run", "", "scripts/monitor.sh is not there"),
}
_ENTRIES = (
    TimelineEntry(_AT, "Ada", "Payments fail since the release & the queue grows", permalink="https://x.slack.com/p1"),
    TimelineEntry(_AT + timedelta(minutes=4), "opsbot", "Turned maintenance on: observed on 2 workers", kind="action"),
    TimelineEntry(
        _AT + timedelta(hours=2), "Bo", "<!here> all good again", permalink="https://x.slack.com/p2", edited=True
    ),
)


def every_state() -> Iterator[Json]:
    """One object for each member of `Result` in each of its states: view, state, surface, text and blocks."""
    for state, result in samples():
        view = type(result).__name__
        match result:
            case Form():
                yield _shown(view, state, "modal", result.title, modal(result)["blocks"])
            case Home():
                yield _shown(view, state, "home", f"{result.root} help", home(result)["blocks"])
            case _:
                payload = render(result)
                yield _shown(view, state, "message", payload.text, payload.blocks)


def samples() -> Iterator[tuple[str, Result]]:
    """Every kind of result in each of its states, by the name of the state."""
    yield from _reads()
    yield from _health()
    yield from _changes()
    yield from _incidents()
    yield from _guides()


def _shown(view: str, state: str, surface: str, text: str, blocks: list[Json]) -> Json:
    return {"view": view, "state": state, "surface": surface, "text": text, "blocks": blocks}


def _reads() -> Iterator[tuple[str, Result]]:
    lines = (
        ("Maintenance of ", Bold("gateway"), " is ", Code("on"), "."),
        ("See ", Link("https://example.com/r", "the page")),
    )
    yield "plain", Text(lines, title="Maintenance", buttons=_BUTTONS)
    yield "empty", Text(())
    yield from ((state.value, Text(lines, state=state)) for state in State)
    yield "plain", Fields("Maintenance", _FIELDS, notes=_NOTES, buttons=_BUTTONS)
    yield "empty", Fields("Maintenance", ())
    yield from ((state.value, Fields("Maintenance", _FIELDS, state)) for state in State)
    row = ("1", (Code("9f86d08"), " by ", _ADA), (When(_AT, date=True),))
    yield "rows", Table("Releases", ("#", "Commit", "When"), (row, row), notes=_NOTES, buttons=_BUTTONS)
    yield "many rows", Table("Releases", ("#", "Commit", "When"), (row,) * 300)
    yield "empty", Table("Releases", ("#", "Commit", "When"), (), empty="No release was recorded.")
    line = '2026-03-02T22:50:11Z {"level":"error","msg":"provider timed out <!channel>","worker":1}'
    yield "lines", LogLines("Errors", (line,) * 5, left_out="12 lines of debug output")
    yield "many lines", LogLines("Errors", (line,) * 500)
    yield "lines with notes", LogLines("Requests", (line,), notes=("By status: 404 30", ("See ", Code("block-ip"))))
    yield "empty", LogLines("Errors", ())
    yield "with a hint", Failure("The reload was refused: another one is in progress.", "Wait 30 s and try again.")
    yield "with a reference", Failure("Something broke on my side.", "Tell an admin.", reference="3f2a91bc")


def _health() -> Iterator[tuple[str, Result]]:
    for state in State:
        checks = tuple(dict.fromkeys((_CHECKS[state], _CHECKS[State.OK])))
        yield state.value, Checks("Daily checks", checks, _AT, buttons=_BUTTONS)
        service = ServiceStatus("gateway", "production", state, _FIELDS, ("redis: no answer in 2 s",))
        yield state.value, Status((service,), _AT, active=(("Maintenance until ", When(_AT)),), buttons=_BUTTONS)
    yield "late", Checks("Daily checks", tuple(_CHECKS.values()), _AT, note="Late: due at 06:00, the bot was down.")
    yield "empty", Checks("Daily checks", (), _AT)
    rows = (("Success rate", "99.4 %", "yesterday 99.1 % (+0%)"),)
    yield "digest, all well", Digest("Health of shop (production)", State.OK, "8 checks: 8 ok", _AT)
    yield (
        "digest",
        Digest(
            "Health of shop (production)",
            State.FAIL,
            "8 checks: 1 fail, 1 unknown, 6 ok",
            _AT,
            eyes=(_CHECKS[State.UNKNOWN], _CHECKS[State.FAIL]),
            columns=("All well", "Now", "Before"),
            rows=rows,
            notes=("Late: due at 06:00, the bot was down.",),
            owner="U0ADA",
            buttons=_BUTTONS,
        ),
    )
    parts = (Part("Performance", ("ok · Success rate: 99.4 %",), ("Median", "Now"), (("Success rate", "99.4 %"),)),)
    for template in Template:
        yield f"document, {template.value}", Document("Shop", "shop.md", template, "2026-03-02", parts)
    yield "empty", Status((), _AT)


def _changes() -> Iterator[tuple[str, Result]]:
    for plan in PlanState:
        waits = plan in {PlanState.PROPOSED, PlanState.AWAITING_APPROVAL}
        yield (
            plan.value,
            PlanCard(
                title="Turn maintenance on for 30m",
                service="gateway",
                environment="production",
                state=plan,
                changes=_FIELDS,
                steps=("set ENABLE_MAINTENANCE_MODE=true in .env", "pm2 reload gateway"),
                warnings=(("2 payments are ", Bold("pending"), "."),),
                reason="provider <down>",
                requester=_ADA.user_id,
                expires_at=_AT + timedelta(minutes=10) if waits else None,
                buttons=_BUTTONS if waits else (),
            ),
        )
    steps = tuple(
        StepProgress(f"Step {number}", state, f"seen: {state.value}") for number, state in enumerate(StepState)
    )
    for operation in OperationState:
        yield (
            operation.value,
            Progress(
                title="Turn maintenance on for 30m",
                service="gateway",
                environment="production",
                state=operation,
                steps=steps,
                requester=_ADA.user_id,
                reason="provider <down>",
                notes=_NOTES,
                started_at=None if operation is OperationState.QUEUED else _AT,
                ended_at=_AT + timedelta(seconds=42) if operation.is_final else None,
                buttons=() if operation.is_final else _BUTTONS,
            ),
        )
    items = tuple(
        ChecklistItem(f"Step {number}", state, by="" if number % 2 else _ADA.user_id, at=_AT, evidence=f"it is {state}")
        for number, state in enumerate(StepState)
    )
    for checklist in ChecklistState:
        buttons = _BUTTONS if checklist is ChecklistState.OPEN else ()
        yield checklist.value, Checklist("Rotation of API_KEY", checklist, items, notes=_NOTES, buttons=buttons)


def _incidents() -> Iterator[tuple[str, Result]]:
    opened = IncidentCard(12, "Payments fail", "High", "open", _ADA.user_id, _AT, channel="C0INC", notes=_NOTES)
    yield "open", opened
    end = _AT + timedelta(hours=2)
    yield "resolved", IncidentCard(12, "Payments fail", "High", "resolved", "", _AT, resolved_at=end, buttons=_BUTTONS)
    said = "Payments go through again; we watch the backlog."
    yield "here", IncidentUpdate(12, "Payments fail", "High", "open", said, _ADA.user_id, _AT, next_at=end)
    announced = IncidentUpdate(12, "Payments fail", "High", "resolved", said, _ADA.user_id, _AT, "312 payments")
    yield "elsewhere", dataclasses.replace(announced, channel="C0INC", note="This is a preview.", buttons=_BUTTONS)
    yield "entries", Timeline("Timeline of incident 12", _ENTRIES, left_out="3 messages of small talk")
    yield "many entries", Timeline("Timeline of incident 12", _ENTRIES * 100)
    yield "empty", Timeline("Timeline of incident 12", ())
    yield from (("draft", _report(())), ("conflict", _report(("One has no owner.",), root_cause=_CONFLICT)))
    yield "final", dataclasses.replace(_report(()), final=True)
    yield (
        "many entries",
        _report((), timeline="\n".join(["- [22:50](#1.2): Ada: Payments fail & the queue grows"] * 300)),
    )
    yield "empty", IncidentReport(12, "Payments fail", ())
    item = ActionItem(
        1, "Probe the provider each minute", (_ADA,), permalink="https://x.slack.com/p1", buttons=_BUTTONS
    )
    ticked = ActionItem(2, "Renew the certificate", "the vendor", done=True, by=_ADA.user_id, at=_AT)
    yield "open", ActionItems("Action items of incident 12", (item, ticked), buttons=_BUTTONS)
    yield "many", ActionItems("Action items", (dataclasses.replace(item, incident=12, owner=""),) * 60)
    yield "empty", ActionItems("Action items of incident 12", ())


_CONFLICT = f"{BEGIN}\nThe certificate had expired.\n{BETWEEN}\n> Bo: it was the certificate\n{END}"


def _report(faults: tuple[str, ...], **texts: str) -> IncidentReport:
    told = {
        Section.DATE: "2026-03-02",
        Section.TIME: "23:50 CET - 01:50 CET (Europe/Berlin; start: first failed check ([23:50](#1.2)))",
        Section.SEVERITY: "High",
        Section.IMPACT: "312 failed payments",
        Section.SUMMARY: "It lasted 2h.\n- Detected: 23:54, by an alert",
        Section.TIMELINE: "- [23:50](#1.2): Ada: Payments fail since the release",
        Section.ROOT_CAUSE: "> Bo: the certificate had expired ([00:10](#1.3))",
        Section.RESOLUTION: "- Maintenance off: done",
        Section.ACTION_ITEMS: "- [ ] Probe the provider each minute (owner: Ada)\n- [x] Renew it (owner: Bo)",
        Section.LESSONS: "TODO: what we learned from this incident",
    }
    changed = {Section(name.replace("_", "-")): text for name, text in texts.items()}
    return IncidentReport(
        number=12,
        title="Payments fail",
        sections=tuple(SectionText(section, text) for section, text in {**told, **changed}.items()),
        links=(("1.2", "https://x.slack.com/p1"), ("1.3", "https://x.slack.com/p2")),
        version=3,
        faults=faults,
        buttons=_BUTTONS,
    )


def _guides() -> Iterator[tuple[str, Result]]:
    usage = "/ops maintenance on [reason ...] [--for DURATION]"
    yield "bare", CommandHelp("/ops status", "/ops status", "Show how every service is.", "viewer", "read")
    yield (
        "full",
        CommandHelp(
            "/ops maintenance on",
            usage,
            "Keep customers out.",
            "responder",
            "change",
            examples=("/ops maintenance on 30m provider down",),
            options=(("[--for DURATION]", "How long; until somebody ends it when left out."),),
        ),
    )
    entry = (usage, "Keep customers out.")
    yield "full", HelpIndex("/ops", (("", (("/ops status", "Show how every service is."),)), ("maintenance", (entry,))))
    yield "empty", HelpIndex("/ops", (), note="You have no role here yet. Ask an admin.")
    questions = (
        FormField("severity", "Severity", FormKind.CHOICE, choices=("Critical", "High", "Medium", "Low"), value="High"),
        FormField("title", "Title", FormKind.LINE, hint="In a few words."),
        FormField("details", "Details", FormKind.PARAGRAPH, required=False, value="Since 22:50"),
        FormField("scribe", "Scribe", FormKind.PERSON, required=False, value=_ADA.user_id),
        FormField(
            "entries",
            "Entries",
            FormKind.SEVERAL,
            value="1.1",
            offered=(("1.1", "22:50 Ada: The provider is down"), ("1.2", "22:51 Ada: Lunch?")),
        ),
        FormField("private", "Private", FormKind.TICK, required=False, value="true"),
    )
    yield "questions", Form("Open an incident", "Open", "0002", questions, intro="Opens a channel.")
    wrong = (FormField("lasts", "For", value="3x", error="3x is not a duration."),)
    yield "errors", Form("Maintenance on", "Continue", "0003", wrong)
    yield "quiet", Home("/ops", "viewer", ("All 1 services are ok.",))
    yield (
        "busy",
        Home(
            "/ops",
            "commander",
            (("gateway: ", Bold("fail")),),
            (("#12 ", Channel("C0INC")),),
            ("Add an alert",),
            _BUTTONS,
        ),
    )
