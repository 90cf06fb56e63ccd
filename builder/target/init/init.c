/* The way from the kernel to systemd. The order is the story; each step's failure has its message. */
#include "init.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_ROOT "/s"
#define STORE "/usr/lib/kiln/store" /* a directory of the root */
#define SYSTEMD "/usr/lib/systemd/systemd"

/* What /init itself needs, whatever the hardware; efivarfs tells about slots, loop is for systemd-repart. */
static const char *const own_modules[] = {"dm_verity", "squashfs", "ext4", "efivarfs", "loop"};

static void mount_kernel(const char *source, const char *where, const char *type, unsigned long flags, const char *data)
{
	mkdir(where, 0755);
	if (mount(source, where, type, flags, data) != 0 && errno != EBUSY)
		complain("mount %s: %s", where, strerror(errno));
}

static void begin(char *cmdline, size_t size)
{
	mount_kernel("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
	mount_kernel("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_kernel("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_kernel("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=20%");
	mkdir("/run/kiln", 0755);
	mkdir(NEW_ROOT, 0755);
	talk_open();
	char *text = slurp("/proc/cmdline", NULL);
	snprintf(cmdline, size, "%s", text ? text : "");
	free(text);
	state_clock(cmdline);
}

static void take_hashes(struct boot *b, const char *cmdline)
{
	if (!argument(cmdline, "kiln.root", b->root_hash, sizeof b->root_hash) ||
		!unhex(b->root_hash, b->root, sizeof b->root))
		stop("kiln.root= with the root's hash (64 hex digits) is missing on the kernel command line");
	if (!argument(cmdline, "kiln.store", b->store_hash, sizeof b->store_hash) ||
		!unhex(b->store_hash, b->store, sizeof b->store))
		stop("kiln.store= with the store's hash (64 hex digits) is missing on the kernel command line");
}

static void load_own(struct modules *m)
{
	char *dep = slurp("/m/dep", NULL), *alias = slurp("/m/alias", NULL);

	if (!dep || !alias)
		stop("the initrd has no module tables");
	modules_parse(m, dep, alias);
	modules_coldplug(m);
	for (size_t i = 0; i < sizeof own_modules / sizeof own_modules[0]; i++)
		modules_load(m, own_modules[i]);
	if (access("/sys/firmware/efi/efivars", F_OK) == 0)
		mount("efivarfs", "/sys/firmware/efi/efivars", "efivarfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
			NULL);
}

/* Read all of a verified device, so that damage anywhere is found now (kiln.check=full). */
static bool read_all(const char *device)
{
	static char buf[1 << 20];
	int fd = open(device, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	while (fd >= 0 && (n = read(fd, buf, sizeof buf)) > 0)
		;
	if (fd >= 0)
		close(fd);
	return n == 0;
}

/* One of the two verified file systems: device-mapper device kiln-WHAT, mounted at `where`. */
static void mount_verified(const struct boot *b, const char *what, const char *hex, const uint8_t hash[HASH_BYTES],
	const char *where, bool full)
{
	char data[96], tree[96], device[64], name[32];

	snprintf(name, sizeof name, "kiln-%s", what);
	disk_device(b, gpt_by_uuid(&b->gpt, hash), data, sizeof data);
	disk_device(b, gpt_by_uuid(&b->gpt, hash + 16), tree, sizeof tree);
	const char *wrong = verity_open(name, data, tree, hex, device, sizeof device);
	if (wrong)
		give_up_slot(b->another, "%s refused: %s (%s, %s)", what, wrong, data, tree);
	unsigned long flags = MS_RDONLY | (strcmp(what, "root") == 0 ? 0 : MS_NODEV | MS_NOSUID);
	int failed = mount(device, where, "squashfs", flags, NULL) == 0 ? 0 : errno;
	if (verity_corrupted(name) || failed == EIO || (full && !read_all(device)))
		give_up_slot(b->another, "%s refused: corrupted: %s does not match its root hash %s", what, data, hex);
	if (failed)
		give_up_slot(
			b->another, "%s refused: %s cannot be mounted at %s: %s", what, data, where, strerror(failed));
	if (b->another && (wrong = verity_restart(name, data, tree, hex)))
		complain("%s: %s", what, wrong);
}

/* Free the initramfs's memory; never crosses into another file system. */
static void remove_tree(int fd, dev_t dev)
{
	DIR *d = fdopendir(fd);

	for (struct dirent *e; d && (e = readdir(d));) {
		struct stat st;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
			fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_dev != dev)
			continue;
		if (!S_ISDIR(st.st_mode)) {
			unlinkat(dirfd(d), e->d_name, 0);
			continue;
		}
		int sub = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (sub >= 0)
			remove_tree(sub, dev);
		unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	}
	if (d)
		closedir(d);
}

static void switch_root(void)
{
	static const char *const moved[] = {"/dev", "/proc", "/sys", "/run"};
	struct stat st;

	for (size_t i = 0; i < sizeof moved / sizeof moved[0]; i++) {
		char to[32];
		snprintf(to, sizeof to, NEW_ROOT "%s", moved[i]);
		if (mount(moved[i], to, NULL, MS_MOVE, NULL) != 0)
			complain("move %s: %s", moved[i], strerror(errno));
	}
	int old = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (old >= 0 && fstat(old, &st) == 0)
		remove_tree(old, st.st_dev);
	if (chdir(NEW_ROOT) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
		stop("switch to the root: %s", strerror(errno));
}

/* For the report of `kiln test`: seconds since the kernel started. */
static void write_times(const struct boot *b, double start, double verified, unsigned modules)
{
	char text[300];

	snprintf(text, sizeof text,
		"{\"start\": %.3f, \"disk\": %.3f, \"verified\": %.3f, \"state\": %.3f, \"modules\": %u, "
		"\"device\": \"%s\", \"other_slot\": %s}\n",
		start, b->found, verified, seconds(), modules, b->disk, b->another ? "true" : "false");
	(void)put("/run/kiln/init.json", text);
}

int main(void)
{
	static struct boot b;
	static struct modules m;
	char cmdline[8192], check[8] = "";

	begin(cmdline, sizeof cmdline);
	double start = seconds();
	take_hashes(&b, cmdline);
	load_own(&m);
	disk_find(&b, &m);
	/* A panic may restart the machine only where that leads elsewhere. */
	(void)put("/proc/sys/kernel/panic", b.another ? "5\n" : "0\n");
	bool full = argument(cmdline, "kiln.check", check, sizeof check) && strcmp(check, "full") == 0;
	mount_verified(&b, "root", b.root_hash, b.root, NEW_ROOT, full);
	mount_verified(&b, "store", b.store_hash, b.store, NEW_ROOT STORE, full);
	double verified = seconds();
	switch_root();
	state_names(&b);
	state_var(&b);
	state_machine_id();
	write_times(&b, start, verified, m.loaded);
	say("root and store verified on /dev/%s after %.2f s; %u modules", b.disk, verified, m.loaded);

	const char *const argv[] = {SYSTEMD, NULL}, *const env[] = {
							    "PATH=/usr/sbin:/usr/bin", "HOME=/", "TERM=vt220", NULL};
	execve(argv[0], (char *const *)argv, (char *const *)env);
	give_up_slot(b.another, "root: " SYSTEMD " cannot be started: %s", strerror(errno));
}
