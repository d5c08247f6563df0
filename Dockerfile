# The steps are scripts in docker/: tests/test_container.py reads them from this file, and runs them
# without Docker.

# For production, pin the digest: a tag can move (python:3.13-slim@sha256:…).
FROM python:3.13-slim AS python

# This stage builds the pages. The image gets only its output.
FROM node:24-slim AS console
WORKDIR /build
COPY docker/console.sh docker/
COPY console/ console/
COPY schema/schema.graphql schema/
RUN sh docker/console.sh

FROM python AS builder
WORKDIR /build
ENV PIP_NO_CACHE_DIR=1
# Before the sources, so that a change of them does not rebuild the layer of dependencies.
COPY requirements.lock ./
COPY docker/dependencies.sh docker/
RUN sh docker/dependencies.sh /opt/headcount
COPY . ./
COPY --from=console /build/console/dist console/dist
RUN sh docker/application.sh /opt/headcount

FROM python
RUN --mount=type=bind,source=docker,target=/docker sh /docker/without-pip.sh python3
COPY docker/healthcheck.sh /opt/
COPY --from=builder /opt/headcount /opt/headcount
ENV PATH=/opt/headcount/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HEADCOUNT_HOST=0.0.0.0
# A number, so that Kubernetes can verify that the user is not root.
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["sh", "/opt/healthcheck.sh"]
ENTRYPOINT ["headcount"]
CMD ["serve"]
