/* The boot disk: the one whose partitions carry the halves of both root hashes as their UUIDs. */
#include "init.h"
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SEARCH_SECONDS 30
#define LOADER_DISK_SECONDS 3 /* how long a disk without the boot loader's ESP waits for one with it */
#define TRIES 3		      /* as the builder names its UKIs: NAME+3.efi */

/* Root partition types by architecture (UAPI.2, discoverable partitions). */
static const uint8_t root_types[][16] = {
	{0x4f, 0x68, 0xbc, 0xe3, 0xe8, 0xcd, 0x4d, 0xb1, 0x96, 0xe7, 0xfb, 0xca, 0xf9, 0x84, 0xb7, 0x09}, /* x86-64 */
	{0xb9, 0x21, 0xb0, 0x45, 0x1d, 0xf0, 0x41, 0xc3, 0xaf, 0x44, 0x4c, 0x6f, 0x28, 0x0d, 0x3f, 0xae}, /* arm64 */
};

enum found { FOUND_NOTHING, FOUND_ROOT, FOUND_STORE, FOUND_BOTH };

int disk_read(const char *disk, struct gpt *ret)
{
	char path[96];
	int sector = 512;
	uint64_t size = 0;

	snprintf(path, sizeof path, "/dev/%s", disk);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int r = -1;
	if (ioctl(fd, BLKSSZGET, &sector) == 0 && ioctl(fd, BLKGETSIZE64, &size) == 0)
		r = gpt_read(fd, (unsigned)sector, size, ret);
	close(fd);
	return r;
}

static void device_path(const char *disk, unsigned number, char *ret, size_t size)
{
	size_t n = strlen(disk);

	snprintf(ret, size, "/dev/%s%s%u", disk, n && isdigit((unsigned char)disk[n - 1]) ? "p" : "", number);
}

void disk_device(const struct boot *b, const struct part *p, char *ret, size_t size)
{
	device_path(b->disk, p->number, ret, size);
}

static bool has_pair(const char *disk, const struct gpt *g, const uint8_t hash[HASH_BYTES])
{
	const struct part *data = gpt_by_uuid(g, hash), *tree = gpt_by_uuid(g, hash + 16);
	char path[96];

	if (!data || !tree)
		return false;
	device_path(disk, data->number, path, sizeof path);
	if (access(path, F_OK) != 0)
		return false; /* the kernel has not got that far */
	device_path(disk, tree->number, path, sizeof path);
	return access(path, F_OK) == 0;
}

/* Two root partitions that hold something: ours and another. systemd-sysupdate labels free ones "_empty". */
static bool has_other_slot(const struct gpt *g)
{
	size_t filled = 0;

	for (size_t i = 0; i < g->n; i++)
		for (size_t t = 0; t < sizeof root_types / sizeof root_types[0]; t++)
			filled += memcmp(g->v[i].type, root_types[t], 16) == 0 && strcmp(g->v[i].label, "_empty") != 0;
	return filled > 1;
}

/* "AAAAAAAA-BBBB-..." of LoaderDevicePartUUID to bytes; false when the machine was not started by the boot loader. */
static bool loader_esp(uint8_t ret[16])
{
	char text[64], hex[33];
	size_t n = 0;

	loader_variable("LoaderDevicePartUUID", text, sizeof text);
	for (const char *s = text; *s; s++)
		if (*s != '-' && n < 32)
			hex[n++] = (char)tolower((unsigned char)*s);
	hex[n] = '\0';
	return unhex(hex, ret, 16);
}

struct search {
	const uint8_t *esp; /* the boot loader's partition, or NULL */
	enum found best;
	char disk[64], second[64]; /* with both pairs; a second one with equal claim */
	bool by_loader;
	struct gpt gpt;
};

static void look_at(struct search *s, struct boot *b, const char *disk)
{
	struct gpt g;

	if (disk_read(disk, &g) != 0)
		return;
	bool by_loader = s->esp && gpt_by_uuid(&g, s->esp);
	if (by_loader)
		b->another = has_other_slot(&g);
	bool root = has_pair(disk, &g, b->root), store = has_pair(disk, &g, b->store);
	enum found found = root && store ? FOUND_BOTH : root ? FOUND_ROOT : store ? FOUND_STORE : FOUND_NOTHING;
	if (found > s->best)
		s->best = found;
	if (found != FOUND_BOTH || (s->by_loader && !by_loader))
		return;
	if (s->disk[0] && s->by_loader == by_loader) {
		snprintf(s->second, sizeof s->second, "%.63s", disk);
		return;
	}
	snprintf(s->disk, sizeof s->disk, "%.63s", disk);
	s->second[0] = '\0';
	s->by_loader = by_loader;
	s->gpt = g;
}

static void look_everywhere(struct search *s, struct boot *b)
{
	static const char *const skip[] = {"loop", "ram", "dm-", "zram", "md", "nbd", "fd"};
	DIR *d = opendir("/sys/block");

	for (struct dirent *e; d && (e = readdir(d));) {
		bool disk = e->d_name[0] != '.' && strlen(e->d_name) < sizeof s->disk;
		for (size_t i = 0; i < sizeof skip / sizeof skip[0]; i++)
			disk = disk && strncmp(e->d_name, skip[i], strlen(skip[i])) != 0;
		if (disk)
			look_at(s, b, e->d_name);
	}
	if (d)
		closedir(d);
}

static void __attribute__((noreturn)) not_found(const struct boot *b, enum found best)
{
	if (best == FOUND_ROOT)
		give_up_slot(b->another, "store refused: no partitions with the UUIDs of kiln.store=%s", b->store_hash);
	if (best == FOUND_STORE)
		give_up_slot(b->another, "root refused: no partitions with the UUIDs of kiln.root=%s", b->root_hash);
	give_up_slot(b->another,
		"no disk with the partitions of this image (kiln.root=%s) after %d seconds: is its controller's module "
		"in "
		"the initrd (firmware sets of the profile)?",
		b->root_hash, SEARCH_SECONDS);
}

void disk_find(struct boot *b, struct modules *m)
{
	uint8_t esp[16];
	struct search s = {.esp = loader_esp(esp) ? esp : NULL};
	char count[200];
	double begin = seconds();
	useconds_t nap = 2000;

	loader_variable("LoaderBootCountPath", count, sizeof count);
	for (;;) {
		unsigned loaded = modules_coldplug(m);
		double now = seconds();
		s.best = FOUND_NOTHING;
		s.disk[0] = s.second[0] = '\0';
		s.by_loader = false;
		look_everywhere(&s, b);
		b->another = b->another && bootcount_helps(count, TRIES);
		if (s.disk[0] && (!s.esp || s.by_loader || now - begin > LOADER_DISK_SECONDS))
			break;
		if (now - begin > SEARCH_SECONDS)
			not_found(b, s.best);
		if (!loaded) {
			usleep(nap);
			nap = nap < 50000 ? nap * 2 : nap;
		}
	}
	if (s.second[0])
		stop("two disks hold this image, /dev/%s and /dev/%s: remove one of them", s.disk, s.second);
	memcpy(b->disk, s.disk, sizeof b->disk);
	b->gpt = s.gpt;
	b->another = has_other_slot(&b->gpt) && bootcount_helps(count, TRIES);
	b->found = seconds();
	if (b->gpt.from_backup)
		complain("the first partition table of /dev/%s is damaged; its backup is used", b->disk);
}
