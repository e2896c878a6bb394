package broken

func f() int { return "no number" }
