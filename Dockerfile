# A build stage, and two images that hold what the service needs and no other part of Debian. Both run as an
# unprivileged user with a read-only root file system, and write only to /tmp, which can be on a tmpfs.
#
# docker build .                                                  every endpoint, with nginx
# docker build --build-arg ENDPOINTS="tasks task" .               these and /healthz, with an nginx for them
# docker build --target handler --build-arg ENDPOINTS=tasks .     one handler that listens on port 9000, without nginx
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY cli/packages cli/packages
RUN cli/packages run image && rm -rf /var/lib/apt/lists/*
COPY LICENSE Makefile .env.example ./
COPY packaging/image-root packaging/
COPY sql sql
COPY shared shared
COPY cli cli
COPY handlers handlers
COPY nginx nginx
ARG ENDPOINTS=""
RUN make -j"$(nproc)" install DESTDIR=/service PREFIX=/usr ENDPOINTS="$ENDPOINTS" \
 && install -D -m 644 LICENSE /service/usr/share/doc/steelthread/LICENSE

FROM build AS handler-root
ARG ENDPOINTS
RUN set -- $ENDPOINTS \
 && if [ $# != 1 ]; then echo "The target handler needs one name: --build-arg ENDPOINTS=tasks" >&2; exit 1; fi \
 && install -D "/service/usr/lib/steelthread/handlers/$1" -t /handler/usr/lib/steelthread \
 && ln -s "$1" /handler/usr/lib/steelthread/handler \
 && install -D -m 644 LICENSE /handler/usr/share/doc/steelthread/LICENSE \
 && packaging/image-root /handler

FROM scratch AS handler
LABEL org.opencontainers.image.title="steelthread" org.opencontainers.image.licenses="MIT"
COPY --from=handler-root /handler /
ENV RUN_DIR=/tmp/steelthread
USER 10001
EXPOSE 9000
ENTRYPOINT ["/usr/lib/steelthread/handler"]
CMD ["--listen", "0.0.0.0:9000"]

FROM build AS service-root
RUN packaging/image-root /service

FROM scratch
LABEL org.opencontainers.image.title="steelthread" org.opencontainers.image.licenses="MIT"
COPY --from=service-root /service /
ENV HOST=0.0.0.0 PORT=8000 RUN_DIR=/tmp/steelthread
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=5s --retries=3 \
    CMD curl --fail --silent --insecure --max-time 5 "http${TLS_CERTIFICATE:+s}://127.0.0.1:${PORT}/healthz" || exit 1
ENTRYPOINT ["/usr/bin/steelthread"]
CMD ["run", "--migrate"]
