# syntax=docker/dockerfile:1
#
# docker build -t bellhop .
# docker run --rm -p 8080:8080 -e BELLHOP_JWT_SECRET="$(openssl rand -hex 32)" -v bellhop:/var/lib/bellhop --stop-timeout 40 bellhop
#
# The root file system may be read-only (--read-only --tmpfs /tmp): everything that is written lies in /var/lib/bellhop.

ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim
ARG NODE_IMAGE=docker.io/library/node:22-slim


FROM ${NODE_IMAGE} AS pages
WORKDIR /src/web
# The manifests first: the packages are fetched anew only when one of these changes.
COPY web/package.json web/package-lock.json ./
COPY web/client/package.json client/
COPY web/dashboard/package.json dashboard/
COPY web/demo/package.json demo/
RUN npm ci --no-audit --no-fund
COPY web/ ./
# The dashboard brings what its page of types links to.
COPY docs/catalog.md ../docs/
# The build writes its pages to ../gateway/pages.
RUN mkdir -p ../gateway/pages && npm run build


FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/bellhop
WORKDIR /src
# The dependencies change less often than the code: a layer of their own, from the same list, in the versions that were tested.
COPY setup.cfg constraints.txt pyproject.toml README.md LICENSE ./
RUN mkdir auth gateway mailer storage \
    && python -c "import configparser; c = configparser.ConfigParser(); c.read('setup.cfg'); extras = c['options.extras_require']; print(c['options']['install_requires'], extras['bounces'], extras['mailcheck'], extras['postgres'], extras['s3'], sep='\n')" > /tmp/requirements.txt \
    && /opt/bellhop/bin/pip install --no-compile -r /tmp/requirements.txt --constraint constraints.txt
COPY auth/ auth/
COPY gateway/ gateway/
COPY mailer/ mailer/
COPY storage/ storage/
COPY --from=pages /src/gateway/pages/ gateway/pages/
# Compiled here, because nothing can be written at run time. Unchecked: the sources in an image do not change. By
# force: pip has imported a few of them, and what that left is checked.
RUN /opt/bellhop/bin/pip install --no-compile --no-deps . \
    && /opt/bellhop/bin/pip uninstall --yes --quiet pip \
    && python -m compileall -qf --invalidation-mode unchecked-hash /opt/bellhop/lib


FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Bellhop" \
      org.opencontainers.image.description="A self-hosted Socket.IO gateway for notifications" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# By number: Kubernetes cannot prove of a name that it is not root. The group owns the state too, for `fsGroup`.
RUN groupadd --gid 10001 bellhop \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/bellhop --no-create-home --shell /usr/sbin/nologin bellhop \
    && install -d -o 10001 -g 10001 -m 0770 /var/lib/bellhop
# The official image comes without its standard library compiled: each start and each health check would do it again.
RUN python -m compileall -q --invalidation-mode unchecked-hash -x site-packages \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=build /opt/bellhop /opt/bellhop

# In a container both sites listen on all its addresses; what reaches them is for the ports published, or for the
# NetworkPolicy, to say. Never publish 8081.
ENV PATH="/opt/bellhop/bin:${PATH}" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BELLHOP_HOST=0.0.0.0 \
    BELLHOP_PORT=8080 \
    BELLHOP_INTERNAL_HOST=0.0.0.0 \
    BELLHOP_INTERNAL_PORT=8081 \
    BELLHOP_STORE_URL=sqlite:////var/lib/bellhop/bellhop.db \
    BELLHOP_MAIL_URL=spool:////var/lib/bellhop/mail \
    BELLHOP_LOG_FORMAT=json

USER 10001:10001
WORKDIR /var/lib/bellhop
VOLUME /var/lib/bellhop
EXPOSE 8080 8081
STOPSIGNAL SIGTERM

# Only that the process lives: a gateway whose store is away must not be restarted for it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-P", "-m", "gateway.process.alive"]

ENTRYPOINT ["bellhop"]
CMD ["serve"]
