"""How the agent gets in and out of the way. Runs on every Python from 3.8; torch is not needed."""
import multiprocessing
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guard_for_tests import HERE, TOKEN, Guard  # noqa: E402


class GettingIn(unittest.TestCase):
    def test_says_hello_and_leaves_no_trace_in_the_path(self):
        with Guard() as guard:
            script = guard.write("x.py", "import sys, os\nprint(sys.path, 'PYTHONPATH' in os.environ, __name__, sys.argv)\n")
            status, output = guard.run("-W", "error", "x.py", "--a")
            self.assertEqual(status, 0, output)
            self.assertNotIn(HERE, output)
            self.assertIn("True __main__ ['x.py', '--a']", output)
            self.assertEqual(len(output.splitlines()), 1, output)
            hello = guard.said("hello")[0]
            self.assertEqual((hello["token"], hello["pid"], hello["platform"]), (TOKEN, guard.child.pid, sys.platform))
            self.assertEqual((os.path.realpath(hello["main"]), hello["module"]), (os.path.realpath(script), None))
            self.assertEqual((hello["rank"], hello["world"], hello["restart"], hello["spawned"]), (None, None, 0, False))
            self.assertEqual(len(guard.said("exit")), 1)

    def test_names_the_module_of_m_and_the_ranks(self):
        with Guard() as guard:
            guard.write("some_module.py", "print('runs')\n")
            ranks = dict(RANK="1", WORLD_SIZE="2", TORCHELASTIC_RESTART_COUNT="3")
            status, output = guard.run("-um", "some_module", "--x", env=ranks)
            self.assertEqual((status, output), (0, "runs\n"))
            hello = guard.said("hello")[0]
            self.assertEqual((hello["main"], hello["module"]), (None, "some_module"))
            self.assertEqual((hello["rank"], hello["world"], hello["restart"]), (1, 2, 3))

    def test_runs_the_users_own_sitecustomize(self):
        with Guard() as guard:
            guard.write("sitecustomize.py", "import builtins\nbuiltins.users_own = __file__\n")
            path = os.pathsep.join([HERE, guard.folder])
            status, output = guard.run("-c", "import sitecustomize\nprint(users_own == sitecustomize.__file__)", env=dict(PYTHONPATH=path))
            self.assertEqual((status, output), (0, "True\n"))

    def test_a_broken_sitecustomize_is_as_broken_as_without_the_agent(self):
        outputs = []
        for agent in (False, True):
            with Guard(agent=agent) as guard:
                guard.write("sitecustomize.py", "import a_module_that_is_not_there\n")
                path = os.pathsep.join([HERE, guard.folder]) if agent else guard.folder
                outputs.append(guard.run("-c", "print('goes on')", env=dict(PYTHONPATH=path)))
        self.assertEqual(outputs[0], outputs[1])
        self.assertIn("goes on", outputs[1][1])

    def test_without_a_sitecustomize_there_is_none(self):
        outputs = []
        for agent in (False, True):
            with Guard(agent=agent) as guard:
                outputs.append(guard.run("-c", "import sys\nprint('sitecustomize' in sys.modules, len(sys.path))"))
        self.assertEqual(outputs[0], outputs[1])

    def test_does_nothing_where_nobody_listens(self):
        with Guard() as guard:
            guard.hang_up()
            self.assertEqual(guard.run("-c", "print('runs')"), (0, "runs\n"))

    def test_goes_on_when_the_guard_dies(self):
        with Guard() as guard:
            guard.start("-c", "import sys\nprint('up', flush=True)\nsys.stdin.readline()\nprint('ends')", stdin=-1)
            guard.wait_for("hello")
            guard.hang_up()
            guard.child.stdin.write(b"\n")
            guard.child.stdin.flush()
            self.assertEqual(guard.end(), (0, "up\nends\n"))

    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_a_forked_child_does_not_speak_for_its_parent(self):
        with Guard() as guard:
            code = "import os\nif os.fork() == 0:\n  print('child')\n  raise SystemExit\nos.wait()\nprint('parent')"
            self.assertEqual(guard.run("-c", code), (0, "child\nparent\n"))
            self.assertEqual((len(guard.said("hello")), len(guard.said("exit"))), (1, 1))

    def test_a_child_of_multiprocessing_waits_until_it_trains(self):
        with Guard() as guard:
            guard.write(
                "x.py",
                "import multiprocessing as m, sys\n"
                "def work(q): q.put('guardapesos_agent' in sys.modules)\n"
                "if __name__ == '__main__':\n"
                "  for start in m.get_all_start_methods():\n"
                "    c = m.get_context(start); q = c.Queue(); p = c.Process(target=work, args=(q,)); p.start()\n"
                "    print(q.get(), flush=True); p.join()\n",
            )
            starts = len(multiprocessing.get_all_start_methods())
            self.assertEqual(guard.run("x.py"), (0, "True\n" * starts))
            self.assertEqual(len(guard.said("hello")), 1)


class Screen(unittest.TestCase):
    PRINTS = "import sys, time\nfor i in range(300):\n  print('x' * 100, flush=True); print('y', file=sys.stderr); time.sleep(.003)\nopen('ended', 'w').close()\n"

    def ended(self, guard):
        self.assertEqual(guard.child.wait(60), 0)
        self.assertTrue(os.path.exists(guard.path("ended")))
        guard.wait_for("exit")
        self.assertEqual({m["what"] for m in guard.said("notice")}, {"screen-gone"})

    def test_a_reader_that_ends_ends_nobody(self):
        with Guard() as guard:
            child = guard.start("-c", self.PRINTS)
            child.stdout.readline()
            child.stdout.close()
            self.ended(guard)

    @unittest.skipUnless(hasattr(os, "openpty"), "no terminals here")
    def test_a_terminal_that_closes_ends_nobody(self):
        with Guard() as guard:
            master, slave = os.openpty()
            guard.start("-u", "-c", self.PRINTS, stdout=slave, stderr=slave, start_new_session=True)
            os.close(slave)
            os.read(master, 100)
            os.close(master)
            self.ended(guard)

    def test_what_the_screen_cannot_show_is_an_escape_and_the_encoding_stays(self):
        with Guard() as guard:
            code = "import sys\nprint('\U0001f6d1 ñ', sys.stdout.encoding, sys.stdout.errors, sys.stderr.errors, sys.stdout.isatty(), sys.stdout.name, sys.stdout.mode)"
            status, output = guard.run("-c", code, env=dict(PYTHONIOENCODING="ascii:strict"))
            self.assertEqual((status, output), (0, "\\U0001f6d1 \\xf1 ascii backslashreplace backslashreplace False <stdout> w\n"))

    def test_the_streams_are_as_always(self):
        code = "import sys\nfor s in (sys.stdout, sys.stderr): print(type(s).__name__, type(s.buffer).__name__, s.encoding, s.line_buffering, s.write_through, s.fileno(), s.name, s.mode, s is getattr(sys, '__' + s.name.strip('<>') + '__'))"
        for options in ([], ["-u"]):
            outputs = []
            for agent in (False, True):
                with Guard(agent=agent) as guard:
                    outputs.append(guard.run(*(options + ["-c", code])))
            # Unbuffered, the raw file stands directly below: there ours has another name.
            self.assertEqual(outputs[0], (outputs[1][0], outputs[1][1].replace("ScreenFile", "FileIO")))


if __name__ == "__main__":
    unittest.main()
