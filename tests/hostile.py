"""Input that means harm or is merely broken: mutated JSON, bytes in wrong encodings, hostile spreadsheets and files.

Strategies for Hypothesis; nothing here sends anything.
"""

import io
import json
import zipfile
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

ODD_TEXTS = (
    "", " ", "\x00", "a\x00b", "\u202e", "\ud800", "🏭" * 50, "值" * 5000, "A" * 70_000, "../../etc/passwd",
    "%00", "%2e%2e", "=cmd|' /C calc'!A0", "{{7*7}}", "<script>alert(1)</script>", "$where", '{"$gt": ""}',
    "' OR 1=1 --", "\r\nX-Evil: 1",
    "2023-02-30", "2023-02-20T25:00:00+08:00", "0000-01-01", "9999-12-31T23:59:59.999999+14:00", "-1", "1e999",
    "NaN", "sha256:" + "0" * 64, "91370305MA3KEY0T16", "２０２３", "ℵ", "ﷺ" * 20,
)  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 0.1, -0.0, 1e308, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**400,
    float("nan"), float("inf"), [], {}, [[]], [None], {"": None}, {"$ne": 1}, {"a.b": 1}, {"__proto__": 1},
    ["x"] * 3000,
)  # fmt: skip
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "gb18030", "latin-1", "shift_jis")


def values() -> st.SearchStrategy[Any]:
    """Any JSON value, mostly an odd one."""
    scalars = st.one_of(st.sampled_from(ODD_TEXTS), st.sampled_from(ODD_VALUES), st.text(max_size=20), st.integers())
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    )


@st.composite
def mutated(draw: st.DrawFn, body: Any) -> Any:
    """The body with one to three of its places changed, dropped, doubled or added to."""
    found = deepcopy(body)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(found))
        if not places:
            return found
        holder, at = draw(st.sampled_from(places))
        _mutate(draw, holder, at)
    return found


def _places(found: Any) -> list[tuple[Any, Any]]:
    here: list[tuple[Any, Any]] = []
    keys = found.keys() if isinstance(found, dict) else range(len(found)) if isinstance(found, list) else ()
    for at in list(keys):
        here += [(found, at), *_places(found[at])]
    return here


def _mutate(draw: st.DrawFn, holder: Any, at: Any) -> None:
    if isinstance(holder, list) and at >= len(holder):
        return
    how = draw(st.sampled_from(("replace", "replace", "drop", "double", "add")))
    if how == "replace":
        holder[at] = deepcopy(draw(values()))
    elif how == "drop":
        del holder[at]
    elif how == "double" and isinstance(holder, list):
        holder.append(deepcopy(holder[at]))
    elif isinstance(holder, dict):
        holder[draw(st.sampled_from(ODD_TEXTS))] = deepcopy(draw(values()))


def as_bytes(body: Any) -> bytes:
    """JSON as careless clients write it: NaN, Infinity and lone surrogates stay."""
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")


def broken_bytes(body: Any) -> st.SearchStrategy[bytes]:
    """The body cut off, in another encoding, nested too deep, or not JSON at all."""
    whole = as_bytes(body)
    return st.one_of(
        st.integers(0, len(whole)).map(lambda cut: whole[:cut]),
        st.sampled_from(ENCODINGS).map(lambda name: whole.decode("utf-8", "replace").encode(name, "replace")),
        st.sampled_from((500, 5_000, 100_000)).map(lambda depth: b"[" * depth + b"]" * depth),
        st.sampled_from((500, 5_000)).map(lambda depth: b'{"a":' * depth + b"1" + b"}" * depth),
        st.binary(max_size=200),
        st.just(b'{"round_id": "a", "round_id": "b"}'),
        st.just(whole + whole),
        st.just(b"1" * 5000),
        st.just(b'"' + b"\\ud800" + b'"'),
    )


FORM = "multipart/form-data"
ENTITIES = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">'
    '<!ENTITY b "{}"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
).format("lol" * 1000)


def archive(parts: dict[str, bytes], level: int = 9) -> bytes:
    """A ZIP file."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return raw.getvalue()


def workbook(rows: list[list[Any]]) -> bytes:
    """An honest XLSX file."""
    from openpyxl import Workbook

    book = Workbook()
    for row in rows:
        book.active.append(row)
    raw = io.BytesIO()
    book.save(raw)
    return raw.getvalue()


def _rewritten(xlsx: bytes, change: Callable[[str, bytes], bytes], **more: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(xlsx)) as packed:
        parts = {name: change(name, packed.read(name)) for name in packed.namelist()}
    return archive(parts | more)


def _unchanged(_: str, content: bytes) -> bytes:
    return content


def hostile_files(headers: list[str], row: list[Any]) -> dict[str, tuple[str, bytes]]:
    """Name -> (media type, content). `headers` and `row` are what an honest file has."""
    xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    honest = workbook([headers, row])
    sheet = "xl/worksheets/sheet1.xml"
    injected = [f'=HYPERLINK("http://x.invalid","{cell}")' for cell in row]
    entity = _rewritten(honest, lambda name, content: _with_doctype(content) if name == sheet else content)
    strings = _rewritten(
        honest, lambda name, content: _with_doctype(content) if name == "xl/sharedStrings.xml" else content
    )
    bomb = _rewritten(honest, lambda name, content: _padded(content, 150_000_000) if name == sheet else content)
    text = "\n".join(",".join(f'"{cell}"' for cell in line) for line in (headers, row))
    return {
        "zip bomb in a sheet": (xlsx, bomb),
        "zip bomb beside the sheet": (xlsx, _rewritten(honest, _unchanged, x=bytes(200_000_000))),
        "nested zip": (xlsx, archive({"xl/workbook.xml": archive({"a": bytes(10_000_000)})})),
        "many members": (xlsx, archive({f"xl/{n}.xml": b"<a/>" for n in range(20_000)}, level=1)),
        "path traversal": (xlsx, archive({"../../../../tmp/evil": b"x", "[Content_Types].xml": b"<Types/>"})),
        "XXE in the sheet": (xlsx, entity),
        "XXE in the strings": (xlsx, strings),
        "formulas in XLSX": (xlsx, workbook([headers, injected])),
        "no workbook": (xlsx, archive({"readme.txt": b"hello"})),
        "empty zip": (xlsx, archive({})),
        "cut off": (xlsx, honest[: len(honest) // 2]),
        "wrong CRC": (xlsx, honest[:200] + bytes([honest[200] ^ 0xFF]) + honest[201:]),
        "a million columns": ("text/csv", (",".join(headers) + "," * 1_000_000 + "\n" + "," * 1_000_000).encode()),
        "one endless cell": ("text/csv", (",".join(headers) + '\n"' + "x" * 3_000_000).encode()),
        "formulas in CSV": ("text/csv", f"{','.join(headers)}\n{','.join(f'={cell}' for cell in row)}".encode()),
        "GB 18030, cut within a character": ("text/csv", text.encode("gb18030")[:-2] + b"\x81"),
        "UTF-16 CSV": ("text/csv", text.encode("utf-16")),
        "UTF-32 CSV": ("text/csv", text.encode("utf-32")),
        "NULs": ("text/csv", text.replace(",", ",\x00").encode()),
        "bare carriage returns": ("text/csv", text.replace("\n", "\r").encode()),
        "no header": ("text/csv", b"\n\n\n"),
        "nothing": ("text/csv", b""),
        "binary as NDJSON": ("application/x-ndjson", bytes(range(256)) * 40),
        "NDJSON of deep lists": ("application/x-ndjson", (b"[" * 50_000 + b"\n") * 3),
        "NDJSON with one endless line": ("application/x-ndjson", b'{"a": "' + b"x" * 2_000_000 + b'"}'),
        "multipart without end": (f"{FORM}; boundary=b", b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\nx'),
        "multipart without boundary": (FORM, b"--b--"),
        "unknown type": ("application/x-evil", b"MZ\x90"),
        "HTML as PNG": ("image/png", b"<html><script>alert(1)</script>"),
        "SVG": ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
    }  # fmt: skip


def _with_doctype(content: bytes) -> bytes:
    text = content.decode()
    body = text[text.index("?>") + 2 :] if text.startswith("<?xml") else text
    return (ENTITIES + body.replace("<v>", "<v>&a;&c;", 1).replace("<t>", "<t>&a;&c;", 1)).encode()


def _padded(content: bytes, size: int) -> bytes:
    return content + b" " * size
