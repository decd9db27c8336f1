# One image for every process of the Procfile; the web process is the default. compose.yml runs all of them.

FROM python:3.13-slim-bookworm AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN ["python", "-m", "venv", "/venv"]
COPY requirements.txt /
# Wheels only, so that no compiler is needed; crontab is Python without one.
RUN ["/venv/bin/pip", "install", "--require-hashes", "--only-binary", ":all:", "--no-binary", "crontab", "--requirement", "/requirements.txt"]

FROM python:3.13-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TZ=UTC HOST=0.0.0.0 PORT=8000
RUN ["useradd", "--system", "--uid", "10001", "--no-create-home", "--shell", "/usr/sbin/nologin", "koinonia"]
COPY --from=packages /venv /venv
WORKDIR /opt/koinonia
# All of it belongs to root: the processes cannot change what they run.
COPY api ./api
COPY channels ./channels
COPY jobs ./jobs
COPY messaging ./messaging
COPY metrics ./metrics
COPY processes ./processes
COPY store ./store
COPY alert_settings.py gunicorn.conf.py logs.py settings.py worker.py wsgi.py .flaskenv ./
RUN ["python", "-m", "compileall", "-q", "."]
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# For the web process. The others have no port: compose.yml switches it off for them.
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health/ready', timeout=5)"]
CMD ["gunicorn", "--config", "gunicorn.conf.py", "wsgi:app"]
