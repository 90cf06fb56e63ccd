/* A base tree and one over it with everything that a layer can say: for the tests of layers and of the store. */
#pragma once
#include "treefix.h"

static inline void awkward_base(void)
{
	fix_dir("base.upper", 0755, 0, 0);
	fix_file("base.lower/usr/bin/tool", "#!/bin/sh\n", 0755, 0, 0);
	fix_symlink("base.lower/bin", "usr/bin");
	fix_file("base.lower/etc/passwd", "root:x:0:0::/:/bin/sh\n", 0644, 0, 0);
	fix_file("base.lower/etc/shadow", "root:*:1:::::\n", 0640, 0, 42);
	fix_file("base.lower/etc/old", "old\n", 0644, 0, 0);
	fix_file("base.lower/etc/conf.d/a", "a\n", 0644, 0, 0);
	fix_file("base.lower/var/lib/gone/deep", "x\n", 0644, 0, 0);
	fix_dir("base.lower/tmp", 01777, 0, 0);
	fix_time("base.lower/usr/bin/tool", 1600000000);
}

static inline void awkward_top(void)
{
	static char zeros[70000];
	fix_whiteout("top.upper/etc/old");
	fix_whiteout("top.upper/etc/never");
	fix_whiteout("top.upper/var/lib/gone");
	fix_dir("top.upper/etc/conf.d", 0750, 7, 8);
	fix_opaque("top.upper/etc/conf.d");
	fix_file("top.upper/etc/conf.d/b", "b\n", 0600, 7, 8);
	fix_file("top.lower/usr/bin/caps", "c", 04755, 0, 0);
	fix_caps("top.lower/usr/bin/caps");
	fix_xattr("top.lower/usr/bin/caps", "user.note", "hello", 5);
	fix_link("top.lower/usr/bin/caps", "top.lower/usr/bin/same");
	fix_file("top.lower/srv/caf\xc3\xa9 \"q\"\\", "utf\n", 0644, 0, 0);
	fix_file("top.lower/srv/raw\xff\xfe", "raw\n", 0644, 0, 0);
	fix_long("top.lower/srv", 3, "deep\n");
	fix_symlink("top.lower/srv/dangling", "../../nope");
	fix_file("top.lower/srv/empty", "", 0644, 0, 0);
	fix_data("top.lower/srv/zeros", zeros, sizeof zeros, 0644, 65000, 65001);
	fix_time("top.lower/srv/zeros", 1500000000);
}
