"""Write the hashes of the packages that `make` installs, for all platforms; run by `make hashes`.

Each file in this folder contains packages, versions and the SHA-256 of every file of a version, but
no URLs, so that packages are installed from the index that pip is configured for. This script
queries the same index. Versions come from `constraints.txt`. The versions of the tools, which have
a separate environment, and of packages that only the documentation needs are resolved again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
CONSTRAINED = ["--constraint", "constraints.txt"]
FILES = {
    "build.txt": ["--group", "build", *CONSTRAINED],
    "run.txt": ["pyproject.toml", *CONSTRAINED],
    "develop.txt": ["pyproject.toml", "--extra", "test", "--extra", "check", *CONSTRAINED],
    "docs.txt": ["--group", "docs", *CONSTRAINED],
    "oracle.txt": ["--group", "oracle", "--no-deps"],
    "tools.txt": ["--group", "tools"],
}
"""File -> arguments of `uv pip compile`."""

_ALLOWED_LINE = re.compile(r"[\w.\[\]-]+==\S+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")


def main() -> int:
    """Write the files; stop before a file that cannot be resolved or has unexpected lines."""
    uv = shutil.which("uv", path=Path(sys.executable).parent)
    if uv is None:
        print("uv is not installed next to this Python: run `make hashes`", file=sys.stderr)
        return 2
    for name, what in FILES.items():
        command = [uv, "pip", "compile", *what, "--universal", "--python-version", "3.11"]
        command += ["--generate-hashes", "--no-header", "--no-annotate", "--quiet", "--no-config"]
        compiled = subprocess.run(
            command, cwd=FOLDER.parent, env=_environment(), stdout=subprocess.PIPE, text=True
        )
        if compiled.returncode != 0:
            print(f"uv could not resolve dependencies/{name}; it is unchanged", file=sys.stderr)
            return 2
        for line in compiled.stdout.splitlines():
            if not _ALLOWED_LINE.fullmatch(line):
                print(
                    f"dependencies/{name} is unchanged: unexpected line of uv: {line!r}",
                    file=sys.stderr,
                )
                return 2
        (FOLDER / name).write_text(compiled.stdout, encoding="utf-8")
        print(f"dependencies/{name}: {compiled.stdout.count('==')} versions")
    return 0


def _environment() -> dict[str, str]:
    """Return environment variables with which uv uses the index that pip is configured for."""
    environment = dict(os.environ)
    for key in (":env:.index_url", "global.index_url"):  # in pip's order of precedence
        completed = subprocess.run(
            [sys.executable, "-m", "pip", "config", "get", key], capture_output=True, text=True
        )
        if completed.returncode == 0 and completed.stdout.strip():
            return {**environment, "UV_DEFAULT_INDEX": completed.stdout.strip()}
    return environment


if __name__ == "__main__":
    sys.exit(main())
