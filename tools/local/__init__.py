"""Everything on one machine with nothing installed: `bin/run`. No part of the product imports it."""
