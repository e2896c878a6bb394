package replica

// readNewestHead reads the head of the newest snapshot in a directory; zero if
// there is none.
func readNewestHead(string) (snapshotHead, error) { return snapshotHead{}, nil }
