"""See `python scripts/compare_backbones.py --help`."""

import sys

from artstyle_tf.cli.main import main

if __name__ == "__main__":
    sys.exit(main(verb="compare-backbones"))
