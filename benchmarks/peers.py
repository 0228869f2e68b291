"""The gateways that the benchmark starts: Triptych, nginx and LiteLLM's proxy, each in front of the fake provider."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from benchmarks.load import MODEL

TICKS = os.sysconf("SC_CLK_TCK")
_MASTER = "sk-benchmark-only"
_START_LIMIT_S = 120.0
_NGINX = """daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; tcp_nodelay on; keepalive_requests 1000000; keepalive_timeout 600; client_max_body_size 64m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream provider {{ server 127.0.0.1:{provider}; keepalive 256; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;
    }}
  }}
}}
"""


@dataclass
class Gateway:
    """One running gateway. `model` is how it names the model."""

    name: str
    process: int
    port: int
    model: str
    start_s: float
    headers: Mapping[str, str] = field(default_factory=dict)

    def cpu(self) -> float:
        """CPU seconds of the process and its children so far."""
        return _cpu_of(self.process)

    def forget_peak(self) -> None:
        """Begins to count the most memory anew (proc(5), clear_refs)."""
        for process in _tree(self.process):
            Path(f"/proc/{process}/clear_refs").write_text("5", "ascii")

    def peak_mib(self) -> float:
        """The most memory that its processes have held."""
        return sum(_status(process, "VmHWM") for process in _tree(self.process)) / 1024


def _tree(process: int) -> list[int]:
    found = [process]
    with suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            children = (thread / "children").read_text("ascii").split()
            found += [one for child in children for one in _tree(int(child))]
    return found


def _cpu_of(process: int) -> float:
    total = 0
    for one in _tree(process):
        with suppress(FileNotFoundError, ProcessLookupError):  # a child that has ended meanwhile
            fields = Path(f"/proc/{one}/stat").read_text("ascii").rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def _status(process: int, name: str) -> int:
    """A line of /proc/PID/status in KiB."""
    with suppress(FileNotFoundError, ProcessLookupError):
        lines = Path(f"/proc/{process}/status").read_text("ascii").splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)
    return 0


def pin(process: int, core: int) -> None:
    """Every thread there is; those to come inherit it. Nothing to do on one core."""
    if (os.cpu_count() or 1) < 2:
        return
    for thread in Path(f"/proc/{process}/task").iterdir():
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.sched_setaffinity(int(thread.name), {core})


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """The user's own settings and keys must not tell in the figures."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return {**kept, **more}


@dataclass(frozen=True)
class Command:
    """How a gateway is started."""

    name: str
    arguments: list[str]
    environment: dict[str, str]
    port: int
    model: str
    headers: Mapping[str, str] = field(default_factory=dict)


def triptych(folder: Path, provider: int) -> Command:
    """With everything switched on that it has: store, receipts, log; and glibc's thresholds as `./run` sets them."""
    port = _free_port()
    malloc = {name: value for name, value in os.environ.items() if name.startswith(("MALLOC_", "PYTHONPATH"))}
    environment = _environment({**malloc, "TRIPTYCH_DATA": str(folder / "data"), "OPENAI_API_KEY": _MASTER,
                                "TRIPTYCH_OPENAI_BASE_URL": f"http://127.0.0.1:{provider}/v1"})  # fmt: skip
    arguments = [sys.executable, "-m", "triptych", "serve", "--port", str(port), "--no-browser"]
    return Command("triptych", arguments, environment, port, f"openai/{MODEL}")


def nginx(folder: Path, provider: int) -> Command | None:
    """Bytes through and nothing else; None where it is not installed."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        return None
    port, config = _free_port(), folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, provider=provider, port=port), "utf-8")
    arguments = [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(config)]
    return Command("nginx", arguments, _environment({}), port, MODEL)


def litellm(folder: Path, provider: int, program: str) -> Command | None:
    """LiteLLM's proxy with one worker and no database: it forwards, and keeps nothing. None where it is not installed."""
    found = shutil.which(program)
    if found is None:
        return None
    port, config = _free_port(), folder / "litellm.json"
    parameters = {"model": f"openai/{MODEL}", "api_base": f"http://127.0.0.1:{provider}/v1", "api_key": _MASTER}
    settings = {
        "model_list": [{"model_name": MODEL, "litellm_params": parameters}],
        "litellm_settings": {"telemetry": False, "num_retries": 0, "request_timeout": 60},
        "general_settings": {"master_key": _MASTER},
    }
    config.write_text(json.dumps(settings), "utf-8")  # JSON is YAML
    arguments = [found, "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1",
                 "--telemetry", "False"]  # fmt: skip
    environment = _environment(
        {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR"}
    )
    return Command("litellm", arguments, environment, port, MODEL, {"Authorization": f"Bearer {_MASTER}"})


def version(program: list[str]) -> str:
    """What a program says its version is."""
    environment = _environment({"LITELLM_LOCAL_MODEL_COST_MAP": "True"})
    said = subprocess.run(program, check=False, capture_output=True, text=True, env=environment, timeout=60)
    found = [
        word for word in (said.stdout + said.stderr).replace("/", " ").split() if word[:1].isdigit() and "." in word
    ]
    return found[0] if found else "?"


@contextmanager
def running(command: Command, folder: Path) -> Iterator[Gateway]:
    """The gateway from its start until it answers, on the first core, and its stop."""
    start = time.perf_counter()
    pinned = ["taskset", "-c", "0"] if (os.cpu_count() or 1) > 1 and shutil.which("taskset") else []
    with (
        (folder / f"{command.name}.out").open("wb") as said,
        subprocess.Popen([*pinned, *command.arguments], env=command.environment, stdout=said, stderr=said, cwd=folder) as process,
    ):  # fmt: skip
        try:
            while not _answers(command.port):
                if process.poll() is not None or time.perf_counter() - start > _START_LIMIT_S:
                    words = (folder / f"{command.name}.out").read_text("utf-8", "replace")[-800:]
                    raise SystemExit(f"{command.name} did not start: {words}")
                time.sleep(0.01)
            taken = time.perf_counter() - start
            pin(process.pid, 0)
            yield Gateway(command.name, process.pid, command.port, command.model, taken, command.headers)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()


def _answers(port: int) -> bool:
    """Whether a question gets any answer: some listen long before they can."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True
