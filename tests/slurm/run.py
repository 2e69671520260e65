"""A small analysis through profiles/slurm on a SLURM of its own, against a plain local run.

SLURM runs on this machine alone: munged, slurmctld and slurmd on loopback, one node with a GPU
that is not there. On the way the training is cancelled, and while it runs again both daemons of
SLURM are restarted. Exit code 0: the same numbers. 1: not so. 2: this machine is not for it.
"""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
ETC = Path("/etc/slurm/slurm.conf")
PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol"]
CLUSTERS = Path(sys.prefix, "clusters")
LIMIT = 600  # seconds for each of the two runs
TARGETS = [
    "results/small/signal/neos/selected.json",
    "results/small/signal/neos/seed1/limits.json",
    "results/small/signal/neos/seed2/limits.json",
]


def not_cloned(folder, names):
    """What a clone does not have; the library has a room called results."""
    patterns = [".git", ".venv", ".snakemake", "__pycache__", ".*_cache"]
    patterns += ["results"] if Path(folder) == ROOT else []
    return shutil.ignore_patterns(*patterns)(folder, names)


CONFIGURATION = """\
ClusterName=hone
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=2
MinJobAge=300
ReturnToService=2
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=16000 Gres=gpu:1 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


class Failure(Exception):  # noqa: N818
    """What went wrong, for people."""


def unfit() -> str | None:
    """Why this machine is not for it."""
    found = [path for path in (ETC, Path("/etc/slurm-llnl/slurm.conf")) if os.path.lexists(path)]
    if "SLURM_CONF" in os.environ or found:
        what = str(found[0]) if found else "SLURM_CONF"
        return f"this machine has a configuration of SLURM ({what}), which stays untouched."
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return (
            f"{', '.join(missing)} not found; on Debian: "
            "apt-get install slurmctld slurmd munge slurm-client"
        )
    if os.geteuid() != 0:
        return "SLURM's daemons start other users' jobs and need root; in a container that is easy."
    if not CLUSTERS.is_dir():
        return "Snakemake's plugin for SLURM is not there: `make test-slurm` installs it."
    return None


class Slurm:
    """The three daemons, in a folder of their own."""

    def __init__(self, folder: Path, stack: ExitStack):
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "munge").mkdir(mode=0o755)
        (folder / "state").mkdir()
        (folder / "spool").mkdir()
        key = folder / "munge" / "key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        host = socket.gethostname().partition(".")[0]
        text = CONFIGURATION.format(folder=folder, host=host, ports=free_ports(2))
        (folder / "slurm.conf").write_text(text)
        (folder / "gres.conf").write_text("Name=gpu File=/dev/null\n")
        # srun inside of a job looks nowhere else.
        if not ETC.parent.exists():
            ETC.parent.mkdir()
            stack.callback(ETC.parent.rmdir)
        ETC.symlink_to(folder / "slurm.conf")
        stack.callback(ETC.unlink)
        stack.callback(self.stop)

    def start(self, *names: str) -> None:
        m, conf = self.folder / "munge", str(self.folder / "slurm.conf")
        commands = {
            "munged": [
                *("munged", "--foreground", f"--key-file={m}/key", f"--socket={m}/socket"),
                *(f"--pid-file={m}/pid", f"--log-file={m}/log", f"--seed-file={m}/seed"),
            ],
            "slurmctld": ["slurmctld", "-D", "-f", conf],
            "slurmd": ["slurmd", "-D", "-f", conf],
        }
        for name in names:
            with (self.folder / f"{name}.log").open("a") as log:
                # Not of this terminal: an interrupt is for this script to handle.
                self.running[name] = subprocess.Popen(
                    commands[name], stdout=log, stderr=log, start_new_session=True
                )
            if name == "munged":
                wait_for((m / "socket").exists, "munged does not start")
        if "slurmd" in names:
            wait_for(self.is_idle_or_busy, "the node of SLURM does not come up")

    def is_idle_or_busy(self) -> bool:
        return asked("sinfo", "-h", "-o", "%T") in ("idle", "mixed", "allocated")

    def stop(self, *names: str) -> None:
        for name in names or reversed(list(self.running)):
            process = self.running.pop(name)
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)

    def jobs(self) -> list[list[str]]:
        """Number, state, rule or group, and what it was given, of the jobs that are not done."""
        columns = "JobID:12,State:12,Comment:120,tres-per-job:40"
        lines = asked("squeue", "-h", "-t", "PD,R", "-O", columns).splitlines()
        return [line.split() for line in lines]


def asked(*command: str) -> str:
    """What a command of SLURM says; nothing while the daemon is away."""
    done = subprocess.run(command, text=True, capture_output=True, timeout=60, check=False)
    return done.stdout.strip()


def free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_for(condition: Callable[[], object], otherwise: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(otherwise)
        time.sleep(0.2)


def clone(folder: Path) -> Path:
    """A copy of the workflow without results, with a small analysis in config/small.yaml."""
    shutil.copytree(ROOT, folder, ignore=not_cloned)
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config["analysis"] = "small"
    config["events"] = {"training": 2000, "validation": 5000, "evaluation": 20_000}
    # All seeds in one job: the rule whose name the profile does not know. Each batch is on two
    # devices of one process here, and of two that srun starts through SLURM.
    config["observables"] = [
        {
            "name": "neos", "kind": "network", "objective": "cls", "bins": 3, "edges": "learned",
            "hidden": [16], "steps": 40, "batch": 500, "validate_every": 20, "seeds": 2,
            "learning_rate": 0.01, "together": True, "devices": 2,
        },
    ]  # fmt: skip
    (folder / "config" / "small.yaml").write_text(yaml.safe_dump(config))
    return folder


@contextmanager
def snakemake(folder: Path, *arguments: str, devices: int = 1) -> Iterator[subprocess.Popen[bytes]]:
    """Snakemake at work in ``folder``; what it says is in ``snakemake.log`` there."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(CLUSTERS)
    environment["JAX_NUM_CPU_DEVICES"] = str(devices)  # of each process
    # Each program is compiled once for both runs.
    environment["JAX_COMPILATION_CACHE_DIR"] = str(folder.parent / "jax")
    command = [sys.executable, "-m", "snakemake", "--configfile", "config/small.yaml"]
    with (folder / "snakemake.log").open("w") as log:
        process = subprocess.Popen(
            [*command, *arguments, "--", *TARGETS],
            cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
        if process.wait(LIMIT) != 0:
            raise Failure("Snakemake failed")
    except (Failure, subprocess.TimeoutExpired) as error:
        print((folder / "snakemake.log").read_text()[-6000:], file=sys.stderr)
        raise Failure(str(error)) from None
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)


def numbers(folder: Path) -> dict[str, dict[str, object]]:
    """What the targets hold, without how they were made."""
    found = {target: json.loads((folder / target).read_text()) for target in TARGETS}
    return {
        target: {key: value for key, value in content.items() if key != "provenance"}
        for target, content in found.items()
    }


def disturb(slurm: Slurm, folder: Path, process: subprocess.Popen[bytes]) -> dict[str, str]:
    """Cancel the training, restart SLURM while it runs again; the jobs seen, and what they had."""
    seen: dict[str, str] = {}

    def training(other_than: str = "") -> str | None:
        """The training that is at work."""
        if process.poll() is not None:
            raise Failure("Snakemake ended before its training ran")
        for job, state, comment, given in slurm.jobs():
            seen[job] = f"{comment} {given}"
            if "train_together" in comment and state == "RUNNING" and job != other_than:
                return job if log.exists() else None
        return None

    log = folder / "results" / "small" / "logs" / "train_observable/signal/neos/all_seeds.log"
    wait_for(training, "the training was not submitted", LIMIT)
    first = training() or ""
    asked("scancel", first)
    log.unlink()
    wait_for(lambda: training(first), "the cancelled job was not tried again", LIMIT)
    slurm.stop("slurmctld", "slurmd")
    slurm.start("slurmctld", "slurmd")
    while process.poll() is None:
        with suppress(Failure):
            training()
        time.sleep(0.5)
    return seen


def kill_descendants() -> None:
    """End what the daemons left behind; orphans have become children of this process."""
    for _ in range(50):
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        if not children:
            return
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.1)


def run() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hone-slurm-")))
        folder.chmod(0o755)
        stack.callback(kill_descendants)
        start = time.monotonic()
        here = clone(folder / "local")
        with snakemake(here, "--cores", "2", devices=2):
            pass
        print(f"local run: {time.monotonic() - start:.0f} s")
        start = time.monotonic()
        slurm = Slurm(folder, stack)
        slurm.start("munged", "slurmctld", "slurmd")
        there = clone(folder / "cluster")
        # No accounting here, and no queue to be spared; the rest is as the profile has it.
        options = ("--profile", "profiles/slurm", "--slurm-status-command", "squeue")
        options += ("--slurm-init-seconds-before-status-checks", "5")
        processes = {"mpi": "srun", "tasks": 2, "tasks_per_gpu": 2, "gpu": 1}
        options += ("--set-resources", *(f"train_observable:{k}={v}" for k, v in processes.items()))
        with snakemake(there, *options) as process:
            seen = disturb(slurm, there, process)
        print(f"through SLURM, disturbed: {time.monotonic() - start:.0f} s, {len(seen)} jobs:")
        print("".join(f"  {job}: {what}\n" for job, what in seen.items()), end="")
        if numbers(here) != numbers(there):
            raise Failure(f"other numbers than those of the local run: {numbers(there)}")
        if not all("gpu:1" in what for what in seen.values() if "train" in what):
            raise Failure("the training was given no GPU")
        if len(list((there / ".snakemake" / "slurm_logs").rglob("*.log"))) != len(seen):
            raise Failure("the logs of SLURM were not kept")
        limit = numbers(there)[TARGETS[1]]["expected_limits"]
        print(f"same numbers: expected limits {limit}")


def main() -> int:
    reason = unfit()
    if reason:
        print(f"test-slurm cannot run here: {reason}", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda which, _: sys.exit(128 + which))
    ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: orphans come here
    try:
        run()
    except Failure as failure:
        print(f"test-slurm: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
