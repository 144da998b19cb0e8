/*
 * Globs over relative paths: * and ? (not over '/'), [a-z] [!a-z] [[:alpha:]], {a,b} nested,
 * \ before a special character, and a whole part ** for any number of folders. What is not
 * closed stands for itself. Characters are UTF-8; a malformed byte is a character of its own.
 *
 * Matching takes time proportional to pattern times text at worst: the pattern is a small
 * automaton whose states are all followed at once. Threads: a compiled glob is read-only.
 */
#ifndef BACKEND_AGENT_GLOB_H
#define BACKEND_AGENT_GLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GLOB_PATTERN_MAX 1024 /* bytes */

#define GLOB_ICASE 1u     /* ASCII letters of either case */
#define GLOB_NO_BRACES 2u /* { and } stand for themselves, as in .gitignore */

struct glob_step;

struct glob {
    struct glob_step *steps; /* NULL: one of the simple shapes */
    unsigned count, flags;
    uint8_t shape; /* which simple one */
    char *text;    /* of the simple one */
    size_t len;
    bool path; /* has a '/': for paths, not for names */
};

/* "./" and "/" in front are dropped (they still make it one for paths). False when the pattern is
 * longer than GLOB_PATTERN_MAX or without memory; then *g is empty. */
bool glob_compile(struct glob *g, const char *pattern, size_t len, unsigned flags);
void glob_done(struct glob *g);

bool glob_match(const struct glob *g, const char *text, size_t len);

/* Against the path when the pattern has a '/', else against its last part, at `name`. */
bool glob_match_path(const struct glob *g, const char *path, size_t len, size_t name);

/* It has something to expand. */
bool glob_is_pattern(const char *pattern);

#endif
