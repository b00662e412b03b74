"""Which process this is: torchrun's and srun's variables, and what a command does when several were started."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stages.engine import device
from stages.engine.launcher import Process, is_writer, met, this_process, together
from stages.engine.options import SHARD_COUNT, SHARD_INDEX, Shard, parse_shard
from stages.engine.ranks import _meeting
from stages.errors import UsageError

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_NTASKS")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "MASTER_ADDR", "MASTER_PORT", SHARD_INDEX, SHARD_COUNT):
        monkeypatch.delenv(name, raising=False)


def _set(monkeypatch: pytest.MonkeyPatch, **variables: object) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))


def test_this_process__alone_also_in_a_batch_script_of_several_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert this_process() == Process(0, 1, 0)
    _set(monkeypatch, SLURM_NTASKS=8, SLURM_PROCID=0, SLURM_LOCALID=0)
    assert this_process() == Process(0, 1, 0)


def test_this_process__torchrun_inside_srun_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, SLURM_PROCID=5, SLURM_STEP_NUM_TASKS=8, SLURM_LOCALID=1)
    assert this_process() == Process(5, 8, 1)
    _set(monkeypatch, RANK=9, WORLD_SIZE=16, LOCAL_RANK=3)
    assert this_process() == Process(9, 16, 3)


@pytest.mark.parametrize("rank", ["2", "-1", "x", None])
def test_this_process__variables_that_do_not_fit(monkeypatch: pytest.MonkeyPatch, rank: str | None) -> None:
    _set(monkeypatch, WORLD_SIZE=2, LOCAL_RANK=0, **({"RANK": rank} if rank else {}))
    with pytest.raises(UsageError, match=f"variables of a launcher do not fit: RANK={rank or 'absent'}, WORLD_SIZE=2, LOCAL_RANK=0"):
        this_process()


def test_is_writer__everybody_outside_a_team(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, RANK=1, WORLD_SIZE=2, LOCAL_RANK=1)
    assert is_writer()
    with met(this_process()):
        assert not is_writer()
        assert together().count == 2
    assert is_writer()


def test_meeting__first_node_of_the_step_and_a_port_of_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, SLURM_STEP_NODELIST="gpu[07-09],gpu12", SLURM_NODELIST="gpu[01-12]", SLURM_JOB_ID=123456, SLURM_STEP_ID=1)
    assert _meeting() == "tcp://gpu07:19456"
    _set(monkeypatch, MASTER_ADDR="head", MASTER_PORT=29500)
    assert _meeting() == "tcp://head:29500"


@pytest.mark.parametrize(("array", "expected"), [(None, Shard(1, 2)), ((2, 4), Shard(5, 8))])
def test_parse_shard__processes_share_a_tasks_part(monkeypatch: pytest.MonkeyPatch, array: tuple[int, int] | None, expected: Shard) -> None:
    if array:
        _set(monkeypatch, **{SHARD_INDEX: array[0], SHARD_COUNT: array[1]})
    assert parse_shard("auto", Process(1, 2, 1)) == expected
    if array:
        assert parse_shard(f"{array[0]}/{array[1]}", Process(1, 2, 1)) == expected


def test_choose__each_process_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    _set(monkeypatch, RANK=6, WORLD_SIZE=8, LOCAL_RANK=2)
    assert device.choose("auto") == device.choose("cuda") == torch.device("cuda:2")
    assert device.choose("cpu") == torch.device("cpu")
    with pytest.raises(UsageError, match="--device cuda:0 names one GPU for 8 processes"):
        device.choose("cuda:0")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)  # the cluster shows each process its own
    assert device.choose("auto") == torch.device("cuda:0")


def test_choose__more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    _set(monkeypatch, RANK=2, WORLD_SIZE=4, LOCAL_RANK=2)
    with pytest.raises(UsageError, match="'cuda:2' is not there: this machine has 2 CUDA"):
        device.choose("cuda")


def test_commands__that_do_not_train_together(aqa, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, RANK=1, WORLD_SIZE=2, LOCAL_RANK=1)
    code, _, err = aqa("extract-kinematics")
    assert code == 2
    assert "process 1 of 2: error: 2 processes were started, and each would do all of it" in err
    assert "--shard auto" in err
