"""Fault runs (`bin/chaos`): start the whole system, inject faults, compare the ledgers. No part of the product."""
