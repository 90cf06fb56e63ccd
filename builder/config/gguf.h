/*
 * The head of a GGUF file (version 2 and 3, little-endian; the specification is ggml's docs/gguf.md): what a model is,
 * as far as those who list models want to know. Its tensors are not read. Nothing in it is believed: lengths are
 * checked against the file, and no more than a bounded part of it is read.
 */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include <stdint.h>

struct gguf {
	const char *architecture; /* "llama", "gemma3"; letters, digits, "-", "_", "." */
	const char *quantisation; /* "F16", "Q4_K_M"; "unknown" where the file does not say, or says something new */
	uint64_t parameters;	  /* of all tensors */
	uint64_t size;		  /* of the file */
	/*
	 * Bytes that the keys and values of one token of context take in memory, in all layers, as numbers of 16 bits:
	 * what llama.cpp, and Ollama with it, has if not told otherwise. Where some layers look back less far it is
	 * more than they take. 0: the file does not say enough; at most INT64_MAX.
	 */
	uint64_t token;
};
/* Texts live in the arena. ERR_VERIFY, naming the file, for what is no such file. */
int gguf_read(const char *path, struct arena *arena, struct gguf *ret, struct err *err);
/* A number of parameters for people, as Ollama writes it: "8B", "268.10M". The caller frees it. */
char *gguf_count(uint64_t n) __attribute__((returns_nonnull));
