/*
 * Two notations meet here. Runtime text (docs/formats.md) says `${KIND:...}` for what only the machine knows and `$${`
 * for a literal `${`. Unit files (systemd.syntax(7), systemd.exec(5)) expand `$` and `%` and split words with quotes.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include <stdbool.h>

/*
 * Append one word of a command line or word list of a quadlet, quoted where needed. Plain text.
 * Error (ERR_CONFIG) for what podman's generator cannot pass on: an empty word, a lone semicolon.
 */
int unit_word(struct strbuf *b, const char *word, struct err *err);
/*
 * The same for runtime text: `${address:X}` and `${fact:X}` become variables of /run/kiln/network.env, which systemd
 * puts in when it starts the command. Other references, and filters, are errors.
 */
int unit_rt_word(struct strbuf *b, const char *text, struct err *err);
/* Append a whole value of a quadlet that is not split into words. Error for control characters and line continuation.
 */
int unit_value(struct strbuf *b, const char *value, struct err *err);
/* Append text for people (Description=): only specifiers are doubled. The same errors. */
int unit_text(struct strbuf *b, const char *text, struct err *err);
/* The variable of network.env that holds a container's address: "KILN_IP_patroni_1". Appended. */
void unit_address(struct strbuf *b, const char *container);
/* That of gpu.env with podman's words for the container's GPUs: "KILN_GPU_ollama_1". Appended. */
void unit_gpus(struct strbuf *b, const char *container);
