// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// smoothSamples is how many samples make a smoothed value.
const smoothSamples = 7

// maxSmoothedValues bounds segments x smoothed metrics, for the size of the status.
const maxSmoothedValues = 500

// smooth replaces the values of a reading by those over its samples. The newest
// measurement is taken as a sample when its seventh of the time has none yet.
func (s *stepper) smooth(r *Reading, m *v1alpha1.Metric, previous *v1alpha1.MetricStatus) {
	if m.Smooth == nil || r.Suppressed {
		return // samples are stored in the status, for everybody to read
	}
	over := durationOr(m.Smooth.Over, day)
	every := max(over/smoothSamples, time.Second)
	samples := slices.DeleteFunc(slices.Clone(previous.Samples), func(sample v1alpha1.Sample) bool { return s.inFuture(sample.Time.Time, 0) })
	due := len(samples) == 0 || r.At.Sub(samples[len(samples)-1].Time.Time) >= every-every/10
	if r.Fresh && due && r.Total.Known {
		samples = append(samples, v1alpha1.Sample{Time: stamp(r.At), Values: encodeSample(r)})
	}
	for len(samples) > 0 && (len(samples) > smoothSamples || r.At.Sub(samples[0].Time.Time) > over) {
		samples = samples[1:]
	}
	r.samples = r.concealSamples(samples)

	if 2*len(samples) < smoothSamples {
		r.forget(fmt.Sprintf("%s.smooth: %d of at least %d samples so far, one every %s", metricPath(m), len(samples), (smoothSamples+1)/2, every))
		return
	}
	decoded := make([]map[string]Value, len(samples))
	for i, sample := range samples {
		decoded[i] = decodeSample(sample.Values)
	}
	for i := range r.Segments {
		seg := &r.Segments[i]
		if seg.Value.Known && !seg.Suppressed {
			seg.Value = smoothValue(seenHash("", seg.Name), seg.Value, decoded, m.Smooth.Function)
		}
	}
	if r.Total.Known {
		r.Total = smoothValue("", r.Total, decoded, m.Smooth.Function)
	}
}

// concealSamples takes suppressed segments out of all samples: those from before
// they were.
func (r *Reading) concealSamples(samples []v1alpha1.Sample) []v1alpha1.Sample {
	hidden := map[string]bool{}
	for _, seg := range r.Segments {
		if seg.Suppressed {
			hidden[seenHash("", seg.Name)] = true
		}
	}
	kept := slices.Clone(samples)
	for i := range kept {
		fields := slices.DeleteFunc(strings.Fields(kept[i].Values), func(field string) bool {
			name, _, _ := strings.Cut(field, "=")
			return hidden[name]
		})
		kept[i].Values = strings.Join(fields, " ")
	}
	return kept
}

// smoothValue makes one value of the samples of a segment.
func smoothValue(name string, now Value, samples []map[string]Value, function v1alpha1.SmoothFunction) Value {
	var values []Value
	for _, sample := range samples {
		if v, ok := sample[name]; ok {
			values = append(values, v)
		}
	}
	if 2*len(values) < smoothSamples {
		return unknownValue("too few samples to smooth")
	}
	amounts := make([]float64, len(values))
	var sum, numerators, denominators float64
	for i, v := range values {
		amounts[i] = v.Amount
		sum += v.Amount
		numerators += v.Numerator
		denominators += v.Denominator
	}
	slices.Sort(amounts)
	switch function {
	case v1alpha1.SmoothMin:
		now.Amount = amounts[0]
	case v1alpha1.SmoothMax:
		now.Amount = amounts[len(amounts)-1]
	case v1alpha1.SmoothMedian:
		now.Amount = (amounts[(len(amounts)-1)/2] + amounts[len(amounts)/2]) / 2
	default:
		now.Amount = sum / float64(len(values))
		if denominators > 0 {
			// A ratio is smoothed as the ratio of the sums, not the mean of ratios.
			now.Amount = numerators / denominators
			now.Denominator = denominators / float64(len(values))
		}
	}
	if now.HasParts {
		now.Numerator = now.Amount * now.Denominator
	}
	return now
}

// encodeSample writes "=12/40 cart=3/9", or "=0.5" for plain values.
func encodeSample(r *Reading) string {
	parts := []string{"=" + encodeValue(r.Total)}
	for _, seg := range r.Segments {
		if seg.Value.Known && !seg.Suppressed {
			parts = append(parts, seenHash("", seg.Name)+"="+encodeValue(seg.Value))
		}
	}
	return strings.Join(parts, " ")
}

func encodeValue(v Value) string {
	if v.HasParts {
		return strconv.FormatFloat(v.Numerator, 'g', -1, 64) + "/" + strconv.FormatFloat(v.Denominator, 'g', -1, 64)
	}
	return strconv.FormatFloat(v.Amount, 'g', -1, 64)
}

func decodeSample(text string) map[string]Value {
	values := map[string]Value{}
	for field := range strings.FieldsSeq(text) {
		name, number, ok := strings.Cut(field, "=")
		if !ok {
			continue
		}
		if v, ok := decodeValue(number); ok {
			values[name] = v
		}
	}
	return values
}

func decodeValue(text string) (Value, bool) {
	left, right, parts := strings.Cut(text, "/")
	a, err := strconv.ParseFloat(left, 64)
	if err != nil {
		return Value{}, false
	}
	if !parts {
		return Value{Known: true, Amount: a}, true
	}
	b, err := strconv.ParseFloat(right, 64)
	if err != nil || b == 0 {
		return Value{}, false
	}
	return Value{Known: true, Amount: a / b, Numerator: a, Denominator: b, HasParts: true}, true
}
