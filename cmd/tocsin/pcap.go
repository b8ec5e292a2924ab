package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/tocsin-sip/tocsin/app"
	"github.com/tocsin-sip/tocsin/capture"
	"github.com/tocsin-sip/tocsin/store"
)

type callsPCAPCommand struct {
	ID     string `arg:"" help:"The call, as the list names it."`
	Output string `short:"o" placeholder:"FILE" help:"Write to a file instead of standard output."`
}

func (x callsPCAPCommand) Run(c *command, w *world) error {
	s, err := c.openStore(w.ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	ms, err := messagesOf(w.ctx, s, x.ID)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if c.JSON {
		err = printJSON(&file, jsonMessages(ms))
	} else {
		err = capture.WritePCAP(&file, ms)
	}
	if err != nil {
		return err
	}
	if x.Output != "" {
		return os.WriteFile(x.Output, file.Bytes(), 0o600) // it has locations and numbers of people
	}
	if f, ok := w.out.(*os.File); ok && !c.JSON && isTerminal(f) {
		return errors.New("a capture is not text: write it to a file with -o, or hand it on, as in tocsin calls pcap ID | tshark -r -")
	}
	_, err = w.out.Write(file.Bytes())
	return err
}

func messagesOf(ctx context.Context, s *store.Store, id string) ([]capture.Message, error) {
	ms, err := app.Messages(ctx, s, id)
	if err != nil || len(ms) > 0 {
		return ms, err
	}
	switch _, err := s.Call(ctx, id); {
	case errors.Is(err, store.ErrNotFound):
		return nil, noCall(id)
	case err != nil:
		return nil, err
	}
	return nil, fmt.Errorf("no SIP messages of call %s were kept", id)
}

func isTerminal(f *os.File) bool {
	s, err := f.Stat()
	return err == nil && s.Mode()&os.ModeCharDevice != 0
}

// jsonMessage is a message as people and programs read it.
type jsonMessage struct {
	At        time.Time `json:"at"`
	Direction string    `json:"direction"`
	Flow      string    `json:"flow"`
	Text      string    `json:"text"`
}

func jsonMessages(ms []capture.Message) []jsonMessage {
	var list []jsonMessage
	for _, m := range ms {
		list = append(list, jsonMessage{m.At, m.Direction.String(), m.Flow.String(), string(m.Raw)})
	}
	return list
}
