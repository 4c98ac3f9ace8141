"""See `python scripts/cross_validate.py --help`."""

import sys

from artstyle_tf.cli.main import main

if __name__ == "__main__":
    sys.exit(main(verb="cross-validate"))
