"""The agent of guardapesos: makes an unedited PyTorch training safe to save, interrupt, pause and watch, from inside.

Standard library only, Python 3.8 to 3.15. `sitecustomize.py` beside it starts it. Its side of the protocol is written down in
docs/guard-agent.md. Two rules stand above everything here: it never raises anything of its own, and it never changes a number.

Sections: 1 tools - 2 link to the guard - 3 imports - 4 who this process is - 5 settings (--set) - 6 numbers (tqdm, TensorBoard)
- 7 stacks and crashes - 8 start.
"""

import atexit
import collections
import functools
import json
import os
import selectors
import signal
import socket
import sys
import threading
import time

# ----------------------------------------------------------------------------------------------------------------------
# 1 Tools
# ----------------------------------------------------------------------------------------------------------------------


def quiet(function):
    """The function, but what it raises ends here: the training goes on as if the agent were not there."""

    @functools.wraps(function)
    def guarded(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except Exception as error:
            notice("agent-fault", "%s: %s: %s" % (function.__name__, type(error).__name__, error))
            return None

    return guarded


def send(kind, **fields):
    """Sends one message to the guard, from any thread, without waiting. Without a guard it does nothing."""
    link = AGENT.link
    if link is not None:
        link.send(dict(fields, t=kind))


def notice(what, detail):
    """Something worth saying to the person."""
    try:
        send("notice", what=what, detail=str(detail)[:2000])
    except Exception:
        pass


def in_main_thread():
    return threading.get_ident() == threading.main_thread().ident


# ----------------------------------------------------------------------------------------------------------------------
# 2 Link to the guard: one socket, one daemon thread. Nobody else ever waits for the guard.
# ----------------------------------------------------------------------------------------------------------------------

LINE_LIMIT = 1 << 20  # bytes of one message
QUEUE_LIMIT = 4096  # messages kept for a guard that does not read
BEAT_SECONDS = 5.0


class Link:
    """The connection. `on_message(message)` and `on_tick()` run in its thread; `on_lost()` when the guard has gone."""

    def __init__(self, port, token, hello, on_message, on_tick, on_lost):
        self.lost = False
        self._on_message, self._on_tick, self._on_lost = on_message, on_tick, on_lost
        self._queue = collections.deque(maxlen=QUEUE_LIMIT)
        self._unsent = b""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=2)
        self._socket.setblocking(False)
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self.send(dict(hello, t="hello", token=token))
        self._thread = threading.Thread(target=self._run, name="guardapesos", daemon=True)
        self._thread.start()

    def send(self, message):
        if not self.lost:
            self._queue.append(message)
            self.wake()

    def wake(self):
        """Lets the thread look again at what there is to do. Safe in a signal handler: it takes no lock."""
        try:
            self._waker.send(b"!")
        except OSError:  # Full: it is awake.
            pass

    def flush(self, seconds):
        """Waits until everything has been handed to the system, at most so long."""
        end = time.monotonic() + seconds
        while (self._queue or self._unsent) and not self.lost and time.monotonic() < end:
            time.sleep(0.002)

    def forget(self):
        """In a forked child: the parent's connection is not ours."""
        self.lost = True
        for end in (self._socket, self._waker, self._woken):
            end.close()

    def _run(self):
        try:
            self._serve()
        except Exception:
            pass
        self.lost = True
        self._on_lost()

    def _serve(self):
        selector = selectors.DefaultSelector()
        selector.register(self._woken, selectors.EVENT_READ)
        selector.register(self._socket, selectors.EVENT_READ)
        received = b""
        while True:
            wants_to_write = bool(self._unsent or self._queue)
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if wants_to_write else 0)
            selector.modify(self._socket, events)
            wait = self._on_tick()
            for key, mask in selector.select(wait):
                if key.fileobj is self._woken:
                    self._drain_wakes()
                if key.fileobj is self._socket and mask & selectors.EVENT_WRITE:
                    self._write()
                if key.fileobj is self._socket and mask & selectors.EVENT_READ:
                    data = self._socket.recv(65536)
                    if not data:
                        return
                    received = self._take_lines(received + data)

    def _drain_wakes(self):
        try:
            self._woken.recv(4096)
        except OSError:
            pass

    def _write(self):
        if not self._unsent:
            self._unsent = encode(self._queue[0])
            self._queue.popleft()
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            pass

    def _take_lines(self, data):
        *lines, rest = data.split(b"\n")
        for line in lines:
            try:
                message = json.loads(line.decode("utf-8"))
            except ValueError:
                continue
            if isinstance(message, dict):
                self._on_message(message)
        return rest if len(rest) <= LINE_LIMIT else b""


def encode(message):
    """One line. Lone surrogates (file names that are not UTF-8) go as \\udcXX; NaN and infinities, which JSON lacks, as null."""
    try:
        text = json.dumps(message, allow_nan=False)
    except (TypeError, ValueError):
        text = json.dumps(plain(message), allow_nan=False)
    line = text.encode("ascii") + b"\n"
    if len(line) > LINE_LIMIT:
        line = json.dumps({"t": "notice", "what": "message-too-long", "detail": message.get("t")}).encode("ascii") + b"\n"
    return line


def plain(value):
    """The value with nothing in it that JSON lacks."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if value - value == 0 else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


# ----------------------------------------------------------------------------------------------------------------------
# 3 Imports: what is to be done when somebody imports a module
# ----------------------------------------------------------------------------------------------------------------------

_importing = {}  # module name -> functions of the module


def when_imported(name, function):
    """Calls function(module) right after the module has been imported, or now if it has been. It may raise: nobody hears."""
    if name in sys.modules:
        quiet(function)(sys.modules[name])
    else:
        _importing.setdefault(name, []).append(quiet(function))


class ImportWatcher:
    """A finder that finds nothing of its own: it lets the others find, and adds a word after the module has run."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in _importing:
            return None
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find is not None and finder is not ImportWatcher else None
            if spec is not None:
                quiet(ImportWatcher.watch)(name, spec.loader)
                return spec
        return None

    @staticmethod
    def watch(name, loader):
        # Only this one loader object of this one module is changed, so its type and the module's spec are as always.
        run = getattr(loader, "exec_module", None)
        if run is None:
            return

        def exec_module(module):
            del loader.exec_module
            run(module)
            for function in _importing.pop(name, []):
                function(module)

        loader.exec_module = exec_module


# ----------------------------------------------------------------------------------------------------------------------
# 4 Who this process is
# ----------------------------------------------------------------------------------------------------------------------


def command_line():
    """Python's own command line with its options, as far as the system tells."""
    line = getattr(sys, "orig_argv", None)
    if line is None:
        try:
            with open("/proc/self/cmdline", "rb") as file:
                line = [os.fsdecode(part) for part in file.read().split(b"\0")[:-1]]
        except OSError:
            line = [sys.executable] + list(getattr(sys, "argv", []))
    return list(line)


def what_runs():
    """(absolute path of the script or None, module of -m or None, text of -c or None)."""
    parts = command_line()[1:]
    while parts:
        part = parts.pop(0)
        if part == "-" or not part.startswith("-"):
            return (os.path.abspath(part) if part != "-" else None), None, None
        if part.startswith("--"):
            if part == "--check-hash-based-pycs" and parts:
                parts.pop(0)
            continue
        for place, letter in enumerate(part[1:], 2):
            value = part[place:] or (parts[0] if parts else None)
            if letter == "m":
                return None, value, None
            if letter == "c":
                return None, None, value
            if letter in "WX":
                if not part[place:] and parts:
                    parts.pop(0)
                break
    return None, None, None


def is_multiprocessing_child():
    """Started by multiprocessing: a spawned child, a fork server, or the tracker of resources."""
    code = what_runs()[2] or ""
    return "--multiprocessing-fork" in sys.argv[1:] or code.startswith("from multiprocessing.")


def number_of_environment(name):
    text = os.environ.get(name, "")
    return int(text) if text.isdigit() else None


def hello():
    script, module, _ = what_runs()
    return {
        "pid": os.getpid(),
        "ppid": os.getppid(),
        "python": "%d.%d.%d" % sys.version_info[:3],
        "platform": sys.platform,
        "executable": sys.executable,
        "argv": command_line(),
        "main": script,
        "module": module,
        "rank": number_of_environment("RANK"),
        "world": number_of_environment("WORLD_SIZE"),
        "restart": number_of_environment("TORCHELASTIC_RESTART_COUNT") or 0,
        "spawned": AGENT.spawned,
    }


# ----------------------------------------------------------------------------------------------------------------------
# 5 Settings: --set
# ----------------------------------------------------------------------------------------------------------------------


def install_set(wanted):
    """Replaces top-level assignments of the main script and of modules. `wanted` is GUARDAPESOS_AGENT_SET, parsed."""


# ----------------------------------------------------------------------------------------------------------------------
# 6 Numbers: tqdm, SummaryWriter
# ----------------------------------------------------------------------------------------------------------------------


def install_numbers():
    """Passes on what the script gives to tqdm and to a SummaryWriter, with when_imported() and send("numbers", ...)."""


# ----------------------------------------------------------------------------------------------------------------------
# 7 Stacks and crashes
# ----------------------------------------------------------------------------------------------------------------------


def stacks():
    """The stacks of all threads as text. Called in the link's thread."""
    return ""


def install_crash():
    """Tells what exception ends the main thread: send("crash", ...), then AGENT.link.flush(1)."""


# ----------------------------------------------------------------------------------------------------------------------
# 8 Start
# ----------------------------------------------------------------------------------------------------------------------


class Agent:
    """What this process knows about itself."""

    def __init__(self):
        self.link = None
        self.port = None
        self.token = ""
        self.folder = None  # for snapshots
        self.spawned = False  # a child of multiprocessing: it connects with its first optimizer step
        self.batches = 0
        self.steps = 0
        self.phase = "import"
        self.last_beat = time.monotonic()


AGENT = Agent()


def connect():
    """Connects to the guard. Where nobody listens the training goes on unguarded, and saves stay whole."""
    try:
        AGENT.link = Link(AGENT.port, AGENT.token, hello(), on_message, on_tick, on_lost)
    except OSError:
        AGENT.link = None


def on_message(message):
    kind = message.get("t")
    if kind == "stacks":
        send("stacks", id=message.get("id"), text=quiet(stacks)() or "")


def on_tick():
    """Runs in the link's thread whenever it is awake; answers how many seconds it may sleep."""
    now = time.monotonic()
    if now - AGENT.last_beat >= BEAT_SECONDS:
        beat(now)
    return max(0.05, AGENT.last_beat + BEAT_SECONDS - now)


def on_lost():
    AGENT.link = None


def beat(now):
    AGENT.last_beat = now
    send("beat", batches=AGENT.batches, steps=AGENT.steps, batchSeconds=None, phase=AGENT.phase, paused=False)


def on_torch(torch):
    send("torch", version=str(torch.__version__), cuda=cuda_names(torch))


def cuda_names(torch):
    """Names of the cards, empty without; None where CUDA has not been initialised, which we never do."""
    if not torch.cuda._is_compiled():
        return []
    if not torch.cuda.is_initialized():
        return None
    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]


class ForkWarning:
    """Matches the text of Python's warning (3.12 on) that a process with threads forks: our thread alone must not cause it."""

    @staticmethod
    def match(text):
        return text.startswith("This process (pid=") and "multi-threaded, use of fork" in text


def expect_forks():
    # A filter as warnings.filterwarnings() makes it; that one would import `re` at each start of Python.
    if sys.version_info >= (3, 12):
        import warnings

        warnings.filters.insert(0, ("ignore", ForkWarning, DeprecationWarning, None, 0))
        getattr(warnings, "_filters_mutated", lambda: None)()


def after_fork():
    """In a forked child: it has no guard until it trains."""
    link, AGENT.link = AGENT.link, None
    AGENT.spawned = True
    AGENT.batches = AGENT.steps = 0
    if link is not None:
        link.forget()


def at_exit():
    link = AGENT.link
    if link is not None:
        send("exit")
        link.flush(1)


def start():
    """Called once by sitecustomize, before the script."""
    AGENT.port = int(os.environ["GUARDAPESOS_AGENT_PORT"])
    AGENT.token = os.environ.get("GUARDAPESOS_AGENT_TOKEN", "")
    AGENT.folder = os.environ.get("GUARDAPESOS_AGENT_FOLDER") or None
    AGENT.spawned = is_multiprocessing_child()
    if not AGENT.spawned:
        connect()
    quiet(expect_forks)()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=quiet(after_fork))
    atexit.register(quiet(at_exit))
    sys.meta_path.insert(0, ImportWatcher)
    when_imported("torch", on_torch)
    wanted = os.environ.get("GUARDAPESOS_AGENT_SET")
    if wanted:
        quiet(install_set)(json.loads(wanted))
    quiet(install_numbers)()
    quiet(install_crash)()
