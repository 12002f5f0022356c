# mim in a container: small, not root, configuration in /etc/mim, data in /var/lib/mim.
#
#   docker build -t mim .
#   docker run -p 5222:5222 -p 8088:8088 -v mim-data:/var/lib/mim mim
#
# Without a file /etc/mim/mongooseim.toml the image runs its own, with an API user and password taken from
# MIM_API_USER and MIM_API_PASSWORD, or made at the first start and printed once (container/entrypoint.sh).

FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/mim
COPY requirements/run.txt requirements/run.txt
RUN /opt/mim/bin/pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY pyproject.toml setup.py README.md LICENSE ./
COPY mim mim
COPY plugins plugins
RUN /opt/mim/bin/pip install --no-cache-dir --no-deps . \
    && /opt/mim/bin/python -m compileall -q /opt/mim/lib

FROM python:3.13-slim
LABEL org.opencontainers.image.title="mim" \
      org.opencontainers.image.description="XMPP chat server with a REST admin API" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 5222 --home-dir /var/lib/mim --shell /usr/sbin/nologin mim \
    && install -d -o mim -g mim -m 0750 /var/lib/mim /etc/mim
COPY --from=build /opt/mim /opt/mim
COPY mongooseim.toml /usr/share/mim/mongooseim.toml
COPY container/entrypoint.sh /usr/local/bin/mim-entrypoint
ENV PATH=/opt/mim/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MIM_DATA_DIR=/var/lib/mim
USER 5222:5222
WORKDIR /var/lib/mim
VOLUME ["/etc/mim", "/var/lib/mim"]
EXPOSE 5222 8088
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["mim", "health"]
ENTRYPOINT ["mim-entrypoint"]
CMD ["run"]
