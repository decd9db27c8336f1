"""Fault runs (`bin/chaos`): start the whole system, inject faults, compare the results. No part of the product."""
