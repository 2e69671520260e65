"""Forked jobs: nothing tells them from jobs that Snakemake starts, and none is orphaned."""

import ast
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from snakemake.benchmark import BenchmarkRecord
from snakemake.script import PythonScript
from waiting import wait_for

from hone.running.forked_jobs import ForkServer

LIBRARY = Path(__file__).parents[3] / "workflow"
shell_module = import_module("snakemake.shell")
SEEN = """
import json, os, resource, signal, sys
files = [f"/proc/self/fd/{f}" for f in os.listdir("/proc/self/fd")]
links = [os.readlink(f) for f in files if os.path.exists(f)]
print(json.dumps({
    "is main": [__name__, sys.argv, __file__, sys.path, sys.executable],
    "environment": {k: v for k, v in os.environ.items() if k not in ("_", "SHLVL")},
    "folder": os.getcwd(),
    "signals": [str(signal.getsignal(s)).split(" at ")[0] for s in range(1, 32)],
    "held back": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "threads": len(os.listdir("/proc/self/task")),
    "files": sorted(l for l in links if not l.startswith(("socket:", "/proc"))),
    "limits": resource.getrlimit(resource.RLIMIT_NOFILE),
    "starter": open(f"/proc/{os.getppid()}/cmdline").read(),
    "name": open("/proc/self/comm").read().strip(),
}))
"""
WHO = "print(open(f'/proc/{os.getppid()}/cmdline').read(), file=sys.stderr, flush=True)\n"


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """Where Snakemake writes scripts, in a folder whose name is longer than that of a socket."""
    folder = tmp_path_factory.mktemp("my analysis") / ("long" * 40) / ".snakemake" / "scripts"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def forked(scripts):
    """Snakemake's way to start a script, forked; all have one server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shell_module, "STDOUT", None)
        patch.setattr(shell_module, "sp", subprocess)
        patch.setattr(sys, "executable", shlex.quote(sys.executable))
        patch.setenv("PYTHONPATH", f"{LIBRARY}{os.pathsep}{scripts}")
        patch.delenv("XLA_FLAGS", raising=False)
        patch.chdir(scripts.parents[1])
        server = ForkServer()
        yield execute
        server.end()


def execute(script, text, **options):
    """Run a script as Snakemake does, by what it calls for it."""
    path = script / f"tmp{abs(hash((text, *options)))}.make_something.py"
    path.write_text(text)
    out = path.with_suffix(".out")
    with out.open("w") as stdout, pytest.MonkeyPatch.context() as patch:
        patch.setattr(shell_module, "STDOUT", stdout)
        patch.delenv("PYTEST_CURRENT_TEST", raising=False)
        job = SimpleNamespace(container_img=None, conda_env=None, env_modules=None)
        job._execute_cmd = lambda command, **words: shell_module.shell(
            command, **{"threads": 1, "resources": {}, **options}, **words
        )
        PythonScript.execute_script(job, str(path))
    return out.read_text()


def test_a_forked_job_sees_what_a_started_one_sees(scripts, forked, monkeypatch):
    seen = json.loads(forked(scripts, SEEN))
    monkeypatch.setattr(shell_module, "sp", subprocess)
    expected = json.loads(forked(scripts, SEEN))
    assert "hone.running.fork_server" in seen.pop("starter")
    assert "hone.running.fork_server" not in expected.pop("starter")
    assert seen.pop("name") == "make_something"
    del expected["name"]
    assert seen == expected


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("sys.exit(3)", 3),
        ("print('this', file=sys.stderr); raise ValueError('went wrong')", 1),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import nothing_of_this_name", 1),
        ("import hone.this_is_not_there", 1),
    ],
)
def test_a_failure_has_its_exit_code_and_its_words(end, code, scripts, forked, capfd):
    with pytest.raises(subprocess.CalledProcessError) as failed:
        forked(scripts, f"import os, signal, sys\n{WHO}{end}\n")
    assert failed.value.returncode == code
    said = capfd.readouterr().err
    assert "hone.running.fork_server" in said
    assert all(word in said for word in (["this", "went wrong"] if "this'" in end else []))
    assert code != 1 or "Error" in said


@pytest.mark.usefixtures("forked")
def test_a_command_that_is_no_script_is_started():
    for command in ("true  # isn't it", "true", ""):
        shell_module.shell(command)


FAILURES = {
    "ends": "import sys\nsys.exit(5)\n",
    "forks": """
import os
fork = os.fork
def fails_once():
    os.fork = fork
    raise BlockingIOError("Resource temporarily unavailable")
os.fork = fails_once
""",
}


def test_a_server_that_cannot_fork_ends_no_other_job(scripts, forked, monkeypatch):
    """An import that ends its process, a fork that fails, a script that is not there."""
    for name, text in FAILURES.items():
        (scripts / f"{name}.py").write_text(text)
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    goes_on = scripts / "goes on"
    path = f"Path({str(goes_on)!r})"
    other = f"import time\nfrom pathlib import Path\n{path}.touch()\n"
    other += f"while {path}.exists():\n    time.sleep(0.01)\n"
    missing = ".snakemake/scripts/missing.py"
    with ThreadPoolExecutor() as pool:
        ends = pool.submit(forked, scripts, other)
        wait_for(goes_on.exists)
        try:
            with pytest.raises(subprocess.CalledProcessError, match="status 5"):
                forked(scripts, "import ends\n")
            seen = json.loads(forked(scripts, f"import forks\n{SEEN}"))
            assert "fork_server" not in seen["starter"]
            with pytest.raises(subprocess.CalledProcessError, match="status 2"):
                shell_module.shell(f"{sys.executable} {missing}", resources={}, threads=1)
            assert "fork_server" in json.loads(forked(scripts, SEEN))["starter"]
        finally:
            goes_on.unlink()
        ends.result()


def test_what_is_written_last_is_kept(scripts, forked):
    text = """
import atexit, ctypes, threading, time
atexit.register(print, "at exit")
threading.Thread(target=lambda: (time.sleep(0.1), print("from a thread"))).start()
ctypes.CDLL(None).printf(b"from C\\n")
left_open = open(1, "w", closefd=False)
def write(words):
    left_open.write(words)
write("into a file\\n")
print("from Python")
"""
    said = {"from Python", "from a thread", "at exit", "from C", "into a file"}
    assert {*forked(scripts, text).splitlines()} == said


def test_snakemake_ends_a_job(scripts, forked):
    """As it does with one that provides a service to others."""
    shell = shell_module.shell
    for end, number in ((shell.kill, signal.SIGKILL), (shell.terminate, signal.SIGTERM)):
        with ThreadPoolExecutor() as pool:
            job = pool.submit(forked, scripts, "import time\ntime.sleep(60)\n", jobid=number)
            wait_for(lambda number=number: number in shell._processes)
            end(number)
            with pytest.raises(subprocess.CalledProcessError) as failed:
                job.result()
        assert failed.value.returncode == -number


def test_an_interrupt_is_not_for_later_jobs(scripts, forked):
    parent = "import os\nprint(os.getppid())\n"
    server = psutil.Process(int(forked(scripts, parent)))
    wait_for(lambda: server.status() == psutil.STATUS_SLEEPING)
    server.send_signal(signal.SIGINT)
    assert int(forked(scripts, parent)) == server.pid


def test_jobs_side_by_side_are_told_from_each_other(scripts, forked, capfd):
    def job(number):
        text = f"import os, sys\n{WHO}sys.exit({number})\n"
        with pytest.raises(subprocess.CalledProcessError) as failed:
            forked(scripts, text)
        return failed.value.returncode

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(job, range(1, 6))) == list(range(1, 6))
    assert capfd.readouterr().err.count("hone.running.fork_server") == 5


def imports():
    """All that the scripts of the workflow import in their first lines, own modules not."""
    for path in sorted((LIBRARY / "scripts").glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield ast.unparse(node)


def test_imports_start_no_thread_and_open_nothing(scripts, forked):
    """Or they could not be done before the fork; the XLA that a job asks for is read after it."""
    lines = "\n".join(dict.fromkeys(imports()))
    seen = json.loads(forked(scripts, f"{lines}\n{SEEN}"))
    assert "hone.running.fork_server" in seen["starter"]
    assert seen["threads"] == 1
    assert len(seen["files"]) == 3
    backends = "from jax._src import xla_bridge\nprint(len(xla_bridge._backends))"
    numbers = "import random\nimport numpy\nprint(numpy.random.random(), random.random())"
    assert forked(scripts, f"{backends}\n") == "0\n"
    found = {*forked(scripts, numbers).split(), *forked(scripts, f"{numbers}\n").split()}
    assert len(found) == 4
    flags = "import os, jax\nos.environ['XLA_FLAGS'] = '--no_such_flag'\njax.devices()"
    with pytest.raises(subprocess.CalledProcessError):
        forked(scripts, flags)


def test_code_of_ones_own_is_imported_by_each_job(scripts, forked):
    """What lies beside the config is not part of hone: a job takes it as it is."""
    own = scripts.parents[1] / "config"
    own.mkdir()
    text = f"import sys\nsys.path.insert(0, {str(own)!r})\nimport mine\nprint(mine.loss())\n"
    for value in ("1", "22"):
        (own / "mine.py").write_text(f"def loss():\n    return {value}\n")
        assert forked(scripts, text) == f"{value}\n"


def test_times_and_memory_are_the_jobs_own(scripts, forked):
    """A job that only waits has used nothing, whatever its server has; all of it is counted."""
    records = [BenchmarkRecord(), BenchmarkRecord()]
    work = "import time\nwhile time.process_time() < 0.8:\n    pass\n"
    for text, record in zip((work, "import time\ntime.sleep(0.8)\n"), records, strict=True):
        forked(scripts, text, bench_record=record)
    busy, idle = records
    assert busy.data_collected
    assert busy.cpu_time > 0.8
    assert idle.cpu_time < 0.2
    assert idle.running_time > 0.8
    assert busy.max_rss > 5


@pytest.mark.parametrize("options", [{"threads": 2}, {"resources": {"tmpdir": "/elsewhere"}}])
def test_a_job_in_another_environment_is_started(options, scripts, forked):
    assert "hone.running.fork_server" in json.loads(forked(scripts, SEEN))["starter"]
    seen = json.loads(forked(scripts, SEEN, **options))
    assert "hone.running.fork_server" not in seen["starter"]


WAITS = """
import time
from pathlib import Path
Path("importing").touch()
while Path("importing").exists():
    time.sleep(0.01)
"""


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("threads", [(1, 2), (2, 1), ()])
def test_imports_of_named_scripts_are_done_before_the_first_job(threads, scripts, monkeypatch):
    """By a server for jobs of one thread, as libraries look at their number when imported.

    It is ended where it is of no use, whatever it imports: the first job has more, or there is no
    job.
    """
    monkeypatch.setattr(shell_module, "sp", subprocess)
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000")
    (scripts / "ahead.py").write_text(WAITS)
    (scripts / "first.py").write_text("import ahead\n")
    server = ForkServer([scripts / "first.py"])
    try:
        wait_for(Path("importing").exists)
        if threads == (1, 2):
            Path("importing").unlink()
        for number in threads:
            seen = json.loads(execute(scripts, SEEN, threads=number))
            assert ("hone.running.fork_server" in seen["starter"]) == (number == threads[0])
            memory = {name for name in seen["environment"] if name.startswith("MALLOC")}
            assert memory == {"MALLOC_TRIM_THRESHOLD_"}
            at_start = execute(
                scripts, "print(open('/proc/self/environ').read())", threads=threads[0]
            ).split("\0")
            assert "MALLOC_TRIM_THRESHOLD_=1000" in at_start
            assert any(line.startswith("MALLOC_MMAP_THRESHOLD_=") for line in at_start)
    finally:
        server.end()
        Path("importing").unlink(missing_ok=True)


@pytest.mark.usefixtures("forked")
def test_imports_ahead_end_with_the_run(scripts, capfd):
    """Without a word, whatever Snakemake has deleted: a plan that fails needs none."""
    (scripts / "waits.py").write_text(WAITS)
    (scripts / "never.py").write_text("from pathlib import Path\nPath('too late').touch()\n")
    (scripts / "both.py").write_text("import waits\nimport never\n")
    ours, theirs = socket.socketpair()
    line = [sys.executable, "-P", "-m", "hone.running.fork_server", str(theirs.fileno())]
    line += [str(scripts / name) for name in ("deleted.py", "both.py")]
    with ours, subprocess.Popen(line, pass_fds=[theirs.fileno()]) as server:
        theirs.close()
        wait_for(Path("importing").exists)
        ours.close()
        Path("importing").unlink()
        assert server.wait() == 0
    assert not Path("too late").exists()
    assert capfd.readouterr() == ("", "")
