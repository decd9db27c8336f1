"""`bin/bench`: measures the product and other job queues on the same machine in the same run.

No part of the product imports it, and the product needs none of the packages that it installs.
"""
