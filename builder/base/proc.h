/*
 * Child processes: argv arrays, never a shell string. The child gets a death signal, so that none outlives kiln,
 * /dev/null as standard input unless told otherwise, and no descriptors but those given.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include <stdbool.h>
#include <sys/types.h>

struct proc_opts {
	const char *cwd;
	const char *const *env;	    /* "NAME=value" list that replaces the environment; NULL keeps it */
	int in;			    /* descriptor for stdin; 0 means /dev/null */
	int out;		    /* descriptor for stdout; 0 means: collect for the error text */
	const int *keep;	    /* descriptors the child keeps, ended by -1, or NULL */
	struct strbuf *capture;	    /* when set, stdout goes here */
	struct strbuf *capture_err; /* when set, stderr goes here instead of the error text */
	bool merge;		    /* with capture: stderr goes there too */
	const char *log;	    /* file to which all output is appended, or NULL */
	int log_fd;		    /* the same as an open descriptor; 0: none */
	uint64_t timeout_ms;	    /* 0: none */
	bool (*stop)(void);	    /* asked five times a second while it runs: true ends it; NULL: never */
	int ok_status;		    /* besides 0 this exit status is a success as well; returned by proc_run */
};
/*
 * Run to the end. Returns the exit status (0 or opts->ok_status) or -1: not found, signal, other status, time-out.
 * The error names the program and carries its last 20 lines of output; kind ERR_TOOL.
 */
int proc_run(const char *const *argv, const struct proc_opts *opts, struct err *err);

/* A child that runs beside us (a pipe's far end, QEMU). */
struct proc {
	pid_t pid;
	char *name;
	int err_fd; /* collects stderr (a memfd), for the error text */
};
/* Start; stdin/stdout as in opts, stderr collected unless capture. */
int proc_start(struct proc *p, const char *const *argv, const struct proc_opts *opts, struct err *err);
int proc_wait(struct proc *p, struct err *err); /* 0 or -1 as proc_run; releases p */
void proc_kill(struct proc *p);			/* SIGKILL, reap, release; nothing when not running */

/*
 * Pipes whose end somebody waits for: held from before their descriptors are made until this process has closed its
 * copies of the far ends. A child that another thread forks in between, and that never execs, would hold those as long
 * as it lives. proc_run and proc_start do so themselves; a forked child begins with proc_fork_forget.
 */
void proc_fork_lock(void);
void proc_fork_unlock(void);
void proc_fork_forget(void);

/* In a forked child: close everything from 3 up but the kept ones (ended by -1). Async-signal-safe. */
void proc_close_others(const int *keep);

/* Full path of a program in PATH or /usr/sbin:/sbin, or NULL. The caller frees it. */
char *proc_which(const char *name);
