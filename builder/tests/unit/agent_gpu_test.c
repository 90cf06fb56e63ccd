/*
 * `kiln-agent gpu` on layouts of /proc, /sys, /dev and /usr: golden/gpu/NAME.layout describes files and links,
 * NAME.golden what comes of them. KILN_UPDATE_GOLDEN=1 makes the latter anew, to be read before it is committed. Every
 * specification is held against the rules of CDI 0.5.0 (SPEC.md and schema/schema.json of
 * cncf-tags/container-device-interface) as well.
 */
#include "agentfix.h"
#include "target/agent/gpu.h"
#include "target/agent/status.h"
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

#define GOLDEN "builder/tests/golden/gpu"

static const char machine_text[] =
	"{\"kiln\": 1, \"name\": \"x\", \"version\": \"1\", \"network\": {\"name\": \"kiln\", \"bridge\": \"kiln0\", "
	"\"subnet\": \"10.213.0.0/24\"}%s%s}";

/* \xNN becomes that byte: what no file of this repository should hold as it is. */
static void unescape(char *s)
{
	char *to = s;
	for (; *s; s++) {
		unsigned byte;
		if (s[0] == '\\' && s[1] == 'x' && sscanf(s + 2, "%2x", &byte) == 1) {
			*to++ = (char)byte;
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = 0;
}

static void put(struct fix *f, const char *path, const char *text)
{
	_cleanup_free_ char *root = path_join(f->dir, "root"), *full = path_join(root, path), *dir = path_dir(full);
	assert_works(path_mkdirs(dir, &f->err), f);
	/* path_write would sync each of the many */
	_cleanup_file_ FILE *file = fopen(full, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
}

static void put_link(struct fix *f, const char *path, const char *target)
{
	_cleanup_free_ char *root = path_join(f->dir, "root"), *full = path_join(root, path), *dir = path_dir(full);
	assert_works(path_mkdirs(dir, &f->err), f);
	assert_int_equal(symlink(target, full), 0);
}

/*
 * "PATH", an empty file; "PATH = TEXT"; "PATH <" and its text in the following lines, each after a tab; "PATH -> LINK";
 * "# want: NAME", what the image wants: returned, the caller frees it.
 */
static char *make_layout(struct fix *f, const char *name)
{
	_cleanup_free_ char *path = xasprintf(GOLDEN "/%s.layout", name), *root = path_join(f->dir, "root"),
			    *text = path_read(path, 1 << 20, NULL, &f->err);
	char *want = NULL, *save, *line = text ? strtok_r(text, "\n", &save) : NULL;
	assert_non_null(text);
	assert_works(path_mkdirs(root, &f->err), f);
	while (line) {
		char *next = strtok_r(NULL, "\n", &save), *sep;
		if (str_starts(line, "# want: ")) {
			want = xstrdup(line + 8);
		} else if (line[0] != '#' && str_ends(line, " <")) {
			_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
			line[strlen(line) - 2] = 0;
			for (; next && *next == '\t'; next = strtok_r(NULL, "\n", &save)) {
				unescape(next);
				strbuf_addf(&b, "%s\n", next + 1);
			}
			put(f, line, strbuf_cstr(&b));
		} else if (line[0] != '#' && (sep = strstr(line, " -> "))) {
			unescape(sep);
			*sep = 0;
			put_link(f, line, sep + 4);
		} else if (line[0] != '#' && (sep = strstr(line, " = "))) {
			unescape(sep);
			_cleanup_free_ char *value = xasprintf("%s\n", sep + 3);
			*sep = 0;
			put(f, line, value);
		} else if (line[0] != '#') {
			put(f, line, "");
		}
		line = next;
	}
	assert_non_null(want);
	return want;
}

/* ---- the rules of CDI ---- */

static void only(const json_t *o, const char *const *keys)
{
	const char *key;
	json_t *v;
	assert_true(json_is_object(o));
	json_object_foreach((json_t *)o, key, v)
	{
		bool known = false;
		for (const char *const *k = keys; *k; k++)
			known |= str_eq(*k, key);
		if (!known)
			fail_msg("CDI has no key \"%s\" here", key);
	}
}

/* Names of devices: letters, digits and "_-.:" inside, begin and end with a letter or digit. */
static void device_name(const char *s)
{
	assert_non_null(s);
	assert_true(isalnum((unsigned char)s[0]) && isalnum((unsigned char)s[strlen(s) - 1]));
	for (; *s; s++)
		assert_true(isalnum((unsigned char)*s) || strchr("_-.:", *s));
}

static void edits_rules(const json_t *edits)
{
	static const char *const keys[] = {"env", "deviceNodes", "hooks", "mounts", NULL},
				 *const node_keys[] = {"path", "hostPath", "type", "major", "minor", "fileMode",
					 "permissions", "uid", "gid", NULL},
				 *const mount_keys[] = {"hostPath", "containerPath", "options", "type", NULL};
	const json_t *list = json_object_get(edits, "deviceNodes"), *o, *s;
	size_t i, k;
	only(edits, keys);
	assert_true(json_object_size(edits) > 0); /* "empty" edits are refused */
	json_array_foreach(list, i, o)
	{
		only(o, node_keys);
		assert_true(str_starts(json_string_value(json_object_get(o, "path")), "/dev/"));
	}
	list = json_object_get(edits, "mounts");
	json_array_foreach(list, i, o)
	{
		only(o, mount_keys);
		assert_true(json_string_value(json_object_get(o, "hostPath"))[0] == '/');
		assert_true(json_string_value(json_object_get(o, "containerPath"))[0] == '/');
		json_array_foreach(json_object_get(o, "options"), k, s) assert_true(json_is_string(s));
	}
}

static void cdi_rules(const json_t *spec)
{
	static const char *const keys[] = {"cdiVersion", "kind", "devices", "containerEdits", NULL},
				 *const device_keys[] = {"name", "containerEdits", NULL};
	const char *kind = json_string_value(json_object_get(spec, "kind"));
	const json_t *devices = json_object_get(spec, "devices"), *o, *other;
	size_t i, k;
	only(spec, keys);
	assert_string_equal(json_string_value(json_object_get(spec, "cdiVersion")), "0.5.0");
	assert_true(
		kind && strchr(kind, '/') && strchr(kind, '.') < strchr(kind, '/') && isalpha((unsigned char)*kind));
	assert_true(json_array_size(devices) > 0);
	json_array_foreach(devices, i, o)
	{
		only(o, device_keys);
		device_name(json_string_value(json_object_get(o, "name")));
		edits_rules(json_object_get(o, "containerEdits"));
		json_array_foreach(devices, k, other)
			assert_true(k == i || !json_equal(json_object_get(o, "name"), json_object_get(other, "name")));
	}
	if (json_object_get(spec, "containerEdits"))
		edits_rules(json_object_get(spec, "containerEdits"));
}

/* ---- the layouts ---- */

static void want_machine(struct fix *f, const char *want)
{
	_cleanup_free_ char *path = xasprintf(GOLDEN "/%s.json", want), *gpu = path_read(path, 1 << 16, NULL, &f->err);
	assert_non_null(gpu);
	_cleanup_free_ char *text = xasprintf(machine_text, ", \"gpu\": ", gpu);
	fix_machine(f, text);
}

static void look(struct fix *f)
{
	_cleanup_free_ char *root = path_join(f->dir, "root");
	char *argv[] = {(char *)"gpu", (char *)"--root", root, NULL};
	assert_works(cmd_gpu(&f->a, 3, argv, &f->err), f);
}

static json_t *read_json(struct fix *f, const char *path)
{
	_cleanup_free_ char *full = path_join(f->dir, path);
	json_t *j = path_exists(full) ? json_read(full, 1 << 20, &f->err) : NULL;
	return j;
}

static void check_layout(struct fix *f, const char *name)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	_cleanup_free_ char *want = make_layout(f, name);
	want_machine(f, want);
	look(f);
	_cleanup_json_ json_t *cdi = read_json(f, "cdi/kiln-gpu.json");
	_cleanup_json_ json_t *found = read_json(f, "run/gpu.json");
	_cleanup_free_ char *cdi_text = cdi ? json_canonical(cdi) : xstrdup("none\n"),
			    *state_text = json_canonical(found), *env = fix_file(f, "run/gpu.env");
	if (cdi)
		cdi_rules(cdi);
	strbuf_addf(&b, "==== gpu show\n");
	gpu_show(found, &b);
	strbuf_addf(&b, "==== gpu.env\n%s==== gpu.json\n%s==== CDI\n%s", env, state_text, cdi_text);
	_cleanup_free_ char *path = xasprintf(GOLDEN "/%s.golden", name);
	if (getenv("KILN_UPDATE_GOLDEN"))
		assert_works(path_write(path, b.s, b.len, 0644, &f->err), f);
	_cleanup_free_ char *golden = path_read(path, 1 << 20, NULL, &f->err);
	if (!golden)
		fail_msg("%s", f->err.msg);
	assert_string_equal(b.s, golden);
}

static void layout(void **state)
{
	const char *name = *state;
	void *f = NULL;
	assert_int_equal(fix_setup(&f), 0);
	check_layout(f, name);
	fix_teardown(&f);
}

/* ---- what layouts do not show ---- */

static void no_gpu_wanted(void **state)
{
	struct fix *f = *state;
	_cleanup_free_ char *text = xasprintf(machine_text, "", "");
	char *argv[] = {(char *)"gpu", (char *)"show", NULL};
	fix_machine(f, text);
	put(f, "/x", "");
	look(f);
	assert_null(read_json(f, "run/gpu.json"));
	assert_int_equal(cmd_gpu(&f->a, 2, argv, &f->err), -1);
	assert_string_equal(f->err.msg, "the profile of this appliance says `gpu: none`");
	assert_string_equal(
		f->err.hint, "its image has no driver: build one whose profile says `gpu: amd`, `intel` or `nvidia`");
	_cleanup_json_ json_t *status = status_core(&f->a);
	assert_null(json_object_get(status, "gpu"));
}

static void wrong_machine_file(void **state)
{
	struct fix *f = *state;
	_cleanup_free_ char *text = xasprintf(machine_text,
		", \"gpu\": ", "{\"name\": \"x\", \"kind\": \"x.com/gpu\", \"vendor\": \"1\", \"find\": \"guess\"}");
	char *argv[] = {(char *)"gpu", (char *)"--root", f->dir, NULL}, *odd[] = {(char *)"gpu", (char *)"shwo", NULL};
	fix_machine(f, text);
	assert_fails(cmd_gpu(&f->a, 3, argv, &f->err), f, "gpu: find: \"guess\" is not known");
	assert_fails(cmd_gpu(&f->a, 2, odd, &f->err), f, "gpu [--json | show | --root DIR]: unknown option shwo");
}

/* A GPU that goes takes its specification with it; the status says so and stays as good as it was. */
static void gone_again(void **state)
{
	struct fix *f = *state;
	_cleanup_free_ char *want = make_layout(f, "nvidia-one"), *pci = path_join(f->dir, "root/sys");
	want_machine(f, want);
	look(f);
	_cleanup_json_ json_t *before = read_json(f, "cdi/kiln-gpu.json");
	assert_non_null(before);
	assert_works(path_remove(pci, &f->err), f);
	look(f);
	assert_null(read_json(f, "cdi/kiln-gpu.json"));
	_cleanup_json_ json_t *status = status_core(&f->a);
	const json_t *gpu = json_object_get(status, "gpu");
	assert_string_equal(json_string_value(json_object_get(gpu, "state")), "none");
	assert_int_equal(json_array_size(json_object_get(status, "problems")), 0);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	status_text(status, &text);
	assert_non_null(
		strstr(text.s, "gpu nvidia: none, all run on the CPU: this machine has no GPU for `gpu: nvidia` "
			       "(PCI vendor 10de)\n"
			       "  ollama: on the CPU\n"));
}

/* A modprobe that says this, and fails. */
static void put_modprobe(struct fix *f, const char *said)
{
	_cleanup_free_ char *bin = path_join(f->dir, "bin"), *file = path_join(bin, "modprobe"),
			    *text = xasprintf("#!/bin/sh\nprintf \"%s\" \"$1\" >&2\nexit 1\n", said);
	assert_works(path_mkdirs(bin, &f->err), f);
	assert_works(path_write(file, text, strlen(text), 0755, &f->err), f);
}

/* What the status says of the first GPU when the kernel did not take a module. */
static void check_unloaded(struct fix *f, const char *want_name, const char *said, const char *want)
{
	_cleanup_free_ char *root = path_join(f->dir, "root"), *bin = path_join(f->dir, "bin"),
			    *path = xasprintf("%s:%s", bin, getenv("PATH")), *old = xstrdup(getenv("PATH"));
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT, text = STRBUF_INIT;
	struct gpus g = {.root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC)};
	struct gpu_want w = {0};
	bool wanted;
	want_machine(f, want_name);
	put_modprobe(f, said);
	assert_works(gpu_want_read(f->a.m.root, &w, &wanted, &f->err), f);
	setenv("PATH", path, 1);
	gpu_load(&g, &w, &why);
	setenv("PATH", old, 1);
	g.unloaded = strbuf_cstr(&why);
	gpus_find(&g, &w);
	_cleanup_json_ json_t *state = gpu_state(&g, &w, NULL);
	_cleanup_free_ char *reason = xasprintf("the GPU at 0000:01:00.0 cannot be used: %s", want);
	assert_string_equal(json_text(state, "reason"), reason);
	assert_string_equal(json_text(json_array_get(json_object_get(state, "unusable"), 0), "why"), want);
	gpu_show(state, &text);
	assert_non_null(strstr(text.s, want));
	gpus_release(&g);
	arena_release(&w.arena);
}

/* A kernel that does not take a module says why, and so does the status; for a signature, what helps. */
static void says_why_no_module(void **state)
{
	struct fix *f = *state;
	const char *rejected = "modprobe: ERROR: could not insert '%s': Key was rejected by service\n",
		   *no_key = "modprobe: ERROR: could not insert '%s': Required key not available\n",
		   *locked = "modprobe: ERROR: could not insert '%s': Operation not permitted\n";
	put(f, "/sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
	put(f, "/sys/bus/pci/devices/0000:01:00.0/device", "0x2204\n");
	put(f, "/sys/bus/pci/devices/0000:01:00.0/class", "0x030000\n");
	/* Without a certificate there is none to enroll. */
	check_unloaded(
		f, "nvidia", rejected, "no driver took it: could not insert 'nvidia': Key was rejected by service");
	put(f, "/usr/lib/kiln/modules.der", "");
	check_unloaded(f, "nvidia", rejected,
		"no driver took it: could not insert 'nvidia': Key was rejected by service; "
		"enroll /usr/lib/kiln/modules.der in the firmware's db");
	check_unloaded(f, "nvidia", no_key,
		"no driver took it: could not insert 'nvidia': Required key not available; "
		"enroll /usr/lib/kiln/modules.der in the firmware's db");
	check_unloaded(f, "nvidia", locked,
		"no driver took it: could not insert 'nvidia': Operation not permitted; "
		"enroll /usr/lib/kiln/modules.der in the firmware's db");
	check_unloaded(f, "nvidia", "one\nmodprobe: ERROR: could not insert '%s': No such device\n",
		"no driver took it: could not insert 'nvidia': No such device");
	check_unloaded(f, "nvidia", "modprobe: FATAL: Module %s not found in directory /lib/modules/6\n",
		"no driver took it: Module nvidia not found in directory /lib/modules/6");
	check_unloaded(f, "nvidia", "", "no driver took it: modprobe failed with exit status 1");
}

/* A module beside the driver's own that is not there takes a device with it. */
static void says_why_no_device(void **state)
{
	struct fix *f = *state;
	_cleanup_free_ char *want = make_layout(f, "nvidia-no-uvm");
	check_unloaded(f, want, "modprobe: ERROR: could not insert '%s': Exec format error\n",
		"/dev/nvidia-uvm is not there: could not insert 'nvidia': Exec format error");
}

/* NVIDIA's driver makes no devices; those of a driver that was loaded before are replaced. */
static void makes_devices(void **state)
{
	struct fix *f = *state;
	struct stat st;
	if (geteuid() != 0)
		skip();
	_cleanup_free_ char *want = make_layout(f, "nvidia-mig"), *uvm = path_join(f->dir, "root/dev/nvidia-uvm"),
			    *cap = path_join(f->dir, "root/dev/nvidia-caps/nvidia-cap22"),
			    *gpu = path_join(f->dir, "root/dev/nvidia1"),
			    *plain = path_join(f->dir, "root/dev/nvidia0");
	want_machine(f, want);
	assert_int_equal(unlink(uvm) | unlink(cap) | unlink(gpu), 0);
	assert_int_equal(mknod(uvm, S_IFCHR | 0600, makedev(300, 0)), 0);
	look(f);
	assert_int_equal(stat(uvm, &st), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(511, 0) && (st.st_mode & 07777) == 0666);
	assert_int_equal(stat(cap, &st), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(236, 22));
	assert_int_equal(stat(gpu, &st), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(195, 1));
	assert_int_equal(stat(plain, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	_cleanup_json_ json_t *cdi = read_json(f, "cdi/kiln-gpu.json");
	assert_true(gpu_cdi_has(cdi, "1"));
}

/* Nothing outside the root is read, whatever its links say. */
static void stays_inside(void **state)
{
	struct fix *f = *state;
	_cleanup_free_ char *want = make_layout(f, "nvidia-none"), *secret = path_join(f->dir, "secret"),
			    *up = xasprintf("../../../../../../../../..%s", f->dir);
	_cleanup_free_ char *out = xasprintf("%s/secret", up);
	assert_works(path_write(secret, "0x10de\n", 7, 0644, &f->err), f);
	put_link(f, "/sys/bus/pci/devices/0000:09:00.0/vendor", out);
	put(f, "/sys/bus/pci/devices/0000:09:00.0/class", "0x030000\n");
	want_machine(f, want);
	look(f);
	_cleanup_json_ json_t *found = read_json(f, "run/gpu.json");
	assert_int_equal(json_array_size(json_object_get(found, "unusable")), 0);
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test_setup_teardown(no_gpu_wanted, fix_setup, fix_teardown),
		cmocka_unit_test_setup_teardown(wrong_machine_file, fix_setup, fix_teardown),
		cmocka_unit_test_setup_teardown(gone_again, fix_setup, fix_teardown),
		cmocka_unit_test_setup_teardown(says_why_no_module, fix_setup, fix_teardown),
		cmocka_unit_test_setup_teardown(says_why_no_device, fix_setup, fix_teardown),
		cmocka_unit_test_setup_teardown(makes_devices, fix_setup, fix_teardown),
		cmocka_unit_test_setup_teardown(stays_inside, fix_setup, fix_teardown),
	};
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	DIR *d = opendir(GOLDEN);
	if (!d) {
		fprintf(stderr, "run from the repository's root: no " GOLDEN "\n");
		return 1;
	}
	for (const struct dirent *e; (e = readdir(d));)
		if (str_ends(e->d_name, ".layout"))
			strvec_take(&names, xstrndup(e->d_name, strlen(e->d_name) - strlen(".layout")));
	closedir(d);
	strvec_sort(&names);
	struct CMUnitTest *tests = xcalloc(names.n + ARRAY_SIZE(others), sizeof *tests);
	for (size_t i = 0; i < names.n; i++)
		tests[i] = (struct CMUnitTest){.name = names.v[i], .test_func = layout, .initial_state = names.v[i]};
	memcpy(tests + names.n, others, sizeof others);
	int r = _cmocka_run_group_tests("GPUs", tests, names.n + ARRAY_SIZE(others), NULL, NULL);
	free(tests);
	return r;
}
