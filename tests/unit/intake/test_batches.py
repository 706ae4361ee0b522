"""Files of many submissions: a result per line, templates that round-trip, hostile files, harmless repeats."""

import io
import json
import zipfile
from typing import Any

import openpyxl
import pytest

from tests.intake_world import E1, E2, FOREIGN, LINZI, World, hazard_unit, inspection

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


INSPECTIONS, HAZARD_UNITS = "/v1/inspections/batch", "/v1/hazard-units/batch"
XXE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'


async def send(world: World, who: str, content: bytes, content_type: str, path: str = INSPECTIONS) -> list[Any]:
    answer = await world.call("POST", path, who, content, content_type=content_type)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def lines(*bodies: Any) -> bytes:
    return b"".join(json.dumps(body).encode() + b"\n" for body in bodies)


async def test_good_lines_are_taken_and_bad_ones_named(world: World) -> None:
    content = lines(inspection(), {"round_id": 1}) + b"\nnot json\n" + lines(inspection(E2), inspection(findings=["5"]))
    told = await send(world, E1, content, "application/x-ndjson")
    assert [(each["line"], each["status"]) for each in told] == [
        (1, "published"),
        (2, "rejected"),
        (4, "rejected"),
        (5, "rejected"),
        (6, "rejected"),
    ]
    assert "/stage" in {error["pointer"] for error in told[1]["errors"]}
    assert told[2]["errors"][0]["code"] == "json_invalid"
    assert told[3]["errors"][0]["code"] == "out_of_scope"
    assert told[4]["errors"][0]["code"] == "supersedes_reason_required"


async def test_sending_a_file_again_changes_nothing(world: World) -> None:
    content = lines(*(hazard_unit(hazard_unit_id=f"HU-{number}") for number in range(250)))
    first = await send(world, E1, content, "application/x-ndjson", "/v1/hazard-units/batch")
    second = await send(world, E1, content, "application/x-ndjson", "/v1/hazard-units/batch")
    assert [each["submission_id"] for each in first] == [each["submission_id"] for each in second]
    assert [each["seq"] for each in first] == list(range(1, 251))
    await world.until_published()
    assert [event.data.seq for event in world.inspections() if event.subject == E1] == list(range(1, 251))


async def test_the_template_round_trips(world: World) -> None:
    shared = f"round_id=2023-1&unit_id={LINZI}&enterprise_id={E1}"
    answer = await world.call("GET", f"/v1/checklists/mhd-2017-121/template.xlsx?{shared}", E1)
    again = await world.call("GET", f"/v1/checklists/mhd-2017-121/template.xlsx?{shared}", E1)
    assert answer.content == again.content
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    sheet = book.worksheets[0]
    headers = {str(cell.value).rstrip("*"): cell.column for cell in sheet[1]}
    for row in range(2, sheet.max_row + 1):
        sheet.cell(row, headers["阶段"]).value = "企业自查"
        sheet.cell(row, headers["检查日期"]).value = "2023-02-18"
        sheet.cell(row, headers["结果"]).value = "隐患" if row == 6 else "符合"
    sheet.cell(2, headers["扣分"]).value = "1.1=4; 4.1=2.5"
    filled = io.BytesIO()
    book.save(filled)
    told = await send(world, E1, filled.getvalue(), XLSX)
    assert [(each["line"], each["status"]) for each in told] == [(2, "published")]
    assert [finding["item"] for finding in told[0]["findings"]] == ["5"]
    data = world.inspections()[-1].data
    assert data.grading.deductions == {"1.1": 4.0, "4.1": 2.5}
    pristine = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0]
    assert {row[0].data_type for row in pristine.iter_rows()} == {"s"}


async def filled(world: World, path: str, rows: list[dict[str, Any]], who: str = E1) -> bytes:
    """The template of a path with these cells by Chinese header, one row after the other."""
    answer = await world.call("GET", f"{path}/template.xlsx?unit_id={LINZI}&enterprise_id={E1}", who)
    assert answer.content == (await world.call("GET", str(answer.url), who)).content
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames[1] == "说明"
    sheet = book.worksheets[0]
    headers = {str(cell.value).rstrip("*"): cell.column for cell in sheet[1]}
    assert len(sheet.data_validations.dataValidation) >= 2
    for number, row in enumerate(rows, 2):
        for header, value in ({"统一社会信用代码": E1, "指导单元": LINZI} | row).items():
            sheet.cell(number, headers[header]).value = value
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


async def test_the_template_of_hazard_units_round_trips(world: World) -> None:
    unit = {"重大危险源编号": "HU-1", "单元类型": "储存单元", "500米内人数": 60, "申报日期": "2023-02-01"}
    people = {"主要负责人（姓名/职务/电话）": "张三/经理/1"}
    rows = [
        unit | people | {"表1序号": 12, "设计最大量（吨）": 5.5},
        unit | {"表2类别": "W5.1", "设计最大量（吨）": 900},
    ]
    content = await filled(world, "/v1/hazard-units", rows)
    told = await send(world, E1, content, XLSX, HAZARD_UNITS)
    assert [(each["line"], each["status"]) for each in told] == [(2, "published")]
    data = world.inspections()[-1].data
    assert [(each.seq, each.class_, each.quantity_t) for each in data.substances] == [
        (12, None, 5.5),
        (None, "W5.1", 900),
    ]
    assert data.responsible["principal"] is not None


async def test_the_template_of_rectifications_round_trips(world: World) -> None:
    taken = (await world.submit("/v1/inspections", E1, inspection(findings=["5"]))).json()
    finding = taken["findings"][0]["finding_id"]
    done = {"隐患编号": finding, "动作": "完成", "日期": "2023-02-19"}
    told = await send(world, E1, await filled(world, "/v1/rectifications", [done]), XLSX, "/v1/rectifications/batch")
    assert [each["status"] for each in told] == ["published"]
    verified = {"隐患编号": finding, "动作": "核实", "日期": "2023-02-20"}
    content = await filled(world, "/v1/rectifications", [verified], "county")
    told = await send(world, "county", content, XLSX, "/v1/rectifications/batch")
    assert [each["status"] for each in told] == ["published"]
    assert [event.data.action for event in world.inspections()[-2:]] == ["done", "verified"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
async def test_csv_in_chinese_encodings(world: World, encoding: str) -> None:
    text = (
        "重大危险源编号,统一社会信用代码,指导单元,单元类型,500米内人数,表1序号,设计最大量（吨）,主要负责人（姓名/职务/电话）,申报日期\r\n"
        f"HU-9,{E1},{LINZI},储存单元,60,12,5,张三/经理/1,2023年2月1日\r\n"
        f"HU-9,{E1},{LINZI},储存单元,60,1,5,张三/经理/1,2023年2月1日\r\n"
        f"HU-10,{E1},{LINZI},储存单元,许多,1,5,,2023/2/1\r\n"
    )
    told = await send(world, E1, text.encode(encoding), "text/csv", "/v1/hazard-units/batch")
    assert [(each["line"], each["status"]) for each in told] == [(2, "published"), (4, "rejected")]
    assert [error["code"] for error in told[1]["errors"]] == ["cell_not_valid"]
    await world.until_published()
    assert len(world.inspections()[-1].data.substances) == 2


async def test_rectifications_by_csv(world: World) -> None:
    taken = (await world.submit("/v1/inspections", E1, inspection(findings=["5"]))).json()
    finding = taken["findings"][0]["finding_id"]
    text = f"enterprise_id,unit_id,finding_id,action,on\n{E1},{LINZI},{finding},完成,2023-02-19\n"
    told = await send(world, E1, text.encode(), "text/csv", "/v1/rectifications/batch")
    assert told[0]["status"] == "published"


async def test_a_multipart_upload_is_a_batch_too(world: World) -> None:
    files = {"file": ("hazard.ndjson", lines(hazard_unit()), "application/x-ndjson")}
    headers = {"authorization": f"Bearer {world.keys[E1]}"}
    answer = await world.http.post("/v1/hazard-units/batch", files=files, headers=headers)
    assert json.loads(answer.text)["status"] == "published"


def zipped(**parts: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"PK\x03\x04 nonsense", "not_readable"),
        (zipped(bomb=b"\0" * 200_000_000), "unpacks_too_large"),
        (zipped(**{"xl__vbaProject.bin": b"x"}), "macros"),
        (zipped(**{"xl__workbook.xml": XXE}), "not_readable"),
        (zipped(**{"a.txt": b"x"}), "not_readable"),
    ],
)
async def test_hostile_workbooks_are_refused(world: World, content: bytes, code: str) -> None:
    answer = await world.call("POST", "/v1/inspections/batch", E1, content, content_type=XLSX)
    assert answer.status_code == 422
    assert [error["code"] for error in answer.json()["errors"]] == [code]


async def test_a_formula_in_a_cell_is_refused(world: World) -> None:
    header = "enterprise_id,unit_id,finding_id,action,on,reason\n"
    text = header + f"{E1},{LINZI},00000000-0000-0000-0000-000000000000,done,2023-02-19,=HYPERLINK(1)\n"
    told = await send(world, E1, text.encode(), "text/csv", "/v1/rectifications/batch")
    assert "formula" in {error["code"] for error in told[0]["errors"]}


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\0\0\0", b'a,"b\nc', b"nonsense,header\n1,2\n"])
async def test_files_that_are_no_csv_are_named_as_such(world: World, content: bytes) -> None:
    answer = await world.call("POST", "/v1/inspections/batch", E1, content, content_type="text/csv")
    assert answer.status_code == 422


async def test_a_store_that_goes_away_ends_the_batch_with_a_line_that_says_so(world: World) -> None:
    world.store_faults.down = True
    content = lines(hazard_unit(), hazard_unit(hazard_unit_id="2"))
    told = await send(world, E1, content, "application/x-ndjson", HAZARD_UNITS)
    assert [each["status"] for each in told] == ["unavailable"]


async def test_out_of_scope_lines_are_refused_one_by_one(world: World) -> None:
    body = inspection(FOREIGN, stage="re_examination", unit_id="fangshan")
    told = await send(world, "county", lines(body, inspection(stage="re_examination")), "application/x-ndjson")
    assert [each["status"] for each in told] == ["rejected", "published"]


def hazard_csv(*rows: str, header: str = "") -> bytes:
    columns = "hazard_unit_id,enterprise_id,unit_id,kind,exposed_population,seq,quantity_t,declared_on" + header
    return "\n".join((columns, *rows)).encode()


@pytest.mark.parametrize("number", ["nan", "inf", "1e999", "1,5", "1_0", "9" * 400, "五"])
async def test_what_is_no_number_is_named_with_its_cell_and_the_rest_is_taken(world: World, number: str) -> None:
    wrong = f'HU-1,{E1},{LINZI},storage,60,12,"{number}",2023-02-01'
    other = f'HU-2,{E1},{LINZI},storage,60,12,"1,000.5",2023-02-01'
    told = await send(world, E1, hazard_csv(wrong, other), "text/csv", HAZARD_UNITS)
    assert [each["status"] for each in told] == ["rejected", "published"]
    error = {name: told[0]["errors"][0][name] for name in ("pointer", "code", "row", "column")}
    place = {"pointer": "/substances/0/quantity_t", "row": 2, "column": "设计最大量（吨）"}
    assert error == place | {"code": "cell_not_valid"}


async def test_a_number_too_large_for_json_is_named(world: World) -> None:
    rows = hazard_csv(f"HU-1,{E1},{LINZI},storage,{10**20},12,5,2023-02-01")
    told = await send(world, E1, rows, "text/csv", HAZARD_UNITS)
    assert {error["code"] for error in told[0]["errors"]} == {"cell_not_valid"}


async def test_rows_of_one_submission_that_contradict_each_other_are_refused(world: World) -> None:
    rows = [f"HU-1,{E1},{LINZI},storage,{people},12,5,2023-02-01" for people in (60, 60, 70)]
    told = await send(world, E1, hazard_csv(*rows), "text/csv", HAZARD_UNITS)
    assert [(error["code"], error["pointer"]) for error in told[0]["errors"]] == [
        ("rows_differ", "/exposed_population")
    ]


async def test_what_stands_in_no_column_is_not_lost_silently(world: World) -> None:
    rows = hazard_csv(f"HU-1,{E1},{LINZI},storage,60,12,5,2023-02-01,,extra")
    told = await send(world, E1, rows, "text/csv", HAZARD_UNITS)
    assert [(error["code"], error["row"]) for error in told[0]["errors"]] == [("cell_without_column", 2)]
    twice = await world.call("POST", HAZARD_UNITS, E1, hazard_csv(header=",seq"), content_type="text/csv")
    assert [error["code"] for error in twice.json()["errors"]] == ["twice"]


async def test_a_submission_of_endless_rows_is_refused_without_being_held(world: World) -> None:
    row = f"HU-1,{E1},{LINZI},storage,60,12,5,2023-02-01"
    told = await send(world, E1, hazard_csv(*[row] * 5_000), "text/csv", HAZARD_UNITS)
    assert [error["code"] for error in told[0]["errors"]] == ["too_many"]


@pytest.mark.parametrize("rest", ["x" * 1_000_000, '"' + "a\n" * 500_000])
async def test_lines_before_an_unreadable_one_are_taken(world: World, rest: str) -> None:
    good = f"HU-1,{E1},{LINZI},storage,60,12,5,2023-02-01"
    other = f"HU-2,{E1},{LINZI},storage,60,12,5,2023-02-01"
    told = await send(world, E1, hazard_csv(good, other, rest), "text/csv", HAZARD_UNITS)
    assert [each["status"] for each in told] == ["published", "unreadable"]


async def test_a_formula_over_many_cells_is_refused_as_any_other(world: World) -> None:
    from openpyxl.worksheet.formula import ArrayFormula

    book = openpyxl.Workbook()
    book.active.append(["enterprise_id", "unit_id", "finding_id", "action", "on", "reason"])
    book.active.append([E1, LINZI, "00000000-0000-0000-0000-000000000000", "done", "2023-02-19", "x"])
    book.active["F2"] = ArrayFormula("F2:F2", "=SUM(A1:A2)")
    content = io.BytesIO()
    book.save(content)
    told = await send(world, E1, content.getvalue(), XLSX, "/v1/rectifications/batch")
    assert "formula" in {error["code"] for error in told[0]["errors"]}


async def test_a_store_that_goes_away_while_evidence_is_looked_up_is_said_in_the_answer(world: World) -> None:
    body = inspection(findings=["5"])
    body["results"][4]["evidence"] = ["sha256:" + "0" * 64]
    world.store_faults.down = True
    told = await send(world, E1, lines(body), "application/x-ndjson")
    assert [each["status"] for each in told] == ["unavailable"]
