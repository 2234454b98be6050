// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"time"
)

const (
	// lateZone is a time zone in which it is half an hour before a midnight that does
	// not exist: clocks go from 00:00 to 01:00, as in Cairo and Santiago.
	lateZone = "Test/Late"
	// beforeMidnight is how long the tests have until then.
	beforeMidnight = 30 * time.Minute
)

// lateDay is the day that it is there, which is soon over.
var lateDay string

// writeZone writes the file of the zone, in the format that RFC 9636 describes.
func writeZone(home string) error {
	change := time.Now().Add(beforeMidnight).Unix()
	offset := int32(-(change % 86400)) //nolint:gosec // it is less than a day
	if offset < -12*3600 {
		offset += 86400
	}
	lateDay = time.Now().UTC().Add(time.Duration(offset) * time.Second).Format(time.DateOnly)
	file := []byte("TZif2")
	file = append(file, make([]byte, 15)...)
	counts := []uint32{0, 0, 0, 1, 2, 8} // of a transition between two types, with their names
	body := func(wide bool) {
		for _, n := range counts {
			file = binary.BigEndian.AppendUint32(file, n)
		}
		if wide {
			file = binary.BigEndian.AppendUint64(file, uint64(change)) //nolint:gosec // it is after 1970
		} else {
			file = binary.BigEndian.AppendUint32(file, uint32(change)) //nolint:gosec // it is before 2038
		}
		file = append(file, 1)
		for i, at := range []int32{offset, offset + 3600} {
			file = binary.BigEndian.AppendUint32(file, uint32(at)) //nolint:gosec // two's complement is what is wanted
			file = append(file, byte(i), byte(4*i))
		}
		file = append(file, "OLD\x00NEW\x00"...)
	}
	body(false)
	file = append(append(file, "TZif2"...), make([]byte, 15)...)
	body(true)
	file = append(file, "\n\n"...)
	path := filepath.Join(home, "zones", filepath.FromSlash(lateZone))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		return err
	}
	return os.Setenv("ZONEINFO", filepath.Join(home, "zones"))
}
