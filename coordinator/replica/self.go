package replica

// Identity says who this replica is; its cluster is zero while that is not known.
func (r *Replica) Identity() Identity { return r.identity() }
