/* Is a text TOML (toml.io, v1.0)? Its grammar only: that no key comes twice and that dates exist is left to its reader.
 */
#pragma once

/* 0, or -1 with the line (from 1) and what is wrong there (static). */
int toml_check(const char *text, unsigned *ret_line, const char **ret_problem);
