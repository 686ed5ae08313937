"""--set: what becomes of a script's constants, and that everything else is as Python would have it."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import guardapesos_agent as agent  # noqa: E402


def setting(name, value, module=None, text=False):
    return agent.Setting(module, name, value, text)


def globals_of(source, *settings):
    code, changes, missing, known, imported = agent.rewrite(textwrap.dedent(source), "x.py", list(settings))
    namespace = {"__name__": "__main__"}
    exec(code, namespace)
    return namespace, changes, [m.name for m in missing]


class Values(unittest.TestCase):
    def value(self, source, value, name="X", text=False):
        namespace, changes, missing = globals_of(source, setting(name, value, text=text))
        self.assertEqual(missing, [])
        return namespace[name], changes

    def check(self, source, value, expected, kind):
        found, changes = self.value(source, value)
        self.assertEqual((found, type(found), changes[-1]["as"]), (expected, type(expected), kind))

    def test_expressions(self):
        self.check("X = 1", "1e-4", 1e-4, "expression")
        self.check("X = 1", " [8, 8,6] ", [8, 8, 6], "expression")
        self.check("X = 1", "1, 2", (1, 2), "expression")
        self.check("X = 1", "None", None, "expression")
        self.check("X = 1", "'a' \"b\"", "ab", "expression")
        self.check("X = 1", "[n * 2 for n in range(3)]", [0, 2, 4], "expression")
        self.check("X = 1", "(lambda a, *b: a + sum(b))(1, 2)", 3, "expression")
        self.check("X = 1", "(y := 2) + y", 4, "expression")
        self.check("X = 1", "len(str(max(1, 10)))", 2, "expression")
        self.check("X = 1", "f'{1 + 1}'", "2", "expression")

    def test_texts(self):
        for text in ["DRUSEN", "C:\\x", "data/oct", "", "a b", "x.pth", "2026-01-30", "1 +", "é", "'open", "yield 1", "*a"]:
            self.check("X = 1", text, text, "string")
        self.check("X = 1", "(yield)", "(yield)", "string")
        self.check("X = 1", "await x", "await x", "string")
        found, changes = self.value("X = 1", "1e-4", text=True)
        self.assertEqual((found, changes[0]["value"], changes[0]["as"]), ("1e-4", "'1e-4'", "string"))

    def test_a_name_counts_once_it_is_bound_above(self):
        self.check("Y = 5\nX = 1", "Y * 2", 10, "expression")
        self.check("X = 1\nY = 5", "Y * 2", "Y * 2", "string")
        self.check("import os.path\nX = 1", "os.sep", os.sep, "expression")
        self.check("from os import sep as s\nX = 1", "s", os.sep, "expression")
        self.check("for i in range(3): pass\nX = 1", "i", 2, "expression")
        self.check("def f(): return 4\nX = 1", "f()", 4, "expression")
        self.check("class C: a = 3\nX = 1", "C.a", 3, "expression")
        self.check("(a, (b, *c)) = 1, (2, 3)\nX = 1", "[a, b, c]", [1, 2, [3]], "expression")
        self.check("if (w := 3): pass\nX = 1", "w", 3, "expression")
        self.check("import io\nwith io.StringIO() as g: pass\nX = 1", "g.closed", True, "expression")
        self.check("[inner for inner in range(3)]\nX = 1", "inner", "inner", "string")
        self.check("def f(local): here = 1\nX = 1", "here", "here", "string")
        self.check("X = 1", "__name__ + ''", "__main__", "expression")

    def test_doubt_is_told(self):
        doubts = lambda source, value: globals_of(source, setting("X", value))[1][0].get("doubt", False)
        for old, value in [
            ("'2026-01-30'", "2026-11-30"),
            ("1", "2026-11-30"),
            ("1", "1/2/2026"),
            ("'mean'", "max"),
            ("str(3)", "oct/hex"),
            ("f'{1}'", "3"),
            ("'16'", "32"),
        ]:
            # What computes with builtins is a mistake that only running it would show: the value is not run here.
            changes = agent.rewrite("X = " + old, "x.py", [setting("X", value)])[1]
            self.assertTrue(changes[0].get("doubt"), (old, value))
        for value in ["1e-4", "-1", "[1, 2]", "'a'", "data/oct", "DRUSEN", "str(1)", "64 * 2", "None", "X / 10", "1/2"]:
            self.assertFalse(doubts("X = 1", value), value)
        for value in ["'b'", "X + 'b'", "None", "True", "str(3)", "f'{2}'"]:
            self.assertFalse(doubts("X = 'a'", value), value)


class Places(unittest.TestCase):
    def check(self, source, expected, value="7", name="X", count=1):
        namespace, changes, missing = globals_of(source, setting(name, value))
        self.assertEqual(missing, [])
        self.assertEqual(namespace[name], expected)
        self.assertEqual(len(changes), count)
        return namespace

    def test_every_kind_of_assignment(self):
        self.check("X = boom()", 7)
        self.check("X: int = boom()", 7)
        self.check("X = 1\nX += boom()", 7, count=2)
        self.assertEqual(self.check("X = Y = 3", 7)["Y"], 3)
        self.assertEqual(self.check("Y = X = 3", 7)["Y"], 3)
        self.assertEqual(self.check("X, Y = (1).real, 3", 7)["Y"], 3)
        self.assertEqual(self.check("[Y, X] = [3, boom()]", 7)["Y"], 3)
        self.assertEqual(self.check("Y, X = divmod(7, 2)", 7)["Y"], 3)
        self.assertEqual(self.check("Y, (X, Z) = 1, (2, 3)", 7)["Z"], 3)
        self.assertEqual(self.check("Y, *X = 1, 2, 3", 7)["Y"], 1)
        self.check("if (X := boom()) > 5: pass", 7)
        self.check("Y = [X := boom() for _ in range(2)]", 7)
        self.check("for X in range(3): Y = X", 7)
        self.check("import io\nwith io.StringIO() as X: pass", 7)

    def test_every_block(self):
        self.check("X = 1\nif __name__ == '__main__':\n    X = boom()", 7, count=2)
        self.check("try:\n    X = boom()\nexcept ValueError:\n    X = boom()", 7, count=2)
        self.check("try:\n    Y = boom()\nexcept NameError as error:\n    X = boom()", 7)
        self.check("try:\n    pass\nfinally:\n    X = boom()", 7)
        self.check("import io\nwith io.StringIO():\n    X = boom()", 7)
        self.check("for i in range(2):\n    X = boom()\nelse:\n    X = boom()", 7, count=2)
        self.check("while True:\n    X = boom()\n    break", 7)
        self.check("if False:\n    pass\nelif True:\n    X = boom()", 7)
        if sys.version_info >= (3, 10):
            self.check("match 3:\n    case Y if (X := boom()):\n        X = boom()", 7, count=2)
            self.check("match 3:\n    case Y:\n        X = boom()", 3, value="Y")
        if sys.version_info >= (3, 11):
            self.check("try:\n    1/0\nexcept* ZeroDivisionError:\n    X = boom()", 7)

    def test_the_old_value_is_there_for_who_names_it(self):
        self.check("X = 3", 6, "X * 2")
        self.check("X: int = 3", 6, "X * 2")
        self.check("X = 3\nX += 1", 14, "X * 2", count=2)
        self.check("from pathlib import Path\nX = Path('a')", os.path.join("a", "b"), "str(X / 'b')")
        self.check("X, Y = 3, 4", 6, "X * 2")
        self.check("Y = X = 3", 6, "X * 2")
        self.check("if (X := 3) > 5: Y = 1", 6, "X * 2")
        self.check("calls = []\nX = calls.append(1) or 3", 7, "X + X + len(calls)")
        self.check("calls = []\nX = calls.append(1) or 3", 0, "len(calls)")

    def test_not_an_assignment_of_the_module(self):
        for source in [
            "def f():\n    X = 1",
            "class C:\n    X = 1",
            "def f():\n    global X\n    X = 1",
            "from os import sep as X",
            "def X(): pass",
            "X: int",
            "Y = [X for X in range(3)]",
            "Y = lambda X: X",
            "a = {}\na['X'] = 1",
            "",
        ]:
            code, changes, missing, known, imported = agent.rewrite(source, "x.py", [setting("X", "7")])
            self.assertEqual(([m.name for m in missing], changes, "X" in known), (["X"], [], False), source)
        self.assertEqual(agent.rewrite("from config import LR", "x.py", [setting("LR", "7")])[4], {"LR": "config.LR"})

    def test_several_at_once(self):
        namespace, changes, missing = globals_of(
            "A = 1\nB, C = 2, 3\n", setting("A", "10"), setting("B", "A + 1"), setting("C", "A + B"), setting("D", "1")
        )
        self.assertEqual((namespace["A"], namespace["B"], missing), (10, 11, ["D"]))
        self.assertEqual(namespace["C"], "A + B")  # B is bound by the same line, not above it

    def test_lines_stay(self):
        source = "X = (\n    1 +\n    2)\nY = X; Z = [X := 2,\n 1]\ndef f():\n    raise ValueError\n"
        code = agent.rewrite(source, "x.py", [setting("X", "1/0")], "import sys")[0]
        try:
            exec(code, {})
        except ZeroDivisionError as error:
            self.assertEqual(error.__traceback__.tb_next.tb_lineno, 2)
        first = {c.co_name: c.co_firstlineno for c in code.co_consts if hasattr(c, "co_name")}
        self.assertEqual(first["f"], 6)

    def test_the_source_as_python_reads_it(self):
        cases = [b"\xef\xbb\xbfX = '\xc3\xa9'\n", b"# coding: latin-1\nX = 1\nY = '\xe9'\n", b"X = 1\r\nY = 2\r\n"]
        for source in cases:
            namespace = {}
            exec(agent.rewrite(source, "x.py", [setting("X", "7")])[0], namespace)
            self.assertEqual(namespace["X"], 7)
        namespace = {}
        source = '"""Doc."""\nfrom __future__ import annotations\nX: undefined = 1\n'
        exec(agent.rewrite(source, "x.py", [setting("X", "7")], "mark = 1")[0], namespace)
        self.assertEqual((namespace["__doc__"], namespace["X"], namespace["mark"]), ("Doc.", 7, 1))
        with self.assertRaises(SyntaxError):
            agent.rewrite("X = = 1", "x.py", [setting("X", "7")])


REPORT = '''
import sys, pickle, inspect
class Thing: pass
def function():
    return LR
def report():
    names = {k: type(v).__name__ if k == "__loader__" else v for k, v in globals().items()
             if k.startswith("__") and k not in ("__builtins__", "__annotations__")}
    print(LR, sorted(names.items(), key=str))
    print(sys.argv, sys.path[:1], sys.modules[__name__].__dict__ is globals())
    print(pickle.loads(pickle.dumps(Thing())).__class__, repr(inspect.getsource(function)), function.__code__.co_filename)
'''

WORKER = '''
import multiprocessing as mp, sys
LR = 1e-3
def work(queue):
    import pickle
    queue.put((LR, __name__, __file__, repr(__spec__), repr(__loader__), __package__, sys.path[:2], __doc__))
if __name__ == "__main__":
    context = mp.get_context(sys.argv[1])
    queue = context.Queue()
    process = context.Process(target=work, args=(queue,))
    process.start()
    print(queue.get(timeout=60))
    process.join()
    print(LR, process.exitcode)
'''


class Processes(unittest.TestCase):
    """Real ones: each is run without the agent, and with it and its constant set to what it was anyway."""

    def setUp(self):
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="set "))
        self.addCleanup(shutil.rmtree, self.folder)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("GUARDAPESOS", "PYTHON"))}
        self.environment["PYTHONIOENCODING"] = "utf-8"

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def run_python(self, arguments, settings=None, **environment):
        env = dict(self.environment, **environment)
        if settings is not None:
            env["GUARDAPESOS_AGENT_PORT"] = "9"  # nobody listens there
            env["GUARDAPESOS_AGENT_TOKEN"] = "0" * 32
            env["PYTHONPATH"] = HERE
            entries = [dict(zip(("module", "name", "value"), entry), text=False) for entry in settings]
            env["GUARDAPESOS_AGENT_SET"] = json.dumps({"set": entries})
        result = subprocess.run(
            [sys.executable] + arguments, env=env, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL, timeout=120,
        )
        output = [re.sub(" at 0x[0-9a-f]+", "", text.decode("utf-8")) for text in (result.stdout, result.stderr)]
        return (result.returncode, *output)

    def same(self, arguments):
        plain = self.run_python(arguments)
        self.assertIn("0.001", plain[1], plain)
        self.assertEqual(self.run_python(arguments, [(None, "LR", "1e-3")]), plain)
        changed = self.run_python(arguments, [(None, "LR", "0.25")])
        self.assertEqual(changed, (plain[0], plain[1].replace("0.001", "0.25"), plain[2]))

    def test_a_script_by_any_path(self):
        self.write("dir a/train.py", '"""Doc."""\nLR = 1e-3\n' + REPORT + "report()\n")
        os.symlink(os.path.join("dir a", "train.py"), os.path.join(self.folder, "link.py"))
        os.symlink("dir a", os.path.join(self.folder, "folder"))
        for path in ["dir a/train.py", "./dir a/../dir a/train.py", "link.py", "folder/train.py"]:
            self.same([path, "--x", "1"])
        self.same([os.path.join(self.folder, "dir a", "train.py")])
        self.same(["-O", "-u", "-X", "faulthandler", "link.py"])
        if sys.version_info >= (3, 11):
            self.same(["-P", "link.py"])

    def test_modules_and_folders(self):
        self.write("pkg/__init__.py", "")
        self.write("pkg/train.py", "LR = 1e-3\n" + REPORT + "report()\n")
        self.write("pkg/__main__.py", "LR = 1e-3\n" + REPORT + "report()\n")
        self.same(["-m", "pkg.train", "x"])
        self.same(["-m", "pkg"])
        self.same(["pkg"])

    def test_tracebacks(self):
        self.write("train.py", "LR = 1e-3\n\ndef f():\n    return 1 / 0\nprint(LR)\nf()\n")
        plain = self.run_python(["train.py"])
        self.assertEqual(plain[0], 1)
        self.assertEqual(self.run_python(["train.py"], [(None, "LR", "1e-3")]), plain)
        self.write("train.py", "LR = 1e-3\nraise SystemExit('bye')\n")
        self.assertEqual(self.run_python(["train.py"], [(None, "LR", "1e-3")]), (1, "", "bye\n"))
        self.write("train.py", "LR = 1e-3\nif True\n    pass\n")
        self.assertEqual(self.run_python(["train.py"], [(None, "LR", "1e-3")]), self.run_python(["train.py"]))

    @unittest.skipIf(os.name == "nt", "spawn alone there")
    def test_children(self):
        self.write("sub dir/train.py", WORKER)
        self.write("pkg/__init__.py", "")
        self.write("pkg/train.py", WORKER)
        for way in ["spawn", "forkserver", "fork"]:
            self.same(["sub dir/train.py", way])
        self.same(["-m", "pkg.train", "spawn"])

    def test_runpy_as_launchers_use_it(self):
        self.write("train.py", "LR = 1e-3\n" + REPORT + "report()\n")
        self.same(["-c", "import runpy; runpy.run_path('train.py', run_name='__main__')"])
        self.same(["-c", "import runpy; runpy.run_module('train', run_name='__main__', alter_sys=True)"])

    def test_modules_that_it_imports(self):
        self.write("config.py", "LR = 1e-3\n")
        self.write("pkg/__init__.py", "")
        self.write("pkg/inner.py", "SIZE = 4\n")
        self.write("train.py", "from config import LR\nimport pkg.inner\nprint(LR, pkg.inner.SIZE)\n")
        self.write("pkg/main.py", "from . import inner\nprint(inner.SIZE)\n")
        asked = [("config", "LR", "0.5"), ("pkg.inner", "SIZE", "SIZE * 2")]
        for _ in range(2):  # the second time there is a compiled file
            self.assertEqual(self.run_python(["train.py"], asked), (0, "0.5 8\n", ""))
            self.assertEqual(self.run_python(["train.py"])[1], "0.001 4\n")
        self.assertEqual(self.run_python(["-m", "pkg.main"], [("inner", "SIZE", "5")])[1], "5\n")

    def test_a_name_that_is_not_there(self):
        self.write("config.py", "LR = 1e-3\n")
        self.write("train.py", "import config\nEPOCHS = 3\nprint('ran')\n")
        self.assertEqual(self.run_python(["train.py"], [(None, "EPOCH", "5")]), (64, "", ""))
        self.assertEqual(self.run_python(["train.py"], [("config", "LRR", "5")]), (64, "", ""))
        self.assertEqual(self.run_python(["-m", "train"], [(None, "EPOCH", "5")]), (64, "", ""))
        self.assertEqual(self.run_python(["train.py"], [("elsewhere", "LR", "5")])[:2], (0, "ran\n"))
        self.write("later.py", "import sys\nsys.path.insert(0, 'more')\nEPOCHS = 1\nimport late\nprint('ran')\n")
        self.write("more/late.py", "LR = 1\n")
        self.assertEqual(self.run_python(["later.py"], [("late", "LRR", "5")]), (64, "", ""))
        # A launcher's own main module has no such name, and goes on.
        self.assertEqual(self.run_python(["-m", "this"], [(None, "EPOCH", "5")])[0], 0)

    def test_another_script_that_it_starts(self):
        program = "import subprocess, sys\nLR = 1e-3\nprint(LR, flush=True)\n"
        self.write("other.py", "BATCH = 4\nLR = 5\nprint(LR)\n")
        self.write("config.py", "SIZE = 1\n")
        self.write("train.py", program + "sys.exit(subprocess.call([sys.executable, *sys.argv[1:]]))\n")
        self.write("again.py", "import os\n" + program + "if 'x' not in os.environ: sys.exit(subprocess.call([sys.executable, __file__], env=dict(os.environ, x='')))\n")
        for asked in [[(None, "LR", "2")], [(None, "LR", "2"), ("config", "SIZE", "3")]]:
            self.assertEqual(self.run_python(["train.py", "other.py"], asked), (0, "2\n5\n", ""))
            self.assertEqual(self.run_python(["train.py", "-m", "other"], asked), (0, "2\n5\n", ""))
            self.assertEqual(self.run_python(["train.py", "-c", "import config; print(config.SIZE)"], asked)[0], 0)
        self.assertEqual(self.run_python(["again.py"], [(None, "LR", "2")]), (0, "2\n2\n", ""))

    def test_the_file_is_not_touched(self):
        path = self.write("train.py", "LR = 1e-3\nprint(LR)\n")
        before = os.stat(path)
        self.run_python(["train.py"], [(None, "LR", "2")])
        after = os.stat(path)
        self.assertEqual((before.st_mtime_ns, before.st_size), (after.st_mtime_ns, after.st_size))
        self.assertEqual(sorted(os.listdir(self.folder)), ["train.py"])


if __name__ == "__main__":
    unittest.main()
