package identity

// WarnOfExpiry is what Watch does at every look.
func (i *Identity) WarnOfExpiry() { i.warnOfExpiry() }
