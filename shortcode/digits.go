package shortcode

// Digits is the dialled number without what only separates its digits, with its plus
// where it has one; false when it is not a number.
func (d Dialled) Digits() (string, bool) {
	n, ok := d.number()
	if !ok {
		return "", false
	}
	if n.plus {
		return "+" + n.digits, true
	}
	return n.digits, true
}
