"""Let these tests use the hand-made models of tests/python."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))
