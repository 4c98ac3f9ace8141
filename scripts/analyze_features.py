"""See `python scripts/train_direct.py --help`."""

import sys

from artstyle_tf.cli.main import main

if __name__ == "__main__":
    sys.exit(main(verb="analyze-features"))
