/* The packages of a set, as they lie in the cache of unpacked ones. Internal to builder/tree. */
#pragma once
#include "deb/control.h"
#include "tree/tree.h"

struct package {
	const struct tree_deb *deb;
	char *dir; /* CACHE/unpacked/SHA256 */
	struct control_file file;
	const struct control *control;
	const char *name, *version, *arch; /* of the control file */
	char *info; /* its name in dpkg's info/ and triggers/: NAME, or NAME:ARCH for "Multi-Arch: same" */
	bool essential;
	bool has_links; /* it brings a link in the root directory: merged /usr */
	bool has_preinst;
	bool by_dpkg;	    /* its preinst diverts files: dpkg itself must unpack it */
	bool visited;	    /* while ordering */
	struct strvec lost; /* paths of it that a package which replaces them took over */
};
struct package_list {
	VEC(struct package) pkgs; /* dependencies before dependents, the essential ones first */
};

int packages_load(struct package_list *l, const struct tree_job *job, struct err *err);
void packages_release(struct package_list *l);
/* Does field `name` of a relationship list ("a (>= 1) | b, c") mention package `what`? */
bool package_relates(const struct package *p, const char *field, const char *what);
