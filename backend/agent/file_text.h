/*
 * Counting and cutting text: pure, bounded by what it is given.
 */
#ifndef BACKEND_AGENT_FILE_TEXT_H
#define BACKEND_AGENT_FILE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Newlines in it. */
uint64_t text_newlines(const char *text, size_t len);

/* Offset behind the n-th newline (n >= 1); len + 1 when there are fewer. */
size_t text_after(const char *text, size_t len, uint64_t n);

/* Offset behind the n-th newline from the end (n >= 1); SIZE_MAX when there are fewer, whose
 * number is then taken from *n. */
size_t text_after_back(const char *text, size_t len, uint64_t *n);

/* The largest length up to len that does not end within a UTF-8 character. */
size_t text_cut(const char *text, size_t len);

#endif
