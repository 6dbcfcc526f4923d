"""A SLURM on loopback, for as long as a test needs it: munged, slurmctld, a slurmd for each node.

The nodes are this machine, each at a port of its own; all state is in a folder. The daemons stay in the foreground, as
children that the kernel ends with the test's process, so that nothing is left behind even by a test that was killed.
No systemd, no cgroups, no database.
"""

import contextlib
import ctypes
import getpass
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
PACKAGES = "slurmctld slurmd slurm-client munge"
PATIENCE = 1200
"""Seconds to wait for what must happen: a build of ten stages took 140 with twenty other programs on two cores."""

CONF = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.sock
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=0
MaxArraySize=1001
MinJobAge=600
ReturnToService=2
KillWait=2
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd-%n.pid
SlurmctldTimeout=60
SlurmdTimeout=60
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverTimeLimit=0
"""
NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory=16000 State=UNKNOWN\n"
)
CPUS = 4
"""Of all nodes together, whatever this machine has."""


def missing_programs() -> list[str]:
    return [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]


def _path() -> str:
    return os.environ["PATH"] + ":/usr/sbin:/sbin"


class Loopback:
    """The cluster. `environment` is what a program needs to talk to it."""

    def __init__(self, folder: Path, nodes: int = 1) -> None:
        self.folder = folder
        self.nodes = [f"n{number}" for number in range(nodes)]
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": _path()}
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        for name in ("state", "run", "log", *(f"spool-{node}" for node in self.nodes)):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        (self.folder / "run").chmod(0o755)
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(1024))
        controller, *ports = _free_ports(1 + len(self.nodes))
        conf = CONF.format(folder=self.folder, host=_host(), controller=controller, user=getpass.getuser())
        cpus = CPUS // len(self.nodes)
        for name, port in zip(self.nodes, ports, strict=True):
            conf += NODE.format(name=name, host=_host(), port=port, cpus=cpus)
        (self.folder / "slurm.conf").write_text(conf)
        run = self.folder / "run"
        self._run(
            "munged",
            *("--foreground", "--force", f"--key-file={key}", f"--socket={run}/munge.sock"),
            *(f"--pid-file={run}/munged.pid", f"--seed-file={run}/munge.seed", f"--log-file={self.folder}/log/munge"),
        )
        wait_for(lambda: (run / "munge.sock").exists(), "munged's socket")
        self._run("slurmctld", "-D")
        self.start_nodes()

    def start_nodes(self) -> None:
        for node in self.nodes:
            self._run("slurmd", "-D", "-N", node, node=node)
        wait_for(self._nodes_are_up, "the nodes", self.logs)

    def _nodes_are_up(self) -> bool:
        states = self("sinfo", "-h", "-N", "-o", "%t", check=False).split()
        return len(states) == len(self.nodes) and set(states) <= {"idle", "mix", "alloc"}

    def stop_nodes(self) -> None:
        """Stop every slurmd, as for maintenance; jobs that run go on."""
        for node in self.nodes:
            _end(self._daemons.pop(node))

    def stop(self) -> None:
        """End every job and every daemon, and whatever a job has left."""
        if "slurmctld" in self._daemons and set(self.nodes) <= set(self._daemons):
            self("scancel", f"--user={getpass.getuser()}", check=False)
            for _ in range(100):
                if not self.queue():
                    break
                time.sleep(0.1)
        for name in (*self.nodes, "slurmctld", "munged"):
            if name in self._daemons:
                _end(self._daemons.pop(name))
        mark = f"SLURM_CONF={self.folder}/slurm.conf".encode()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                ours = mark in (process / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if ours and int(process.name) != os.getpid():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process.name), signal.SIGKILL)

    def __call__(self, *command: str, check: bool = True) -> str:
        """Run a client program and return its output."""
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, **self.environment}, timeout=PATIENCE
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    def queue(self) -> list[tuple[str, str, str]]:
        """(id, name, state) of every job that waits or runs."""
        lines = self("squeue", "-h", "-r", "-o", "%i|%j|%T", check=False).splitlines()
        return [tuple(line.split("|")) for line in lines if line.count("|") == 2]  # type: ignore[misc]

    def drain(self) -> None:
        """Wait until nothing is queued."""
        wait_for(lambda: not self.queue(), "an empty queue", self.logs)

    def logs(self) -> str:
        return "\n".join(
            f"{path.name}: " + path.read_text(errors="replace")[-1500:] for path in (self.folder / "log").iterdir()
        ) + str(self.queue())

    def _run(self, name: str, *arguments: str, node: str = "") -> None:
        program = shutil.which(name, path=_path())
        assert program is not None
        with (self.folder / "log" / (node or name)).open("ab") as log:
            self._daemons[node or name] = subprocess.Popen(
                [program, *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment},
                cwd=self.folder,
                preexec_fn=_end_with_parent,
                start_new_session=True,
            )


def wait_for(event, what: str, explain=lambda: "") -> None:  # type: ignore[no-untyped-def]
    """Wait until `event()` is true."""
    until = time.monotonic() + PATIENCE
    while not event():
        if time.monotonic() > until:
            raise RuntimeError(f"waited {PATIENCE} s for {what}\n{explain()}")
        time.sleep(0.05)


def _host() -> str:
    return socket.gethostname().partition(".")[0]


def _free_ports(count: int) -> list[int]:
    """Return free ports below the range that the kernel assigns to outgoing connections."""
    ports: set[int] = set()
    while len(ports) < count:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            ports.add(port)
    return list(ports)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
