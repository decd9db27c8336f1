"""What is measured: the definitions of all metrics, and the counts of this process. Imports no other folder."""
