"""`bin/run`: the whole system on one machine, with embedded servers. No part of the product imports it."""
