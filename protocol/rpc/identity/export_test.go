package identity

// WarnOfExpiry is what Watch does at every look.
func (i *Identity) WarnOfExpiry() { i.warnOfExpiry() }

// Held counts what ends when a peer is not to be trusted any more.
func (i *Identity) Held() int { return len(i.heldNow()) }

// Sweep is what Watch does at every look.
func (i *Identity) Sweep() { i.sweep() }

// WhileFilesHang does something while the files of an identity are being read.
func (i *Identity) WhileFilesHang(do func()) {
	i.reloading.Lock()
	defer i.reloading.Unlock()
	do()
}
