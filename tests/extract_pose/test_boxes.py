from __future__ import annotations

import json
from pathlib import Path

import pytest

from stages.errors import ArtifactError, UsageError
from stages.extract_pose.boxes import Box, document, read, tracks

HEAD = "clip,frame,left,top,right,bottom"


def written(tmp_path: Path, text: str, name: str = "boxes.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_read__a_table_and_a_list_say_the_same(tmp_path: Path) -> None:
    table = written(tmp_path, f"{HEAD},person\na/b,3,1,2,30,40,ann\na/b,0,0,0,10.5,20,ann\nc,0,5,5,9,9,\n")
    rows = [
        {"clip": "a/b", "frame": 3, "left": 1, "top": 2, "right": 30, "bottom": 40, "person": "ann"},
        {"clip": "a/b", "frame": 0, "left": 0, "top": 0, "right": 10.5, "bottom": 20, "person": "ann"},
        {"clip": "c", "frame": 0, "left": 5, "top": 5, "right": 9, "bottom": 9},
    ]
    found = read(table)
    assert found == {"a/b": [Box(0, 0, 0, 10.5, 20, "ann"), Box(3, 1, 2, 30, 40, "ann")], "c": [Box(0, 5, 5, 9, 9)]}
    assert read(written(tmp_path, json.dumps(rows), "boxes.json")) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,frame,left\n", r"lacks the column\(s\) top, right, bottom; found clip, frame, left"),
        (f"{HEAD}\n", "holds no boxes"),
        (f"{HEAD}\na,0,1,2,x,4\n", "line 2: right must be a number, found 'x'"),
        (f"{HEAD}\na,0,1,2,nan,4\n", "line 2: right must be finite, found 'nan'"),
        (f"{HEAD}\na,1.5,1,2,3,4\n", "line 2: frame must be a whole number from 0 on, found '1.5'"),
        (f"{HEAD}\na,-1,1,2,3,4\n", "line 2: frame must be a whole number from 0 on"),
        (f"{HEAD}\na,0,5,2,3,4\n", "line 2: the box is empty: left 5, top 2, right 3, bottom 4"),
        (f"{HEAD}\n,0,1,2,3,4\n", "line 2: names no clip"),
        (f"{HEAD},person\na,0,1,2,3,4,x\na,0,1,2,3,5,x\n", "a: person 'x' has two boxes in frame 0"),
        (f"{HEAD},person\na,0,1,2,3,4,x\na,1,1,2,3,5,\n", "a: some boxes name a person and others do not"),
        (f"{HEAD}\n" + "a,0,1,2,1,4\n" * 12, r"has 12 problem\(s\):(.|\n)* … and 2 more"),
    ],
)
def test_read__names_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        read(written(tmp_path, text))


@pytest.mark.parametrize(("text", "message"), [("{", "is not a JSON file"), ('{"a": 1}', "must hold a list of objects with clip, frame")])
def test_read__names_what_is_wrong_in_a_list(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        read(written(tmp_path, text, "boxes.json"))


def test_read__a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="do not exist"):
        read(tmp_path / "none.csv")


def test_tracks__named_boxes_are_one_person_however_far_they_jump() -> None:
    boxes = [Box(0, 0, 0, 10, 20, "ann"), Box(0, 300, 0, 310, 20, "bob"), Box(9, 400, 0, 410, 20, "ann")]
    assert [(track.id, track.frames) for track in tracks(boxes, 30)] == [("ann", [0, 9]), ("bob", [0])]


def test_tracks__boxes_without_names_are_followed() -> None:
    boxes = [box for frame in range(10) for box in (Box(frame, frame, 0, frame + 20, 40), Box(frame, 200, 0, 220, 40))]
    found = tracks(boxes, 30)
    assert [(track.id, len(track.frames)) for track in found] == [("1", 10), ("2", 10)]
    assert found[0].boxes[9].tolist() == [9, 0, 29, 40]


def test_document__is_json() -> None:
    assert document([Box(0, 1, 2, 3, 4, "x")]) == [[0, 1, 2, 3, 4, "x"]]
