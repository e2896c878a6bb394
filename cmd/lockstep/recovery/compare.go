package recovery

import (
	"context"
	"errors"
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Comparison is several data directories side by side.
type Comparison struct {
	Looks    []*Look   `json:"directories"`
	Source   string    `json:"decisions"` // what the shards were compared with
	Parted   *Parting  `json:"parted,omitempty"`
	Sound    bool      `json:"sound"`
	Findings []Finding `json:"findings"`
}

// Parting is the first place at which the directories tell different histories.
type Parting struct {
	Height protocol.Height `json:"height"`
	Shard  uint32          `json:"shard"`
	What   string          `json:"what"`
}

// CompareOptions say what else to compare with.
type CompareOptions struct {
	Decisions Decisions // of a running coordinator; nil if there is none
	Progress  Progress
}

// ErrTwoCoordinators says that more than one source of decisions was given.
var ErrTwoCoordinators = errors.New("give the decisions of one coordinator only")

// Compare looks at several directories and says whether they tell one history:
// the same cluster, each shard once, and at every height that can be compared
// the attempt, digest and root that were decided. Without decisions the shards
// are compared with each other.
func Compare(ctx context.Context, dirs []string, o CompareOptions) (*Comparison, error) {
	c := &comparison{result: &Comparison{Findings: []Finding{}}, decisions: o.Decisions}
	err := c.open(dirs, o.Progress)
	if err == nil {
		err = c.compare(ctx)
	}
	for _, i := range c.inspections {
		err = errors.Join(err, i.close())
	}
	if err != nil {
		return nil, err
	}
	c.conclude()
	return c.result, nil
}

type comparison struct {
	result      *Comparison
	inspections []*inspection // by place of the look
	decisions   Decisions
}

func (c *comparison) open(dirs []string, progress Progress) error {
	for _, dir := range dirs {
		look, i, err := open(dir, InspectOptions{Progress: progress})
		if err != nil {
			return err
		}
		look.Checked = &Checked{Records: look.Log.Count}
		c.result.Looks, c.inspections = append(c.result.Looks, look), append(c.inspections, i)
		if i.decided == nil {
			continue
		}
		if c.decisions != nil {
			return fmt.Errorf("%w: %s, and the %s", ErrTwoCoordinators, dir, c.decisions.Source())
		}
		c.decisions = &StoppedDecisions{dir: dir, offline: i.decided}
	}
	return nil
}

func (c *comparison) compare(ctx context.Context) error {
	c.compareIdentities()
	if c.decisions == nil {
		c.result.Source = "the shards with each other"
		newWitnesses(c).compare()
		return nil
	}
	c.result.Source = c.decisions.Source()
	for n, look := range c.result.Looks {
		if look.Role != RoleShard {
			continue
		}
		if err := look.compareWith(ctx, c.inspections[n], c.decisions); err != nil {
			return err
		}
	}
	return nil
}

// compareIdentities checks that the directories are of one cluster, that no
// shard is there twice, and that each is the one the coordinator knows.
func (c *comparison) compareIdentities() {
	var first *Look
	at := map[uint32]string{}
	for _, l := range c.result.Looks {
		if l.Cluster != "" && l.Cluster != (protocol.ClusterID{}).String() {
			if first == nil {
				first = l
			} else if l.Cluster != first.Cluster {
				l.find(Finding{Part: PartDirectory, Do: doCluster, What: fmt.Sprintf("it is of cluster %s, %s is of cluster %s", l.Cluster, first.Path, first.Cluster)})
			}
		}
		if l.Shard == nil {
			continue
		}
		if other, twice := at[*l.Shard]; twice {
			l.find(Finding{Part: PartDirectory, Do: doTogether, What: fmt.Sprintf("it is of shard %d, and so is %s: one of them is a copy", *l.Shard, other)})
		}
		at[*l.Shard] = l.Path
		c.compareBinding(l)
	}
}

func (c *comparison) compareBinding(shard *Look) {
	for _, l := range c.result.Looks {
		if bound, ok := l.Joined[*shard.Shard]; ok && bound != shard.Directory {
			shard.find(Finding{Part: PartDirectory, Do: doTogether,
				What: fmt.Sprintf("it has id %s, the coordinator in %s knows shard %d by directory %s", shard.Directory, l.Path, *shard.Shard, bound)})
		}
	}
}

// conclude collects the findings, and looks for the first parting among them.
func (c *comparison) conclude() {
	for _, l := range c.result.Looks {
		l.conclude()
		for _, f := range l.Findings {
			f.Path = l.Path
			c.result.Findings = append(c.result.Findings, f)
			p := c.result.Parted
			if l.Shard != nil && f.Height > 0 && (p == nil || f.Height < p.Height) {
				c.result.Parted = &Parting{Height: f.Height, Shard: *l.Shard, What: f.What}
			}
		}
	}
	c.result.Sound = len(c.result.Findings) == 0
}
