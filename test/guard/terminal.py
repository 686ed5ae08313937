"""Runs a program in a real terminal, and does to it what a person does.

Reads from standard input {"argv": [...], "steps": [...]}, a step being one of {"wait": regular expression, "within": seconds},
{"send": keys}, {"sleep": seconds}, {"resize": [rows, columns]}, {"close": true}, {"signal": "SIGTERM"}.
Answers {"text": all that the terminal showed, "code": exit code, or minus the signal, "failed": the step that never came}.
"""
import fcntl, json, os, pty, re, select, signal, struct, sys, termios, time

task = json.load(sys.stdin)
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8", LANG="C.UTF-8", PS1="$ ")
    os.execvp(task["argv"][0], task["argv"])
shown = b""
closed = False


def read(seconds):
    """Shows what comes within so many seconds; False when nothing ever comes again."""
    global shown
    end = time.monotonic() + seconds
    while True:
        ready, _, _ = select.select([terminal], [], [], max(0, end - time.monotonic()))
        if not ready:
            return True
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            return False
        if not piece:
            return False
        shown += piece
        if time.monotonic() >= end:
            return True


def resize(rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


resize(30, 100)
failed = None
seen = 0
for step in task["steps"]:
    if "wait" in step:
        end = time.monotonic() + step.get("within", 30)
        pattern = re.compile(step["wait"].encode(), re.S)
        while (found := pattern.search(shown, seen)) is None:
            if time.monotonic() > end or not read(0.05):
                found = pattern.search(shown, seen)
                break
        if found is None:
            failed = step
            break
        seen = found.end()
    elif "send" in step:
        os.write(terminal, step["send"].encode())
    elif "sleep" in step:
        read(step["sleep"])
    elif "resize" in step:
        resize(*step["resize"])
    elif "signal" in step:
        os.kill(pid, getattr(signal, step["signal"]))
    elif "close" in step:
        os.close(terminal)
        closed = True
end = time.monotonic() + (0 if failed else task.get("patience", 30))
status = None
while status is None:
    if not closed and read(0.05) is False:
        closed = True
    if closed:
        time.sleep(0.02)
    done, answer = os.waitpid(pid, os.WNOHANG)
    if done:
        status = os.waitstatus_to_exitcode(answer)
    elif time.monotonic() > end:
        failed = failed or {"ends": True}
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        status = -9
if not closed:
    read(0.2)
json.dump({"text": shown.decode(errors="replace"), "code": status, "failed": failed}, sys.stdout)
