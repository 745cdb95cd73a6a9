"""The tasks by the names that recipes have for them."""

from kws.training.commands import CommandTask
from kws.training.wake import WakeTask

TASKS: dict[str, type[CommandTask] | type[WakeTask]] = {"commands": CommandTask, "wake": WakeTask}
