/* Scenario files: what is read from a good one, and the exact complaint about each bad one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "casefile.h"
#include "config/scenario.h"
#include <string.h>

#define HEAD "scenario: x\nsummary: s\n"
#define STEP HEAD "steps:\n  - "

/* The message, and after a newline the hint if there is one. */
static void bad(const char *text, const char *want)
{
	struct casefile_dir d = casefile_enter();
	_cleanup_err_ struct err err = ERR_INIT;
	struct arena arena = {0};

	assert_int_equal(path_write("s.yaml", text, strlen(text), 0644, &err), 0);
	assert_null(scenario_load(&arena, "s.yaml", "s.yaml", &err));
	assert_int_equal(err.kind, ERR_CONFIG);
	_cleanup_free_ char *got = xasprintf("%s%s%s", err.msg, err.hint ? "\n" : "", err.hint ? err.hint : "");
	assert_string_equal(got, want);
	arena_release(&arena);
	casefile_leave(&d);
}

static void test_file(void **state)
{
	(void)state;
	bad("", "s.yaml:1:1: the file is empty");
	bad("- boot\n", "s.yaml:1:1: expected a mapping, found a list");
	bad("summary: s\nsteps: [boot: {}]\n", "s.yaml:1:1: scenario: missing");
	bad("scenario: x\nsteps: [boot: {}]\n", "s.yaml:1:1: summary: missing");
	bad(HEAD, "s.yaml:1:1: steps: missing");
	bad("scenario: Not A Name\nsummary: s\nsteps: [boot: {}]\n",
		"s.yaml:1:11: scenario: expected a name of a-z, 0-9 and - that begins with a letter, found 'Not A "
		"Name'");
	bad("scenario: x\nsummary: [a]\nsteps: [boot: {}]\n", "s.yaml:2:10: summary: expected a text, found a list");
	bad(HEAD "step: []\n", "s.yaml:3:1: step: unknown key\ndid you mean 'steps'?");
	bad(HEAD "summary: again\nsteps: [boot: {}]\n", "s.yaml:3:1: summary: written twice, first in line 2");
	bad(HEAD "engines: qemu\nsteps: [boot: {}]\n", "s.yaml:3:10: engines: expected a list, found 'qemu'");
	bad(HEAD "engines: [qmeu]\nsteps: [boot: {}]\n", "s.yaml:3:11: unknown engine \"qmeu\"\ndid you mean 'qemu'?");
	bad(HEAD "profiles: [tiny, 7]\nsteps: [boot: {}]\n",
		"s.yaml:3:18: profiles: expected a name of a-z, 0-9 and - that begins with a letter, found '7'");
	bad(HEAD "steps: [boot: {}\n",
		"s.yaml:4:1: not YAML: did not find expected ',' or ']' while parsing a flow sequence of line 3");
	bad(HEAD "steps: [boot: &a {}]\n", "s.yaml:3:15: anchors are not supported");
}

static void test_machine(void **state)
{
	(void)state;
	bad(HEAD "machine: small\nsteps: [boot: {}]\n", "s.yaml:3:10: expected a mapping, found 'small'");
	bad(HEAD "machine: {memory: much}\nsteps: [boot: {}]\n",
		"s.yaml:3:19: memory: expected a size such as 512M or 2G, found 'much'");
	bad(HEAD "machine: {disk: -1G}\nsteps: [boot: {}]\n",
		"s.yaml:3:17: disk: expected a size such as 512M or 2G, found '-1G'");
	bad(HEAD "machine: {cpus: 0}\nsteps: [boot: {}]\n",
		"s.yaml:3:17: cpus: expected a number from 1 to 64, found '0'");
	bad(HEAD "machine: {cpus: 65}\nsteps: [boot: {}]\n",
		"s.yaml:3:17: cpus: expected a number from 1 to 64, found '65'");
	bad(HEAD "machine: {nic: yes}\nsteps: [boot: {}]\n", "s.yaml:3:16: nic: expected true or false, found 'yes'");
	bad(HEAD "machine: {ram: 1G}\nsteps: [boot: {}]\n",
		"s.yaml:3:11: ram: unknown key\nthere is: clock, cpus, disk, disks, memory, nic");
	bad(HEAD "machine: {clock: yesterday}\nsteps: [boot: {}]\n",
		"s.yaml:3:18: clock: expected a time such as 2000-01-01T00:00:00, found 'yesterday'");
	bad(HEAD "machine: {disks: {../x: 1G}}\nsteps: [boot: {}]\n",
		"s.yaml:3:19: disks: expected a label of up to 16 small letters, digits and -, found '../x'");
	bad(HEAD "machine: {disks: {a-label-too-long-: 1G}}\nsteps: [boot: {}]\n",
		"s.yaml:3:19: disks: expected a label of up to 16 small letters, digits and -, found "
		"'a-label-too-long-'");
	bad(HEAD "machine: {disks: {x: large}}\nsteps: [boot: {}]\n",
		"s.yaml:3:22: x: expected a size such as 512M or 2G, found 'large'");
	bad(HEAD "machine: {disks: {x: 4K}}\nsteps: [boot: {}]\n",
		"s.yaml:3:22: x: expected a size of 1M or more, found '4K'");
}

static void test_steps(void **state)
{
	(void)state;
	bad(HEAD "steps: []\n", "s.yaml:3:8: steps: the list is empty");
	bad(HEAD "steps: {boot: {}}\n", "s.yaml:3:8: steps: expected a list of steps, found a mapping");
	bad(HEAD "steps:\n", "s.yaml:3:7: steps: expected a list of steps, found nothing");
	bad(STEP "boot\n", "s.yaml:4:5: a step is one word and its details, like \"- ready: {within: 300s}\"");
	bad(STEP "{boot: {}, ready: {}}\n",
		"s.yaml:4:5: a step is one word and its details, like \"- ready: {within: 300s}\"");
	bad(STEP "{}\n", "s.yaml:4:5: a step is one word and its details, like \"- ready: {within: 300s}\"");
	bad(STEP "redy: {}\n", "s.yaml:4:5: unknown step \"redy\"\ndid you mean 'ready'?");
	bad(STEP "zzzzzzzz: {}\n", "s.yaml:4:5: unknown step \"zzzzzzzz\"\nthere is: boot, console, corrupt, cut, "
				   "fresh, off, ready, reboot, run, screenshot, status, visit");
	bad(STEP "ready: soon\n", "s.yaml:4:12: expected a mapping, found 'soon'");
	bad(STEP "ready: [1]\n", "s.yaml:4:12: expected a mapping, found a list");
	bad(STEP "ready: {within: soon}\n", "s.yaml:4:21: within: expected a duration such as 30s or 5m, found 'soon'");
	bad(STEP "ready: {within: 5 m}\n", "s.yaml:4:21: within: expected a duration such as 30s or 5m, found '5 m'");
	bad(STEP "ready: {within: 0s}\n", "s.yaml:4:5: within: no time at all");
	bad(STEP "ready: {wihtin: 5m}\n", "s.yaml:4:13: wihtin: unknown key\ndid you mean 'within'?");
	bad(STEP "boot: {within: 5m}\n", "s.yaml:4:12: within: unknown key\nthere is: name");
	bad(STEP "ready: {within: 5m, within: 6m}\n", "s.yaml:4:25: within: written twice, first in line 4");
}

static void test_details(void **state)
{
	(void)state;
	bad(STEP "status: {is: x}\n", "s.yaml:4:13: at: missing");
	bad(STEP "status:\n", "s.yaml:4:5: at: missing");
	bad(STEP "status: {at: /state}\n", "s.yaml:4:13: is: missing");
	bad(STEP "status: {at: state, is: x}\n",
		"s.yaml:4:5: at: expected a path into the status such as /state, found 'state'");
	bad(STEP "status: {at: /state, is: \"(\"}\n",
		"s.yaml:4:5: is: not an extended regular expression: Unmatched ( or \\(");
	bad(STEP "run: {}\n", "s.yaml:4:10: command: missing");
	bad(STEP "run: {command: true}\n", "s.yaml:4:20: command: expected a list, found 'true'");
	bad(STEP "run: {command: []}\n", "s.yaml:4:5: run: the command is empty");
	bad(STEP "run: {command: [[a]]}\n", "s.yaml:4:21: command: expected a text, found a list");
	bad(STEP "run: {command: [a], status: 256}\n",
		"s.yaml:4:33: status: expected a number from 0 to 255, found '256'");
	bad(STEP "run: {command: [a], status: -1}\n", "s.yaml:4:33: status: expected a number, found '-1'");
	bad(STEP "run: {command: [a], output: \"[\"}\n",
		"s.yaml:4:5: output: not an extended regular expression: Invalid regular expression");
	bad(STEP "run: {command: [a], retry: often}\n", "s.yaml:4:32: retry: expected true or false, found 'often'");
	bad(STEP "run: {command: [a], show: all}\n", "s.yaml:4:31: show: expected true or false, found 'all'");
	bad(STEP "run: {command: [a], in: Not_a_name}\n",
		"s.yaml:4:29: in: expected a name of a-z, 0-9 and - that begins with a letter, found 'Not_a_name'");
	bad(STEP "run: {command: [a], same: before}\n", "s.yaml:4:5: same: no step before this one saves \"before\"");
	bad(STEP "run: {command: [a], differs: before}\n",
		"s.yaml:4:5: differs: no step before this one saves \"before\"");
	bad(STEP "run: {command: [a], apart: before}\n", "s.yaml:4:5: apart: no step before this one saves \"before\"");
	bad(STEP "console: {}\n", "s.yaml:4:14: shows: missing");
	bad(STEP "console: {shows: \"*{2\"}\n",
		"s.yaml:4:5: shows: not an extended regular expression: Invalid preceding regular expression");
	bad(STEP "cut: {after: 1y}\n", "s.yaml:4:18: after: expected a duration such as 30s or 5m, found '1y'");
	bad(STEP "cut: {times: 3}\n", "s.yaml:4:5: cut: `times` is for cuts at `random` moments");
	bad(STEP "cut: {random: 9s, times: 0}\n", "s.yaml:4:30: times: expected a number from 1 to 100, found '0'");
	bad(STEP "cut: {random: 9s, after: 1s}\n",
		"s.yaml:4:5: cut: `random` stands for itself, without `provision` and `after`");
	bad(STEP "cut: {random: 9s, provision: a}\n",
		"s.yaml:4:5: cut: `random` stands for itself, without `provision` and `after`");
	bad(STEP "corrupt: {}\n", "s.yaml:4:14: partition: missing");
	bad(STEP "visit: {}\n", "s.yaml:4:12: command: missing");
	bad(STEP "visit: {command: []}\n", "s.yaml:4:5: visit: the command is empty");
	bad(STEP "off: {button: maybe}\n", "s.yaml:4:19: button: expected true or false, found 'maybe'");
}

static const char good[] = HEAD
	"engines: [nspawn]\nprofiles: [tiny, core]\n"
	"machine: {memory: 1G, disk: 4G, cpus: 3, nic: false, clock: \"2000-01-01T00:00:00\", disks: {more: 64M}}\n"
	"steps:\n  - boot:\n  - ready: {within: 5m}\n"
	"  - run: {name: n, in: web, command: [a, \"b c\"], status: 3, output: ^x, save: s, retry: true, show: true}\n"
	"  - run: {command: [a], same: s, differs: s, apart: s}\n"
	"  - cut: {provision: a/b, after: 500ms}\n  - cut: {random: 90s, times: 10}\n";

static void test_good(void **state)
{
	struct casefile_dir d = casefile_enter();
	_cleanup_err_ struct err err = ERR_INIT;
	struct arena arena = {0};

	(void)state;
	assert_int_equal(path_write("s.yaml", good, strlen(good), 0644, &err), 0);
	struct scenario *s = scenario_load(&arena, "s.yaml", "s.yaml", &err);
	assert_non_null(s);
	assert_int_equal(s->machine.memory, 1 << 30);
	assert_int_equal(s->machine.disk, UINT64_C(4) << 30);
	assert_int_equal(s->machine.cpus, 3);
	assert_false(s->machine.nic);
	assert_int_equal(s->machine.disks.n, 1);
	assert_string_equal(s->machine.disks.v[0].key->text, "more");
	assert_int_equal(s->steps.n, 6);
	assert_int_equal(s->steps.v[0].kind, STEP_BOOT);
	assert_int_equal(s->steps.v[1].within_ms, 300000);
	const struct scenario_step *run = &s->steps.v[2];
	assert_string_equal(scenario_step_key(run->kind), "run");
	assert_string_equal(run->in, "web");
	assert_int_equal(run->command.n, 2);
	assert_string_equal(run->command.v[1]->text, "b c");
	assert_int_equal(run->status, 3);
	assert_int_equal(run->within_ms, 60000);
	assert_true(run->retry);
	assert_true(run->show);
	assert_false(s->steps.v[3].show);
	assert_string_equal(s->steps.v[4].provision, "a/b");
	assert_int_equal(s->steps.v[4].after_ms, 500);
	assert_int_equal(s->steps.v[5].random_ms, 90000);
	assert_int_equal(s->steps.v[5].times, 10);
	arena_release(&arena);
	casefile_leave(&d);
}

static void test_matches(void **state)
{
	(void)state;
	assert_true(scenario_matches("a\nb\n", "^b$"));
	assert_true(scenario_matches("", "^$"));
	assert_true(scenario_matches("\n", "^$"));
	/* Or "nothing was printed" would hold whatever was printed. */
	assert_false(scenario_matches("ssh.service failed\n", "^$"));
	assert_false(scenario_matches("a\nb\n", "^$"));
	assert_true(scenario_matches("a\n\nb\n", "^$"));
	assert_false(scenario_matches("kiln_1+2-1.efi\n", "^(kiln_[^+]*[.]efi)?$"));
	assert_false(scenario_matches("a\nb", "a.b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_file), cmocka_unit_test(test_machine),
		cmocka_unit_test(test_steps), cmocka_unit_test(test_details), cmocka_unit_test(test_good),
		cmocka_unit_test(test_matches)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
