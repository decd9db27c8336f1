"""How fast the product is, beside what else one could use, on the same machine in the same run: `bin/bench`.

No part of the product imports it, and nothing that it installs is needed by the product.
"""
