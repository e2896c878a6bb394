package raftnet

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// errMalformed is wrapped by errors about messages that no coordinator sends.
var errMalformed = errors.New("malformed replication message")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errMalformed, fmt.Sprintf(format, args...))
}

const (
	maxNameBytes    = 128
	maxAddressBytes = 512
)

// member is what a coordinator says of itself.
type member struct {
	Identity
	address raft.ServerAddress
}

// header is that of a request or answer of raft.
func (m member) header(version raft.ProtocolVersion) raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: version, ID: []byte(m.Name), Addr: []byte(m.address)}
}

func (t *Transport) self() *wirepb.ReplicationMember {
	me := t.options.Identity()
	m := &wirepb.ReplicationMember{Name: string(me.Name), Directory: me.Directory[:], Address: string(t.options.Address)}
	if !me.Cluster.IsZero() {
		m.Cluster = me.Cluster[:]
	}
	return m
}

// caller says that this coordinator calls a target.
func (t *Transport) caller(target raft.ServerID) *wirepb.ReplicationCaller {
	c := &wirepb.ReplicationCaller{Member: t.self(), Target: string(target)}
	if directory, known := t.options.Expect(target); known {
		c.TargetDirectory = directory[:]
	}
	return c
}

func parseMember(m *wirepb.ReplicationMember) (member, error) {
	var parsed member
	switch {
	case len(m.GetName()) == 0 || len(m.GetName()) > maxNameBytes:
		return parsed, malformed("a name of %d bytes, want 1 to %d", len(m.GetName()), maxNameBytes)
	case len(m.GetAddress()) == 0 || len(m.GetAddress()) > maxAddressBytes:
		return parsed, malformed("an address of %d bytes, want 1 to %d", len(m.GetAddress()), maxAddressBytes)
	case len(m.GetDirectory()) != len(parsed.Directory):
		return parsed, malformed("a directory id of %d bytes, want %d", len(m.GetDirectory()), len(parsed.Directory))
	case len(m.GetCluster()) != 0 && len(m.GetCluster()) != len(parsed.Cluster):
		return parsed, malformed("a cluster id of %d bytes, want none or %d", len(m.GetCluster()), len(parsed.Cluster))
	}
	copy(parsed.Cluster[:], m.Cluster)
	copy(parsed.Directory[:], m.Directory)
	parsed.Name, parsed.address = raft.ServerID(m.Name), raft.ServerAddress(m.Address)
	if parsed.Directory.IsZero() {
		return parsed, malformed("%q has no directory id", parsed.Name)
	}
	return parsed, nil
}

// admit checks who calls. An error is a *RefusedError, wraps errMalformed, or is one of
// gRPC about a caller that is not who it says.
func (t *Transport) admit(ctx context.Context, c *wirepb.ReplicationCaller) (member, error) {
	from, err := parseMember(c.GetMember())
	if err != nil {
		return from, err
	}
	if err := identity.Claims(ctx, identity.Coordinator, string(from.Name)); err != nil {
		return from, err
	}
	if n := len(c.TargetDirectory); n != 0 && n != len(from.Directory) {
		return from, malformed("%q expects a directory id of %d bytes, want none or %d", from.Name, n, len(from.Directory))
	}
	if err := t.judgeCaller(from, c); err != nil {
		t.peers.refused(from.Name, err)
		return from, err
	}
	t.met(from.Name, from.Directory)
	return from, nil
}

func (t *Transport) judgeCaller(from member, c *wirepb.ReplicationCaller) *RefusedError {
	me := t.options.Identity()
	switch {
	case c.Target != string(me.Name):
		return refused(from.Name, OtherName, "%s called this coordinator %q, but it is %s: correct the address of %q",
			from.Name, c.Target, me.Name, c.Target)
	case differ(me.Cluster, from.Cluster):
		return otherCluster(from.Name, me, from.Identity)
	case len(c.TargetDirectory) != 0 && protocol.DirectoryID(c.TargetDirectory) != me.Directory:
		return otherDirectory(from.Name, me.Name, me.Directory, protocol.DirectoryID(c.TargetDirectory))
	case from.Name == me.Name && from.Directory != me.Directory:
		return refused(from.Name, OtherDirectory, "another coordinator at %s is called %s too: start it under a name of its own",
			from.address, me.Name)
	}
	return t.judgeDirectory(from)
}

// judgeDirectory compares the directory of a peer with what is recorded.
func (t *Transport) judgeDirectory(m member) *RefusedError {
	if known, ok := t.options.Expect(m.Name); ok && known != m.Directory {
		return otherDirectory(m.Name, m.Name, m.Directory, known)
	}
	return nil
}

// mayVote keeps a coordinator with a new disk from electing one that has more than
// the list of members, which is entry 1, unless that one knows the new disk: under
// the same name there may have been another, which acknowledged what the candidate
// lacks.
func (t *Transport) mayVote(c *wirepb.ReplicationCaller, lastIndex uint64) error {
	if lastIndex <= 1 || len(c.GetTargetDirectory()) > 0 || !t.options.Fresh() {
		return nil
	}
	candidate, me := raft.ServerID(c.GetMember().GetName()), t.options.Identity()
	err := refused(candidate, OtherDirectory, "%s has an empty data directory, which %s does not know: if it had another one, remove it and add it under a new name; else a leader has to hear of it first",
		me.Name, candidate)
	t.peers.refused(candidate, err)
	return err
}

// answered checks who answered a call to a target.
func (t *Transport) answered(target raft.ServerID, m *wirepb.ReplicationMember) (member, error) {
	by, err := parseMember(m)
	if err != nil {
		return by, err
	}
	if err := t.judgeAnswer(target, by); err != nil {
		return by, err
	}
	t.met(target, by.Directory)
	return by, nil
}

func (t *Transport) judgeAnswer(target raft.ServerID, by member) error {
	me := t.options.Identity()
	var err *RefusedError
	switch {
	case by.Name != target:
		err = refused(target, OtherName, "%s answers where %s was expected: correct the address of %s", by.Name, target, target)
	case differ(me.Cluster, by.Cluster):
		err = otherCluster(target, me, by.Identity)
	default:
		err = t.judgeDirectory(by)
	}
	if err != nil { // not a nil pointer in an interface
		return err
	}
	return nil
}

// met notes contact with a peer that is who it should be.
func (t *Transport) met(peer raft.ServerID, directory protocol.DirectoryID) {
	t.peers.contact(peer)
	if _, known := t.options.Expect(peer); !known {
		t.options.Met(peer, directory)
	}
}

// differ reports whether both clusters are known and not the same.
func differ(a, b protocol.ClusterID) bool { return !a.IsZero() && !b.IsZero() && a != b }

func otherCluster(peer raft.ServerID, me, other Identity) *RefusedError {
	return refused(peer, OtherCluster, "%s belongs to cluster %v and %s to cluster %v: they cannot be members of one cluster, correct the addresses",
		other.Name, other.Cluster, me.Name, me.Cluster)
}

// otherDirectory is about the coordinator called name, which is the peer or this
// one.
func otherDirectory(peer, name raft.ServerID, has, recorded protocol.DirectoryID) *RefusedError {
	return refused(peer, OtherDirectory, "%s came back with another data directory (%v, not %v): remove it and add it under a new name",
		name, has, recorded)
}
