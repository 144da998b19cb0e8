/*
 * The automaton between glob_compile.c and glob.c.
 */
#ifndef BACKEND_AGENT_GLOB_STEP_H
#define BACKEND_AGENT_GLOB_STEP_H

#include "backend/agent/glob.h"

enum glob_op {
    STEP_CHAR,  /* this character */
    STEP_ANY,   /* one that is not '/' */
    STEP_ALL,   /* one */
    STEP_SET,   /* one that the class at pattern text a..b names, never '/' */
    STEP_SPLIT, /* go on at a and at b */
    STEP_JUMP,  /* go on at a */
    STEP_MATCH,
};

struct glob_step {
    uint8_t op;
    uint16_t a, b;
    uint32_t c;
};

/* A pattern byte makes at most 4 steps. */
#define GLOB_STEPS_MAX (GLOB_PATTERN_MAX * 4 + 1)

enum glob_shape { GLOB_STEPS, GLOB_EXACT, GLOB_SUFFIX, GLOB_PREFIX, GLOB_INNER };

/* Next character and its length; a malformed byte is 0x110000 + byte. */
uint32_t glob_char(const char *text, size_t len, size_t *size);

/* c is in the class body ("a-z", "!a", "[:digit:]"), as written between the brackets. */
bool glob_class(const char *body, size_t len, uint32_t c, bool icase);

/* Length of the class that starts behind a '[', up to its ']'; 0 when it is not closed. */
size_t glob_class_len(const char *text, size_t len);

/* Steps of the pattern into *steps (malloc'ed); their number, 0 without memory. */
unsigned glob_steps(const char *pattern, size_t len, unsigned flags, struct glob_step **steps);

#endif
