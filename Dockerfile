# A build stage, and a run stage with nginx and the executables. The service runs as an unprivileged user.
# It works with a read-only root file system and writes only to RUN_DIR, which can be on a tmpfs.
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY cli/packages cli/packages
RUN cli/packages build && rm -rf /var/lib/apt/lists/*
COPY Makefile ./
COPY shared shared
COPY sql sql
COPY cli cli
COPY handlers handlers
RUN make -j"$(nproc)" build \
 && mkdir -p /out/handlers \
 && find build/handlers -type f -executable -exec cp {} /out/handlers/ ';' \
 && cp build/steelthread /out/ \
 && strip /out/steelthread /out/handlers/*
COPY nginx /out/nginx

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="steelthread" org.opencontainers.image.licenses="MIT"
RUN apt-get update \
 && apt-get install -y --no-install-recommends nginx-light libpq5 libssl3 libjwt0 libsqlite3-0 \
    libcrypt1 libutf8proc2 libcurl4 libhiredis0.14 ca-certificates curl \
 && rm -rf /var/lib/apt/lists/* /etc/nginx/sites-enabled/default \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin steelthread
COPY --from=build /out /opt/steelthread
COPY LICENSE /opt/steelthread/
RUN ln -s /opt/steelthread/steelthread /usr/local/bin/steelthread
ENV HOST=0.0.0.0 PORT=8000 RUN_DIR=/tmp/steelthread
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=5s --retries=3 \
    CMD curl --fail --silent --max-time 5 "http://127.0.0.1:${PORT}/healthz" || exit 1
ENTRYPOINT ["/opt/steelthread/steelthread"]
CMD ["run", "--migrate"]
