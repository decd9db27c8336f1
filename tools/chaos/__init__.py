"""The whole system under mischief: `bin/chaos`. No part of the product imports it."""
