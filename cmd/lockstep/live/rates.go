package live

import (
	"fmt"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// rates is how fast blocks were committed between the last two looks.
type rates struct {
	blocks, transactions float64 // a second
	known                bool    // two looks at one epoch
}

// ratesBetween compares two looks, so far apart. Another epoch counts its
// transactions from the beginning, so it takes two looks again.
func ratesBetween(before, now report.Cluster, apart time.Duration) rates {
	if apart <= 0 || before.Cluster != now.Cluster || before.Epoch != now.Epoch ||
		now.Height < before.Height || now.Transactions < before.Transactions {
		return rates{}
	}
	seconds := apart.Seconds()
	return rates{
		blocks:       float64(now.Height-before.Height) / seconds,
		transactions: float64(now.Transactions-before.Transactions) / seconds,
		known:        true,
	}
}

func (r rates) String() string {
	if !r.known {
		return "- tx/s  - blocks/s"
	}
	return fmt.Sprintf("%s tx/s  %s blocks/s", rate(r.transactions), rate(r.blocks))
}

// rate writes a number with one digit behind the point if it is small.
func rate(perSecond float64) string {
	if perSecond > 0 && perSecond < 100 {
		return fmt.Sprintf("%.1f", perSecond)
	}
	return report.Count(int64(perSecond + 0.5))
}
