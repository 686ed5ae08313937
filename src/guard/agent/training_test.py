"""A whole training of the page's shape with the agent in it: the same numbers to the bit, and one interrupt that saves.

Judge: an undisturbed run that writes down at the end of each batch what its two networks were. Whatever is found afterwards
must load and be one of these, and a pair one pair.
"""
import json
import os
import signal
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guard_for_tests import SCRIPTS, Guard  # noqa: E402

sys.path.insert(0, SCRIPTS)
from digest import digest, load  # noqa: E402

PAGE = os.path.join(SCRIPTS, "page_like.py")
SHORT = {"PROGRESSIVE_EPOCHS": [2, 1], "IMAGES": 64}
LONG = dict(SHORT, PROGRESSIVE_EPOCHS=[200, 1], STEP_SECONDS=0.05)


def settings(**more):
    return {"PAGE_LIKE": json.dumps(dict(SHORT, DIGESTS="digests", **more))}


def digests(guard):
    with open(guard.path("digests"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def whole_files(guard):
    """{name: bytes} of what the script left in its folder."""
    found = {}
    for folder, folders, names in os.walk(guard.folder):
        folders[:] = [name for name in folders if name not in ("agent-folder", "logs")]
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                found[os.path.relpath(os.path.join(folder, name), guard.folder)] = file.read()
    return found


def pair_of(paths):
    """{"generator": digest, "critic": digest} of files by whatever full names."""
    return {("generator" if "generator" in os.path.basename(path) else "critic"): digest(load(path)) for path in paths}


class SameNumbers(unittest.TestCase):
    def test_with_and_without_the_agent_and_with_workers(self):
        with Guard(agent=False) as guard:
            status, output = guard.run(PAGE, env=settings())
            self.assertEqual(status, 0, output)
            expected, lines = whole_files(guard), digests(guard)
        with Guard(welcome={"autosave": {"batches": 1}}) as guard:
            self.assertEqual(guard.run(PAGE, env=settings()), (0, output))
            self.assertEqual(whole_files(guard), expected)
            self.assertEqual((guard.said("notice"), guard.said("no-snapshot"), guard.said("crash")), ([], [], []))
            snapshots = guard.said("snapshot")
            self.assertGreater(len(snapshots), 5)
            self.assertEqual({s["form"] for s in snapshots}, {"seed", "script"})
            for snapshot in snapshots:
                networks = [f["path"] for f in snapshot["files"] if "training_state" not in f["path"]]
                self.assertEqual(pair_of(networks), lines[snapshot["batches"] - 1])
            last = guard.said("saved")[-1]
            self.assertEqual((last["batches"], last["atomic"]), (len(lines), True))
        starts = ["fork", "spawn"] if hasattr(os, "fork") else ["spawn"]
        for start in starts:
            with Guard(welcome={"autosave": {"batches": 3}}) as guard:
                more = dict(NUM_WORKERS=1, WORKER_START=start, PROGRESSIVE_EPOCHS=[2, 1] if start == "fork" else [1, 0])
                status, output = guard.run(PAGE, env={"PAGE_LIKE": json.dumps(dict(SHORT, DIGESTS="digests", **more))})
                self.assertEqual(status, 0, output)
                self.assertEqual(digests(guard), lines[: len(digests(guard))])
                self.assertEqual(guard.said("notice"), [])
                self.assertEqual((len(guard.said("hello")), len(guard.said("trains"))), (1, 1))


class OneInterrupt(unittest.TestCase):
    def interrupted(self, guard, after=6, **request):
        """Starts the page's script, and asks for the interrupt after some batches; answers (status, output, lines)."""
        guard.start(PAGE, env={"PAGE_LIKE": json.dumps(dict(LONG, DIGESTS="digests", **request.pop("page", {})))})
        guard.wait_for("beat", phase="train", batches=after)
        presses = request.pop("presses", 1)
        for press in range(presses):
            guard.tell("interrupt", **dict(dict(id=1 + press, signal="SIGINT", snapshot=True, withinSeconds=None), **request))
        status, output = guard.end()
        return status, output, digests(guard)

    def emergency(self, guard):
        folder = guard.path("weights")
        return sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.startswith("EMERGENCY"))

    def test_fifty_presses_run_the_scripts_handler_once_at_a_boundary(self):
        with Guard() as guard:
            status, output, lines = self.interrupted(guard, presses=50, page=dict(NUM_WORKERS=2))
            self.assertEqual(status, 0, output)
            self.assertEqual(output.count("¡Ctrl+C detectado!"), 1)
            files = self.emergency(guard)
            self.assertEqual(len(files), 2)
            self.assertEqual(pair_of(files), lines[-1])
            snapshot = guard.said("snapshot")[0]
            self.assertEqual(pair_of([f["path"] for f in snapshot["files"] if "training" not in f["path"]]), lines[-1])
            self.assertEqual([m["where"] for m in guard.said("interrupting")], ["boundary"])
            self.assertEqual((guard.said("crash"), guard.said("notice"), len(guard.said("exit"))), ([], [], 1))

    def test_sigterm_without_a_handler_becomes_the_one_interrupt(self):
        with Guard() as guard:
            status, output, lines = self.interrupted(guard, signal="SIGTERM", page=dict(NUM_WORKERS=0))
            self.assertEqual(status, 0, output)
            self.assertEqual(pair_of(self.emergency(guard)), lines[-1])

    def test_a_script_without_any_handler_gets_keyboard_interrupt_and_its_snapshot(self):
        with Guard() as guard:
            status, output, lines = self.interrupted(guard, signal="SIGHUP", page=dict(HANDLER=False))
            self.assertEqual(status, -signal.SIGINT, output)
            self.assertIn("KeyboardInterrupt", output)
            snapshot = guard.said("snapshot")[0]
            self.assertEqual((snapshot["reason"], len(guard.said("interrupting"))), ("interrupt", 1))
            self.assertEqual(pair_of([f["path"] for f in snapshot["files"] if "training" not in f["path"]]), lines[-1])

    def test_an_emoji_that_the_screen_cannot_show_does_not_end_the_handler(self):
        with Guard() as guard:
            guard.start(PAGE, env={"PAGE_LIKE": json.dumps(LONG), "PYTHONIOENCODING": "cp1252"})
            guard.wait_for("beat", phase="train", batches=4)
            guard.tell("interrupt", id=1, signal="SIGINT", snapshot=False, withinSeconds=None)
            status, output = guard.end()
            self.assertEqual((status, len(self.emergency(guard))), (0, 2), output)
            self.assertIn("\\U0001f6d1", output)

    def test_a_reader_that_is_gone_does_not_end_the_handler(self):
        with Guard() as guard:
            child = guard.start(PAGE, "-u", env={"PAGE_LIKE": json.dumps(LONG)})
            guard.wait_for("beat", phase="train", batches=4)
            child.stdout.close()
            guard.tell("interrupt", id=1, signal="SIGINT", snapshot=False, withinSeconds=None)
            self.assertEqual(child.wait(), 0)
            self.assertEqual(len(self.emergency(guard)), 2)

    def test_pause_pace_and_interrupt_in_a_pause(self):
        with Guard() as guard:
            guard.start(PAGE, env={"PAGE_LIKE": json.dumps(dict(LONG, DIGESTS="digests"))})
            guard.wait_for("beat", phase="train", batches=3)
            guard.tell("pause", id=5, snapshot=True)
            guard.wait_for("pausing", id=5)
            standing = len(digests(guard))
            self.assertEqual(len(guard.said("snapshot", reason="cool-down")), 1)
            guard.tell("snapshot", id=6, reason="asked")
            guard.wait_for("snapshot", id=6)
            self.assertEqual(len(digests(guard)), standing)
            guard.tell("resume", id=5)
            guard.wait_for("resumed", id=5)
            guard.tell("pace", rest=0.05)
            guard.wait_for("beat", batches=standing + 2)
            guard.tell("pause", id=8, snapshot=False)
            guard.wait_for("pausing", id=8)
            guard.tell("interrupt", id=9, signal="SIGINT", snapshot=True, withinSeconds=None)
            status, output = guard.end()
            self.assertEqual(status, 0, output)
            self.assertEqual(pair_of(self.emergency(guard)), digests(guard)[-1])
            self.assertEqual([m["where"] for m in guard.said("interrupting")], ["boundary"])

    def test_a_guard_that_dies_ends_a_pause(self):
        with Guard() as guard:
            guard.start(PAGE, env={"PAGE_LIKE": json.dumps(dict(SHORT, STEP_SECONDS=0.05))})
            guard.wait_for("beat", phase="train", batches=2)
            guard.tell("pause", id=5, snapshot=False)
            guard.wait_for("pausing")
            guard.hang_up()
            self.assertEqual(guard.end()[0], 0)


class WithoutABoundary(unittest.TestCase):
    SCRIPT = (
        "import signal, sys, threading, time\nimport torch\n"
        "w = torch.nn.Linear(2, 2); o = torch.optim.SGD(w.parameters(), lr=.1)\n"
        "for _ in range(3): w(torch.ones(1, 2)).sum().backward(); o.step()\n"
        "class Slow:\n  first = True\n  def __reduce__(self):\n    if Slow.first: Slow.first = False; print('saving', flush=True); sys.stdin.readline()\n    return (int, (5,))\n"
    )

    def test_a_sleep_is_interrupted_in_the_main_thread(self):
        with Guard() as guard:
            guard.start("-c", self.SCRIPT + "print('sleeps', flush=True)\ntry: time.sleep(1000)\nexcept KeyboardInterrupt: print('woken')\n")
            guard.wait_for("trains")
            self.assertEqual(guard.child.stdout.readline(), b"sleeps\n")
            guard.tell("interrupt", id=1, signal="SIGINT", snapshot=True, withinSeconds=0.2)
            self.assertEqual(guard.end(), (0, "woken\n"))
            self.assertEqual([m["where"] for m in guard.said("interrupting")], ["main-thread"])
            self.assertEqual(len(guard.said("no-snapshot", id=1)), 1)

    def test_never_in_a_save_also_not_of_another_thread(self):
        for call in ("save()", "t = threading.Thread(target=save); t.start(); t.join()"):
            with Guard() as guard:
                code = "def save(): torch.save({'w': w.state_dict(), 's': Slow()}, 'x.pth')\ntry:\n  %s\n  time.sleep(1000)\nexcept KeyboardInterrupt: print('after')\n" % call
                guard.start("-c", self.SCRIPT + code, stdin=-1)
                guard.wait_for("save-started")
                self.assertEqual(guard.child.stdout.readline(), b"saving\n")
                guard.tell("interrupt", id=1, signal="SIGINT", snapshot=False, withinSeconds=0)
                guard.tell("stacks", id=2)
                guard.wait_for("stacks", id=2)  # the interrupt has been read before
                threading.Event().wait(0.2)
                self.assertEqual(guard.said("interrupting"), [])
                guard.child.stdin.write(b"\n")
                guard.child.stdin.flush()
                self.assertEqual(guard.end(), (0, "after\n"))
                kinds = [m["t"] for m in guard.messages if m["t"] in ("saved", "interrupting")]
                self.assertEqual(kinds, ["saved", "interrupting"])

    def test_a_script_without_a_loader_is_interrupted_between_two_cycles(self):
        code = (
            "a, b = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)\noa, ob = torch.optim.SGD(a.parameters(), lr=.1), torch.optim.SGD(b.parameters(), lr=.1)\n"
            "n = 0\ntry:\n  while True:\n    for net, opt in ((a, oa), (b, ob)):\n      net(torch.ones(1, 2)).sum().backward(); n += 1; time.sleep(.02); opt.step()\n"
            "except KeyboardInterrupt: print(n % 2, n > 4)\n"
        )
        with Guard() as guard:
            guard.start("-c", "import time\nimport torch\n" + code)
            guard.wait_for("beat", phase="train", batches=4)
            guard.tell("interrupt", id=1, signal="SIGINT", snapshot=True, withinSeconds=None)
            self.assertEqual(guard.end(), (0, "0 True\n"))
            self.assertEqual([m["where"] for m in guard.said("interrupting")], ["step"])
            self.assertEqual(len(guard.said("snapshot")[0]["files"]), 2)

    def test_a_child_that_trains_speaks_for_itself(self):
        code = (
            "import multiprocessing as m\nimport torch\n"
            "def work():\n  w = torch.nn.Linear(2, 2); o = torch.optim.SGD(w.parameters(), lr=.1)\n  w(torch.ones(1, 2)).sum().backward(); o.step()\n"
            "if __name__ == '__main__':\n  for start in %r:\n    p = m.get_context(start).Process(target=work); p.start(); p.join(); print(p.exitcode)\n"
        )
        starts = ["fork", "spawn"] if hasattr(os, "fork") else ["spawn"]
        with Guard() as guard:
            guard.write("x.py", code % (starts,))
            self.assertEqual(guard.run("x.py"), (0, "0\n" * len(starts)))
            self.assertEqual([m["spawned"] for m in guard.said("hello")], [False] + [True] * len(starts))
            self.assertEqual(len(guard.said("trains")), len(starts))


if __name__ == "__main__":
    unittest.main()
