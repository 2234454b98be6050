// Pins Gateway API, whose definitions the demo installs: make generate copies them.
// A module is kept only for a package of it, so one of its programs is named here.
module github.com/uptake-dev/uptake/hack/gatewayapi

go 1.26.0

tool sigs.k8s.io/gateway-api/hack/supportedfeatures

require (
	k8s.io/apimachinery v0.36.1 // indirect
	sigs.k8s.io/gateway-api v1.6.3 // indirect
)
