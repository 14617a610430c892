#!/usr/bin/env python3
"""Measures a watched directory of 1,000 objects: from the save to committed, what a touch writes, idle CPU.

Run by hand: `tests/bench/watch.py [PROGRAM]`, with a daemon on an imagined machine, so that only the path from the file
to the commit counts. PROGRAM is target/release/seedbed unless named.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OBJECTS = 1000
ROUNDS = 5
IDLE_S = int(os.environ.get("IDLE", "60"))


class Unix:
    """GET over the daemon's socket."""

    def __init__(self, path):
        self.path = str(path)

    def get(self, path):
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(self.path)
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while part := line.recv(1 << 16):
                answer += part
        head, body = answer.split(b"\r\n\r\n", 1)
        if b"chunked" in head.lower():
            raise RuntimeError("the answer comes in chunks")
        return json.loads(body)["metadata"]


def manifest(value):
    lines = [f"- {{name: p{number}, config: {{user.round: '{value}'}}}}" for number in range(OBJECTS)]
    return "profiles:\n" + "\n".join(lines) + "\n"


def save(path, text):
    """As an editor does: a new file takes the old one's place."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(path)


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def committed(daemon, value, limit_s=60):
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if daemon.get(f"/1.0/profiles/p{OBJECTS - 1}")["config"].get("user.round") == value:
            return time.monotonic()
        time.sleep(0.005)
    raise RuntimeError(f"{value} was not committed in {limit_s} s")


def measure(program, top):
    state, site = top / "state", top / "site"
    site.mkdir()
    save(site / "all.yaml", manifest("0"))
    env = dict(os.environ, SEEDBED_DIR=str(state))
    log = open(top / "log", "w")
    process = subprocess.Popen([program, "daemon", "--host", "fake", "--state-dir", state], stdout=log, stderr=log)
    try:
        subprocess.run([program, "waitready", "--timeout", "20"], env=env, check=True)
        daemon = Unix(state / "unix.socket")
        before = cpu_s(process.pid)
        time.sleep(IDLE_S)
        without = (cpu_s(process.pid) - before) / IDLE_S * 100
        subprocess.run([program, "source", "add", "site", "--path", site, "--quiet"], env=env, check=True)
        end = time.monotonic() + 60
        while not any(name.endswith(f"/p{OBJECTS - 1}") for name in daemon.get("/1.0/profiles")):
            assert time.monotonic() < end, "the first set was not applied"
            time.sleep(0.05)
        times = []
        for number in range(1, ROUNDS + 1):
            time.sleep(2)
            start = time.monotonic()
            save(site / "all.yaml", manifest(str(number)))
            times.append(committed(daemon, str(number)) - start)
        time.sleep(2)
        index = daemon.get("/1.0/seedbed/objects?key=config/server")["last_log_index"]
        for _ in range(3):
            save(site / "all.yaml", manifest(str(ROUNDS)))
            time.sleep(1.5)
        touched = daemon.get("/1.0/seedbed/objects?key=config/server")["last_log_index"] - index
        before = cpu_s(process.pid)
        time.sleep(IDLE_S)
        watching = (cpu_s(process.pid) - before) / IDLE_S * 100
        print(f"save to committed, {OBJECTS} objects, s: min {min(times):.2f} median {statistics.median(times):.2f} max {max(times):.2f}")
        print(f"log entries of three touches: {touched}")
        print(f"idle CPU over {IDLE_S} s, %: {without:.2f} before, {watching:.2f} while watching")
    finally:
        process.terminate()
        process.wait()


def main():
    program = Path(sys.argv[1] if len(sys.argv) > 1 else "target/release/seedbed").resolve()
    with tempfile.TemporaryDirectory(prefix="seedbed-watch") as top:
        measure(program, Path(top))


if __name__ == "__main__":
    main()
