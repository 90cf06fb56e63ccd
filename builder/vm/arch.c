#include "vm/arch.h"
#include "base/mem.h"
#include "base/path.h"
#include <string.h>

static const struct vm_arch archs[] = {
	{"amd64", "qemu-system-x86_64", "q35", "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd",
		"qemu-system-x86 ovmf"},
	{"arm64", "qemu-system-aarch64", "virt", "/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd",
		"qemu-system-arm qemu-efi-aarch64"},
};

const struct vm_arch *vm_arch_find(const char *name, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++) {
		if (strcmp(archs[i].name, name) != 0)
			continue;
		if (path_exists(archs[i].code) && path_exists(archs[i].vars))
			return &archs[i];
		err_set(err, ERR_TOOL, "no UEFI firmware for %s on this host: %s is missing", name, archs[i].code);
		err_hint(err, "apt-get install %s", archs[i].packages);
		return NULL;
	}
	err_set(err, ERR_TOOL, "no virtual machine is known for architecture %s", name);
	return NULL;
}
