package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// askTimeout bounds how long a daemon may take to tell its status.
const askTimeout = 5 * time.Second

// fsyncs asks the daemon that serves HTTP at an address how often it has forced
// its files since its start; nil if it does not tell.
func fsyncs(address string) *int64 {
	var status struct {
		Fsyncs *int64 `json:"fsyncs"`
	}
	if ask(context.Background(), address, &status) != nil {
		return nil
	}
	return status.Fsyncs
}

// ask reads the status of a daemon.
func ask(ctx context.Context, address string, status any) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	response, err := get(ctx, address, "/status")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the daemon at %s does not tell its status: %s", address, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(status)
}

// get is a request to a daemon. The caller closes the body.
func get(ctx context.Context, address, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(request)
}
