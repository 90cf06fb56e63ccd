/* dm-verity by ioctl: the superblock that veritysetup wrote, and the device-mapper calls of
 * include/uapi/linux/dm-ioctl.h. */
#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <unistd.h>

#define BLOCK 4096

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

const char *verity_parse(const uint8_t sb[512], uint64_t size, struct verity *ret)
{
	unsigned salt = sb[80] | (unsigned)sb[81] << 8;

	if (memcmp(sb, "verity\0\0", 8) != 0)
		return "no verity superblock";
	/* The superblock is not signed: nothing weaker than what kiln writes is accepted. */
	if (le32(sb + 8) != 1 || le32(sb + 12) != 1)
		return "unknown verity version";
	if (memcmp(sb + 32, "sha256", 7) != 0)
		return "verity hash is not sha256";
	if (le32(sb + 64) != BLOCK || le32(sb + 68) != BLOCK)
		return "verity block size is not 4096";
	if (salt > 256)
		return "verity salt is too long";
	ret->blocks = le32(sb + 72) | (uint64_t)le32(sb + 76) << 32;
	if (ret->blocks == 0 || ret->blocks > size / BLOCK)
		return "verity data is larger than its partition";
	memcpy(ret->salt, "-", 2);
	for (unsigned i = 0; i < salt; i++)
		snprintf(ret->salt + (size_t)2 * i, 3, "%02x", sb[88 + i]);
	return NULL;
}

int verity_table(const struct verity *v, const char *data, const char *hash, const char *root_hash, bool restart,
	char *ret, size_t size)
{
	int n = snprintf(ret, size, "1 %s %s %d %d %llu 1 sha256 %s %s%s", data, hash, BLOCK, BLOCK,
		(unsigned long long)v->blocks, root_hash, v->salt, restart ? " 1 restart_on_corruption" : "");

	return n < 0 || (size_t)n >= size ? -1 : n;
}

union request {
	struct dm_ioctl head;
	char bytes[4096];
};

static void prepare(union request *r, const char *name, uint32_t flags)
{
	memset(r, 0, sizeof *r);
	r->head.version[0] = DM_VERSION_MAJOR;
	r->head.data_size = sizeof *r;
	r->head.data_start = sizeof r->head;
	r->head.flags = flags;
	snprintf(r->head.name, sizeof r->head.name, "%s", name);
}

static int control(void)
{
	wait_path("/dev/mapper/control", 3);
	return open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
}

static const char *create(int dm, const char *name, unsigned *ret_minor)
{
	union request r;

	prepare(&r, name, DM_READONLY_FLAG);
	snprintf(r.head.uuid, sizeof r.head.uuid, "CRYPT-VERITY-%s", name);
	if (ioctl(dm, DM_DEV_CREATE, &r) != 0)
		return "device-mapper: create failed";
	*ret_minor = minor((dev_t)r.head.dev);
	return NULL;
}

/* A first table, or another in place of the one in use. */
static const char *load(int dm, const char *name, const struct verity *v, const char *table)
{
	union request r;

	prepare(&r, name, DM_READONLY_FLAG);
	r.head.target_count = 1;
	struct dm_target_spec *target = (struct dm_target_spec *)(r.bytes + sizeof r.head);
	size_t len = strlen(table) + 1, room = sizeof r - sizeof r.head - sizeof *target;
	if (len + 8 > room)
		return "device-mapper: table too long";
	target->length = v->blocks * (BLOCK / 512);
	memcpy(target->target_type, "verity", 7);
	memcpy(target + 1, table, len);
	target->next = (uint32_t)(sizeof *target + ((len + 7) & ~(size_t)7));
	if (ioctl(dm, DM_TABLE_LOAD, &r) != 0)
		return "device-mapper: the kernel refused the verity table";

	prepare(&r, name, 0);
	if (ioctl(dm, DM_DEV_SUSPEND, &r) != 0) /* without the suspend flag: resume, with the new table */
		return "device-mapper: resume failed";
	return NULL;
}

/* The superblock of `hash`, checked against the size of `data`. */
static const char *read_superblock(const char *data, const char *hash, struct verity *ret)
{
	uint8_t sb[512];

	int fd = open(data, O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	if (fd >= 0)
		close(fd);
	if (end < 0)
		return "its partition cannot be opened";
	fd = open(hash, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread(fd, sb, sizeof sb, 0);
	if (fd >= 0)
		close(fd);
	return n == sizeof sb ? verity_parse(sb, (uint64_t)end, ret) : "its hash partition cannot be read";
}

const char *verity_open(
	const char *name, const char *data, const char *hash, const char *root_hash, char *ret, size_t size)
{
	struct verity v;
	char table[1200];
	unsigned number = 0;
	const char *wrong = read_superblock(data, hash, &v);

	if (wrong)
		return wrong;
	if (verity_table(&v, data, hash, root_hash, false, table, sizeof table) < 0)
		return "verity table too long";
	int dm = control();
	if (dm < 0)
		return "no device-mapper in this kernel";
	wrong = create(dm, name, &number);
	wrong = wrong ? wrong : load(dm, name, &v, table);
	close(dm);
	if (wrong)
		return wrong;
	snprintf(ret, size, "/dev/dm-%u", number);
	return wait_path(ret, 3) ? NULL : "device-mapper: its device does not appear";
}

const char *verity_restart(const char *name, const char *data, const char *hash, const char *root_hash)
{
	struct verity v;
	char table[1200];
	const char *wrong = read_superblock(data, hash, &v);
	int dm = control();

	if (!wrong && verity_table(&v, data, hash, root_hash, true, table, sizeof table) < 0)
		wrong = "verity table too long";
	if (!wrong)
		wrong = dm < 0 ? "no device-mapper in this kernel" : load(dm, name, &v, table);
	if (dm >= 0)
		close(dm);
	return wrong;
}

bool verity_corrupted(const char *name)
{
	union request r;
	int dm = control();

	if (dm < 0)
		return false;
	prepare(&r, name, 0);
	bool bad = ioctl(dm, DM_TABLE_STATUS, &r) == 0 && r.head.target_count == 1 &&
		   r.bytes[r.head.data_start + sizeof(struct dm_target_spec)] == 'C';
	close(dm);
	return bad;
}
