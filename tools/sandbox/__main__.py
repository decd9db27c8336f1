"""`python -m tools.sandbox`"""

import sys

import uvloop

from tools.sandbox.options import read_options
from tools.sandbox.server import serve

if __name__ == "__main__":
    sys.exit(uvloop.run(serve(read_options())))
