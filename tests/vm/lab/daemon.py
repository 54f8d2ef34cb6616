# SPDX-License-Identifier: Apache-2.0
"""One butterflyd with settings of a test's choice, for what is about the daemon itself.
`start` for one that shall serve, `end` for one that shall not: its exit status and what it said."""

import contextlib
import pathlib
import shutil

from .shell import CommandFailed, run
from .wait import wait_until

LIMIT = 60  # seconds until a daemon answers, or gives up; generous, for busy machines


def toml_of(settings):
    """{"daemon": {"api": "unix:/x"}} as TOML; only what the settings of butterflyd need."""
    lines = []
    for table, keys in settings.items():
        lines.append(f"[{table}]")
        lines += [f"{key} = {toml_value(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return str(value) if isinstance(value, int) else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Daemon:
    def __init__(self, run_directory, name, binaries, namespace, **tables):
        """`tables` are merged into settings that work: uplink={"device": "up0"}, daemon={"state": ...}."""
        self.directory = run_directory.make_directory(f"daemon-{name}")
        self.namespace = namespace
        self.state = self.directory / "state.db"
        self.socket = self.directory / "api.sock"
        self.config = self.directory / "butterflyd.toml"
        self.process = None
        self._run = run_directory
        self._binaries = pathlib.Path(binaries)
        self._starts = 0
        self._as = []
        settings = {"daemon": {"api": f"unix:{self.socket}", "state": str(self.state),
                               "socket_directory": str(self.directory / "ports")},
                    "dataplane": {"lcores": [0], "memory_mb": 64, "hugepages": "off", "flows_per_lcore": 4096,
                                  "fdb_capacity": 4096}}
        for table, keys in tables.items():
            settings.setdefault(table, {}).update(keys)
        self.state = pathlib.Path(settings["daemon"]["state"])
        self.socket = pathlib.Path(settings["daemon"]["api"].removeprefix("unix:"))
        self.config.write_text(toml_of(settings))

    @property
    def command(self):
        return [*self._as, self._binaries / "butterflyd", "--config", self.config]

    def as_nobody(self, *capabilities):
        """From now on it runs as nobody, with these capabilities only ("net_raw")."""
        self._binaries = self._copy_programs()
        for path in (self.directory, *self.directory.iterdir()):
            shutil.chown(path, "nobody", "nogroup")
        names = ",".join(f"+{name}" for name in capabilities)
        only = f"-all,{names}" if names else "-all"
        kept = [f"{option}={only}" for option in ("--inh-caps", "--ambient-caps", "--bounding-set")]
        self._as = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs", *kept,
                    "--pdeathsig=KILL"]
        return self

    def _copy_programs(self):
        """To where everybody may go: a build may be in root's own directory."""
        place = self.directory / "programs"
        place.mkdir()
        for name in ("butterflyd", "butterfly", "butterfly-expression-compiler"):
            with contextlib.suppress(OSError):
                shutil.copy(self._binaries / name, place / name)
        return place

    @property
    def log_file(self):
        return self.directory / f"log.{self._starts}"

    def log(self):
        """What the running, or last, daemon wrote."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def start(self, environment=()):
        """Starts and waits for the API; `environment` holds "NAME=value"."""
        self._starts += 1
        self.process = self._run.spawn(["env", *environment, *self.command], self.log_file, self.namespace)
        wait_until(self._answers, LIMIT, f"the API at {self.socket}; so far: {self.log()[-400:]}")
        return self

    def _answers(self):
        if self.process.poll() is not None:
            raise CommandFailed(f"butterflyd ended with {self.process.returncode}: {self.log()[-800:]}")
        return self.cli("status").ok

    def end(self, *arguments, environment=()):
        """Runs a daemon that shall end by itself; its Answer. No end within the limit is a failure."""
        return run("env", *environment, *self.command, *arguments, namespace=self.namespace, timeout=LIMIT,
                   check=False)

    def stop(self):
        """SIGTERM; returns the exit status."""
        self.process.terminate()
        return self.process.wait(LIMIT)

    def kill(self):
        """kill -9, as a crash would."""
        self.process.kill()
        self.process.wait()

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def cli(self, *arguments, text_in=None):
        return run(self._binaries / "butterfly", "--api", f"unix:{self.socket}", *arguments, check=False,
                   text_in=text_in)

    def must(self, *arguments, text_in=None):
        """As `cli`, but a refusal is a failure. Returns stdout."""
        answer = self.cli(*arguments, text_in=text_in)
        if not answer.ok:
            raise CommandFailed(f"butterfly {' '.join(map(str, arguments))}: exit {answer.exit}: {answer.stderr}")
        return answer.stdout
