// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/internal/source"
)

func TestWherePicksObjectsByTheirContentAndNamespace(t *testing.T) {
	c, counter := theCluster(t), aCounter(t, thePlane(t).Config)
	c.namespace("where-a", map[string]string{"team": "a"})
	c.namespace("where-b", nil)
	c.create(configMap("where-a", "new", nil, "mode", "new"))
	c.create(configMap("where-a", "old", nil, "mode", "old"))
	c.create(configMap("where-b", "none", nil))

	for where, want := range map[string]int{
		`has(object.data) && has(object.data.mode)`:                                                2,
		`has(object.data) && object.data.mode == 'new'`:                                            1,
		`object.?data.?mode.orValue('') == 'old'`:                                                  1,
		`'team' in namespaceObject.metadata.labels && namespaceObject.metadata.labels.team == 'a'`: 2,
		`namespaceObject.metadata.name == 'where-b'`:                                               1,
		`object.metadata.name.startsWith('n')`:                                                     2,
		`!has(object.metadata.managedFields)`:                                                      3,
		`false`:                                                                                    0,
	} {
		t.Run(where, func(t *testing.T) {
			query := configMaps()
			query.NamespaceSelector = c.ofSuite("TestWherePicksObjectsByTheirContentAndNamespace")
			query.Where = where
			asker := theQuery(t, counter, query, nil)
			eventually(t, "the count is right", func() bool { return counted(t, asker) == want })
		})
	}
}

func TestAWhereThatCannotBeEvaluatedNamesTheFirstObjectAndQuotesNone(t *testing.T) {
	c, counter := theCluster(t), aCounter(t, thePlane(t).Config)
	c.namespace("fails", nil)
	c.create(configMap("fails", "b", nil, "n", "hunter2"))
	c.create(configMap("fails", "a", nil, "n", "hunter2"))
	c.create(configMap("fails", "c", nil, "m", "1"))

	for where, words := range map[string][]string{
		`object.data.n == 'x' || object.data.k == 'y'`: {"ConfigMap fails/a (and 2 others)", "it has no k", "has()"},
		`int(object.data.n) > 3`:                       {"fails/a (and 2 others)", "has()"},
		`object.data`:                                  {"fails/a", "neither true nor false"},
		`object.data.n > 3`:                            {"fails/a", "another type"},
		`[0,1,2,3,4,5,6,7,8,9].map(i, lists.range(10000).map(j, object.metadata.name + "x")).size() > 0`:                                                                                               {"too much work"},
		`[object.metadata.name].map(s, lists.range(9000).map(i, s).join(s)).map(s, s.replace("", s)).size() > 0`:                                                                                       {"too much work"},
		`[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, size(object.metadata.name) < 1000)))))`: {"too much work"},
	} {
		query := configMaps()
		query.NamespaceSelector = ofThisTest(t)
		query.Where = where
		asker := theQuery(t, counter, query, nil)
		var failure *source.Error
		c.eventually("all three are seen", func() bool {
			_, failure = ask(t, asker)
			return failure != nil && (!strings.Contains(words[0], "others") || strings.Contains(failure.Message, "2 others"))
		})
		wantFailure(t, failure, source.BadAnswer, append(words, "where")...)
		if strings.Contains(failure.Message, "hunter2") {
			t.Errorf("the message quotes an object: %s", failure.Message)
		}
	}
}

func TestAWhereThatDoesNotCompileIsRefusedAtOnce(t *testing.T) {
	for where, words := range map[string][]string{
		`namespace.name == 'a'`: {"namespaceObject"},
		`objct.data`:            {"line 1, column 1", "objct"},
		"true &&\n (1":          {"line 2"},
		`'a' + 'b'`:             {"string", "not true or false"},
		`1 + 1`:                 {"int", "not true or false"},
		`nope(object)`:          {"nope"},
	} {
		_, failure := compileWhere(where)
		wantFailure(t, failure, source.InvalidQuery, append(words, "where")...)
	}
}
