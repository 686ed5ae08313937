"""Numbers of progress bars and logs, stacks, and what an exception is. Runs on every Python from 3.8; torch is not needed."""
import os
import sys
import threading
import time
import types
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import guardapesos_agent as agent  # noqa: E402

try:
    import tqdm.std as real_tqdm
except ImportError:
    real_tqdm = None


class Link:
    """Takes the place of the connection."""

    def __init__(self):
        self.messages = []

    def send(self, message):
        self.messages.append(message)

    def flush(self, seconds):
        pass


def fake_tqdm():
    """As much of tqdm.std as the agent looks at, with its own rules of what a disabled bar does."""
    module = types.ModuleType("tqdm.std")

    class tqdm:
        _instances = set()

        def __init__(self, total=None, disable=False, position=0):
            self.n, self.total, self.disable, self.pos = 0, total, disable, -position
            if not disable:
                self._instances.add(self)
                self.postfix = None

        def update(self, n=1):
            if not self.disable:
                self.n += n

        def set_postfix(self, ordered_dict=None, refresh=True, **kwargs):
            shown = dict(ordered_dict or {}, **kwargs)
            self.postfix = ", ".join("%s=%s" % (k, "%.3g" % v if isinstance(v, float) else v) for k, v in shown.items())
            return "what it returns"

        def set_postfix_str(self, s="", refresh=True):
            self.postfix = str(s)

    module.tqdm = tqdm
    return module


class Tensor:
    """Like one: no number of Python, read by float() alone."""

    __module__ = "torch"
    reads = 0

    def __init__(self, value):
        self.value = value

    def __float__(self):
        Tensor.reads += 1
        return self.value

    def __str__(self):
        return "tensor(%.4f, device='cuda:0')" % self.value


class WithLink(unittest.TestCase):
    def setUp(self):
        self.link = agent.AGENT.link = Link()
        self.numbers = agent.Numbers()
        self.now = 100.0

    def tearDown(self):
        agent.AGENT.link = None

    def sent(self):
        self.now += agent.NUMBERS_SECONDS
        self.numbers.tick(self.now)
        messages, self.link.messages[:] = list(self.link.messages), []
        return messages


class Bars(WithLink):
    def one(self):
        (message,) = self.sent()
        return message["values"], message["n"], message["total"]

    def test_a_bar(self):
        module = fake_tqdm()
        self.numbers.on_tqdm(module)
        self.assertEqual(self.sent(), [])
        bar = module.tqdm(total=10)
        self.assertEqual(self.one(), ({}, 0, 10))
        bar.update(3)
        self.assertEqual(bar.set_postfix({"gp": 0.123456}, loss=2, name="x"), "what it returns")
        self.assertEqual(self.one(), ({"gp": 0.123456, "loss": 2.0}, 3, 10))
        self.assertEqual(self.sent(), [], "nothing is new")
        bar.set_postfix(loss=1)
        bar.set_postfix(loss=0.5)
        self.assertEqual(self.one()[0]["loss"], 0.5)
        bar.set_postfix_str("loss=0.25, D=1e-3")
        self.assertEqual(self.one(), ({"loss": 0.25, "D": 0.001}, 3, 10))

    def test_at_most_once_a_second(self):
        module = fake_tqdm()
        self.numbers.on_tqdm(module)
        bar = module.tqdm(total=10)
        self.assertEqual(len(self.sent()), 1)
        bar.update()
        self.assertAlmostEqual(self.numbers.tick(self.now + 0.3), agent.NUMBERS_SECONDS - 0.3)
        self.assertEqual(self.link.messages, [])

    def test_tensors_are_read_as_they_are_shown(self):
        module = fake_tqdm()
        self.numbers.on_tqdm(module)
        bar = module.tqdm(total=10)
        Tensor.reads = 0
        bar.set_postfix(loss=Tensor(0.5))
        self.assertEqual((self.one()[0], Tensor.reads), ({"loss": 0.5}, 0))

    def test_a_disabled_bar_counts_nothing_and_still_tells_its_losses(self):
        module = fake_tqdm()
        self.numbers.on_tqdm(module)
        bar = module.tqdm(total=10, disable=True)
        self.assertEqual(self.sent(), [])
        bar.set_postfix(loss=1)
        self.assertEqual(self.one(), ({"loss": 1.0}, None, 10))

    def test_of_several_bars_the_one_with_the_numbers_else_the_inner_one(self):
        module = fake_tqdm()
        self.numbers.on_tqdm(module)
        outer, inner = module.tqdm(total=3), module.tqdm(total=10, position=1)
        self.assertEqual(self.one()[2], 10)
        outer.set_postfix(loss=1)
        self.assertEqual(self.one()[2], 3)

    def test_a_subclass_and_odd_arguments(self):
        module = fake_tqdm()
        self.numbers.on_tqdm(module)

        class Own(module.tqdm):
            def set_postfix(self, **kwargs):
                return super().set_postfix(dict(kwargs, extra=1))

        bar = Own(total=float("inf"))
        bar.set_postfix(loss=float("nan"))
        (message,) = self.sent()
        self.assertEqual(message["values"]["extra"], 1)
        line = agent.encode(message)
        self.assertIn(b'"loss": null', line)
        with self.assertRaises(TypeError):
            module.tqdm().set_postfix(1, 2, 3, 4)

    def test_what_a_postfix_says(self):
        cases = {
            "": {},
            "loss=0.123": {"loss": 0.123},
            "loss_critic=-1.5e-3, alpha=.5, n=12": {"loss_critic": -0.0015, "alpha": 0.5, "n": 12.0},
            "gp=tensor(0.5000, device='cuda:0', grad_fn=<MeanBackward0>), alpha=1": {"gp": 0.5, "alpha": 1.0},
            "lr=1e-05, file=1.pth, time=12:30, size=3x3, v=1.2.3": {"lr": 1e-05},
            "epoch 3": {},
        }
        for text, numbers in cases.items():
            self.assertEqual(agent.numbers_of_postfix(text), numbers, text)
        self.assertEqual(agent.numbers_of_postfix(None), {})

    @unittest.skipIf(real_tqdm is None, "tqdm is not here")
    def test_the_real_one(self):
        import io

        def run(watched):
            module = types.SimpleNamespace(tqdm=type("tqdm", (real_tqdm.tqdm,), {}))
            module.tqdm.set_postfix = real_tqdm.tqdm.set_postfix
            if watched:
                self.numbers.on_tqdm(module)
            screen = io.StringIO()
            for i in module.tqdm(range(3), file=screen, mininterval=0, bar_format="{n}/{total} {postfix}"):
                bar = next(iter(module.tqdm._instances))
                bar.set_postfix(loss=i / 4)
            return screen.getvalue()

        self.assertEqual(run(True), run(False))
        self.assertEqual(self.one()[0]["loss"], 0.5)


class Logs(WithLink):
    def setUp(self):
        super().setUp()
        self.written = written = []
        self.module = types.ModuleType("torch.utils.tensorboard.writer")

        class SummaryWriter:
            def add_scalar(self, tag, scalar_value, global_step=None, walltime=None):
                written.append((tag, float(scalar_value), global_step))
                return "written"

            def add_scalars(self, main_tag, tag_scalar_dict, global_step=None):
                written.append((main_tag, tag_scalar_dict, global_step))

        self.module.SummaryWriter = SummaryWriter
        self.numbers.on_writer(self.module)

    def test_scalars(self):
        writer = self.module.SummaryWriter()
        self.assertEqual(writer.add_scalar("Loss/critic", 0.5, global_step=7), "written")
        writer.add_scalars("Loss", {"gen": 1}, 8)
        (message,) = self.sent()
        expected = ("tensorboard", {"Loss/critic": 0.5, "Loss/gen": 1.0}, 8, None, None)
        self.assertEqual(tuple(message[k] for k in ("source", "values", "step", "n", "total")), expected)
        self.assertEqual(self.written, [("Loss/critic", 0.5, 7), ("Loss", {"gen": 1}, 8)])
        self.assertEqual(self.sent(), [])

    def test_a_tensor_is_not_read_more_often_than_it_is_sent(self):
        writer = self.module.SummaryWriter()
        Tensor.reads = 0
        for _ in range(100):
            writer.add_scalar("loss", Tensor(0.25), 1)
        self.assertLess(Tensor.reads, 105)  # 100 of them by the writer itself
        self.assertEqual(self.sent()[0]["values"], {"loss": 0.25})

    def test_what_the_writer_refuses_it_still_refuses(self):
        with self.assertRaises(ValueError):
            self.module.SummaryWriter().add_scalar("loss", "no number")
        self.module.SummaryWriter().add_scalars("loss", {"a": object()}, "step?")
        self.assertEqual([m for m in self.sent() if m["t"] == "numbers"], [])


class Stacks(unittest.TestCase):
    def test_all_threads_by_name(self):
        begun, end = threading.Event(), threading.Event()

        def a_function_that_waits():
            begun.set()
            end.wait()

        thread = threading.Thread(target=a_function_that_waits, name="the waiting one")
        thread.start()
        begun.wait()
        told = []
        reader = threading.Thread(target=lambda: told.append(agent.stacks()), name="the reader")
        reader.start()
        while reader.is_alive():
            time.sleep(0.005)
        end.set()
        thread.join()
        text = told[0]
        self.assertTrue(text.startswith("Thread MainThread (main):\n"), text)
        self.assertIn("Thread the waiting one:\n", text)
        self.assertIn("a_function_that_waits", text)
        self.assertIn("test_all_threads_by_name", text)
        self.assertNotIn("the reader", text)
        self.assertLessEqual(len(text), agent.STACKS_LIMIT)


def exception(name, text, base=RuntimeError):
    return type(name, (base,), {})(text)


class Crashes(WithLink):
    def kind(self, error):
        return agent.kind_of_crash(type(error), str(error))

    def test_kinds(self):
        memory = [
            MemoryError("Unable to allocate 5 GiB"),
            exception("OutOfMemoryError", "CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 8.00 GiB total)"),
            RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
            RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
            exception("AcceleratorError", "CUDA error: out of memory"),
            RuntimeError("[enforce fail at alloc_cpu.cpp:75] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
            RuntimeError("[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory: you tried"),
            RuntimeError("MPS backend out of memory"),
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        ]
        card = [
            RuntimeError("CUDA error: an illegal memory access was encountered"),
            RuntimeError("CUDA error: device-side assert triggered"),
            exception("AcceleratorError", "CUDA error: unspecified launch failure"),
            RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
            RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`"),
            exception("DistBackendError", "NCCL error in: ProcessGroupNCCL.cpp:1970, unhandled cuda error"),
        ]
        other = [
            ValueError("out of memory"),
            KeyError("CUDA error"),
            RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
            FileNotFoundError("no such file"),
        ]
        for expected, errors in [("out-of-memory", memory), ("cuda", card), ("exception", other)]:
            for error in errors:
                self.assertEqual(self.kind(error), expected, repr(error))

    def test_what_is_told(self):
        class Odd(Exception):
            def __str__(self):
                raise ValueError

        for error in [ValueError("x" * 5000), Odd()]:
            try:
                raise error
            except Exception:
                agent.tell_crash(*sys.exc_info())
        first, second = self.link.messages
        self.assertEqual((first["t"], first["kind"], first["type"], len(first["text"])), ("crash", "exception", "ValueError", 2000))
        self.assertRegex(first["where"], r"numbers_test\.py:\d+$")
        self.assertEqual(second["type"], "Odd")
        for leave in (KeyboardInterrupt(), SystemExit(1), GeneratorExit()):
            agent.tell_crash(type(leave), leave, None)
        self.assertEqual(len(self.link.messages), 2)

    def test_the_place_is_the_users_own_line(self):
        import json

        try:
            json.loads("{")
        except ValueError as error:
            self.assertIn("numbers_test.py:", agent.place_of(error.__traceback__))


if __name__ == "__main__":
    unittest.main()
