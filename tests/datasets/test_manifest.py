"""The manifest: parsing with all problems at once, selection, and the way back to CSV."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.datasets import manifest
from stages.datasets.manifest import Manifest
from stages.errors import ArtifactError, UsageError

_WORD = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)
_TEXT = st.one_of(st.none(), _WORD, st.just('a "quoted", cell'))
_NUMBER = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))


def make(**columns: list) -> Manifest:
    clips = [f"c{number}" for number in range(len(next(iter(columns.values()))))]
    return manifest.from_rows(((clip, {k: v[n] for k, v in columns.items()}) for n, clip in enumerate(clips)), "m")


@given(st.lists(st.tuples(_WORD, _TEXT, _NUMBER, _NUMBER), min_size=1, max_size=6, unique_by=lambda row: row[0]))
def test_csv__round_trip(rows) -> None:
    values = [
        (clip.replace("/", "_").replace("..", "_"), {"label": label, "score": score, "score.execution": part})
        for clip, label, score, part in rows
    ]
    if len({clip for clip, _ in values}) == len(values):
        before = manifest.from_rows(values, "m")
        assert manifest.parse(before.to_csv(), "m") == before


def test_parse__types_and_missing_cells() -> None:
    found = manifest.parse("clip, score ,label,score.po,start,end\na,3,7,,1.5,2\nb,nan, x ,4,,\n\n,,,,,\n", "m")
    assert found.clips == ["a", "b"]
    first, second = found.rows
    assert first.values == {"score": 3.0, "label": "7", "score.po": None, "start": 1.5, "end": 2.0}
    assert math.isnan(second.number("score"))
    assert second.text("label") == "x"
    assert second.text("start") == ""
    assert found.columns == ["score", "label", "score.po", "start", "end"]


def test_parse__every_problem_at_once() -> None:
    text = "clip,score,end,start,score,\na,x,1,2,3,\na,4,,,inf,\n,5,,,,\nb,1\n../c,1,,,,\n"
    with pytest.raises(ArtifactError) as caught:
        manifest.parse(text, "mine.csv")
    message = caught.value.message
    assert caught.value.exit_code == 3
    assert message.startswith("mine.csv has 8 problem(s):")
    for part in (
        "column 'score' appears twice",
        "column 6 has no name",
        "line 3: score must be finite, found 'inf'",
        "line 2: end 1 must come after start 2",
        "line 4: empty clip id",
        "line 5: expected 6 cells, found 2",
        "line 6: clip id '../c' must be a relative path",
        "duplicate clip id 'a'",
    ):
        assert part in message


def test_parse__bad_number_names_line_and_column() -> None:
    with pytest.raises(ArtifactError, match="line 3: difficulty must be a number, found 'hard'"):
        manifest.parse("clip,difficulty\na,1\nb,hard\n", "m")


def test_parse__line_numbers_count_lines_inside_quotes() -> None:
    with pytest.raises(ArtifactError, match="line 4: score must be a number"):
        manifest.parse('clip,note,score\na,"two\nlines",1\nb,x,y\n', "m")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "m must have a column 'clip'; found nothing."),
        ("video,score\na,1\n", "m must have a column 'clip'; found video, score."),
        ("clip;score\na;1\n", "separate the cells by commas"),
        ("clip,score\n\n", "m has no rows."),
    ],
    ids=["empty", "no-clip-column", "semicolons", "no-rows"],
)
def test_parse__unusable(text, expected) -> None:
    with pytest.raises(ArtifactError) as caught:
        manifest.parse(text, "m")
    assert expected in str(caught.value)


def test_parse__many_problems_are_cut_short() -> None:
    with pytest.raises(ArtifactError, match=r"has 30 problem\(s\)(.|\n)*… and 10 more"):
        manifest.parse("clip,score\n" + "".join(f"c{n},x\n" for n in range(30)), "m")


def test_read__missing_and_not_text(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="does not exist"):
        manifest.read(tmp_path / "none.csv")
    (tmp_path / "bad.csv").write_bytes(b"clip\n\xff\xfe\n")
    with pytest.raises(ArtifactError, match="cannot be read"):
        manifest.read(tmp_path / "bad.csv")


def test_read__byte_order_mark_of_spreadsheets(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text("\ufeffclip,score\na,1\n", encoding="utf-8")
    assert manifest.read(file).clips == ["a"]


def test_from_rows__duplicate_ids() -> None:
    with pytest.raises(ArtifactError, match="duplicate clip id 'a'"):
        manifest.from_rows([("a", {}), ("b", {}), ("a", {})], "m")


def test_from_rows__whole_numbers_count_as_numbers() -> None:
    row = manifest.from_rows([("a", {"score": 3, "label": "1"})], "m").rows[0]  # type: ignore[dict-item]
    assert row.number("score") == 3.0
    assert row.text("label") == "1"


def test_where__selects_by_text_number_and_clip() -> None:
    rows = make(action=["x", "y", "x"], score=[1.0, 2.0, None])
    assert rows.where(["action=x"]).clips == ["c0", "c2"]
    assert rows.where(["action=x,y", "score=2"]).clips == ["c1"]
    assert rows.where(["clip=c0,c1"]).clips == ["c0", "c1"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("action", "--where takes COLUMN=VALUE, found 'action'."),
        ("acton=x", "m has no column 'acton'. Did you mean 'action'?"),
        ("action=z", "No clip of m has action=z.\n  hint: values of action: x, y"),
        ("clip=c9", "No clip of m has clip=c9.\n  hint: values of clip: c0, c1"),
    ],
    ids=["no-equals", "unknown-column", "unknown-value", "unknown-clip"],
)
def test_where__errors(condition, expected) -> None:
    with pytest.raises(UsageError) as caught:
        make(action=["x", "y"]).where([condition])
    assert str(caught.value).startswith(expected)


def test_to_json__leaves_out_missing_values() -> None:
    assert make(score=[1.0, None]).to_json() == [{"clip": "c0", "score": 1.0}, {"clip": "c1"}]
