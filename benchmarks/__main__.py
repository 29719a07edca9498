"""`python -m benchmarks [NAME …]`: run the benchmarks named, or all; each prints one JSON line per figure."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in ("__init__", "__main__", "harness"))


def main(asked: list[str]) -> int:
    unknown = sorted(set(asked) - set(NAMES))
    if unknown:
        print(f"No benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}.", file=sys.stderr)
        return 2
    # One process each: a figure of memory belongs to one benchmark.
    return max(
        (
            subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
            for name in asked or NAMES
        ),
        default=0,
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
