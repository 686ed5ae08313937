"""A training that speaks the agent's side of the protocol by itself, without PyTorch: run with `python -S`.

Its batches take BATCH seconds (default 0.05). What an interrupt does is the script's own: KeyboardInterrupt ends it, or, with
--handler, a handler that writes a line and ends with 0, or, with --ignore, nothing.
"""
import argparse, contextlib, json, os, signal, socket, sys, threading, time

options = argparse.ArgumentParser()
options.add_argument("--batch", type=float, default=0.05)
options.add_argument("--batches", type=int, default=1000000)
options.add_argument("--handler", action="store_true")
options.add_argument("--ignore", action="store_true")
options.add_argument("--term-handler", action="store_true")
options.add_argument("--exit", type=int, default=0)
options.add_argument("--log", default=None)
options.add_argument("--save-each", type=int, default=0)
options.add_argument("--bar", action="store_true")
options.add_argument("--slow-batch", type=float, default=0)
args = options.parse_args()


def log(line):
    if args.log:
        with open(args.log, "a") as file:
            file.write(line + "\n")


log(f"pid {os.getpid()}")
log(f"sid {os.getsid(0)} tty {os.isatty(0)}")
if args.handler:
    def handler(number, frame):
        log("handler")
        print("handler ran", flush=True)
        sys.exit(0)
    signal.signal(signal.SIGINT, handler)
if args.ignore:
    signal.signal(signal.SIGINT, lambda *_: log("ignored"))
if args.term_handler:
    def terminated(number, frame):
        log("terminated")
        sys.exit(3)
    signal.signal(signal.SIGTERM, terminated)
signal.signal(signal.SIGUSR1, lambda *_: log("usr1"))
signal.signal(signal.SIGWINCH, lambda *_: log("winch"))

port = os.environ.get("GUARDAPESOS_AGENT_PORT")
lock = threading.Lock()
state = {"batches": 0, "paused": False}
asked = []


def send(message):
    if port:
        # A guard that is gone disturbs nothing.
        with lock, contextlib.suppress(OSError):
            connection.sendall((json.dumps(message) + "\n").encode())


def listen():
    with contextlib.suppress(OSError):
        answer()


def answer():
    for line in connection.makefile():
        message = json.loads(line)
        log(f"asked {line.strip()}")
        if message["t"] == "resume":
            state["paused"] = False
            send({"t": "resumed", "id": message["id"]})
        elif message["t"] == "stacks":
            send({"t": "stacks", "id": message["id"], "text": 'File "fake.py", line 1'})
        elif message["t"] in ("interrupt", "pause", "snapshot"):
            asked.append(message)


if port:
    connection = socket.create_connection(("127.0.0.1", int(port)))
    send({"t": "hello", "token": os.environ["GUARDAPESOS_AGENT_TOKEN"], "pid": os.getpid(), "ppid": os.getppid(),
          "python": "3.12.0", "platform": sys.platform, "executable": sys.executable, "argv": sys.argv,
          "main": os.path.abspath(__file__), "module": None, "rank": None, "world": None, "restart": 0, "spawned": False})
    threading.Thread(target=listen, daemon=True).start()
    send({"t": "torch", "version": "2.0", "cuda": None})
    send({"t": "trains", "steps": 1})


def beat():
    send({"t": "beat", "batches": state["batches"], "steps": state["batches"], "batchSeconds": args.batch,
          "phase": "train", "paused": state["paused"]})


def boundary():
    while asked:
        message = asked.pop(0)
        if message["t"] == "pause":
            state["paused"] = True
            send({"t": "pausing", "id": message["id"]})
            while state["paused"] and not asked:
                time.sleep(0.01)
        elif message["t"] == "interrupt":
            send({"t": "interrupting", "id": message["id"], "where": "boundary"})
            number = getattr(signal, message["signal"])
            if signal.getsignal(number) == signal.SIG_DFL:
                number = signal.SIGINT
            log(f"interrupt {message['signal']}")
            signal.raise_signal(number)


try:
    while state["batches"] < args.batches:
        boundary()
        time.sleep(args.slow_batch if args.slow_batch and state["batches"] == 3 else args.batch)
        state["batches"] += 1
        log(f"batch {state['batches']}")
        if args.bar:
            print(f"\rBatch {state['batches']}/1200: 41%|████      |", end="", file=sys.stderr, flush=True)
        beat()
except KeyboardInterrupt:
    log("interrupted")
    print("KeyboardInterrupt", flush=True)
    sys.exit(130)
send({"t": "exit"})
sys.exit(args.exit)
