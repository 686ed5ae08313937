# Python imports this file at its start because its folder stands first in PYTHONPATH. It takes itself out of the way, starts
# the agent, and imports the sitecustomize that would have been found without it (the user's own, or Debian's).
# Readable by any Python, also by 2.7: in one that is too old for the agent it only gets out of the way.
import os
import sys


def _step_aside():
    folder = os.path.dirname(os.path.abspath(__file__))
    for entry in sys.path:
        if os.path.abspath(entry) == folder:
            sys.path.remove(entry)
            break
    sys.path_importer_cache.pop(folder, None)
    return folder


def _start_agent(folder):
    if sys.version_info < (3, 8) or not os.environ.get("GUARDAPESOS_AGENT_PORT"):
        return
    try:
        import importlib.util

        name = "guardapesos_agent"
        spec = importlib.util.spec_from_file_location(name, os.path.join(folder, name + ".py"))
        agent = importlib.util.module_from_spec(spec)
        sys.modules[name] = agent
        spec.loader.exec_module(agent)
        agent.start()
    except Exception:  # The training goes on as if the agent were not there.
        pass


# The reference keeps Python 2 from emptying this module when its name is given to the next one.
_this = sys.modules.pop("sitecustomize", None)
_start_agent(_step_aside())
# Whatever this raises is what it would raise without us, also that there is no other one.
import sitecustomize  # noqa: E402,F401
