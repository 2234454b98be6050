# One command each: `make` lists them. Versions of tools are pinned in hack/*/go.mod.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
FUZZTIME ?= 30s
SOAK     ?= 1h
ARGS     ?=

# Of the image; the only time in it is that of the commit.
PLATFORMS ?= linux/amd64,linux/arm64
DIST      ?= dist
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

# Outside of go.work, which is for tests.
TOOL := GOWORK=off go tool -modfile=hack/tools/go.mod

# What `make generate` writes and `make verify` compares.
GENERATED := internal/demo/gatewayapi config/crd/bases config/rbac/role.yaml config/argocd/argocd-cm.yaml docs/reference.md docs/reliability.md docs/security.md api/v1alpha1/zz_generated.deepcopy.go

##@ Use

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the operator and the demo into bin/
	@[[ -x bin/uptake ]] || echo "Compiling the operator. The first time this takes 2 to 5 minutes on two cores."
	@CGO_ENABLED=0 GOWORK=off go build -trimpath -buildvcs=false -ldflags "-X main.version=$(VERSION) -X main.commit=$(REVISION)" -o bin/ ./cmd/...

.PHONY: image
image: ## Build the image, without a container engine, as an OCI layout in dist/image
	@echo "Compiling for $(PLATFORMS). The first time this takes 3 to 5 minutes for each on two cores, and on busy ones 10."
	@CGO_ENABLED=0 GOWORK=off GOFLAGS= SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) go run -C hack/image . -C "$(CURDIR)" \
		-version "$(VERSION)" -revision "$(REVISION)" -platforms "$(PLATFORMS)" -output "$(abspath $(DIST))"

.PHONY: demo
demo: build ## Run the demo on a control plane of its own; ARGS="..." are passed on
	@KUBEBUILDER_ASSETS=$$(hack/controlplane/build.sh); \
	export KUBEBUILDER_ASSETS; \
	exec bin/uptake-demo $(ARGS)

##@ Check

# The race detector slows a test down up to tenfold, hence the generous timeout;
# -p 2 keeps two cores from running more control planes than they can carry. Nothing
# is taken from Go's cache: some tests run programs that it knows nothing of.
.PHONY: test
test: ## Run every test, on a real control plane, Prometheus, PostgreSQL and MariaDB
	@command -v "$${CC:-gcc}" >/dev/null || { \
		echo "The race detector needs a C compiler: install gcc, or set CC." >&2; exit 1; }
	@KUBEBUILDER_ASSETS=$$(hack/controlplane/build.sh); \
	UPTAKE_PROMETHEUS=$$(hack/prometheus.sh); \
	DATABASES=$$(hack/databases.sh); \
	HELM=$$(hack/helm/build.sh); \
	LENS=$$(hack/lens/build.sh); \
	export KUBEBUILDER_ASSETS UPTAKE_PROMETHEUS CGO_ENABLED=1 $$DATABASES $$HELM $$LENS; \
	go test -json -race -count=1 -p 2 -timeout 20m ./... ./test/... | go run ./hack/testreport

.PHONY: test-argocd
test-argocd: ## Run the tests with a real Argo CD, which is compiled first
	@KUBEBUILDER_ASSETS=$$(hack/controlplane/build.sh); \
	ARGOCD=$$(hack/argocd/build.sh); \
	export KUBEBUILDER_ASSETS $$ARGOCD; \
	go test -tags argocd -json -count=1 -timeout 20m ./test/argocd | go run ./hack/testreport

.PHONY: lint
lint: bin/golangci-lint ## Lint the code, and the API against the Kubernetes API conventions
	GOWORK=off bin/golangci-lint run
	cd test && GOWORK=off ../bin/golangci-lint run --config ../.golangci.yml
	cd hack/image && GOWORK=off ../../bin/golangci-lint run --config ../../.golangci.yml

.PHONY: verify
verify: generate ## Fail when generated files or go.mod are not up to date
	GOWORK=off go mod tidy -diff
	GOWORK=off go -C test mod tidy -diff
	@stale=$$(git status --porcelain -- $(GENERATED)); \
	if [[ -n $$stale ]]; then \
		git --no-pager diff -- $(GENERATED); \
		echo "Not up to date; run 'make generate' and commit:" >&2; echo "$$stale" >&2; exit 1; \
	fi

.PHONY: bench
bench: ## Run the benchmarks
	go test -run '^$$' -bench . -benchmem ./... ./test/...

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (30s)
	hack/fuzz.sh $(FUZZTIME)

# Together under 4 minutes: the target that looks for what takes too long gets the most.
.PHONY: fuzz-ci
fuzz-ci: ## Run the fuzz target that bounds expressions for a minute, as CI does
	go test -run '^$$' -fuzz '^FuzzNoEvaluationTakesTooMuch$$' -fuzztime 60s ./internal/source/expressions

.PHONY: vuln
vuln: ## Look for known weaknesses in what is shipped; needs the database of Go on the network
	hack/vuln/check.sh

.PHONY: soak
soak: ## Have objects come and go for SOAK (1h), and see that the operator does not grow
	@KUBEBUILDER_ASSETS=$$(hack/controlplane/build.sh); \
	export KUBEBUILDER_ASSETS UPTAKE_SOAK=$(SOAK); \
	go test -count=1 -timeout 0 -v ./test/soak

.PHONY: release
release: ## Make the files of a release from TAG, signed with the key in the file KEY, in dist/release
	go run ./hack/release build -tag "$(TAG)" -key "$(KEY)" -platforms "$(PLATFORMS)" -output "$(abspath $(DIST))/release"

##@ Change

.PHONY: generate
generate: ## Generate deep copies, CRDs, the manager's role, the chart's copies, the API reference, and what tests show
	$(TOOL) controller-gen object:headerFile=hack/boilerplate.go.txt paths=./api/...
	$(TOOL) controller-gen crd paths=./api/... output:crd:dir=config/crd/bases
	$(TOOL) controller-gen rbac:roleName=uptake-manager paths=./controllers/... output:rbac:dir=config/rbac
	go run ./hack/argocdcm config/argocd/resource_customizations > config/argocd/argocd-cm.yaml
	rm -f internal/demo/gatewayapi/*.yaml
	install -m 644 $$(GOWORK=off go list -C hack/gatewayapi -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)/config/crd/standard/gateway.networking.k8s.io_{gatewayclasses,gateways,httproutes}.yaml internal/demo/gatewayapi/
	@# A chart holds only files of its own folder: what config says is copied, never written twice.
	rm -rf charts/uptake/files/{crds,rbac,admission}
	mkdir -p charts/uptake/files/{crds,rbac,admission}
	install -m 644 config/crd/bases/*.yaml charts/uptake/files/crds/
	install -m 644 config/rbac/{role,leader_election,inventory,users,metrics_reader}.yaml charts/uptake/files/rbac/
	install -m 644 config/admission/{accounts,approvals,decisions,intervals,opened_barriers}.yaml charts/uptake/files/admission/
	mkdir -p docs
	$(TOOL) crd-ref-docs --source-path=api --config=hack/crd-ref-docs.yaml \
		--renderer=markdown --max-depth=20 --log-level=ERROR --output-path=docs/reference.md
	go run ./hack/proof .

.PHONY: fmt
fmt: bin/golangci-lint ## Format the code
	GOWORK=off bin/golangci-lint fmt
	cd test && GOWORK=off ../bin/golangci-lint fmt --config ../.golangci.yml

.PHONY: clean
clean: ## Remove what was built, the control plane too
	rm -rf bin dist

bin/golangci-lint: hack/lint/go.mod hack/lint/go.sum
	@echo "Compiling the linter. The first time this takes 3 to 10 minutes on two cores."
	CGO_ENABLED=0 GOWORK=off go build -C hack/lint -trimpath -o ../../$@ sigs.k8s.io/kube-api-linter/cmd/golangci-lint-kube-api-linter
