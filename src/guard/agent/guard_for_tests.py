"""A small guard for the agent's tests: listens, runs a Python program with the agent in it, keeps what the agent says."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(HERE))), "test", "guard", "scripts")
TOKEN = "0123456789abcdef" * 2
PATIENCE = 120  # seconds until a test gives up; nothing waits so long when all is well


def fits(message, field, value):
    """Equal; of `batches` at least so many."""
    return message.get(field, -1) >= value if field == "batches" else message.get(field) == value


def with_default_interrupt():
    """A shell's background job ignores SIGINT, and so would the child: the guard's own children never do."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Guard:
    """`with Guard() as guard: guard.start("script.py", ...); guard.wait_for("hello")`."""

    def __init__(self, welcome=None, agent=True):
        self.agent = agent
        self.welcome = dict(welcome or {}, t="welcome", lang="en")
        self.messages = []
        self.folder = tempfile.mkdtemp(prefix="guardapesos-agent-")
        self.snapshots = os.path.join(self.folder, "agent-folder")
        os.mkdir(self.snapshots)
        self.child = None
        self._changed = threading.Condition()
        self._connections = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self._port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if self.child is not None and self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self.hang_up()
        shutil.rmtree(self.folder, ignore_errors=True)

    def hang_up(self):
        """The guard is gone."""
        self._server.close()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()

    def environment(self, **more):
        environment = dict(os.environ, PYTHONIOENCODING="utf-8")
        environment.pop("PYTHONPATH", None)
        if self.agent:
            environment.update(
                PYTHONPATH=HERE,
                GUARDAPESOS_AGENT_PORT=str(self._port),
                GUARDAPESOS_AGENT_TOKEN=TOKEN,
                GUARDAPESOS_AGENT_FOLDER=self.snapshots,
            )
        environment.update(more)
        return environment

    def start(self, *arguments, **options):
        """Starts this Python with the arguments in the guard's folder."""
        environment = self.environment(**options.pop("env", {}))
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.STDOUT)
        if os.name == "posix":
            options.setdefault("preexec_fn", with_default_interrupt)
        command = [options.pop("python", sys.executable)] + list(arguments)
        self.child = subprocess.Popen(command, cwd=self.folder, env=environment, **options)
        return self.child

    def run(self, *arguments, **options):
        """Runs to the end; answers (exit status, output)."""
        child = self.start(*arguments, **options)
        output = child.communicate(timeout=PATIENCE)[0]
        if self.agent:
            self._until(lambda: all(c.fileno() == -1 for c in self._connections), 5)
        return child.returncode, (output or b"").decode("utf-8", "replace")

    def end(self):
        output = self.child.communicate(timeout=PATIENCE)[0]
        return self.child.returncode, (output or b"").decode("utf-8", "replace")

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def said(self, kind, **fields):
        """The messages of a kind (with these values) so far."""
        with self._changed:
            return [m for m in self.messages if m["t"] == kind and all(fits(m, k, v) for k, v in fields.items())]

    def wait_for(self, kind, count=1, **fields):
        """The newest of at least `count` messages of the kind; fails when the child ends without."""
        self._until(lambda: len(self.said(kind, **fields)) >= count or self._ended(), PATIENCE)
        found = self.said(kind, **fields)
        if len(found) < count:
            output = self.end()[1] if self._ended() else "(it still runs)"
            raise AssertionError("no %s %r among %r\n%s" % (kind, fields, self.messages[-20:], output))
        return found[-1]

    def tell(self, kind, **fields):
        """Sends a message to every process that is connected."""
        line = (json.dumps(dict(fields, t=kind)) + "\n").encode("utf-8")
        for connection in list(self._connections):
            try:
                connection.sendall(line)
            except OSError:
                pass

    def _ended(self):
        return self.child.poll() is not None and all(c.fileno() == -1 for c in self._connections)

    def _until(self, condition, seconds):
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            with self._changed:
                self._changed.wait(0.05)

    def _accept(self):
        while True:
            try:
                connection = self._server.accept()[0]
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._listen, args=(connection,), daemon=True).start()

    def _listen(self, connection):
        try:
            with connection.makefile("rb") as lines:
                for line in lines:
                    message = json.loads(line.decode("utf-8"))
                    if message["t"] == "hello":
                        connection.sendall((json.dumps(self.welcome) + "\n").encode("utf-8"))
                    with self._changed:
                        self.messages.append(message)
                        self._changed.notify_all()
        except OSError:
            pass
        connection.close()
