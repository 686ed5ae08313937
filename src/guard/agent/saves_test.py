"""Saves are whole: what torch.save leaves with the agent in it, in good times and when disk, folder or user are against it."""
import errno
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guard_for_tests import Guard  # noqa: E402

HEAD = """
import os, sys, signal, threading, time, pathlib, io
import torch
def numbers(fill, count=1000): return {"state_dict": {"w": torch.full((count,), float(fill))}, "epoch": fill}
def load(path): return torch.load(path, weights_only=False)
"""


def python(code, agent=True, **options):
    """Runs the code after HEAD in a folder of its own; the guard, the status and the output."""
    guard = Guard(agent=agent)
    status, output = guard.run("-c", HEAD + code, **options)
    return guard, status, output


def leftovers(guard):
    return [name for _, folders, _ in os.walk(guard.folder) for name in folders if name.startswith(".guardapesos-")]


class WholeSaves(unittest.TestCase):
    def both(self, code, **options):
        """Runs without and with the agent; answers (output, {file: bytes}, {file: mode}) of each, which should be equal."""
        results = []
        for agent in (False, True):
            guard, status, output = python(code, agent, **options)
            with guard:
                files = {}
                for folder, folders, names in os.walk(guard.folder):
                    folders[:] = [f for f in folders if f != "agent-folder"]
                    for name in names:
                        path = os.path.join(folder, name)
                        at = os.lstat(path)
                        what = os.readlink(path) if stat.S_ISLNK(at.st_mode) else ""
                        if stat.S_ISREG(at.st_mode):
                            with open(path, "rb") as file:
                                what = file.read()
                        files[os.path.relpath(path, guard.folder)] = (stat.S_IFMT(at.st_mode), stat.S_IMODE(at.st_mode), what)
                self.assertEqual(leftovers(guard), [])
                results.append((status, output.replace(guard.folder, "FOLDER"), files))
                messages = guard.messages
        self.assertEqual(results[0], results[1])
        return results[1], messages

    def test_the_bytes_are_those_of_the_unguarded_save(self):
        (_, _, files), messages = self.both(
            "torch.save(numbers(1), 'plain.pth'); torch.save(obj=numbers(2), f=pathlib.Path('of_path.pt'))\n"
            "torch.save([3, 'no tensor'], 'old.pth', _use_new_zipfile_serialization=False)\n"
            "os.mkdir('sub'); torch.save(numbers(4), './sub/../sub/x.tar.gz'); torch.save(numbers(4), os.path.abspath('none'))\n"
            "os.chdir('sub'); torch.save(numbers(5), 'in_sub.pth'); torch.save(numbers(6), '../up.pth', pickle_protocol=4)\n"
            "with open('by_object.pth', 'wb') as f: torch.save(numbers(7), f)\n"
            "b = io.BytesIO(); torch.save(numbers(8), b); print(len(b.getvalue()))\n"
        )
        self.assertEqual(len(files), 8)
        saved = [m for m in messages if m["t"] == "saved"]
        self.assertEqual([m["format"] for m in saved], ["torch"] * 7 + ["object"])
        self.assertEqual([m["atomic"] for m in saved], [True] * 7 + [False])
        self.assertEqual([os.path.isabs(m["path"]) for m in saved], [True] * 8)
        self.assertEqual(saved[0]["bytes"], len(files["plain.pth"][2]))

    def test_names_beyond_ascii(self):
        # Python's names for pickling, too.
        self.both("import pickle; print(pickle.loads(pickle.dumps(torch.save)) is torch.save, torch.save.__module__, torch.save.__name__)\n" "torch.save(numbers(1), 'pesos_año.pth'); os.mkdir('ñ'); torch.save(numbers(2), 'ñ/x.pth'); os.chdir('ñ'); torch.save(numbers(2), 'y.pth')")

    def test_permissions_are_what_torch_would_give(self):
        (_, _, files), _ = self.both(
            "os.umask(0o027); torch.save(numbers(1), 'new.pth')\n"
            "torch.save(numbers(1), 'had.pth'); os.chmod('had.pth', 0o604); torch.save(numbers(2), 'had.pth')\n"
        )
        self.assertEqual((files["new.pth"][1], files["had.pth"][1]), (0o640, 0o604))

    def test_links_are_written_through(self):
        (_, _, files), _ = self.both(
            "os.mkdir('real'); torch.save(numbers(1), 'real/a.pth'); os.symlink('real/a.pth', 'link.pth'); os.symlink('link.pth', 'twice.pth')\n"
            "torch.save(numbers(2), 'twice.pth'); os.symlink('real/later.pth', 'dangling.pth'); torch.save(numbers(3), 'dangling.pth')\n"
            "os.symlink('real', 'linked_folder'); torch.save(numbers(4), 'linked_folder/b.pth')\n"
        )
        self.assertTrue(stat.S_ISLNK(files["twice.pth"][0]) and stat.S_ISLNK(files["link.pth"][0]))

    def test_fails_as_torch_fails(self):
        (_, output, _), _ = self.both(
            "os.symlink('circle', 'circle'); os.mkdir('gone')\n"
            "def attempt(target):\n"
            "  try: torch.save(numbers(1), target); print('saved')\n"
            "  except Exception as error: print(type(error).__name__)\n"
            "for target in ('no/such/folder.pth', '.', '', '.hidden', b'bytes.pth', 'x' * 300, 'circle', 'nul\\0.pth'): attempt(target)\n"
            "os.chdir('gone'); os.rmdir('../gone'); attempt('x.pth')\n"
        )
        self.assertEqual(len(output.splitlines()), 9, output)

    def test_an_object_that_cannot_be_pickled_leaves_the_old_file(self):
        code = "torch.save(numbers(1), 'x.pth')\ntry: torch.save({'a': torch.ones(3), 'f': lambda: 1}, 'x.pth')\nexcept Exception as e: print(type(e).__name__)\nprint(load('x.pth')['epoch'])"
        guard, status, output = python(code)
        with guard:
            self.assertRegex(output, r"^(PicklingError|AttributeError)\n1\n")
            self.assertEqual(leftovers(guard), [])
            self.assertEqual((len(guard.said("saved")), len(guard.said("save-failed"))), (1, 1))

    @unittest.skipUnless(hasattr(os, "mkfifo"), "no FIFOs here")
    def test_a_fifo_and_a_device_are_left_alone(self):
        code = (
            "os.mkfifo('f'); got = []\nt = threading.Thread(target=lambda: got.append(len(open('f','rb').read()))); t.start()\n"
            "torch.save(numbers(1), 'f', _use_new_zipfile_serialization=False); t.join(); print(got, os.path.exists('f'))\n"
            "torch.save(numbers(1), '/dev/null'); print(os.stat('/dev/null').st_rdev > 0)\n"
        )
        (_, output, _), messages = self.both(code)
        self.assertEqual([m["atomic"] for m in messages if m["t"] == "saved"], [False, False])

    def test_saves_of_several_threads_and_a_save_in_a_save(self):
        code = (
            "class Nested:\n  def __reduce__(self):\n    torch.save(numbers(5), 'inner.pth'); return (int, (5,))\n"
            "def work(n):\n  for i in range(20): torch.save(numbers(i), 'same.pth'); torch.save(numbers(i), '%d.pth' % n)\n"
            "threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]\n[t.start() for t in threads]\n[t.join() for t in threads]\n"
            "torch.save({'n': Nested()}, 'outer.pth')\n"
            "print([load(n)['epoch'] for n in ('same.pth', '0.pth', '3.pth', 'inner.pth')], load('outer.pth'))\n"
        )
        guard, status, output = python(code)
        with guard:
            self.assertEqual((status, output), (0, "[19, 19, 19, 5] {'n': 5}\n"))
            self.assertEqual(leftovers(guard), [])
            self.assertEqual(len({m["save"] for m in guard.said("saved")}), 162)

    @unittest.skipUnless(os.name == "posix" and os.geteuid() == 0, "needs root")
    def test_a_folder_that_cannot_be_written_is_as_with_torch(self):
        # As another user: nothing stops root.
        code = (
            "os.mkdir('ro'); torch.save(numbers(1), 'ro/a.pth'); torch.save(numbers(1), 'ro/mine.pth'); os.chmod('ro/a.pth', 0o666); os.chmod('ro', 0o755); os.chmod('.', 0o755)\n"
            "if os.fork() == 0:\n"
            "  os.setuid(65534)\n"
            "  for name in ('ro/a.pth', 'ro/mine.pth', 'ro/new.pth'):\n"
            "    try: torch.save(numbers(2), name); print(name, 'saved', flush=True)\n"
            "    except Exception as error: print(name, type(error).__name__, flush=True)\n"
            "  os._exit(0)\n"
            "os.wait()\nprint(load('ro/a.pth')['epoch'], load('ro/mine.pth')['epoch'], os.stat('ro/a.pth').st_uid)\n"
        )
        (_, output, _), _ = self.both(code)
        self.assertIn("2 1 0", output)

    def test_a_full_disk_leaves_the_old_file(self):
        # A limit on a file's size fails a write as a full disk does, and needs no mount.
        code = (
            "import resource\ntorch.save(numbers(1), 'x.pth')\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (100000, resource.RLIM_INFINITY))\n"
            "for target in ('x.pth', 'new.pth'):\n"
            "  try: torch.save(numbers(2, 1000000), target); print('saved')\n"
            "  except Exception as e: print(type(e).__name__)\n"
        )
        outputs = []
        for agent in (False, True):
            guard, status, output = python(code, agent)
            with guard:
                outputs.append((status, re.findall("^[A-Za-z]+", output, re.M)[:2]))
                if agent:
                    check = guard.run("-c", HEAD + "print(load('x.pth')['epoch'], os.listdir('.'))")[1]
                    self.assertRegex(check, r"^1 ")
                    self.assertNotIn("new.pth", check)
                    # PyTorch 1.13 ends the process by itself then (SIGABRT), guarded or not.
                    self.assertEqual(len(guard.said("save-failed")), 2 if status == 0 else 1)
                    if status == 0:
                        self.assertEqual(leftovers(guard), [])
        self.assertEqual(outputs[0], outputs[1])

    def test_what_a_kill_leaves_is_the_old_file_and_a_folder_known_by_its_name(self):
        code = (
            "torch.save(numbers(1), 'x.pth')\n"
            "class Dies:\n  def __reduce__(self): os.kill(os.getpid(), signal.SIGKILL)\n"
            "torch.save({'w': torch.ones(100000), 'd': Dies()}, 'x.pth')\n"
        )
        guard, status, _ = python(code)
        with guard:
            self.assertEqual(status, -signal.SIGKILL)
            self.assertEqual(leftovers(guard), [".guardapesos-%d-2" % guard.child.pid])
            self.assertEqual(guard.run("-c", HEAD + "print(load('x.pth')['epoch'])")[1], "1\n")


class Safetensors(unittest.TestCase):
    # One that writes as the library does (a temporary name, mode 0600, rename): the agent sees a function of a module.
    STAND_IN = (
        "import os, tempfile\n"
        "def save_file(tensors, filename, metadata=None):\n"
        "  fd, name = tempfile.mkstemp(dir=os.path.dirname(filename) or '.')\n"
        "  os.write(fd, repr((sorted(tensors), metadata)).encode()); os.close(fd); os.rename(name, filename)\n"
    )

    def test_they_are_whole_with_the_mode_that_the_library_gives(self):
        results = []
        for agent in (False, True):
            with Guard(agent=agent) as guard:
                os.mkdir(guard.path("safetensors"))
                guard.write("safetensors/__init__.py", "")
                guard.write("safetensors/numpy.py", self.STAND_IN)
                code = (
                    "import os, pathlib\nfrom safetensors.numpy import save_file\n"
                    "save_file({'a': 1}, 'x.safetensors'); os.chmod('x.safetensors', 0o644); save_file({'b': 1}, filename=pathlib.Path('x.safetensors'), metadata={'e': '1'})\n"
                    "try: save_file({'a': 1}, 'no/such.safetensors')\nexcept OSError as e: print(type(e).__name__)\n"
                    "print(oct(os.stat('x.safetensors').st_mode), open('x.safetensors').read(), sorted(os.listdir('.')))\n"
                )
                guard.write("x.py", code)
                results.append(guard.run("x.py"))
                if agent:
                    self.assertEqual([m["atomic"] for m in guard.said("saved", format="safetensors")], [True, True])
        self.assertEqual(results[0], results[1])
        self.assertEqual(results[1][0], 0, results[1][1])


class HeldBack(unittest.TestCase):
    SLOW = (
        "class Slow:\n  def __reduce__(self):\n    print('in', flush=True); sys.stdin.readline(); return (int, (5,))\n"
        "log = []\n"
    )

    def interrupted(self, setup, signals, ask="torch.save({'w': torch.ones(9), 's': Slow()}, 'x.pth')"):
        with Guard() as guard:
            code = HEAD + self.SLOW + setup + "\ntry:\n  %s\n  print('after')\nexcept BaseException as e: print('raised', type(e).__name__)\n" % ask
            code += "print(log, load('x.pth'))\nprint([signal.getsignal(s).__class__.__name__ for s in (2, 15, 1)])\n"
            child = guard.start("-c", code, stdin=-1)
            self.assertEqual(child.stdout.readline(), b"in\n")
            for signum in signals:
                child.send_signal(signum)
            child.stdin.write(b"\n")
            child.stdin.flush()
            status, output = guard.end()
            self.assertEqual(leftovers(guard), [])
            return status, output, guard.said("saved"), os.path.exists(guard.path("x.pth"))

    def test_ctrl_c_waits_until_the_save_is_done(self):
        status, output, saved, _ = self.interrupted("", [signal.SIGINT] * 3)
        self.assertIn("raised KeyboardInterrupt\n[] {'w': tensor([1., 1.,", output)
        self.assertEqual((status, len(saved)), (0, 1))
        self.assertIn("['builtin_function_or_method', 'Handlers', 'Handlers']", output)

    def test_a_default_sigterm_still_ends_the_process_but_after_the_save(self):
        status, output, saved, exists = self.interrupted("", [signal.SIGTERM])
        self.assertEqual((status, len(saved), exists), (-signal.SIGTERM, 1, True))

    def test_each_handler_runs_once_in_the_order_of_arrival_and_is_back(self):
        setup = "for s in (2, 15, 1, 10): signal.signal(s, lambda n, f: log.append(n))"
        status, output, saved, _ = self.interrupted(setup, [signal.SIGTERM, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
        self.assertIn("after\n", output)
        self.assertIn("['function', 'function', 'function']", output)
        order = json.loads(output[output.index("[") : output.index("]") + 1])
        # The system hands over signals that wait together by number.
        self.assertEqual(sorted(order), [1, 2, 15])

    def test_the_script_s_exit_in_its_handler_passes_as_it_came(self):
        setup = "def h(n, f): torch.save({'w': torch.zeros(1)}, 'emergency.pth'); sys.exit(7)\nsignal.signal(2, h)"
        status, output, saved, _ = self.interrupted(setup, [2])
        self.assertIn("raised SystemExit", output)
        self.assertEqual([os.path.basename(m["path"]) for m in saved], ["x.pth", "emergency.pth"])

    def test_ignored_signals_stay_ignored(self):
        status, output, _, _ = self.interrupted("signal.signal(2, signal.SIG_IGN)", [2])
        self.assertIn("after\n", output)

    def test_two_raising_handlers_both_run_and_both_are_back(self):
        setup = "def h(n, f): log.append(n); raise RuntimeError(n)\nfor s in (2, 15, 1): signal.signal(s, h)"
        status, output, _, _ = self.interrupted(setup, [2, 15, 1])
        self.assertIn("raised RuntimeError", output)
        self.assertIn("['function', 'function', 'function']", output)
        self.assertEqual(sorted(json.loads(output[output.index("[") : output.index("]") + 1])), [1, 2, 15])


if __name__ == "__main__":
    unittest.main()
