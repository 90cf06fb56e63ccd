/* Texts of `kiln --help` and `kiln COMMAND --help`, made from the sources of the man pages by builder/scripts/genhelp.
 */
#pragma once

struct help {
	const char *command; /* "kiln" for kiln itself */
	const char *text;    /* ends in a newline */
};
extern const struct help helps[]; /* ends with command NULL */
