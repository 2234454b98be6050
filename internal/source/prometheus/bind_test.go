// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/internal/source"
)

func TestAParameterStaysOneStringWhateverItHolds(t *testing.T) {
	team := func(value string) []source.Parameter { return []source.Parameter{{Name: "team", Value: value}} }
	for _, c := range []struct{ expr, value, want string }{
		{`a{team=$team}`, "cart", `a{team="cart"}`},
		{`a{team=$team}`, `x"} or b{y="`, `a{team="x\"} or b{y=\""}`},
		{`a{team=$team}`, `\`, `a{team="\\"}`},
		{`a{team=~$team}`, ".*", `a{team=~"\\.\\*"}`},
		{`a{team !~ $team}`, "a|b", `a{team !~ "a\\|b"}`},
		{"a{team=~ # why\n $team}", ".+", "a{team=~ # why\n \"\\\\.\\+\"}"},
		{`a{team!=$team}`, ".*", `a{team!=".*"}`},
		{`a{x="$team"}`, "cart", `a{x="$team"}`},
		{`a{x='it''s $team'} # $team`, "cart", `a{x='it''s $team'} # $team`},
		{"a{x=`$team`}", "cart", "a{x=`$team`}"},
		{`a{x="\"$team"}`, "cart", `a{x="\"$team"}`},
		{`a{é="ü", t=$team}`, "ö", `a{é="ü", t="ö"}`},
		{`label_replace(a, "x", "$1", "y", "(.*)")`, "cart", `label_replace(a, "x", "$1", "y", "(.*)")`},
	} {
		got, failure := bind(c.expr, team(c.value))
		want := strings.ReplaceAll(c.want, `\\.\+`, `\\.\\+`)
		if failure != nil || got != want {
			t.Errorf("%s with %q: %s, %v; want %s", c.expr, c.value, got, failure, want)
		}
	}
	if _, failure := bind(`a{team=$tema}`, team("cart")); failure == nil || failure.Class != source.InvalidQuery {
		t.Errorf("a parameter that is not declared: %v", failure)
	}
}

func FuzzAParameterNeverLeavesItsString(f *testing.F) {
	f.Add(`"} or on() x{y="`)
	f.Add("`'\\\"")
	f.Fuzz(func(t *testing.T, value string) {
		bound, failure := bind(`a{team=$team}`, []source.Parameter{{Name: "team", Value: value}})
		if failure != nil {
			t.Fatal(failure)
		}
		pieces := token.FindAllString(bound, -1)
		if len(pieces) != len(`a{team=`)+2 || pieces[len(pieces)-1] != "}" {
			t.Fatalf("%q becomes %q", value, bound)
		}
	})
}
