"""The agent of guardapesos: makes an unedited PyTorch training safe to save, interrupt, pause and watch, from inside.

Standard library only, Python 3.8 to 3.15. `sitecustomize.py` beside it starts it. Its side of the protocol is written down in
docs/guard-agent.md. Two rules stand above everything here: it never raises anything of its own, and it never changes a number.

Sections: 1 tools - 2 link to the guard - 3 imports - 4 who this process is - 5 settings (--set) - 6 numbers (tqdm, TensorBoard)
- 7 stacks and crashes - 8 start.
"""

import atexit
import collections
import contextlib
import errno
import functools
import json
import os
import re
import selectors
import signal
import socket
import stat
import sys
import threading
import time
import weakref

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


def send(kind, /, **fields):
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
# Signals that wait until a save is done
# ----------------------------------------------------------------------------------------------------------------------

# SIGINT last: while the others get their handlers back, its handler, the likeliest to raise, still waits.
HELD_NAMES = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGBREAK", "SIGINT")
HELD_SIGNALS = [getattr(signal, name) for name in HELD_NAMES if hasattr(signal, name)]


class HeldBack:
    """`with HELD:` keeps the signals that a script handles (or dies of) waiting, and delivers each of them once right after.

    Only in the main thread, where Python runs handlers; anywhere else it does nothing. It nests.
    """

    def __init__(self):
        self.depth = 0
        self.before = {}  # signal -> the script's handler
        self.waiting = []

    def __enter__(self):
        if in_main_thread():
            self.depth += 1
            if self.depth == 1:
                self._hold()

    def __exit__(self, *failure):
        if in_main_thread():
            self.depth -= 1
            if self.depth == 0:
                try:
                    self._give_back(list(self.before))
                finally:
                    self._deliver()

    def _hold(self):
        for signum in HELD_SIGNALS:
            handler = signal.getsignal(signum)
            if handler is signal.SIG_DFL or callable(handler):
                self.before[signum] = handler
                try:
                    signal.signal(signum, self._note)
                except (ValueError, OSError):  # not the main interpreter
                    del self.before[signum]

    def _give_back(self, signums):
        # Each step also happens when a handler that is back already raises in the one before.
        if signums:
            try:
                if signal.getsignal(signums[0]) == self._note:
                    signal.signal(signums[0], self.before[signums[0]])
            finally:
                self._give_back(signums[1:])

    def _deliver(self):
        if self.waiting:
            try:
                signal.raise_signal(self.waiting.pop(0))
            finally:
                self._deliver()

    def _note(self, signum, frame):
        if self.depth == 0:  # It came while its handler was on its way back.
            signal.signal(signum, self.before[signum])
            signal.raise_signal(signum)
        elif signum not in self.waiting:
            self.waiting.append(signum)


HELD = HeldBack()

# ----------------------------------------------------------------------------------------------------------------------
# Whole saves: written beside, synced, and put in place by one rename
# ----------------------------------------------------------------------------------------------------------------------

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
REFUSED_SECONDS = 10.0  # how long Windows may refuse a replace (a scanner has the file open) before a sibling is left
LONGEST_PATH = 250 if os.name == "nt" else 4000


def wrap_save(original, form, keyword, is_path, after=None):
    """The function that saves (object, path, ...), but whole. `after(object, path, form, options)` is told of each."""

    @functools.wraps(original)
    def save(*args, **kwargs):
        given = kwargs[keyword] if keyword in kwargs else args[1] if len(args) > 1 else None
        path = os.fspath(given) if is_path(given) else None

        def write(to):
            if keyword in kwargs:
                return original(*args, **dict(kwargs, **{keyword: to}))
            return original(args[0], to, *args[2:], **kwargs)

        with HELD:
            if isinstance(path, str) and "\0" not in path:
                job = quiet(Save)(path, form)
            else:
                job = quiet(Save.of_file_object)(given)
            if job is None:
                return original(*args, **kwargs)
            if job.form == "object":
                return job.in_place(lambda: original(*args, **kwargs))
            result = job.run(write)
            if after is not None and job.sent_saved:
                thing = args[0] if args else kwargs.get("obj", kwargs.get("tensors"))
                quiet(after)(thing, job, kwargs, args[2:])
            return result

    return save


class Save:
    """One save of the script to a path."""

    def __init__(self, path, form):
        AGENT.saves += 1
        self.number, self.path, self.form = AGENT.saves, path, form
        self.absolute = os.path.abspath(path)
        self.target = follow_links(path)  # None where it can't be replaced
        self.begun = time.monotonic()
        self.sent_saved = False

    @classmethod
    def of_file_object(cls, file):
        """Only what has a name on the disk is a checkpoint: not a BytesIO."""
        name = getattr(file, "name", None)
        return cls(name, "object") if isinstance(name, str) and os.path.exists(name) else None

    def run(self, write):
        """Calls write(path) with a path beside the target and puts the result in place; as torch would where that can't be."""
        target, old = self.target, look_at(self.target)
        if target is None or not can_be_replaced(target, old):
            return self.in_place(lambda: write(self.path))
        try:
            folder = self._hidden_folder(target)
        except OSError as error:
            if error.errno in FULL and old is not None:
                # In place, torch would empty the old file first. What torch raises on a full disk is a RuntimeError, too.
                with self._open():
                    raise RuntimeError("no space left on the disk for %s: the old file is still there" % self.path)
            return self.in_place(lambda: write(self.path))
        with self._open():
            try:
                result = self._write_beside(write, folder, target, old)
            finally:
                remove_folder(folder)
        if result is REPLACE_REFUSED:
            return self.in_place(lambda: write(self.path))
        return result

    def in_place(self, write):
        """As without us: an open file, a device, a folder in which nothing can be made."""
        with self._open():
            result = write()
            at = look_at(self.path)
            if at is not None and stat.S_ISREG(at.st_mode) and self.form != "object":
                quiet(sync)(self.path)
            self._tell_saved(atomic=False)
            return result

    def _write_beside(self, write, folder, target, old):
        beside = os.path.join(folder, os.path.basename(self.path))
        result = write(beside)
        if not os.path.exists(beside):  # It did not write a file: there is nothing to put in place.
            return result
        if old is not None and self.form == "torch":
            keep_owner_and_mode(beside, old)
        try:
            sync(beside)
        except OSError as error:
            raise RuntimeError("writing %s failed: %s" % (self.path, error))
        try:
            replace(beside, target)
        except OSError as error:
            if os.name != "nt":
                return REPLACE_REFUSED
            sibling = sibling_of(target, self.number)
            os.replace(beside, sibling)
            notice("replace-refused", "%s: %s" % (self.absolute, error))
            self._tell_saved(atomic=False, sibling=os.path.abspath(sibling))
            return result
        quiet(sync_folder)(os.path.dirname(target))
        self._tell_saved(atomic=True)
        return result

    def _hidden_folder(self, target):
        parent = os.path.dirname(target)
        while True:
            AGENT.folders += 1
            folder = os.path.join(parent, ".guardapesos-%d-%d" % (os.getpid(), AGENT.folders))
            if len(os.path.join(folder, os.path.basename(self.path))) > LONGEST_PATH:
                raise OSError(errno.ENAMETOOLONG, "too long", folder)
            try:
                os.mkdir(folder)
                return folder
            except FileExistsError:  # left by a kill, or of the same number in another container
                continue

    @contextlib.contextmanager
    def _open(self):
        """While it is open nobody is interrupted. What goes wrong in it goes on to the script as it came."""
        AGENT.open_saves.add(self.number)
        send("save-started", save=self.number, path=self.absolute, format=self.form)
        try:
            yield
        except BaseException as error:
            if not self.sent_saved:
                text = "%s: %s" % (type(error).__name__, error)
                send("save-failed", save=self.number, path=self.absolute, error=text[:2000])
            raise
        finally:
            AGENT.open_saves.discard(self.number)
            AGENT.wake()

    def _tell_saved(self, atomic, sibling=None):
        self.sent_saved = True
        at = look_at(sibling or self.path)
        send(
            "saved",
            save=self.number,
            path=self.absolute,
            format=self.form,
            bytes=at.st_size if at else None,
            steps=AGENT.steps,
            batches=AGENT.batches,
            atomic=atomic,
            sibling=sibling,
            seconds=round(time.monotonic() - self.begun, 6),
        )


REPLACE_REFUSED = object()


def follow_links(path):
    """Where a save to the path really writes, since torch writes through links. None for a circle and for what is not a place
    on a disk: /dev/stdout leads to a file that others have open, too."""
    path = steady(path)
    for _ in range(40):
        if path.startswith(("/proc/", "/dev/")) and not path.startswith("/dev/shm/"):
            return None
        if not os.path.islink(path):
            return path
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    return None


def steady(path):
    """The path made absolute, so that os.chdir in another thread can't mislead us.

    Not where that would bring in letters beyond ASCII: torch names the records inside the file differently for such paths.
    """
    absolute = os.path.join(os.getcwd(), path)
    return absolute if absolute.isascii() or not path.isascii() else path


def look_at(path):
    try:
        return os.stat(path)
    except (OSError, TypeError, ValueError):
        return None


def can_be_replaced(target, old):
    """A file that we may write to, or none yet. Not a FIFO, a device, a folder, nor what a file system makes up (/proc)."""
    if not os.path.basename(target) or not os.path.isdir(os.path.dirname(target) or os.curdir):
        return False
    return old is None or (stat.S_ISREG(old.st_mode) and os.access(target, os.W_OK))


def keep_owner_and_mode(path, old):
    """Writing in place would have kept them."""
    try:
        new = os.stat(path)
        if hasattr(os, "chown") and (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
            os.chown(path, old.st_uid, old.st_gid)
    except OSError:
        pass
    try:
        os.chmod(path, stat.S_IMODE(old.st_mode))
    except OSError:
        pass


def sync(path):
    """Returns when the file's bytes are on the disk. A file system that can't say so is believed."""
    try:
        fd = os.open(path, (os.O_RDWR if os.name == "nt" else os.O_RDONLY) | getattr(os, "O_BINARY", 0))
    except PermissionError:  # a umask that takes even the owner's right to read
        return
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, getattr(errno, "ENOTSUP", errno.EINVAL), errno.EROFS):
            raise
    finally:
        os.close(fd)


def sync_folder(path):
    if os.name != "nt":
        fd = os.open(path or os.curdir, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def replace(source, target):
    """os.replace; on Windows again and again for a while, since whoever reads a file there keeps it from being replaced."""
    end = time.monotonic() + (REFUSED_SECONDS if os.name == "nt" else 0)
    pause = 0.02
    while True:
        try:
            return os.replace(source, target)
        except PermissionError:
            if time.monotonic() >= end:
                raise
        time.sleep(pause)
        pause = min(0.5, pause * 2)


def sibling_of(target, number):
    stem, extension = os.path.splitext(target)
    return "%s.guardapesos-%d-%d%s" % (stem, os.getpid(), number, extension)


def remove_folder(folder):
    """A hidden folder of ours with whatever an interrupted write left in it."""
    try:
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)
    except OSError:
        pass


def is_path(value):
    return isinstance(value, (str, os.PathLike))


def guard_torch_saves(torch):
    serialization = torch.serialization
    save = wrap_save(serialization.save, "torch", "f", getattr(serialization, "_is_path", is_path), remember)
    serialization.save = save
    torch.save = save


def guard_safetensors(module):
    after = remember if module.__name__ == "safetensors.torch" else None
    module.save_file = wrap_save(module.save_file, "safetensors", "filename", is_path, after)


def remember(thing, job, options, more):
    """What the script saved last, so that it can be saved again."""


# ----------------------------------------------------------------------------------------------------------------------
# 5 Settings: --set
# ----------------------------------------------------------------------------------------------------------------------


class Setting:
    """One NAME=VALUE. `module` is None for the main script; `text`: VALUE is a string whatever it looks like."""

    def __init__(self, module, name, value, text):
        self.module = module
        self.name = name
        self.value = value
        self.text = text


# What every module has without assigning it.
MODULE_NAMES = frozenset(
    ["__name__", "__file__", "__doc__", "__spec__", "__loader__", "__package__", "__builtins__", "__debug__"]
)


def install_set(wanted):
    """Replaces top-level assignments of the main script and of modules. `wanted` is GUARDAPESOS_AGENT_SET, parsed."""
    settings = [
        Setting(entry.get("module"), entry["name"], entry["value"], bool(entry.get("text")))
        for entry in wanted.get("set", [])
    ]
    if settings:
        AGENT.settings = Settings(settings)
        sys.path_hooks.insert(0, AGENT.settings.path_hook)
        sys.meta_path.insert(0, AGENT.settings)


def _free_names(value):
    """The names that an expression takes from outside itself."""
    import symtable

    free, inner = set(), set()
    tables = [symtable.symtable(value, "<set>", "eval")]
    top = tables[0]
    while tables:
        table = tables.pop()
        tables.extend(table.get_children())
        for symbol in table.get_symbols():
            if table is top and symbol.is_assigned():
                inner.add(symbol.get_name())
            elif symbol.is_referenced() and (table is top or symbol.is_global()):
                free.add(symbol.get_name())
    return free - inner


def _parsed_value(text):
    """(expression node, the names it needs) of a VALUE, or None where it is no Python expression."""
    import ast
    import warnings

    stripped = text.strip(" \t")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(stripped, "<set>", "eval")
            compile(tree, "<set>", "eval")
            return tree.body, _free_names(stripped)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def _is_arithmetic(node):
    """Whether an expression only computes, as a date (2026-11-30) or a path (data/oct) would by accident."""
    import ast

    return isinstance(node, ast.BinOp) and all(
        isinstance(part, (ast.BinOp, ast.Name, ast.operator, ast.expr_context))
        or (isinstance(part, ast.Constant) and isinstance(part.value, (int, float)))
        for part in ast.walk(node)
    )


class _Rewriter:
    """
    Walks the statements of a module's top level in their order, into every block (if, try, with, for, while, match) but
    not into functions and classes, and puts the values of `settings` in place of what is assigned there. Nodes that it
    adds stand at the place of what they replace, so that line numbers stay.
    """

    def __init__(self, source, settings):
        import ast
        import builtins

        self.ast = ast
        self.source = source
        self.settings = {setting.name: setting for setting in settings}
        self.parsed = {s.name: None if s.text else _parsed_value(s.value) for s in settings}
        self.bound = set(dir(builtins)) | MODULE_NAMES
        self.known = []  # names that are assigned, in order
        self.imported = []  # "module.NAME" of names that come from elsewhere
        self.changes = []

    # Values

    def _names_itself(self, name):
        """Whether the value that `name` gets needs the old one."""
        return self._expression(name) is not None and name in self.parsed[name][1]

    def _expression(self, name):
        parsed = self.parsed[name]
        return parsed[0] if parsed is not None and parsed[1] <= self.bound | {name} else None

    def _value(self, name, place, old):
        """A new node with the value of `name`, at the place of the node `place`; told as in the place of `old`."""
        ast = self.ast
        setting, expression = self.settings[name], self._expression(name)
        if expression is None:
            node, shown, kind = ast.Constant(value=setting.value, kind=None), repr(setting.value), "string"
        else:
            node, shown, kind = _copied(expression), setting.value.strip(" \t"), "expression"
        change = {"name": name, "line": place.lineno, "old": self._segment(old), "value": shown, "as": kind}
        if expression is not None and self._doubtful(expression, old):
            change["doubt"] = True
        self.changes.append(change)
        return self._at(node, place)

    def _doubtful(self, expression, old):
        """Whether an expression was perhaps meant as text: a sum of numbers, or a bare builtin, where a text stands."""
        ast = self.ast
        was_text = isinstance(old, ast.Constant) and isinstance(old.value, str)
        return _is_arithmetic(expression) if not was_text else not isinstance(expression, (ast.Constant, ast.JoinedStr))

    def _segment(self, node):
        try:
            return (self.ast.get_source_segment(self.source, node) or "")[:200]
        except Exception:
            return ""

    def _at(self, node, place):
        for part in self.ast.walk(node):
            if hasattr(part, "lineno") or "lineno" in part._attributes:
                part.lineno, part.col_offset = place.lineno, place.col_offset
                part.end_lineno, part.end_col_offset = place.end_lineno, place.end_col_offset
        return node

    def _assignment(self, name, place, old):
        ast = self.ast
        node = ast.Assign(targets=[ast.Name(id=name, ctx=ast.Store())], value=ast.Constant(value=None, kind=None))
        self._at(node, place)
        node.value = self._value(name, place, old)
        return node

    # Statements

    def block(self, statements):
        statements[:] = [new for statement in statements for new in self._statement(statement)]

    def _statement(self, statement):
        ast = self.ast
        names = self._bound_by(statement)
        self._walruses(statement)
        if isinstance(statement, ast.Assign):
            new = self._assign(statement)
        elif isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
            new = self._assign_one(statement)
        else:
            new = [statement]
        self.bound.update(names)
        self._blocks(statement)
        return new

    def _blocks(self, statement):
        ast = self.ast
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return
        if isinstance(statement, (ast.For, ast.With)):
            first = self._overrides(statement)
        else:
            first = []
        for field in ("body", "handlers", "cases", "orelse", "finalbody"):
            for part in getattr(statement, field, None) or []:
                if not isinstance(part, ast.stmt):  # an except or a case
                    self._walruses(part)
                    self.bound.update(self._bound_by(part))
                    self.block(part.body)
            if isinstance((getattr(statement, field, None) or [None])[0], ast.stmt):
                self.block(getattr(statement, field))
        if first:
            statement.body[:0] = first

    def _overrides(self, statement):
        """What has to stand first in the body of a `for` or a `with` that binds names itself."""
        ast = self.ast
        if isinstance(statement, ast.For):
            heads = [(statement.target, statement.iter)]
        else:
            heads = [(item.optional_vars, item.context_expr) for item in statement.items if item.optional_vars]
        found = [(name, old) for target, old in heads for name in _target_names(ast, target)]
        self.known.extend(name.id for name, _ in found)
        return [self._assignment(name.id, name, old) for name, old in found if name.id in self.settings]

    def _assign(self, statement):
        ast = self.ast
        names = [name.id for target in statement.targets for name in _target_names(ast, target)]
        self.known.extend(names)
        wanted = [name for name in names if name in self.settings]
        if not wanted:
            return [statement]
        only = statement.targets[0] if len(statement.targets) == 1 else None
        if isinstance(only, ast.Name) and not self._names_itself(only.id):
            statement.value = self._value(only.id, statement.value, statement.value)
            return [statement]
        if self._is_parallel(only, statement.value):
            return self._assign_each(statement)
        kept = [
            target
            for target in statement.targets
            if not (isinstance(target, ast.Name) and target.id in wanted and not self._names_itself(target.id))
        ]
        after = [self._assignment(name, statement.value, statement.value) for name in wanted]
        statement.targets = kept
        return [statement] + after if kept else after

    def _is_parallel(self, target, value):
        """Whether it is A, B = 1, 2: each name with a value of its own."""
        ast = self.ast
        sequences = (ast.Tuple, ast.List)
        return (
            isinstance(target, sequences)
            and isinstance(value, sequences)
            and len(target.elts) == len(value.elts)
            and not any(isinstance(part, ast.Starred) for part in target.elts + value.elts)
        )

    def _assign_each(self, statement):
        ast = self.ast
        after = []
        values = statement.value.elts
        for index, target in enumerate(statement.targets[0].elts):
            for name in _target_names(ast, target):
                if name.id not in self.settings:
                    continue
                if name is target and not self._names_itself(name.id):
                    values[index] = self._value(name.id, values[index], values[index])
                else:
                    after.append(self._assignment(name.id, values[index], values[index]))
        return [statement] + after

    def _assign_one(self, statement):
        """NAME: int = 1, and NAME += 1."""
        ast = self.ast
        target = statement.target
        if not isinstance(target, ast.Name) or statement.value is None:
            return [statement]
        self.known.append(target.id)
        if target.id not in self.settings:
            return [statement]
        if self._names_itself(target.id):
            return [statement, self._assignment(target.id, statement.value, statement.value)]
        if isinstance(statement, ast.AugAssign):
            return [self._assignment(target.id, statement.value, statement.value)]
        statement.value = self._value(target.id, statement.value, statement.value)
        return [statement]

    def _walruses(self, statement):
        """(NAME := 1) in the expressions of a statement."""
        ast = self.ast
        for node in list(_own_nodes(ast, statement)):
            if not isinstance(node, ast.NamedExpr):
                continue
            name = node.target.id
            self.known.append(name)
            if name not in self.settings:
                continue
            old = node.value
            if self._names_itself(name):
                first = self._at(ast.NamedExpr(target=ast.Name(id=name, ctx=ast.Store()), value=old), old)
                pair = ast.Tuple(elts=[first, self._value(name, old, old)], ctx=ast.Load())
                index = ast.Constant(value=1, kind=None)
                if sys.version_info < (3, 9):
                    index = ast.Index(value=index)
                node.value = ast.Subscript(value=pair, slice=index, ctx=ast.Load())
                for part in (pair, index, node.value):
                    ast.copy_location(part, old)
                if sys.version_info < (3, 9):
                    ast.copy_location(index.value, old)
            else:
                node.value = self._value(name, old, old)

    def _bound_by(self, part):
        """The names that a statement (or an except, or a case) binds itself, its blocks left out."""
        ast = self.ast
        names = set()
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(part.name)
        elif isinstance(part, ast.ExceptHandler):
            names.add(part.name)
        elif isinstance(part, (ast.Import, ast.ImportFrom)):
            for alias in part.names:
                names.add(alias.asname or alias.name.split(".")[0])
                if isinstance(part, ast.ImportFrom) and part.module:
                    self.imported.append((alias.asname or alias.name, part.module + "." + alias.name))
        for node in _own_nodes(ast, part):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif type(node).__name__ in ("MatchAs", "MatchStar"):
                names.add(node.name)
            elif type(node).__name__ == "MatchMapping":
                names.add(node.rest)
        return names - {None}


def _copied(node):
    import copy

    return copy.deepcopy(node)


def _target_names(ast, target):
    """The Name nodes of a target: of NAME, of a tuple, of a tuple in a tuple, of *NAME."""
    if isinstance(target, ast.Name):
        return [target]
    if isinstance(target, ast.Starred):
        return _target_names(ast, target.value)
    if isinstance(target, (ast.Tuple, ast.List)):
        return [name for part in target.elts for name in _target_names(ast, part)]
    return []


def _own_nodes(ast, part):
    """
    The nodes of a statement's own expressions that run in the module's scope: not its blocks, not the bodies of
    lambdas, not the loop variables of comprehensions (a walrus in a comprehension does bind the module's name).
    """
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    waiting = [] if isinstance(part, functions) else list(ast.iter_child_nodes(part))
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, (ast.stmt, ast.ExceptHandler, ast.Lambda)) or type(node).__name__ == "match_case":
            continue
        yield node
        waiting[:0] = [
            child
            for field, child in _fields(ast, node)
            if not (isinstance(node, ast.comprehension) and field == "target")
        ]


def _fields(ast, node):
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield field, child


def _source_text(source):
    """Text, or the bytes of a Python file -> text: by its byte order mark or its coding line."""
    import importlib.util

    return source if isinstance(source, str) else importlib.util.decode_source(source)


def rewrite(source, filename, settings, prologue=None):
    """
    Compiles a module's source (bytes, or text) with the values of `settings` in it.
    `prologue`: source of a statement that runs before everything but the docstring and the __future__ imports.
    Returns (code, changes, missing settings, names that are assigned, {name: "module.NAME" it is imported from}).
    Raises SyntaxError where the source is none.
    """
    import ast

    tree = ast.parse(source, filename)
    rewriter = _Rewriter(_source_text(source), settings)
    rewriter.block(tree.body)
    if prologue is not None:
        _put_first(ast, tree, prologue)
    missing = [setting for setting in settings if setting.name not in rewriter.known]
    code = compile(tree, filename, "exec", dont_inherit=True)
    return code, rewriter.changes, missing, list(dict.fromkeys(rewriter.known)), dict(rewriter.imported)


def _put_first(ast, tree, prologue):
    index = 0
    for statement in tree.body:
        docstring = index == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not (docstring and isinstance(statement.value.value, str)) and not future:
            break
        index += 1
    added = ast.parse(prologue).body
    place = tree.body[min(index, len(tree.body) - 1)] if tree.body else None
    for statement in added:
        for part in ast.walk(statement):
            if place is not None and "lineno" in part._attributes:
                ast.copy_location(part, place)
    tree.body[index:index] = added


# How the changed script gets in. `python x.py` asks sys.path_hooks whether x.py is a folder or a zip with a __main__:
# we say that it is. `python -m x`, and the spawned and forkserver children of both, find their main module through
# runpy: its loader is wrapped. Modules that are named (MODULE.NAME) are wrapped when they are imported.


class Settings:
    """What --set asks for in this process: the hook of sys.path_hooks, and a finder of sys.meta_path."""

    def __init__(self, settings):
        self.main = [setting for setting in settings if setting.module in (None, "__main__")]
        self.modules = {}
        for setting in settings:
            if setting not in self.main:
                self.modules.setdefault(setting.module, []).append(setting)
        self.began = False  # the main script or module has been found
        self.by_path = False  # it is a script, started as `python x.py`
        self.folder = None  # of the script
        self.package = None  # of the main module, with -m
        self.met = set()  # settings that found what they set
        self.searching = threading.local()

    def unmet(self):
        """Names, as they were typed, that nothing in this process has assigned until now."""
        every = self.main + [setting for settings in self.modules.values() for setting in settings]
        return [
            setting.name if setting.module is None else setting.module + "." + setting.name
            for setting in every
            if setting not in self.met
        ]

    # A script

    def path_hook(self, path):
        """Python's own question for `python x.py` comes from no Python code, multiprocessing's from runpy.run_path."""
        try:
            caller = sys._getframe(1)
        except ValueError:
            caller = None
        if caller is not None and not self._runs_main_path(caller):
            raise ImportError(path)
        if not isinstance(path, str) or not os.path.isfile(path) or path.endswith((".pyc", ".pyo")):
            raise ImportError(path)
        with open(path, "rb") as file:
            source = file.read()
        if source[:4] == b"PK\x03\x04" or b"PK\x05\x06" in source[-65557:]:  # a zip is run by its own importer
            raise ImportError(path)
        self.began = True
        self.by_path = caller is None
        self.folder = os.path.dirname(os.path.abspath(path) if os.name == "nt" else os.path.realpath(path))
        code = self._rewritten(source, path, self.main, None, SCRIPT_PROLOGUE)
        if code is None:
            raise ImportError(path)
        return _ScriptFinder(path, code, self.folder, caller is None)

    def _runs_main_path(self, frame):
        if frame.f_code.co_name != "get_importer" or frame.f_globals.get("__name__") != "pkgutil":
            return False
        caller = frame.f_back
        if caller is None or caller.f_code.co_name != "run_path" or caller.f_globals.get("__name__") != "runpy":
            return False
        return self._is_main_name(caller.f_locals.get("run_name"))

    def _is_main_name(self, name):
        """Of a module that runpy runs: for multiprocessing, or as the first main one (torchrun does so)."""
        return name == "__mp_main__" or (name == "__main__" and not self.began)

    # Modules: a finder in sys.meta_path

    def find_spec(self, fullname, path=None, target=None):
        if getattr(self.searching, "now", False):
            return None
        try:
            main = self._is_main_module(fullname)
            settings = self.main if main else self._settings_of_module(fullname)
            if not settings and not main:
                return None
            spec = self._spec(fullname, path, target)
            if spec is not None and not isinstance(spec.loader, _ScriptLoader):
                self._wrap(spec, settings, None if main else fullname)
            return spec
        except Exception as error:
            notice("set-failed", "%s: %s" % (type(error).__name__, error))
            return None

    def invalidate_caches(self):
        pass

    def _settings_of_module(self, fullname):
        settings = self.modules.get(fullname)
        if settings is None and self.package and fullname.startswith(self.package + "."):
            settings = self.modules.get(fullname[len(self.package) + 1 :])
        return settings

    def _is_main_module(self, fullname):
        """Whether runpy asks for its main module, and not for a package around it."""
        frame = sys._getframe(2)
        while frame is not None and "importlib" in frame.f_globals.get("__name__", ""):
            frame = frame.f_back
        if frame is None or frame.f_globals.get("__name__") != "runpy" or frame.f_locals.get("mod_name") != fullname:
            return False
        while frame is not None and frame.f_code.co_name in ("_get_module_details", "_get_main_module_details"):
            frame = frame.f_back
        if frame is None or frame.f_globals.get("__name__") != "runpy":
            return False
        name = frame.f_code.co_name
        return name == "_run_module_as_main" or (
            name == "run_module" and self._is_main_name(frame.f_locals.get("run_name"))
        )

    def _spec(self, fullname, path, target):
        """What the other finders find."""
        self.searching.now = True
        try:
            for finder in list(sys.meta_path):
                if finder is not self and hasattr(finder, "find_spec"):
                    spec = finder.find_spec(fullname, path, target)
                    if spec is not None:
                        return spec
            return None
        finally:
            self.searching.now = False

    def _wrap(self, spec, settings, module):
        """Lets the loader of `spec` give the changed code. On the instance, so that it stays of its class."""
        loader = spec.loader
        plain = getattr(loader, "get_code", None)
        if plain is None:
            return

        def get_code(name):
            vars(loader).pop("get_code", None)
            if module is None:
                self.began = True
                self.package = spec.parent
            source = loader.get_source(name)
            code = None if source is None else self._rewritten(source, spec.origin, settings, module, None)
            return plain(name) if code is None else code

        loader.get_code = get_code

    # Both

    def _rewritten(self, source, path, settings, module, prologue):
        """
        The code with its values, or code that ends the process with 64 where a name is missing (told before).
        None where the source does not parse: Python says that better.
        """
        try:
            code, changes, missing, known, imported = rewrite(source, path, settings, prologue)
        except (SyntaxError, ValueError, UnicodeDecodeError):
            return None
        except Exception as error:
            notice("set-failed", "%s: %s" % (type(error).__name__, error))
            return _ending(path)
        self.met.update(setting for setting in settings if setting not in missing)
        if AGENT.spawned:
            return code
        file = os.path.abspath(path)
        absent = [(setting, file, known, imported) for setting in missing]
        if module is None:
            absent += self._absent_in_modules()
        if absent and not _is_installed(path):
            for setting, *place in absent:
                self._tell_missing(setting, *place)
            return _ending(path)
        for change in changes:
            send("set", module=module, file=file, **change)
        return code

    def _tell_missing(self, setting, file, known, imported):
        source = imported.get(setting.name)
        send("set-missing", name=setting.name, module=setting.module, file=file, known=known[:500], imported=source)

    def _absent_in_modules(self):
        """Names that MODULE.NAME asks for and that a module which can be found already does not assign."""
        absent = []
        for module, settings in self.modules.items():
            try:
                path = self._module_file(module)
                if path is None:  # the script may make or find it later
                    continue
                with open(path, "rb") as file:
                    source = file.read()
                import warnings

                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    _, _, missing, known, imported = rewrite(source, path, settings)
                absent += [(setting, os.path.abspath(path), known, imported) for setting in missing]
            except Exception as error:
                notice("set-failed", "%s: %s" % (type(error).__name__, error))
        return absent

    def _module_file(self, module):
        from importlib.machinery import PathFinder

        for name in [module] + ([self.package + "." + module] if self.package else []):
            path = ([self.folder] if self.folder else []) + sys.path
            parts, spec = name.split("."), None
            for count in range(1, len(parts) + 1):
                spec = None if path is None else PathFinder.find_spec(".".join(parts[:count]), list(path))
                if spec is None:
                    break
                path = spec.submodule_search_locations
            if spec is not None and spec.origin and spec.origin.endswith(".py"):
                return spec.origin
        return None


class _ScriptLoader:
    """Loader of a script whose syntax tree has been changed; what it leaves in the script's globals is as without it."""

    def __init__(self, finder):
        self.finder = finder

    def get_code(self, name):
        finder = self.finder
        sys.path_importer_cache.pop(finder.path, None)
        while finder.path in sys.path:
            sys.path.remove(finder.path)
        if finder.by_python and not getattr(sys.flags, "safe_path", False):
            sys.path.insert(0, finder.folder)
        return finder.code


class _ScriptFinder:
    """What sys.path_hooks answers for the script's path. `by_python`: started as `python x.py`."""

    def __init__(self, path, code, folder, by_python):
        self.path = path
        self.code = code
        self.folder = folder
        self.by_python = by_python

    def find_spec(self, fullname, target=None):
        if fullname != "__main__":
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec("__main__", _ScriptLoader(self), origin=self.path)

    def invalidate_caches(self):
        pass


SCRIPT_PROLOGUE = "__import__('sys').modules[%r].as_script(globals())" % __name__


def as_script(namespace):
    """Gives the globals of a script what Python gives them when it runs the file itself."""
    loader = namespace.get("__loader__")
    if not isinstance(loader, _ScriptLoader):
        return
    namespace["__spec__"] = None
    namespace["__loader__"] = None
    if loader.finder.by_python:
        from importlib.machinery import SourceFileLoader

        namespace["__package__"] = None
        namespace["__loader__"] = SourceFileLoader("__main__", loader.finder.path)


def _ending(path):
    """Code of a main module that ends at once, as for a wrong command line."""
    return compile("raise SystemExit(64)", path, "exec")


def _is_installed(path):
    """Whether a main file is of Python or of an installed package: a launcher (torchrun, accelerate), not the script."""
    import site
    import sysconfig

    try:
        folders = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")]
        folders += site.getsitepackages() + [site.getusersitepackages(), os.path.join(site.getuserbase(), "bin")]
        folders += [os.path.join(prefix, name) for prefix in (sys.prefix, sys.base_prefix) for name in ("bin", "Scripts")]
    except Exception:
        folders = []
    real = os.path.normcase(os.path.realpath(path))
    return any(real.startswith(os.path.join(os.path.normcase(os.path.realpath(f)), "")) for f in folders if f)


# ----------------------------------------------------------------------------------------------------------------------
# 6 Numbers: tqdm, SummaryWriter
# ----------------------------------------------------------------------------------------------------------------------


NUMBERS_SECONDS = 1.0


class Numbers:
    """
    The newest numbers that the script has given to progress bars and logs. The script's threads put them in; the
    link's thread sends them, once a second at most. Nothing is ever computed for them on a card that the bar or the log
    has not asked for itself.
    """

    def __init__(self):
        self.bars = None  # tqdm's own set of the bars that are shown
        self.shown = {}  # name -> number of set_postfix, since the last message
        self.bar = None  # weak reference to the bar that had them
        self.logged = {}  # tag -> number, since the last message
        self.step = None
        self.read = {}  # tag -> when a tensor was last read for it
        self.sent = None  # where the bar stood in the last message
        self.last = 0.0

    def on_tqdm(self, module):
        bar = module.tqdm
        self.bars = getattr(bar, "_instances", None)

        def after_postfix(self_bar, ordered_dict=None, refresh=True, **kwargs):
            given = dict(ordered_dict or {}, **kwargs)
            shown = numbers_of_postfix(getattr(self_bar, "postfix", None))
            shown.update((str(name), float(value)) for name, value in given.items() if is_number(value))
            self.shown.update(shown)
            self.bar = weakref.ref(self_bar)

        def after_postfix_text(self_bar, *args, **kwargs):
            self.shown.update(numbers_of_postfix(getattr(self_bar, "postfix", None)))
            self.bar = weakref.ref(self_bar)

        follow(bar, "set_postfix", after_postfix)
        follow(bar, "set_postfix_str", after_postfix_text)

    def on_writer(self, module):
        def after_scalar(writer, tag, scalar_value, global_step=None, *args, **kwargs):
            self.log(tag, scalar_value, global_step)

        def after_scalars(writer, main_tag, tag_scalar_dict, global_step=None, *args, **kwargs):
            for tag, value in tag_scalar_dict.items():
                self.log("%s/%s" % (main_tag, tag), value, global_step)

        follow(module.SummaryWriter, "add_scalar", after_scalar)
        follow(module.SummaryWriter, "add_scalars", after_scalars)

    def log(self, tag, value, step):
        now = time.monotonic()
        if not is_number(value) and now - self.read.get(tag, 0.0) < NUMBERS_SECONDS:
            return  # reading a tensor waits for the card: not more often than it is sent
        self.read[tag] = now
        self.logged[str(tag)] = float(value)
        self.step = int(step) if step is not None else None

    def tick(self, now):
        """Sends what is new. In the link's thread; answers how many seconds it need not be called."""
        if self.bars is None and not self.read:
            return BEAT_SECONDS
        if now - self.last < NUMBERS_SECONDS:
            return self.last + NUMBERS_SECONDS - now
        self.last = now
        self.send_bar()
        logged, self.logged = self.logged, {}
        if logged:
            send("numbers", source="tensorboard", values=limited(logged), n=None, total=None, step=self.step)
        return NUMBERS_SECONDS

    def send_bar(self):
        shown, self.shown = self.shown, {}
        bar = self.newest_bar()
        n = total = None
        if bar is not None:
            n, total = (float(value) if is_number(value) else None for value in (bar.n, bar.total))
        if getattr(bar, "disable", True):
            n = None  # such a bar does not count
        if shown or (n is not None and n != self.sent):
            self.sent = n
            send("numbers", source="tqdm", values=limited(shown), n=n, total=total, step=None)

    def newest_bar(self):
        """The bar that was given numbers last, else the innermost of those that are shown."""
        bar = self.bar() if self.bar is not None else None
        try:
            bars = list(self.bars or [])
        except RuntimeError:  # one came or went just now
            bars = []
        if bar is not None and (bar in bars or getattr(bar, "disable", False)):
            return bar
        return max(bars, key=lambda each: abs(getattr(each, "pos", 0)), default=None)


def is_number(value):
    """Whether it is a number of Python or NumPy, that is read without a card."""
    return isinstance(value, (int, float)) or (type(value).__module__ == "numpy" and getattr(value, "shape", None) == ())


NUMBER = re.compile(r"\s*([^=,]+?)\s*=\s*(?:tensor\()?([-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|nan|inf))(?![\w.:])")


def numbers_of_postfix(postfix):
    """The numbers in what a bar shows at its end: "loss=0.123, gp=tensor(0.5000, device='cuda:0')"."""
    if not isinstance(postfix, str):
        return {}
    return {name: float(value) for name, value in NUMBER.findall(postfix[:4000])}


def limited(values, most=100):
    return dict(list(values.items())[:most])


def follow(owner, name, after):
    """Calls after(...) with the arguments of a method once it has returned. The method's own result is what comes back."""
    method = owner.__dict__.get(name)
    if method is None:
        return
    after = quiet(after)

    @functools.wraps(method)
    def followed(*args, **kwargs):
        result = method(*args, **kwargs)
        after(*args, **kwargs)
        return result

    setattr(owner, name, followed)


def install_numbers():
    """Passes on what the script gives to tqdm and to a SummaryWriter."""
    when_imported("tqdm.std", AGENT.numbers.on_tqdm)
    when_imported("torch.utils.tensorboard.writer", AGENT.numbers.on_writer)
    when_imported("tensorboardX.writer", AGENT.numbers.on_writer)


# ----------------------------------------------------------------------------------------------------------------------
# 7 Stacks and crashes
# ----------------------------------------------------------------------------------------------------------------------


STACKS_LIMIT = 20000  # characters


def stacks():
    """The stacks of all threads as text, the main thread first, our own left out. Called in the link's thread."""
    import traceback

    main = threading.main_thread().ident
    names = {ident: thread.name for ident, thread in list(threading._active.items())}
    frames = sys._current_frames()
    frames.pop(threading.get_ident(), None)
    parts = []
    for ident in sorted(frames, key=lambda each: (each != main, names.get(each, ""), each)):
        name = names.get(ident, "not Python's own")
        parts.append("Thread %s%s:\n" % (name, " (main)" if ident == main else ""))
        parts.extend(traceback.format_stack(frames[ident]))
    return "".join(parts)[:STACKS_LIMIT]


OUT_OF_MEMORY = re.compile(
    r"out of memory|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|not enough memory|can't allocate memory|"
    r"cannot allocate memory|Unable to allocate",
    re.IGNORECASE,
)
CARD = re.compile(
    r"\b(CUDA|cuDNN|HIP|NCCL|MIOpen|XPU)( driver| runtime| kernel)?( failed with)? error|"
    r"\b(CUDA|CU(DNN|BLAS|SPARSE|FFT|SOLVER|RAND)|NCCL)_(STATUS|ERROR)|device-side assert|\bncclSystemError|\bncclUnhandledCudaError",
    re.IGNORECASE,
)


def kind_of_crash(kind, text):
    """
    `out-of-memory`, `cuda` or `exception`, by the names of the exception's classes and its words: PyTorch has changed
    the classes several times (RuntimeError, torch.cuda.OutOfMemoryError, torch.OutOfMemoryError, torch.AcceleratorError).
    """
    names = {each.__name__ for each in kind.__mro__}
    ours = "RuntimeError" in names or "ProcessRaisedException" in names
    if names & {"OutOfMemoryError", "MemoryError"} or (ours and OUT_OF_MEMORY.search(text)):
        return "out-of-memory"
    if names & {"AcceleratorError", "CudaError", "DistBackendError"} or (ours and CARD.search(text)):
        return "cuda"
    return "exception"


def text_of(value):
    try:
        return str(value)
    except Exception:
        return "(its text cannot be shown)"


def place_of(trace):
    """ "file:line" of the innermost line that is the user's own, else of the innermost one; None without any."""
    library = os.path.dirname(os.path.abspath(os.__file__))
    found = own = None
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        found = "%s:%d" % (file, trace.tb_lineno)
        if not file.startswith((library, "<")) and "-packages" not in file:
            own = found
        trace = trace.tb_next
    return own or found


def without_runpy(trace):
    """A script with --set is started through runpy; its tracebacks begin with the script all the same."""
    kept = trace
    while kept is not None and kept.tb_frame.f_globals.get("__name__") == "runpy":
        kept = kept.tb_next
    return kept or trace


@quiet
def tell_crash(kind, value, trace):
    if not issubclass(kind, Exception):  # an interrupt, or sys.exit
        return
    text = text_of(value)
    send("crash", kind=kind_of_crash(kind, text), type=kind.__name__, text=text[:2000], where=place_of(trace))
    if AGENT.link is not None:
        AGENT.link.flush(1)


@quiet
def tell_thread_crash(event):
    if event.exc_type is None or not issubclass(event.exc_type, Exception):
        return
    name = event.thread.name if event.thread is not None else "?"
    text = text_of(event.exc_value)[:500]
    where = place_of(event.exc_traceback)
    notice("thread-failed", "%s: %s: %s (%s)" % (name, event.exc_type.__name__, text, where))


def install_crash():
    """Tells what exception ends the main thread or another one. What was there to show it still does, as always."""
    show, show_of_thread = sys.excepthook, threading.excepthook

    @functools.wraps(show)
    def excepthook(kind, value, trace):
        if AGENT.settings is not None and AGENT.settings.by_path:
            trace = without_runpy(trace)
            value.__traceback__ = trace
        tell_crash(kind, value, trace)
        return show(kind, value, trace)

    @functools.wraps(show_of_thread)
    def thread_excepthook(event):
        tell_thread_crash(event)
        return show_of_thread(event)

    sys.excepthook = excepthook
    threading.excepthook = thread_excepthook


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
        self.saves = 0  # of the script, so far
        self.folders = 0  # hidden ones, so far
        self.open_saves = set()  # their numbers; an interrupt waits until there is none
        self.phase = "import"
        self.settings = None  # of --set
        self.numbers = Numbers()
        self.last_beat = time.monotonic()

    def wake(self):
        """Lets the link's thread look again at what there is to do."""
        link = self.link
        if link is not None:
            link.wake()


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
    return max(0.05, min(AGENT.last_beat + BEAT_SECONDS - now, AGENT.numbers.tick(now)))


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
    AGENT.open_saves.clear()
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
    when_imported("torch", guard_torch_saves)
    when_imported("safetensors.torch", guard_safetensors)
    when_imported("safetensors.numpy", guard_safetensors)
    wanted = os.environ.get("GUARDAPESOS_AGENT_SET")
    if wanted:
        quiet(install_set)(json.loads(wanted))
    quiet(install_numbers)()
    quiet(install_crash)()
