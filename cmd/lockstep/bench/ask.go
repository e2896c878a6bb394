package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/certset"
)

// askTimeout bounds how long a daemon may take to tell its status.
const askTimeout = 5 * time.Second

// pages are what a daemon tells over HTTP.
type pages struct {
	address string       // "" if it tells nothing
	certs   *certset.Set // nil for plaintext
}

// fsyncs asks the daemon how often it has forced its files since its start; nil if it
// does not tell.
func (p pages) fsyncs() *int64 {
	var status struct {
		Fsyncs *int64 `json:"fsyncs"`
	}
	if p.ask(context.Background(), &status) != nil {
		return nil
	}
	return status.Fsyncs
}

// ask reads the status of the daemon.
func (p pages) ask(ctx context.Context, status any) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	response, err := p.get(ctx, "/status")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the daemon at %s does not tell its status: %s", p.address, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(status)
}

// get is a request to the daemon. The caller closes the body.
func (p pages) get(ctx context.Context, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.certs.URL(p.address, path), nil)
	if err != nil {
		return nil, err
	}
	return (&http.Client{Transport: p.certs.Transport()}).Do(request)
}
