"""Writes the hashes of what `make` installs, for every machine; run by `make hashes`.

Each file beside this one names packages, versions and the SHA-256 of every file of such a version,
and nothing else: no address, so that they are installed from whichever index pip is set up for.
The same index is asked here. Versions come from `constraints.txt`. Those of the tools, which get an
environment of their own, are chosen anew, as are those that only the documentation needs.
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
"""File -> what uv resolves for it."""

_ALLOWED_LINE = re.compile(r"[\w.\[\]-]+==\S+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")


def main() -> int:
    """Writes all files, or none that is not as it should be."""
    uv = shutil.which("uv", path=Path(sys.executable).parent)
    if uv is None:
        print("uv is missing beside this Python: run `make hashes`", file=sys.stderr)
        return 2
    for name, what in FILES.items():
        command = [uv, "pip", "compile", *what, "--universal", "--python-version", "3.11"]
        command += ["--generate-hashes", "--no-header", "--no-annotate", "--quiet", "--no-config"]
        compiled = subprocess.run(
            command, cwd=FOLDER.parent, env=_environment(), stdout=subprocess.PIPE, text=True
        )
        if compiled.returncode != 0:
            print(f"uv could not resolve dependencies/{name}; it is as it was", file=sys.stderr)
            return 2
        for line in compiled.stdout.splitlines():
            if not _ALLOWED_LINE.fullmatch(line):
                print(f"dependencies/{name} is as it was: uv says {line!r}", file=sys.stderr)
                return 2
        (FOLDER / name).write_text(compiled.stdout, encoding="utf-8")
        print(f"dependencies/{name}: {compiled.stdout.count('==')} versions")
    return 0


def _environment() -> dict[str, str]:
    """The environment in which uv asks the index that pip is set up for."""
    environment = dict(os.environ)
    for key in (":env:.index_url", "global.index_url"):  # as pip ranks them
        told = subprocess.run(
            [sys.executable, "-m", "pip", "config", "get", key], capture_output=True, text=True
        )
        if told.returncode == 0 and told.stdout.strip():
            return {**environment, "UV_DEFAULT_INDEX": told.stdout.strip()}
    return environment


if __name__ == "__main__":
    sys.exit(main())
