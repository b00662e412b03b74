"""Which frames make which segment: every rule against its paper, and what holds for all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.errors import ArtifactError, UsageError
from stages.video.sampling import BLANK, PRESETS, Sampling, View, preset, segments, timeline, views


def _times(frames: int, fps: float = 30.0):
    return np.arange(frames) / fps


def _rows(frames: int, sampling: Sampling, view: View | None = None):
    return segments(_times(frames), sampling, *([view] if view else []))


def test_aqa_7__six_segments_of_sixteen_from_103_with_black_in_front() -> None:
    rows = _rows(60, preset("aqa-7"))
    assert rows.shape == (6, 16)
    assert (rows[:2] == BLANK).all()
    assert rows[2].tolist() == [BLANK] * 11 + [0, 1, 2, 3, 4]  # 43 black frames: 2 segments and 11 frames
    assert rows[5].tolist() == list(range(37, 53))  # frames 80 … 95 of 103; the last seven are in no segment


def test_aqa_7__a_clip_of_103_is_taken_as_it_is() -> None:
    assert _rows(103, preset("aqa-7")).ravel().tolist() == list(range(96))


def test_10x16__starts_of_the_papers() -> None:
    rows = _rows(103, preset("10x16"))
    assert rows[:, 0].tolist() == [0, 10, 20, 30, 40, 50, 60, 70, 80, 87]
    assert rows[-1].tolist() == list(range(87, 103))


def test_10x16__of_a_longer_clip_the_last_103() -> None:
    assert _rows(150, preset("10x16"))[0, 0] == 47
    assert _rows(150, preset("10x16"))[-1, -1] == 149


def test_jigsaws__160_evenly_picked_frames() -> None:
    rows = _rows(1590, preset("jigsaws"))
    assert rows.shape == (10, 16)
    assert rows.ravel()[[0, 1, 2, -1]].tolist() == [0, 10, 20, 1589]
    short = _rows(40, preset("jigsaws")).ravel()
    assert (np.diff(short) >= 0).all()
    assert (short[0], short[-1]) == (0, 39)


def test_2fps__every_fifteenth_frame_and_black_behind() -> None:
    rows = _rows(300, preset("2fps"))  # ten seconds: 20 frames, two segments
    assert rows.shape == (2, 16)
    assert rows[0].tolist() == list(range(0, 240, 15))
    assert rows[1].tolist() == [240, 255, 270, 285] + [BLANK] * 12


def test_5fps_and_1fps__action_net_s_windows_fit_its_routines() -> None:
    shortest = 87 * 30  # frames of the shortest training routine
    assert len(_rows(shortest, preset("5fps"))) >= 26
    assert _rows(shortest, preset("5fps"))[0].tolist() == list(range(0, 96, 6))
    assert _rows(shortest, preset("1fps"))[:, 0].tolist() == list(range(0, shortest, 30))
    assert len(_rows(shortest, preset("1fps"))) == 87
    assert len(_rows(shortest, preset("2fps"))) < 26


def test_fps__goes_by_the_frames_own_times() -> None:
    times = np.array([0.0, 0.1, 0.45, 0.52, 0.9, 1.6, 1.98])
    assert timeline(times, Sampling(fps=2.0)).tolist() == [0, 3, 4, 5]  # nearest to 0, .5, 1 and 1.5 s
    assert timeline(times, Sampling(fps=1000.0)).tolist() == list(range(7))  # no frame is taken twice


@pytest.mark.parametrize(
    ("frames", "starts"),
    [(16, [0, 0, 0]), (17, [0, 0, 1]), (116, [0, 50, 100]), (3, [0, 0, 0])],
    ids=["as long as a segment", "one more", "spread", "shorter"],
)
def test_even__first_to_last(frames, starts) -> None:
    assert _rows(frames, Sampling(segments=3))[:, 0].tolist() == starts


def test_dense__every_stride_and_the_rest_by_the_rule_of_padding() -> None:
    def last(pad):
        return _rows(40, Sampling(segments=None, starts="dense", pad=pad))

    assert last("none")[:, 0].tolist() == [0, 16]
    assert last("back")[2].tolist() == [*range(32, 40), *[BLANK] * 8]
    assert last("loop")[2].tolist() == [*range(32, 40), *range(8)]
    assert last("front")[0].tolist() == [*[BLANK] * 8, *range(8)]
    assert last("front")[2].tolist() == list(range(24, 40))
    overlapping = Sampling(segments=None, starts="dense", stride=4, pad="none")
    assert _rows(40, overlapping)[:, 0].tolist() == list(range(0, 25, 4))


def test_dense__fills_the_length_that_was_asked_for() -> None:
    rule = Sampling(segments=None, starts="dense", length=4, frames=12, pad="back")
    assert _rows(5, rule).tolist() == [[0, 1, 2, 3], [4, BLANK, BLANK, BLANK], [BLANK] * 4]


def test_step__spans_more_of_the_clip() -> None:
    rows = _rows(64, Sampling(segments=2, length=4, step=16))
    assert rows.tolist() == [[0, 16, 32, 48], [15, 31, 47, 63]]


def test_loop__repeats_a_short_clip() -> None:
    assert _rows(5, Sampling(segments=1)).tolist() == [[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0]]


def test_shift__moves_every_segment_and_six_copies_are_aqa_7s() -> None:
    sampling = preset("aqa-7")
    copies = views(["original", "shifts"])
    assert len(copies) == 6
    rows = [_rows(103, sampling, view) for view in copies]
    assert [row[0, 0] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert rows[5][5].tolist() == list(range(85, 101))
    earlier, later = (_rows(103, preset("10x16"), views([name])[0]) for name in ("shift:-3", "shift:3"))
    assert earlier[0].tolist() == [BLANK] * 3 + list(range(13))
    assert later[-1].tolist() == list(range(90, 103)) + [BLANK] * 3


def test_still__every_frame_is_the_segments_first() -> None:
    rows = _rows(103, preset("10x16"), views(["still"])[0])
    assert (rows == rows[:, :1]).all()
    assert rows[:, 0].tolist() == [0, 10, 20, 30, 40, 50, 60, 70, 80, 87]


def test_views__are_parsed_and_combined() -> None:
    assert views(["flip+shift:2"]) == (View("flip+shift:2", shift=2, flip=True),)
    assert [view.rotate for view in views(["rotations"])] == [90, 180, 270]
    assert views(["rotate-270+rotate-180+still"]) == (View("rotate-270+rotate-180+still", rotate=90, still=True),)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["flop"], "Unknown view 'flop'. Did you mean 'flip'?"),
        (["rotate-45"], "Unknown view 'rotate-45'"),
        (["flip", "original", "flip"], "The view 'flip' is asked for twice."),
        (["rotations", "rotate-90"], "The view 'rotate-90' is asked for twice."),
    ],
)
def test_views__errors(names, message) -> None:
    with pytest.raises(UsageError) as caught:
        views(names)
    assert message in str(caught.value)


def test_too_short__without_padding_says_what_is_needed() -> None:
    with pytest.raises(ArtifactError) as caught:
        _rows(9, Sampling(pad="none"))
    assert "The clip has 9 frames, but its segments need 16." in str(caught.value)
    assert "sampling.pad=front, back or loop" in str(caught.value)
    with pytest.raises(ArtifactError, match="The view 'shift:1' reaches beyond the clip's 16 frames"):
        _rows(16, Sampling(segments=1, pad="none"), views(["shift:1"])[0])
    with pytest.raises(ArtifactError, match="The clip has no frames"):
        _rows(0, Sampling())


def test_no_frame_in_any_segment__is_an_error() -> None:
    with pytest.raises(ArtifactError, match="None of the segments of the view 'original' holds one of the clip's 7 frames"):
        _rows(7, preset("aqa-7"))  # they are the last of 103, of which 96 are used


def test_contradictions__are_usage_errors() -> None:
    with pytest.raises(UsageError, match=r"sampling.segments is 3, but sampling.starts lists 2"):
        _rows(50, Sampling(segments=3, starts=(0, 10)))
    with pytest.raises(UsageError, match=r"How many even segments\?"):
        _rows(50, Sampling(segments=None))
    with pytest.raises(UsageError, match=r"lists no segment"):
        _rows(50, Sampling(segments=None, starts=()))
    with pytest.raises(UsageError, match=r"Unknown sampling '10x61'. Did you mean '10x16'\?"):
        preset("10x61")


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("frames", [8, 15, 16, 17, 102, 103, 104, 160, 1000])
def test_presets__fit_clips_of_any_length(name, frames) -> None:
    rows = _rows(frames, preset(name))
    assert rows.shape[1] == preset(name).length
    assert len(rows) == (preset(name).segments or len(rows))
    assert rows.min() >= BLANK
    assert 0 <= rows.max() < frames


_RULES = st.builds(
    Sampling,
    segments=st.integers(1, 6),
    length=st.integers(1, 9),
    starts=st.sampled_from(["even", "dense"]),
    stride=st.none() | st.integers(1, 12),
    step=st.integers(1, 3),
    frames=st.none() | st.integers(1, 40),
    fit=st.sampled_from(["pad", "even"]),
    pad=st.sampled_from(["front", "back", "loop"]),
)


@settings(max_examples=300, deadline=None)
@given(_RULES, st.integers(1, 60), st.integers(-5, 5))
def test_any_rule__gives_frames_of_the_clip_in_their_order(sampling, frames, shift) -> None:
    try:
        rows = _rows(frames, sampling, View("v", shift=shift))
    except ArtifactError:
        assert sampling.pad != "loop"  # only black frames: every segment lies beyond the clip
        return
    assert rows.shape == (sampling.segments, sampling.length)
    assert rows.min() >= BLANK
    assert rows.max() < frames
    if sampling.pad == "loop":
        assert (rows != BLANK).all()
    else:
        for row in rows:
            seen = row[row != BLANK]
            assert (np.diff(seen) >= 0).all()
            inside = np.flatnonzero(row != BLANK)
            assert len(inside) == 0 or len(inside) == inside[-1] - inside[0] + 1  # black frames lie outside, never between
