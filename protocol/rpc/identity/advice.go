package identity

import (
	"errors"
	"net"
	"strings"
)

// gRPC makes text of the errors of connections. What a person should read of it stands
// between these.
const (
	markBegin = "identity: ["
	markEnd   = "]:identity"
)

func mark(sentence string) error { return errors.New(markBegin + sentence + markEnd) }

// Advice finds in the text of an error what a person should read of it, if it is about
// the identities of both ends; "" if it is not.
func Advice(text string) string {
	_, rest, found := strings.Cut(text, markBegin)
	sentence, _, ended := strings.Cut(rest, markEnd)
	if !found || !ended {
		return ""
	}
	return sentence
}

// alerts are the texts of crypto/tls by which the other end says why it does not
// accept a certificate, and what that comes to.
var alerts = []struct{ text, means string }{
	{"certificate required", "the server asks for a certificate: give --tls"},
	{"bad certificate", "the server does not accept this certificate, which may have expired by its clock or come from another authority: its log says why"},
	{"protocol version not supported", "the server does not speak TLS 1.3"},
	{"no application protocol", "the server speaks TLS, but does not serve gRPC there: give its --listen address"},
}

// explainAlert makes a sentence of an alert of the other end; other errors stay.
func explainAlert(err error) error {
	var remote *net.OpError
	if !errors.As(err, &remote) || remote.Op != "remote error" {
		return err
	}
	for _, a := range alerts {
		if strings.Contains(remote.Err.Error(), a.text) {
			return mark(a.means)
		}
	}
	return mark("the server ended the handshake: " + remote.Err.Error())
}
