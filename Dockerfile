# docker build --tag realmkeeper:0.1.0 .
FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
# rust-toolchain.toml also asks for rustfmt and clippy, which a build does without.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    rm rust-toolchain.toml \
    && cargo build --release --locked --bin realmkeeper \
    && cp target/release/realmkeeper /realmkeeper
# A folder that the user of the image may write to, for a volume with SQLite in it.
RUN mkdir /data

# The C library of the same Debian, and CA certificates; no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /realmkeeper /usr/local/bin/realmkeeper
COPY --from=build --chown=65532:65532 /data /var/lib/realmkeeper
USER 65532:65532
EXPOSE 8080 9090
ENTRYPOINT ["/usr/local/bin/realmkeeper"]
CMD ["operator"]
