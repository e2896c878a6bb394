// Package monitoring holds tests of what is under packaging for Prometheus and
// Grafana: that every expression can be parsed and asks for metrics that exist,
// that every alert has its runbook, and that alerts come when real clusters are
// broken. The expressions are evaluated by the engine of Prometheus itself, which
// is why this is a module of its own: its dependencies reach nobody else.
// It has no code of its own.
//
//	make monitoring
package monitoring
