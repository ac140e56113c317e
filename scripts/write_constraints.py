"""Write constraints.txt: exact versions of everything installed beside vclipbench, and no addresses."""

from __future__ import annotations

from importlib.metadata import distributions
from pathlib import Path

SKIP = {"vclipbench", "pip"}
HEADER = """\
# Exact versions of a complete environment, written by scripts/write_constraints.py.
# torch and torchvision are a pair: released torchvision wheels fail beside another torch.
"""


def main() -> None:
    """Overwrite constraints.txt in the repository root."""
    found = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in distributions()}
    # a local version label (+cu130) names a build, not a release
    lines = [f"{n}=={v.split('+')[0]}" for n, v in sorted(found.items()) if n not in SKIP]
    path = Path(__file__).resolve().parents[1] / "constraints.txt"
    path.write_text(HEADER + "\n".join(lines) + "\n")
    print(f"{len(lines)} versions in {path.name}")


if __name__ == "__main__":
    main()
