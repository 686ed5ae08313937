"""Random endings of a guarded training of the page's shape: `endings_for_tests.py ROUNDS [SEED]`. Prints each that is wrong.

Each round ends it at a random moment in a random way. Judge: every file that the script left must load and be what the networks
were at the end of one of the batches (to the bit); what an interrupt left, and each snapshot, one pair.
"""
import glob
import json
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guard_for_tests import SCRIPTS, Guard  # noqa: E402

sys.path.insert(0, SCRIPTS)
from digest import digest, load  # noqa: E402

PAGE = os.path.join(SCRIPTS, "page_like.py")
WAYS = ("interrupt", "fifty", "sigterm", "guard-dies", "kill", "raw-kill-in-save", "pause-kill", "pause-interrupt")


def play(guard, way, moment):
    """Ends the training. Answers whether its own emergency files are to be expected."""
    guard.wait_for("beat", phase="train", batches=1)
    time.sleep(moment)
    if way in ("interrupt", "fifty", "sigterm"):
        for press in range(50 if way == "fifty" else 1):
            guard.tell("interrupt", id=press, signal="SIGTERM" if way == "sigterm" else "SIGINT", snapshot=True, withinSeconds=None)
        return True
    if way == "raw-kill-in-save":
        guard.wait_for("save-started", count=len(guard.said("save-started")) + 1)
        guard.child.kill()
        return False
    if way.startswith("pause"):
        guard.tell("pause", id=1, snapshot=True)
        guard.wait_for("pausing")
        if way == "pause-interrupt":
            guard.tell("interrupt", id=2, signal="SIGINT", snapshot=True, withinSeconds=None)
            return True
    if way == "guard-dies":
        guard.hang_up()
        time.sleep(moment)
    guard.child.kill()
    return False


def name_of(path):
    return "generator" if "generator" in os.path.basename(path) else "critic"


def pair(paths):
    return {name_of(path): digest(load(path)) for path in paths if "training_state" not in path}


def judge(guard, emergency):
    """What is wrong, as texts."""
    with open(guard.path("digests"), encoding="utf-8") as file:
        lines = [json.loads(line) for line in file if line.endswith("\n")]
    wrong = []
    for path in glob.glob(guard.path("weights", "*.pth")):
        try:
            checkpoint = load(path)
            if "state_dict" in checkpoint and digest(checkpoint) not in [line[name_of(path)] for line in lines]:
                wrong.append("%s is of no batch" % path)
        except Exception as error:
            wrong.append("%s does not load: %r" % (path, error))
    left = glob.glob(guard.path("weights", "EMERGENCY_*"))
    if len(left) != (2 if emergency else 0):
        wrong.append("emergency files: %r" % left)
    elif emergency and pair(left) not in lines:
        wrong.append("the emergency files are no pair")
    for snapshot in guard.said("snapshot"):
        if pair([file["path"] for file in snapshot["files"]]) != lines[snapshot["batches"] - 1]:
            wrong.append("the snapshot of batch %d is not what that batch was" % snapshot["batches"])
    for notice in guard.said("notice", what="agent-fault") + guard.said("crash"):
        wrong.append("told: %r" % notice)
    return wrong


def endings(rounds, seed):
    chance, failures = random.Random(seed), 0
    for turn in range(rounds):
        way, moment, workers = chance.choice(WAYS), chance.uniform(0, 0.8), chance.choice((0, 0, 1))
        constants = dict(PROGRESSIVE_EPOCHS=[500, 1], IMAGES=64, WIDE=16, STEP_SECONDS=0.02, DIGESTS="digests", NUM_WORKERS=workers)
        constants["AUTO_SAVE_EVERY_N_BATCHES"] = chance.choice((1, 3, 500))
        with Guard(welcome={"autosave": chance.choice((None, {"batches": 2}))}) as guard:
            guard.start(PAGE, env={"PAGE_LIKE": json.dumps(constants)})
            try:
                emergency = play(guard, way, moment)
                status, output = guard.end()
                wrong = judge(guard, emergency)
            except Exception as error:
                wrong = ["%s: %s" % (type(error).__name__, error)]
            if emergency and status != 0:
                wrong.append("it ended with %r: %s" % (status, output[-300:]))
            if wrong:
                failures += 1
                print("round %d, %s after %.3f s, %r:\n  %s" % (turn, way, moment, constants, "\n  ".join(wrong)), flush=True)
    print("%d endings, %d wrong" % (rounds, failures))
    return failures


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    sys.exit(endings(number, int(sys.argv[2]) if len(sys.argv) > 2 else 1) > 0)
