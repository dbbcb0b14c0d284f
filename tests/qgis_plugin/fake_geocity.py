"""Plays `python -m geocity COMMAND …`: does what the command's name says."""

# ruff: noqa: T201 - it plays a program

import json
import os
import signal
import subprocess
import sys
import time


def say(event, **content):
    print(json.dumps({"event": event, **content}, ensure_ascii=False), flush=True)


arguments = sys.argv[3:]
command = arguments[0]
if command == "tell":
    print("a library speaks", flush=True)
    print('{"not": "an event"}', flush=True)
    print('{"event": broken', flush=True)
    print("a warning of GDAL", file=sys.stderr, flush=True)
    say("log", message="Working.")
    say("progress", stage="read", done=1, total=4)
    say("progress", stage="read", done=9, total=4)
    say("progress", stage="think", done=0, total=0)
    say("warning", message="Mind the été.")
    say("result", result={"arguments": arguments, "environment": dict(os.environ)})
elif command == "fail":
    say("error", message="The scene é.tif has 2 bands; 3 are needed.")
    sys.exit(1)
elif command == "check" and "hang" not in arguments[1]:
    say("result", result={"level": "error", "findings": [], "estimates": {}})
    sys.exit(1)
elif command == "usage":
    print("Usage: geocity usage\n\nError: No such option: --newer", file=sys.stderr)
    sys.exit(2)
elif command == "crash":
    say("progress", stage="read", done=1, total=4)
    raise RuntimeError("out of luck")
elif command == "silent":
    sys.exit(0)
elif command == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
elif command == "missing":
    print(f"{sys.executable}: No module named geocity", file=sys.stderr)
    sys.exit(1)
else:  # hang, stubborn, or whatever QGIS runs while a test cancels it
    if command == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    say("progress", stage="work", done=1, total=100)
    say("log", message=f"pids {os.getpid()} {worker.pid}")
    time.sleep(300)
