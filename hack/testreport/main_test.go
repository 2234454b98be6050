// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	for name, test := range map[string]struct {
		in   string
		ok   bool
		want string
	}{
		"passed": {
			in: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"noise\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Elapsed":1.25}
`,
			ok:   true,
			want: "ok    p  1.2s  1 passed\n1 passed, 0 failed, 0 skipped\n",
		},
		"a report of a test that passed, and of its package": {
			in: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"noise\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"Report: a table\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"a  b\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- PASS: TestA (1.00s)\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"Report: nothing leaked\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t1s\n"}
{"Action":"pass","Package":"p","Elapsed":1}
`,
			ok:   true,
			want: "ok    p  1.0s  1 passed\n      Report: a table\n      a  b\n      Report: nothing leaked\n1 passed, 0 failed, 0 skipped\n",
		},
		"failed, printed in full": {
			in: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"want 1, got 2\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"FAIL\n"}
{"Action":"fail","Package":"p","Elapsed":1}
`,
			want: "FAIL  p  1.0s  0 passed, 1 failed\nFAIL\nwant 1, got 2\n0 passed, 1 failed, 0 skipped\n",
		},
		"skipped": {
			in: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"no server\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Elapsed":1}
`,
			want: "ok    p  1.0s  0 passed\nSKIP  TestA\nno server\n" +
				"A skipped test counts as a failure here: install what it asks for.\n" +
				"0 passed, 0 failed, 1 skipped\n",
		},
		"timed out in a test": {
			in: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"p","Elapsed":1}
`,
			want: "FAIL  p  1.0s  0 passed, 1 failed\npanic: test timed out\n0 passed, 1 failed, 0 skipped\n",
		},
		"does not compile": {
			in: `{"ImportPath":"p","Action":"build-output","Output":"p.go:1: undefined: x\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"start","Package":"p"}
{"Action":"fail","Package":"p","Elapsed":0,"FailedBuild":"p"}
`,
			want: "p.go:1: undefined: x\nFAIL  p  0.0s  0 passed, 1 failed\n0 passed, 1 failed, 0 skipped\n",
		},
		"a package without tests among others": {
			in: `{"Action":"skip","Package":"q"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Elapsed":1}
`,
			ok:   true,
			want: "-     q  no tests\nok    p  1.0s  1 passed\n1 passed, 0 failed, 0 skipped\n",
		},
		"cut short": {
			in:   `{"Action":"start","Package":"p"}` + "\n",
			want: "FAIL  p: no verdict, its run was cut short\n0 passed, 1 failed, 0 skipped\n",
		},
		"nothing ran": {
			in:   "go: no packages to test\n",
			want: "go: no packages to test\nFAIL  no test ran\n0 passed, 1 failed, 0 skipped\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if ok := report(strings.NewReader(test.in), &out); ok != test.ok {
				t.Errorf("report told %v, want %v", ok, test.ok)
			}
			if got := out.String(); got != test.want {
				t.Errorf("printed\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}
