package main

import (
	"context"
	"errors"
)

func measureRelay(ctx context.Context, s system, on *process, dir string, n int, add adder) error {
	return errors.New("not yet")
}
