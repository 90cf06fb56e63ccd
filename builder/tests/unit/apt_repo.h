/*
 * A small apt repository on disk, made by the test itself: .debs by dpkg-deb, the index by hand, signed with a
 * throw-away key.
 *
 *     struct repo r;
 *     repo_start(&r, dir);                                                    dir/keys, dir/site.gpg
 *     repo_deb(&r, "debian", "t", "app 1.0 amd64", "Depends: libapp\n");      into the index of suite t of the site
 * dir/debian repo_publish(&r, "debian", "t");                                        Packages, Release, InRelease
 *     repo_stop(&r);
 */
#pragma once
#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include <sys/stat.h>
#include <unistd.h>

struct repo_index {
	char *site, *suite;
	struct strbuf packages;
};
struct repo {
	char *dir, *home; /* home: gpg's */
	char *keyring;	  /* public key, binary */
	struct repo_index index[8];
	size_t n;
	const char *date, *valid_until; /* of Release; valid_until may be NULL */
	bool unsigned_only;
};

static void repo_must(const char *const *argv)
{
	struct err err = ERR_INIT;

	if (proc_run(argv, NULL, &err) < 0) {
		fprintf(stderr, "test: %s\n", err.msg);
		abort();
	}
}
#define REPO_RUN(...) repo_must((const char *const[]){__VA_ARGS__, NULL})

static void repo_write(const char *path, const char *data, size_t len)
{
	struct err err = ERR_INIT;
	_cleanup_free_ char *dir = path_dir(path);

	if (path_mkdirs(dir, &err) < 0 || path_write(path, data, len, 0644, &err) < 0) {
		fprintf(stderr, "test: %s\n", err.msg);
		abort();
	}
}

static void repo_start(struct repo *r, const char *dir)
{
	*r = (struct repo){
		.dir = xstrdup(dir),
		.home = xasprintf("%s/keys", dir),
		.keyring = xasprintf("%s/site.gpg", dir),
		.date = "Sat, 22 Nov 2025 10:00:00 UTC",
	};
	struct err err = ERR_INIT;
	path_mkdirs(r->home, &err);
	chmod(r->home, 0700);
	REPO_RUN("gpg", "--homedir", r->home, "--batch", "--quiet", "--passphrase", "", "--quick-generate-key",
		"kiln test <test@kiln.invalid>", "ed25519", "sign", "never");
	REPO_RUN("gpg", "--homedir", r->home, "--batch", "--quiet", "--output", r->keyring, "--export");
}

static void repo_stop(struct repo *r)
{
	REPO_RUN("gpgconf", "--homedir", r->home, "--kill", "all"); /* the agent that gpg started */
	for (size_t i = 0; i < r->n; i++) {
		free(r->index[i].site);
		free(r->index[i].suite);
		strbuf_release(&r->index[i].packages);
	}
	free(r->dir);
	free(r->home);
	free(r->keyring);
}

static struct repo_index *repo_index(struct repo *r, const char *site, const char *suite)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->index[i].site, site) == 0 && strcmp(r->index[i].suite, suite) == 0)
			return &r->index[i];
	r->index[r->n] = (struct repo_index){.site = xstrdup(site), .suite = xstrdup(suite)};
	return &r->index[r->n++];
}

/* `id` is "NAME VERSION ARCH"; `fields` are further control fields, each with its newline. */
static void repo_deb(struct repo *r, const char *site, const char *suite, const char *id, const char *fields)
{
	struct err err = ERR_INIT;
	_cleanup_strvec_ struct strvec w = STRVEC_INIT;
	str_split(&w, id, " ");
	const char *colon = strchr(w.v[1], ':'), *version = colon ? colon + 1 : w.v[1];
	_cleanup_free_ char *control = xasprintf("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: kiln test\n"
						 "Installed-Size: %zu\n%sDescription: for a test\n",
		w.v[0], w.v[1], w.v[2], strlen(fields), fields);
	_cleanup_free_ char *tree = xasprintf("%s/build/%s", r->dir, w.v[0]);
	_cleanup_free_ char *rel = xasprintf("pool/%s_%s_%s.deb", w.v[0], version, w.v[2]);
	_cleanup_free_ char *deb = xasprintf("%s/%s/%s", r->dir, site, rel);
	_cleanup_free_ char *file = xasprintf("%s/DEBIAN/control", tree);
	_cleanup_free_ char *doc = xasprintf("%s/usr/share/doc/%s", tree, w.v[0]);
	repo_write(file, control, strlen(control));
	repo_write(doc, version, strlen(version));
	_cleanup_free_ char *pool = path_dir(deb);
	path_mkdirs(pool, &err);
	REPO_RUN("dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", tree, deb);
	path_remove(tree, &err);
	char hex[HASH_HEX];
	struct stat st;
	if (hash_file(deb, hex, &err) < 0 || stat(deb, &st) < 0)
		abort();
	strbuf_addf(&repo_index(r, site, suite)->packages, "%sFilename: %s\nSize: %jd\nSHA256: %s\n\n", control, rel,
		(intmax_t)st.st_size, hex);
}

static void repo_publish(struct repo *r, const char *site, const char *suite)
{
	struct repo_index *x = repo_index(r, site, suite);
	_cleanup_free_ char *dists = xasprintf("%s/%s/dists/%s", r->dir, site, suite);
	_cleanup_free_ char *packages = xasprintf("%s/main/binary-amd64/Packages", dists);
	_cleanup_free_ char *release = path_join(dists, "Release"), *in = path_join(dists, "InRelease");
	char hex[HASH_HEX];
	repo_write(packages, strbuf_cstr(&x->packages), x->packages.len);
	hash_bytes(strbuf_cstr(&x->packages), x->packages.len, hex);
	_cleanup_free_ char *until = r->valid_until ? xasprintf("Valid-Until: %s\n", r->valid_until) : xstrdup("");
	_cleanup_free_ char *text = xasprintf("Origin: Debian\nLabel: Debian\nSuite: %s\nCodename: %s\nDate: %s\n%s"
					      "Architectures: amd64\nComponents: main\nSHA256:\n %s %zu "
					      "main/binary-amd64/Packages\n",
		suite, suite, r->date, until, hex, x->packages.len);
	repo_write(release, text, strlen(text));
	unlink(in);
	if (!r->unsigned_only)
		REPO_RUN("gpg", "--homedir", r->home, "--batch", "--quiet", "--digest-algo", "SHA256", "--clearsign",
			"--output", in, release);
}
