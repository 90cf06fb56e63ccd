#include "target/agent/patience.h"
#include "target/agent/agent.h"
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

unsigned patience_share(const char *pressure)
{
	const char *some = strstr(pressure, "some avg10=");
	double waited = some ? strtod(some + strlen("some avg10="), NULL) : 0;

	if (waited <= 0)
		return 10;
	unsigned share = waited >= 90 ? 1 : 10 - (unsigned)(waited / 10);
	return share;
}

static const char *source = "/proc/pressure";

void patience_source(const char *dir)
{
	source = dir;
}

static unsigned share_of(const char *name)
{
	char text[256] = "";
	_cleanup_free_ char *path = xasprintf("%s/%s", source, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0; /* a kernel without the figures: all time counts */
	return patience_share(text);
}

static unsigned share_now(void)
{
	unsigned cpu = share_of("cpu"), io = share_of("io");

	return cpu < io ? cpu : io;
}

uint64_t patience_ms(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint64_t last, tenths;

	pthread_mutex_lock(&lock);
	uint64_t now = agent_ms();
	if (last && now > last)
		tenths += (now - last) * share_now();
	last = now;
	uint64_t counted = tenths / 10;
	pthread_mutex_unlock(&lock);
	return counted;
}

uint64_t patience_stretch(uint64_t ms)
{
	return ms * 10 / share_now();
}
