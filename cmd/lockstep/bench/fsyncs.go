package bench

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// askTimeout bounds how long a daemon may take to tell its status.
const askTimeout = 5 * time.Second

// fsyncs asks the daemon that serves HTTP at an address how often it has forced
// its files since its start; nil if it does not tell.
func fsyncs(address string) *int64 {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/status", nil)
	if err != nil {
		return nil
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	var status struct {
		Fsyncs *int64 `json:"fsyncs"`
	}
	if response.StatusCode != http.StatusOK || json.NewDecoder(response.Body).Decode(&status) != nil {
		return nil
	}
	return status.Fsyncs
}
