"""`python -m sandbox`"""

import sys

import uvloop

from sandbox.options import read_options
from sandbox.server import serve

if __name__ == "__main__":
    sys.exit(uvloop.run(serve(read_options())))
