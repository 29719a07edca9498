# Two stages: the first installs and builds, the second carries only what runs. PostgreSQL is another container.
FROM debian:12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv make ca-certificates
WORKDIR /srv/cardnet
COPY . .
RUN make .venv/.runtime pages && rm -rf frontend/node_modules

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends python3 ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --home-dir /var/lib/cardnet --create-home cardnet
COPY --from=build /srv/cardnet /srv/cardnet
WORKDIR /srv/cardnet
USER cardnet
ENV PATH=/srv/cardnet/.venv/bin:$PATH CARDNET_DATA=/var/lib/cardnet
VOLUME /var/lib/cardnet
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=3s CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["cardnet", "serve", "--host", "0.0.0.0"]
