"""Live snapshots equal what the script would have saved; boundaries and cycles. In this process, with the agent's hooks in torch."""
import argparse
import copy
import gc
import io
import os
import random
import shutil
import signal
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torch  # noqa: E402

import guardapesos_agent as agent  # noqa: E402

for hook in (agent.guard_torch_saves, agent.guard_loaders, agent.guard_optimizers):
    hook(torch)
AGENT = agent.AGENT


class Heard:
    """Stands where the link to the guard would."""

    lost = False

    def __init__(self):
        self.messages = []

    def send(self, message):
        self.messages.append(message)

    def wake(self):
        pass

    def flush(self, seconds):
        pass


def load(path):
    return torch.load(path, weights_only=False)


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, torch.nn.Module):
        return list(value.state_dict().values())
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [tensor for item in items for tensor in tensors(item)]


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return type(a) is type(b) and list(a) == list(b) and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, torch.nn.Module):
        return equal(a.state_dict(), b.state_dict())
    return a == b


class Own:
    pickled = 0

    def __reduce__(self):
        Own.pickled += 1
        return (int, (5,))


class AgentTest(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(1)
        gc.collect()
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder, True)
        AGENT.begin()
        agent.RECENT.clear()
        AGENT.folder = os.path.join(self.folder, "agent")
        AGENT.link = self.link = Heard()
        self.addCleanup(setattr, AGENT, "link", None)

    def said(self, kind):
        faults = [m for m in self.link.messages if m["t"] == "notice"]
        self.assertEqual(faults, [])
        return [m for m in self.link.messages if m["t"] == kind]

    def path(self, name):
        return os.path.join(self.folder, name)

    def training(self, kind=torch.optim.Adam, **options):
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1))
        return model, kind(model.parameters(), lr=0.1, **options)

    def step(self, model, optimizer):
        optimizer.zero_grad()
        model(torch.rand(6, 4)).sum().backward()
        optimizer.step()

    def snapshot(self):
        """{base name: what the snapshot's file holds}, and the message."""
        agent.snapshot(7, "asked")
        told = self.said("snapshot")[-1] if self.said("snapshot") else None
        return ({os.path.basename(f["path"]): load(f["path"]) for f in told["files"]} if told else None), told

    def refusal(self):
        agent.snapshot(8, "asked")
        self.assertEqual(self.said("snapshot"), [])
        return self.said("no-snapshot")[-1]


class Structures(AgentTest):
    def check(self, model, optimizer, save, as_saved=()):
        """Saves, trains on, takes a snapshot, and saves again: the two must be equal, apart from what is named."""
        self.step(model, optimizer)
        save("x.pth", 1)
        for _ in range(3):
            self.step(model, optimizer)
        files, told = self.snapshot()
        self.assertIsNotNone(files, self.said("no-snapshot"))
        save("x.pth", 1)
        expected = load(self.path("x.pth"))
        self.assertTrue(equal(files["x.pth"], expected))
        self.assertEqual(sorted(entry["key"] for entry in told["asSaved"]), sorted(as_saved))
        self.assertEqual((told["form"], told["files"][0]["as"]), ("script", os.path.realpath(self.path("x.pth"))))
        return files["x.pth"]

    def test_the_seeds_form(self):
        for kind, options in ((torch.optim.Adam, {}), (torch.optim.SGD, dict(momentum=0.9)), (torch.optim.SGD, {}), (torch.optim.RMSprop, {})):
            self.setUp()
            model, optimizer = self.training(kind, **options)
            self.check(model, optimizer, lambda name, _: torch.save({"state_dict": model.state_dict(), "optimizer": optimizer.state_dict()}, self.path(name)))

    def test_a_bare_state_dict_a_module_a_parameter_and_a_list(self):
        for build in (
            lambda m, o: m.state_dict(),
            lambda m, o: m,
            lambda m, o: [m.state_dict(), (o.state_dict(), 3)],
            lambda m, o: {"w": m[0].weight, "b": m[0].bias.data, "deep": {"d": [m[2].weight.detach()]}},
            lambda m, o: {"model." + k: v for k, v in m.state_dict().items()},
            lambda m, o: dict(m.named_parameters()),
            lambda m, o: {"model": m, "optimizer": o},
        ):
            self.setUp()
            model, optimizer = self.training()
            self.step(model, optimizer)
            torch.save(build(model, optimizer), self.path("x.pth"))
            self.step(model, optimizer)
            files, _ = self.snapshot()
            self.assertIsNotNone(files, self.said("no-snapshot"))
            torch.save(build(model, optimizer), self.path("y.pth"))
            self.assertTrue(all(torch.equal(a, b) for a, b in zip(tensors(files["x.pth"]), tensors(load(self.path("y.pth"))))))
            self.assertEqual(len(tensors(files["x.pth"])), len(tensors(load(self.path("y.pth")))))

    def test_schedulers_and_all_else_by_name(self):
        model, optimizer = self.training()
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
        numbers = random.getstate()
        epoch = [3]

        def save(name, _):
            extra = dict(epoch=epoch[0], args=argparse.Namespace(lr=1), rng={"torch": torch.get_rng_state(), "python": numbers}, history=[0.5] * 2000)
            torch.save(dict(model=model.state_dict(), opt=optimizer.state_dict(), sch=scheduler.state_dict(), pl=plateau.state_dict(), **extra), self.path(name))

        self.step(model, optimizer)
        save("x.pth", 1)
        epoch[0] = 4
        for _ in range(2):
            self.step(model, optimizer)
            scheduler.step()
            plateau.step(1.0)
        files, told = self.snapshot()
        self.assertIsNotNone(files, self.said("no-snapshot"))
        got = files["x.pth"]
        self.assertEqual([entry["key"] for entry in told["asSaved"]], ["epoch", "args", "rng", "history"])
        self.assertEqual((got["epoch"], got["args"].lr, len(got["history"]), told["asSaved"][0]["value"]), (3, 1, 2000, "3"))
        self.assertEqual(got["sch"]["last_epoch"], 2)
        self.assertEqual(got["sch"], scheduler.state_dict())
        self.assertEqual(got["pl"], plateau.state_dict())
        self.assertTrue(equal(got["opt"], optimizer.state_dict()))
        self.assertEqual(got["opt"]["param_groups"][0]["lr"], 0.1 * 0.25)

    def test_a_scaler_is_asked_anew(self):
        kind = getattr(torch.amp, "GradScaler", None)
        scaler = kind("cpu", init_scale=4.0, growth_interval=1) if kind else torch.cuda.amp.GradScaler(enabled=False)
        model, optimizer = self.training()
        for time in range(2):
            optimizer.zero_grad()
            scaler.scale(model(torch.rand(6, 4)).sum()).backward()
            scaler.step(optimizer)
            scaler.update()
            if time == 0:
                torch.save({"m": model.state_dict(), "s": scaler.state_dict()}, self.path("x.pth"))
        files, _ = self.snapshot()
        self.assertEqual(files["x.pth"]["s"], scaler.state_dict())
        self.assertEqual(AGENT.steps, 2)

    def test_a_pair_saved_with_no_step_between_belongs_together(self):
        a, opt_a = self.training()
        b, opt_b = self.training()
        self.step(a, opt_a)
        self.step(b, opt_b)
        for name, model in (("gen.pth", a), ("critic.pth", b)):
            torch.save(model.state_dict(), self.path(name))
        self.step(a, opt_a)
        torch.save(a.state_dict(), self.path("best_gen.pth"))  # does not take the pair's place
        files, _ = self.snapshot()
        self.assertEqual(sorted(files), ["critic.pth", "gen.pth"])
        self.assertTrue(equal(files["gen.pth"], a.state_dict()))

    def test_two_files_of_the_same_name(self):
        model, optimizer = self.training()
        self.step(model, optimizer)
        for folder in ("a", "b"):
            os.mkdir(self.path(folder))
            torch.save(model.state_dict(), os.path.join(self.path(folder), "model.pt"))
        torch.save(torch.get_rng_state(), self.path("random.pkl"))
        agent.snapshot(1, "asked")
        told = self.said("snapshot")[0]
        self.assertEqual(len({f["path"] for f in told["files"]}), 3)
        self.assertEqual([(entry["key"], entry["file"]) for entry in told["asSaved"]], [("random.pkl", "random.pkl")])

    def test_copies_are_not_offered(self):
        for build in (
            lambda m, o: {k: v.clone() for k, v in m.state_dict().items()},
            lambda m, o: copy.deepcopy(m.state_dict()),
            lambda m, o: {k: v.half() for k, v in m.state_dict().items()},
            lambda m, o: {"m": m.state_dict(), "ema": {k: v.clone() for k, v in m.named_parameters()}},
            lambda m, o: {"m": m.state_dict(), "o": copy.deepcopy(o.state_dict())},
            lambda m, o: {"m": m.state_dict(), "trainer": argparse.Namespace(weights=m.state_dict())},
        ):
            self.setUp()
            model, optimizer = self.training()
            self.step(model, optimizer)
            torch.save(build(model, optimizer), self.path("x.pth"))
            self.step(model, optimizer)
            self.assertEqual(self.refusal()["reason"], "copies")

    def test_a_state_dict_that_was_changed_is_not_asked_anew(self):
        model, optimizer = self.training()

        def save(name, _):
            state = model.state_dict()
            del state["0.bias"]
            state["note"] = "mine"
            torch.save({"model": state}, self.path(name))

        got = self.check(model, optimizer, save, ["model.note"])
        self.assertNotIn("0.bias", got["model"])

    def test_new_parameters_of_a_network_that_grew(self):
        model, optimizer = self.training()
        self.step(model, optimizer)
        torch.save({"state_dict": model.state_dict()}, self.path("x.pth"))
        model.add_module("3", torch.nn.Linear(1, 1))
        files, _ = self.snapshot()
        self.assertIn("3.weight", files["x.pth"]["state_dict"])

    def test_an_average_kept_in_a_module_is_live(self):
        model, optimizer = self.training()
        average = copy.deepcopy(model)

        def save(name, _):
            torch.save({"model": model.state_dict(), "ema": average.state_dict()}, self.path(name))

        self.check(model, optimizer, save)

    def test_nothing_is_kept_alive(self):
        model, optimizer = self.training()
        self.step(model, optimizer)
        torch.save({"state_dict": model.state_dict(), "optimizer": optimizer.state_dict(), "m": {"w": model[0].weight}}, self.path("x.pth"))
        self.step(model, optimizer)
        import weakref

        seen = [weakref.ref(model), weakref.ref(optimizer), weakref.ref(model[0].weight)]
        del model, optimizer
        gc.collect()
        self.assertEqual([ref() for ref in seen], [None] * 3)
        self.assertEqual(self.refusal()["reason"], "error")

    def test_code_of_the_script_that_pickles_runs_once_for_each_save(self):
        model, optimizer = self.training()
        self.step(model, optimizer)
        for wrap in (lambda own: own, lambda own: argparse.Namespace(own=own), lambda own: {"deep": [own]}):
            Own.pickled = 0
            torch.save({"m": model.state_dict(), "own": wrap(Own())}, self.path("x.pth"))
            self.assertEqual(Own.pickled, 1)
            files, told = self.snapshot()
            self.assertEqual((Own.pickled, [entry["key"] for entry in told["asSaved"]]), (2, ["own"]))

    def test_a_save_to_memory_is_no_checkpoint(self):
        model, optimizer = self.training()
        self.step(model, optimizer)
        torch.save(model.state_dict(), io.BytesIO())
        self.assertEqual((self.said("saved"), AGENT.memory.best), ([], {}))

    def test_a_snapshot_changes_no_random_number_and_no_gradient(self):
        model, optimizer = self.training()
        self.step(model, optimizer)
        torch.save(model.state_dict(), self.path("x.pth"))
        before = (torch.get_rng_state(), random.getstate(), [p.grad.clone() for p in model.parameters()])
        self.snapshot()
        self.assertTrue(equal(before[0], torch.get_rng_state()))
        self.assertEqual(before[1], random.getstate())
        self.assertTrue(equal(before[2], [p.grad for p in model.parameters()]))

    def test_a_disk_that_is_full_is_told_and_leaves_nothing(self):
        model, optimizer = self.training()
        self.step(model, optimizer)
        torch.save(model.state_dict(), self.path("x.pth"))

        def full(value, path):
            raise OSError(28, "No space left on device")

        next(iter(AGENT.memory.best.values())).write = full
        self.assertEqual(self.refusal()["reason"], "error")
        self.assertEqual(os.listdir(AGENT.folder), [])


class BeforeTheFirstSave(AgentTest):
    def test_each_network_with_its_optimizer_under_the_variables_name(self):
        netG, opt_G = self.training()
        disc, opt_D = self.training(torch.optim.SGD, momentum=0.5)
        bystander = torch.nn.Linear(3, 3)
        self.step(netG, opt_G)
        self.step(disc, opt_D)
        files, told = self.snapshot()
        self.assertEqual((told["form"], sorted(f["network"] for f in told["files"])), ("seed", ["critic", "generator"]))
        self.assertTrue(equal(files["generator.pth"], {"state_dict": netG.state_dict(), "optimizer": opt_G.state_dict()}))
        self.assertTrue(equal(files["critic.pth"]["optimizer"], opt_D.state_dict()))
        self.assertIsNotNone(bystander)

    def test_networks_that_are_attributes_and_children_with_optimizers_of_their_own(self):
        class Both(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.encoder, self.head = torch.nn.Linear(4, 4), torch.nn.Linear(4, 1)

        class Trainer:
            pass

        trainer = Trainer()
        trainer.whole = Both()
        first, second = torch.optim.Adam(trainer.whole.encoder.parameters()), torch.optim.Adam(trainer.whole.head.parameters())
        trainer.whole.head(trainer.whole.encoder(torch.rand(2, 4))).sum().backward()
        first.step()
        second.step()
        files, _ = self.snapshot()
        self.assertEqual(len(files), 2)
        self.assertTrue(equal([files[n]["optimizer"] for n in files], [first.state_dict(), second.state_dict()]))

    def test_no_network_is_said(self):
        weight = torch.nn.Parameter(torch.ones(3))
        optimizer = torch.optim.SGD([weight], lr=0.1)
        weight.sum().backward()
        optimizer.step()
        self.assertEqual(self.refusal()["reason"], "no-weights")


class Boundaries(AgentTest):
    def setUp(self):
        super().setUp()
        self.places = []
        real = agent.boundary
        agent.boundary = lambda where: self.places.append((where, AGENT.steps))
        self.addCleanup(setattr, agent, "boundary", real)

    def parts(self, count):
        made = []
        for _ in range(count):
            weight = torch.nn.Parameter(torch.ones(2))
            made.append(torch.optim.SGD([weight], lr=0.1))
        return made

    @staticmethod
    def loader(count=4):
        return torch.utils.data.DataLoader(list(range(count)))

    def test_a_batch_begins_at_a_boundary_and_an_evaluation_counts_none(self):
        (a,) = self.parts(1)
        loader, other = self.loader(4), self.loader(2)
        for _ in range(2):
            for _ in loader:
                a.step()
            with torch.no_grad():
                list(other)
        self.assertEqual(AGENT.batches, 8)
        self.assertEqual(len(self.places), 2 * (5 + 3))

    def test_a_second_loader_inside_a_batch_is_no_boundary(self):
        critic, generator = self.parts(2)
        inner = self.loader(20)
        other = iter(inner)
        for _ in range(2):
            for _ in self.loader(4):
                critic.step()
                next(other)
                generator.step()
        self.assertEqual(AGENT.batches, 8)
        self.assertTrue(all(steps % 2 == 0 for _, steps in self.places), self.places)

    def test_zipped_loaders_make_one_batch(self):
        (a,) = self.parts(1)
        for _ in range(2):
            for _ in zip(self.loader(4), self.loader(4)):
                a.step()
        self.assertEqual(AGENT.batches, 8)

    def test_without_a_loader_it_lies_between_the_last_optimizer_and_the_first(self):
        critic, generator = self.parts(2)
        for _ in range(10):
            for _ in range(5):
                critic.step()
            generator.step()
        self.assertTrue(self.places and all(steps % 6 == 0 for _, steps in self.places), self.places)
        self.assertGreaterEqual(len(self.places), 8)

    def test_without_a_loader_the_schedulers_step_still_belongs_to_the_batch(self):
        a, b = self.parts(2)
        schedulers = [torch.optim.lr_scheduler.StepLR(each, 1) for each in (a, b)]
        real, seen = agent.boundary, []
        agent.boundary = lambda where: seen.append([s.last_epoch for s in schedulers])
        for _ in range(6):
            a.step()
            b.step()
            for scheduler in schedulers:
                scheduler.step()
        agent.boundary = real
        self.assertTrue(seen[1:] and all(x == y for x, y in seen[1:]), seen)

    def test_without_a_loader_it_lies_where_the_script_saves(self):
        first, second = self.parts(2)
        for turn in range(8):
            first.step()
            if turn == 2:
                torch.save({"w": first.param_groups[0]["params"][0]}, self.path("x.pth"))
                self.places.clear()
            second.step()
        self.assertTrue(self.places and all(steps % 2 == 1 for _, steps in self.places), self.places)

    def test_one_optimizer_is_a_cycle_of_one(self):
        (a,) = self.parts(1)
        for _ in range(5):
            a.step()
        self.assertEqual([steps for _, steps in self.places], [2, 3, 4, 5])

    def test_a_loader_read_once_before_the_training_gives_way_to_the_cycle(self):
        (a,) = self.parts(1)
        list(self.loader())
        for _ in range(agent.FAR_FROM_LOADER + 5):
            a.step()
        self.assertEqual([where for where, _ in self.places][-3:], ["step"] * 3)

    def test_steps_are_counted_once_whatever_wraps_them(self):
        a, b = self.parts(2)

        class Own(torch.optim.SGD):
            def step(self, closure=None):
                return super().step(closure)

        own = Own([torch.nn.Parameter(torch.ones(2))], lr=0.1)
        torch.optim.lr_scheduler.StepLR(a, 1)
        torch.optim.LBFGS([torch.nn.Parameter(torch.ones(2))]).step(lambda: torch.zeros(1, requires_grad=True).sum())
        a.step()
        b.step(lambda: 1.0)
        self.assertEqual(AGENT.steps, 3)
        own.step()
        self.assertGreaterEqual(AGENT.steps, 4)


class Held(unittest.TestCase):
    def test_a_handler_that_raises_while_signals_begin_to_be_held_leaves_all_as_it_was(self):
        before = [signal.getsignal(signum) for signum in agent.HELD_SIGNALS]
        real, calls = signal.signal, []

        def interrupted(signum, handler):
            result = real(signum, handler)
            calls.append(signum)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return result

        with mock.patch.object(signal, "signal", interrupted):
            with self.assertRaises(KeyboardInterrupt):
                with agent.HELD:
                    self.fail("it has been interrupted")
        self.assertEqual(agent.HELD.depth, 0)
        self.assertEqual([signal.getsignal(signum) for signum in agent.HELD_SIGNALS], before)


if __name__ == "__main__":
    unittest.main()
