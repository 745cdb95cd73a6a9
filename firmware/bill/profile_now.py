"""python -m bill.profile_now [CORE ...] : instructions per frame by stage and function."""

import shutil
import sys
import tempfile
from pathlib import Path

from bill.instructions import STAGES, build, count
from bill.targets import EMULATED, ROOT
from kws import footprint, model_file
from kws.audio import read_audio

names = sys.argv[1:] or ["Cortex-M0", "Cortex-M4"]
model = ROOT / "models/hey_cortana/hey_cortana.kws"
limits = [f"-D{k}={v}" for k, v in footprint.limits_of(model_file.load(model)).items()]
samples = read_audio(ROOT / "data/sample/stream/held_out.opus")
for target in EMULATED:
    if target.name not in names or target.machine is None:
        continue
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copyfile(model, folder / "model.kws")
        samples.tofile(folder / "recording.raw")
        frames = count(target, target.machine, folder, build(target, target.machine, folder, *limits))
    totals = frames.totals
    print(
        f"{target.name}: {len(totals)} frames, mean {sum(totals) / len(totals):,.1f}, "
        f"worst {max(totals):,} instructions; stack {frames.process_stack}, init "
        f"{frames.init_stack}; {frames.words} words"
    )
    by = frames.mean_by("stage")
    print("  " + ", ".join(f"{stage} {by.get(stage, 0):,.0f}" for stage in STAGES))
    for function, mean in sorted(frames.mean_by("function").items(), key=lambda p: -p[1]):
        if mean >= 1:
            print(f"  {mean:10,.0f}  {function}")
