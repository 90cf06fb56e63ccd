#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

char *slurp(const char *path, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t cap = 4096, n = 0;
	char *buf = fd < 0 ? NULL : malloc(cap + 1);

	while (buf) {
		ssize_t r = read(fd, buf + n, cap - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0) {
			free(buf);
			buf = NULL;
		}
		if (r <= 0)
			break;
		n += (size_t)r;
		if (n == cap) {
			char *more = realloc(buf, 2 * cap + 1);
			if (!more) {
				free(buf);
				buf = NULL;
				break;
			}
			buf = more;
			cap *= 2;
		}
	}
	if (fd >= 0)
		close(fd);
	if (!buf)
		return NULL;
	buf[n] = '\0';
	if (ret_len)
		*ret_len = n;
	return buf;
}

int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	size_t len = strlen(text);

	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, len);
	int saved = n < 0 ? errno : ENOSPC;
	close(fd);
	if (n == (ssize_t)len)
		return 0;
	errno = saved;
	return -1;
}

bool argument(const char *cmdline, const char *key, char *ret, size_t size)
{
	size_t keylen = strlen(key);
	bool found = false;

	for (const char *w = cmdline; *w;) {
		size_t n = strcspn(w, " \t\n");
		if (n > keylen && w[keylen] == '=' && strncmp(w, key, keylen) == 0) {
			size_t len = n - keylen - 1;
			found = len < size;
			if (found) {
				memcpy(ret, w + keylen + 1, len);
				ret[len] = '\0';
			}
		}
		w += n;
		w += strspn(w, " \t\n");
	}
	return found;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool unhex(const char *text, uint8_t *ret, size_t bytes)
{
	if (strlen(text) != 2 * bytes)
		return false;
	for (size_t i = 0; i < bytes; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void complain_lines(const char *path)
{
	char *text = slurp(path, NULL), *save;

	for (char *l = text ? strtok_r(text, "\n", &save) : NULL; l; l = strtok_r(NULL, "\n", &save))
		complain("  %s", l);
	free(text);
}

bool wait_path(const char *path, double limit)
{
	for (double end = seconds() + limit; access(path, F_OK) != 0; usleep(2000))
		if (seconds() > end)
			return false;
	return true;
}

int run(const char *const *argv, const char *log)
{
	static const char *const env[] = {"PATH=/usr/sbin:/usr/bin", "LC_ALL=C.UTF-8", "SYSTEMD_COLORS=0", NULL};
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
		dup2(null, 0);
		dup2(out, 1);
		dup2(out, 2);
		execve(argv[0], (char *const *)argv, (char *const *)env);
		_exit(127);
	}
	if (pid < 0)
		return 127;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
