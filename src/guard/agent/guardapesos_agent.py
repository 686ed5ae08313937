"""The agent of guardapesos: makes an unedited PyTorch training safe to save, interrupt, pause and watch, from inside.

Standard library only, Python 3.8 to 3.15. `sitecustomize.py` beside it starts it. Its side of the protocol is written down in
docs/guard-agent.md. Two rules stand above everything here: it never raises anything of its own, and it never changes a number.

Sections: 1 tools - 2 link to the guard - 3 imports - 4 who this process is - signals held back - whole saves - requests and
boundaries - where the boundaries are - live snapshots - screen - Windows - 5 settings (--set) - 6 numbers (tqdm, TensorBoard)
- 7 stacks and crashes - 8 start.
"""

import _thread
import atexit
import collections
import contextlib
import errno
import functools
import gc
import io
import itertools
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
import types
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
        # Not create_connection(): it would import the codec of international names, at each start of Python.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.settimeout(2)
        try:
            self._socket.connect(("127.0.0.1", port))
        except OSError:
            self._socket.close()
            raise
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
                try:
                    self._hold()
                except BaseException:  # A handler that is not held yet has raised: Python calls no __exit__ then.
                    self._release()
                    raise

    def __exit__(self, *failure):
        if in_main_thread():
            self._release()

    def _release(self):
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
                job = quiet(Save.of_file_object)(given) if hasattr(given, "name") else None
            if job is None:
                return original(*args, **kwargs)
            if job.form == "object":
                return job.in_place(lambda: original(*args, **kwargs))
            result = job.run(write)
            if after is not None and job.sent_saved:
                options = {name: value for name, value in kwargs.items() if name not in (keyword, "obj", "tensors")}
                thing = args[0] if args else kwargs.get("obj", kwargs.get("tensors"))
                quiet(after)(thing, job, again(original, args[2:], options))
            return result

    return save


def again(original, more, options):
    """write(object, path) as the script did it. Holds nothing of what was saved."""
    return lambda thing, path: original(thing, path, *more, **options)


class Save:
    """One save of the script to a path."""

    def __init__(self, path, form):
        self.number, self.path, self.form = next(AGENT.saves), path, form
        self.absolute = os.path.abspath(path)
        self.target = follow_links(path)  # None where it can't be replaced
        self.begun = time.monotonic()
        self.sent_saved = False

    @classmethod
    def of_file_object(cls, file):
        """Only what begins and has a name on the disk is a checkpoint: not a BytesIO, not the second tensor of a DCP file."""
        name = getattr(file, "name", None)
        return cls(name, "object") if isinstance(name, str) and os.path.exists(name) and file.tell() == 0 else None

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
            folder = os.path.join(parent, ".guardapesos-%d-%d" % (os.getpid(), next(AGENT.folders)))
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
        phase = AGENT.phase
        enter_phase("save")
        send("save-started", save=self.number, path=self.absolute, format=self.form)
        try:
            yield
        except BaseException as error:
            if not self.sent_saved:
                text = "%s: %s" % (type(error).__name__, error)
                send("save-failed", save=self.number, path=self.absolute, error=text[:2000])
                # PyTorch 1.13 may end the process in a moment: it throws in a destructor when the disk is full.
                link = AGENT.link
                if link is not None:
                    link.flush(0.5)
            raise
        finally:
            AGENT.open_saves.discard(self.number)
            AGENT.idle_seconds += time.monotonic() - self.begun
            enter_phase(phase)
            AGENT.wake()

    def _tell_saved(self, atomic, sibling=None):
        self.sent_saved = True
        at = look_at(sibling or self.path)
        send(
            "saved",
            save=self.number,
            path=self.absolute,
            format=self.form,
            bytes=at.st_size if at else 0,
            steps=AGENT.steps,
            batches=AGENT.batches,
            atomic=atomic,
            sibling=sibling,
            imageSide=AGENT.image_side,
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


ORIGINALS = {}  # name -> function, without the agent


def is_path(value):
    return isinstance(value, (str, os.PathLike))


def guard_torch_saves(torch):
    serialization = torch.serialization
    ORIGINALS["torch.save"] = serialization.save
    save = wrap_save(serialization.save, "torch", "f", getattr(serialization, "_is_path", is_path), remember)
    serialization.save = save
    torch.save = save


def guard_safetensors(module):
    after = remember if module.__name__ == "safetensors.torch" else None
    module.save_file = wrap_save(module.save_file, "safetensors", "filename", is_path, after)


# ----------------------------------------------------------------------------------------------------------------------
# What the guard has asked for, and the boundaries at which the main thread does it
# ----------------------------------------------------------------------------------------------------------------------

BEAT_PAUSE = 0.25  # seconds between two beats at boundaries
PATIENCE_BATCHES = 4  # learnt batch times until an interrupt no longer waits for a boundary
LEAST_PATIENCE = 1.0  # seconds
SMOOTHING = 0.2  # weight of the newest batch in the learnt batch time


class Bell:
    """Wakes one waiting thread from another, without a lock that a signal handler could meet."""

    def __init__(self):
        self._rope, self._ear = socket.socketpair()
        self._rope.setblocking(False)
        self._ear.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._ear, selectors.EVENT_READ)

    def ring(self):
        try:
            self._rope.send(b"!")
        except OSError:
            pass

    def wait(self, seconds):
        """Returns when it has rung or the time is over. Raises what a signal handler of the script raises meanwhile."""
        try:
            if self._selector.select(seconds):
                self._ear.recv(4096)
        except BlockingIOError:
            pass
        except OSError as error:  # a script that closes every file it does not know
            if error.errno != errno.EBADF:
                raise
            time.sleep(min(seconds, 0.05))


def number_or(value, otherwise):
    return value if isinstance(value, (int, float)) else otherwise


class Desk:
    """Requests of the guard that the main thread has not served yet. The link's thread puts them here."""

    def __init__(self):
        self.bell = Bell()
        self.snapshots = collections.deque()
        self.interrupts = collections.deque()  # at most one
        self.interrupted = False  # one interrupt has been asked for: more are ignored
        self.pause = None
        self.rest = 0.0
        self.autosave = None

    def take(self, message):
        """In the link's thread."""
        kind = message.get("t")
        if kind in ("welcome", "autosave"):
            every = message.get("autosave")
            self.autosave = every if isinstance(every, dict) else None
        elif kind == "snapshot":
            self.snapshots.append(message)
        elif kind == "interrupt" and not self.interrupted:
            self.interrupted = True
            self.interrupts.append(dict(message, deadline=time.monotonic() + patience(message.get("withinSeconds"))))
        elif kind == "pause":
            self.pause = message
        elif kind == "resume":
            self.pause = None
        elif kind == "pace":
            self.rest = max(0.0, number_or(message.get("rest"), 0.0))
        self.bell.ring()

    def take_interrupt(self, batches):
        """The interrupt whose batch has come, or None. Both threads may ask; only one gets it."""
        try:
            message = self.interrupts.popleft()
        except IndexError:
            return None
        if batches is not None and batches < number_or(message.get("atBatch"), 0):
            self.interrupts.appendleft(message)
            return None
        return message

    def take_pause(self, batches):
        """The pause whose batch has come, or None. It stays here until it ends."""
        message = self.pause
        return message if message is not None and batches >= number_or(message.get("atBatch"), 0) else None

    def guard_is_gone(self):
        """Nobody could end a pause any more. An interrupt that was asked for stays."""
        self.pause, self.rest, self.autosave = None, 0.0, None
        self.bell.ring()


def patience(within):
    """Seconds that an interrupt waits for a boundary."""
    if number_or(within, None) is not None:
        return max(0.0, within)
    if not AGENT.steps or AGENT.phase == "import":
        return 0.0  # No batch has been trained: there is nothing to wait for.
    return max(LEAST_PATIENCE, PATIENCE_BATCHES * (AGENT.batch_seconds or LEAST_PATIENCE))


def boundary(where):
    """The main thread stands where everything is whole. Raises only what the script's own signal handlers raise."""
    now = time.monotonic()
    tick(now)
    if auto_save_is_due(now):
        snapshot(None, "auto")
    desk = AGENT.desk
    take_asked_snapshots()
    deliver(desk.take_interrupt(AGENT.batches), where)
    pause = desk.take_pause(AGENT.batches)
    if pause is not None:
        stand_still(pause, where)
    if desk.rest:
        rest(now, where)


def take_asked_snapshots():
    waiting = AGENT.desk.snapshots
    while waiting:
        message = waiting.popleft()
        snapshot(message.get("id"), message.get("reason") or "asked")


@quiet
def tick(now):
    """Learns how long a batch takes, and tells at most four times a second that the training is alive."""
    if AGENT.batches != AGENT.ticked_batches:
        if AGENT.ticked_at is not None:
            took = max(0.0, now - AGENT.ticked_at - AGENT.idle_seconds) / (AGENT.batches - AGENT.ticked_batches)
            old = AGENT.batch_seconds
            AGENT.batch_seconds = took if old is None else old + SMOOTHING * (took - old)
        AGENT.ticked_at, AGENT.ticked_batches, AGENT.idle_seconds = now, AGENT.batches, 0.0
    if now - AGENT.last_beat >= BEAT_PAUSE:
        beat(now)


def deliver(message, where):
    """Raises the one interrupt in the main thread, after the snapshot if there is one to be made."""
    if message is None:
        return
    if message.get("snapshot"):
        snapshot(message.get("id"), "interrupt")
    send("interrupting", id=message.get("id"), where=where)
    AGENT.interrupted_at = AGENT.steps
    signal.raise_signal(signal_for(message.get("signal")))


def signal_for(name):
    """The script's own handler gets the signal that was asked for; where it has none, it gets SIGINT."""
    signum = getattr(signal, str(name), signal.SIGINT)
    return signal.SIGINT if signal.getsignal(signum) in (signal.SIG_DFL, None) else signum


@quiet
def interrupt_elsewhere(now):
    """In the link's thread: no boundary has come in time. Never in a save. Answers when to look again, in seconds."""
    desk = AGENT.desk
    if not desk.interrupts or AGENT.paused:
        return BEAT_SECONDS
    try:
        message = desk.interrupts[0]
    except IndexError:
        return BEAT_SECONDS
    if AGENT.open_saves:  # The time of a save does not count, and what belongs to it may follow.
        message["deadline"] = max(message["deadline"], now + patience(message.get("withinSeconds")))
        return 0.05
    if message["deadline"] > now:
        return message["deadline"] - now
    message = desk.take_interrupt(None)
    if message is not None:
        if message.get("snapshot"):
            detail = "no batch boundary came in time"
            send("no-snapshot", id=message.get("id"), reason="error", detail=detail)
        send("interrupting", id=message.get("id"), where="main-thread")
        AGENT.interrupted_at = AGENT.steps
        signum = signal_for(message.get("signal"))
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(threading.main_thread().ident, signum)
        else:
            _thread.interrupt_main()
    return BEAT_SECONDS


def stand_still(message, where):
    """A pause: until resume, an interrupt, or the guard's end. Memory stays; workers wait with us."""
    desk, begun = AGENT.desk, time.monotonic()
    if message.get("snapshot"):
        snapshot(message.get("id"), "cool-down")
    quiet(synchronize)()
    AGENT.paused = True
    send("pausing", id=message.get("id"))
    try:
        while desk.pause is message and not desk.interrupts:
            desk.bell.wait(1.0)
            take_asked_snapshots()
    finally:
        desk.pause = None if desk.pause is message else desk.pause
        AGENT.paused = False
        AGENT.idle_seconds += time.monotonic() - begun
        send("resumed", id=message.get("id"))
    deliver(desk.take_interrupt(None), where)


def rest(begun, where):
    """The pace that the heat asks for: so many seconds of nothing in each batch. A request wakes it."""
    desk = AGENT.desk
    quiet(synchronize)()
    end = begun + desk.rest
    while desk.rest and not (desk.interrupts or desk.pause or desk.snapshots):
        left = end - time.monotonic()
        if left <= 0:
            break
        desk.bell.wait(left)
    AGENT.idle_seconds += time.monotonic() - begun
    take_asked_snapshots()
    deliver(desk.take_interrupt(AGENT.batches), where)


def synchronize():
    """Waits until the card has done what it was given, if there is one in use; never starts CUDA."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def enter_phase(name):
    if name != AGENT.phase:
        now = time.monotonic()
        seconds, AGENT.phase, AGENT.phase_since = now - AGENT.phase_since, name, now
        send("phase", name=name, seconds=round(seconds, 6))


# ----------------------------------------------------------------------------------------------------------------------
# Where the boundaries are: batches of a DataLoader, else the cycle of optimizer steps
# ----------------------------------------------------------------------------------------------------------------------

FAR_FROM_LOADER = 64  # steps without a batch of a loader, after which the cycle of steps counts
CYCLE_MEMORY = 48  # steps in which the cycle is looked for


class Loaders:
    """Which DataLoader's batches are the training's: the first one, until another is iterated alone.

    A second loader in the same batch (`zip`, or one between the two steps of a GAN) makes no boundary.
    """

    def __init__(self):
        self.home = None
        self.stranger = None

    def is_home(self, key):
        if self.home is None or key == self.home:
            self.home, self.stranger = key, None
            return True
        if self.stranger is not None and self.stranger[0] == key and self.stranger[1] != AGENT.steps:
            self.home, self.stranger = key, None
            return True
        if self.stranger is None or self.stranger[0] != key:
            self.stranger = (key, AGENT.steps)
        return False

    def ended(self):
        """The training's loader has no more batches: whichever comes next is the training's."""
        self.home = None


class Cycle:
    """Boundaries of a script without a DataLoader, from the order in which its optimizers step.

    `place` is where it saves: after which optimizer, before which. Until it has saved: after the last one of the cycle.
    What follows that step in each cycle (a scaler's update, a scheduler's step) still belongs to the batch.
    """

    def __init__(self):
        self.steps = []
        self.first = None
        self.place = None
        self.loader_steps = None  # AGENT.steps at the last batch of a loader
        self.at_place = False
        self.followed = []  # since the last step
        self.last_follower = None  # learnt in the cycle before

    def is_active(self):
        return self.loader_steps is None or AGENT.steps - self.loader_steps > FAR_FROM_LOADER

    def step(self, key):
        if self.at_place:
            self.last_follower = self.followed[-1] if self.followed else None
        if self.place is not None and self.place[1] is None:
            self.place = (self.place[0], key)
        self.followed = []
        self.steps = self.steps[-CYCLE_MEMORY + 1 :] + [key]
        if self.first not in self.steps:
            self.first = self.steps[0]
        self.at_place = self._is_place(key)
        if self.at_place and self.last_follower is None:
            self._reached()

    def follow(self, key):
        """A scaler's update or a scheduler's step has ended."""
        self.followed.append(key)
        if self.at_place and key == self.last_follower and self.followed.count(key) == 1:
            self._reached()

    def saved(self):
        if self.steps:
            self.place = (self.steps[-1], None)

    def _is_place(self, key):
        coming = self._next()
        if coming is None:
            return False
        if self.place is not None and self.place[1] is not None and self.place[0] in self.steps:
            return (key, coming) == self.place
        return coming == self.first and (key != self.first or len(set(self.steps)) == 1)

    def _next(self):
        """The optimizer whose turn is next, as the shortest cycle of all that step says; None while there is no cycle."""
        steps = self.steps
        everyone = set(steps)
        if len(steps) < CYCLE_MEMORY and any(id(optimizer) not in everyone for optimizer in alive(AGENT.optimizers)):
            return None  # One has not had its first turn yet.
        for length in range(len(everyone), len(steps) // 2 + 1):
            if steps[-length:] == steps[-2 * length : -length] and set(steps[-length:]) == everyone:
                return steps[-length]
        return None

    def _reached(self):
        if self.is_active():
            AGENT.batches += 1
            boundary("step")


def guard_loaders(torch):
    """Every batch that the main thread asks for begins at a boundary."""
    iterator = torch.utils.data.dataloader._BaseDataLoaderIter
    original = iterator.__next__

    @functools.wraps(original)
    def __next__(self):
        if not in_main_thread() or torch.utils.data.get_worker_info() is not None:
            return original(self)
        counts = before_batch(torch, self)
        if counts is not None:
            boundary("boundary")
        try:
            data = original(self)
        except StopIteration:
            if counts:
                AGENT.loaders.ended()
            raise
        if counts:
            AGENT.batches += 1
            AGENT.image_side = quiet(image_side)(torch, data)
        return data

    iterator.__next__ = __next__


@quiet
def before_batch(torch, iterator):
    """True: a batch of the training; False: one of an evaluation, also a boundary; None: a second loader in the same batch."""
    RECENT.clear()
    if not torch.is_grad_enabled():
        enter_phase("eval")
        return False
    if not AGENT.loaders.is_home(id(getattr(iterator, "_index_sampler", None))):
        return None
    AGENT.cycle.loader_steps = AGENT.steps
    enter_phase("train" if AGENT.steps else "first-batch")
    return True


def image_side(torch, batch):
    """Pixels of one side of the images of a batch (batch, channels, height, width); None where it holds none."""
    parts = batch if isinstance(batch, (list, tuple)) else batch.values() if isinstance(batch, dict) else [batch]
    for part in parts:
        if isinstance(part, torch.Tensor) and part.dim() == 4:
            return int(part.shape[-1])
    return None


def wrap_method(kind, name, after):
    """Replaces a method where it is defined: after(self, result, args, kwargs) follows the outermost call of it on an object."""
    owner = next((c for c in kind.__mro__ if name in c.__dict__), None)
    original = owner.__dict__[name] if owner else None
    if not isinstance(original, types.FunctionType) or hasattr(original, "guardapesos"):
        return
    inside = set()

    @functools.wraps(original)
    def method(self, *args, **kwargs):
        key = (id(self), threading.get_ident())
        if key in inside:
            return original(self, *args, **kwargs)
        inside.add(key)
        try:
            result = original(self, *args, **kwargs)
        finally:
            inside.discard(key)
        after(self, result, args, kwargs)
        return result

    method.guardapesos = True
    setattr(owner, name, method)


def guard_optimizers(torch):
    """Counts steps and knows every optimizer, scheduler and scaler from its birth."""
    optimizer = torch.optim.Optimizer
    # torch.optim deletes its own attribute of that name.
    hooks = getattr(sys.modules["torch.optim.optimizer"], "register_optimizer_step_post_hook", None)
    compiling = getattr(getattr(torch, "compiler", None), "is_compiling", lambda: False)
    if hooks is not None:

        def hook(optimizer, args, kwargs):
            if not compiling():
                after_step(optimizer)

        hooks(hook)

    def born(self, result, args, kwargs):
        quiet(know_optimizer)(self, has_hooks=hooks is not None)

    wrap_method(optimizer, "__init__", born)
    schedulers = torch.optim.lr_scheduler
    for kind in {getattr(schedulers, "LRScheduler", schedulers._LRScheduler), schedulers._LRScheduler, schedulers.ReduceLROnPlateau}:
        wrap_method(kind, "__init__", lambda self, result, args, kwargs: quiet(know_scheduler)(self))
    for kind in {torch.cuda.amp.GradScaler, getattr(torch.amp, "GradScaler", None) or torch.cuda.amp.GradScaler}:
        guard_scaler(kind)
    wrap_method(torch.nn.Module, "state_dict", note_state)


def know_optimizer(optimizer, has_hooks):
    AGENT.optimizers = [known for known in AGENT.optimizers if known() is not None] + [weakref.ref(optimizer)]
    wrap_method(type(optimizer), "state_dict", note_state)
    if not has_hooks:  # before PyTorch 2.0
        wrap_method(type(optimizer), "step", lambda self, result, args, kwargs: after_step(self))


def know_scheduler(scheduler):
    wrap_method(type(scheduler), "state_dict", note_state)
    wrap_method(type(scheduler), "step", lambda self, result, args, kwargs: after_follower(self))


def guard_scaler(kind):
    """A scaler's step counts as its optimizer's, also when it skips it."""
    original = kind.__dict__.get("step")
    if isinstance(original, types.FunctionType) and not hasattr(original, "guardapesos"):

        @functools.wraps(original)
        def step(self, optimizer, *args, **kwargs):
            AGENT.scaler_depth += 1
            try:
                result = original(self, optimizer, *args, **kwargs)
            finally:
                AGENT.scaler_depth -= 1
            after_step(optimizer)
            return result

        step.guardapesos = True
        kind.step = step
    wrap_method(kind, "update", lambda self, result, args, kwargs: after_follower(self))
    wrap_method(kind, "state_dict", note_state)


def after_step(optimizer):
    if AGENT.scaler_depth:
        return
    count_step(optimizer)
    if AGENT.steps and in_main_thread():
        AGENT.cycle.step(id(optimizer))


def after_follower(thing):
    if AGENT.steps and in_main_thread():
        AGENT.cycle.follow(id(thing))


@quiet
def count_step(optimizer):
    RECENT.clear()
    if AGENT.steps == 0:
        if sys.modules["torch"].utils.data.get_worker_info() is not None:
            return  # A DataLoader's worker never trains.
        if AGENT.link is None and AGENT.spawned:
            connect()
            on_torch(sys.modules["torch"])
            util = sys.modules.get("multiprocessing.util")
            if util is not None:  # Such a child ends without atexit.
                util.Finalize(None, quiet(at_exit), exitpriority=0)
        AGENT.steps = 1
        send("trains", steps=1)
        tell_unmet()
        enter_phase("train")
    else:
        AGENT.steps += 1


# ----------------------------------------------------------------------------------------------------------------------
# Live snapshots: what the script saved last, saved again with today's numbers
# ----------------------------------------------------------------------------------------------------------------------

SMALL_BYTES = 1 << 20  # of a tensor that is nobody's weight (random states, fixed noise) and is kept as it was saved
FIXED_BYTES = 4 << 20  # of everything in a structure that is kept as it was saved
DEEPEST = 40
SCALARS = (type(None), bool, int, float, complex, str, bytes)


class NotOffered(Exception):
    """No snapshot can be made of this; `reason` is the protocol's."""

    def __init__(self, reason, detail):
        super().__init__(detail)
        self.reason = reason


class Recent:
    """Who gave which state_dict() since the last step: how a dict in a save is known to be an object's state."""

    def __init__(self):
        self._given = {}
        self.asking = False

    def clear(self):
        if self._given:
            self._given = {}

    def note(self, owner, state, args, kwargs):
        if not self.asking and not args and kwargs.get("destination") is None:
            # A module's state can be referred to weakly: where it is a copy (of a sharded network) it is large.
            reference = weakref.ref(state) if isinstance(state, collections.OrderedDict) else lambda: state
            self._given[id(state)] = (reference, weakref.ref(owner), kwargs)

    def state_of(self, value):
        """An Asked for the object whose state the value is, or None."""
        state, owner, kwargs = self._given.get(id(value), (None, None, None))
        owner = owner() if owner is not None and state() is value else None
        return Asked(owner, kwargs) if owner is not None else None

    def owners(self):
        return [owner() for _, owner, _ in self._given.values() if owner() is not None]


RECENT = Recent()


@quiet
def note_state(owner, state, args, kwargs):
    RECENT.note(owner, state, args, kwargs)


class Asked:
    """An object that is asked for its state_dict() anew."""

    fixed = False

    def __init__(self, owner, kwargs):
        self._owner, self._kwargs = weakref.ref(owner), kwargs

    def make(self):
        owner = self._owner()
        if owner is None:
            raise NotOffered("error", "an object that the script saved is gone")
        before, RECENT.asking = RECENT.asking, True
        try:
            return owner.state_dict(**self._kwargs)
        finally:
            RECENT.asking = before

    def owner(self):
        return self._owner()


class Whole:
    """A module, an optimizer or a tensor that stands in the structure itself."""

    fixed = False

    def __init__(self, thing, detach=False):
        self._thing, self._detach = weakref.ref(thing), detach

    def make(self):
        thing = self._thing()
        if thing is None:
            raise NotOffered("error", "something that the script saved is gone")
        return thing.detach() if self._detach else thing


class Fixed:
    """As it was at the script's save: `make` gives an equal one, `text` shows it."""

    fixed = True

    def __init__(self, make, text):
        self.make, self.text = make, text


class Branch:
    """A dict, list or tuple with something alive in it."""

    fixed = False

    def __init__(self, build, children):
        self._build, self.children = build, children

    def make(self):
        return self._build([child.make() for child in self.children])


class Structure:
    """What the script gave to one save, with its weights by reference and everything else by value.

    Holds no tensor alive that the script does not: weak references to parameters and objects, copies of small things.
    """

    def __init__(self, torch, thing):
        self._torch = torch
        self._index = None
        self._bytes = 0
        self.live = 0  # tensors
        self.as_saved = []  # (key, text)
        self.root = self._node(thing, "", 0)
        self._index = None  # it holds tensors

    def _node(self, value, key, depth):
        torch = self._torch
        if depth > DEEPEST:
            raise NotOffered("error", "nested too deep")
        if type(value) in SCALARS:
            return Fixed(lambda: value, shown(value))
        asked = RECENT.state_of(value)
        if asked is not None and may_be_asked(torch, asked.owner()) and same(torch, asked.make(), value):
            self.live += count_tensors(torch, value)
            return asked
        if isinstance(value, torch.nn.Module):
            self.live += sum(1 for _ in value.parameters())
            return Whole(value)
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, torch.optim.Optimizer):
            return Whole(value)
        if type(value) in (dict, collections.OrderedDict):
            return self._dict(value, key, depth)
        if type(value) in (list, tuple):
            return self._branch(list(value), [str(i) for i in range(len(value))], type(value), key, depth)
        return self._pickled(value)

    def _dict(self, value, key, depth):
        if "state" in value and "param_groups" in value:
            raise NotOffered("copies", "%s is the state of an optimizer, but not as an optimizer gives it" % (key or "it"))
        names, kind = list(value), type(value)
        attributes = dict(vars(value)) if hasattr(value, "__dict__") else {}  # a state_dict's _metadata

        def build(items):
            made = kind(zip(names, items))
            for name, item in attributes.items():
                setattr(made, name, item)
            return made

        return self._branch(list(value.values()), names, build, key, depth)

    def _branch(self, values, names, build, key, depth):
        if len(values) > 1000 and all(type(value) in SCALARS for value in values):
            return Fixed(lambda: build(values), "%d values" % len(values))
        children = []
        for name, value in zip(names, values):
            children.append(self._node(value, "%s.%s" % (key, name) if key else str(name), depth + 1))
        if all(child.fixed for child in children):
            return Fixed(lambda: build([child.make() for child in children]), "%d values" % len(children))
        for name, child in zip(names, children):
            if child.fixed:
                self.as_saved.append(("%s.%s" % (key, name) if key else str(name), child.text))
        return Branch(build, children)

    def _tensor(self, value):
        if self._index is None:
            self._index = LiveTensors(self._torch)
        owner = self._index.find(value)
        if owner is not None:
            self.live += 1
            return Whole(owner, detach=not value.requires_grad)
        size = value.numel() * value.element_size()
        if size > SMALL_BYTES or (value.is_floating_point() and self._index.has_shape(value.shape)):
            raise NotOffered("copies", "the script saves copies of its weights, not the weights themselves")
        self._spend(size)
        copy = value.detach().clone()
        return Fixed(lambda: copy, "tensor of %d" % value.numel())

    def _pickled(self, value):
        import pickle

        try:
            data = pickle_small(self._torch, value, FIXED_BYTES - self._bytes)
        except OwnWay:
            return Fixed(lambda: value, shown(value))  # itself, until the next save
        self._spend(len(data))
        return Fixed(lambda: pickle.loads(data), shown(value))

    def _spend(self, size):
        self._bytes += size
        if self._bytes > FIXED_BYTES:
            raise NotOffered("copies", "the script saves much beside its weights and optimizers")


class LimitedBuffer(io.BytesIO):
    def __init__(self, limit):
        super().__init__()
        self._left = limit

    def write(self, data):
        self._left -= len(data)
        if self._left < 0:
            raise NotOffered("copies", "the script saves much beside its weights and optimizers")
        return super().write(data)


class OwnWay(Exception):
    """A class of the script says itself how it is pickled: that code runs when the script saves, not once more for us."""


# Modules whose classes are pickled without running code of the script.
PLAIN_MODULES = ("builtins", "collections", "copyreg", "datetime", "decimal", "enum", "fractions", "functools", "numpy", "pathlib", "random", "torch", "uuid")


def pickle_small(torch, value, limit):
    """The pickle of a small thing; refuses one with a network or larger tensors in it, which would be yesterday's."""
    import pickle

    class NoWeights(pickle.Pickler):
        def persistent_id(self, part):
            if isinstance(part, torch.nn.Module) or (isinstance(part, torch.Tensor) and part.numel() > 16):
                raise NotOffered("copies", "an object in what the script saves holds tensors: they can't be asked anew")
            return None

        def reducer_override(self, part):
            kind = type(part)
            own = [name for name in ("__reduce__", "__reduce_ex__") if getattr(kind, name) is not getattr(object, name)]
            if (own or "__getstate__" in vars(kind)) and kind.__module__.split(".")[0] not in PLAIN_MODULES and not isinstance(part, type):
                raise OwnWay(kind.__name__)
            return NotImplemented

    buffer = LimitedBuffer(limit)
    NoWeights(buffer, protocol=4).dump(value)
    return buffer.getvalue()


class LiveTensors:
    """The tensors that train: parameters, buffers and optimizers' states, found by where their numbers lie."""

    def __init__(self, torch):
        self._torch, self._found, self._shapes = torch, {}, set()
        for optimizer in alive(AGENT.optimizers):
            for group in optimizer.param_groups:
                self._add(group["params"])
            for state in optimizer.state.values():
                if isinstance(state, dict):
                    self._add(state.values())
        for owner in RECENT.owners():
            if isinstance(owner, torch.nn.Module):
                self._add(owner.parameters())
                self._add(owner.buffers())

    def _add(self, tensors):
        for tensor in tensors:
            if isinstance(tensor, self._torch.Tensor) and tensor.numel():
                self._found[self._key(tensor)] = tensor
                self._shapes.add(tuple(tensor.shape) if tensor.numel() > 1 else None)

    @staticmethod
    def _key(tensor):
        return (tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride(), str(tensor.device))

    def find(self, tensor):
        return self._found.get(self._key(tensor)) if tensor.numel() else None

    def has_shape(self, shape):
        return tuple(shape) in self._shapes


def alive(references):
    return [thing for thing in (reference() for reference in references) if thing is not None]


def shown(value):
    text = repr(value) if isinstance(value, SCALARS) else type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."


def count_tensors(torch, value):
    if isinstance(value, torch.Tensor):
        return 1
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return sum(count_tensors(torch, item) for item in items)


def same(torch, asked, saved):
    """What an object answers now is what the script saved, tensor by tensor the same memory."""
    if isinstance(saved, torch.Tensor):
        if not isinstance(asked, torch.Tensor) or (asked.shape, asked.dtype, asked.device) != (saved.shape, saved.dtype, saved.device):
            return False
        return asked.data_ptr() == saved.data_ptr() or (asked.numel() <= 1 and bool((asked == saved).all()))
    if isinstance(saved, dict):
        return isinstance(asked, dict) and list(asked) == list(saved) and all(same(torch, asked[k], saved[k]) for k in saved)
    if isinstance(saved, (list, tuple)):
        return type(asked) is type(saved) and len(asked) == len(saved) and all(map(functools.partial(same, torch), asked, saved))
    return type(asked) is type(saved) and (asked is saved or bool(asked == saved))


def may_be_asked(torch, owner):
    """Not where asking could wait for the other ranks (FSDP, DeepSpeed): there only what PyTorch itself defines, without hooks."""
    if (number_of_environment("WORLD_SIZE") or 1) <= 1:
        return True
    define = next((c.__module__ for c in type(owner).__mro__ if "state_dict" in c.__dict__), "")
    if define not in ("torch.nn.modules.module", "torch.optim.optimizer", "torch.optim.lr_scheduler", "torch.amp.grad_scaler", "torch.cuda.amp.grad_scaler"):
        return False
    modules = owner.modules() if isinstance(owner, torch.nn.Module) else ()
    return not any(module._state_dict_hooks or type(module).__module__.startswith("torch.distributed") for module in modules)


class SavedFile:
    """One file of the script's last checkpoint, and how to make it again."""

    def __init__(self, torch, thing, job, write):
        self.path, self.form, self.write = job.absolute, job.form, write
        self.structure = Structure(torch, thing)
        if self.structure.root.fixed:  # A file of random states, say.
            self.structure.as_saved.append((os.path.basename(self.path), self.structure.root.text))
        self.at = time.monotonic()


class Memory:
    """The files of the checkpoint that the script saves: those that it saved with no step between."""

    def __init__(self):
        self.steps = None
        self.files = {}  # path -> SavedFile: of the newest save
        self.best = {}  # those of the save that held most: a file alone does not stand for a pair
        self.refused = None  # NotOffered of the newest save

    def add(self, file):
        if self.steps != AGENT.steps:
            self.steps, self.files = AGENT.steps, {}
        self.files[file.path] = file
        if self._size(self.files) >= self._size(self.best) or not self._is_alive(self.best):
            self.best = self.files
        self.refused = None

    @staticmethod
    def _size(files):
        return sum(file.structure.live for file in files.values())

    @staticmethod
    def _is_alive(files):
        try:
            for file in files.values():
                file.structure.root.make()
            return bool(files)
        except Exception:
            return False


def remember(thing, job, write):
    """What the script saved last, so that it can be saved again."""
    torch = sys.modules["torch"]
    if AGENT.interrupted_at == AGENT.steps:  # The script saves because it is being ended: under names of its own.
        return
    if in_main_thread():
        AGENT.cycle.saved()
    try:
        file = SavedFile(torch, thing, job, write)
    except NotOffered as refusal:
        AGENT.memory.refused = refusal
        return
    except Exception as error:
        AGENT.memory.refused = NotOffered("error", "%s: %s" % (type(error).__name__, error))
        return
    if file.structure.live or AGENT.memory.files:
        AGENT.memory.add(file)
        note_whole_state()


def note_whole_state():
    AGENT.whole_at, AGENT.whole_batches = time.monotonic(), AGENT.batches


def auto_save_is_due(now):
    every = AGENT.desk.autosave
    if not every or not AGENT.steps:
        return False
    batches, seconds = number_or(every.get("batches"), 0), number_or(every.get("seconds"), 0)
    if batches:
        return AGENT.batches - AGENT.whole_batches >= batches
    return bool(seconds) and now - AGENT.whole_at >= seconds


def snapshot(number, reason):
    """Makes a snapshot at a boundary and tells the guard; whatever goes wrong in it, the training goes on."""
    begun = time.monotonic()
    with HELD:
        AGENT.open_saves.add("snapshot")
        try:
            quiet(make_snapshot)(number, reason, begun)
        finally:
            AGENT.open_saves.discard("snapshot")
            note_whole_state()
            AGENT.idle_seconds += time.monotonic() - begun


def make_snapshot(number, reason, begun):
    torch = sys.modules.get("torch")
    folder = None
    try:
        if torch is None or not AGENT.folder:
            raise NotOffered("no-torch", "torch has not been imported")
        AGENT.snapshots += 1
        folder = os.path.join(AGENT.folder, "%d-%d" % (os.getpid(), AGENT.snapshots))
        os.makedirs(folder)
        files, as_saved, form = write_snapshot(torch, folder)
        sync_folder(folder)
        size = sum(os.path.getsize(file["path"]) for file in files)
    except Exception as error:
        if folder is not None:
            import shutil

            shutil.rmtree(folder, ignore_errors=True)
        refusal = error if isinstance(error, NotOffered) else NotOffered("error", "%s: %s" % (type(error).__name__, error))
        send("no-snapshot", id=number, reason=refusal.reason, detail=str(refusal)[:2000])
        return
    places = dict(steps=AGENT.steps, batches=AGENT.batches, seconds=round(time.monotonic() - begun, 6))
    places["imageSide"] = AGENT.image_side
    send("snapshot", id=number, reason=reason, files=files, bytes=size, form=form, asSaved=as_saved, **places)


def write_snapshot(torch, folder):
    """(files, what is as saved, form), or NotOffered."""
    memory = AGENT.memory
    if memory.refused is not None:
        raise memory.refused
    if memory.best:
        files, as_saved, now = [], [], time.monotonic()
        for file in memory.best.values():
            path = os.path.join(folder, os.path.basename(file.path))
            if os.path.exists(path):  # two of the same name in different folders
                path = os.path.join(folder, str(len(files)), os.path.basename(file.path))
                os.mkdir(os.path.dirname(path))
            file.write(file.structure.root.make(), path)
            sync(path)
            files.append({"path": path, "as": file.path, "network": None})
            for key, text in file.structure.as_saved:
                as_saved.append({"key": key, "value": text, "seconds": round(now - file.at, 3), "file": os.path.basename(path)})
        return files, as_saved, "script"
    if (number_of_environment("RANK") or 0) > 0:
        raise NotOffered("no-weights", "this rank saves nothing: the first one does")
    files = []
    for name, module, optimizers in networks(torch):
        states = [optimizer.state_dict() for optimizer in optimizers]
        path = os.path.join(folder, name + ".pth")
        ORIGINALS["torch.save"]({"state_dict": module.state_dict(), "optimizer": states[0] if len(states) == 1 else states}, path)
        sync(path)
        files.append({"path": path, "as": None, "network": name})
    if not files:
        raise NotOffered("no-weights", "no network has been found that an optimizer trains")
    return files, [], "seed"


def networks(torch):
    """(name, module, its optimizers) of each network, for a script that has not saved yet."""
    trained = {}
    for optimizer in alive(AGENT.optimizers):
        for group in optimizer.param_groups:
            for tensor in group["params"]:
                trained.setdefault(id(tensor), []).append(optimizer)
    modules = [thing for thing in gc.get_objects() if issubclass(type(thing), torch.nn.Module)]
    children = {id(child) for module in modules for child in module._modules.values()}
    roots = [module for module in modules if id(module) not in children]
    found, names = [], set()
    for root in roots:
        for module in parts(torch, root, trained):
            name = base = network_name(module)
            while name in names:
                name = "%s_%d" % (base, len(names) + 1)
            names.add(name)
            found.append((name, module, optimizers_of(module, trained)))
    return found


def optimizers_of(module, trained):
    found = {}
    for tensor in module.parameters():
        for optimizer in trained.get(id(tensor), ()):
            found[id(optimizer)] = optimizer
    return list(found.values())


def parts(torch, root, trained):
    """The networks in a root module: itself, what a wrapper wraps, or its children where each has an optimizer of its own."""
    while len(root._modules) == 1 and not root._parameters and ("module" in root._modules or "_orig_mod" in root._modules):
        root = next(iter(root._modules.values()))
    owners = optimizers_of(root, trained)
    if len(owners) > 1 and not root._parameters:
        children = [c for c in root._modules.values() if c is not None and any(True for _ in c.parameters())]
        of_children = [optimizers_of(child, trained) for child in children]
        if all(len(each) == 1 for each in of_children) and len(children) == len(owners):
            return children
    return [root] if owners else []


GENERATORS = ("g", "gen", "generator", "netg", "net_g", "g_net", "gnet", "g_model", "model_g", "generator_model")
CRITICS = ("d", "disc", "discriminator", "c", "critic", "netd", "net_d", "d_net", "dnet", "d_model", "model_d", "netc", "dis")


def network_name(module):
    """The name of the script's variable, if there is one: generator and critic by whatever name, else as it is."""
    name = variable_name(module) or type(module).__name__
    plain_name = name.lower().strip("_")
    if plain_name in GENERATORS:
        return "generator"
    if plain_name in CRITICS:
        return "critic"
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name).strip("_") or "network"


def variable_name(module):
    """Looks through the functions that are running, then the main script, then one level into their objects."""
    spaces, frame = [], sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") != __name__:
            spaces.append(frame.f_locals)
        frame = frame.f_back
    spaces.append(vars(sys.modules["__main__"]))
    for space in spaces:
        for name, value in list(space.items()):
            if (value is module or getattr(value, "__dict__", {}).get("_modules", {}).get("module") is module) and name != "self":
                return name
    for space in spaces:
        for value in list(space.values()):
            attributes = getattr(value, "__dict__", None)
            if isinstance(attributes, dict) and not isinstance(value, types.ModuleType):
                for name, item in list(attributes.items()) + list((attributes.get("_modules") or {}).items()):
                    if item is module:
                        return str(name)
    return None


# ----------------------------------------------------------------------------------------------------------------------
# The screen: what it can't show is written as an escape, and when it is gone nobody dies of it
# ----------------------------------------------------------------------------------------------------------------------


class ScreenFile(io.FileIO):
    """The raw end of stdout or stderr. When its reader or terminal is gone, everything goes to the null device instead."""

    def write(self, data):
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EPIPE):
                raise
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            notice("screen-gone", self.name)
            return len(memoryview(data).cast("B"))


def guard_screen():
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
            if os.name == "posix" and stream is getattr(sys, "__%s__" % name):
                replace_stream(name, stream)


def replace_stream(name, stream):
    stream.flush()
    raw = ScreenFile(stream.fileno(), "wb", closefd=False)
    raw.name = stream.name
    buffered = isinstance(stream.buffer, io.BufferedWriter)
    new = io.TextIOWrapper(
        io.BufferedWriter(raw) if buffered else raw,
        encoding=stream.encoding,
        errors=stream.errors,
        newline="\n",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    new.mode = stream.mode
    setattr(sys, name, new)
    setattr(sys, "__%s__" % name, new)


# ----------------------------------------------------------------------------------------------------------------------
# Windows: deaf to Ctrl+C (the guard hears it), and to Ctrl+Break unless the script listens
# ----------------------------------------------------------------------------------------------------------------------


CLOSING = (2, 5, 6)  # the window is closed, the user logs off, the machine shuts down
_console_handler = None  # Windows calls it: it must stay alive


def guard_console():
    """Not tried on a real Windows; the parts were (deaf to Ctrl+C by ctypes, under Wine)."""
    global _console_handler
    if sys.platform != "win32":
        return
    import ctypes

    _console_handler = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_ulong)(on_console)
    ctypes.windll.kernel32.SetConsoleCtrlHandler(None, True)
    ctypes.windll.kernel32.SetConsoleCtrlHandler(_console_handler, True)
    if signal.getsignal(signal.SIGBREAK) is signal.SIG_DFL:
        signal.signal(signal.SIGBREAK, on_break)


def on_console(event):
    """In a thread of Windows' own. It ends the process when this returns, or after its few seconds: time for one save."""
    if event not in CLOSING:
        return 0
    AGENT.desk.take({"t": "interrupt", "id": None, "signal": "SIGINT", "snapshot": True, "withinSeconds": 1})
    AGENT.wake()
    time.sleep(60)
    return 1


def on_break(signum, frame):
    """The guard has heard it, too, and asks for the interrupt. Without a guard it is one."""
    if AGENT.link is None:
        signal.raise_signal(signal.SIGINT)


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
        AGENT.settings = Settings(settings, wanted)
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


def _is_arithmetic(ast, node):
    """Whether an expression only computes with names and numbers, as a path (data/oct) would by accident."""
    kinds = (ast.BinOp, ast.Name, ast.Constant, ast.operator, ast.expr_context)
    return isinstance(node, ast.BinOp) and all(isinstance(part, kinds) for part in ast.walk(node))


def _is_date(ast, node):
    """2026-11-30, 1/2/2026"""
    inner = node.left if isinstance(node, ast.BinOp) else None
    if not isinstance(inner, ast.BinOp) or type(inner.op) is not type(node.op):
        return False
    numbers = [inner.left, inner.right, node.right]
    return isinstance(node.op, (ast.Sub, ast.Div)) and all(type(getattr(n, "value", None)) is int for n in numbers)


def _is_text(ast, node):
    """Whether an expression gives a text for sure: a literal, or str(...)."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "str"
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


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
        if expression is not None and name not in self.parsed[name][1] and self._doubtful(expression, old):
            change["doubt"] = True
        self.changes.append(change)
        return self._at(node, place)

    def _doubtful(self, expression, old):
        """Whether an expression was perhaps meant as a text: a date, or what computes where a text stood."""
        ast = self.ast
        if not _is_text(ast, old):
            return _is_date(ast, expression)
        if isinstance(expression, ast.Constant):
            return type(expression.value) in (int, float)
        return _is_arithmetic(ast, expression) or isinstance(expression, ast.Name)

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

    def __init__(self, settings, wanted):
        self.wanted = wanted
        self.main = [setting for setting in settings if setting.module in (None, "__main__")]
        self.modules = {}
        for setting in settings:
            if setting not in self.main:
                self.modules.setdefault(setting.module, []).append(setting)
        self.began = False  # the main script or module has been found
        self.is_other = False  # it is not the main script of the training, but another that that one has started
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
        self._begin(path)
        if self.is_other:
            raise ImportError(path)
        self.by_path = caller is None
        self.folder = os.path.dirname(os.path.abspath(path) if os.name == "nt" else os.path.realpath(path))
        code = self._rewritten(source, path, self.main, None, SCRIPT_PROLOGUE)
        if code is None:
            raise ImportError(path)
        return _ScriptFinder(path, code, self.folder, caller is None)

    def _begin(self, path):
        """
        The main script or module has been found. Another program that the main script starts with another script of its
        own is none of our business; the same one again (a rank, a spawned child) is.
        """
        self.began = True
        first = self.wanted.get("main")
        if first is not None and path is not None and os.path.realpath(path) != first:
            self.is_other, self.main = True, []

    def _is_first(self, path):
        """From now on, in all that is started from here, this file is the main script."""
        self.wanted = dict(self.wanted, main=os.path.realpath(path))
        os.environ["GUARDAPESOS_AGENT_SET"] = json.dumps(self.wanted)

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
                self._begin(spec.origin)
                self.package = spec.parent
                if self.is_other:
                    return plain(name)
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
        if absent and self.is_other:
            return code
        if absent and not _is_installed(path):
            for setting, *place in absent:
                self._tell_missing(setting, *place)
            return _ending(path)
        if module is None and not absent:
            self._is_first(path)
        if os.environ.get("LOCAL_RANK") in (None, "", "0"):  # the other ranks have the same
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


@quiet
def tell_unmet():
    """The training begins: what --set asked for and nothing has assigned until now is not in it."""
    names = AGENT.settings.unmet() if AGENT.settings is not None else []
    if names:
        notice("set-unmet", ", ".join(names))


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
        self.port = None
        self.token = ""
        self.folder = None  # for snapshots
        self.spawned = False  # a child of multiprocessing: it connects with its first optimizer step
        self.image_side = None  # of the last batch, in pixels
        self.settings = None  # of --set
        self.begin()

    def begin(self):
        """As a new process knows it; also a forked one."""
        now = time.monotonic()
        self.link = None
        self.numbers = Numbers()
        self.desk = Desk()
        # What it has done.
        self.batches = self.steps = 0
        self.saves, self.folders = itertools.count(1), itertools.count(1)  # numbers; safe in several threads
        self.snapshots = 0
        self.open_saves = set()  # an interrupt waits until there is none
        self.scaler_depth = 0
        self.paused = False
        self.interrupted_at = None  # steps when the interrupt was raised
        self.phase, self.phase_since = "import", now
        # Time.
        self.last_beat = now
        self.batch_seconds = None  # learnt
        self.ticked_at, self.ticked_batches, self.idle_seconds = None, 0, 0.0
        self.whole_at, self.whole_batches = now, 0  # the last save or snapshot
        # What trains.
        self.optimizers = []  # weak references
        self.loaders = Loaders()
        self.cycle = Cycle()
        self.memory = Memory()

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
    else:
        quiet(AGENT.desk.take)(message)


def on_tick():
    """Runs in the link's thread whenever it is awake; answers how many seconds it may sleep."""
    now = time.monotonic()
    if now - AGENT.last_beat >= BEAT_SECONDS:
        beat(now)
    interrupt_in = interrupt_elsewhere(now)
    waits = (AGENT.last_beat + BEAT_SECONDS - now, AGENT.numbers.tick(now), BEAT_SECONDS if interrupt_in is None else interrupt_in)
    return max(0.02, min(waits))


def on_lost():
    AGENT.link = None
    AGENT.desk.guard_is_gone()


def beat(now):
    AGENT.last_beat = now
    seconds = None if AGENT.batch_seconds is None else round(AGENT.batch_seconds, 6)
    send("beat", batches=AGENT.batches, steps=AGENT.steps, batchSeconds=seconds, phase=AGENT.phase, paused=AGENT.paused)


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
    link = AGENT.link
    optimizers = AGENT.optimizers
    AGENT.begin()
    AGENT.spawned, AGENT.optimizers = True, optimizers
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
    quiet(guard_screen)()
    quiet(guard_console)()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=quiet(after_fork))
    atexit.register(quiet(at_exit))
    sys.meta_path.insert(0, ImportWatcher)
    when_imported("torch", on_torch)
    for patch in (guard_torch_saves, guard_loaders, guard_optimizers):
        when_imported("torch", patch)
    when_imported("safetensors.torch", guard_safetensors)
    when_imported("safetensors.numpy", guard_safetensors)
    wanted = os.environ.get("GUARDAPESOS_AGENT_SET")
    if wanted:
        quiet(install_set)(json.loads(wanted))
    quiet(install_numbers)()
    quiet(install_crash)()
