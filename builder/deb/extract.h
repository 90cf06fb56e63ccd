/* One member of a package's tar archives into a directory. Internal to builder/deb. */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"
#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>
#include <time.h>

struct extract {
	int dirfd;	       /* everything stays beneath it */
	struct strbuf *list;   /* the paths as dpkg lists them */
	uint64_t total, limit; /* bytes written, and the most that is believed */
	VEC(struct extract_dir {
		char *path;
		struct timespec mtime;
	})
	dirs;	      /* their times are set at the end: filling a directory changes it */
	char *parent; /* the directory of the member before, open as parent_fd */
	int parent_fd;
};
#define EXTRACT_INIT ((struct extract){.dirfd = -1, .parent_fd = -1})

/* A file, directory, link or hard link of data.tar. Errors begin with: member "NAME". */
int extract_data(struct extract *x, struct archive *a, struct archive_entry *e, struct err *err);
/* A member of control.tar: plain files with plain names. */
int extract_control(struct extract *x, struct archive *a, struct archive_entry *e, struct err *err);
/* Set the times of the directories. */
int extract_finish(struct extract *x, struct err *err);
void extract_release(struct extract *x);
