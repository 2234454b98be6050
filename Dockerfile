FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH VERSION=dev
WORKDIR /src
# Modules first: this layer is reused until the requirements change.
COPY go.mod go.sum ./
RUN go mod download
COPY api/ api/
COPY cmd/ cmd/
COPY controllers/ controllers/
COPY internal/ internal/
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /uptake ./cmd/uptake

# No shell, no package manager, and a user who is not root.
FROM gcr.io/distroless/static:nonroot
COPY --from=build /uptake /uptake
USER 65532:65532
ENTRYPOINT ["/uptake"]
