# Needs BuildKit or Buildah, for --platform and --chmod. `make image` builds the same
# without an engine, and a test keeps the two equal. Releases are built that way, and not
# from here: Go's image is named by a tag, which others can move.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
# Modules first: this layer is reused until the requirements change.
COPY go.mod go.sum ./
RUN go mod download
COPY api/ api/
COPY cmd/ cmd/
COPY controllers/ controllers/
COPY internal/ internal/
ARG TARGETOS TARGETARCH VERSION=dev REVISION=unknown
# -s -w leaves out what debuggers read; the list of modules, for scanners, stays in.
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X main.version=$VERSION -X main.commit=$REVISION" \
    -o /uptake ./cmd/uptake
# Whoever passes the program on has to pass on the licences of what it is made of.
COPY hack/notices/ hack/notices/
RUN go run ./hack/notices /uptake >/THIRD_PARTY_NOTICES

# Nothing but the program: it brings its time zones and the authorities to trust.
FROM scratch
ARG VERSION=dev REVISION=unknown SOURCE=https://github.com/uptake-dev/uptake
LABEL org.opencontainers.image.title="Uptake" \
      org.opencontainers.image.description="Runs technology-adoption programs as Kubernetes resources" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="$SOURCE" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --chmod=0644 LICENSE /LICENSE
COPY --from=build --chmod=0644 /THIRD_PARTY_NOTICES /THIRD_PARTY_NOTICES
COPY --from=build --chmod=0755 /uptake /uptake
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
ENTRYPOINT ["/uptake"]
