"""The SLURM script that the documentation leads to."""

import re
import subprocess
from pathlib import Path

import dask
import pytest

pytest.importorskip("dask_jobqueue")

DOCUMENT = Path(__file__).parents[2] / "docs" / "scaling.md"


def test_the_documented_cluster_makes_a_sound_script(tmp_path):
    code = re.search(r"```python\n(from dask_jobqueue.*?)```", DOCUMENT.read_text(), re.DOTALL)
    names = {}
    here = {"scheduler-options": {"dashboard_address": None, "host": "127.0.0.1"}}
    with dask.config.set({"jobqueue.slurm": {**dask.config.get("jobqueue.slurm"), **here}}):
        exec(code.group(1), names)
    with names["cluster"] as cluster:
        script = cluster.job_script()
        address = cluster.scheduler_address
    for line in ("#SBATCH -p gpu", "#SBATCH --gres=gpu:1", "#SBATCH -t 04:00:00"):
        assert line in script.splitlines()
    assert "export OMP_NUM_THREADS=4" in script
    command = next(line for line in script.splitlines() if "dask_worker" in line)
    assert address in command
    for part in ("--resources GPU=1", "--lifetime 3h50m", "--lifetime-stagger 5m"):
        assert part in command
    assert re.findall(r"--nthreads (\d+)", command)[-1] == "1"  # the last one counts
    file = tmp_path / "job.sh"
    file.write_text(script)
    assert subprocess.run(["bash", "-n", str(file)], check=False).returncode == 0
