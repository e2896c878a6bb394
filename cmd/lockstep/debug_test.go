package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bundle"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/clustertest"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/diagnose"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const seededSecret = "hunter2-do-not-tell"

// telling serves a daemon that tells of itself and does nothing else.
func telling(t *testing.T) (address string) {
	t.Helper()
	t.Setenv("AWS_SECRET_ACCESS_KEY", seededSecret)
	t.Setenv("LOCKSTEP_TOKEN", seededSecret)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log diagnose.Ring
	log.Write([]byte("a line of the log\n"))
	server := rpc.NewServer(rpc.ServerOptions{})
	diagnose.NewService(diagnose.AccessLocal, diagnose.Daemon{
		Build: build().Complete(), Directory: t.TempDir(), Log: &log, Ready: func() error { return nil }, Metrics: prometheus.NewRegistry(),
		Settings: []cli.Setting{{Name: "token", Value: seededSecret}},
	}.Parts()).Register(server)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// unpack gives the files of a bundle, those that are packed themselves unpacked.
func unpack(t *testing.T, path string) map[string][]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(zip); ; {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		var content io.Reader = archive
		if strings.HasSuffix(head.Name, ".gz") {
			if content, err = gzip.NewReader(archive); err != nil {
				t.Fatalf("%s: %v", head.Name, err)
			}
		}
		if files[head.Name], err = io.ReadAll(content); err != nil {
			t.Fatalf("%s: %v", head.Name, err)
		}
	}
}

// One daemon tells, one is of a release that does not, one is gone, and of one
// nobody knows where it is.
func TestDebugBundle(t *testing.T) {
	s := clustertest.Start(t)
	s.Cluster.Shards = []*wirepb.ShardStatus{{Id: 0, Address: telling(t)}, {Id: 1, Address: "127.0.0.1:1"}, {Id: 2}}
	out := filepath.Join(t.TempDir(), "bundle.tar.gz")
	r := lockstep(t, "", "debug", "bundle", "--coordinator", s.Address, "--out", out, "--measure", "1s")
	if r.code != cli.ExitDone {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	files := unpack(t, out)
	for name, content := range files {
		if bytes.Contains(content, []byte(seededSecret)) {
			t.Errorf("%s tells the secret", name)
		}
	}
	for name, says := range map[string]string{
		"01-shard-0/log.txt": "a line of the log", "01-shard-0/goroutine.txt": "goroutine profile:", "01-shard-0/cpu.pb.gz": "", "01-shard-0/mutex.pb.gz": "",
		"01-shard-0/heap.pb.gz": "", "01-shard-0/settings.json": "(not told)", "01-shard-0/environment.json": "{", "01-shard-0/machine.json": "cpus",
		"01-shard-0/readiness.txt": "ready", "01-shard-0/version.json": "go1.", "01-shard-0/files.json": "[]", "cluster.json": `"shards"`,
	} {
		if content, ok := files[name]; !ok || !bytes.Contains(content, []byte(says)) {
			t.Errorf("%s is %q, which does not say %q", name, content, says)
		}
	}
	var m bundle.Manifest
	if err := json.Unmarshal(files["manifest.json"], &m); err != nil || len(m.Nodes) != 4 {
		t.Fatalf("%d daemons, %v", len(m.Nodes), err)
	}
	for i, why := range []string{"is of a release that tells nothing of itself", "", "cannot be reached", "nobody knows its address"} {
		if got := m.Nodes[i].Why(); i != 1 && !strings.Contains(got, why) {
			t.Errorf("%s: %q, want %q", m.Nodes[i].Name, got, why)
		}
		if !strings.Contains(r.out, why) {
			t.Errorf("%q is not in\n%s", why, r.out)
		}
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
	wantFailure(t, lockstep(t, "", "debug", "bundle", "--coordinator", s.Address, "--out", out, "--log-level", "off"), cli.ExitFailed, "file exists: give another --out")
}

// Without any coordinator there is a bundle all the same.
func TestDebugBundleOfShardsAlone(t *testing.T) {
	out := filepath.Join(t.TempDir(), "bundle.tar.gz")
	r := lockstep(t, "", "debug", "bundle", "--coordinator", "127.0.0.1:1", "--shard", telling(t), "--out", out, "--measure", "1s", "-o", "json")
	var told struct {
		File string
		bundle.Manifest
	}
	if err := json.Unmarshal([]byte(r.out), &told); err != nil || r.code != cli.ExitDone || told.File != out {
		t.Fatalf("exit code %d, %v: %s%s", r.code, err, r.out, r.err)
	}
	if len(told.Nodes) != 2 || told.Nodes[0].Have() != 0 || told.Nodes[1].Have() < 10 || len(told.Missing) != 1 {
		t.Errorf("has %+v", told.Manifest)
	}
}

// A name that is taken stays what it is, and what a link leads to too.
func TestDebugBundleOverwritesNothing(t *testing.T) {
	folder := t.TempDir()
	target, link := filepath.Join(folder, "target"), filepath.Join(folder, "bundle.tar.gz")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"that leads nowhere", "to a file"} {
		_, _, err := writeBundle(t.Context(), link, bundle.Options{})
		if !errors.Is(err, os.ErrExist) {
			t.Errorf("a link %s: %v", when, err)
		}
		if err := os.WriteFile(target, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if content, err := os.ReadFile(target); string(content) != "precious" || err != nil {
		t.Errorf("the file holds %q, %v", content, err)
	}
}

// What cannot be finished leaves no file behind.
func TestDebugBundleInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := filepath.Join(t.TempDir(), "bundle.tar.gz")
	_, _, err := writeBundle(ctx, out, bundle.Options{Targets: []bundle.Target{{Name: "shard-0", Address: telling(t)}}})
	if _, gone := os.Stat(out); err == nil || !errors.Is(gone, os.ErrNotExist) {
		t.Errorf("ends with %v, and the file: %v", err, gone)
	}
	wantFailure(t, lockstep(t, "", "debug", "bundle", "--measure", "1h"), cli.ExitUsage, "--measure must be between 1s and 30s")
}
