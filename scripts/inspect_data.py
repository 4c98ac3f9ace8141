"""See `python scripts/inspect_data.py --help`."""

import sys

from artstyle_tf.cli.main import main

if __name__ == "__main__":
    sys.exit(main(verb="inspect-data"))
