//go:build !linux

package splice

import "errors"

func newPipe() (*Pipe, error) { return nil, errors.ErrUnsupported }

func (p *Pipe) close() {}

// Fill is never reached: without splice no pool hands out a pipe.
func (p *Pipe) Fill(uintptr) (int, error) { return 0, errors.ErrUnsupported }

// Pour is never reached: without splice no pool hands out a pipe.
func (p *Pipe) Pour(uintptr) (int, error) { return 0, errors.ErrUnsupported }
