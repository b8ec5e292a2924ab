package rtp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// WAVHeaderSize is the length of what WAVHeader writes.
const WAVHeaderSize = 44

// maxWAV bounds what ReadWAV takes into memory: an hour of stereo speech.
const maxWAV = 128 << 20

// WAVHeader is the start of a file of 16-bit PCM at SampleRate whose samples take
// size octets. A writer that may crash writes it first with what it has and renews it.
func WAVHeader(channels int, size uint32) []byte {
	b := make([]byte, 0, WAVHeaderSize)
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, size+WAVHeaderSize-8)
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1) // PCM
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, SampleRate)
	b = binary.LittleEndian.AppendUint32(b, uint32(SampleRate*channels*2))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels*2))
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	return binary.LittleEndian.AppendUint32(b, size)
}

// WriteWAV writes samples, interleaved when there are two channels.
func WriteWAV(w io.Writer, channels int, samples []int16) error {
	b := WAVHeader(channels, uint32(2*len(samples)))
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write wav: %w", err)
	}
	return nil
}

// ReadWAV reads a file of 16-bit PCM at SampleRate with one or two channels. A file cut
// short, as after a crash, gives the samples that are there.
func ReadWAV(r io.Reader) (channels int, samples []int16, err error) {
	b, err := io.ReadAll(io.LimitReader(r, maxWAV))
	if err != nil {
		return 0, nil, fmt.Errorf("read wav: %w", err)
	}
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return 0, nil, errors.New("read wav: not a RIFF WAVE file")
	}
	for b = b[12:]; len(b) >= 8; {
		name, size := string(b[:4]), uint64(binary.LittleEndian.Uint32(b[4:]))
		body := b[8:]
		body = body[:min(size, uint64(len(body)))]
		switch name {
		case "fmt ":
			if len(body) < 16 {
				return 0, nil, errors.New("read wav: format chunk too short")
			}
			coding, rate, depth := binary.LittleEndian.Uint16(body), binary.LittleEndian.Uint32(body[4:]), binary.LittleEndian.Uint16(body[14:])
			channels = int(binary.LittleEndian.Uint16(body[2:]))
			if coding != 1 || rate != SampleRate || depth != 16 || channels < 1 || channels > 2 {
				return 0, nil, fmt.Errorf("read wav: want 16-bit PCM at %d Hz in one or two channels, have coding %d, %d bit, %d Hz, %d channels",
					SampleRate, coding, depth, rate, channels)
			}
		case "data":
			if channels == 0 {
				return 0, nil, errors.New("read wav: samples before their format")
			}
			samples = make([]int16, len(body)/2)
			for i := range samples {
				samples[i] = int16(binary.LittleEndian.Uint16(body[2*i:]))
			}
			return channels, samples, nil
		}
		b = b[8+min(size+size%2, uint64(len(b)-8)):] // chunks begin on even octets
	}
	return 0, nil, errors.New("read wav: no samples")
}
