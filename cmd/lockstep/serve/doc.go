// Package serve is what the daemons share for serving: listening with errors
// that say what to do, and the HTTP endpoints for probes, metrics and status.
//
//	GET /livez    200 while the process makes progress, else 503 and the reason
//	GET /readyz   200 when it can do its work, else 503 and the reason
//	GET /metrics  Prometheus
//	GET /status   JSON, if the daemon has one to give
//	/             what the daemon adds, for example a dashboard
package serve
