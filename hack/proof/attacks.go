// SPDX-License-Identifier: Apache-2.0

package main

// attack is something that an early version of Uptake could not stand.
type attack struct {
	// what was tried, what came of it, and what comes of it now.
	what, before, now string
	// tests that try it again, each as FOLDER.NAME.
	tests []string
}

// attacks that were tried on a real API server, the inputs of which are tests now.
var attacks = []attack{
	{
		"A pattern of 3.3 KB whose repetition makes a thousand times as much of it, constant or from a variable",
		"475 MB and 1 s to compile, kept as long as the program; 4.7 s where it came from a variable",
		"Refused in milliseconds: a pattern is measured with its repetitions",
		[]string{"internal/source/expressions.TestNoPatternEscapesItsMeasure", "internal/source/expressions.TestWhatIsWrongWithAPatternIsToldAtOnce"},
	},
	{
		"One program of 83 KB with 24 such patterns",
		"The operator grew from 42 MB to 6.4 GB in 30 s, and was killed again and again",
		"`InvalidQuery`; the heap stays, and other tenants are measured meanwhile",
		[]string{"test/operator.TestExpressionsOfOneTenantHoldUpNoOther"},
	},
	{
		"A pattern of optional letters, against a text of 3 to 20 kB",
		"6 to 163 s under a limit of one second, and no way to interrupt it",
		"Refused before it begins, or it ends within its limit",
		[]string{"internal/source/expressions.TestNoPatternEscapesItsMeasure", "internal/source/httpjson.TestAFunctionThatIsGivenTooMuchDoesNotBegin", "internal/source/expressions.FuzzNoEvaluationTakesTooMuch"},
	},
	{
		"Four such conditions over one Service with a long annotation",
		"Another namespace's count stood still for 99 s and was called healthy",
		"Its count moves",
		[]string{"test/operator.TestExpressionsOfOneTenantHoldUpNoOther"},
	},
	{
		"Lists nested 240 to 900 deep, in programs that may count nothing",
		"29 s to compile each; every program of the cluster stood still for two minutes",
		"Refused when nested more than 40 deep, and compiled only for those who may count",
		[]string{"internal/source/expressions.TestNoTextTakesLongToCompile", "test/operator.TestExpressionsOfOneTenantHoldUpNoOther"},
	},
	{
		"`.optMap(v,v)` or `.map(a,{a:a})` 25 times in a row, 300 characters",
		"Each doubles what is compiled: all memory there is",
		"Refused before it is compiled: at most four of them",
		[]string{"internal/source/expressions.TestNoTextTakesLongToCompile"},
	},
	{
		"A large answer that links to a file which drips for hours",
		"Nobody else could read an answer of more than 1 MiB meanwhile",
		"What an answer takes is given up before its files are got, and a poll takes 5 minutes at most",
		[]string{"internal/source/httpjson.TestALargeAnswerIsNotHeldWhileItsFilesAreGot"},
	},
	{
		"An answer of 5.8 KB that unpacks to half a million objects",
		"1.6 GB at the default `maxConcurrent`, 6.5 GB at 64",
		"Refused by what it would take: the heap grows by less than 32 MiB",
		[]string{"internal/source/httpjson.TestAnAnswerIsRefusedByWhatItWouldTakeDecoded", "internal/source/httpjson.TestWhatIsPackedHasAnEndOfItsOwn"},
	},
	{
		"`where` over a kind with large objects",
		"All of every object was kept, up to 256 MiB a kind",
		"The fields that the condition names are kept",
		[]string{"internal/source/objects.TestWhatIsKeptIsWhatIsLookedAt"},
	},
	{
		"A leader is stopped at 90%, another measures 10%, and the first goes on",
		"It achieved the phase on its old 90%, for good",
		"It decides nothing",
		[]string{"test/faults.TestALeaderThatWokeUpLateDecidesNothing", "test/faults.TestAnOperatorThatWasStoppedMeasuresAnew"},
	},
	{
		"The clock goes ahead by 30 days and comes back",
		"The hold was frozen until then, and nobody was told",
		"The hold begins anew and says `ClockJumped`",
		[]string{"internal/adoption.TestAClockThatIsSetAchievesNothingAndFreezesNothing", "internal/adoption.TestAClockThatWentAheadAndCameBackIsTold"},
	},
	{
		"Names of segments cut from an API's text, fetched with an administrator's token",
		"600 characters of it in a status",
		"`adHoc` is Denied unless it says otherwise; names that a query brings are shown only where they are declared",
		[]string{"test/operator.TestNoTextOfAnAnswerIsShownAsAName", "test/operator.TestEveryAttemptIsRefusedWithAClearCondition"},
	},
	{
		"Names of segments with terminal controls and line breaks",
		"They stood in statuses, summaries and conditions",
		"They are refused",
		[]string{"test/operator.TestNoTextOfAnAnswerIsShownAsAName"},
	},
	{
		"A phase is created with an approval of somebody else in `checkpoint`",
		"It was achieved in the name of `ceo@example.com`",
		"Refused without the right `approve-on-behalf`",
		[]string{"test/api.TestApprovalsNeedAuthority", "test/api.TestEveryWayToDecideIsJudged"},
	},
	{
		"A target of 95% is approved, and becomes 1% without a hold",
		"Achieved",
		"The approval is spent, and asked for again",
		[]string{"internal/adoption.TestAnApprovalIsOfWhatWasThere", "internal/adoption.TestAChangeOfTheProgramThatDecidesSpendsAnApproval", "test/cases.TestAnApprovalDoesNotOutliveWhatItIsOf"},
	},
	{
		"94 of 100 are exempted by an editor in the name of the CIO",
		"6% became 100%, achieved",
		"Refused: whoever is named is who asks, or the right is needed",
		[]string{"test/api.TestDecisionsNeedAuthority", "test/api.TestEveryWayToDecideIsJudged"},
	},
	{
		"A phase with a recorded approval is deleted and made anew without the gate",
		"Allowed to every editor",
		"Refused without the right to approve",
		[]string{"test/api.TestAnApprovedPhaseIsNotDeletedByEverybody", "test/api.TestApprovedPhasesAreNotDeletedTogether"},
	},
	{
		"A gate is taken away and added again under its name",
		"It was approved already",
		"It is asked for again",
		[]string{"internal/adoption.TestAGateThatComesBackIsNotApproved"},
	},
	{
		"A program at all bounds of the schema: 24 metrics, 5,000 segments, 200 phases",
		"45 s of CPU a step, all of it on a worker that others wait for",
		"1 s, and its namespace gets no more time than another",
		[]string{"internal/adoption.BenchmarkStepAtTheBounds", "controllers.TestANamespaceWithHeavyProgramsGetsNoMoreTimeThanAnother"},
	},
	{
		"A tenant with a thousand programs whose sources hang",
		"One queue for everybody, first come, first served",
		"Namespaces take turns, and each has only so many polls under way",
		[]string{"internal/poll.TestTenantsOfOneSourceAreServedInTurn", "internal/poll.TestOneTenantHasOnlySoManyRequestsUnderWay", "internal/poll.BenchmarkBesideATenantWhoseSourcesHang"},
	},
	{
		"Polls every second",
		"Allowed to everybody",
		"Every 10 s at most, unless whoever runs the operator allows more",
		[]string{"test/api.TestAnIntervalThatIsTooShortIsRefused"},
	},
	{
		"The right to count is taken away",
		"Counting went on for 586 s",
		"`AccessDenied` within a minute",
		[]string{"test/operator.TestARightThatIsTakenAwayEndsWithinAMinute"},
	},
	{
		"A program borrows a service account with wide rights",
		"Any of its namespace, without a right to it",
		"Needs the right to `use` it, but for `default`",
		[]string{"test/api.TestAnAccountIsLentByWhoMayUseIt"},
	},
	{
		"A source with a token at an `http://` address",
		"Sent in the clear",
		"Refused, unless `allowPlaintext` says so",
		[]string{"internal/source/web.TestCredentialsStayOffConnectionsThatAreNotEncrypted"},
	},
	{
		"A Secret of the namespace is sent to a host of whoever may write sources",
		"Sent",
		"Not sent where `uptake.dev/hosts` on the Secret names others",
		[]string{"controllers.TestASecretIsSentToItsOwnHosts"},
	},
	{
		"Addresses that translate to loopback, that of pod identities, that of the API server",
		"Accepted",
		"Refused",
		[]string{"internal/source.TestAddressesThatNoSourceMayHaveAreRefused", "internal/source.TestTheAPIServerOfTheOperatorIsNoSource"},
	},
	{
		"Metrics are read by anybody who reaches the pod",
		"Names and values of all namespaces",
		"TLS, and only for those who may get `/metrics`",
		[]string{"internal/operator.TestMetricsAreForWhoMayGetThem"},
	},
	{
		"Kinds that do not exist, a new one each time",
		"Remembered for ever",
		"So many are remembered, and for so long",
		[]string{"internal/source/objects.TestMisspeltKindsAreForgotten"},
	},
	{
		"Something panics while an object is reconciled",
		"The value of the panic, which may be a text of an answer, was logged; the object was not told",
		"A trace without it is logged, and the object says that it is left alone",
		[]string{"test/faults.TestAPanicQuarantinesOneObject"},
	},
	{
		"Replies of the API server are lost after it has written; it answers late, not at all, or from the past",
		"Right, and without a test",
		"Each transition once, in order, with one event",
		[]string{"test/faults.TestLostRepliesAreMadeUpFor", "test/faults.TestASlowEtcdCostsTimeAndNothingElse", "test/faults.TestABlackHoleIsWaitedFor", "test/faults.TestAStaleAPIServerMovesNothing"},
	},
}
