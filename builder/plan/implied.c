/* Parameters that an offer has without saying so. */
#include "plan/planner.h"

static const struct ynode no_user = {.kind = Y_SCALAR, .quoted = true, .text = "", .file = ""};
static const struct ynode an_hour = {.kind = Y_SCALAR, .quoted = true, .text = "1h", .file = ""};
static const struct typed_def container = {.name = "container", .type = "container"};
static const struct typed_def save = {
	.name = "save", .type = "list", .help = "the command that writes everything to its standard output"};
static const struct typed_def load = {
	.name = "load", .type = "list", .help = "the command that brings back what it reads on its standard input"};
static const struct typed_def user = {.name = "user", .type = "string", .preset = &no_user};
static const struct typed_def timeout = {.name = "timeout", .type = "duration", .preset = &an_hour};
const struct typed_def *const saves_params[] = {&container, &save, &load, &user, &timeout, NULL};
