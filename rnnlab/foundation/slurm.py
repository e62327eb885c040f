"""What a process asks of Slurm, where that runs it."""

import os
import subprocess
import sys


def job_id() -> str:
    """The id under which Slurm knows this process's job; empty outside of Slurm."""
    array, task = (os.environ.get(f"SLURM_ARRAY_{name}") for name in ("JOB_ID", "TASK_ID"))
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")


def requeue() -> None:
    """Have Slurm run this job again, from its first line."""
    command = ["scontrol", "requeue", job_id()]
    try:
        subprocess.run(command, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"{' '.join(command)} failed: {error}\n")
