/* Parts of an appliance that several kinds of steps are made of, hashed into their keys. */
#pragma once
#include "base/hash.h"
#include "plan/appliance.h"

/* Path, content, owner and mode of every file. */
int spec_hash_files(struct hash *h, const struct file_list *files, struct err *err);
void spec_hash_list(struct hash *h, const struct str_list *l);
