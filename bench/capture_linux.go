package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// wire is the loopback, listened to.
type wire struct {
	fd   int
	take func(packet)
	stop chan struct{}
	done sync.WaitGroup
}

// listen hands over every packet of the loopback, one after the other. packet(7): it takes
// CAP_NET_RAW.
func listen(take func(packet)) (*wire, error) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		return nil, err
	}
	ip := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, syscall.ETH_P_IP))
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, int(ip))
	if err != nil {
		return nil, fmt.Errorf("listen to the loopback, which takes root: %w", err)
	}
	w := &wire{fd: fd, take: take, stop: make(chan struct{})}
	err = errors.Join(
		syscall.Bind(fd, &syscall.SockaddrLinklayer{Protocol: ip, Ifindex: lo.Index}),
		syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1),
		syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, 64<<20),
		syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Usec: 200_000}))
	if err != nil {
		syscall.Close(fd)
		return nil, fmt.Errorf("listen to the loopback: %w", err)
	}
	w.done.Go(w.read)
	return w, nil
}

func (w *wire) read() {
	b, control := make([]byte, 65536), make([]byte, 128)
	for {
		select {
		case <-w.stop:
			return
		default:
		}
		n, c, _, from, err := syscall.Recvmsg(w.fd, b, control, 0)
		if err != nil {
			continue // the time-out, or a signal
		}
		// The loopback shows each packet going and coming: the second is when it is there.
		if l, ok := from.(*syscall.SockaddrLinklayer); !ok || l.Pkttype == syscall.PACKET_OUTGOING {
			continue
		}
		if p, ok := readPacket(b[:n]); ok {
			p.at = stamp(control[:c])
			w.take(p)
		}
	}
}

// Close ends the listening: nothing is handed over any more when it returns.
func (w *wire) Close() {
	close(w.stop)
	w.done.Wait()
	syscall.Close(w.fd)
}

// stamp is the kernel's time of a message, now where it gave none.
func stamp(control []byte) time.Time {
	// socket(7): a struct timespec behind the header of 16 bytes.
	if len(control) >= 32 && binary.NativeEndian.Uint32(control[12:]) == syscall.SO_TIMESTAMPNS {
		return time.Unix(int64(binary.NativeEndian.Uint64(control[16:])), int64(binary.NativeEndian.Uint64(control[24:])))
	}
	return time.Now()
}

// timestamps has the kernel note when each datagram came.
func timestamps(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1)
	})
	return errors.Join(err, failed)
}
