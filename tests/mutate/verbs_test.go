package mutate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/recovery"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/executor"
)

// TestVerbs goes through what an operator does with directories of a cluster
// whose parts are sound, in doubt, old and damaged.
func TestVerbs(t *testing.T) {
	o := makeOriginal(t)
	for name, test := range map[string]func(*testing.T, *original){
		"resolve commits what is decided":              resolveDecided,
		"resolve leaves what is not decided":           resolveUndecided,
		"resolve refuses an old copy of the decisions": resolveOldDecisions,
		"verify finds an old copy of a coordinator":    verifyOldCoordinator,
		"resolve and verify ask a running coordinator": resolveOnline,
		"compare": compareDirectories,
		"inspect shows what a damaged shard holds": inspectDamaged,
		"inspect lists records":                    inspectRecords,
		"repair keeps copies":                      repairKeeps,
		"repair refuses damage":                    repairRefuses,
		"a directory in use":                       inUse,
		"no data directory":                        noData,
	} {
		t.Run(name, func(t *testing.T) { test(t, o) })
	}
}

// copyOf gives a copy of a node's directory.
func (o *original) copyOf(t *testing.T, from, node string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), node)
	copyTree(t, filepath.Join(from, node), dir)
	return dir
}

// plan plans a resolution by the decisions in a directory, and may carry it out.
func plan(t *testing.T, shard, decisions string, carry bool) (*recovery.Resolution, error) {
	t.Helper()
	d, err := recovery.OpenDecisions(decisions)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	r, err := recovery.PlanResolve(context.Background(), shard, d)
	if err != nil {
		return nil, err
	}
	if carry {
		err = r.Carry("a test")
	}
	return r, errors.Join(err, r.Close())
}

func resolveDecided(t *testing.T, o *original) {
	shard, decisions := o.copyOf(t, o.dir, "shard0"), o.copyOf(t, o.dir, coordinatorName)
	before := takePicture(t, shard)
	r, err := plan(t, shard, decisions, false)
	if err != nil || len(r.Settlements) != 1 || r.Settlements[0].Verdict != recovery.Commit || r.Refused() != 0 {
		t.Fatalf("plan: %+v, %v", r, err)
	}
	if after := takePicture(t, shard); !after.equal(before) {
		t.Fatal("a plan has changed files")
	}
	if r, err = plan(t, shard, decisions, true); err != nil || !r.Settlements[0].Done {
		t.Fatalf("carry: %+v, %v", r, err)
	}
	got, err := read(shard, "shard0")
	want := o.truth["shard1"]
	if err != nil || got.height != want.height || got.root != want.root || got.inDoubt != "" {
		t.Fatalf("shard 0 has %+v, %v; shard 1 has %+v", got, err, want)
	}
	wantSound(t, shard, o.decisions)
	wantActs(t, shard, "begun", "done")
	if r, err = plan(t, shard, decisions, true); err != nil || len(r.Settlements) != 0 {
		t.Fatalf("once more: %+v, %v", r, err)
	}
	wantActs(t, shard, "begun", "done")
}

func (p *picture) equal(other *picture) bool {
	if len(p.names) != len(other.names) {
		return false
	}
	for name, content := range p.files {
		if string(other.files[name]) != string(content) || p.sizes[name] != other.sizes[name] {
			return false
		}
	}
	return true
}

func wantSound(t *testing.T, dir string, d recovery.Decisions) {
	t.Helper()
	look, err := recovery.Verify(context.Background(), dir, recovery.VerifyOptions{Decisions: d})
	if err != nil || !look.Sound {
		t.Fatalf("verify %s: %+v, %v", dir, look, err)
	}
}

// wantActs checks the stages of the audit log, and that nobody else reads it.
func wantActs(t *testing.T, dir string, stages ...string) {
	t.Helper()
	path := filepath.Join(dir, recovery.AuditFile)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got []string
	for s := bufio.NewScanner(f); s.Scan(); {
		var act recovery.Act
		if err := json.Unmarshal(s.Bytes(), &act); err != nil {
			t.Fatal(err)
		}
		if act.Who == "" || act.What == "" || act.Why == "" || act.Time.IsZero() {
			t.Errorf("incomplete: %s", s.Text())
		}
		got = append(got, act.Stage)
	}
	if strings.Join(got, " ") != strings.Join(stages, " ") {
		t.Errorf("audit log has %v, want %v", got, stages)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("audit log: %v, %v", info.Mode(), err)
	}
}

func resolveUndecided(t *testing.T, o *original) {
	shard, decisions := o.copyOf(t, o.undecided, "shard0"), o.copyOf(t, o.undecided, coordinatorName)
	before := takePicture(t, shard)
	r, err := plan(t, shard, decisions, true)
	if err != nil || len(r.Settlements) != 1 || r.Settlements[0].Verdict != recovery.Undecidable || r.Refused() != 1 || r.Contradicts() {
		t.Fatalf("%+v, %v", r, err)
	}
	if !strings.Contains(r.Settlements[0].Why, "missing is a decision") {
		t.Errorf("it does not say what is missing: %s", r.Settlements[0].Why)
	}
	if after := takePicture(t, shard); !after.equal(before) {
		t.Error("files were changed")
	}
}

func resolveOldDecisions(t *testing.T, o *original) {
	shard, decisions := o.copyOf(t, o.dir, "shard0"), o.copyOf(t, o.old, coordinatorName)
	if _, err := plan(t, shard, decisions, true); !errors.Is(err, executor.ErrMismatch) {
		t.Fatalf("an old copy of the coordinator is taken: %v", err)
	}
}

func resolveOnline(t *testing.T, o *original) {
	base := scratch(t)
	copyTree(t, o.dir, base)
	m := newMini(t, base, 2)
	m.blocks = 1000 // the keys of others are taken
	m.startCoordinator()
	c, err := client.NewCoordinator(m.clients.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	d, err := recovery.AskDecisions(context.Background(), c, m.clients.Address())
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{"shard0", "shard1"} {
		wantSound(t, m.path(node), d)
	}
	r, err := recovery.PlanResolve(context.Background(), m.path("shard0"), d)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Carry(""), r.Close()); err != nil || !r.Settlements[0].Done {
		t.Fatalf("%+v, %v", r, err)
	}
	m.uplinks[1].Heal()
	m.startShard(0)
	m.startShard(1)
	m.commit(lonely(t))
}

// compareDirectories checks every way in which directories can part.
func compareDirectories(t *testing.T, o *original) {
	now, before := func(n string) string { return o.copyOf(t, o.dir, n) }, func(n string) string { return o.copyOf(t, o.old, n) }
	for _, test := range []struct {
		name  string
		dirs  []string
		sound bool
		want  string
	}{
		{"all", []string{now(coordinatorName), now("shard0"), now("shard1")}, true, ""},
		{"shards only", []string{now("shard0"), now("shard1")}, true, ""},
		{"an old shard", []string{now(coordinatorName), now("shard0"), before("shard1")}, false, "lost data"},
		{"an old shard, without decisions", []string{now("shard0"), before("shard1")}, false, "neither committed nor prepared"},
		{"an old coordinator", []string{before(coordinatorName), now("shard0")}, false, "the decisions"},
		{"one shard twice", []string{now("shard0"), now("shard0")}, false, "one of them is a copy"},
	} {
		c, err := recovery.Compare(context.Background(), test.dirs, recovery.CompareOptions{})
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if c.Sound != test.sound {
			t.Errorf("%s: sound is %v: %v", test.name, c.Sound, c.Findings)
		}
		if !test.sound && !anyFinding(c.Findings, test.want) {
			t.Errorf("%s: no finding says %q: %v", test.name, test.want, c.Findings)
		}
	}
	if _, err := recovery.Compare(context.Background(), []string{now(coordinatorName), before(coordinatorName)}, recovery.CompareOptions{}); !errors.Is(err, recovery.ErrTwoCoordinators) {
		t.Errorf("two coordinators: %v", err)
	}
}

func anyFinding(findings []recovery.Finding, text string) bool {
	for _, f := range findings {
		if strings.Contains(f.String(), text) {
			return true
		}
	}
	return false
}

func verifyOldCoordinator(t *testing.T, o *original) {
	old := o.copyOf(t, o.old, coordinatorName)
	wantSound(t, old, nil)
	look, err := recovery.Verify(context.Background(), old, recovery.VerifyOptions{Decisions: o.decisions})
	if err != nil || look.Sound || !anyFinding(look.Findings, "old copy") {
		t.Errorf("%+v, %v", look, err)
	}
}

// damage changes one byte in the middle of a file.
func damage(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[used(content)/2] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func firstSegment(t *testing.T, dir string) string {
	t.Helper()
	m := &mutator{dir: dir, t: t}
	return filepath.Join(dir, m.segments()[0])
}

func inspectDamaged(t *testing.T, o *original) {
	dir := o.copyOf(t, o.dir, "shard0")
	damage(t, firstSegment(t, dir))
	look, err := recovery.Inspect(dir, recovery.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := o.truth["shard0"]
	if look.Sound || look.Complete || look.Shard == nil || look.Height != want.height || look.Root != want.root.String() ||
		look.Log.Count == 0 || look.Shards != 2 || len(look.InDoubt) != 1 {
		t.Errorf("%+v", look)
	}
	if err := os.Remove(filepath.Join(dir, "state.db")); err != nil {
		t.Fatal(err)
	}
	look, err = recovery.Inspect(dir, recovery.InspectOptions{})
	if err != nil || look.Role != recovery.RoleShard || look.Height != want.height || len(look.Findings) < 2 {
		t.Errorf("without a database: %+v, %v", look, err)
	}
}

func inspectRecords(t *testing.T, o *original) {
	for node, want := range map[string]string{"shard0": "prepared", coordinatorName: "decided"} {
		look, err := recovery.Inspect(filepath.Join(o.copyOf(t, o.dir, node)), recovery.InspectOptions{Records: true})
		if err != nil || len(look.Log.Records) != look.Log.Count || len(look.Log.Segments) == 0 {
			t.Fatalf("%s: %d records of %d: %v", node, len(look.Log.Records), look.Log.Count, err)
		}
		found := false
		for _, r := range look.Log.Records {
			found = found || (r.Type == want && r.Height > 0 && r.Attempt != "" && r.Bytes > 0)
		}
		if !found {
			t.Errorf("%s: no record is %q", node, want)
		}
	}
}

func repairKeeps(t *testing.T, o *original) {
	dir := o.copyOf(t, o.dir, "shard0")
	m := &mutator{dir: dir, t: t}
	all := m.segments()
	torn := filepath.Join(dir, all[len(all)-1])
	content, err := os.ReadFile(torn)
	if err != nil {
		t.Fatal(err)
	}
	content = append(content, "the beginning of a record"...)
	leftover := filepath.Join(dir, "state.db.new-1")
	if err := errors.Join(os.WriteFile(torn, content, 0o600), os.WriteFile(leftover, []byte("half"), 0o600)); err != nil {
		t.Fatal(err)
	}
	p, err := recovery.PlanRepair(dir, nil)
	if err != nil || len(p.Mends) != 2 || len(p.Refused) != 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	if err := p.Carry(""); err != nil {
		t.Fatal(err)
	}
	for _, mend := range p.Mends {
		kept, err := os.ReadFile(filepath.Join(dir, mend.Kept))
		if err != nil || !mend.Done || (string(kept) != string(content) && string(kept) != "half") {
			t.Errorf("%+v: %d bytes are kept, %v", mend, len(kept), err)
		}
	}
	wantSound(t, dir, o.decisions)
	wantActs(t, dir, "begun", "done")
	if got, err := read(dir, "shard0"); err != nil || got != o.truth["shard0"] {
		t.Errorf("%+v, %v", got, err)
	}
	if p, err = recovery.PlanRepair(dir, nil); err != nil || len(p.Mends) != 0 {
		t.Errorf("once more: %+v, %v", p, err)
	}
}

func repairRefuses(t *testing.T, o *original) {
	dir := o.copyOf(t, o.dir, "shard0")
	damage(t, firstSegment(t, dir))
	before := takePicture(t, dir)
	p, err := recovery.PlanRepair(dir, nil)
	if err == nil {
		err = p.Carry("")
	}
	if err != nil || len(p.Mends) != 0 || len(p.Refused) == 0 || p.Refused[0].Do == "" {
		t.Errorf("%+v, %v", p, err)
	}
	if !takePicture(t, dir).equal(before) {
		t.Error("files were changed")
	}
}

func inUse(t *testing.T, o *original) {
	dir := o.copyOf(t, o.dir, "shard0")
	s, err := executor.Open(shardOptions(dir, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, inspected := recovery.Inspect(dir, recovery.InspectOptions{})
	_, verified := recovery.Verify(context.Background(), dir, recovery.VerifyOptions{})
	_, planned := recovery.PlanRepair(dir, nil)
	_, resolved := recovery.PlanResolve(context.Background(), dir, o.decisions)
	for what, err := range map[string]error{"inspect": inspected, "verify": verified, "repair": planned, "resolve": resolved} {
		if !recovery.InUse(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func noData(t *testing.T, _ *original) {
	if _, err := recovery.Inspect(t.TempDir(), recovery.InspectOptions{}); !errors.Is(err, recovery.ErrNoData) || recovery.IsDamage(err) {
		t.Errorf("an empty directory: %v", err)
	}
	if _, err := recovery.Inspect(filepath.Join(t.TempDir(), "none"), recovery.InspectOptions{}); !os.IsNotExist(err) {
		t.Errorf("no directory: %v", err)
	}
}
