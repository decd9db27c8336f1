"""Work that is done outside requests: how jobs are enqueued, the jobs, and the workers and the clock that run them."""
