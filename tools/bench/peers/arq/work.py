"""arq's worker, without the two log lines a job that its command line writes."""

from arq import run_worker
from tasks import WorkerSettings

run_worker(WorkerSettings)
