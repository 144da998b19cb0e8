/*
 * What somebody meant by a script, judged by how it begins.
 */
#ifndef BACKEND_BROWSER_SCRIPT_TEXT_H
#define BACKEND_BROWSER_SCRIPT_TEXT_H

enum script_kind {
    SCRIPT_PLAIN,            /* x = () => 1 sets a function, and calls none */
    SCRIPT_ARROW,            /* "a =>", or in parentheses, which may be anything */
    SCRIPT_FUNCTION_KEYWORD, /* "function", "async": a statement unless it is in parentheses */
};

/* Comments in front are passed over. */
enum script_kind script_kind(const char *text);

#endif
