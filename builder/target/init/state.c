/* What the machine keeps: /var on the boot disk, the machine id in it, names for the boot disk's partitions, the clock.
 */
#include "init.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define VAR "var"
#define MIB (UINT64_C(1) << 20)
#define GROW_MIN (64 * MIB)			   /* less is not worth a repart */
#define REPART_DEFINITIONS "/usr/lib/repart.d"	   /* in the verified root */
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t) /* linux/fs/ext4/ext4.h */
#define LOG "/run/kiln"
#define MACHINE_ID_DIR "/var/lib/kiln"
#define MACHINE_ID MACHINE_ID_DIR "/machine-id"

/* Space after the last partition of the disk, less the backup table. */
static uint64_t free_at_end(const struct gpt *g)
{
	uint64_t last = 0, tail = 16384 / g->sector + 1;

	for (size_t i = 0; i < g->n; i++)
		if (g->v[i].end > last)
			last = g->v[i].end;
	return g->sectors > last + 1 + tail ? (g->sectors - last - 1 - tail) * g->sector : 0;
}

/* systemd-repart makes or grows partitions as the root's definitions say; it formats before it writes the table. */
static int repart(const struct boot *b)
{
	char device[96];
	const char *argv[] = {"/usr/bin/systemd-repart", "--dry-run=no", "--definitions=" REPART_DEFINITIONS,
		"--seed=random", "--tpm2-device=", "--no-pager", "--no-legend", "--pretty=no", device, NULL};

	snprintf(device, sizeof device, "/dev/%s", b->disk);
	bool tmp = mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, NULL) == 0;
	int status = run(argv, LOG "/repart.log");
	if (tmp)
		umount("/tmp");
	if (status != 0)
		complain_lines(LOG "/repart.log");
	return status;
}

struct ext4 {
	bool valid, errors;
	uint64_t bytes;
	uint32_t block;
};

static struct ext4 ext4_look(const char *device)
{
	uint8_t sb[1024];
	struct ext4 e = {0};
	int fd = open(device, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread(fd, sb, sizeof sb, 1024);

	if (fd >= 0)
		close(fd);
	if (n != sizeof sb || sb[0x38] != 0x53 || sb[0x39] != 0xef)
		return e;
	uint32_t low, high, incompat, shift;
	memcpy(&low, sb + 0x04, 4);
	memcpy(&high, sb + 0x150, 4);
	memcpy(&incompat, sb + 0x60, 4);
	memcpy(&shift, sb + 0x18, 4);
	if (shift > 6)
		return e;
	e.valid = true;
	e.errors = sb[0x3a] & 2;
	e.block = 1024U << shift;
	e.bytes = (low | (incompat & 0x80 ? (uint64_t)high << 32 : 0)) * e.block;
	return e;
}

/* Use all of a partition that has grown; the kernel does it on the mounted file system. */
static void grow_file_system(const struct part *p, const struct gpt *g, const struct ext4 *e)
{
	uint64_t bytes = (p->end - p->start + 1) * g->sector, blocks = bytes / e->block;

	if (bytes < e->bytes + MIB)
		return;
	int fd = open("/var", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, EXT4_IOC_RESIZE_FS, &blocks) != 0)
		complain("/var could not be grown to %llu MiB: %s", (unsigned long long)(bytes / MIB), strerror(errno));
	else
		say("/var grown from %llu to %llu MiB", (unsigned long long)(e->bytes / MIB),
			(unsigned long long)(bytes / MIB));
	if (fd >= 0)
		close(fd);
}

static void check_file_system(const char *device)
{
	const char *argv[] = {"/usr/sbin/e2fsck", "-p", device, NULL};
	int status = run(argv, LOG "/e2fsck.log");

	if (status != 0)
		complain_lines(LOG "/e2fsck.log");
	if (status > 2)
		complain("e2fsck of %s ended with status %d", device, status);
}

static void mount_var(const struct boot *b, const struct part *p)
{
	char device[96];

	disk_device(b, p, device, sizeof device);
	wait_path(device, 5);
	struct ext4 e = ext4_look(device);
	if (!e.valid || e.errors)
		check_file_system(device);
	if (mount(device, "/var", "ext4", MS_NODEV | MS_NOSUID, NULL) != 0) {
		check_file_system(device);
		if (mount(device, "/var", "ext4", MS_NODEV | MS_NOSUID, NULL) != 0)
			stop("/var: %s cannot be mounted: %s; its file system needs repair", device, strerror(errno));
	}
	if (e.valid)
		grow_file_system(p, &b->gpt, &e);
}

void state_var(struct boot *b)
{
	const struct part *p = gpt_by_label(&b->gpt, VAR);
	uint64_t space = free_at_end(&b->gpt);
	bool first = !p;

	if (first || space >= GROW_MIN) {
		say("%s /var on /dev/%s", first ? "making" : "growing", b->disk);
		int status = repart(b);
		disk_read(b->disk, &b->gpt);
		p = gpt_by_label(&b->gpt, VAR);
		if (!p)
			stop("/var cannot be made on /dev/%s: %llu MiB are free after the system's partitions "
			     "(systemd-repart ended with status %d)",
				b->disk, (unsigned long long)(space / MIB), status);
		if (status != 0)
			complain("/var was not grown: systemd-repart ended with status %d", status);
	}
	mount_var(b, p);
}

/* A random UUID (RFC 9562, version 4), as systemd wants it in machine-id. */
static void random_id(char text[34])
{
	uint8_t u[16];

	if (getrandom(u, sizeof u, 0) != sizeof u)
		stop("the kernel gives no random numbers: %s", strerror(errno));
	u[6] = (uint8_t)((u[6] & 0x0f) | 0x40);
	u[8] = (uint8_t)((u[8] & 0x3f) | 0x80);
	for (int i = 0; i < 16; i++)
		snprintf(text + (size_t)2 * (size_t)i, 3, "%02x", u[i]);
	memcpy(text + 32, "\n", 2);
}

static bool id_is_good(const char *path)
{
	uint8_t raw[16];
	char *text = slurp(path, NULL);
	bool good = false;

	if (text) {
		text[strcspn(text, "\n")] = '\0';
		good = unhex(text, raw, sizeof raw);
	}
	free(text);
	return good;
}

/* Whole or not at all, and on the disk before anything uses it. */
static int store_id(const char *text)
{
	const char *tmp = MACHINE_ID ".new";

	mkdir("/var/lib", 0755);
	mkdir(MACHINE_ID_DIR, 0700);
	unlink(tmp);
	int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, 33);
	int r = n == 33 && fsync(fd) == 0 ? 0 : -1;
	close(fd);
	if (r == 0)
		r = rename(tmp, MACHINE_ID);
	int dir = open(MACHINE_ID_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0) {
		fsync(dir);
		close(dir);
	}
	return r;
}

void state_machine_id(void)
{
	const char *from = MACHINE_ID;
	char id[34];

	if (!id_is_good(from)) {
		random_id(id);
		if (store_id(id) != 0) {
			complain("the machine id cannot be kept: %s; this start uses a passing one", strerror(errno));
			from = "/run/machine-id";
			(void)put(from, id);
		}
	}
	if (mount(from, "/etc/machine-id", NULL, MS_BIND, NULL) != 0 ||
		mount(NULL, "/etc/machine-id", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) != 0)
		complain("/etc/machine-id: %s", strerror(errno));
}

/* Units use /dev/disk/boot/LABEL: a second disk with the same labels can never be taken for the boot disk. */
void state_names(const struct boot *b)
{
	char path[128], rule[400];

	snprintf(path, sizeof path, "/sys/class/block/%s/dev", b->disk);
	char *number = slurp(path, NULL);
	if (!number)
		return;
	number[strcspn(number, "\n")] = '\0';
	mkdir("/run/udev", 0755);
	mkdir("/run/udev/rules.d", 0755);
	snprintf(rule, sizeof rule,
		"SUBSYSTEM==\"block\", ENV{ID_PART_ENTRY_DISK}==\"%s\", ENV{ID_PART_ENTRY_NAME}==\"?*\", "
		"SYMLINK+=\"disk/boot/$env{ID_PART_ENTRY_NAME}\"\n",
		number);
	if (put("/run/udev/rules.d/61-kiln-boot.rules", rule) != 0)
		complain("udev rule for the boot disk: %s", strerror(errno));
	free(number);
}

void state_clock(const char *cmdline)
{
	char text[24];
	struct timespec now;

	if (!argument(cmdline, "kiln.epoch", text, sizeof text))
		return;
	long long epoch = strtoll(text, NULL, 10);
	if (clock_gettime(CLOCK_REALTIME, &now) != 0 || now.tv_sec >= epoch)
		return;
	struct timespec then = {.tv_sec = (time_t)epoch};
	if (clock_settime(CLOCK_REALTIME, &then) == 0)
		say("the clock was before this image was made; it starts at %lld", epoch);
}
